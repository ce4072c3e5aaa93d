//! Look the key up, sell, then write the key.
//!
//! Two requests with one key can both find nothing, and both sell. And the
//! order is there before its key is: who dies in between has sold, and will
//! sell again.

use futures_util::future::BoxFuture;
use tracing::warn;

use super::{Variant, look_up, replay};
use crate::shop::error::{Busy, Error};
use crate::shop::order::Order;
use crate::shop::sale::Sale;

const INSERT: &str =
    "INSERT INTO idempotency_keys (key, fingerprint, order_id) VALUES ($1, $2, $3)";

pub(super) struct CheckThenInsert;

impl Variant for CheckThenInsert {
    fn before<'a>(&'a self, sale: &'a Sale<'_>) -> BoxFuture<'a, Result<Option<Order>, Error>> {
        Box::pin(async move {
            let mut session = sale.shop.database.reader().await?;
            let found = look_up(&mut session, sale).await?;
            found.map(|row| replay(&row, sale)).transpose()
        })
    }

    fn after<'a>(&'a self, sale: &'a Sale<'_>, order: &'a Order) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if let Err(error) = insert(sale, order).await {
                warn!(key = sale.key, %error, "order placed without its key");
            }
        })
    }
}

async fn insert(sale: &Sale<'_>, order: &Order) -> Result<(), Busy> {
    let mut session = sale.shop.database.session().await?;
    let fingerprint = sale.wanted.fingerprint();
    session
        .execute(INSERT, &[&sale.key, &fingerprint, &order.order_id])
        .await?;
    Ok(())
}
