//! How stock is guarded: one strategy a file, each as the article that
//! recommends it would have it, right or wrong.

mod atomic_sql;
mod fenced;
mod naive;
mod optimistic;
mod pessimistic;
mod redis_lock;
mod redlock;
mod triple_layered;

use futures_util::future::BoxFuture;

use super::database::Session;
use super::error::{Busy, Error};
use super::order::Order;
use super::sale::Sale;
use crate::named::named;

pub use fenced::Fence;
pub use redlock::Validity;

/// A way to sell.
pub(super) trait Strategy: Sync {
    /// The whole sale: its transaction, and whatever goes around it.
    fn sell<'a>(&'a self, sale: &'a Sale<'_>) -> BoxFuture<'a, Result<Order, Error>>;
}

/// What a sale does inside its transaction.
pub(super) trait Take: Sync {
    /// Takes what is wanted off the stock, inside the open transaction of the
    /// sale. The order is written after it, and both commit together.
    fn take<'a>(
        &'a self,
        session: &'a mut Session,
        sale: &'a Sale<'_>,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// Asked right before the commit; an error rolls the sale back.
    fn may_commit(&self) -> Result<(), Busy> {
        Ok(())
    }
}

/// With nothing around it.
impl<T: Take> Strategy for T {
    fn sell<'a>(&'a self, sale: &'a Sale<'_>) -> BoxFuture<'a, Result<Order, Error>> {
        Box::pin(sale.transact(self))
    }
}

named! {
    /// How stock is guarded.
    pub enum StockStrategy: "stock strategy" => dyn Strategy {
        /// Read, compute, write: two can read the same last item.
        Naive = "naive" => naive::Naive,
        /// One conditional `UPDATE` decides and decrements.
        AtomicSql = "atomic-sql" => atomic_sql::AtomicSql,
        /// A version column says whether somebody was faster; then again.
        Optimistic = "optimistic" => optimistic::Optimistic,
        /// `SELECT ... FOR UPDATE` makes the others wait.
        Pessimistic = "pessimistic" => pessimistic::Pessimistic,
        /// A lock in Redis around `naive`.
        RedisLock = "redis-lock" => redis_lock::RedisLock,
        /// A lock on a majority of several Redis servers around `naive`.
        Redlock = "redlock" => redlock::Redlock,
        /// A lock in Redis, a version check and a conditional decrement.
        TripleLayered = "triple-layered" => triple_layered::TripleLayered,
    }
}
