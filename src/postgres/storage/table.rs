//! A table: its definition, its rows, its indexes, kept in step.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use super::catalog::Presence;
use super::clog::{Clog, Csn, Xid};
use super::heap::{Heap, RowId, Tid};
use super::index::Index;
use super::row_lock::RowLockMode;
use super::sequence::SequenceId;
use crate::postgres::error::Result;
use crate::postgres::sql::{Context, Expr, eval, holds};
use crate::postgres::types::{Row, Type, Value};

/// A table's number in the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::postgres) struct TableId(pub(in crate::postgres) u32);

/// What a definition has a server compute. It stands for the expression that
/// is evaluated.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Formula {
    expr: Expr,
    /// As it was written, with every conversion: what is shown.
    pub(in crate::postgres) written: Expr,
}

impl Formula {
    pub(in crate::postgres) fn new(expr: Expr, written: Expr) -> Formula {
        Formula { expr, written }
    }

    /// Changes both of its forms alike.
    pub(in crate::postgres) fn rewrite(&mut self, replace: &mut dyn FnMut(&Expr) -> Option<Expr>) {
        self.expr.rewrite(replace);
        self.written.rewrite(replace);
    }
}

impl From<Expr> for Formula {
    /// An expression that is shown as it is.
    fn from(expr: Expr) -> Formula {
        Formula::new(expr.clone(), expr)
    }
}

impl Deref for Formula {
    type Target = Expr;

    fn deref(&self) -> &Expr {
        &self.expr
    }
}

/// A column of a table.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Column {
    pub(in crate::postgres) name: Arc<str>,
    pub(in crate::postgres) ty: Type,
    /// varchar(n), numeric(p,s): PostgreSQL's encoding, -1 for none.
    pub(in crate::postgres) modifier: i32,
    pub(in crate::postgres) not_null: bool,
    pub(in crate::postgres) default: Option<Formula>,
    /// Takes no other value than its default.
    pub(in crate::postgres) generated: Option<Generated>,
    /// True for an identity column, whether it takes other values or not.
    pub(in crate::postgres) identity: bool,
    /// The sequence that a serial or identity column owns.
    pub(in crate::postgres) sequence: Option<SequenceId>,
}

/// What a column that is GENERATED ALWAYS is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum Generated {
    /// AS IDENTITY: the next value of its sequence.
    Identity,
    /// AS (...) STORED: what its default says of the other columns, whenever
    /// one of these changes.
    Stored,
}

impl Column {
    /// True if the catalog knows of a default: an identity column has none.
    pub(in crate::postgres) fn has_default(&self) -> bool {
        self.default.is_some() && !self.identity
    }

    /// How it is computed from other columns, if it is.
    pub(in crate::postgres) fn computed(&self) -> Option<&Expr> {
        let stored = self.generated == Some(Generated::Stored);
        self.default.as_deref().filter(|_| stored)
    }
}

/// A CHECK constraint.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Check {
    pub(in crate::postgres) id: u32,
    pub(in crate::postgres) name: Arc<str>,
    pub(in crate::postgres) condition: Formula,
    /// False for NOT VALID: rows from before may break it.
    pub(in crate::postgres) valid: bool,
}

/// One key of an index.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct IndexKey {
    /// Over the row of its table, in slot 0.
    pub(in crate::postgres) expr: Formula,
    pub(in crate::postgres) ty: Type,
    /// The operators that order it, where they are not those of its type.
    pub(in crate::postgres) operators: Option<Arc<str>>,
    /// DESC
    pub(in crate::postgres) descending: bool,
    pub(in crate::postgres) nulls_first: bool,
    /// As details show it.
    pub(in crate::postgres) text: String,
    /// What the index calls it.
    pub(in crate::postgres) name: Arc<str>,
}

impl IndexKey {
    /// The column that it is, if it is no expression.
    pub(in crate::postgres) fn column(&self) -> Option<usize> {
        match *self.expr {
            Expr::Column { column, .. } => Some(column),
            _ => None,
        }
    }
}

/// The constraint that an index stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum KeyConstraint {
    Primary,
    Unique,
}

