//! Collecting the rows of FROM that a snapshot sees: nested loops, each side
//! by index or by hash where the plan says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::Execution;
use super::reader::{Reader, outer_frame};
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

/// Whether a producer is to go on.
pub(super) type Wanted = bool;

/// Who is told of every row.
type Emit<'e, 'c> = &'e mut dyn FnMut(&mut Collector<'c>) -> Result<Wanted>;

/// The values that an index is asked for.
type Key = SmallVec<[Value; 2]>;

/// The rows of a table by key, for a hash join.
type Hashed = BTreeMap<Vec<Value>, Vec<(RowId, Tid, Row)>>;

pub(super) struct Collector<'c> {
    reader: &'c Reader<'c, 'c>,
    engine: &'c Engine,
    context: Context<'c>,
    snapshot: Snapshot,
    pub(super) tuple: Tuple,
    /// What does not depend on rows and was computed once, by slot.
    hashed: BTreeMap<usize, Arc<Hashed>>,
    sources: BTreeMap<usize, Arc<Vec<Row>>>,
    /// The source that need not give more rows than this.
    cut: Option<(usize, usize)>,
}

/// Every combination of rows that meets all conditions, after those of
/// `outer`, until enough are collected.
pub(super) fn collect(
    reader: &Reader<'_, '_>,
    outer: &[Row],
    from: &Node,
    at_most: usize,
) -> Result<Vec<Tuple>> {
    let mut tuple = Tuple::default();
    for slot in 0..from.end().max(outer.len()) {
        tuple
            .rows
            .push(outer.get(slot).cloned().unwrap_or_default());
        tuple.origins.push(None);
    }
    let mut collector = Collector {
        reader,
        engine: reader.engine,
        context: reader.context(),
        snapshot: reader.run.snapshot,
        tuple,
        hashed: BTreeMap::new(),
        sources: BTreeMap::new(),
        cut: innermost(from).map(|slot| (slot, at_most)),
    };
    // Most look for one row.
    let mut found = Vec::with_capacity(1);
    if at_most > 0 {
        collector.produce(from, &mut |collector| {
            reader.run.transaction.touched.effort.spend(KEPT)?;
            found.push(collector.tuple.clone());
            Ok(found.len() < at_most)
        })?;
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
    fn produce(&mut self, node: &'c Node, emit: Emit<'_, 'c>) -> Result<Wanted> {
        match node {
            Node::Scan(scan) => self.scan(scan, emit),
            Node::Rows(source) => self.rows(source, emit),
            Node::Join(join) if join.kind == JoinKind::Full => self.full(join, emit),
            Node::Join(join) => self.join(join, emit),
        }
    }

    /// True if the rows at hand, which are looked at, meet all conditions.
    fn holds(&self, conditions: &[Expr]) -> Result<bool> {
        self.reader.run.transaction.touched.effort.spend(1)?;
        all_hold(conditions, &self.tuple.rows, &self.context)
    }

    fn join(&mut self, join: &'c Join, emit: Emit<'_, 'c>) -> Result<Wanted> {
        self.produce(&join.left, &mut |collector| {
            let mut matched = false;
            let wanted = collector.produce(&join.right, &mut |collector| {
                if !collector.holds(&join.on)? {
                    return Ok(true);
                }
                matched = true;
                if !collector.holds(&join.filter)? {
                    return Ok(true);
                }
                emit(collector)
            })?;
            if wanted && !matched && join.kind == JoinKind::Left {
                set_nulls(&mut collector.tuple, &join.right);
                if collector.holds(&join.filter)? {
                    return emit(collector);
                }
            }
            Ok(wanted)
        })
    }

    /// FULL JOIN: the right side is collected first, to know in the end which
    /// of its rows had no match.
    fn full(&mut self, join: &'c Join, emit: Emit<'_, 'c>) -> Result<Wanted> {
        let slots = join.right.slots();
        let mut right: Vec<(Vec<(Row, Origin)>, bool)> = Vec::new();
        self.produce(&join.right, &mut |collector| {
            let tuple = &collector.tuple;
            let rows = slots
                .iter()
                .map(|(slot, _)| (tuple.rows[*slot].clone(), tuple.origins[*slot]));
            right.push((rows.collect(), false));
            Ok(true)
        })?;
        let put = |collector: &mut Collector<'c>, rows: &[(Row, Origin)]| {
            for ((slot, _), (row, origin)) in slots.iter().zip(rows) {
                collector.tuple.rows[*slot] = row.clone();
                collector.tuple.origins[*slot] = *origin;
            }
        };
        let wanted = self.produce(&join.left, &mut |collector| {
            let mut matched = false;
            for (rows, had_match) in &mut right {
                put(collector, rows);
                if collector.holds(&join.on)? {
                    matched = true;
                    *had_match = true;
                    if collector.holds(&join.filter)? && !emit(collector)? {
                        return Ok(false);
                    }
                }
            }
            if !matched {
                set_nulls(&mut collector.tuple, &join.right);
                if collector.holds(&join.filter)? {
                    return emit(collector);
                }
            }
            Ok(true)
        })?;
        if !wanted {
            return Ok(false);
        }
        set_nulls(&mut self.tuple, &join.left);
        for (rows, had_match) in &right {
            if !had_match {
                put(self, rows);
                if self.holds(&join.filter)? && !emit(self)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn rows(&mut self, source: &'c RowSource, emit: Emit<'_, 'c>) -> Result<Wanted> {
        let slot = source.slot;
        for row in self.source_rows(source)?.iter() {
            self.tuple.rows[slot] = row.clone();
            self.tuple.origins[slot] = None;
            if self.holds(&source.filter)? && !emit(self)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn source_rows(&mut self, source: &RowSource) -> Result<Arc<Vec<Row>>> {
        if let Some(rows) = self.sources.get(&source.slot) {
            return Ok(rows.clone());
        }
        let cut = self.cut.filter(|(slot, _)| *slot == source.slot);
        let enough = cut.map_or(usize::MAX, |(_, enough)| enough);
        let (rows, once) = match &source.rows {
            Rows::Cte(index) => (self.reader.run.cte(*index), true),
            Rows::Catalog(table) => (self.reader.catalog(table), true),
            Rows::Query(plan) => {
                let outer = outer_frame(&self.tuple.rows, plan.base);
                let rows = super::query::evaluate(self.reader, &plan.query, &outer, enough)?;
                (Arc::new(rows), !plan.correlated)
            }
            Rows::Function(call) => {
                let context = Context {
                    rows_wanted: enough,
                    ..self.context
                };
                let value = eval(call, &self.tuple.rows, &context)?;
                (
                    Arc::new(function_rows(value, source.width)),
                    call.slots() == 0,
                )
            }
            Rows::Zipped(calls) => {
                let sets = eval_all(calls, &self.tuple.rows, &self.context)?;
                let fixed = calls.iter().all(|call| call.slots() == 0);
                (Arc::new(side_by_side(&sets)), fixed)
            }
        };
        if once {
            self.sources.insert(source.slot, rows.clone());
        }
        Ok(rows)
    }

    fn scan(&mut self, scan: &'c Scan, emit: Emit<'_, 'c>) -> Result<Wanted> {
        let table = self.engine.table(scan.table.id)?;
        let reads = &self.reader.run.reads;
        match &scan.access {
            Access::Sequential => {
                reads.table(scan.table.id);
                for (id, version) in in_physical_order(table, self.reader) {
                    if !self.consider(scan, id, version, emit)? {
                        return Ok(false);
                    }
                }
            }
            Access::Index {
                index,
                keys,
                range,
                direction,
            } => {
                let index = place_of(scan, table, *index);
                reads.index(table.def.indexes[index].id);
                let bounds = match self.bounds(range)? {
                    Some(bounds) => bounds,
                    // A bound that is NULL: nothing is within.
                    None => return Ok(true),
                };
                let keys = self.keys(keys)?;
                if let Some(direction) = direction {
                    return self.in_index_order(scan, index, &keys, &bounds, *direction, emit);
                }
                for (id, version) in self.looked_up(table, index, &keys, &bounds) {
                    if !self.consider(scan, id, version, emit)? {
                        return Ok(false);
                    }
                }
            }
            Access::Hash { columns, key } => {
                let hashed = self.hashed(scan, table, columns);
                let key = eval_all(key, &self.tuple.rows, &self.context)?;
                let rows = if key.iter().any(Value::is_null) {
                    None
                } else {
                    hashed.get(&key)
                };
                for (id, tid, row) in rows.into_iter().flatten() {
                    self.tuple.rows[scan.slot] = row.clone();
                    self.tuple.origins[scan.slot] = Some((*id, *tid));
                    if self.holds(&scan.filter)? && !emit(self)? {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }

    /// The rows of a table by some columns: made at the first look-up.
    fn hashed(&mut self, scan: &Scan, table: &Table, columns: &[usize]) -> Arc<Hashed> {
        if let Some(hashed) = self.hashed.get(&scan.slot) {
            return hashed.clone();
        }
        self.reader.run.reads.table(scan.table.id);
        let mut hashed = Hashed::new();
        for (id, version) in in_physical_order(table, self.reader) {
            let key: Vec<Value> = columns.iter().map(|c| version.row[*c].clone()).collect();
            let row = shown_row(scan, version);
            hashed.entry(key).or_default().push((id, version.tid, row));
        }
        let hashed = Arc::new(hashed);
        self.hashed.insert(scan.slot, hashed.clone());
        hashed
    }

    /// The values of the key, each once; a NULL equals nothing.
    fn keys(&self, keys: &[Vec<Expr>]) -> Result<SmallVec<[Key; 1]>> {
        let mut values: SmallVec<[Key; 1]> = SmallVec::with_capacity(keys.len());
        for exprs in keys {
            let mut key = Key::new();
            for expr in exprs {
                key.push(eval(expr, &self.tuple.rows, &self.context)?);
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
                let value = eval(expr, &self.tuple.rows, &self.context)?;
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
        table: &'c Table,
        index: usize,
        keys: &[Key],
        bounds: &Bounds,
    ) -> SmallVec<[(RowId, &'c Version); 1]> {
        let def = &table.def.indexes[index];
        self.reader
            .run
            .transaction
            .touched
            .index_scans
            .add(keys.len());
        let (low, high) = (bounds.low.as_ref(), bounds.high.as_ref());
        let mut found = SmallVec::new();
        for key in keys {
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
        if found.len() > 1 {
            found.sort_unstable_by_key(|(_, version): &(RowId, &Version)| version.root);
        }
        found
    }

    /// The rows within one prefix of an index as it has them, one after the
    /// other, for as long as they are wanted.
    fn in_index_order(
        &mut self,
        scan: &'c Scan,
        index: usize,
        keys: &[Key],
        bounds: &Bounds,
        direction: ScanDirection,
        emit: Emit<'_, 'c>,
    ) -> Result<Wanted> {
        // A key that is NULL equals nothing.
        let Some(prefix) = keys.first() else {
            return Ok(true);
        };
        let table = self.engine.table(scan.table.id)?;
        self.reader.run.transaction.touched.index_scans.add(1);
        let (low, high) = (bounds.low.as_ref(), bounds.high.as_ref());
        let width = table.def.indexes[index].keys.len();
        let mut entries = table.indexes[index].range(width, prefix, low, high);
        let mut next = || match direction {
            ScanDirection::Forward => entries.next(),
            ScanDirection::Backward => entries.next_back(),
        };
        while let Some((key, postings)) = next() {
            let visible = |id| Some((id, self.visible(table, index, id, key)?));
            let mut found: SmallVec<[(RowId, &Version); 1]> =
                postings.rows().filter_map(visible).collect();
            // Rows of one key have the order of the places that they name.
            found.sort_unstable_by_key(|(_, version)| version.root);
            if direction == ScanDirection::Backward {
                found.reverse();
            }
            for (id, version) in found {
                if !self.consider(scan, id, version, emit)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// The version of a row that the snapshot sees, if it has the key: the
    /// entry may be that of another version.
    fn visible(
        &self,
        table: &'c Table,
        index: usize,
        id: RowId,
        key: &[Value],
    ) -> Option<&'c Version> {
        let chain = table.heap.chain(id);
        let (clog, snapshot) = (&self.engine.clog, &self.snapshot);
        let reads = &self.reader.run.reads;
        reads.looked_up(table.def.id, chain, clog, snapshot);
        let visible = chain.visible(clog, snapshot);
        let passed = visible.map_or(chain.versions().len(), |version| chain.passed(version.tid));
        let touched = &self.reader.run.transaction.touched;
        touched.index_tuples.add(passed);
        let version = visible?;
        let same = table.def.indexes[index].has_key(&version.row, key);
        same.then_some(version)
    }

    fn consider(
        &mut self,
        scan: &'c Scan,
        id: RowId,
        version: &Version,
        emit: Emit<'_, 'c>,
    ) -> Result<Wanted> {
        self.tuple.rows[scan.slot] = shown_row(scan, version);
        self.tuple.origins[scan.slot] = Some((id, version.tid));
        if self.holds(&scan.filter)? {
            return emit(self);
        }
        Ok(true)
    }
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

fn in_physical_order<'t>(table: &'t Table, reader: &Reader<'t, '_>) -> Vec<(RowId, &'t Version)> {
    let (clog, run): (_, &Execution<'_>) = (&reader.engine.clog, reader.run);
    let touched = &run.transaction.touched;
    let mut versions: Vec<(RowId, &Version)> = table
        .heap
        .rows()
        .inspect(|(_, chain)| {
            touched.seq_tuples.add(chain.versions().len());
            run.reads.scanned(chain, clog, &run.snapshot);
        })
        .filter_map(|(id, chain)| Some((id, chain.visible(clog, &run.snapshot)?)))
        .collect();
    versions.sort_by_key(|(_, version)| version.tid);
    versions
}
