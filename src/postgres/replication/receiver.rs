//! The walreceiver: asks the primary for its log, writes it down, and says how
//! far it has got.
//!
//! It asks each host that may be the primary, from the last record that is
//! safe here. When it is cut off, or hears nothing for too long, it asks again
//! after a while.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::future::{Either, select};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::postgres::engine::Shared;
use crate::postgres::sql::current_timestamp;
use crate::postgres::wal::Lsn;
use crate::rt;

/// The label of what a standby says.
pub(in crate::postgres) const STATUS_LABEL: rt::Label = "standby status";

/// Receives the log until the server is promoted.
pub(in crate::postgres) async fn receive(shared: Arc<Shared>) {
    let receiving = std::pin::pin!(receive_always(&shared));
    let replication = &shared.replication;
    let is_over = || replication.promotion_asked() || replication.is_closed();
    let promoted = std::pin::pin!(replication.until(is_over));
    match select(receiving, promoted).await {
        Either::Left(_) | Either::Right(_) => {}
    }
}

async fn receive_always(shared: &Shared) {
    let options = &shared.options.replication;
    let pause = Duration::from_nanos(options.wal_retrieve_retry_interval_ns);
    loop {
        for address in &options.primary_conninfo {
            // However it ends, it is tried again.
            let _ended: io::Result<()> = receive_from(shared, address).await;
        }
        rt::sleep(pause).await;
    }
}

async fn receive_from(shared: &Shared, address: &str) -> io::Result<()> {
    let limit = Duration::from_nanos(shared.options.replication.wal_receiver_timeout_ns);
    let connecting = async {
        let stream = rt::connect(address).await?;
        let mut upstream = Upstream {
            labeller: stream.labeller(),
            stream,
            input: BytesMut::new(),
        };
        let timeline = upstream.start(shared).await?;
        Ok::<_, io::Error>((upstream, timeline))
    };
    let (mut upstream, timeline) = rt::timeout(limit, connecting)
        .await
        .unwrap_or_else(|rt::Elapsed| Err(io::ErrorKind::TimedOut.into()))?;
    shared.log.follow(timeline);
    upstream.stream(shared, timeline).await
}

/// The connection to a primary.
struct Upstream {
    stream: rt::Stream,
    labeller: rt::Labeller,
    input: BytesMut,
}

fn refused() -> io::Error {
    io::ErrorKind::ConnectionRefused.into()
}

