//! information_schema.tables: tables and views.

use super::super::{Sight, SystemTable, text};
use super::yes_or_no;
use crate::postgres::types::Type::{Name, Varchar};
use crate::postgres::types::{Row, Value};

pub(super) static TABLE: SystemTable = SystemTable {
    name: "information_schema.tables",
    oid: 13_425,
    columns: &[
        ("table_catalog", Name),
        ("table_schema", Name),
        ("table_name", Name),
        ("table_type", Varchar),
        ("self_referencing_column_name", Name),
        ("reference_generation", Varchar),
        ("user_defined_type_catalog", Name),
        ("user_defined_type_schema", Name),
        ("user_defined_type_name", Name),
        ("is_insertable_into", Varchar),
        ("is_typed", Varchar),
        ("commit_action", Varchar),
    ],
    with: &[],
    rows,
};

fn rows(sight: &Sight<'_>) -> Vec<Row> {
    let database = &sight.settings.database;
    let row = |name: &str, kind: &str, insertable: bool| {
        Row::from([
            text(database),
            text("public"),
            text(name),
            text(kind),
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
            yes_or_no(insertable),
            yes_or_no(false),
            Value::Null,
        ])
    };
    let (engine, top) = (sight.engine, sight.top);
    let tables = sight.tables().map(|def| row(&def.name, "BASE TABLE", true));
    // No view takes rows here.
    let views = engine.catalog.views(&engine.clog, top);
    let views = views.map(|(_, view)| row(&view.name, "VIEW", false));
    tables.chain(views).collect()
}
