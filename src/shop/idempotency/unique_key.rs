//! The key is a row under a unique index, inserted by the transaction that
//! places the order, before anything else in it.
//!
//! A second request with the same key waits in its `INSERT` until the first
//! one ends. If that committed, the key is there with its order, which is
//! answered again; if it rolled back, the key is gone, and free.

use futures_util::future::BoxFuture;
use tokio_postgres::Row;
use tracing::warn;

use super::{Variant, look_up, replay};
use crate::shop::Bug;
use crate::shop::database::{Session, column};
use crate::shop::error::{Busy, Error};
use crate::shop::order::{Order, new_order_id};
use crate::shop::sale::Sale;

const CLAIM: &str = "INSERT INTO idempotency_keys (key, fingerprint, order_id) \
                     VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";

pub(super) struct UniqueKey;

impl Variant for UniqueKey {
    fn claim<'a>(
        &'a self,
        session: &'a mut Session,
        sale: &'a Sale<'_>,
    ) -> BoxFuture<'a, Result<Option<Order>, Error>> {
        Box::pin(async move {
            if sale.shop.options.has(Bug::KeyAfterOrder) {
                return find(session, sale).await;
            }
            if insert(session, sale, &sale.order_id).await? {
                return Ok(None);
            }
            // Nobody deletes keys, so what was in the way is there to be read.
            let order = find(session, sale).await?;
            order.map(Some).ok_or(Busy::Unexpected.into())
        })
    }

    fn recall<'a>(
        &'a self,
        session: &'a mut Session,
        sale: &'a Sale<'_>,
    ) -> BoxFuture<'a, Result<Option<Order>, Error>> {
        Box::pin(find(session, sale))
    }

    fn after<'a>(&'a self, sale: &'a Sale<'_>, order: &'a Order) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if sale.shop.options.has(Bug::KeyAfterOrder)
                && let Err(error) = insert_alone(sale, order).await
            {
                warn!(key = sale.key, %error, "order placed without its key");
            }
        })
    }
}

/// Inserts the key, and says whether it was new.
async fn insert(session: &mut Session, sale: &Sale<'_>, order_id: &str) -> Result<bool, Busy> {
    let fingerprint = sale.wanted.fingerprint();
    let inserted = session
        .execute(CLAIM, &[&sale.key, &fingerprint, &order_id])
        .await?;
    Ok(inserted > 0)
}

async fn insert_alone(sale: &Sale<'_>, order: &Order) -> Result<(), Busy> {
    let mut session = sale.shop.database.session().await?;
    insert(&mut session, sale, &order.order_id).await?;
    Ok(())
}

async fn find(session: &mut Session, sale: &Sale<'_>) -> Result<Option<Order>, Error> {
    let row = look_up(session, sale).await?;
    row.map(|row| answer(&row, sale)).transpose()
}

fn answer(row: &Row, sale: &Sale<'_>) -> Result<Order, Error> {
    match sale.shop.options.planted {
        Some(Bug::ReplaysWithoutCheck) => Ok(sale.order(column(row, 1)?)),
        Some(Bug::FreshIdOnReplay) => Ok(sale.order(&new_order_id())),
        _ => replay(row, sale),
    }
}
