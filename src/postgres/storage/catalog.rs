//! Which tables, views and sequences there are.
//!
//! What its transaction has not committed is seen by that transaction alone;
//! so is an absence after DROP. Every change gets the catalog a new version,
//! by which plans know that they are out of date.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::clog::{Clog, Status, Xid};
use super::sequence::{SequenceDef, SequenceId};
use super::table::{Commented, ForeignKey, Table, TableId};
use crate::postgres::types::Type;

/// Since when something is there, and until when.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::postgres) struct Presence {
    /// Who made it: nobody else sees it before that commits.
    pub(in crate::postgres) created_by: Xid,
    /// Who is dropping it.
    pub(in crate::postgres) dropped_by: Xid,
}

impl Presence {
    /// Made by a transaction, and not dropped.
    pub(in crate::postgres) fn since(created_by: Xid) -> Presence {
        Presence {
            created_by,
            dropped_by: Xid::NONE,
        }
    }

    /// True if the transaction `top` sees it.
    pub(in crate::postgres) fn seen(&self, clog: &Clog, top: Xid) -> bool {
        let happened = |xid: Xid| match clog.status(xid) {
            Status::Committed(_) => true,
            Status::InProgress(running) => running == top,
            Status::Aborted => false,
        };
        happened(self.created_by) && !(self.dropped_by.is_some() && happened(self.dropped_by))
    }
}

/// A relation's name that a running transaction has taken and nobody else
/// sees.
#[derive(Debug, Clone, Copy)]
pub(in crate::postgres) struct Claim {
    /// Whose it is.
    pub(in crate::postgres) xid: Xid,
    /// True for a table or view: its rows have a type of this name.
    pub(in crate::postgres) row_type: bool,
}

/// A column of a view.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) struct ViewColumn {
    pub(in crate::postgres) name: String,
    pub(in crate::postgres) ty: Type,
    pub(in crate::postgres) modifier: i32,
}

/// A view: a query under a name.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct View {
    pub(in crate::postgres) name: Arc<str>,
    pub(in crate::postgres) query: Arc<sqlparser::ast::Query>,
    /// What its columns were when it was made, which they stay.
    pub(in crate::postgres) columns: Vec<ViewColumn>,
    /// The relations that it reads itself, and which of their columns.
    pub(in crate::postgres) needs: Vec<(TableId, Option<Arc<str>>)>,
    pub(in crate::postgres) comment: Option<Arc<str>>,
}

/// A relation of any kind.
#[derive(Debug)]
pub(in crate::postgres) enum Relation {
    Table(TableId),
    View(u32),
    Sequence(Arc<SequenceDef>),
    /// An index, by its table and its own number.
    Index(TableId, u32),
}

/// Everything that has a name, by number.
#[derive(Debug, Default)]
pub(in crate::postgres) struct Catalog {
    tables: BTreeMap<TableId, Table>,
    names: BTreeMap<Arc<str>, Vec<TableId>>,
    views: BTreeMap<u32, (View, Presence)>,
    sequences: BTreeMap<SequenceId, (Arc<SequenceDef>, Presence)>,
    last_id: u32,
    version: u64,
    /// Changes of transactions that still run.
    uncommitted: usize,
}

/// PostgreSQL gives numbers below this to its own objects.
const FIRST_ID: u32 = 16_384;

impl Catalog {
    /// A number for a new table, index or sequence.
    pub(in crate::postgres) fn new_id(&mut self) -> u32 {
        self.last_id = self.last_id.max(FIRST_ID - 1) + 1;
        self.last_id
    }

    /// Never hands out numbers up to `id` again.
    pub(in crate::postgres) fn reserve(&mut self, id: u32) {
        self.last_id = self.last_id.max(id);
    }

    /// Changes with every change of the catalog.
    pub(in crate::postgres) fn version(&self) -> u64 {
        self.version
    }

    /// True if everybody sees the same catalog.
    pub(in crate::postgres) fn is_settled(&self) -> bool {
        self.uncommitted == 0
    }

    /// A running transaction changed the catalog.
    pub(in crate::postgres) fn changed(&mut self) {
        self.version += 1;
        self.uncommitted += 1;
    }

