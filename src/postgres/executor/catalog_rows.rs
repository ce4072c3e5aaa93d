//! The rows of the system catalog: what drivers and migration tools ask.

use std::sync::Arc;

use super::reader::Reader;
use crate::postgres::locks::Pid;
use crate::postgres::replication::Sender;
use crate::postgres::sql::{DATABASE_OWNER, SUPERUSER, role_name};
use crate::postgres::storage::table::{IndexDef, TableDef};
use crate::postgres::types::{Row, Type, Value};
use crate::postgres::wal::Lsn;

/// The numbers of the schemas that there are.
const PG_CATALOG: i64 = 11;
const PUBLIC: i64 = 2200;
const INFORMATION_SCHEMA: i64 = 13_000;

/// The numbers of the access methods.
const HEAP: i64 = 2;
const BTREE: i64 = 403;

/// The number of the encoding UTF8.
const UTF8: i64 = 6;

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
        "pg_index" => tables(reader).flat_map(|t| index_rows(&t)).collect(),
        "pg_am" => vec![
            [int(HEAP), text("heap"), text("t")].into(),
            [int(BTREE), text("btree"), text("i")].into(),
        ],
        "pg_roles" => vec![superuser()],
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
            vec![database(&reader.run.settings.database)]
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
    all.map(|(oid, name)| {
        let owner = if oid == PUBLIC {
            DATABASE_OWNER
        } else {
            SUPERUSER
        };
        Row::from([int(oid), text(name), int(owner)])
    })
    .into()
}

fn relations(reader: &Reader<'_, '_>) -> Vec<Row> {
    let relation = |oid: u32, name: &str, kind: &str, columns: usize, indexed: bool| -> Row {
        let method = match kind {
            "r" => HEAP,
            "i" => BTREE,
            _ => 0,
        };
        [
            int(oid),
            text(name),
            int(PUBLIC),
            text(kind),
            text("p"),
            int(i64::try_from(columns).unwrap_or(0)),
            Value::Real(-1.0),
            int(SUPERUSER),
            int(method),
            Value::Bool(indexed),
        ]
        .into()
    };
    let (engine, top) = (reader.engine, reader.run.transaction.xid);
    let mut rows = Vec::new();
    for def in tables(reader) {
        let indexed = !def.indexes.is_empty();
        rows.push(relation(
            def.id.0,
            &def.name,
            "r",
            def.columns.len(),
            indexed,
        ));
        for index in &def.indexes {
            rows.push(relation(
                index.id,
                &index.name,
                "i",
                index.keys.len(),
                false,
            ));
        }
    }
    for (id, view) in engine.catalog.views(&engine.clog, top) {
        rows.push(relation(id, &view.name, "v", view.columns.len(), false));
    }
    for sequence in engine.catalog.sequences(&engine.clog, top) {
        rows.push(relation(sequence.id.0, &sequence.name, "S", 3, false));
    }
    rows
}

fn index_rows(def: &TableDef) -> Vec<Row> {
    let count = |columns: usize| int(i64::try_from(columns).unwrap_or(0));
    let row = |index: &IndexDef| {
        Row::from([
            int(index.id),
            int(def.id.0),
            count(index.keys.len() + index.include.len()),
            count(index.keys.len()),
            Value::Bool(index.unique),
            Value::Bool(index.is_primary()),
            Value::Bool(true),
            Value::Bool(true),
        ])
    };
    def.indexes.iter().map(row).collect()
}

/// Whoever logs in may do everything, as the one role that there is.
fn superuser() -> Row {
    let yes = || Value::Bool(true);
    [
        int(SUPERUSER),
        text(&role_name(SUPERUSER)),
        yes(),
        yes(),
        yes(),
        yes(),
        yes(),
        yes(),
        yes(),
        int(-1),
        Value::Null,
    ]
    .into()
}

fn database(name: &str) -> Row {
    [
        int(5),
        text(name),
        Value::Bool(true),
        int(SUPERUSER),
        int(UTF8),
        text("C"),
        text("C"),
        Value::Null,
        text("c"),
        Value::Null,
    ]
    .into()
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
