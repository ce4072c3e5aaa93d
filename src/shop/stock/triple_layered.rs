//! A lock in Redis for the crowd, a version check for the lock that expired,
//! and a conditional decrement for whoever writes without a version.
//!
//! The lock only saves work; the one `UPDATE` decides.

use futures_util::future::BoxFuture;

use super::redis_lock::{Turn, queue, sell_under};
use super::{Strategy, Take};
use crate::shop::database::{Session, column};
use crate::shop::error::{Busy, Error};
use crate::shop::order::Order;
use crate::shop::sale::Sale;

const READ: &str = "SELECT quantity, version FROM products WHERE sku = $1";
const TAKE: &str = "UPDATE products SET quantity = quantity - $2, version = version + 1 \
                    WHERE sku = $1 AND version = $3 AND quantity >= $2";

pub(super) struct TripleLayered;

impl Strategy for TripleLayered {
    fn sell<'a>(&'a self, sale: &'a Sale<'_>) -> BoxFuture<'a, Result<Order, Error>> {
        Box::pin(async move {
            match queue(sale).await? {
                Turn::Held(lock) => sell_under(lock, &Versioned, sale).await,
                Turn::Replay(order) => Ok(order),
            }
        })
    }
}

struct Versioned;

impl Take for Versioned {
    fn take<'a>(
        &'a self,
        session: &'a mut Session,
        sale: &'a Sale<'_>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let (sku, wanted) = (&sale.wanted.sku, &sale.wanted.quantity);
            for _ in 0..=sale.shop.options.retries {
                let row = sale.enough(session.query_opt(READ, &[sku]).await?)?;
                let version: i64 = column(&row, 1)?;
                sale.work().await;
                if session.execute(TAKE, &[sku, wanted, &version]).await? > 0 {
                    return Ok(());
                }
            }
            Err(Busy::Retries.into())
        })
    }
}
