//! Collecting the rows of FROM that a snapshot sees: nested loops over scans
//! and over the rows that functions and subqueries give.
//!
//! They come one after the other, and what has been come to is kept in
//! between, so that a query can be left off and gone on with.

use std::collections::BTreeMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::reader::{Reader, outer_frame};
use super::scan::{Hashed, ScanPlace, Scanner};
use crate::postgres::cost::KEPT;
use crate::postgres::error::Result;
use crate::postgres::sql::{
    Context, Expr, Join, JoinKind, Node, RowSource, Rows, Scan, eval, eval_all, holds,
};
use crate::postgres::storage::heap::{RowId, Tid};
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
            context: reader.context(),
            progress: self,
        };
        let found = collector.advance(from, &mut place)?;
        self.place = place;
        Ok(found)
    }
}

struct Collector<'c> {
    reader: &'c Reader<'c, 'c>,
    context: Context<'c>,
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

    fn put_all(&mut self, slots: &[(usize, usize)], rows: &[(Row, Origin)]) {
        for ((slot, _), (row, origin)) in slots.iter().zip(rows) {
            self.put(*slot, row.clone(), *origin);
        }
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
                self.put_all(&slots, rows);
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
            self.put_all(&slots, rows);
            if self.holds(&join.filter)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn scanner(&self) -> Scanner<'_> {
        Scanner {
            reader: self.reader,
            context: &self.context,
            rows: &self.progress.tuple.rows,
        }
    }

    fn open_scan(&mut self, scan: &Scan) -> Result<ScanPlace> {
        let mut hashed = std::mem::take(&mut self.progress.hashed);
        let place = self.scanner().open(scan, &mut hashed);
        self.progress.hashed = hashed;
        place
    }

    fn scan(&mut self, scan: &Scan, at: &mut ScanPlace) -> Result<bool> {
        while let Some((id, tid, row)) = self.scanner().next(scan, at)? {
            self.put(scan.slot, row, Some((id, tid)));
            if self.holds(&scan.filter)? {
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
