//! Redlock, the lock on a majority of Redis servers that know nothing of each
//! other, as Salvatore Sanfilippo published it, and `naive` inside it, with a
//! [`Fence`](super::Fence) if there is one.
//!
//! - The same token goes to every server in turn, by `SET NX PX`. Each has
//!   `redlock_timeout` to answer, which is short beside the lock's time to
//!   live: a server that is down costs little.
//! - The lock is obtained if a majority granted it and it is still valid: for
//!   its time to live, less the time that asking took, less a hundredth of
//!   the time to live and 2 ms for clocks that drift apart.
//! - Whoever does not obtain it releases it on every server, also on those
//!   that did not answer, and tries again after a random pause.
//! - The work has to end while the lock is valid: a sale that does not get to
//!   its commit before then rolls back.
//!
//! It is no more than a lease. A holder may stop between its last look at the
//! clock and the commit; a server may forget what it granted, or have its
//! clock set. Without a fence nothing notices.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::fenced::Fenced;
use super::redis_lock::sell_under;
use super::{Strategy, Take};
use crate::named::named;
use crate::rt;
use crate::shop::database::Session;
use crate::shop::error::{Busy, Error};
use crate::shop::lock::{Attempt, Lock, Locks};
use crate::shop::order::Order;
use crate::shop::sale::{Sale, Shelf};

named! {
    /// What Redlock does with the time for which a lock is valid.
    pub enum Validity: "way to treat the validity" {
        /// It is looked at after the last server has answered, and before the
        /// commit.
        Checked = "checked",
        /// A majority is enough: a lock that took longer to obtain than it
        /// lasts counts as obtained.
        Ignored = "ignored",
    }
}

pub(super) struct Redlock;

impl Strategy for Redlock {
    fn sell<'a>(&'a self, sale: &'a Sale<'_>) -> BoxFuture<'a, Result<Order, Error>> {
        Box::pin(sell(sale))
    }
}

async fn sell(sale: &Sale<'_>) -> Result<Order, Error> {
    let locks = &sale.shop.locks;
    let attempt = locks.try_for(&sale.wanted.sku, locks.servers());
    let (lock, until) = loop {
        if let Shelf::Replay(order) = sale.look().await? {
            return Ok(order);
        }
        if let Some(obtained) = obtain(&attempt, sale).await {
            break obtained;
        }
        attempt.pause_at_random().await?;
    };
    let fenced = Fenced::of(&lock, sale)?;
    sell_under(lock, &Valid { until, fenced }, sale).await
}

/// Asks every server once, and says until when the lock is valid; `None` if it
/// was not obtained.
async fn obtain<'a>(attempt: &Attempt<'a>, sale: &'a Sale<'_>) -> Option<(Lock<'a>, Until)> {
    let locks = &sale.shop.locks;
    let lock = attempt.lock();
    let asked = rt::now();
    let mut granted = 0;
    for server in 0..locks.servers() {
        // A server that is down, or slow, has not granted it.
        granted += usize::from(attempt.ask(server).await.unwrap_or(false));
    }
    let until = match sale.shop.options.redlock_validity {
        Validity::Checked => Until(Some(asked + validity(locks.ttl))),
        Validity::Ignored => Until(None),
    };
    if granted >= majority(locks) && until.is_ahead() {
        return Some((lock, until));
    }
    lock.release().await;
    None
}

fn majority(locks: &Locks) -> usize {
    locks.servers() / 2 + 1
}

/// For how long a lock is valid from the moment it was first asked for.
fn validity(ttl: Duration) -> Duration {
    let drift = ttl / 100 + Duration::from_millis(2);
    ttl.saturating_sub(drift)
}

/// The end of a lock's validity; None is never.
#[derive(Clone, Copy)]
struct Until(Option<rt::Instant>);

impl Until {
    fn is_ahead(self) -> bool {
        self.0.is_none_or(|until| rt::now() < until)
    }
}

/// A sale that ends with the validity of its lock.
struct Valid {
    until: Until,
    fenced: Fenced,
}

impl Take for Valid {
    fn take<'a>(
        &'a self,
        session: &'a mut Session,
        sale: &'a Sale<'_>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        self.fenced.take(session, sale)
    }

    fn may_commit(&self) -> Result<(), Busy> {
        match self.until.is_ahead() {
            true => Ok(()),
            false => Err(Busy::LockOver),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_valid_for_less_than_it_lasts() {
        let ms = Duration::from_millis;
        assert_eq!(validity(ms(10_000)), ms(9_898));
        assert_eq!(validity(ms(300)), ms(295));
        assert_eq!(validity(ms(2)), ms(0), "not even as it is asked for");
    }
}
