//! pg_am: the access methods.

use super::{SystemTable, int, text};
use crate::postgres::types::Type::{Char, Name, Oid};

/// The numbers of the access methods.
pub(super) const HEAP: i64 = 2;
pub(super) const BTREE: i64 = 403;

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_am",
    oid: 2601,
    columns: &[("oid", Oid), ("amname", Name), ("amtype", Char)],
    with: &[(2651, "pg_am_name_index"), (2652, "pg_am_oid_index")],
    rows: |_| {
        vec![
            [int(HEAP), text("heap"), text("t")].into(),
            [int(BTREE), text("btree"), text("i")].into(),
        ]
    },
};