/// What an index is over.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct IndexDef {
    pub(in crate::postgres) id: u32,
    pub(in crate::postgres) name: Arc<str>,
    pub(in crate::postgres) keys: Vec<IndexKey>,
    /// Columns that INCLUDE adds: they are no part of the key.
    pub(in crate::postgres) include: Vec<usize>,
    /// A partial index has only the rows of which this is true.
    pub(in crate::postgres) predicate: Option<Formula>,
    pub(in crate::postgres) unique: bool,
    /// False for NULLS NOT DISTINCT.
    pub(in crate::postgres) nulls_distinct: bool,
    pub(in crate::postgres) constraint: Option<KeyConstraint>,
    /// Who made it: nobody else uses it before that commits.
    pub(in crate::postgres) created_by: Xid,
}

impl IndexDef {
    /// True if the transaction `top` sees it.
    pub(in crate::postgres) fn seen(&self, clog: &Clog, top: Xid) -> bool {
        Presence::since(self.created_by).seen(clog, top)
    }

    pub(in crate::postgres) fn is_primary(&self) -> bool {
        self.constraint == Some(KeyConstraint::Primary)
    }

    pub(in crate::postgres) fn is_constraint(&self) -> bool {
        self.constraint.is_some()
    }

    /// The columns that it is over, if all its keys are columns.
    pub(in crate::postgres) fn columns(&self) -> Option<Vec<usize>> {
        self.keys.iter().map(IndexKey::column).collect()
    }

    /// True if a key or the predicate reads a column.
    pub(in crate::postgres) fn reads(&self, column: usize) -> bool {
        let keys = self.keys.iter().map(|key| &key.expr);
        let mut formulas = keys.chain(&self.predicate);
        formulas.any(|formula| formula.columns().contains(&column))
    }

    /// The key of a row; None if the row does not belong into the index.
    pub(in crate::postgres) fn try_key(&self, row: &Row) -> Result<Option<Box<[Value]>>> {
        let rows = std::slice::from_ref(row);
        if let Some(predicate) = &self.predicate
            && !holds(predicate, rows, &Context::IMMUTABLE)?
        {
            return Ok(None);
        }
        let value = |key: &IndexKey| match key.column() {
            Some(column) => Ok(row[column].clone()),
            None => eval(&key.expr, rows, &Context::IMMUTABLE),
        };
        self.keys.iter().map(value).collect::<Result<_>>().map(Some)
    }

    /// The key of a row that is in the table already, and so has one.
    pub(in crate::postgres) fn key(&self, row: &Row) -> Option<Box<[Value]>> {
        self.try_key(row).ok().flatten()
    }

    /// True if a row has this key.
    pub(in crate::postgres) fn has_key(&self, row: &Row, key: &[Value]) -> bool {
        if self.predicate.is_none()
            && let Some(same) = self.same_columns(row, key)
        {
            return same;
        }
        self.key(row).is_some_and(|own| own.starts_with(key))
    }

    fn same_columns(&self, row: &Row, key: &[Value]) -> Option<bool> {
        for (def, value) in self.keys.iter().zip(key) {
            if row[def.column()?] != *value {
                return Some(false);
            }
        }
        Some(true)
    }

    /// True if an entry for either row is one for the other. A row whose key
    /// cannot be computed is like no other.
    pub(in crate::postgres) fn same_key(&self, a: &Row, b: &Row) -> bool {
        let plain = |key: &IndexKey| key.column().is_some();
        if self.predicate.is_none() && self.keys.iter().all(plain) {
            let mut columns = self.keys.iter().filter_map(IndexKey::column);
            return columns.all(|column| a[column] == b[column]);
        }
        let keys = self.try_key(a).ok().zip(self.try_key(b).ok());
        keys.is_some_and(|(a, b)| a == b)
    }

    /// True if rows are alike in every column that the index looks at. They may
    /// have one key without.
    fn looks_alike(&self, a: &Row, b: &Row) -> bool {
        let differs = |column: &usize| a[*column] != b[*column];
        let mut differs_in = |part: &Expr| match part {
            Expr::Column { column, .. } => differs(column),
            _ => false,
        };
        let mut predicate = self.predicate.iter();
        !self.keys.iter().any(|key| key.expr.any(&mut differs_in))
            && !predicate.any(|predicate| predicate.any(&mut differs_in))
            && !self.include.iter().any(differs)
    }

    /// `(a, b)=(1, 2)`, as details name a key.
    pub(in crate::postgres) fn show_key(&self, key: &[Value]) -> String {
        let names: Vec<&str> = self.keys.iter().map(|key| &*key.text).collect();
        let values: Vec<String> = key.iter().map(ToString::to_string).collect();
        format!("({})=({})", names.join(", "), values.join(", "))
    }
}

/// What happens to the rows that refer to a row that goes or changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum Referential {
    NoAction,
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
}

