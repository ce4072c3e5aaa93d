//! The tasks of a sentinel: its timer, and one for each connection.

use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use futures_util::future::{Either, select};
use redis_protocol::resp2::decode::decode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Opening, Sentinel};
use crate::redis::Shared;
use crate::rt;

/// How much is read at a time.
const READ_BYTES: usize = 16 * 1024;

/// Runs as long as the server. Ten to twenty times a second, never the same,
/// so that sentinels that started together do not ask for votes together.
pub(in crate::redis) async fn tend(server: Weak<Shared>) {
    loop {
        let hertz = 10 + rt::random_u64() % 10;
        rt::sleep(Duration::from_millis(1000 / hertz)).await;
        let Some(shared) = server.upgrade() else {
            return;
        };
        let to_open = with(&shared, |sentinel| {
            sentinel.tick();
            std::mem::take(&mut sentinel.own.to_open)
        });
        for opening in to_open.unwrap_or_default() {
            let open = opening.open.clone();
            let task = run(server.clone(), opening);
            rt::spawn(open.run_until_cancelled_owned(task));
        }
    }
}

/// Lets the sentinel do something.
fn with<T>(shared: &Arc<Shared>, work: impl FnOnce(&mut Sentinel) -> T) -> Option<T> {
    let mut engine = shared.engine.lock();
    let output = engine.with_sentinel(work);
    shared.settle(engine);
    output
}

/// One connection to its end.
async fn run(server: Weak<Shared>, opening: Opening) {
    let number = opening.number;
    let _broken: io::Result<()> = converse(&server, opening).await;
    if let Some(shared) = server.upgrade() {
        with(&shared, |sentinel| sentinel.lost(number));
    }
}

async fn converse(server: &Weak<Shared>, opening: Opening) -> io::Result<()> {
    let gone = || io::Error::from(io::ErrorKind::NotConnected);
    let Opening {
        number,
        address,
        wake,
        ..
    } = opening;
    let mut stream = rt::connect(&address).await?;
    let local = stream.local_address();
    let host = local.rsplit_once(':').map_or("", |(host, _)| host);
    let shared = server.upgrade().ok_or_else(gone)?;
    with(&shared, |sentinel| {
        sentinel.opened(number, host.to_owned());
    });
    drop(shared);
    let mut input = BytesMut::new();
    loop {
        let shared = server.upgrade().ok_or_else(gone)?;
        let output = with(&shared, |sentinel| sentinel.output(number));
        let mut output = output.unwrap_or_default();
        drop(shared);
        if !output.is_empty() {
            stream.write_all_buf(&mut output).await?;
            stream.flush().await?;
        }
        let before = input.len();
        input.reserve(READ_BYTES);
        let read = std::pin::pin!(stream.read_buf(&mut input));
        let woken = std::pin::pin!(wake.notified());
        if let Either::Left((read, _)) = select(read, woken).await
            && read? == 0
        {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if input.len() > before {
            let shared = server.upgrade().ok_or_else(gone)?;
            while let Some((frame, taken)) = decode(&input).map_err(io::Error::other)? {
                input.advance(taken);
                with(&shared, |sentinel| sentinel.received(number, frame));
            }
        }
    }
}
