//! Read the quantity with its version; write only if the version is still the
//! same; otherwise somebody was faster, and it starts over.
//!
//! Every statement of a READ COMMITTED transaction reads what is committed by
//! then, so that it can start over inside the same transaction.

use futures_util::future::BoxFuture;

use super::Take;
use crate::shop::database::{Session, column};
use crate::shop::error::{Busy, Error};
use crate::shop::sale::Sale;

const READ: &str = "SELECT quantity, version FROM products WHERE sku = $1";
const WRITE: &str =
    "UPDATE products SET quantity = $2, version = version + 1 WHERE sku = $1 AND version = $3";

pub(super) struct Optimistic;

impl Take for Optimistic {
    fn take<'a>(
        &'a self,
        session: &'a mut Session,
        sale: &'a Sale<'_>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let sku = &sale.wanted.sku;
            for _ in 0..=sale.shop.options.retries {
                let row = sale.enough(session.query_opt(READ, &[sku]).await?)?;
                let (quantity, version): (i64, i64) = (column(&row, 0)?, column(&row, 1)?);
                sale.work().await;
                let left = quantity - sale.wanted.quantity;
                if session.execute(WRITE, &[sku, &left, &version]).await? > 0 {
                    return Ok(());
                }
            }
            Err(Busy::Retries.into())
        })
    }
}
