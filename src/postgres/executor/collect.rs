//! Collecting the rows of FROM that a snapshot sees: nested loops, each side
//! by index or by hash where the plan says so.
//!
//! They come one after the other, and what has been come to is kept in
//! between, so that a query can be left off and gone on with.

use std::collections::BTreeMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::Execution;
use super::reader::{Reader, outer_frame};
use crate::postgres::catalog::is_rather_scanned;
use crate::postgres::cost::KEPT;
use crate::postgres::engine::Engine;
use crate::postgres::error::Result;
use crate::postgres::sql::{
    Access, Context, Expr, Join, JoinKind, Node, Range, RowSource, Rows, Scan, ScanDirection, eval,
    eval_all, holds,
};
use crate::postgres::storage::clog::Snapshot;
use crate::postgres::storage::heap::{RowId, Tid, Version};
use crate::postgres::storage::table::{Table, TableId};
use crate::postgres::types::{Row, Value};

/// Where a row of FROM came from; None for what is no table's.
pub(super) type Origin = Option<(RowId, Tid)>;

/// One for every slot: most queries have few.
pub(super) type Slots<T> = SmallVec<[T; 2]>;

/// A row in every slot of a query and those around it.
#[derive(Debug, Clone, Default)]
pub(super) struct Tuple {
    pub(super) rows: Slots<Row>,
    pub(super) origins: Slots<Origin>,
}

/// The values that an index is asked for.
type Key = SmallVec<[Value; 2]>;

/// A row of a table: where it is, and as its scan shows it.
type Found = (RowId, Tid, Row);

/// The rows of a table by key, for a hash join.
type Hashed = BTreeMap<Vec<Value>, Vec<Found>>;

/// How far the rows of FROM have come.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// The row that it stands on.
    pub(super) tuple: Tuple,
    place: Place,
    /// What does not depend on rows and was computed once, by slot.
    hashed: BTreeMap<usize, Arc<Hashed>>,
    sources: BTreeMap<usize, Arc<Vec<Row>>>,
    /// The source that need not give more rows than this.
    cut: Option<(usize, usize)>,
}

/// How far one part of FROM has come.
#[derive(Debug, Clone, Default)]
enum Place {
    /// Before its first row.
    #[default]
    Start,
    Scan(ScanPlace),
    Rows {
        rows: Arc<Vec<Row>>,
        next: usize,
    },
    Join(Box<JoinPlace>),
    Full(Box<FullPlace>),
}

#[derive(Debug, Clone, Default)]
struct ScanPlace {
    /// Rows that are to be looked at, from `next` on.
    found: SmallVec<[Found; 1]>,
    next: usize,
    /// Where more come from, one key after the other.
    ordered: Option<Box<Ordered>>,
}

/// A walk through an index: the key at which it is.
#[derive(Debug, Clone)]
struct Ordered {
    /// What its keys begin with, one after the other, the next one last.
    prefixes: Vec<Key>,
    bounds: Bounds,
    at: Option<Box<[Value]>>,
}

/// Before the first of these prefixes, which stand in their order. Those with
/// a NULL, which equals nothing, are not among them.
fn open_ordered(mut prefixes: Vec<Key>, bounds: Bounds, direction: ScanDirection) -> ScanPlace {
    if direction == ScanDirection::Forward {
        prefixes.reverse();
    }
    let at = None;
    let ordered = Ordered {
        prefixes,
        bounds,
        at,
    };
    ScanPlace {
        ordered: Some(Box::new(ordered)),
        ..ScanPlace::default()
    }
}

#[derive(Debug, Clone, Default)]
struct JoinPlace {
    left: Place,
    right: Place,
    /// True while there is a row of the left side, and whether it had a match.
    open: bool,
    matched: bool,
}

/// FULL JOIN: the right side is collected first, to know in the end which of
/// its rows had no match.
#[derive(Debug, Clone, Default)]
struct FullPlace {
    left: Place,
    right: Vec<(Vec<(Row, Origin)>, bool)>,
    next: usize,
    open: bool,
    matched: bool,
    /// The left side has ended.
    rest: bool,
}

impl Progress {
    /// Before the first row, each to come after those of `outer`; no more
    /// than `at_most` are needed.
    pub(super) fn new(outer: &[Row], from: &Node, at_most: usize) -> Progress {
        let mut tuple = Tuple::default();
        for slot in 0..from.end().max(outer.len()) {
            tuple
                .rows
                .push(outer.get(slot).cloned().unwrap_or_default());
            tuple.origins.push(None);
        }
        Progress {
            tuple,
            cut: innermost(from).map(|slot| (slot, at_most)),
            ..Progress::default()
        }
    }