impl Referential {
    /// As it is written.
    pub(in crate::postgres) fn words(self) -> &'static str {
        match self {
            Referential::NoAction => "NO ACTION",
            Referential::Restrict => "RESTRICT",
            Referential::Cascade => "CASCADE",
            Referential::SetNull => "SET NULL",
            Referential::SetDefault => "SET DEFAULT",
        }
    }
}

/// A FOREIGN KEY constraint, in the table that refers.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct ForeignKey {
    pub(in crate::postgres) id: u32,
    pub(in crate::postgres) name: Arc<str>,
    pub(in crate::postgres) columns: Vec<usize>,
    pub(in crate::postgres) parent: TableId,
    pub(in crate::postgres) parent_columns: Vec<usize>,
    pub(in crate::postgres) on_delete: Referential,
    pub(in crate::postgres) on_update: Referential,
    /// MATCH FULL: NULL in all columns or in none.
    pub(in crate::postgres) full: bool,
    /// DEFERRABLE: a transaction may put its check off.
    pub(in crate::postgres) deferrable: bool,
    /// INITIALLY DEFERRED: checked at the end of the transaction.
    pub(in crate::postgres) deferred: bool,
    /// False for NOT VALID: rows from before may break it.
    pub(in crate::postgres) valid: bool,
}

/// What of a table somebody has commented on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::postgres) enum Commented {
    Table,
    Column(Arc<str>),
    /// An index by its number.
    Index(u32),
}

/// What a table is. Replaced as a whole when it changes.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct TableDef {
    pub(in crate::postgres) id: TableId,
    pub(in crate::postgres) name: Arc<str>,
    pub(in crate::postgres) columns: Vec<Column>,
    pub(in crate::postgres) checks: Vec<Check>,
    pub(in crate::postgres) indexes: Vec<IndexDef>,
    pub(in crate::postgres) foreign_keys: Vec<ForeignKey>,
    pub(in crate::postgres) comments: BTreeMap<Commented, Arc<str>>,
}

impl TableDef {
    pub(in crate::postgres) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| &*column.name == name)
    }

    /// The identity column of a sequence.
    pub(in crate::postgres) fn identity_of(&self, sequence: SequenceId) -> Option<&Column> {
        let mut identities = self.columns.iter().filter(|column| column.identity);
        identities.find(|column| column.sequence == Some(sequence))
    }

    /// The columns that are computed, and how.
    pub(in crate::postgres) fn computed(&self) -> impl Iterator<Item = (usize, &Expr)> {
        let computed = self.columns.iter().map(Column::computed).enumerate();
        computed.filter_map(|(index, expr)| Some((index, expr?)))
    }

    /// Those that are computed from one of these.
    pub(in crate::postgres) fn computed_from(
        &self,
        changed: impl Fn(usize) -> bool,
    ) -> impl Iterator<Item = (usize, &Expr)> {
        self.computed().filter(move |(_, expr)| {
            expr.any(&mut |part| matches!(part, Expr::Column { column, .. } if changed(*column)))
        })
    }

    /// The unique index over just these columns, which a reference to them
    /// stands on.
    pub(in crate::postgres) fn referred_index(&self, columns: &[usize]) -> Option<&IndexDef> {
        let mut wanted = columns.to_vec();
        wanted.sort_unstable();
        let mut unique = self.indexes.iter().filter(|index| index.unique);
        unique.find(|index| {
            let mut over = index.columns().unwrap_or_default();
            over.sort_unstable();
            index.predicate.is_none() && over == wanted
        })
    }

    /// Its constraints, by number and name.
    pub(in crate::postgres) fn constraints(&self) -> impl Iterator<Item = (u32, &Arc<str>)> {
        let checks = self.checks.iter().map(|check| (check.id, &check.name));
        let keys = self.foreign_keys.iter().map(|key| (key.id, &key.name));
        let indexes = self.indexes.iter().filter(|index| index.is_constraint());
        let indexes = indexes.map(|index| (index.id, &index.name));
        checks.chain(keys).chain(indexes)
    }

    /// Where an index of this number is.
    pub(in crate::postgres) fn index(&self, id: u32) -> Option<usize> {
        self.indexes.iter().position(|index| index.id == id)
    }

    /// The largest number of the catalog that it uses.
    pub(in crate::postgres) fn last_id(&self) -> u32 {
        let indexes = self.indexes.iter().map(|index| index.id);
        let checks = self.checks.iter().map(|check| check.id);
        let foreign_keys = self.foreign_keys.iter().map(|key| key.id);
        let all = indexes.chain(checks).chain(foreign_keys);
        all.fold(self.id.0, u32::max)
    }

    /// True if a foreign key could refer to the column: an update of it
    /// takes the strongest row lock.
    pub(in crate::postgres) fn is_key(&self, column: usize) -> bool {
        let plain = |index: &&IndexDef| {
            let mut keys = index.keys.iter();
            index.unique && index.predicate.is_none() && keys.all(|key| key.column().is_some())
        };
        let mut plain = self.indexes.iter().filter(plain);
        plain.any(|index| index.keys.iter().any(|key| key.column() == Some(column)))
    }
}

