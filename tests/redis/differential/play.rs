//! A sequence of commands of two clients, played to both servers.
//!
//! One command at a time is on its way, so there is one right reply to each.
//! After every command it is seen what else became of it: a client that
//! listens to channels is asked for what was pushed to it, and one that waits
//! for a key for its reply, if it waits no longer. At the end the same keys
//! must be left, for as long. Whatever the comparison has to ask, a watcher
//! asks, who is not part of the game.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use super::agree::{How, agree, how, name};
use super::pair::{Args, Pair, args, shown};
use crate::oracle::{RealRedis, pause};

/// How many clients play.
pub const CLIENTS: usize = 2;

/// A client's command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub client: usize,
    pub args: Args,
}

/// What the servers did not agree on.
pub struct Disagreement {
    pub sequence: Vec<String>,
    real: String,
    simulated: String,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Disagreement {
            sequence,
            real,
            simulated,
        } = self;
        write!(
            f,
            "after {sequence:#?}\nreal:      {real:?}\nsimulated: {simulated:?}"
        )
    }
}

/// The replies, the real server's first, if they disagree.
pub type Compared = Result<(), [Vec<u8>; 2]>;

/// A client of both servers, and what it is up to.
struct Player {
    pair: Pair,
    database: usize,
    /// The commands since MULTI.
    queue: Option<Vec<Args>>,
    resp3: bool,
    listens: bool,
    waits: bool,
}

pub struct Game {
    players: Vec<Player>,
    watcher: Pair,
    /// Keyspace notifications are on.
    events: bool,
}

/// What a sequence may have set otherwise.
const DEFAULTS: &[&[u8]] = &[
    b"CONFIG",
    b"SET",
    b"notify-keyspace-events",
    b"",
    b"hash-max-listpack-entries",
    b"512",
    b"hash-max-listpack-value",
    b"64",
    b"zset-max-listpack-entries",
    b"128",
    b"zset-max-listpack-value",
    b"64",
    b"set-max-intset-entries",
    b"512",
    b"stream-node-max-entries",
    b"100",
    b"slowlog-log-slower-than",
    b"-1",
];

/// Ends what was pushed to a client.
const TOKEN: &[u8] = b"that-was-all";

impl Game {
    pub fn new(real: &RealRedis, simulated: &str) -> Game {
        let player = |_| Player {
            pair: Pair::open(real, simulated),
            database: 0,
            queue: None,
            resp3: false,
            listens: false,
            waits: false,
        };
        Game {
            players: (0..CLIENTS).map(player).collect(),
            watcher: Pair::open(real, simulated),
            events: false,
        }
    }

    /// Plays a sequence on empty databases, up to the first disagreement.
    pub fn play(mut self, sequence: &[Step]) -> Result<(), Disagreement> {
        let watcher = &mut self.watcher;
        watcher.call(&args(&[b"REPLICAOF", b"NO", b"ONE"]));
        watcher.call(&args(&[b"FLUSHALL"]));
        watcher.call(&args(&[b"SCRIPT", b"FLUSH"]));
        watcher.call(&args(DEFAULTS));
        // A busy machine may have been slow before.
        watcher.call(&args(&[b"SLOWLOG", b"RESET"]));
        let ends = sequence.len().saturating_sub(1);
        for (index, step) in sequence.iter().enumerate() {
            let last = index == ends;
            let compared = self.step(step).and_then(|()| match last {
                true => self.let_go().and_then(|()| self.left()),
                false => Ok(()),
            });
            compared.map_err(|[real, simulated]| Disagreement {
                sequence: sequence[..=index].iter().map(Step::to_string).collect(),
                real: String::from_utf8_lossy(&real).into_owned(),
                simulated: String::from_utf8_lossy(&simulated).into_owned(),
            })?;
        }
        Ok(())
    }

    fn step(&mut self, Step { client, args }: &Step) -> Compared {
        let name = name(args);
        if self.players[*client].waits || self.is_out_of_place(&self.players[*client], args) {
            return Ok(());
        }
        if name == "DBSIZE" {
            self.meet_every_key(*client);
        }
        if is_pubsub(&name) {
            self.players[*client].listens = true;
            self.players[*client].pair.ask(args);
        } else if how(args).is_plain() {
            self.plain(*client, args)?;
        } else {
            let player = &mut self.players[*client];
            self.watcher.select(player.database);
            player.pair.compare(args, &mut self.watcher)?;
        }
        for player in &mut self.players {
            player.heard()?;
        }
        self.answered()
    }

