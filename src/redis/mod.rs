//! A simulated Redis 7.0, for real clients.
//!
//! It speaks RESP over [`rt`] sockets, so redis-rs, redis-cli and every other
//! client talk to it as to the real server, and it is checked against the
//! real one, command by command, reply by reply. What it keeps from a lock's
//! point of view: `SET NX PX`, deadlines to the millisecond on a wall clock
//! that may jump, scripts that run atomically with their expiry clock stopped,
//! and a restart that forgets everything.
//!
//! One lock guards the whole engine. A connection's task takes it for as many
//! requests as have arrived, and writes their replies once it is free again.
//!
//! An [`Observer`] is told what really happened to the keys.

mod acl;
mod beside;
mod blocked;
mod bug;
mod client;
mod clients;
mod commands;
mod config;
mod connection;
mod context;
mod dispatch;
mod engine;
mod events;
mod eviction;
mod expirer;
mod gate;
mod geo;
mod glob;
mod hyperloglog;
mod keyspace;
mod listpack;
mod long_double;
mod long_script;
mod memory;
mod number;
mod observer;
mod pause;
mod persistence;
mod propagation;
mod pubsub;
mod rdb;
mod redaction;
mod replication;
mod reply;
mod scripts;
pub mod sentinel;
mod session;
mod slow_log;
mod state;
mod tap;
mod tracking;
mod transaction;
mod unblock;
mod unfinished;
mod values;
mod watch;
mod wire;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use parking_lot::{Mutex, MutexGuard};

use crate::named::UnknownName;
use crate::rt;
use beside::Beside;
use engine::Engine;
use expirer::Expirer;

pub use bug::Bug;
pub use eviction::EvictionPolicy;
pub use observer::{Change, Held, Moment, Observer, Outcome, ScriptRun};
pub use persistence::{Disk, Persistence};
pub use session::LocalClient;

/// The version that is simulated.
pub const VERSION: &str = "7.0.15";

/// How a server starts.
#[derive(Debug, Clone)]
pub struct Options {
    /// A bug to plant.
    pub planted: Option<Bug>,
    /// After so many Lua instructions a script is taken to be endless and
    /// ends with an error.
    pub script_instructions_max: u64,
    /// What a Lua instruction takes in virtual time, as far as scripts of
    /// more than 100,000 are concerned; shorter ones take none.
    pub script_instruction_ns: u64,
    /// What a restart keeps.
    pub persistence: Persistence,
    /// The most memory that data may take, in bytes as `used_memory` counts
    /// them, with some 860 kB for the server itself; 0 is no limit.
    pub maxmemory: u64,
    /// Which keys go when it is reached.
    pub maxmemory_policy: EvictionPolicy,
    /// How long the disk takes to sync the append-only file in the
    /// background.
    pub fsync_time: Duration,
    /// How long a server that starts with data refuses commands with LOADING.
    pub load_time: Duration,
    /// Other parameters and their values, as CONFIG SET takes them. A server
    /// does not start with one that there is not.
    pub parameters: Vec<(&'static str, String)>,
    /// Whom to follow from the start: host and port.
    pub replica_of: Option<(String, u16)>,
    /// Be a sentinel, and nothing else.
    pub sentinel: Option<sentinel::Options>,
    /// What a turn for one client's requests takes in virtual time; nothing
    /// if zero. One turn at a time: Redis has one thread.
    pub turn_ns: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            planted: None,
            script_instructions_max: 50_000_000,
            script_instruction_ns: 10,
            persistence: Persistence::None,
            maxmemory: 0,
            maxmemory_policy: EvictionPolicy::default(),
            fsync_time: Duration::ZERO,
            load_time: Duration::ZERO,
            parameters: Vec::new(),
            replica_of: None,
            sentinel: None,
            turn_ns: 0,
        }
    }
}

impl Options {
    /// Sets an option by its name. An error says what is allowed.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "script_instructions_max" => {
                let most = value.parse().ok().filter(|most| *most >= 1);
                self.script_instructions_max = most.ok_or("write a number from 1 up")?;
            }
            "persistence" => {
                self.persistence = value
                    .parse()
                    .map_err(|error: UnknownName| error.to_string())?;
            }
            "maxmemory" => {
                let bytes = config::parse_memory(value);
                self.maxmemory = bytes.ok_or("write a number of bytes, such as 64mb")?;
            }
            "maxmemory_policy" => {
                self.maxmemory_policy = value
                    .parse()
                    .map_err(|error: UnknownName| error.to_string())?;
            }
            _ => {
                let why = "there is no such option; there are script_instructions_max, \
                           persistence, maxmemory, maxmemory_policy";
                return Err(why.to_owned());
            }
        }
        Ok(())
    }
}

/// A running server; clones are handles to the same one. Outside a simulation
/// it belongs on a runtime with one thread, as Redis has one: where scripts
/// are asked for on a second one, they answer an error.
#[derive(Clone)]
pub struct Server(Arc<Shared>);

struct Shared {
    engine: Mutex<Engine>,
    expirer: Expirer,
    syncer: Beside,
    long_script: Beside,
    replication_cron: Beside,
    sentinel_timer: Beside,
    /// Told when the server ends.
    ended: tokio::sync::Notify,
    /// Held for a turn that takes time.
    thread: tokio::sync::Mutex<()>,
    turn: Duration,
    /// How long a script runs before it is looked at.
    script_slice: Duration,
}

