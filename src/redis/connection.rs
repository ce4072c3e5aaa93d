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

use super::Shared;
use super::client::Client;
use super::engine::Outcome;
use super::mailbox::Message;
use super::reply::Reply;
use super::wire::{Parser, Request};
use crate::rt::{self, Instant, Labeller, Stream};

/// Room for one read.
const READ_BYTES: usize = 2048;

/// Serves one client until it leaves or must go. An error of its socket is
/// the client's leaving, nobody else's business.
pub(super) async fn run(shared: Arc<Shared>, stream: Stream) {
    let client = shared.engine.lock().connect();
    let mut connection = Connection {
        shared,
        labeller: stream.labeller(),
        client,
        parser: Parser::default(),
        input: BytesMut::new(),
        output: BytesMut::new(),
        unblocks_at: None,
    };
    let _gone: io::Result<()> = connection.serve(stream).await;
}

struct Connection {
    shared: Arc<Shared>,
    labeller: Labeller,
    client: Client,
    parser: Parser,
    input: BytesMut,
    output: BytesMut,
    /// When a blocked client gives up.
    unblocks_at: Option<Instant>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.forget_wait();
    }
}

/// What has become of a blocked client.
enum Blocking {
    /// It has its answer.
    Over,
    /// It waits on.
    Goes,
    /// It left.
    Gone,
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => rt::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

impl Connection {
    async fn serve(&mut self, mut stream: Stream) -> io::Result<()> {
        loop {
            if self.client.blocked.is_some() {
                match self.while_blocked(&mut stream).await? {
                    Blocking::Over => self.run_requests(),
                    Blocking::Goes => continue,
                    Blocking::Gone => return Ok(()),
                }
            } else {
                self.input.reserve(READ_BYTES);
                if stream.read_buf(&mut self.input).await? == 0 {
                    return Ok(());
                }
                self.shared.turn().await;
                self.run_requests();
            }
            if !self.output.is_empty() {
                stream.write_all_buf(&mut self.output).await?;
                stream.flush().await?;
            }
            if self.client.closing {
                return stream.shutdown().await;
            }
        }
    }

    /// Waits for the answer of a blocked client. What it sends meanwhile is
    /// kept for later, and its leaving ends the wait.
    async fn while_blocked(&mut self, stream: &mut Stream) -> io::Result<Blocking> {
        let mailbox = self.client.mailbox.clone();
        self.input.reserve(READ_BYTES);
        let event = {
            let read = std::pin::pin!(stream.read_buf(&mut self.input));
            let arrived = std::pin::pin!(mailbox.arrived());
            let late = std::pin::pin!(sleep_until(self.unblocks_at));
            match select(arrived, select(read, late)).await {
                Either::Left(_) => None,
                Either::Right((Either::Left((read, _)), _)) => Some(read?),
                Either::Right((Either::Right(_), _)) => {
                    self.give_up();
                    None
                }
            }
        };
        match event {
            Some(0) => {
                self.forget_wait();
                return Ok(Blocking::Gone);
            }
            Some(_) => return Ok(Blocking::Goes),
            None => {}
        }
        for message in mailbox.take() {
            if message.unblocks {
                self.client.blocked = None;
            }
            message.reply.encode(self.client.resp, &mut self.output);
            self.labeller.label(message.label);
        }
        Ok(match self.client.blocked {
            Some(_) => Blocking::Goes,
            None => Blocking::Over,
        })
    }

    /// Its time is up: the command answers that there was nothing, unless it
    /// has been answered just now.
    fn give_up(&mut self) {
        let Some(ticket) = self.client.blocked else {
            return;
        };
        let waiter = self.shared.engine.lock().keyspace.blocked.remove(ticket);
        if let Some(waiter) = waiter {
            self.client.mailbox.put(Message {
                reply: Reply::NullArray,
                label: waiter.label,
                unblocks: true,
            });
        }
    }

    fn forget_wait(&mut self) {
        if let Some(ticket) = self.client.blocked.take() {
            self.shared.engine.lock().keyspace.blocked.remove(ticket);
        }
    }

    /// Runs every whole request of the input and gathers the replies.
    fn run_requests(&mut self) {
        let shared = self.shared.clone();
        let mut engine = shared.engine.lock();
        let mut ran = false;
        while !self.client.closing && self.client.blocked.is_none() {
            let taken = match self.parser.next(&self.input) {
                Ok(Request::Partial) => break,
                Ok(Request::Empty(taken)) => taken,
                Ok(Request::Command(taken)) => {
                    let args = self.parser.arguments(&self.input);
                    let (outcome, label) = engine.execute(&mut self.client, &args);
                    match outcome {
                        Outcome::Reply(reply) => {
                            reply.encode(self.client.resp, &mut self.output);
                            self.labeller.label(label);
                        }
                        Outcome::Blocked(timeout) => {
                            self.unblocks_at = timeout.map(|timeout| rt::now() + timeout);
                        }
                    }
                    ran = true;
                    taken
                }
                Err(error) => {
                    self.refuse(&error);
                    break;
                }
            };
            self.input.advance(taken);
        }
        if ran {
            shared.settle(engine);
        }
    }

    fn refuse(&mut self, error: &Reply) {
        error.encode(self.client.resp, &mut self.output);
        self.labeller.label("protocol error");
        self.client.closing = true;
    }
}