    /// Goes on to the next combination of rows that meets all conditions:
    /// false if there is none, and not to be asked again.
    pub(super) fn advance(&mut self, reader: &Reader<'_, '_>, from: &Node) -> Result<bool> {
        let mut place = std::mem::take(&mut self.place);
        let mut collector = Collector {
            reader,
            engine: reader.engine,
            context: reader.context(),
            snapshot: reader.run.snapshot,
            progress: self,
        };
        let found = collector.advance(from, &mut place)?;
        self.place = place;
        Ok(found)
    }
}

struct Collector<'c> {
    reader: &'c Reader<'c, 'c>,
    engine: &'c Engine,
    context: Context<'c>,
    snapshot: Snapshot,
    progress: &'c mut Progress,
}

/// Every combination of rows that meets all conditions, after those of
/// `outer`, until enough are collected.
pub(super) fn collect(
    reader: &Reader<'_, '_>,
    outer: &[Row],
    from: &Node,
    at_most: usize,
) -> Result<Vec<Tuple>> {
    let mut progress = Progress::new(outer, from, at_most);
    // Most look for one row.
    let mut found = Vec::with_capacity(1);
    while found.len() < at_most && progress.advance(reader, from)? {
        reader.run.transaction.touched.effort.spend(KEPT)?;
        found.push(progress.tuple.clone());
    }
    Ok(found)
}

/// The source of which every row makes one of the result.
fn innermost(node: &Node) -> Option<usize> {
    match node {
        Node::Rows(source) if source.filter.is_empty() => Some(source.slot),
        Node::Join(join)
            if join.kind == JoinKind::Inner && join.on.is_empty() && join.filter.is_empty() =>
        {
            innermost(&join.right)
        }
        _ => None,
    }
}

/// True if a tuple still meets all conditions: EvalPlanQual's question. The
/// rows of the other tables are kept, and subqueries asked again; an outer
/// join whose sides match no more gives NULLs.
pub(super) fn recheck(reader: &Reader<'_, '_>, node: &Node, tuple: &mut Tuple) -> Result<bool> {
    let context = reader.context();
    match node {
        Node::Scan(scan) => all_hold(&scan.filter, &tuple.rows, &context),
        Node::Rows(source) => all_hold(&source.filter, &tuple.rows, &context),
        Node::Join(join) => {
            if !recheck(reader, &join.left, tuple)? {
                return Ok(false);
            }
            let matches =
                recheck(reader, &join.right, tuple)? && all_hold(&join.on, &tuple.rows, &context)?;
            if !matches {
                if join.kind == JoinKind::Inner {
                    return Ok(false);
                }
                set_nulls(tuple, &join.right);
            }
            all_hold(&join.filter, &tuple.rows, &context)
        }
    }
}

