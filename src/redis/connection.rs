//! One task a connection: input, requests, replies.
//!
//! Whatever has arrived is run under one hold of the engine's lock and
//! answered with one write, as Redis works through a client's buffer before
//! it turns to the next client. Input that is no request gets Redis's error
//! and ends this connection only.

use std::io;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Shared;
use super::client::Client;
use super::reply::Reply;
use super::wire::{Parser, Request};
use crate::rt::{Labeller, Stream};

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
}

impl Connection {
    async fn serve(&mut self, mut stream: Stream) -> io::Result<()> {
        loop {
            self.input.reserve(READ_BYTES);
            if stream.read_buf(&mut self.input).await? == 0 {
                return Ok(());
            }
            self.run_requests();
            if !self.output.is_empty() {
                stream.write_all_buf(&mut self.output).await?;
                stream.flush().await?;
            }
            if self.client.closing {
                return stream.shutdown().await;
            }
        }
    }

    /// Runs every whole request of the input and gathers the replies.
    fn run_requests(&mut self) {
        let shared = self.shared.clone();
        let mut engine = shared.engine.lock();
        let mut ran = false;
        while !self.client.closing {
            let taken = match self.parser.next(&self.input) {
                Ok(Request::Partial) => break,
                Ok(Request::Empty(taken)) => taken,
                Ok(Request::Command(taken)) => {
                    let args = self.parser.arguments(&self.input);
                    let (reply, label) = engine.execute(&mut self.client, &args);
                    reply.encode(self.client.resp, &mut self.output);
                    self.labeller.label(label);
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
        let next_expiry = engine.keyspace.next_expiry();
        drop(engine);
        if ran {
            shared.expirer.watch(&shared, next_expiry);
        }
    }

    fn refuse(&mut self, error: &Reply) {
        error.encode(self.client.resp, &mut self.output);
        self.labeller.label("protocol error");
        self.client.closing = true;
    }
}
