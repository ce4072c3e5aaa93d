//! What is in a table, held against its constraints: those that are new, and
//! those that VALIDATE CONSTRAINT names. Writers may be at work meanwhile; what
//! they have not committed is theirs to answer for.

use std::collections::BTreeSet;

use super::super::foreign_key::{MIXED_NULLS, refers_to_none};
use super::alter::contains_nulls;
use super::constraint::has_constraint;
use super::index::check_index;
use super::{Work, live_rows};
use crate::postgres::engine::Engine;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::LockMode;
use crate::postgres::sql::{Context, eval};
use crate::postgres::storage::Xid;
use crate::postgres::storage::clog::Snapshot;
use crate::postgres::storage::table::{Check, ForeignKey, Table, TableDef, TableId};
use crate::postgres::types::{Reading, Row, Value, cast};

impl Work<'_> {
    /// VALIDATE CONSTRAINT: rows are looked at, and new ones are not kept out.
    pub(super) async fn validate_constraint(&mut self, id: TableId, name: &str) -> Result<()> {
        let (parent, valid) = {
            let engine = self.shared.lock();
            let def = &engine.table(id)?.def;
            let key = def.foreign_keys.iter().find(|key| *key.name == *name);
            let checked = def.checks.iter().any(|check| *check.name == *name);
            if key.is_none() && !checked {
                return Err(not_to_validate(def, name));
            }
            let mut checks = def.checks.iter().filter(|check| *check.name == *name);
            let valid = key.is_none_or(|key| key.valid) && checks.all(|check| check.valid);
            (key.map(|key| key.parent), valid)
        };
        if valid {
            return Ok(());
        }
        if let Some(parent) = parent {
            let locks = [
                (parent, LockMode::RowShare),
                (id, LockMode::AccessShare),
                (parent, LockMode::AccessShare),
            ];
            self.lock_missing(&locks).await?;
        }
        {
            let engine = self.shared.lock();
            let (top, table) = (self.transaction.xid, engine.table(id)?);
            let def = &table.def;
            self.reads_all(table, 0);
            for check in def.checks.iter().filter(|check| *check.name == *name) {
                verify_check(&engine, top, table, check)?;
            }
            for key in def.foreign_keys.iter().filter(|key| *key.name == *name) {
                verify_reference(&engine, top, table, def, key)?;
            }
        }
        self.redefine(id, |def| {
            let checks = def.checks.iter_mut().filter(|check| *check.name == *name);
            checks.for_each(|check| check.valid = true);
            let keys = def.foreign_keys.iter_mut();
            let keys = keys.filter(|key| *key.name == *name);
            keys.for_each(|key| key.valid = true);
            Ok(())
        })
    }
}

fn not_to_validate(def: &TableDef, name: &str) -> Error {
    let (code, why) = if has_constraint(def, name) {
        (
            SqlState("42809"),
            "is not a foreign key or check constraint",
        )
    } else {
        (SqlState::UNDEFINED_OBJECT, "does not exist")
    };
    let table = &def.name;
    Error::new(
        code,
        format!("constraint \"{name}\" of relation \"{table}\" {why}"),
    )
}

/// The rows that are there for a transaction, its own changes among them.
fn visible_rows<'t>(
    engine: &'t Engine,
    top: Xid,
    table: &'t Table,
) -> impl Iterator<Item = &'t Row> {
    let snapshot = Snapshot {
        csn: engine.clog.latest(),
        top,
        command: u32::MAX,
    };
    let rows = table.heap.rows();
    rows.filter_map(move |(_, chain)| {
        let version = chain.visible(&engine.clog, &snapshot)?;
        Some(&version.row)
    })
}

/// What is in the table must meet what is new in its definition.
pub(super) fn verify(
    engine: &Engine,
    top: Xid,
    id: TableId,
    before: &TableDef,
    def: &TableDef,
) -> Result<()> {
    let table = engine.table(id)?;
    for (index, column) in def.columns.iter().enumerate() {
        let was = before
            .columns
            .get(index)
            .is_some_and(|column| column.not_null);
        let null = |row: &Row| row.get(index).is_some_and(Value::is_null);
        if column.not_null && !was && live_rows(table, &engine.clog).any(null) {
            return Err(contains_nulls(table, column));
        }
    }
    for index in &def.indexes {
        if !before.indexes.iter().any(|other| other.id == index.id) {
            check_index(table, &engine.clog, top, index)?;
        }
    }
    for check in def.checks.iter().filter(|check| check.valid) {
        if !before.checks.iter().any(|other| other.name == check.name) {
            verify_check(engine, top, table, check)?;
        }
    }
    for key in def.foreign_keys.iter().filter(|key| key.valid) {
        if !before
            .foreign_keys
            .iter()
            .any(|other| other.name == key.name)
        {
            verify_reference(engine, top, table, def, key)?;
        }
    }
    Ok(())
}

fn verify_check(engine: &Engine, top: Xid, table: &Table, check: &Check) -> Result<()> {
    for row in visible_rows(engine, top, table) {
        let rows = std::slice::from_ref(row);
        let value = eval(&check.condition, rows, &Context::IMMUTABLE)?;
        if value.as_bool() == Some(false) {
            let table = &table.def.name;
            return Err(Error::new(
                SqlState::CHECK_VIOLATION,
                format!(
                    "check constraint \"{}\" of relation \"{table}\" is violated by some row",
                    check.name
                ),
            )
            .table(table)
            .constraint(&check.name));
        }
    }
    Ok(())
}

fn verify_reference(
    engine: &Engine,
    top: Xid,
    table: &Table,
    def: &TableDef,
    key: &ForeignKey,
) -> Result<()> {
    let parent = engine.table(key.parent)?;
    let rows = visible_rows(engine, top, parent);
    let keys: BTreeSet<Vec<Value>> = rows
        .map(|row| key.parent_columns.iter().map(|c| row[*c].clone()).collect())
        .collect();
    for row in visible_rows(engine, top, table) {
        let nulls = key.columns.iter().filter(|c| row[**c].is_null()).count();
        if key.full && nulls > 0 && nulls < key.columns.len() {
            return Err(refers_to_none(key, def, MIXED_NULLS.to_owned()));
        }
        if nulls > 0 {
            continue;
        }
        let pairs = key.columns.iter().zip(&key.parent_columns);
        let wanted = pairs.map(|(own, other)| {
            cast(
                &row[*own],
                def.columns[*own].ty,
                parent.def.columns[*other].ty,
                &Reading::default(),
            )
        });
        let wanted: Vec<Value> = wanted.collect::<Result<_>>()?;
        if !keys.contains(&wanted) {
            let names: Vec<&str> = key.columns.iter().map(|c| &*def.columns[*c].name).collect();
            let values: Vec<String> = key.columns.iter().map(|c| row[*c].to_string()).collect();
            let detail = format!(
                "Key ({})=({}) is not present in table \"{}\".",
                names.join(", "),
                values.join(", "),
                parent.def.name
            );
            return Err(refers_to_none(key, def, detail));
        }
    }
    Ok(())
}
