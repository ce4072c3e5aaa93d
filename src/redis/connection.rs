//! One task a connection: input, requests, replies.
//!
//! Whatever has arrived is run under one hold of the engine's lock and
//! answered with one write, as Redis works through a client's buffer before
//! it turns to the next client. Input that is no request gets Redis's error
//! and ends this connection only.

use std::io;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use futures_util::future::{Either, select};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use super::Shared;
use super::client::{Client, ClientId};
use super::engine::{Engine, Executed};
use super::wire::{Limits, Parser, Request};
use crate::rt::{self, Instant, Labeller, Stream};

/// Room for one read.
const READ_BYTES: usize = 2048;

/// Serves one client until it leaves or must go. An error of its socket is
/// the client's leaving, nobody else's business.
pub(super) async fn run(shared: Arc<Shared>, stream: Stream) {
    let (peer, local) = (stream.peer_address(), stream.local_address());
    let (id, wake) = {
        let mut engine = shared.engine.lock();
        let id = engine.connect(peer, local);
        let wake = engine.server.clients.get_mut(id).map(|c| c.wake.clone());
        (id, wake.unwrap_or_default())
    };
    let mut connection = Connection {
        shared,
        labeller: stream.labeller(),
        id,
        wake,
        parser: Parser::default(),
        input: BytesMut::new(),
        output: BytesMut::new(),
    };
    let _gone: io::Result<()> = connection.serve(stream).await;
}

struct Connection {
    shared: Arc<Shared>,
    labeller: Labeller,
    id: ClientId,
    /// Somebody did something to the client.
    wake: Arc<Notify>,
    parser: Parser,
    input: BytesMut,
    output: BytesMut,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.engine.lock().disconnect(self.id);
    }
}

/// What a connection does next.
enum Next {
    /// Waits for input or a wake, until this instant if there is one.
    Wait(Option<Instant>),
    /// Closes once everything is written.
    Close,
    /// Is gone, written or not.
    Vanish,
}

impl Connection {
    async fn serve(&mut self, mut stream: Stream) -> io::Result<()> {
        let mut deadline = None;
        loop {
            if !self.wait(&mut stream, deadline).await? {
                return Ok(());
            }
            self.shared.turn().await;
            let next = self.run_requests();
            if matches!(next, Next::Vanish) || !self.write(&mut stream).await? {
                return Ok(());
            }
            match next {
                Next::Wait(until) => deadline = until,
                Next::Close | Next::Vanish => return stream.shutdown().await,
            }
        }
    }

    /// Returns when there may be something to do; false if the client left.
    async fn wait(&mut self, stream: &mut Stream, deadline: Option<Instant>) -> io::Result<bool> {
        self.input.reserve(READ_BYTES);
        let woken = std::pin::pin!(self.wake.notified());
        let read = std::pin::pin!(stream.read_buf(&mut self.input));
        let read = match deadline {
            None => match select(read, woken).await {
                Either::Left((read, _)) => read?,
                Either::Right(_) => return Ok(true),
            },
            Some(deadline) => {
                let late = std::pin::pin!(rt::sleep_until(deadline));
                match select(read, select(woken, late)).await {
                    Either::Left((read, _)) => read?,
                    Either::Right(_) => return Ok(true),
                }
            }
        };
        Ok(read > 0)
    }

    /// Writes the replies; false if the client was killed meanwhile.
    async fn write(&mut self, stream: &mut Stream) -> io::Result<bool> {
        if self.output.is_empty() {
            return Ok(true);
        }
        let mut was_woken = false;
        while !self.output.is_empty() {
            let woken = std::pin::pin!(self.wake.notified());
            let write = std::pin::pin!(stream.write_buf(&mut self.output));
            match select(write, woken).await {
                Either::Left((written, _)) => {
                    written?;
                }
                Either::Right(_) => {
                    was_woken = true;
                    let mut engine = self.shared.engine.lock();
                    let client = engine.server.clients.get_mut(self.id);
                    if client.is_none_or(|client| client.killed) {
                        return Ok(false);
                    }
                }
            }
        }
        if was_woken {
            self.wake.notify_one();
        }
        stream.flush().await?;
        Ok(true)
    }

    /// Runs every whole request of the input and gathers the replies.
    fn run_requests(&mut self) -> Next {
        let shared = self.shared.clone();
        let mut engine = shared.engine.lock();
        if let Some(until) = engine.stands_still() {
            return Next::Wait(until);
        }
        let Some(mut client) = engine.server.clients.take(self.id) else {
            return Next::Vanish;
        };
        engine.give_up(&mut client);
        engine.keyspace.client = Some(client.address.clone());
        let postponed = self.run_requests_of(&mut engine, &mut client);
        engine.keyspace.client = None;
        for label in client.labels.drain(..) {
            self.labeller.label(label);
        }
        self.output.unsplit(client.output.split());
        let next = if client.killed {
            Next::Vanish
        } else if client.closing {
            Next::Close
        } else {
            let waits_until = client.blocked.and_then(|waiting| waiting.until);
            Next::Wait(postponed.or(waits_until.filter(|_| !engine.is_in_script())))
        };
        engine.server.clients.put_back(client);
        shared.settle(engine);
        next
    }

    /// The instant until which the next request has to wait, if it has.
    fn run_requests_of(&mut self, engine: &mut Engine, client: &mut Client) -> Option<Instant> {
        while !client.closing
            && !client.killed
            && client.blocked.is_none()
            && !engine.runs_script_of(client.id)
        {
            let limits = Limits {
                bulk_max: engine.server.config.bulk_max,
                authenticated: client.authenticated,
            };
            let taken = match self.parser.next(&self.input, limits) {
                Ok(Request::Partial) => break,
                Ok(Request::Empty(taken)) => taken,
                Ok(Request::Command(taken)) => {
                    let args = self.parser.arguments(&self.input);
                    if let Executed::Postponed(until) = engine.execute(client, &args) {
                        return Some(until);
                    }
                    taken
                }
                Err(error) => {
                    client.answer(&error, "protocol error");
                    client.closing = true;
                    break;
                }
            };
            self.input.advance(taken);
        }
        if self.input.len() > engine.server.config.query_max {
            client.killed = true;
        }
        None
    }
}