    /// What cannot be compared there is left out, by both.
    fn is_out_of_place(&self, player: &Player, args: &Args) -> bool {
        let name = name(args);
        let somebody_waits = self.players.iter().any(|player| player.waits);
        // Its reply would take more questions, or is not one reply.
        let in_transaction = player.queue.is_some();
        let takes_more = is_pubsub(&name)
            || !how(args).is_plain()
            || matches!(&*name, "DBSIZE" | "HELLO" | "OBJECT");
        in_transaction && takes_more
            || somebody_waits && may_wait(args)
            // The servers would pop with different commands.
            || self.events && how(args) == How::Pop
            // Pushes would come before replies.
            || player.resp3 && player.listens && !is_pubsub(&name) && name != "RESET"
    }

    /// The real server still counts what is past its deadline and was not met
    /// since.
    fn meet_every_key(&mut self, client: usize) {
        let all = super::words::KEYS.iter().map(|key| key.as_bytes());
        let exists: Vec<&[u8]> = [&b"EXISTS"[..]].into_iter().chain(all).collect();
        self.watcher.select(self.players[client].database);
        self.watcher.call(&args(&exists));
    }

    /// A command that has one right reply, at once or later.
    fn plain(&mut self, client: usize, args: &Args) -> Compared {
        let player = &mut self.players[client];
        player.pair.ask(args);
        let replies = if may_wait(args) {
            match replied(&mut player.pair, &mut self.watcher)? {
                Some(replies) => replies,
                None => {
                    player.waits = true;
                    return Ok(());
                }
            }
        } else {
            player.pair.replies()
        };
        let queued = player.queue.take();
        let [real, simulated] = &replies;
        let agree = agree(args, queued.as_deref().unwrap_or_default(), real, simulated);
        if !agree || real != simulated && self.has_order(client, args) {
            return Err(replies);
        }
        self.note(client, args, queued, &replies[0])
    }

    /// A small hash keeps its order; a set of integers is sorted.
    fn has_order(&mut self, client: usize, command: &Args) -> bool {
        const LISTING: [&str; 4] = ["HGETALL", "HKEYS", "HVALS", "SMEMBERS"];
        if !LISTING.contains(&name(command).as_str()) {
            return false;
        }
        self.watcher.select(self.players[client].database);
        let encoding = args(&[b"OBJECT", b"ENCODING", &command[1]]);
        self.watcher.real.call(&encoding) != b"$9\r\nhashtable\r\n"
    }

    /// Keeps track of a client whose command got that reply.
    fn note(
        &mut self,
        client: usize,
        command: &Args,
        queued: Option<Vec<Args>>,
        reply: &[u8],
    ) -> Compared {
        let failed = reply.starts_with(b"-");
        let ends = matches!(name(command).as_str(), "EXEC" | "DISCARD" | "RESET");
        let ends = ends && (!failed || reply.starts_with(b"-EXECABORT"));
        let ran = match queued {
            Some(mut queue) if !ends => {
                if reply == b"+QUEUED\r\n" {
                    queue.push(command.clone());
                }
                self.players[client].queue = Some(queue);
                return Ok(());
            }
            Some(queue) if reply.starts_with(b"*") && reply != b"*-1\r\n" => queue,
            _ if failed => return Ok(()),
            _ => vec![command.clone()],
        };
        ran.iter().try_for_each(|command| self.ran(client, command))
    }

    fn ran(&mut self, client: usize, command: &Args) -> Compared {
        let player = &mut self.players[client];
        match name(command).as_str() {
            "MULTI" => player.queue = Some(Vec::new()),
            "SELECT" => player.database = database(command).unwrap_or(player.database),
            "RESET" => (player.database, player.resp3, player.listens) = (0, false, false),
            "HELLO" => player.resp3 = command.get(1).is_some_and(|version| version == b"3"),
            "CONFIG" => {
                let parameter = command.get(2).map(Vec::as_slice);
                self.events |= parameter == Some(b"notify-keyspace-events");
            }
            _ => {
                self.watcher.select(player.database);
                return self.watcher.wait_for(command);
            }
        }
        Ok(())
    }

    /// The replies to those who waited, if they wait no longer.
    fn answered(&mut self) -> Compared {
        if !self.players.iter().any(|player| player.waits) {
            return Ok(());
        }
        let waiting = self.watcher.blocked();
        if waiting[0] != waiting[1] {
            return Err(waiting.map(|count| format!("{count} clients wait").into_bytes()));
        }
        if waiting[0] > 0 {
            return Ok(());
        }
        for player in self.players.iter_mut().filter(|player| player.waits) {
            player.waits = false;
            let replies = player.pair.replies();
            if replies[0] != replies[1] {
                return Err(replies);
            }
        }
        Ok(())
    }

