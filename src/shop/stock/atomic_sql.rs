//! One `UPDATE` that decrements only if there is enough.
//!
//! A second sale of the same row waits for the first to commit and then has
//! its condition checked again, on the new row: nothing is decided on a
//! quantity that may be stale.

use futures_util::future::BoxFuture;

use super::Take;
use crate::shop::database::Session;
use crate::shop::error::Error;
use crate::shop::sale::{READ_QUANTITY, Sale};

const TAKE: &str = "UPDATE products SET quantity = quantity - $2 WHERE sku = $1 AND quantity >= $2";

pub(super) struct AtomicSql;

impl Take for AtomicSql {
    fn take<'a>(
        &'a self,
        session: &'a mut Session,
        sale: &'a Sale<'_>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let sku = &sale.wanted.sku;
            sale.work().await;
            let taken = session.execute(TAKE, &[sku, &sale.wanted.quantity]).await?;
            if taken == 0 {
                // Too little, or no such product?
                let row = session.query_opt(READ_QUANTITY, &[sku]).await?;
                row.ok_or(Error::NotFound)?;
                return Err(Error::SoldOut);
            }
            Ok(())
        })
    }
}
