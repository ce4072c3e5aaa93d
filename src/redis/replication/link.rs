//! A replica's connection to its primary: the handshake, the snapshot if
//! there must be one, and the stream.

use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use futures_util::future::{Either, select};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::replica::{Incoming, LinkState, Primary};
use super::seconds;
use super::stream::HistoryId;
use crate::redis::Shared;
use crate::redis::engine::Engine;
use crate::redis::propagation::request;
use crate::redis::rdb::Snapshot;
use crate::rt::{self, Stream};

/// Between two attempts to connect, and between two acknowledgements.
const PERIOD: Duration = Duration::from_secs(1);

/// Between two looks at whether what holds the stream up is over.
const HELD_PERIOD: Duration = Duration::from_millis(10);

/// How much is read at a time.
const READ_BYTES: usize = 16 * 1024;

/// Has a task follow the primary that the server has, if none does yet.
pub(in crate::redis) fn follow(shared: &Arc<Shared>, engine: &mut Engine) {
    let replication = &mut engine.keyspace.propagation.replication;
    let Some(primary) = &mut replication.primary else {
        return;
    };
    if primary.task.is_none() {
        let ends = CancellationToken::new();
        primary.task = Some(ends.clone().drop_guard());
        let task = run(Arc::downgrade(shared), primary.number);
        rt::spawn(ends.run_until_cancelled_owned(task));
    }
}

/// Why a link ends.
enum Broken {
    /// The primary is no longer the one to follow, or the server is gone.
    Obsolete,
    /// To be tried again.
    Again,
}

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Broken {
        Broken::Again
    }
}

impl From<rt::Elapsed> for Broken {
    fn from(_: rt::Elapsed) -> Broken {
        Broken::Again
    }
}

/// Follows a primary for as long as it is the one to follow. A link that
/// breaks is mended at once, and if that fails, once a second.
async fn run(server: Weak<Shared>, number: u64) {
    loop {
        let mut link = Link {
            server: server.clone(),
            number,
            input: BytesMut::new(),
            timeout: Duration::ZERO,
        };
        let ended = link.attempt().await;
        let Ok(was_up) = link.with(|engine| {
            let primary = link.primary(engine)?;
            let was_up = primary.is_up();
            primary.link = LinkState::Connect;
            primary.unapplied = 0;
            if was_up {
                primary.down_since = Some(seconds());
            }
            Ok(was_up)
        }) else {
            return;
        };
        match ended {
            Err(Broken::Obsolete) => return,
            Ok(()) | Err(Broken::Again) if was_up => {}
            Ok(()) | Err(Broken::Again) => rt::sleep(PERIOD).await,
        }
    }
}

struct Link {
    server: Weak<Shared>,
    number: u64,
    /// Read, and not looked at.
    input: BytesMut,
    /// `repl-timeout`
    timeout: Duration,
}

impl Link {
    /// Does something to the engine, if this still is its link.
    fn with<T>(&self, work: impl FnOnce(&mut Engine) -> Result<T, Broken>) -> Result<T, Broken> {
        let shared = self.server.upgrade().ok_or(Broken::Obsolete)?;
        let mut engine = shared.engine.lock();
        let replication = &mut engine.keyspace.propagation.replication;
        if replication.followed(self.number).is_none() {
            return Err(Broken::Obsolete);
        }
        let output = work(&mut engine);
        shared.settle(engine);
        output
    }

