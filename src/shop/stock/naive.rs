//! Read the quantity; if it is enough, write what will be left.
//!
//! Under READ COMMITTED two sales can both read 1 and both write 0: the last
//! item is sold twice, and the stock does not even show it.

use futures_util::future::BoxFuture;

use super::Take;
use crate::shop::database::{Session, column};
use crate::shop::error::Error;
use crate::shop::sale::{READ_QUANTITY, Sale};

const WRITE: &str = "UPDATE products SET quantity = $2 WHERE sku = $1";

pub(super) struct Naive;

impl Take for Naive {
    fn take<'a>(
        &'a self,
        session: &'a mut Session,
        sale: &'a Sale<'_>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(read_then_write(READ_QUANTITY, session, sale))
    }
}

/// Reads the quantity with `read`, and writes what it computed from it.
pub(super) async fn read_then_write(
    read: &'static str,
    session: &mut Session,
    sale: &Sale<'_>,
) -> Result<(), Error> {
    let sku = &sale.wanted.sku;
    let row = session.query_opt(read, &[sku]).await?;
    let quantity: i64 = column(&sale.enough(row)?, 0)?;
    sale.work().await;
    let left = quantity - sale.wanted.quantity;
    session.execute(WRITE, &[sku, &left]).await?;
    Ok(())
}