/// A table with its contents.
#[derive(Debug)]
pub(in crate::postgres) struct Table {
    pub(in crate::postgres) def: Arc<TableDef>,
    pub(in crate::postgres) heap: Heap,
    pub(in crate::postgres) indexes: Vec<Index>,
    pub(in crate::postgres) presence: Presence,
    /// The names of the indexes that the transaction is dropping which has the
    /// table to itself: for all others they are there.
    pub(in crate::postgres) dropped: Vec<(Arc<str>, Xid)>,
    /// The index that DROP INDEX CONCURRENTLY is about to drop: no new
    /// statement uses it.
    pub(in crate::postgres) retired: Option<u32>,
    /// What was counted of the table and its indexes, by their numbers.
    pub(in crate::postgres) counts: BTreeMap<u32, Count>,
}

/// The pages and rows of a relation, as pg_class has them: -1 is for rows that
/// nobody has counted.
#[derive(Debug, Clone, Copy)]
pub(in crate::postgres) struct Count {
    pub(in crate::postgres) pages: i64,
    pub(in crate::postgres) tuples: i64,
}

/// A table's contents, set aside by TRUNCATE.
#[derive(Debug)]
pub(in crate::postgres) struct Contents {
    heap: Heap,
    indexes: Vec<Index>,
    counts: BTreeMap<u32, Count>,
}

impl Table {
    pub(in crate::postgres) fn new(def: Arc<TableDef>, created_by: Xid) -> Table {
        let indexes = def.indexes.iter().map(|_| Index::default()).collect();
        Table {
            def,
            heap: Heap::default(),
            indexes,
            presence: Presence::since(created_by),
            dropped: Vec::new(),
            retired: None,
            counts: BTreeMap::new(),
        }
    }

    /// True if the transaction `top` sees an index of this name.
    pub(in crate::postgres) fn has_index(&self, name: &str, clog: &Clog, top: Xid) -> bool {
        let mut indexes = self.def.indexes.iter();
        let mut dropped = self.dropped.iter();
        indexes.any(|index| *index.name == *name && index.seen(clog, top))
            || dropped.any(|(gone, xid)| **gone == *name && clog.runs_beside(*xid, top))
    }

    /// A drop of an index was committed or undone.
    pub(in crate::postgres) fn forget_drop(&mut self, name: &str) {
        self.dropped.retain(|(dropped, _)| **dropped != *name);
    }

    /// The definition as the transaction `top` sees it: CREATE INDEX keeps
    /// neither readers nor another CREATE INDEX away.
    pub(in crate::postgres) fn seen_by(&self, clog: &Clog, top: Xid) -> Arc<TableDef> {
        let seen = |index: &IndexDef| index.seen(clog, top) && self.retired != Some(index.id);
        if self.def.indexes.iter().all(seen) {
            return self.def.clone();
        }
        let mut def = (*self.def).clone();
        def.indexes.retain(seen);
        Arc::new(def)
    }

    /// Takes one index away.
    pub(in crate::postgres) fn remove_index(&mut self, id: u32) {
        if let Some(at) = self.def.index(id) {
            let mut def = (*self.def).clone();
            def.indexes.remove(at);
            self.indexes.remove(at);
            self.def = Arc::new(def);
        }
    }

    /// Adds a row to the heap; its index entries follow one by one, each
    /// after its own check.
    pub(in crate::postgres) fn insert(&mut self, xid: Xid, command: u32, row: Row) -> (RowId, Tid) {
        self.heap.insert(xid, command, row)
    }

    /// Puts a row back that a restart found, with all its entries.
    pub(in crate::postgres) fn restore(&mut self, tid: Tid, row: Row) {
        let id = self.heap.restore(tid, row.clone());
        self.add_entries(id, &row);
    }

