//! Locks in Redis: `SET NX PX` takes one, a compare-and-delete releases it.
//!
//! It expires by itself, so that the death of its holder does not stop the
//! shop; it may therefore expire under a holder that is merely slow. Of
//! several servers a plain lock knows the first alone; Redlock asks them all
//! ([`Attempt::ask`]).

use std::time::Duration;

use futures_util::future::join_all;
use redis::{Script, Value, cmd};
use tokio::sync::mpsc;
use tracing::debug;

use super::error::{Busy, RedisCall};
use super::redis_link::RedisLink;
use super::redis_primary::Primary;
use super::{Bug, Fence, Options, StockStrategy};
use crate::rt;

/// What the key of every lock begins with; the SKU follows.
pub const LOCK_PREFIX: &str = "lock:";

/// What the key of the counter beside a lock begins with.
const COUNTER_PREFIX: &str = "fence:";

/// Takes the lock and counts its holders, or answers nil.
const TAKE_AND_COUNT: &str = "\
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
    return redis.call('INCR', KEYS[2])
end
return false";

/// Deletes the lock if the token in it is still ours.
const RELEASE: &str = "\
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1])
end
return 0";

/// What the locks of an instance share.
pub(super) struct Locks {
    servers: Vec<RedisLink>,
    release: Script,
    /// Takes a lock, if its holders are counted.
    counts: Option<Script>,
    /// Where a lock goes whose request ended before it could release.
    abandoned: mpsc::UnboundedSender<Held>,
    pub(super) ttl: Duration,
    /// How many replicas must have it.
    replicas: usize,
    wait: Duration,
    retry: Duration,
    releases_any: bool,
}

/// What it takes to release a lock.
struct Held {
    key: String,
    token: u64,
    /// On so many servers, from the first.
    servers: usize,
}

/// A lock that is held, or may be: asking for it is reason enough to release.
pub(super) struct Lock<'a> {
    locks: &'a Locks,
    /// Taken by whoever releases.
    held: Option<Held>,
    /// How many have held it up to now, if they are counted.
    count: Option<i64>,
}

/// The locks whose requests ended early, for [`Locks::release_abandoned`].
pub(super) struct Abandoned(mpsc::UnboundedReceiver<Held>);

impl Locks {
    pub(super) fn new(options: &Options) -> (Locks, Abandoned) {
        let (abandoned, receiver) = mpsc::unbounded_channel();
        let locks = Locks {
            servers: servers(options),
            release: Script::new(RELEASE),
            counts: (options.fence == Fence::Counter).then(|| Script::new(TAKE_AND_COUNT)),
            abandoned,
            ttl: options.lock_ttl,
            replicas: options.lock_replicas,
            wait: options.lock_wait,
            retry: options.lock_retry,
            releases_any: options.has(Bug::ReleasesAnyLock),
        };
        (locks, Abandoned(receiver))
    }

    /// How many servers there are.
    pub(super) fn servers(&self) -> usize {
        self.servers.len()
    }

    /// Starts to try for the lock of `sku` on so many servers.
    pub(super) fn try_for(&self, sku: &str, servers: usize) -> Attempt<'_> {
        Attempt {
            locks: self,
            key: format!("{LOCK_PREFIX}{sku}"),
            counter: format!("{COUNTER_PREFIX}{sku}"),
            token: rt::random_u64(),
            servers,
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

    /// Looks for another primary whenever sentinels say that there is one, for
    /// as long as it is polled.
    pub(super) async fn watch_primary(&self) {
        self.servers[0].watch_primary().await;
    }

    /// Panics while a connection is locked, for the bug that does.
    pub(super) fn panic_while_locked(&self) {
        self.servers[0].panic_while_locked();
    }

    /// On all of its servers at once.
    async fn release(&self, held: &Held) {
        let servers = self.servers.iter().take(held.servers);
        join_all(servers.map(|server| self.release_on(server, held))).await;
    }

    /// A release that fails is left to the lock's expiry.
    async fn release_on(&self, server: &RedisLink, held: &Held) {
        let (key, token) = (&held.key, text(held.token));
        let released = if self.releases_any {
            server.command(cmd("DEL").arg(key)).await
        } else {
            server.script(self.release.key(key).arg(token)).await
        };
        match released {
            Ok(Value::Int(0)) => debug!(key, "lock had expired before its release"),
            Ok(_) => {}
            Err(error) => debug!(key, %error, "lock left to expire"),
        }
    }
}

/// Each server of a redlock by itself, or else whichever leads.
fn servers(options: &Options) -> Vec<RedisLink> {
    let Options {
        redis, deadline, ..
    } = options;
    match options.stock {
        StockStrategy::Redlock => {
            let deadline = options.redlock_timeout.min(*deadline);
            let servers = redis.split(',').map(Primary::only);
            servers.map(|one| RedisLink::new(one, deadline)).collect()
        }
        _ => vec![RedisLink::new(Primary::new(options), *deadline)],
    }
}

/// A lock that is being tried for.
pub(super) struct Attempt<'a> {
    locks: &'a Locks,
    key: String,
    counter: String,
    token: u64,
    servers: usize,
    give_up: rt::Instant,
}