impl Upstream {
    async fn fill(&mut self, length: usize) -> io::Result<()> {
        while self.input.len() < length {
            self.input.reserve(8 * 1024);
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    /// The next message: its kind and its body.
    async fn message(&mut self) -> io::Result<(u8, Bytes)> {
        self.fill(5).await?;
        let length = (&self.input[1..5]).get_u32() as usize;
        self.fill(length + 1).await?;
        let mut message = self.input.split_to(length + 1).freeze();
        let kind = message.get_u8();
        message.advance(4);
        match kind {
            b'E' => Err(refused()),
            kind => Ok((kind, message)),
        }
    }

    /// True if a whole message has arrived already.
    fn has_more(&self) -> bool {
        let length = self
            .input
            .get(1..5)
            .map(|mut bytes| bytes.get_u32() as usize);
        length.is_some_and(|length| self.input.len() > length)
    }

    async fn until(&mut self, wanted: u8) -> io::Result<Bytes> {
        loop {
            let (kind, body) = self.message().await?;
            if kind == wanted {
                return Ok(body);
            }
        }
    }

    async fn query(&mut self, text: &str) -> io::Result<()> {
        let mut out = BytesMut::new();
        frontend::query(text, &mut out)?;
        self.stream.write_all(&out).await
    }

    /// Says who asks, and from where the log is wanted; gives the timeline
    /// that the primary is on.
    async fn start(&mut self, shared: &Shared) -> io::Result<u32> {
        let name = &shared.options.replication.cluster_name;
        let parameters = [
            ("user", "postgres"),
            ("replication", "true"),
            ("application_name", name),
        ];
        let mut out = BytesMut::new();
        frontend::startup_message(parameters, &mut out)?;
        self.stream.write_all(&out).await?;
        self.until(b'Z').await?;
        self.query("IDENTIFY_SYSTEM").await?;
        let row = self.until(b'D').await?;
        let timeline = column(row, 1).ok_or_else(refused)?;
        self.until(b'Z').await?;
        let (received, _) = shared.replication.progress();
        let own = shared.log.timeline();
        let start = format!("START_REPLICATION {received} TIMELINE {own}");
        self.query(&start).await?;
        self.until(b'W').await?;
        timeline.parse().map_err(|_| refused())
    }

    async fn stream(&mut self, shared: &Shared, timeline: u32) -> io::Result<()> {
        let options = &shared.options.replication;
        let interval = Duration::from_nanos(options.wal_receiver_status_interval_ns);
        let limit = Duration::from_nanos(options.wal_receiver_timeout_ns);
        let (mut heard, mut told) = (rt::now(), rt::now());
        let mut applied = self.tell(shared).await?;
        loop {
            let moved = std::pin::pin!(shared.replication.moved.notified());
            let (_, replayed) = shared.replication.progress();
            if replayed > applied && self.wants_feedback(shared, applied, replayed) {
                applied = self.tell(shared).await?;
                told = rt::now();
                continue;
            }
            let due = std::pin::pin!(rt::sleep_until(told + interval));
            let next = {
                let message = std::pin::pin!(self.message());
                match select(message, select(moved, due)).await {
                    Either::Left((message, _)) => Some(message?),
                    Either::Right((Either::Left(_), _)) => continue,
                    Either::Right((Either::Right(_), _)) => None,
                }
            };
            if let Some((_, body)) = next {
                heard = rt::now();
                let mut asked = self.take(shared, timeline, body)?;
                while self.has_more() {
                    let (_, body) = self.message().await?;
                    asked |= self.take(shared, timeline, body)?;
                }
                if !self.keep(shared).await? && !asked {
                    continue;
                }
            } else if heard.elapsed() >= limit {
                return Err(io::ErrorKind::TimedOut.into());
            }
            applied = self.tell(shared).await?;
            told = rt::now();
        }
    }

    /// Somebody waits for what has been replayed since.
    fn wants_feedback(&self, shared: &Shared, from: Lsn, to: Lsn) -> bool {
        let mut at = from;
        while let Some(logged) = shared.log.next(at).filter(|logged| logged.end <= to) {
            if logged.wants_feedback() {
                return true;
            }
            at = logged.end;
        }
        false
    }

    /// Writes down a record; true if the primary wants an answer.
    fn take(&self, shared: &Shared, timeline: u32, mut body: Bytes) -> io::Result<bool> {
        let broken = || io::Error::from(io::ErrorKind::InvalidData);
        match (!body.is_empty()).then(|| body.get_u8()) {
            Some(b'w') if body.len() >= 24 => {
                let _start = body.get_u64();
                let end = Lsn(body.get_u64());
                let record = shared.log.cluster().receive(timeline, end);
                shared.log.receive(end, record.ok_or_else(broken)?);
                Ok(false)
            }
            Some(b'k') if body.len() >= 17 => Ok(body[16] == 1),
            _ => Err(broken()),
        }
    }

    /// Makes what has been written safe, and says so; false if there is
    /// nothing new.
    async fn keep(&mut self, shared: &Shared) -> io::Result<bool> {
        let (inserted, flushed) = shared.log.inserted_and_flushed();
        if inserted == flushed {
            return Ok(false);
        }
        if shared.options.sync_ns > 0 {
            self.tell(shared).await?;
        }
        let flushing = shared.flush(inserted).await;
        flushing.map_err(|_| io::Error::from(io::ErrorKind::Other))?;
        shared.replication.received(inserted);
        Ok(true)
    }

    /// Says how far the standby is; gives how far it had replayed.
    async fn tell(&mut self, shared: &Shared) -> io::Result<Lsn> {
        let (written, flushed) = shared.log.inserted_and_flushed();
        let (_, applied) = shared.replication.progress();
        let mut out = BytesMut::new();
        out.put_u8(b'd');
        out.put_u32(4 + 34);
        out.put_u8(b'r');
        out.put_u64(written.0);
        out.put_u64(flushed.0);
        out.put_u64(applied.0);
        out.put_i64(current_timestamp());
        out.put_u8(0);
        self.labeller.label(STATUS_LABEL);
        self.stream.write_all(&out).await?;
        Ok(applied)
    }
}

/// A column of a DataRow, as text.
fn column(mut row: Bytes, wanted: u16) -> Option<String> {
    let columns = row.try_get_u16().ok()?;
    for column in 0..columns {
        let length = usize::try_from(row.try_get_i32().ok()?).unwrap_or(0);
        let value = (row.len() >= length).then(|| row.split_to(length))?;
        if column == wanted {
            return String::from_utf8(value.to_vec()).ok();
        }
    }
    None
}
