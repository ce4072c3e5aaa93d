//! Unique indexes: is there another row with this key, or may there be?
//!
//! The question is asked of the newest state, not of a snapshot. A row whose
//! fate is open, since the transaction that made or deleted it still runs,
//! is waited for.

use super::row_lock::await_end;
use super::{Execution, Step};
use crate::postgres::engine::Engine;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::WaitId;
use crate::postgres::options::Bug;
use crate::postgres::storage::clog::{Clog, Status, Xid};
use crate::postgres::storage::heap::{Chain, RowId};
use crate::postgres::storage::table::{IndexDef, Table, TableDef, TableId};
use crate::postgres::types::{Row, Value};

/// What a unique index says about a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Key {
    Free,
    /// Another row has it.
    Taken(RowId),
    /// That depends on how this transaction ends.
    DependsOn(Xid),
}

/// Looks for rows other than `own` with the key of `row`.
pub(super) fn look_up(
    table: &Table,
    clog: &Clog,
    top: Xid,
    index: usize,
    row: &Row,
    own: Option<RowId>,
) -> Result<Key> {
    let def = &table.def.indexes[index];
    Ok(match def.try_key(row)? {
        Some(key) => look_up_key(table, clog, top, index, &key, own),
        None => Key::Free,
    })
}

fn look_up_key(
    table: &Table,
    clog: &Clog,
    top: Xid,
    index: usize,
    key: &[Value],
    own: Option<RowId>,
) -> Key {
    let def = &table.def.indexes[index];
    if def.nulls_distinct && key.iter().any(Value::is_null) {
        return Key::Free;
    }
    for id in table.indexes[index].get(key) {
        if Some(id) == own {
            continue;
        }
        match fate(table.heap.chain(id), clog, top, def, key) {
            Fate::Without => {}
            Fate::With => return Key::Taken(id),
            Fate::Open(owner) => return Key::DependsOn(owner),
        }
    }
    Key::Free
}

/// Whether a row has a key, for good.
enum Fate {
    With,
    Without,
    Open(Xid),
}

fn fate(chain: &Chain, clog: &Clog, top: Xid, def: &IndexDef, key: &[Value]) -> Fate {
    let Some(newest) = chain.newest() else {
        return Fate::Without;
    };
    let has_key = |row: &Row| def.has_key(row, key);
    let others = |xid: Xid| clog.runs_beside(xid, top);
    if others(newest.xmin) {
        // An insert, or an update to or from this key, that is not decided:
        // its own versions, and the one before them.
        let versions = chain.versions();
        let settled = versions.iter().rposition(|version| !others(version.xmin));
        let mut open = versions[settled.unwrap_or(0)..].iter().rev();
        let with = open.find(|version| has_key(&version.row));
        return with.map_or(Fate::Without, |version| {
            let made = others(version.xmin);
            Fate::Open(if made { version.xmin } else { version.xmax })
        });
    }
    if !has_key(&newest.row) {
        return Fate::Without;
    }
    if newest.xmax.is_some() {
        match clog.status(newest.xmax) {
            Status::InProgress(owner) if owner != top => return Fate::Open(newest.xmax),
            Status::Aborted => {}
            _ => return Fate::Without,
        }
    }
    Fate::With
}

/// Adds the index entries of a row from `*next` on, each after its check, as
/// far as the indexes are still there.
/// Entries of `unchanged` keys are there already; not all of them are.
pub(super) fn add_entries(
    run: &Execution<'_>,
    engine: &mut Engine,
    entered: &TableDef,
    row: &Row,
    id: RowId,
    next: &mut usize,
    unchanged: &dyn Fn(&IndexDef) -> bool,
) -> Result<Step<()>> {
    let top = run.transaction.xid;
    loop {
        let Engine {
            catalog, clog, ssi, ..
        } = engine;
        let Some(table) = catalog.table_mut(entered.id) else {
            return Ok(Step::Done(()));
        };
        let Some(def) = entered.indexes.get(*next) else {
            return Ok(Step::Done(()));
        };
        let Some(index) = table.def.index(def.id) else {
            *next += 1;
            continue;
        };
        if let Some(key) = def.try_key(row)? {
            let mut found = Key::Free;
            if def.unique && !unchanged(def) {
                found = look_up_key(table, clog, top, index, &key, Some(id));
            }
            // The planted bug: whoever is first to ask goes on.
            if let Key::DependsOn(holder) = found
                && !run.shared.planted(Bug::ForgetUniqueWait)
            {
                let name = table.def.name.clone();
                match await_end(run, engine, holder, &name) {
                    Some(wait) => return Ok(Step::Wait(wait)),
                    None => continue,
                }
            }
            // A version with a new key has entries in every index. A conflict
            // is told rather than a violation.
            if let Some(sxact) = run.transaction.ssi {
                ssi.insert_entry(sxact, def.id)?;
            }
            if let Key::Taken(_) = found {
                return Err(violation(table, index, &key));
            }
            if !unchanged(def) {
                table.add_entry(index, key, id);
                run.transaction.touched.index_writes.add(1);
            }
        }
        *next += 1;
    }
}

/// Begins to wait for the transaction that a key depends on.
pub(super) fn wait_for(
    run: &Execution<'_>,
    engine: &mut Engine,
    table: TableId,
    holder: Xid,
) -> Result<Option<WaitId>> {
    let name = engine.table(table)?.def.name.clone();
    Ok(await_end(run, engine, holder, &name))
}

fn violation(table: &Table, index: usize, key: &[Value]) -> Error {
    let def = &table.def.indexes[index];
    Error::new(
        SqlState::UNIQUE_VIOLATION,
        format!(
            "duplicate key value violates unique constraint \"{}\"",
            def.name
        ),
    )
    .detail(format!("Key {} already exists.", def.show_key(key)))
    .table(&table.def.name)
    .constraint(&def.name)
}
