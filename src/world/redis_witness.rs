//! What the servers of Redis know, each from its own side, put together:
//! which locks were granted, and which a crash or a failover took away.
//!
//! What a server grants while it leads is noted under its name. When it
//! starts again without a lock, the crash lost it. When another is promoted,
//! what that one does not have is lost by the failover, and so is what the old
//! primary grants after that and gives up when it follows the new one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;

use super::lens::Lens;
use super::redis_servers::PRIMARY;
use crate::history::Event;
use crate::redis::{self, Change, Held, Moment, Outcome, ScriptRun};
use crate::rt;
use crate::shop::LOCK_PREFIX;

/// Locks by their names.
type Locks = BTreeMap<String, Grant>;

/// Whose a lock is, and until when on Redis's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Grant {
    holder: String,
    expires_at_ms: Option<i64>,
}

/// What the servers have said.
#[derive(Default)]
pub(super) struct Group {
    /// What each granted and did not take back.
    granted: BTreeMap<String, Locks>,
    /// Everybody to whom one of them ever granted a lock.
    holders: BTreeSet<String>,
    /// The server that was promoted last; none while nobody was.
    primary: Option<String>,
}

/// Sees one server.
pub(super) struct Witness {
    lens: Arc<Lens>,
    node: String,
    group: Arc<Mutex<Group>>,
}

impl Witness {
    pub(super) fn new(lens: &Arc<Lens>, node: &str, group: &Arc<Mutex<Group>>) -> Witness {
        Witness {
            lens: lens.clone(),
            node: node.to_owned(),
            group: group.clone(),
        }
    }

    /// Does something to what this server granted.
    fn granted<T>(&self, work: impl FnOnce(&mut Locks) -> T) -> T {
        let mut group = self.group.lock();
        work(group.granted.entry(self.node.clone()).or_default())
    }

    /// A lock is gone by the server's own doing.
    fn gone(&self, change: &Change<'_>, event: impl FnOnce(String, String, String) -> Event) {
        if let Some(lock) = lock(change.key) {
            self.granted(|granted| granted.remove(&lock));
            let event = event(self.node.clone(), lock, text(change.value));
            self.lens.record(event);
        }
    }

    /// Records what of `granted` the server does not have.
    fn compare(&self, granted: Locks, has: &Locks, cause: &str) {
        for (lock, grant) in granted {
            let Grant {
                holder,
                expires_at_ms,
            } = grant;
            if has.get(&lock).is_some_and(|has| has.holder == holder) {
                continue;
            }
            let ran_out = expires_at_ms.is_some_and(|at_ms| from_now_ms(at_ms) == 0);
            let node = self.node.clone();
            self.lens.record(match ran_out {
                true => Event::LockExpired { node, lock, holder },
                false => Event::LockLost {
                    node,
                    lock,
                    holder,
                    cause: cause.to_owned(),
                },
            });
        }
    }
}

impl redis::Observer for Witness {
    fn set(&self, change: &Change<'_>, expires_at_ms: Option<i64>) {
        let Some(lock) = lock(change.key) else { return };
        let holder = text(change.value);
        let grant = Grant {
            holder: holder.clone(),
            expires_at_ms,
        };
        self.granted(|granted| granted.insert(lock.clone(), grant));
        self.group.lock().holders.insert(holder.clone());
        self.lens.record(Event::LockTaken {
            node: self.node.clone(),
            lock,
            holder,
            by: by(change),
            for_ms: expires_at_ms.map_or(0, from_now_ms),
        });
    }

    fn deadline_changed(&self, _database: usize, key: &[u8], expires_at_ms: Option<i64>) {
        if let Some(lock) = lock(key) {
            self.granted(|granted| {
                if let Some(grant) = granted.get_mut(&lock) {
                    grant.expires_at_ms = expires_at_ms;
                }
            });
        }
    }

    fn deleted(&self, change: &Change<'_>) {
        self.gone(change, |node, lock, holder| Event::LockReleased {
            node,
            lock,
            holder,
            by: by(change),
        });
    }

    fn expired(&self, change: &Change<'_>) {
        self.gone(change, |node, lock, holder| Event::LockExpired {
            node,
            lock,
            holder,
        });
    }

    fn evicted(&self, change: &Change<'_>) {
        self.gone(change, |node, lock, holder| Event::LockEvicted {
            node,
            lock,
            holder,
        });
    }

    fn took_stock(&self, moment: Moment, keys: &mut dyn Iterator<Item = Held<'_>>) {
        let has: Locks = keys.filter_map(|held| grant(&held)).collect();
        let own = || self.granted(std::mem::take);
        match moment {
            Moment::Start => {
                self.compare(own(), &has, "crash");
                self.granted(|granted| *granted = has);
            }
            Moment::StartAsReplica | Moment::Resync => self.compare(own(), &has, "failover"),
            Moment::Promotion => {
                let node = self.node.clone();
                self.lens.record(Event::Promoted { node: node.clone() });
                let mut group = self.group.lock();
                let before = group.primary.replace(node);
                let before = before.unwrap_or_else(|| PRIMARY.to_owned());
                let granted = group.granted.remove(&before).unwrap_or_default();
                group.granted.insert(self.node.clone(), has.clone());
                drop(group);
                self.compare(granted, &has, "failover");
            }
        }
    }

    /// A release that deleted nothing came too late, if there was anything to
    /// release.
    fn script_ran(&self, run: &ScriptRun<'_>) {
        let ([key], [holder], Outcome::Integer(0)) = (run.keys, run.args, run.outcome) else {
            return;
        };
        let (node, holder) = (self.node.clone(), text(holder));
        if let Some(lock) = lock(key)
            && self.group.lock().holders.contains(&holder)
        {
            self.lens.record(Event::LateRelease { node, lock, holder });
        }
    }
}

/// The node from which a client's request came.
fn by(change: &Change<'_>) -> String {
    let address = change.client.unwrap_or_default();
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.to_owned()
}

/// The lock that a key stands for, if it does.
fn lock(key: &[u8]) -> Option<String> {
    key.starts_with(LOCK_PREFIX.as_bytes()).then(|| text(key))
}

fn grant(held: &Held<'_>) -> Option<(String, Grant)> {
    let grant = Grant {
        holder: text(held.value),
        expires_at_ms: held.expires_at_ms,
    };
    Some((lock(held.key)?, grant))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// How far an instant of Redis's clock is from now: Redis itself calls.
fn from_now_ms(at_ms: i64) -> u64 {
    let now_ms = rt::unix_time().as_millis();
    let left_ms = i128::from(at_ms) - now_ms.cast_signed();
    u64::try_from(left_ms).unwrap_or(0)
}
