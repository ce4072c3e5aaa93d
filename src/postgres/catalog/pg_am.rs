//! pg_am: the access methods. What others than btree make is refused.

use super::{SystemTable, int, support, text};
use crate::postgres::types::Row;
use crate::postgres::types::Type::{Char, Name, Oid, Regproc};

/// The numbers of the access methods that there are relations of.
pub(super) const HEAP: i64 = 2;
pub(super) const BTREE: i64 = 403;

const METHODS: &[(i64, &str, &str)] = &[
    (HEAP, "heap", "heap_tableam_handler"),
    (BTREE, "btree", "bthandler"),
    (405, "hash", "hashhandler"),
    (783, "gist", "gisthandler"),
    (2742, "gin", "ginhandler"),
    (4000, "spgist", "spghandler"),
    (3580, "brin", "brinhandler"),
];

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_am",
    oid: 2601,
    columns: &[
        ("oid", Oid),
        ("amname", Name),
        ("amhandler", Regproc),
        ("amtype", Char),
    ],
    with: &[(2651, "pg_am_name_index"), (2652, "pg_am_oid_index")],
    rows: |_| {
        let row = |(oid, name, handler): &(i64, &str, &str)| {
            let kind = if *oid == HEAP { "t" } else { "i" };
            Row::from([int(*oid), text(name), support::named(handler), text(kind)])
        };
        METHODS.iter().map(row).collect()
    },
};