    fn primary<'a>(&self, engine: &'a mut Engine) -> Result<&'a mut Primary, Broken> {
        let replication = &mut engine.keyspace.propagation.replication;
        replication.followed(self.number).ok_or(Broken::Obsolete)
    }

    fn enter(&self, state: LinkState) -> Result<(), Broken> {
        self.with(|engine| {
            let primary = self.primary(engine)?;
            primary.link = state;
            primary.heard_at = seconds();
            Ok(())
        })
    }

    /// One connection, from its first byte to its last.
    async fn attempt(&mut self) -> Result<(), Broken> {
        let (address, timeout) = self.with(|engine| {
            let timeout = engine.server.config.integer("repl-timeout").unsigned_abs();
            let primary = self.primary(engine)?;
            primary.link = LinkState::Connecting;
            Ok((format!("{}:{}", primary.host, primary.port), timeout))
        })?;
        self.timeout = Duration::from_secs(timeout);
        let mut stream = rt::timeout(self.timeout, rt::connect(&address)).await??;
        self.enter(LinkState::Handshake)?;
        self.introduce(&mut stream).await?;
        self.synchronise(&mut stream).await?;
        self.enter(LinkState::Connected)?;
        self.follow(&mut stream).await
    }

    /// Says who is there.
    async fn introduce(&mut self, stream: &mut Stream) -> Result<(), Broken> {
        let pong = self.ask(stream, &[b"PING"]).await?;
        let lets_on = [
            &b"+"[..],
            b"-NOAUTH",
            b"-NOPERM",
            b"-ERR operation not permitted",
        ];
        if !lets_on.iter().any(|start| pong.starts_with(start)) {
            return Err(Broken::Again);
        }
        let text =
            |name: &'static str| self.with(|engine| Ok(engine.server.config.text(name).to_owned()));
        let (password, user) = (text("masterauth")?, text("masteruser")?);
        let (port, announced_port) = (text("port")?, text("replica-announce-port")?);
        let host = text("replica-announce-ip")?;
        if !password.is_empty() {
            let user_and_password: [&[u8]; 3] = [b"AUTH", user.as_bytes(), password.as_bytes()];
            let answer = match user.is_empty() {
                true => self.ask(stream, &[b"AUTH", password.as_bytes()]).await?,
                false => self.ask(stream, &user_and_password).await?,
            };
            if answer.starts_with(b"-") {
                return Err(Broken::Again);
            }
        }
        let port = match announced_port.as_str() {
            "0" => port,
            _ => announced_port,
        };
        let port: [&[u8]; 3] = [b"REPLCONF", b"listening-port", port.as_bytes()];
        self.ask(stream, &port).await?;
        if !host.is_empty() {
            let host: [&[u8]; 3] = [b"REPLCONF", b"ip-address", host.as_bytes()];
            self.ask(stream, &host).await?;
        }
        let capabilities: [&[u8]; 5] = [b"REPLCONF", b"capa", b"eof", b"capa", b"psync2"];
        self.ask(stream, &capabilities).await?;
        Ok(())
    }

    /// Comes to the point from which the stream is to be run.
    async fn synchronise(&mut self, stream: &mut Stream) -> Result<(), Broken> {
        let (wanted, hands_over) = self.with(|engine| {
            let replication = &engine.keyspace.propagation.replication;
            Ok((replication.wanted(), replication.hands_over()))
        })?;
        let (id, from) = match wanted {
            Some((id, from)) => (id.to_string(), from.to_string()),
            None => ("?".to_owned(), "-1".to_owned()),
        };
        let psync: [&[u8]; 4] = [b"PSYNC", id.as_bytes(), from.as_bytes(), b"FAILOVER"];
        let psync = if hands_over { &psync[..] } else { &psync[..3] };
        let answer = self.ask(stream, psync).await?;
        if hands_over {
            self.with(|engine| {
                engine.as_nobody(|context| match answer.starts_with(b"-") {
                    true => context.abort_failover(),
                    false => context.end_failover(),
                });
                Ok(())
            })?;
        }
        let words: Vec<&[u8]> = answer[..].split(|byte| *byte == b' ').collect();
        match words.as_slice() {
            [b"+FULLRESYNC", id, offset] => {
                let id = HistoryId::read(id).ok_or(Broken::Again)?;
                let offset = std::str::from_utf8(offset)
                    .ok()
                    .and_then(|o| o.parse().ok());
                let offset = offset.ok_or(Broken::Again)?;
                self.enter(LinkState::Sync)?;
                let bytes = self.snapshot(stream).await?;
                while self.with(|engine| Ok(engine.is_in_script()))? {
                    rt::sleep(HELD_PERIOD).await;
                }
                self.with(|engine| {
                    let compact = &engine.server.config.compact;
                    let snapshot = Snapshot::read(&bytes, compact).ok_or(Broken::Again)?;
                    engine.take_up(snapshot, id, offset);
                    Ok(())
                })
            }
            [b"+CONTINUE", rest @ ..] => {
                let id = rest.first().and_then(|id| HistoryId::read(id));
                self.with(|engine| {
                    engine.go_on(id);
                    Ok(())
                })
            }
            _ => Err(Broken::Again),
        }
    }

    /// The bytes of a snapshot: so many, or up to a mark.
    async fn snapshot(&mut self, stream: &mut Stream) -> Result<BytesMut, Broken> {
        let header = self.line(stream).await?;
        if let Some(mark) = header.strip_prefix(b"$EOF:") {
            loop {
                if let Some(length) = self.input.len().checked_sub(mark.len())
                    && self.input[length..] == *mark
                {
                    let snapshot = self.input.split_to(length);
                    self.input.clear();
                    return Ok(snapshot);
                }
                self.read(stream).await?;
            }
        }
        let length = header.strip_prefix(b"$");
        let length = length.and_then(|digits| std::str::from_utf8(digits).ok());
        let length: usize = length.and_then(|l| l.parse().ok()).ok_or(Broken::Again)?;
        while self.input.len() < length {
            self.read(stream).await?;
        }
        Ok(self.input.split_to(length))
    }

    /// Runs the stream, and says once a second how far it is.
    async fn follow(&mut self, stream: &mut Stream) -> Result<(), Broken> {
        let mut incoming = Incoming::default();
        let mut next_ack = rt::now();
        loop {
            let asked = self.with(|engine| {
                let primary = self.primary(engine)?;
                if !self.input.is_empty() {
                    primary.heard_at = seconds();
                }
                if primary.silent_for() > Some(self.timeout.as_secs()) {
                    return Err(Broken::Again);
                }
                incoming.take(&self.input);
                engine.run_stream(&mut incoming).map_err(|_| Broken::Again)
            })?;
            self.input.clear();
            if let Some(offset) = asked {
                self.acknowledge(stream, offset).await?;
            }
            if rt::now() >= next_ack {
                next_ack = rt::now() + PERIOD;
                let offset =
                    self.with(|engine| Ok(engine.keyspace.propagation.replication.stream.offset))?;
                self.acknowledge(stream, offset).await?;
            }
            let held = self.with(|engine| Ok(engine.holds_stream_up()))?;
            let look_again = if held {
                rt::now() + HELD_PERIOD
            } else {
                next_ack
            };
            self.input.reserve(READ_BYTES);
            let read = std::pin::pin!(stream.read_buf(&mut self.input));
            let tick = std::pin::pin!(rt::sleep_until(look_again));
            if let Either::Left((read, _)) = select(read, tick).await
                && read? == 0
            {
                return Err(Broken::Again);
            }
        }
    }

    async fn acknowledge(&self, stream: &mut Stream, offset: u64) -> Result<(), Broken> {
        let offset = offset.to_string();
        send(stream, &[b"REPLCONF", b"ACK", offset.as_bytes()]).await
    }

    /// Sends a command and waits for its answer, of one line.
    async fn ask(&mut self, stream: &mut Stream, args: &[&[u8]]) -> Result<BytesMut, Broken> {
        send(stream, args).await?;
        self.line(stream).await
    }

    /// The next line, without its break. Empty ones only say that the primary
    /// is there.
    async fn line(&mut self, stream: &mut Stream) -> Result<BytesMut, Broken> {
        loop {
            if let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
                let mut line = self.input.split_to(end);
                self.input.advance(1);
                if line.ends_with(b"\r") {
                    line.truncate(end - 1);
                }
                if !line.is_empty() {
                    return Ok(line);
                }
                continue;
            }
            self.read(stream).await?;
        }
    }

    async fn read(&mut self, stream: &mut Stream) -> Result<(), Broken> {
        self.input.reserve(READ_BYTES);
        let read = rt::timeout(self.timeout, stream.read_buf(&mut self.input)).await??;
        match read {
            0 => Err(Broken::Again),
            _ => Ok(()),
        }
    }
}

async fn send(stream: &mut Stream, args: &[&[u8]]) -> Result<(), Broken> {
    let mut bytes = BytesMut::new();
    request(&mut bytes, args);
    stream.write_all(&bytes).await?;
    Ok(stream.flush().await?)
}
