//! `naive` with a fence: a number that comes with the lock goes along with
//! the write, and the row remembers the highest one. A holder whose lock was
//! given away meanwhile has a lower number, and its write changes nothing.
//!
//! It stands and falls with where the number is from ([`Fence`]). And it is
//! checked where the stock is written, as Martin Kleppmann drew it: who reads
//! with a higher number before a lower one writes still computes from what it
//! read. Only the row's own version stops that.

use futures_util::future::BoxFuture;

use super::Take;
use super::naive::Naive;
use crate::named::named;
use crate::shop::database::{Session, column};
use crate::shop::error::{Busy, Error};
use crate::shop::lock::Lock;
use crate::shop::sale::{READ_QUANTITY, Sale};

named! {
    /// Where the number comes from that a holder of a lock writes with.
    pub enum Fence: "fence" {
        /// There is none.
        None = "none",
        /// The random token of the lock, read as a number: it says who wrote,
        /// and not who came later.
        Random = "random",
        /// A counter beside the lock, raised by the script that takes it. It
        /// is as durable as Redis is.
        Counter = "counter",
        /// The row itself: its version, read with the quantity.
        Database = "database",
    }
}

const WRITE: &str =
    "UPDATE products SET quantity = $2, version = $3 WHERE sku = $1 AND version <= $3";
const READ_BOTH: &str = "SELECT quantity, version FROM products WHERE sku = $1";
const WRITE_IF_SAME: &str =
    "UPDATE products SET quantity = $2, version = version + 1 WHERE sku = $1 AND version = $3";

/// What the holder of a lock writes with.
pub(super) enum Fenced {
    /// Nothing.
    No,
    /// A number that came with the lock.
    By(i64),
    /// The version that it will read.
    ByVersion,
}

impl Fenced {
    /// The fence that the options ask for.
    pub(super) fn of(lock: &Lock<'_>, sale: &Sale<'_>) -> Result<Fenced, Busy> {
        Ok(match sale.shop.options.fence {
            Fence::None => Fenced::No,
            Fence::Random => Fenced::By(lock.token_as_number()),
            Fence::Counter => Fenced::By(lock.count().ok_or(Busy::Unexpected)?),
            Fence::Database => Fenced::ByVersion,
        })
    }
}

impl Take for Fenced {
    fn take<'a>(
        &'a self,
        session: &'a mut Session,
        sale: &'a Sale<'_>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        match self {
            Fenced::No => Naive.take(session, sale),
            Fenced::By(number) => Box::pin(write_by(*number, session, sale)),
            Fenced::ByVersion => Box::pin(write_by_version(session, sale)),
        }
    }
}

async fn write_by(number: i64, session: &mut Session, sale: &Sale<'_>) -> Result<(), Error> {
    let sku = &sale.wanted.sku;
    let row = sale.enough(session.query_opt(READ_QUANTITY, &[sku]).await?)?;
    let quantity: i64 = column(&row, 0)?;
    sale.work().await;
    let left = quantity - sale.wanted.quantity;
    let written = session.execute(WRITE, &[sku, &left, &number]).await?;
    fenced_off(written)
}

async fn write_by_version(session: &mut Session, sale: &Sale<'_>) -> Result<(), Error> {
    let sku = &sale.wanted.sku;
    let row = sale.enough(session.query_opt(READ_BOTH, &[sku]).await?)?;
    let (quantity, version): (i64, i64) = (column(&row, 0)?, column(&row, 1)?);
    sale.work().await;
    let left = quantity - sale.wanted.quantity;
    let written = session
        .execute(WRITE_IF_SAME, &[sku, &left, &version])
        .await?;
    fenced_off(written)
}

/// A write that changed no row came too late.
fn fenced_off(written: u64) -> Result<(), Error> {
    match written {
        0 => Err(Busy::FencedOff.into()),
        _ => Ok(()),
    }
}
