//! The rows of the system catalog: what drivers and migration tools ask.

use std::sync::Arc;

use super::reader::Reader;
use crate::postgres::locks::Pid;
use crate::postgres::replication::Sender;
use crate::postgres::storage::table::TableDef;
use crate::postgres::types::{Row, Type, Value};
use crate::postgres::wal::Lsn;

/// The numbers of the schemas that there are.
const PG_CATALOG: i64 = 11;
const PUBLIC: i64 = 2200;
const INFORMATION_SCHEMA: i64 = 13_000;

fn int(value: impl Into<i64>) -> Value {
    Value::Int(value.into())
}

fn text(value: &str) -> Value {
    Value::text(value)
}

/// The rows of a table of the catalog.
pub(super) fn rows(name: &str, reader: &Reader<'_, '_>) -> Vec<Row> {
    match name {
        "pg_type" => Type::all().map(pg_type).collect(),
        "pg_namespace" => namespaces(),
        "pg_class" => relations(reader),
        "pg_attribute" => tables(reader).flat_map(|t| attributes(&t)).collect(),
        "pg_tables" => each_table(reader, |def| {
            vec![text("public"), text(&def.name), text("postgres")]
        }),
        "pg_indexes" => tables(reader).flat_map(|t| indexes(&t)).collect(),
        "pg_settings" => {
            let all = reader.run.settings.raw();
            all.map(|(name, value, unit)| {
                let unit = unit.map_or(Value::Null, text);
                [text(name), text(&value), unit].into()
            })
            .collect()
        }
        "pg_stat_replication" => {
            let senders = reader.run.shared.replication.senders();
            senders
                .iter()
                .map(|(pid, one)| standby(*pid, one))
                .collect()
        }
        "pg_database" => {
            let name = text(&reader.run.settings.database);
            vec![[int(5), name, Value::Bool(true)].into()]
        }
        "information_schema.tables" => {
            let database = reader.run.settings.database.clone();
            each_table(reader, |def| {
                vec![
                    text(&database),
                    text("public"),
                    text(&def.name),
                    text("BASE TABLE"),
                ]
            })
        }
        "information_schema.columns" => {
            let database = reader.run.settings.database.clone();
            tables(reader)
                .flat_map(|t| columns(&database, &t))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn standby(pid: Pid, one: &Sender) -> Row {
    let lsn = |lsn: Lsn| text(&lsn.to_string());
    let (priority, state) = if one.synchronous {
        (1, "sync")
    } else {
        (0, "async")
    };
    [
        int(pid),
        text("postgres"),
        text(&one.name),
        text("streaming"),
        lsn(one.sent),
        lsn(one.standby.write),
        lsn(one.standby.flush),
        lsn(one.standby.apply),
        int(priority),
        text(state),
    ]
    .into()
}

fn tables<'r>(reader: &'r Reader<'r, '_>) -> impl Iterator<Item = Arc<TableDef>> {
    let top = reader.run.transaction.xid;
    let engine = reader.engine;
    let tables = engine.catalog.tables();
    let seen = tables.filter(move |table| table.presence.seen(&engine.clog, top));
    seen.map(move |table| table.seen_by(&engine.clog, top))
}

fn each_table(reader: &Reader<'_, '_>, row: impl Fn(&TableDef) -> Vec<Value>) -> Vec<Row> {
    tables(reader).map(|def| row(&def).into()).collect()
}

fn category(ty: Type) -> &'static str {
    match ty {
        Type::Array(_) => "A",
        Type::Bool => "B",
        ty if ty.is_number() || ty.is_catalog_number() => "N",
        ty if ty.is_string() => "S",
        ty if ty.is_time() || ty == Type::Time => "D",
        Type::Interval => "T",
        _ => "U",
    }
}

fn pg_type(ty: Type) -> Row {
    let element = match ty {
        Type::Array(element) => element.oid(),
        _ => 0,
    };
    let pseudo = matches!(
        ty,
        Type::Void | Type::Record | Type::Any | Type::AnyArray | Type::AnyElement
    );
    [
        int(ty.oid()),
        text(&ty.catalog_name()),
        int(PG_CATALOG),
        int(10),
        int(ty.width()),
        Value::Bool((1..=8).contains(&ty.width())),
        text(if pseudo { "p" } else { "b" }),
        text(category(ty)),
        Value::Bool(true),
        text(","),
        int(0),
        int(element),
        int(ty.array().map_or(0, Type::oid)),
        int(0),
        int(-1),
        Value::Bool(false),
    ]
    .into()
}

fn namespaces() -> Vec<Row> {
    let all = [
        (PG_CATALOG, "pg_catalog"),
        (PUBLIC, "public"),
        (INFORMATION_SCHEMA, "information_schema"),
    ];
    all.map(|(oid, name)| Row::from([int(oid), text(name), int(10)]))
        .into()
}

fn relations(reader: &Reader<'_, '_>) -> Vec<Row> {
    let relation = |oid: u32, name: &str, kind: &str, columns: usize| -> Row {
        [
            int(oid),
            text(name),
            int(PUBLIC),
            text(kind),
            text("p"),
            int(i64::try_from(columns).unwrap_or(0)),
            Value::Real(-1.0),
        ]
        .into()
    };
    let mut rows = Vec::new();
    for def in tables(reader) {
        rows.push(relation(def.id.0, &def.name, "r", def.columns.len()));
        for index in &def.indexes {
            rows.push(relation(index.id, &index.name, "i", index.keys.len()));
        }
        for sequence in reader.engine.catalog.owned_sequences(def.id) {
            rows.push(relation(sequence.id.0, &sequence.name, "S", 3));
        }
    }
    rows
}

fn attributes(def: &TableDef) -> Vec<Row> {
    let columns = def.columns.iter().enumerate();
    columns
        .map(|(index, column)| {
            let identity = match column.sequence {
                Some(_) if column.generated_always => "a",
                _ => "",
            };
            Row::from([
                int(def.id.0),
                text(&column.name),
                int(column.ty.oid()),
                int(i64::try_from(index + 1).unwrap_or(0)),
                int(column.modifier),
                Value::Bool(column.not_null),
                Value::Bool(column.default.is_some()),
                Value::Bool(false),
                text(identity),
            ])
        })
        .collect()
}

fn indexes(def: &TableDef) -> Vec<Row> {
    let indexes = def.indexes.iter();
    indexes
        .map(|index| Row::from([text("public"), text(&def.name), text(&index.name)]))
        .collect()
}

fn columns(database: &str, def: &TableDef) -> Vec<Row> {
    let columns = def.columns.iter().enumerate();
    columns
        .map(|(index, column)| {
            let length = match column.ty {
                Type::Varchar | Type::Bpchar if column.modifier > 0 => int(column.modifier - 4),
                _ => Value::Null,
            };
            let data_type = match column.ty {
                Type::Array(_) => "ARRAY",
                ty => ty.name(),
            };
            Row::from([
                text(database),
                text("public"),
                text(&def.name),
                text(&column.name),
                int(i64::try_from(index + 1).unwrap_or(0)),
                text(if column.not_null { "NO" } else { "YES" }),
                text(data_type),
                length,
                text(&column.ty.catalog_name()),
            ])
        })
        .collect()
}
