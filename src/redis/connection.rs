//! One task a connection: input, requests, replies.
//!
//! Whatever has arrived is run and answered with one write, as Redis works
//! through a client's buffer before it turns to the next client. Who does not
//! read its replies is read from all the same: they wait in a buffer, up to
//! the limits of `client-output-buffer-limit`.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Shared;
use super::session::{Next, Session};
use crate::rt::{self, Label, Labeller, Stream};

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
        labels: VecDeque::new(),
        session,
    };
    let _gone: io::Result<()> = connection.serve(stream).await;
}

struct Connection {
    session: Session,
    labeller: Labeller,
    /// What replies are that are still to be written, and behind how many
    /// bytes of the output each begins.
    labels: VecDeque<(usize, Label)>,
}

/// Why a client that is waited for has a turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Woken {
    /// There may be something to run.
    ToRun,
    /// A client that is to go has been told everything.
    Told,
    /// The client left.
    Left,
}

impl Connection {
    async fn serve(&mut self, mut stream: Stream) -> io::Result<()> {
        let mut next = Next::Wait(None);
        loop {
            match self.wait(&mut stream, &next).await? {
                Woken::ToRun => self.session.shared.turn().await,
                Woken::Told => return stream.shutdown().await,
                Woken::Left => return Ok(()),
            }
            next = self.run();
            if matches!(next, Next::Vanish) {
                return Ok(());
            }
        }
    }

    fn run(&mut self) -> Next {
        let begin = self.session.output.len();
        let labels = &mut self.labels;
        self.session.run(|label| labels.push_back((begin, label)))
    }

    /// Writes, and returns when a client may have something to do. One that is
    /// to go is not listened to any more.
    async fn wait(&mut self, stream: &mut Stream, next: &Next) -> io::Result<Woken> {
        let wake = self.session.wake.clone();
        let mut woken = pin!(wake.notified());
        let deadline = match next {
            Next::Wait(until) => *until,
            Next::Close | Next::Vanish => None,
        };
        let mut late = pin!(async {
            match deadline {
                Some(deadline) => rt::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        });
        poll_fn(|cx| {
            let is_written = self.poll_write(stream, cx)?.is_ready();
            match next {
                Next::Wait(_) => {
                    if let Poll::Ready(read) = self.poll_read(stream, cx)? {
                        return Poll::Ready(Ok(read));
                    }
                }
                Next::Close | Next::Vanish if is_written => return Poll::Ready(Ok(Woken::Told)),
                Next::Close | Next::Vanish => {}
            }
            if woken.as_mut().poll(cx).is_pending() {
                ready!(late.as_mut().poll(cx));
            }
            Poll::Ready(Ok(Woken::ToRun))
        })
        .await
    }

    fn poll_read(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<Woken>> {
        let input = &mut self.session.input;
        input.reserve(READ_BYTES);
        let read = ready!(pin!(stream.read_buf(input)).poll(cx))?;
        Poll::Ready(Ok(if read > 0 { Woken::ToRun } else { Woken::Left }))
    }

    /// Writes replies; ready once all are written.
    fn poll_write(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.session.output.is_empty() {
            // What is labelled begins with a write of its own.
            let mut begins = self.labels.iter().map(|(begin, _)| *begin);
            let until = begins.find(|begin| *begin > 0);
            let part = &self.session.output[..until.unwrap_or(self.session.output.len())];
            let written = ready!(pin!(stream.write(part)).poll(cx))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written(written);
        }
        Poll::Ready(Ok(()))
    }

    fn written(&mut self, length: usize) {
        self.session.output.advance(length);
        while let Some((0, label)) = self.labels.front() {
            self.labeller.label_written(label, length);
            self.labels.pop_front();
        }
        for (begin, _) in &mut self.labels {
            *begin -= length;
        }
    }
}