    /// Adds a version that another server made, with all its entries.
    pub(in crate::postgres) fn replay(
        &mut self,
        id: Option<RowId>,
        tid: Tid,
        xid: Xid,
        row: Row,
    ) -> RowId {
        let id = self.heap.replay(id, tid, xid, row.clone());
        self.add_entries(id, &row);
        id
    }

    fn add_entries(&mut self, id: RowId, row: &Row) {
        for (def, index) in self.def.indexes.iter().zip(&mut self.indexes) {
            if let Some(key) = def.key(row) {
                index.insert(key, id);
            }
        }
    }

    pub(in crate::postgres) fn add_entry(&mut self, index: usize, key: Box<[Value]>, id: RowId) {
        self.indexes[index].insert(key, id);
    }

    /// Supersedes the newest version, and says whether that changed nothing
    /// that an index looks at. If it did, entries follow.
    pub(in crate::postgres) fn update(
        &mut self,
        id: RowId,
        xid: Xid,
        command: u32,
        mode: RowLockMode,
        row: Row,
    ) -> (Tid, bool) {
        let old = self.heap.chain(id).newest();
        let heap_only = old.is_some_and(|old| {
            let mut indexes = self.def.indexes.iter();
            indexes.all(|index| index.looks_alike(&old.row, &row))
        });
        self.heap.expire(id, xid, command, mode);
        let tid = self.heap.append(id, xid, command, row, heap_only);
        (tid, heap_only)
    }

    /// Undoes an insert or the new half of an update.
    pub(in crate::postgres) fn retract(&mut self, id: RowId, tid: Tid) {
        if let Some(row) = self.heap.retract(id, tid) {
            self.forget(&row, id);
        }
    }

    /// Drops what nobody can see.
    pub(in crate::postgres) fn prune(&mut self, id: RowId, clog: &Clog, horizon: Csn) {
        for row in self.heap.prune(id, clog, horizon) {
            self.forget(&row, id);
        }
    }

    /// Makes these indexes anew: there is nothing to it but to clean up.
    pub(in crate::postgres) fn reindex(&mut self, concerned: &[u32]) {
        for (def, index) in self.def.indexes.iter().zip(&mut self.indexes) {
            if concerned.contains(&def.id) {
                index.vacuum();
            }
        }
    }

    /// Cleans up what dead rows have left.
    pub(in crate::postgres) fn vacuum(&mut self) {
        self.heap.vacuum();
        self.indexes.iter_mut().for_each(Index::vacuum);
    }

    fn forget(&mut self, row: &Row, id: RowId) {
        let chain = self.heap.chain(id);
        for (def, index) in self.def.indexes.iter().zip(&mut self.indexes) {
            index.forget(def, row, id, chain);
        }
    }

    /// Takes over another definition, and fills its indexes anew. With rows,
    /// takes these over too.
    pub(in crate::postgres) fn redefine(&mut self, def: Arc<TableDef>, heap: Option<Heap>) {
        if let Some(heap) = heap {
            self.heap = heap;
        }
        let indexes = def.indexes.iter().map(|def| self.filled(def));
        self.indexes = indexes.collect();
        self.def = def;
    }

    /// An index over all that is there.
    fn filled(&self, def: &IndexDef) -> Index {
        let mut index = Index::default();
        for (id, chain) in self.heap.rows() {
            for version in chain.versions() {
                if let Some(key) = def.key(&version.row) {
                    index.insert(key, id);
                }
            }
        }
        index
    }

    /// Adds an index after the others.
    pub(in crate::postgres) fn add_index(&mut self, index: IndexDef) {
        self.indexes.push(self.filled(&index));
        let mut def = (*self.def).clone();
        def.indexes.push(index);
        self.def = Arc::new(def);
    }

    /// Empties the table, and returns what was in it.
    pub(in crate::postgres) fn truncate(&mut self) -> Contents {
        let empty = self.def.indexes.iter().map(|_| Index::default()).collect();
        let uncounted = Count {
            pages: 0,
            tuples: -1,
        };
        let indexes = self.def.indexes.iter();
        let counts = indexes.map(|index| (index.id, uncounted)).collect();
        Contents {
            heap: std::mem::take(&mut self.heap),
            indexes: std::mem::replace(&mut self.indexes, empty),
            counts: std::mem::replace(&mut self.counts, counts),
        }
    }

    pub(in crate::postgres) fn refill(&mut self, contents: Contents) {
        self.heap = contents.heap;
        self.indexes = contents.indexes;
        self.counts = contents.counts;
    }
}
