//! pg_sequence: how sequences count.

use super::{SystemTable, int};
use crate::postgres::types::Type::{Bool, Int8, Oid};
use crate::postgres::types::{Row, Value};

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_sequence",
    oid: 2224,
    columns: &[
        ("seqrelid", Oid),
        ("seqtypid", Oid),
        ("seqstart", Int8),
        ("seqincrement", Int8),
        ("seqmax", Int8),
        ("seqmin", Int8),
        ("seqcache", Int8),
        ("seqcycle", Bool),
    ],
    with: &[(5002, "pg_sequence_seqrelid_index")],
    rows: |sight| {
        let (engine, top) = (sight.engine, sight.top);
        let sequences = engine.catalog.sequences(&engine.clog, top);
        let rows = sequences.map(|def| {
            Row::from([
                int(def.id.0),
                int(def.ty.oid()),
                int(def.start),
                int(def.increment),
                int(def.max),
                int(def.min),
                int(1),
                Value::Bool(def.cycle),
            ])
        });
        rows.collect()
    },
};
