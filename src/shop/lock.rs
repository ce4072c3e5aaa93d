//! A lock in Redis: `SET NX PX` takes it, a compare-and-delete releases it.
//!
//! It expires by itself, so that the death of its holder does not stop the
//! shop; it may therefore expire under a holder that is merely slow.

use std::sync::Arc;

use redis::{Script, Value, cmd};
use tokio::sync::mpsc;
use tracing::debug;

use super::error::{Busy, RedisCall};
use super::redis_link::RedisLink;
use super::{Bug, Options};
use crate::rt;

/// What the key of every lock begins with; the SKU follows.
pub const LOCK_PREFIX: &str = "lock:";

/// Deletes the lock if the token in it is still ours.
const RELEASE: &str = "\
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1])
end
return 0";

/// What the locks of an instance share.
pub(super) struct Locks {
    redis: Arc<RedisLink>,
    release: Script,
    /// Where a lock goes whose request ended before it could release.
    abandoned: mpsc::UnboundedSender<Held>,
    ttl_ms: u64,
    wait: std::time::Duration,
    retry: std::time::Duration,
    releases_any: bool,
}

/// What it takes to release a lock.
struct Held {
    key: String,
    token: String,
}

/// A lock that is held, or may be: asking for it is reason enough to release.
pub(super) struct Lock<'a> {
    locks: &'a Locks,
    /// Taken by whoever releases.
    held: Option<Held>,
}

/// The locks whose requests ended early, for [`Locks::release_abandoned`].
pub(super) struct Abandoned(mpsc::UnboundedReceiver<Held>);

impl Locks {
    pub(super) fn new(options: &Options, redis: Arc<RedisLink>) -> (Locks, Abandoned) {
        let (abandoned, receiver) = mpsc::unbounded_channel();
        let locks = Locks {
            redis,
            release: Script::new(RELEASE),
            abandoned,
            ttl_ms: u64::try_from(options.lock_ttl.as_millis()).unwrap_or(u64::MAX),
            wait: options.lock_wait,
            retry: options.lock_retry,
            releases_any: options.has(Bug::ReleasesAnyLock),
        };
        (locks, Abandoned(receiver))
    }

    /// Starts to try for the lock of `sku`.
    pub(super) fn try_for(&self, sku: &str) -> Attempt<'_> {
        Attempt {
            locks: self,
            key: format!("{LOCK_PREFIX}{sku}"),
            token: format!("{:016x}", rt::random_u64()),
            give_up: rt::now() + self.wait,
        }
    }

    /// Releases what requests leave behind that are dropped half-way, for as
    /// long as it is polled.
    pub(super) async fn release_abandoned(&self, mut abandoned: Abandoned) {
        while let Some(held) = abandoned.0.recv().await {
            self.release(&held).await;
        }
    }

    /// A release that fails is left to the lock's expiry.
    async fn release(&self, held: &Held) {
        let Held { key, token } = held;
        let released = if self.releases_any {
            self.redis.command(cmd("DEL").arg(key)).await
        } else {
            self.redis.script(&self.release, key, token).await
        };
        match released {
            Ok(Value::Int(0)) => debug!(key, "lock had expired before its release"),
            Ok(_) => {}
            Err(error) => debug!(key, %error, "lock left to expire"),
        }
    }
}

/// A lock that is being tried for.
pub(super) struct Attempt<'a> {
    locks: &'a Locks,
    key: String,
    token: String,
    give_up: rt::Instant,
}

impl<'a> Attempt<'a> {
    /// Tries once. `None` if somebody else holds the lock.
    pub(super) async fn once(&self) -> Result<Option<Lock<'a>>, Busy> {
        let mut lock = Lock {
            locks: self.locks,
            held: Some(Held {
                key: self.key.clone(),
                token: self.token.clone(),
            }),
        };
        let mut set = cmd("SET");
        set.arg(&self.key).arg(&self.token).arg("NX");
        set.arg("PX").arg(self.locks.ttl_ms);
        match self.locks.redis.command(&set).await {
            Ok(Value::Okay) => Ok(Some(lock)),
            Ok(_) => {
                lock.held = None;
                Ok(None)
            }
            Err(error) => {
                // Never sent, or refused: nothing to release. Otherwise it
                // may be held all the same, and is released behind our back.
                if matches!(error, RedisCall::Io(_)) {
                    lock.held = None;
                }
                Err(Busy::Redis(error))
            }
        }
    }

    /// Waits before the next try, if there is time for one.
    pub(super) async fn pause(&self) -> Result<(), Busy> {
        let next = rt::now() + self.locks.retry;
        if next > self.give_up {
            return Err(Busy::Lock);
        }
        rt::sleep_until(next).await;
        Ok(())
    }
}

impl Lock<'_> {
    /// Releases the lock, if it is still ours.
    pub(super) async fn release(mut self) {
        if let Some(held) = &self.held {
            self.locks.release(held).await;
        }
        self.held = None;
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            // Nobody receives any more when the instance is going down.
            let _ = self.locks.abandoned.send(held);
        }
    }
}
