//! What a repeated `Idempotency-Key` does: one variant a file.
//!
//! A key stands for the order that it placed. Refusals are not remembered: a
//! sold-out answer is as true the second time, and a key that met a busy shop
//! must be good for another try. So the answers for a key agree among those
//! that placed an order, which is what a buyer pays for.

mod check_then_insert;
mod none;
mod unique_key;

use futures_util::future::{BoxFuture, ready};
use tokio_postgres::Row;

use super::database::{Session, column};
use super::error::{Busy, Error};
use super::order::Order;
use super::sale::Sale;
use crate::named::named;

const READ: &str = "SELECT fingerprint, order_id FROM idempotency_keys WHERE key = $1";

/// What a variant does at each point of a sale; by default, nothing.
pub(super) trait Variant: Sync {
    /// Before anything else: the order that the key already stands for.
    fn before<'a>(&'a self, _: &'a Sale<'_>) -> BoxFuture<'a, Result<Option<Order>, Error>> {
        Box::pin(ready(Ok(None)))
    }

    /// Inside the transaction, before the stock is touched: claims the key,
    /// or gives the order that it already stands for.
    fn claim<'a>(
        &'a self,
        _: &'a mut Session,
        _: &'a Sale<'_>,
    ) -> BoxFuture<'a, Result<Option<Order>, Error>> {
        Box::pin(ready(Ok(None)))
    }

    /// Outside the transaction, before "sold out" is answered without one:
    /// the order that the key already stands for.
    fn recall<'a>(
        &'a self,
        _: &'a mut Session,
        _: &'a Sale<'_>,
    ) -> BoxFuture<'a, Result<Option<Order>, Error>> {
        Box::pin(ready(Ok(None)))
    }

    /// After the order is placed. It cannot fail any more.
    fn after<'a>(&'a self, _: &'a Sale<'_>, _: &'a Order) -> BoxFuture<'a, ()> {
        Box::pin(ready(()))
    }
}

named! {
    /// What a repeated `Idempotency-Key` does.
    pub enum Idempotency: "idempotency variant" => dyn Variant {
        /// Nothing: the key is written on the order, and orders again.
        None = "none" => none::None,
        /// The key is looked up first and written last.
        CheckThenInsert = "check-then-insert" => check_then_insert::CheckThenInsert,
        /// The key is a row that only one transaction can insert, the one
        /// that places the order.
        UniqueKey = "unique-key" => unique_key::UniqueKey,
    }
}

/// Looks up what the sale's key stands for: a fingerprint and an order id.
async fn look_up(session: &mut Session, sale: &Sale<'_>) -> Result<Option<Row>, Busy> {
    session.query_opt(READ, &[&sale.key]).await
}

/// The order that a key stands for, unless the payload is another one.
fn replay(row: &Row, sale: &Sale<'_>) -> Result<Order, Error> {
    let fingerprint: &str = column(row, 0)?;
    if fingerprint != sale.wanted.fingerprint() {
        return Err(Error::KeyReused);
    }
    Ok(sale.order(column(row, 1)?))
}
