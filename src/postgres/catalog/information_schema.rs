//! information_schema: tables and columns as the standard has them.

use super::{Sight, SystemTable, count, int, text};
use crate::postgres::types::Type::{Int4, Name, Text};
use crate::postgres::types::{Row, Type, Value};

pub(super) static TABLES: SystemTable = SystemTable {
    name: "information_schema.tables",
    oid: 13_425,
    columns: &[
        ("table_catalog", Name),
        ("table_schema", Name),
        ("table_name", Name),
        ("table_type", Text),
    ],
    with: &[],
    rows: |sight| {
        let database = &sight.settings.database;
        let tables = sight.tables();
        tables
            .map(|def| {
                Row::from([
                    text(database),
                    text("public"),
                    text(&def.name),
                    text("BASE TABLE"),
                ])
            })
            .collect()
    },
};

pub(super) static COLUMNS: SystemTable = SystemTable {
    name: "information_schema.columns",
    oid: 13_295,
    columns: &[
        ("table_catalog", Name),
        ("table_schema", Name),
        ("table_name", Name),
        ("column_name", Name),
        ("ordinal_position", Int4),
        ("is_nullable", Text),
        ("data_type", Text),
        ("character_maximum_length", Int4),
        ("udt_name", Name),
    ],
    with: &[],
    rows: columns,
};

fn columns(sight: &Sight<'_>) -> Vec<Row> {
    let database = &sight.settings.database;
    let mut rows = Vec::new();
    for def in sight.tables() {
        for (index, column) in def.columns.iter().enumerate() {
            let length = match column.ty {
                Type::Varchar | Type::Bpchar if column.modifier > 0 => int(column.modifier - 4),
                _ => Value::Null,
            };
            let data_type = match column.ty {
                Type::Array(_) => "ARRAY",
                ty => ty.name(),
            };
            rows.push(Row::from([
                text(database),
                text("public"),
                text(&def.name),
                text(&column.name),
                count(index + 1),
                text(if column.not_null { "NO" } else { "YES" }),
                text(data_type),
                length,
                text(&column.ty.catalog_name()),
            ]));
        }
    }
    rows
}
