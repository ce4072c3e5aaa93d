//! A neighbour in the same Redis: a cache that puts one page after the other
//! into it and never looks at them again, as a crawler makes a cache do, until
//! the crawler has seen them all.
//!
//! It knows nothing of locks. What it takes is memory, and where that is
//! limited, an eviction policy decides who pays.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::machine::Machines;
use crate::rt;

/// Bytes of a page.
const PAGE: usize = 4096;
/// How many pages there are.
const PAGES: u64 = 500;
/// The pause before it connects again.
const PAUSE: Duration = Duration::from_millis(20);

/// Adds the node "cache", if it writes at all.
pub(super) fn add(machines: &mut Machines, every: Duration, redis: String) {
    if every.is_zero() {
        return;
    }
    machines.add("cache", move |machine, network| {
        let redis = redis.clone();
        machine.spawn(network, async move {
            let mut page = 0;
            while page < PAGES {
                // It goes on with the next page, whatever happened to this one.
                let _gone: io::Result<()> = fill(&redis, every, &mut page).await;
                rt::sleep(PAUSE).await;
            }
        });
    });
}

/// Puts pages, until the connection fails.
async fn fill(redis: &str, every: Duration, page: &mut u64) -> io::Result<()> {
    let mut stream = rt::connect(redis).await?;
    let text = "x".repeat(PAGE);
    let mut reply = [0; 256];
    while *page < PAGES {
        *page += 1;
        let request = format!("SET page:{page} {text}\r\n");
        stream.write_all(request.as_bytes()).await?;
        if stream.read(&mut reply).await? == 0 {
            return Ok(());
        }
        rt::sleep(every).await;
    }
    Ok(())
}
