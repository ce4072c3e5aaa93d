//! Lock the row with `SELECT ... FOR UPDATE`, then write what will be left.
//!
//! Whoever comes second waits for the first to commit, and reads its row.

use futures_util::future::BoxFuture;

use super::Take;
use super::naive::read_then_write;
use crate::shop::database::Session;
use crate::shop::error::Error;
use crate::shop::sale::Sale;

const READ: &str = "SELECT quantity FROM products WHERE sku = $1 FOR UPDATE";

pub(super) struct Pessimistic;

impl Take for Pessimistic {
    fn take<'a>(
        &'a self,
        session: &'a mut Session,
        sale: &'a Sale<'_>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(read_then_write(READ, session, sale))
    }
}
