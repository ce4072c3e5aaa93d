//! Lock the row with `SELECT ... FOR UPDATE`, then write what will be left.
//!
//! Whoever comes second waits for the first to commit, and reads its row.

use futures_util::future::BoxFuture;

use super::Strategy;
use crate::shop::database::{Session, column};
use crate::shop::error::Error;
use crate::shop::sale::Sale;

const READ: &str = "SELECT quantity FROM products WHERE sku = $1 FOR UPDATE";
const WRITE: &str = "UPDATE products SET quantity = $2 WHERE sku = $1";

pub(super) struct Pessimistic;

impl Strategy for Pessimistic {
    fn take<'a>(
        &'a self,
        session: &'a mut Session,
        sale: &'a Sale<'_>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let sku = &sale.wanted.sku;
            let row = session.query_opt(READ, &[sku]).await?;
            let quantity: i64 = column(&sale.enough(row)?, 0)?;
            sale.work().await;
            let left = quantity - sale.wanted.quantity;
            session.execute(WRITE, &[sku, &left]).await?;
            Ok(())
        })
    }
}