    /// `changes` of a transaction were committed or undone.
    pub(in crate::postgres) fn settled(&mut self, changes: usize) {
        if changes > 0 {
            self.version += 1;
            self.uncommitted -= changes;
        }
    }

    pub(in crate::postgres) fn add(&mut self, table: Table) {
        let id = table.def.id;
        self.names
            .entry(table.def.name.clone())
            .or_default()
            .push(id);
        self.tables.insert(id, table);
    }

    pub(in crate::postgres) fn remove(&mut self, id: TableId) -> Option<Table> {
        let table = self.tables.remove(&id)?;
        self.forget_name(&table.def.name.clone(), id);
        Some(table)
    }

    fn forget_name(&mut self, name: &Arc<str>, id: TableId) {
        if let Some(ids) = self.names.get_mut(name) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.names.remove(name);
            }
        }
    }

    /// Keeps the names in step with a table whose definition was replaced.
    pub(in crate::postgres) fn renamed(&mut self, id: TableId, before: &Arc<str>) {
        self.forget_name(before, id);
        if let Some(table) = self.tables.get(&id) {
            let name = table.def.name.clone();
            self.names.entry(name).or_default().push(id);
        }
    }

    pub(in crate::postgres) fn table(&self, id: TableId) -> Option<&Table> {
        self.tables.get(&id)
    }

    pub(in crate::postgres) fn table_mut(&mut self, id: TableId) -> Option<&mut Table> {
        self.tables.get_mut(&id)
    }

    pub(in crate::postgres) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.values()
    }

    /// The table of this name that the transaction `top` sees.
    pub(in crate::postgres) fn find(&self, name: &str, clog: &Clog, top: Xid) -> Option<&Table> {
        self.names
            .get(name)?
            .iter()
            .filter_map(|id| self.tables.get(id))
            .find(|table| table.presence.seen(clog, top))
    }

    /// The foreign keys that refer to a table, with the tables they are of.
    pub(in crate::postgres) fn references(
        &self,
        parent: TableId,
        clog: &Clog,
        top: Xid,
    ) -> Vec<(TableId, ForeignKey)> {
        let tables = self.tables.values();
        tables
            .filter(|table| !table.def.foreign_keys.is_empty() && table.presence.seen(clog, top))
            .flat_map(|table| {
                let keys = table.def.foreign_keys.iter();
                keys.map(|key| (table.def.id, key))
            })
            .filter(|(_, key)| key.parent == parent)
            .map(|(id, key)| (id, key.clone()))
            .collect()
    }

    pub(in crate::postgres) fn add_view(&mut self, id: u32, view: View, presence: Presence) {
        self.views.insert(id, (view, presence));
    }

    pub(in crate::postgres) fn remove_view(&mut self, id: u32) {
        self.views.remove(&id);
    }

    pub(in crate::postgres) fn view_by_id(&self, id: u32) -> Option<&View> {
        self.views.get(&id).map(|(view, _)| view)
    }

    /// The number of a table's or view's column, from 1.
    pub(in crate::postgres) fn column_number(&self, id: TableId, name: &str) -> Option<usize> {
        let index = match (self.tables.get(&id), self.views.get(&id.0)) {
            (Some(table), _) => table.def.column(name),
            (_, Some((view, _))) => view.columns.iter().position(|column| column.name == name),
            _ => None,
        };
        index.map(|index| index + 1)
    }

    /// The name of a table's or view's column, from 1.
    pub(in crate::postgres) fn column_name(&self, id: TableId, number: usize) -> Option<Arc<str>> {
        let index = number.checked_sub(1)?;
        match (self.tables.get(&id), self.views.get(&id.0)) {
            (Some(table), _) => Some(table.def.columns.get(index)?.name.clone()),
            (_, Some((view, _))) => Some(view.columns.get(index)?.name.as_str().into()),
            _ => None,
        }
    }

    /// Puts another view in the place of one: which that was.
    pub(in crate::postgres) fn replace_view(&mut self, id: u32, view: View) -> Option<View> {
        let (old, _) = self.views.get_mut(&id)?;
        Some(std::mem::replace(old, view))
    }

    /// Notes who is dropping a view; [`Xid::NONE`] takes it back.
    pub(in crate::postgres) fn drop_view(&mut self, id: u32, xid: Xid) {
        if let Some((_, presence)) = self.views.get_mut(&id) {
            presence.dropped_by = xid;
        }
    }

    /// The number of the view of this name.
    pub(in crate::postgres) fn view_id(&self, name: &str, clog: &Clog, top: Xid) -> Option<u32> {
        let mut views = self.views.iter();
        let named = views.find(|(_, (view, seen))| *view.name == *name && seen.seen(clog, top));
        named.map(|(id, _)| *id)
    }

    /// The view of this name that the transaction `top` sees.
    pub(in crate::postgres) fn view(&self, name: &str, clog: &Clog, top: Xid) -> Option<&View> {
        if self.views.is_empty() {
            return None;
        }
        self.view_by_id(self.view_id(name, clog, top)?)
    }

    pub(in crate::postgres) fn add_sequence(&mut self, def: Arc<SequenceDef>, presence: Presence) {
        self.sequences.insert(def.id, (def, presence));
    }

    /// Puts a definition in the place of a sequence's own.
    pub(in crate::postgres) fn replace_sequence(&mut self, def: Arc<SequenceDef>) {
        if let Some((old, _)) = self.sequences.get_mut(&def.id) {
            *old = def;
        }
    }

    pub(in crate::postgres) fn remove_sequence(&mut self, id: SequenceId) {
        self.sequences.remove(&id);
    }

    /// Notes who is dropping a sequence; [`Xid::NONE`] takes it back.
    pub(in crate::postgres) fn drop_sequence(&mut self, id: SequenceId, xid: Xid) {
        if let Some((_, presence)) = self.sequences.get_mut(&id) {
            presence.dropped_by = xid;
        }
    }

    pub(in crate::postgres) fn sequence(&self, id: SequenceId) -> Option<&Arc<SequenceDef>> {
        self.sequences.get(&id).map(|(def, _)| def)
    }

    /// The sequence of this name that the transaction `top` sees.
    pub(in crate::postgres) fn find_sequence(
        &self,
        name: &str,
        clog: &Clog,
        top: Xid,
    ) -> Option<&Arc<SequenceDef>> {
        let sequences = self.sequences.values();
        let mut seen = sequences.filter(|(_, presence)| presence.seen(clog, top));
        seen.find(|(def, _)| *def.name == *name).map(|(def, _)| def)
    }

    /// The views that the transaction `top` sees, with their numbers.
    pub(in crate::postgres) fn views(
        &self,
        clog: &Clog,
        top: Xid,
    ) -> impl Iterator<Item = (u32, &View)> {
        let seen = self.views.iter();
        let seen = seen.filter(move |(_, (_, presence))| presence.seen(clog, top));
        seen.map(|(id, (view, _))| (*id, view))
    }

    /// The sequences that the transaction `top` sees.
    pub(in crate::postgres) fn sequences(
        &self,
        clog: &Clog,
        top: Xid,
    ) -> impl Iterator<Item = &SequenceDef> {
        let seen = self.sequences.values();
        let seen = seen.filter(move |(_, presence)| presence.seen(clog, top));
        seen.map(|(def, _)| &**def)
    }

    /// The sequences that a table's columns own.
    pub(in crate::postgres) fn owned_sequences(&self, table: TableId) -> Vec<Arc<SequenceDef>> {
        let sequences = self.sequences.values().map(|(def, _)| def);
        let owned =
            |def: &&Arc<SequenceDef>| def.owner.as_ref().is_some_and(|(id, _)| *id == table);
        sequences.filter(owned).cloned().collect()
    }

    /// Who other than `top` has made a relation of this name and still runs.
    pub(in crate::postgres) fn claim(&self, name: &str, clog: &Clog, top: Xid) -> Option<Claim> {
        if self.uncommitted == 0 {
            return None;
        }
        let named = self.names.get(name).into_iter().flatten();
        let tables = named.filter_map(|id| self.tables.get(id));
        let tables = tables.map(|table| (table.presence.created_by, true));
        let views = self.views.values();
        let views = views.filter(|(view, _)| *view.name == *name);
        let views = views.map(|(_, presence)| (presence.created_by, true));
        let sequences = self.sequences.values();
        let sequences = sequences.filter(|(def, _)| *def.name == *name);
        let sequences = sequences.map(|(_, presence)| (presence.created_by, false));
        let indexes = self.tables.values().flat_map(|table| &table.def.indexes);
        let indexes = indexes.filter(|index| *index.name == *name);
        let indexes = indexes.map(|index| (index.created_by, false));
        let mut all = tables.chain(views).chain(sequences).chain(indexes);
        let (xid, row_type) = all.find(|(xid, _)| clog.runs_beside(*xid, top))?;
        Some(Claim { xid, row_type })
    }

    /// True if a table, index, view or sequence has this name.
    pub(in crate::postgres) fn has_relation(&self, name: &str, clog: &Clog, top: Xid) -> bool {
        self.find(name, clog, top).is_some()
            || self.view(name, clog, top).is_some()
            || self.find_sequence(name, clog, top).is_some()
            || self.of_index(name, clog, top).is_some()
    }

    /// The number of the table, index, view or sequence of this name.
    pub(in crate::postgres) fn relation_number(
        &self,
        name: &str,
        clog: &Clog,
        top: Xid,
    ) -> Option<u32> {
        Some(match self.relation(name, clog, top)? {
            Relation::Table(TableId(id)) | Relation::View(id) | Relation::Index(_, id) => id,
            Relation::Sequence(def) => def.id.0,
        })
    }

    /// The table, index, view or sequence of this name.
    pub(in crate::postgres) fn relation(
        &self,
        name: &str,
        clog: &Clog,
        top: Xid,
    ) -> Option<Relation> {
        let table = self.find(name, clog, top);
        let table = table.map(|table| Relation::Table(table.def.id));
        let sequence = || {
            let found = self.find_sequence(name, clog, top);
            found.map(|def| Relation::Sequence(def.clone()))
        };
        let index = || {
            let def = &self.of_index(name, clog, top)?.def;
            let index = def.indexes.iter().find(|index| *index.name == *name)?;
            Some(Relation::Index(def.id, index.id))
        };
        let view = || self.view_id(name, clog, top).map(Relation::View);
        table.or_else(view).or_else(sequence).or_else(index)
    }

    /// What is said of a relation, or of one of its columns, from 1.
    pub(in crate::postgres) fn comment(&self, id: u32, column: usize) -> Option<&Arc<str>> {
        if let Some(table) = self.tables.get(&TableId(id)) {
            let def = &table.def;
            return match column.checked_sub(1) {
                None => def.comments.get(&Commented::Table),
                Some(index) => {
                    let name = def.columns.get(index)?.name.clone();
                    def.comments.get(&Commented::Column(name))
                }
            };
        }
        if column > 0 {
            return None;
        }
        if let Some((view, _)) = self.views.get(&id) {
            return view.comment.as_ref();
        }
        if let Some((def, _)) = self.sequences.get(&SequenceId(id)) {
            return def.comment.as_ref();
        }
        let mut tables = self.tables.values();
        tables.find_map(|table| table.def.comments.get(&Commented::Index(id)))
    }

    /// The name of the table, index, view or sequence of this number.
    pub(in crate::postgres) fn relation_name(
        &self,
        id: u32,
        clog: &Clog,
        top: Xid,
    ) -> Option<Arc<str>> {
        let seen = |presence: &Presence| presence.seen(clog, top);
        if let Some(table) = self.tables.get(&TableId(id)) {
            return seen(&table.presence).then(|| table.def.name.clone());
        }
        if let Some((view, presence)) = self.views.get(&id) {
            return seen(presence).then(|| view.name.clone());
        }
        if let Some((sequence, presence)) = self.sequences.get(&SequenceId(id)) {
            return seen(presence).then(|| sequence.name.clone());
        }
        let tables = self.tables.values().filter(|table| seen(&table.presence));
        let mut indexes = tables.flat_map(|table| &table.def.indexes);
        let index = indexes.find(|index| index.id == id && index.seen(clog, top));
        index.map(|index| index.name.clone())
    }

    /// The table of an index.
    pub(in crate::postgres) fn of_index(
        &self,
        name: &str,
        clog: &Clog,
        top: Xid,
    ) -> Option<&Table> {
        let mut tables = self.tables.values();
        tables.find(|table| table.presence.seen(clog, top) && table.has_index(name, clog, top))
    }
}
