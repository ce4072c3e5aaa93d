//! information_schema: what the catalog says, as the standard has it.

mod columns;
mod constraints;
mod tables;

use super::{SystemTable, text};
use crate::postgres::types::Value;

/// Every view of it that there is.
pub(super) static TABLES: &[&SystemTable] = &[
    &columns::TABLE,
    &constraints::CHECK_CONSTRAINTS,
    &constraints::CONSTRAINT_COLUMN_USAGE,
    &constraints::KEY_COLUMN_USAGE,
    &constraints::REFERENTIAL_CONSTRAINTS,
    &constraints::TABLE_CONSTRAINTS,
    &tables::TABLE,
];

fn yes_or_no(value: bool) -> Value {
    text(if value { "YES" } else { "NO" })
}
