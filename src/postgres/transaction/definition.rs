//! A change of the catalog: how the log tells it, and how it is undone.

use std::sync::Arc;

use crate::postgres::engine::{Engine, Shared};
use crate::postgres::storage::catalog::View;
use crate::postgres::storage::clog::Xid;
use crate::postgres::storage::heap::Heap;
use crate::postgres::storage::sequence::{SequenceId, SequenceState};
use crate::postgres::storage::table::{Contents, Table, TableDef, TableId};
use crate::postgres::wal::{Entry, RowEntry};

/// A change of the catalog, with what it takes to undo it.
#[derive(Debug)]
pub(in crate::postgres) enum Definition {
    Created(TableId),
    Dropped(TableId),
    /// A table has another definition, and perhaps other rows.
    Altered {
        table: TableId,
        before: Arc<TableDef>,
        heap: Option<Box<Heap>>,
    },
    /// An index of a table was made: its number.
    IndexCreated(TableId, u32),
    /// An index of this name is dropped.
    IndexDropped {
        table: TableId,
        before: Arc<TableDef>,
        name: Arc<str>,
    },
    Truncated(TableId, Box<Contents>),
    SequenceCreated(SequenceId),
    SequenceDropped(SequenceId),
    /// A sequence begins again, or has another definition.
    SequenceAltered(SequenceState),
    ViewCreated(u32),
    ViewDropped(u32),
    /// A view has another query, or other words are said of it.
    ViewAltered(u32, Box<View>),
}

/// Logs a table as it is, in the place of what was there.
pub(super) fn log_whole(engine: &Engine, top: Xid, id: TableId, entries: &mut Vec<Entry>) {
    let Some(table) = engine.catalog.table(id) else {
        return;
    };
    // In this order: rows of the old definition may not fit the new one.
    entries.push(Entry::Truncate(id));
    entries.push(Entry::Define(table.seen_by(&engine.clog, top)));
    let live = table.heap.live(&engine.clog);
    entries.extend(live.map(|version| {
        Entry::Row(RowEntry {
            table: id,
            old: None,
            new: Some((version.tid, version.row.clone())),
        })
    }));
}

impl Definition {
    /// The table of which it changes the definition or the rows.
    pub(super) fn shapes(&self) -> Option<TableId> {
        match self {
            Definition::Created(table)
            | Definition::Altered { table, .. }
            | Definition::IndexCreated(table, _)
            | Definition::IndexDropped { table, .. }
            | Definition::Truncated(table, _) => Some(*table),
            _ => None,
        }
    }

    /// What the log says of it.
    pub(super) fn log(&self, engine: &Engine, top: Xid, entries: &mut Vec<Entry>) {
        let table = |id: &TableId| engine.catalog.table(*id);
        match self {
            Definition::Created(id)
            | Definition::Altered { table: id, .. }
            | Definition::IndexCreated(id, _)
            | Definition::IndexDropped { table: id, .. } => {
                let seen = |table: &Table| table.seen_by(&engine.clog, top);
                entries.extend(table(id).map(|table| Entry::Define(seen(table))));
            }
            Definition::Dropped(id) => entries.push(Entry::Drop(*id)),
            Definition::Truncated(id, _) => entries.push(Entry::Truncate(*id)),
            Definition::SequenceCreated(id) => {
                let def = engine.catalog.sequence(*id).cloned();
                entries.extend(def.map(Entry::DefineSequence));
            }
            Definition::SequenceAltered(state) => {
                let def = engine.catalog.sequence(state.def().id).cloned();
                let changed = def.filter(|def| !Arc::ptr_eq(def, state.def()));
                entries.extend(changed.map(Entry::DefineSequence));
            }
            Definition::SequenceDropped(id) => entries.push(Entry::DropSequence(*id)),
            Definition::ViewCreated(id) | Definition::ViewAltered(id, _) => {
                let view = engine.catalog.view_by_id(*id).cloned();
                entries.extend(view.map(|view| Entry::DefineView(*id, view)));
            }
            Definition::ViewDropped(id) => entries.push(Entry::DropView(*id)),
        }
    }

    pub(super) fn undo(self, shared: &Shared, engine: &mut Engine) {
        match self {
            Definition::Created(id) => {
                engine.catalog.remove(id);
            }
            Definition::Dropped(id) => {
                if let Some(table) = engine.catalog.table_mut(id) {
                    table.presence.dropped_by = Xid::NONE;
                }
            }
            Definition::Altered {
                table: id,
                before,
                heap,
            } => {
                let Some(table) = engine.catalog.table_mut(id) else {
                    return;
                };
                let name = table.def.name.clone();
                table.redefine(before, heap.map(|heap| *heap));
                if table.def.name != name {
                    engine.catalog.renamed(id, &name);
                }
            }
            Definition::IndexCreated(id, index) => {
                if let Some(table) = engine.catalog.table_mut(id) {
                    table.remove_index(index);
                }
            }
            Definition::IndexDropped {
                table: id,
                before,
                name,
            } => {
                if let Some(table) = engine.catalog.table_mut(id) {
                    table.redefine(before, None);
                    table.forget_drop(&name);
                }
            }
            Definition::Truncated(id, contents) => {
                if let Some(table) = engine.catalog.table_mut(id) {
                    table.refill(*contents);
                }
            }
            Definition::SequenceCreated(id) => {
                engine.catalog.remove_sequence(id);
                shared.sequences.lock().remove(id);
            }
            Definition::SequenceDropped(id) => engine.catalog.drop_sequence(id, Xid::NONE),
            Definition::SequenceAltered(state) => {
                engine.catalog.replace_sequence(state.def().clone());
                shared.sequences.lock().put_back(state);
            }
            Definition::ViewCreated(id) => engine.catalog.remove_view(id),
            Definition::ViewDropped(id) => engine.catalog.drop_view(id, Xid::NONE),
            Definition::ViewAltered(id, before) => {
                engine.catalog.replace_view(id, *before);
            }
        }
    }
}
