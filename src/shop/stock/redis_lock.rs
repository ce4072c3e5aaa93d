//! A lock in Redis, and `naive` inside it.
//!
//! As long as the lock is held there is one sale at a time. Nothing notices
//! when it no longer is: it expires under a holder that takes longer than its
//! time to live.

use futures_util::future::BoxFuture;

use super::Strategy;
use super::naive::Naive;
use crate::shop::database::Session;
use crate::shop::error::Error;
use crate::shop::order::Order;
use crate::shop::sale::{Sale, Shelf};

pub(super) struct RedisLock;

impl Strategy for RedisLock {
    fn take<'a>(
        &'a self,
        session: &'a mut Session,
        sale: &'a Sale<'_>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Naive.take(session, sale)
    }

    fn sell<'a>(&'a self, sale: &'a Sale<'_>) -> BoxFuture<'a, Result<Order, Error>> {
        Box::pin(under_lock(self, sale))
    }
}

/// The transaction of a sale inside the lock of its product, released after
/// the commit. A look at the shelf before each try answers a crowd whose item
/// is gone.
pub(super) async fn under_lock<S: Strategy>(strategy: &S, sale: &Sale<'_>) -> Result<Order, Error> {
    let attempt = sale.shop.locks.try_for(&sale.wanted.sku);
    let lock = loop {
        if let Shelf::Replay(order) = sale.look().await? {
            return Ok(order);
        }
        if let Some(lock) = attempt.once().await? {
            break lock;
        }
        attempt.pause().await?;
    };
    let sold = sale.transact(strategy).await;
    lock.release().await;
    sold
}