pub(super) fn all_hold(conditions: &[Expr], rows: &[Row], context: &Context<'_>) -> Result<bool> {
    for condition in conditions {
        if !holds(condition, rows, context)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn set_nulls(tuple: &mut Tuple, node: &Node) {
    for (slot, width) in node.slots() {
        tuple.rows[slot] = vec![Value::Null; width].into();
        tuple.origins[slot] = None;
    }
}

impl<'c> Collector<'c> {
    /// Goes on to the next row of a part of FROM; after the last it is at its
    /// start again.
    fn advance(&mut self, node: &Node, place: &mut Place) -> Result<bool> {
        if matches!(place, Place::Start) {
            *place = self.open(node)?;
        }
        let found = match (node, &mut *place) {
            (Node::Scan(scan), Place::Scan(at)) => self.scan(scan, at)?,
            (Node::Rows(source), Place::Rows { rows, next }) => self.rows(source, rows, next)?,
            (Node::Join(join), Place::Join(at)) => self.join(join, at)?,
            (Node::Join(join), Place::Full(at)) => self.full(join, at)?,
            _ => false,
        };
        if !found {
            *place = Place::Start;
        }
        Ok(found)
    }

    fn open(&mut self, node: &Node) -> Result<Place> {
        Ok(match node {
            Node::Scan(scan) => Place::Scan(self.open_scan(scan)?),
            Node::Rows(source) => Place::Rows {
                rows: self.source_rows(source)?,
                next: 0,
            },
            Node::Join(join) if join.kind == JoinKind::Full => {
                Place::Full(Box::new(self.open_full(join)?))
            }
            Node::Join(_) => Place::Join(Box::default()),
        })
    }

    /// True if the rows at hand, which are looked at, meet all conditions.
    fn holds(&self, conditions: &[Expr]) -> Result<bool> {
        self.reader.run.transaction.touched.effort.spend(1)?;
        all_hold(conditions, &self.progress.tuple.rows, &self.context)
    }

    fn put(&mut self, slot: usize, row: Row, origin: Origin) {
        self.progress.tuple.rows[slot] = row;
        self.progress.tuple.origins[slot] = origin;
    }

    fn join(&mut self, join: &Join, at: &mut JoinPlace) -> Result<bool> {
        loop {
            if !at.open {
                if !self.advance(&join.left, &mut at.left)? {
                    return Ok(false);
                }
                at.open = true;
                at.matched = false;
            }
            while self.advance(&join.right, &mut at.right)? {
                if self.holds(&join.on)? {
                    at.matched = true;
                    if self.holds(&join.filter)? {
                        return Ok(true);
                    }
                }
            }
            at.open = false;
            if !at.matched && join.kind == JoinKind::Left {
                set_nulls(&mut self.progress.tuple, &join.right);
                if self.holds(&join.filter)? {
                    return Ok(true);
                }
            }
        }
    }

    fn open_full(&mut self, join: &Join) -> Result<FullPlace> {
        let slots = join.right.slots();
        let mut full = FullPlace::default();
        let mut place = Place::Start;
        while self.advance(&join.right, &mut place)? {
            let tuple = &self.progress.tuple;
            let rows = slots
                .iter()
                .map(|(slot, _)| (tuple.rows[*slot].clone(), tuple.origins[*slot]));
            full.right.push((rows.collect(), false));
        }
        Ok(full)
    }

    fn full(&mut self, join: &Join, at: &mut FullPlace) -> Result<bool> {
        let slots = join.right.slots();
        while !at.rest {
            if !at.open {
                at.rest = !self.advance(&join.left, &mut at.left)?;
                at.open = !at.rest;
                at.matched = false;
                at.next = 0;
                continue;
            }
            while let Some((rows, had_match)) = at.right.get_mut(at.next) {
                at.next += 1;
                for ((slot, _), (row, origin)) in slots.iter().zip(rows) {
                    self.put(*slot, row.clone(), *origin);
                }
                if self.holds(&join.on)? {
                    at.matched = true;
                    *had_match = true;
                    if self.holds(&join.filter)? {
                        return Ok(true);
                    }
                }
            }
            at.open = false;
            if !at.matched {
                set_nulls(&mut self.progress.tuple, &join.right);
                if self.holds(&join.filter)? {
                    return Ok(true);
                }
            }
        }
        while let Some((rows, had_match)) = at.right.get(at.next) {
            at.next += 1;
            if *had_match {
                continue;
            }
            set_nulls(&mut self.progress.tuple, &join.left);
            for ((slot, _), (row, origin)) in slots.iter().zip(rows) {
                self.put(*slot, row.clone(), *origin);
            }
            if self.holds(&join.filter)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn rows(&mut self, source: &RowSource, rows: &[Row], next: &mut usize) -> Result<bool> {
        while let Some(row) = rows.get(*next) {
            *next += 1;
            self.put(source.slot, row.clone(), None);
            if self.holds(&source.filter)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn source_rows(&mut self, source: &RowSource) -> Result<Arc<Vec<Row>>> {
        if let Some(rows) = self.progress.sources.get(&source.slot) {
            return Ok(rows.clone());
        }
        let cut = self.progress.cut.filter(|(slot, _)| *slot == source.slot);
        let enough = cut.map_or(usize::MAX, |(_, enough)| enough);
        let (rows, once) = match &source.rows {
            Rows::Cte(index) => (self.reader.run.cte(*index), true),
            Rows::Catalog(table) => (self.reader.catalog(table), true),
            Rows::Sequence(id) => {
                let row = self.reader.run.shared.sequences.lock().row(*id);
                let row = row.map(|(last, logged, called)| {
                    [Value::Int(last), Value::Int(logged), Value::Bool(called)].into()
                });
                (Arc::new(row.into_iter().collect()), true)
            }
            Rows::Query(plan) => {
                let outer = outer_frame(&self.progress.tuple.rows, plan.base);
                let rows = super::query::evaluate(self.reader, &plan.query, &outer, enough)?;
                (Arc::new(rows), !plan.correlated)
            }
            Rows::Function(call) => {
                let context = Context {
                    rows_wanted: enough,
                    ..self.context
                };
                let value = eval(call, &self.progress.tuple.rows, &context)?;
                (
                    Arc::new(function_rows(value, source.width)),
                    call.slots() == 0,
                )
            }
            Rows::Zipped(calls) => {
                let sets = eval_all(calls, &self.progress.tuple.rows, &self.context)?;
                let fixed = calls.iter().all(|call| call.slots() == 0);
                (Arc::new(side_by_side(&sets)), fixed)
            }
        };
        if once {
            self.progress.sources.insert(source.slot, rows.clone());
        }
        Ok(rows)
    }

    fn scan(&mut self, scan: &Scan, at: &mut ScanPlace) -> Result<bool> {
        loop {
            while let Some((id, tid, row)) = at.found.get(at.next) {
                at.next += 1;
                self.put(scan.slot, row.clone(), Some((*id, *tid)));
                if self.holds(&scan.filter)? {
                    return Ok(true);
                }
            }
            let Some(ordered) = &mut at.ordered else {
                return Ok(false);
            };
            let Some(found) = self.next_key(scan, ordered)? else {
                return Ok(false);
            };
            (at.found, at.next) = (found, 0);
        }
    }

    fn open_scan(&mut self, scan: &Scan) -> Result<ScanPlace> {
        let table = self.engine.table(scan.table.id)?;
        let reads = &self.reader.run.reads;
        let access = match is_rather_read_whole(scan, table) {
            true => &Access::Sequential,
            false => &scan.access,
        };
        let found = match access {
            Access::Sequential => in_physical_order(scan, table, self.reader).into(),
            Access::Index {
                index,
                keys,
                range,
                direction,
            } => {
                let index = place_of(scan, table, *index);
                reads.index(table.def.indexes[index].id);
                let Some(bounds) = self.bounds(range)? else {
                    // A bound that is NULL: nothing is within.
                    return Ok(ScanPlace::default());
                };
                let keys = self.keys(keys)?;
                if let Some(direction) = direction {
                    return Ok(open_ordered(keys.into_vec(), bounds, *direction));
                }
                self.looked_up(scan, table, index, &keys, &bounds)
            }
            Access::Current(cursor) => {
                let mut currents = self.reader.run.currents.iter();
                let here = currents.find(|at| at.cursor == *cursor && at.table == scan.table.id);
                let found = here.and_then(|at| Some((at.row, self.latest(table, at.row)?)));
                shown(scan, found.into_iter().collect(), ScanDirection::Forward)
            }
            Access::Hash { columns, key } => {
                let hashed = self.hashed(scan, table, columns);
                let key = eval_all(key, &self.progress.tuple.rows, &self.context)?;
                let rows = match key.iter().any(Value::is_null) {
                    true => None,
                    false => hashed.get(&key),
                };
                rows.into_iter().flatten().cloned().collect()
            }
        };
        Ok(ScanPlace {
            found,
            ..ScanPlace::default()
        })
    }

    /// The rows of a table by some columns: made at the first look-up.
    fn hashed(&mut self, scan: &Scan, table: &Table, columns: &[usize]) -> Arc<Hashed> {
        if let Some(hashed) = self.progress.hashed.get(&scan.slot) {
            return hashed.clone();
        }
        let mut hashed = Hashed::new();
        for found in in_physical_order(scan, table, self.reader) {
            let key: Vec<Value> = columns.iter().map(|c| found.2[*c].clone()).collect();
            hashed.entry(key).or_default().push(found);
        }
        let hashed = Arc::new(hashed);
        self.progress.hashed.insert(scan.slot, hashed.clone());
        hashed
    }

    /// The values of the key, each once; a NULL equals nothing.
    fn keys(&self, keys: &[Vec<Expr>]) -> Result<SmallVec<[Key; 1]>> {
        let mut values: SmallVec<[Key; 1]> = SmallVec::with_capacity(keys.len());
        for exprs in keys {
            let mut key = Key::new();
            for expr in exprs {
                key.push(eval(expr, &self.progress.tuple.rows, &self.context)?);
            }
            if !key.iter().any(Value::is_null) {
                values.push(key);
            }
        }
        if values.len() > 1 {
            values.sort_unstable();
            values.dedup();
        }
        Ok(values)
    }

    /// The bounds of a range; None if one of them is NULL.
    fn bounds(&self, range: &Range) -> Result<Option<Bounds>> {
        let one = |bound: &Option<(Expr, bool)>| match bound {
            Some((expr, included)) => {
                let value = eval(expr, &self.progress.tuple.rows, &self.context)?;
                Ok(Some((value, *included)))
            }
            None => Ok(None),
        };
        let bounds = Bounds {
            low: one(&range.low)?,
            high: one(&range.high)?,
        };
        let mut both = bounds.low.iter().chain(&bounds.high);
        Ok((!both.any(|(value, _)| value.is_null())).then_some(bounds))
    }

    /// What an index leads to, as a bitmap scan does: every row once, in the
    /// order of the places that the entries name.
    fn looked_up(
        &self,
        scan: &Scan,
        table: &Table,
        index: usize,
        keys: &[Key],
        bounds: &Bounds,
    ) -> SmallVec<[Found; 1]> {
        let def = &table.def.indexes[index];
        let touched = &self.reader.run.transaction.touched;
        touched.index_scans.add(keys.len());
        let (low, high) = (bounds.low.as_ref(), bounds.high.as_ref());
        let mut found = SmallVec::new();
        for key in keys {
            if table.indexes[index].meets_dead(def.keys.len(), key, low, high) {
                self.reader.run.reads.dead();
            }
            if key.len() == def.keys.len() {
                for id in table.indexes[index].get(key) {
                    found.extend(self.visible(table, index, id, key).map(|v| (id, v)));
                }
                continue;
            }
            let entries = table.indexes[index].range(def.keys.len(), key, low, high);
            let mut ids: Vec<RowId> = entries.flat_map(|(_, rows)| rows.rows()).collect();
            ids.sort_unstable();
            ids.dedup();
            for id in ids {
                found.extend(self.visible(table, index, id, key).map(|v| (id, v)));
            }
        }
        shown(scan, found, ScanDirection::Forward)
    }

    /// The rows of the next key within the prefixes of an index, as it has
    /// them; None after the last.
    fn next_key(&self, scan: &Scan, at: &mut Ordered) -> Result<Option<SmallVec<[Found; 1]>>> {
        let Access::Index {
            index,
            direction: Some(direction),
            ..
        } = scan.access
        else {
            return Ok(None);
        };
        let table = self.engine.table(scan.table.id)?;
        let index = place_of(scan, table, index);
        let (low, high) = (at.bounds.low.as_ref(), at.bounds.high.as_ref());
        let width = table.def.indexes[index].keys.len();
        let entries = &table.indexes[index];
        let backward = direction == ScanDirection::Backward;
        while let Some(prefix) = at.prefixes.last() {
            if at.at.is_none() {
                self.reader.run.transaction.touched.index_scans.add(1);
            }
            let last = at.at.as_deref();
            let (next, dead) = entries.next(width, prefix, low, high, last, backward);
            if dead {
                self.reader.run.reads.dead();
            }
            if let Some((key, postings)) = next {
                at.at = Some(key.into());
                let visible = |id| Some((id, self.visible(table, index, id, key)?));
                let found = postings.rows().filter_map(visible).collect();
                return Ok(Some(shown(scan, found, direction)));
            }
            at.prefixes.pop();
            at.at = None;
        }
        Ok(None)
    }

    /// The version of a row that the snapshot sees, if it has the key: the
    /// entry may be that of another version.
    fn visible<'t>(
        &self,
        table: &'t Table,
        index: usize,
        id: RowId,
        key: &[Value],
    ) -> Option<&'t Version> {
        let version = self.latest(table, id)?;
        let same = table.def.indexes[index].has_key(&version.row, key);
        same.then_some(version)
    }

    /// The version of a row that the snapshot sees.
    fn latest<'t>(&self, table: &'t Table, id: RowId) -> Option<&'t Version> {
        let chain = table.heap.chain(id);
        let (clog, snapshot) = (&self.engine.clog, &self.snapshot);
        let reads = &self.reader.run.reads;
        reads.looked_up(table.def.id, chain, clog, snapshot);
        let visible = chain.visible(clog, snapshot);
        let passed = visible.map_or(chain.versions().len(), |version| chain.passed(version.tid));
        let touched = &self.reader.run.transaction.touched;
        touched.index_tuples.add(passed);
        visible
    }
}

/// True if to look up rows costs more than to read all of the table. What is
/// looked up for each row of another table has the same order either way.
fn is_rather_read_whole(scan: &Scan, table: &Table) -> bool {
    let Access::Index {
        keys,
        range,
        direction: None,
        ..
    } = &scan.access
    else {
        return false;
    };
    let bounds = range.low.iter().chain(&range.high).map(|(bound, _)| bound);
    let mut sought = keys.iter().flatten().chain(bounds);
    !table.counts.is_empty()
        && sought.all(|expr| expr.slots() == 0)
        && is_rather_scanned(table, scan.filter.len())
}

/// Where an index of a plan is by now: one that another transaction made may
/// have come before it, or have gone.
fn place_of(scan: &Scan, table: &Table, index: usize) -> usize {
    if Arc::ptr_eq(&scan.table, &table.def) {
        return index;
    }
    let id = scan.table.indexes[index].id;
    table.def.index(id).unwrap_or(index)
}

/// The values between which a range lies, each with whether it belongs to it.
#[derive(Debug, Clone)]
struct Bounds {
    low: Option<(Value, bool)>,
    high: Option<(Value, bool)>,
}

/// The rows of a set: values of one column, or rows of several.
fn function_rows(value: Value, width: usize) -> Vec<Row> {
    let (Value::Array(values) | Value::Vector(values)) = value else {
        return Vec::new();
    };
    let row = |value: &Value| match value {
        Value::Array(columns) if width != 1 => columns.clone(),
        value => [value.clone()].into(),
    };
    values.iter().map(row).collect()
}

/// The rows of sets of single values, as long as the longest.
fn side_by_side(sets: &[Value]) -> Vec<Row> {
    let values = |set: &Value| match set {
        Value::Array(values) | Value::Vector(values) => values.clone(),
        _ => Row::default(),
    };
    let sets: Vec<Row> = sets.iter().map(values).collect();
    let length = sets.iter().map(|set| set.len()).max().unwrap_or(0);
    let row = |at: usize| {
        let values = sets.iter();
        let values = values.map(|set| set.get(at).cloned().unwrap_or(Value::Null));
        values.collect()
    };
    (0..length).map(row).collect()
}

/// A row as a scan shows it, with its system columns if they are asked for.
pub(super) fn shown_row(scan: &Scan, version: &Version) -> Row {
    if scan.system {
        with_system_columns(scan.table.id, version)
    } else {
        version.row.clone()
    }
}

pub(super) fn with_system_columns(table: TableId, version: &Version) -> Row {
    let number = |number: u64| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
    // Versions take their places in order, as if a block held this many.
    let (block, item) = version.tid.place();
    let system = [
        Value::Text(format!("({block},{item})").into()),
        number(version.xmin.0),
        number(version.xmax.0),
        number(version.cmin.into()),
        number(version.cmax.into()),
        number(table.0.into()),
    ];
    version.row.iter().cloned().chain(system).collect()
}

/// Rows to which an index has led: those of one key have the order of the
/// places that they name.
fn shown(
    scan: &Scan,
    mut versions: SmallVec<[(RowId, &Version); 1]>,
    direction: ScanDirection,
) -> SmallVec<[Found; 1]> {
    if versions.len() > 1 {
        versions.sort_unstable_by_key(|(_, version)| version.root);
        if direction == ScanDirection::Backward {
            versions.reverse();
        }
    }
    let rows = versions.into_iter();
    rows.map(|(id, version)| (id, version.tid, shown_row(scan, version)))
        .collect()
}

fn in_physical_order(scan: &Scan, table: &Table, reader: &Reader<'_, '_>) -> Vec<Found> {
    let (clog, run): (_, &Execution<'_>) = (&reader.engine.clog, reader.run);
    let touched = &run.transaction.touched;
    let noted = run.reads.table(scan.table.id);
    if noted && table.heap.has_dead() {
        run.reads.scanned_dead();
    }
    let mut found: Vec<Found> = table
        .heap
        .rows()
        .inspect(|(_, chain)| {
            touched.seq_tuples.add(chain.versions().len());
            if noted {
                run.reads.scanned(chain, clog, &run.snapshot);
            }
        })
        .filter_map(|(id, chain)| Some((id, chain.visible(clog, &run.snapshot)?)))
        .map(|(id, version)| (id, version.tid, shown_row(scan, version)))
        .collect();
    found.sort_unstable_by_key(|(_, tid, _)| *tid);
    found
}