impl<'a> Attempt<'a> {
    /// Tries once, on the first server. `None` if somebody else holds the
    /// lock.
    pub(super) async fn once(&self) -> Result<Option<Lock<'a>>, Busy> {
        let mut lock = self.lock();
        match self.take(0).await {
            Ok(Value::Okay) => Ok(Some(lock)),
            Ok(Value::Int(count)) => {
                lock.count = Some(count);
                Ok(Some(lock))
            }
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

    /// What is to be released once a server has been asked.
    pub(super) fn lock(&self) -> Lock<'a> {
        Lock {
            locks: self.locks,
            held: Some(Held {
                key: self.key.clone(),
                token: self.token,
                servers: self.servers,
            }),
            count: None,
        }
    }

    /// Asks one server for the lock; false if somebody else has it there.
    pub(super) async fn ask(&self, server: usize) -> Result<bool, RedisCall> {
        Ok(self.take(server).await? == Value::Okay)
    }

    async fn take(&self, server: usize) -> Result<Value, RedisCall> {
        let Attempt { locks, key, .. } = self;
        let (server, token) = (&locks.servers[server], text(self.token));
        let ttl_ms = u64::try_from(locks.ttl.as_millis()).unwrap_or(u64::MAX);
        match &locks.counts {
            None => {
                let mut set = cmd("SET");
                set.arg(key).arg(token).arg("NX").arg("PX").arg(ttl_ms);
                match locks.replicas {
                    0 => server.command(&set).await,
                    least => server.replicated(&set, least).await,
                }
            }
            Some(script) => {
                let mut run = script.key(key);
                run.key(&self.counter).arg(token).arg(ttl_ms);
                server.script(&run).await
            }
        }
    }

    /// Waits before the next try, if there is time for one.
    pub(super) async fn pause(&self) -> Result<(), Busy> {
        self.pause_for(self.locks.retry).await
    }

    /// Waits at random before the next try, so that those who have taken a
    /// part of the servers from each other do not do it again.
    pub(super) async fn pause_at_random(&self) -> Result<(), Busy> {
        let most_ns = u64::try_from(self.locks.retry.as_nanos()).unwrap_or(u64::MAX);
        let drawn = Duration::from_nanos(rt::random_u64() % most_ns.max(1));
        self.pause_for(self.locks.retry / 2 + drawn).await
    }

    async fn pause_for(&self, pause: Duration) -> Result<(), Busy> {
        let next = rt::now() + pause;
        if next > self.give_up {
            return Err(Busy::Lock);
        }
        rt::sleep_until(next).await;
        Ok(())
    }
}

fn text(token: u64) -> String {
    format!("{token:016x}")
}

impl Lock<'_> {
    /// The token, but for its sign a number as PostgreSQL has them.
    pub(super) fn token_as_number(&self) -> i64 {
        let token = self.held.as_ref().map_or(0, |held| held.token);
        (token >> 1).cast_signed()
    }

    /// How many have held this lock up to now, if they are counted.
    pub(super) fn count(&self) -> Option<i64> {
        self.count
    }

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