    /// The same keys are left, with the same time to live.
    fn left(&mut self) -> Compared {
        let databases: BTreeSet<_> = self.players.iter().map(|player| player.database).collect();
        for database in databases {
            self.watcher.select(database);
            for key in super::words::KEYS {
                let left = args(&[b"PTTL", key.as_bytes()]);
                let replies = self.watcher.call(&left);
                if !agree(&left, &[], &replies[0], &replies[1]) {
                    return Err(replies
                        .map(|reply| [&shown(&left).into_bytes()[..], b" ", &reply].concat()));
                }
            }
        }
        Ok(())
    }

    /// Nobody waits when the next game begins.
    fn let_go(&mut self) -> Compared {
        for player in self.players.iter_mut().filter(|player| player.waits) {
            for (server, id) in self.watcher.servers().into_iter().zip(&player.pair.ids) {
                server.call(&args(&[b"CLIENT", b"UNBLOCK", id.as_bytes()]));
            }
        }
        self.answered()
    }
}

impl Player {
    /// Compares what was pushed to a client.
    fn heard(&mut self) -> Compared {
        if !self.listens || self.queue.is_some() || self.waits {
            return Ok(());
        }
        self.pair.ask(&args(&[b"PING", TOKEN]));
        let heard = self.pair.servers().map(|server| {
            let mut heard = Vec::new();
            loop {
                let reply = server.reply();
                if reply.windows(TOKEN.len()).any(|part| part == TOKEN) {
                    return heard;
                }
                heard.push(reply);
            }
        });
        // A message comes once for each pattern, in any order.
        let sorted = heard.clone().map(|mut heard| {
            heard.sort();
            heard
        });
        if sorted[0] == sorted[1] || same_farewell(&heard) {
            Ok(())
        } else {
            Err(heard.map(|heard| heard.concat()))
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client = [b'a', b'b'][self.client];
        write!(f, "{}: {}", char::from(client), shown(&self.args))
    }
}

fn is_pubsub(name: &str) -> bool {
    name.ends_with("SUBSCRIBE")
}

/// Whether both servers told of leaving the same channels: who leaves all of
/// them is told of each in any order, with how many are left.
fn same_farewell(heard: &[Vec<Vec<u8>>; 2]) -> bool {
    let lines = |heard: &Vec<Vec<u8>>| {
        let all = heard.concat();
        let mut lines: Vec<Vec<u8>> = all.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
        lines.sort();
        lines
    };
    let leaves = |message: &Vec<u8>| message.windows(11).any(|part| part == b"unsubscribe");
    heard[0].iter().all(leaves) && lines(&heard[0]) == lines(&heard[1])
}

/// The database that SELECT chose.
fn database(select: &Args) -> Option<usize> {
    let text = std::str::from_utf8(select.get(1)?).ok()?;
    (0..16).find(|number: &usize| number.to_string() == text)
}

/// Blocks for ever if there is nothing.
pub fn may_wait(args: &Args) -> bool {
    if matches!(name(args).as_str(), "XREAD" | "XREADGROUP") {
        let mut pairs = args.windows(2);
        return pairs.any(|pair| pair == [&b"BLOCK"[..], b"0"]);
    }
    const NAMES: [&str; 8] = [
        "BLPOP",
        "BRPOP",
        "BLMOVE",
        "BRPOPLPUSH",
        "BLMPOP",
        "BZPOPMIN",
        "BZPOPMAX",
        "BZMPOP",
    ];
    NAMES.contains(&name(args).as_str()) && args.iter().any(|arg| arg == b"0")
}

/// Both replies, or none if both wait.
fn replied(pair: &mut Pair, watcher: &mut Pair) -> Result<Option<[Vec<u8>; 2]>, [Vec<u8>; 2]> {
    let mut have = [None, None];
    for _ in 0..1_000 {
        let waits = watcher.blocked();
        for (have, server) in have.iter_mut().zip(pair.servers()) {
            *have = have.take().or_else(|| server.try_reply());
        }
        match (&have, waits) {
            ([None, None], waits) if !waits.contains(&0) => return Ok(None),
            ([Some(real), Some(simulated)], _) => {
                return Ok(Some([real.clone(), simulated.clone()]));
            }
            _ => pause(Duration::from_micros(200)),
        }
    }
    Err(have.map(|reply| reply.unwrap_or_else(|| b"waits".to_vec())))
}
