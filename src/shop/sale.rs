//! One request to buy: what the strategies and the idempotency variants have
//! in common.
//!
//! A sale is one transaction: the key may be claimed in it, the strategy
//! takes the stock, the order is written, it commits. It either placed the
//! order or left nothing behind; only an unanswered `COMMIT` leaves open
//! which.

use tokio_postgres::Row;
use tracing::{debug, info};

use super::database::{Database, Session, column};
use super::error::Error;
use super::idempotency::Variant;
use super::lock::{Abandoned, Locks};
use super::order::{NewOrder, Order, new_order_id};
use super::stock::Take;
use super::{Bug, Options};
use crate::rt;

/// Reads what is left, without a lock.
pub(super) const READ_QUANTITY: &str = "SELECT quantity FROM products WHERE sku = $1";

const INSERT_ORDER: &str =
    "INSERT INTO orders (id, sku, quantity, idempotency_key) VALUES ($1, $2, $3, $4)";
const READ_ORDER: &str = "SELECT sku, quantity FROM orders WHERE id = $1";

/// One instance of the service.
pub(super) struct Shop {
    pub(super) options: Options,
    pub(super) database: Database,
    pub(super) locks: Locks,
}

impl Shop {
    /// Connects to nothing yet.
    pub(super) fn new(options: Options) -> (Shop, Abandoned) {
        let (locks, abandoned) = Locks::new(&options);
        let shop = Shop {
            database: Database::new(&options),
            locks,
            options,
        };
        (shop, abandoned)
    }

    /// Places an order, or answers with the one that the key already stands
    /// for.
    pub(super) async fn place(&self, wanted: &NewOrder, key: &str) -> Result<Order, Error> {
        if self.options.has(Bug::PanicInHandler) && rt::random_u64().is_multiple_of(4) {
            self.locks.panic_while_locked();
        }
        let sale = Sale {
            shop: self,
            wanted,
            key,
            order_id: new_order_id(),
        };
        let sold = sale.sell().await;
        let NewOrder { sku, quantity } = wanted;
        match &sold {
            Ok(order) if order.order_id == sale.order_id => {
                info!(sku, quantity, key, order_id = order.order_id, "placed");
            }
            Ok(order) => info!(sku, quantity, key, order_id = order.order_id, "replayed"),
            Err(error) => info!(sku, quantity, key, %error, "not placed"),
        }
        sold
    }

    /// What is left of a product.
    pub(super) async fn quantity(&self, sku: &str) -> Result<i64, Error> {
        let mut session = self.database.reader().await?;
        let row = session.query_opt(READ_QUANTITY, &[&sku]).await?;
        Ok(column(&row.ok_or(Error::NotFound)?, 0)?)
    }

    /// An order that was placed.
    pub(super) async fn order(&self, order_id: &str) -> Result<Order, Error> {
        let mut session = self.database.reader().await?;
        let row = session.query_opt(READ_ORDER, &[&order_id]).await?;
        let row = row.ok_or(Error::NotFound)?;
        Ok(Order {
            order_id: order_id.to_owned(),
            sku: column(&row, 0)?,
            quantity: column(&row, 1)?,
        })
    }
}

/// One request to buy.
pub(super) struct Sale<'a> {
    pub(super) shop: &'a Shop,
    pub(super) wanted: &'a NewOrder,
    /// The request's `Idempotency-Key`.
    pub(super) key: &'a str,
    /// Names the order if this sale places one.
    pub(super) order_id: String,
}

/// What a look at the shelf found.
pub(super) enum Shelf {
    /// As much as is wanted, a moment ago.
    InStock,
    /// The key already stands for this order.
    Replay(Order),
}

impl Sale<'_> {
    async fn sell(&self) -> Result<Order, Error> {
        let variant = self.variant();
        if let Some(order) = variant.before(self).await? {
            return Ok(order);
        }
        let order = self.shop.options.stock.implementation().sell(self).await?;
        variant.after(self, &order).await;
        Ok(order)
    }

    /// The transaction of a sale: `take` takes the stock, the order is
    /// written with it, and both commit.
    pub(super) async fn transact<T>(&self, take: &T) -> Result<Order, Error>
    where
        T: Take,
    {
        let mut session = self.shop.database.begin().await?;
        match self.fill(&mut session, take).await {
            Ok(order) if order.order_id == self.order_id => {
                self.commit(session).await?;
                Ok(order)
            }
            replay_or_error => {
                session.rollback().await;
                replay_or_error
            }
        }
    }

    async fn fill<T>(&self, session: &mut Session, take: &T) -> Result<Order, Error>
    where
        T: Take,
    {
        if let Some(order) = self.variant().claim(session, self).await? {
            return Ok(order);
        }
        take.take(session, self).await?;
        let NewOrder { sku, quantity } = self.wanted;
        session
            .execute(INSERT_ORDER, &[&self.order_id, sku, quantity, &self.key])
            .await?;
        take.may_commit()?;
        Ok(self.order(&self.order_id))
    }

    async fn commit(&self, session: Session) -> Result<(), Error> {
        if self.shop.options.has(Bug::AnswersBeforeCommit) {
            rt::spawn(session.commit());
            return Ok(());
        }
        session.commit().await
    }

    /// A look at the shelf, without a lock and without a transaction: what is
    /// sold out need not wait for anything.
    ///
    /// Stock never grows back here, so too little now is too little for good;
    /// and a sale that took it for the same key has committed its key with it.
    pub(super) async fn look(&self) -> Result<Shelf, Error> {
        let mut session = self.shop.database.reader().await?;
        let row = session
            .query_opt(READ_QUANTITY, &[&self.wanted.sku])
            .await?;
        match self.enough(row) {
            Ok(_) => Ok(Shelf::InStock),
            Err(Error::SoldOut) => {
                let order = self.variant().recall(&mut session, self).await?;
                order.map(Shelf::Replay).ok_or(Error::SoldOut)
            }
            Err(error) => Err(error),
        }
    }

    /// Passes a product's row on, if there is one and its first column, the
    /// quantity, is as much as is wanted.
    pub(super) fn enough(&self, row: Option<Row>) -> Result<Row, Error> {
        let row = row.ok_or(Error::NotFound)?;
        let quantity: i64 = column(&row, 0)?;
        if quantity < self.wanted.quantity {
            return Err(Error::SoldOut);
        }
        Ok(row)
    }

    /// What the service does besides: it takes its time.
    pub(super) async fn work(&self) {
        let work = &self.shop.options.work;
        let span = u64::try_from((work.end - work.start).as_nanos()).unwrap_or(u64::MAX);
        let drawn = std::time::Duration::from_nanos(match span {
            0 => 0,
            span => rt::random_u64() % span,
        });
        let duration = work.start + drawn;
        if !duration.is_zero() {
            debug!(sku = self.wanted.sku, ?duration, "working");
            rt::work(duration).await;
        }
    }

    /// The order that this request asks for, under the given id.
    pub(super) fn order(&self, order_id: &str) -> Order {
        Order {
            order_id: order_id.to_owned(),
            sku: self.wanted.sku.clone(),
            quantity: self.wanted.quantity,
        }
    }

    fn variant(&self) -> &'static dyn Variant {
        self.shop.options.idempotency.implementation()
    }
}
