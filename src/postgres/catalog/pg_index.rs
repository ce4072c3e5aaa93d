//! pg_index: what an index is over.

use super::pg_type::collation;
use super::ruleutils::Node;
use super::{SystemTable, count, int, text};
use crate::postgres::storage::table::{IndexDef, TableDef};
use crate::postgres::types::Type::{Bool, Int2, Int2vector, Oid, Oidvector, PgNodeTree};
use crate::postgres::types::{Row, Type, Value};

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_index",
    oid: 2610,
    columns: &[
        ("indexrelid", Oid),
        ("indrelid", Oid),
        ("indnatts", Int2),
        ("indnkeyatts", Int2),
        ("indisunique", Bool),
        ("indnullsnotdistinct", Bool),
        ("indisprimary", Bool),
        ("indisexclusion", Bool),
        ("indimmediate", Bool),
        ("indisclustered", Bool),
        ("indisvalid", Bool),
        ("indcheckxmin", Bool),
        ("indisready", Bool),
        ("indislive", Bool),
        ("indisreplident", Bool),
        ("indkey", Int2vector),
        ("indcollation", Oidvector),
        ("indclass", Oidvector),
        ("indoption", Int2vector),
        ("indexprs", PgNodeTree),
        ("indpred", PgNodeTree),
    ],
    with: &[
        (2678, "pg_index_indrelid_index"),
        (2679, "pg_index_indexrelid_index"),
    ],
    rows: |sight| sight.tables().flat_map(|def| of_table(&def)).collect(),
};

fn of_table(def: &TableDef) -> Vec<Row> {
    let indexes = def.indexes.iter();
    indexes.map(|index| of_index(def, index)).collect()
}

fn of_index(def: &TableDef, index: &IndexDef) -> Row {
    let columns = index.keys.iter().map(|key| key.column());
    let columns = columns.chain(index.include.iter().copied().map(Some));
    let types = index.keys.iter().map(|key| match key.column() {
        // It may have changed since.
        Some(column) => def.columns[column].ty,
        None => key.ty,
    });
    let types: Vec<Type> = types.collect();
    let classes = index.keys.iter().zip(&types);
    let classes = classes.map(|(key, ty)| match key.operators.as_deref() {
        Some("text_pattern_ops") => 4_217,
        Some("varchar_pattern_ops") => 4_218,
        Some(_) => 4_219,
        None => operator_class(*ty),
    });
    let mut plain = index.keys.iter().map(|key| key.column().is_some());
    let keys = Node::Keys(index.id).text();
    let predicate = Node::Predicate(index.id).text();
    Row::from([
        int(index.id),
        int(def.id.0),
        count(index.keys.len() + index.include.len()),
        count(index.keys.len()),
        Value::Bool(index.unique),
        Value::Bool(!index.nulls_distinct),
        Value::Bool(index.is_primary()),
        Value::Bool(false),
        Value::Bool(true),
        Value::Bool(false),
        Value::Bool(true),
        Value::Bool(false),
        Value::Bool(true),
        Value::Bool(true),
        Value::Bool(false),
        Value::Vector(
            columns
                .map(|column| count(column.map_or(0, |column| column + 1)))
                .collect(),
        ),
        vector(types.iter().map(|ty| collation(*ty))),
        vector(classes),
        vector(index.keys.iter().map(|key| {
            let descending = u32::from(key.descending);
            descending | u32::from(key.nulls_first) << 1
        })),
        if plain.all(|plain| plain) {
            Value::Null
        } else {
            text(&keys)
        },
        index
            .predicate
            .as_ref()
            .map_or(Value::Null, |_| text(&predicate)),
    ])
}

/// Numbers as a value of int2vector or oidvector.
fn vector(numbers: impl Iterator<Item = impl Into<i64>>) -> Value {
    Value::Vector(numbers.map(|number| int(number)).collect())
}

/// The class of operators by which a B-tree orders a type, as initdb of
/// PostgreSQL 15 numbers it.
fn operator_class(ty: Type) -> u32 {
    match ty {
        Type::Array(_) => 10_000,
        Type::Bool => 10_003,
        Type::Bpchar => 10_004,
        Type::Bytea => 10_006,
        Type::Char => 10_007,
        Type::Date => 3_122,
        Type::Float4 => 10_012,
        Type::Float8 => 3_123,
        Type::Int2 => 1_979,
        Type::Int4 => 1_978,
        Type::Int8 => 3_124,
        Type::Interval => 10_022,
        Type::Jsonb => 10_088,
        Type::Name => 10_028,
        Type::Numeric => 3_125,
        Type::Oid => 1_981,
        Type::Text | Type::Varchar => 3_126,
        Type::Time => 10_038,
        Type::Timestamp => 3_128,
        Type::Timestamptz => 3_127,
        Type::Uuid => 10_065,
        _ => 0,
    }
}
