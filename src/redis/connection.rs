//! One task a connection: input, requests, replies.
//!
//! Whatever has arrived is run and answered with one write, as Redis works
//! through a client's buffer before it turns to the next client.

use std::io;
use std::sync::Arc;

use futures_util::future::{Either, select};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Shared;
use super::session::{Next, Session};
use crate::rt::{self, Instant, Labeller, Stream};

/// Room for one read.
const READ_BYTES: usize = 2048;

const TOO_MANY_CLIENTS: &[u8] = b"-ERR max number of clients reached\r\n";

/// Serves one client until it leaves or must go. An error of its socket is
/// the client's leaving, nobody else's business.
pub(super) async fn run(shared: Arc<Shared>, mut stream: Stream) {
    if !shared.engine.lock().admits() {
        let refused = stream.write_all(TOO_MANY_CLIENTS).await;
        // Whether or not it was heard.
        drop(refused.and(stream.shutdown().await));
        return;
    }
    let session = Session::open(shared, stream.peer_address(), stream.local_address());
    let mut connection = Connection {
        labeller: stream.labeller(),
        session,
    };
    let _gone: io::Result<()> = connection.serve(stream).await;
}

struct Connection {
    session: Session,
    labeller: Labeller,
}

impl Connection {
    async fn serve(&mut self, mut stream: Stream) -> io::Result<()> {
        let mut deadline = None;
        loop {
            if !self.wait(&mut stream, deadline).await? {
                return Ok(());
            }
            self.session.shared.turn().await;
            let labeller = &self.labeller;
            let next = self.session.run(|label| labeller.label(label));
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
        self.session.input.reserve(READ_BYTES);
        let woken = std::pin::pin!(self.session.wake.notified());
        let read = std::pin::pin!(stream.read_buf(&mut self.session.input));
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
        if self.session.output.is_empty() {
            return Ok(true);
        }
        let mut was_woken = false;
        while !self.session.output.is_empty() {
            let written = {
                let woken = std::pin::pin!(self.session.wake.notified());
                let write = std::pin::pin!(stream.write_buf(&mut self.session.output));
                match select(write, woken).await {
                    Either::Left((written, _)) => Some(written),
                    Either::Right(_) => None,
                }
            };
            match written {
                Some(written) => {
                    written?;
                }
                None if self.session.must_go() => return Ok(false),
                None => was_woken = true,
            }
        }
        if was_woken {
            self.session.wake.notify_one();
        }
        stream.flush().await?;
        Ok(true)
    }
}
