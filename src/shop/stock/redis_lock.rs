//! A lock in Redis, and `naive` inside it, with a [`Fence`](super::Fence) if
//! there is one.
//!
//! As long as the lock is held there is one sale at a time. Without a fence
//! nothing notices when it no longer is: it expires under a holder that takes
//! longer than its time to live.

use futures_util::future::BoxFuture;

use super::fenced::Fenced;
use super::{Strategy, Take};
use crate::shop::error::Error;
use crate::shop::lock::Lock;
use crate::shop::order::Order;
use crate::shop::sale::{Sale, Shelf};

pub(super) struct RedisLock;

impl Strategy for RedisLock {
    fn sell<'a>(&'a self, sale: &'a Sale<'_>) -> BoxFuture<'a, Result<Order, Error>> {
        Box::pin(async move {
            match queue(sale).await? {
                Turn::Held(lock) => {
                    let fenced = Fenced::of(&lock, sale)?;
                    sell_under(lock, &fenced, sale).await
                }
                Turn::Replay(order) => Ok(order),
            }
        })
    }
}

/// What came of waiting for a lock.
pub(super) enum Turn<'a> {
    /// It is held.
    Held(Lock<'a>),
    /// It is not needed: the key already stands for this order.
    Replay(Order),
}

/// Waits for the lock of the product. A look at the shelf before each try
/// answers a crowd whose item is gone.
pub(super) async fn queue<'a>(sale: &'a Sale<'_>) -> Result<Turn<'a>, Error> {
    let attempt = sale.shop.locks.try_for(&sale.wanted.sku, 1);
    loop {
        if let Shelf::Replay(order) = sale.look().await? {
            return Ok(Turn::Replay(order));
        }
        if let Some(lock) = attempt.once().await? {
            return Ok(Turn::Held(lock));
        }
        attempt.pause().await?;
    }
}

/// The transaction of a sale inside a lock, which is released after the
/// commit.
pub(super) async fn sell_under<T: Take>(
    lock: Lock<'_>,
    take: &T,
    sale: &Sale<'_>,
) -> Result<Order, Error> {
    let sold = sale.transact(take).await;
    lock.release().await;
    sold
}