impl Shared {
    /// What a server does first: it notes where it listens, and follows whom
    /// it is to follow.
    fn begin(self: &Arc<Shared>, port: Option<u16>) {
        let mut engine = self.engine.lock();
        if let Some(port) = port {
            engine.server.config.set_port(port);
        }
        if let Some(sentinel) = &mut engine.server.sentinel {
            sentinel.own.port = port.unwrap_or_default();
            self.sentinel_timer.wake(self, sentinel::tend);
        }
        self.settle(engine);
    }

    /// Waits for a turn, and for what it takes.
    async fn turn(&self) {
        if !self.turn.is_zero() {
            let _alone = self.thread.lock().await;
            rt::work(self.turn).await;
        }
    }

    /// What a server does last.
    fn end(&self, mut engine: MutexGuard<'_, Engine>) {
        if let Some(aof) = &mut engine.keyspace.propagation.aof {
            aof.write();
        }
        // First of all, nobody new is let in.
        self.ended.notify_one();
        for client in engine.server.clients.iter_mut() {
            client.kill();
        }
    }

    /// What a server does between a batch of commands and their replies: the
    /// file is written, and tasks are woken for what is to be done later.
    fn settle(self: &Arc<Shared>, mut engine: MutexGuard<'_, Engine>) {
        if engine.server.ends {
            self.end(engine);
            return;
        }
        engine.keep_new_limit();
        engine.tell_trackers();
        replication::advance(self, &mut engine);
        replication::follow(self, &mut engine);
        engine.feed_replicas();
        let has_stream = engine.keyspace.propagation.replication.stream.is_kept();
        let next_expiry = engine.keyspace.next_expiry();
        let in_script = engine.is_in_script();
        let aof = engine.keyspace.propagation.aof.as_mut();
        let to_sync = aof.is_some_and(|aof| {
            aof.write();
            aof.needs_sync()
        });
        drop(engine);
        if in_script {
            self.long_script.wake(self, long_script::run);
        } else {
            self.expirer.watch(self, next_expiry);
        }
        if to_sync {
            self.syncer.wake(self, persistence::sync_later);
        }
        if has_stream {
            self.replication_cron.wake(self, replication::tend);
        }
    }
}

impl Server {
    /// A server on a disk of its own, that tells `observer` what happens.
    pub fn start(options: Options, observer: Arc<dyn Observer>) -> Server {
        Server::start_on(&Disk::new(), options, observer)
    }

    /// A server with what an earlier one left on `disk`: its append-only file
    /// if the options ask for one, or else its last dump.
    pub fn start_on(disk: &Disk, options: Options, observer: Arc<dyn Observer>) -> Server {
        let mut engine = Engine::new(&options, observer);
        engine.start_on(&disk.mount(), &options);
        Server(Arc::new(Shared {
            engine: Mutex::new(engine),
            expirer: Expirer::default(),
            syncer: Beside::default(),
            long_script: Beside::default(),
            replication_cron: Beside::default(),
            sentinel_timer: Beside::default(),
            ended: Default::default(),
            thread: Default::default(),
            turn: Duration::from_nanos(options.turn_ns),
            script_slice: scripts::slice(options.script_instruction_ns),
        }))
    }

    /// Has the server follow a primary, host and port, or lead, as REPLICAOF
    /// and CONFIG REWRITE do.
    pub fn replicate(&self, primary: Option<(String, u16)>) {
        let mut engine = self.0.engine.lock();
        engine.replicate(primary);
        self.0.settle(engine);
    }

    /// Whether the server follows another.
    pub fn is_replica(&self) -> bool {
        let engine = self.0.engine.lock();
        engine.keyspace.propagation.replication.is_replica()
    }

    /// A client without a socket.
    pub fn client(&self) -> LocalClient {
        LocalClient::open(self.0.clone())
    }

    /// Serves everyone who connects, until SHUTDOWN or an error of the
    /// listener.
    pub async fn serve(&self, listener: rt::Listener) -> io::Result<()> {
        listener.tap_clients(tap::new);
        self.0.begin(port(&listener));
        loop {
            let accept = std::pin::pin!(listener.accept());
            let ended = std::pin::pin!(self.0.ended.notified());
            match select(accept, ended).await {
                Either::Left((stream, _)) => {
                    rt::spawn(connection::run(self.0.clone(), stream?));
                }
                Either::Right(_) => return Ok(()),
            }
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Server")
    }
}

/// The labels that requests and replies carry, some more than once.
pub fn labels() -> Vec<rt::Label> {
    let mut labels = commands::labels();
    labels.extend([replication::STREAM_LABEL, replication::SNAPSHOT_LABEL]);
    labels
}

/// Where a listener listens.
fn port(listener: &rt::Listener) -> Option<u16> {
    let address = listener.local_addr().ok()?;
    address.rsplit_once(':')?.1.parse().ok()
}

/// The wall clock as Redis reads it.
fn wall_clock_ms() -> i64 {
    i64::try_from(rt::unix_time().as_millis()).unwrap_or(i64::MAX)
}
