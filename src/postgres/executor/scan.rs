//! Scanning one table: what a snapshot sees of it, in its physical order, by
//! an index, by hash, or where a cursor stands.
//!
//! A scan can be left and gone on with. Only one that has the order of an index
//! looks further as it goes on; what any other finds, it finds at its start.

use std::collections::BTreeMap;
use std::sync::Arc;

use smallvec::{IntoIter, SmallVec};

use super::Execution;
use super::reader::Reader;
use crate::postgres::catalog::is_rather_scanned;
use crate::postgres::error::Result;
use crate::postgres::sql::{Access, Context, Expr, Range, Scan, ScanDirection, eval, eval_all};
use crate::postgres::storage::heap::{RowId, Tid, Version};
use crate::postgres::storage::table::{Table, TableId};
use crate::postgres::types::{Row, Value};

/// The values that an index is asked for.
type Key = SmallVec<[Value; 2]>;

/// A row of a table: where it is, and as its scan shows it.
pub(super) type Found = (RowId, Tid, Row);

/// Most scans find one row.
type AllFound = SmallVec<[Found; 1]>;

/// The rows of a table by key, for a hash join.
pub(super) type Hashed = BTreeMap<Vec<Value>, Vec<Found>>;

/// How far a scan has come.
#[derive(Debug, Clone)]
pub(super) struct ScanPlace {
    /// Rows that are to be looked at.
    found: IntoIter<[Found; 1]>,
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

/// The values between which a range lies, each with whether it belongs to it.
#[derive(Debug, Clone)]
struct Bounds {
    low: Option<(Value, bool)>,
    high: Option<(Value, bool)>,
}

impl ScanPlace {
    fn of(found: AllFound) -> ScanPlace {
        ScanPlace {
            found: found.into_iter(),
            ordered: None,
        }
    }

    /// Before the first of these prefixes, which stand in their order. Those
    /// with a NULL, which equals nothing, are not among them.
    fn walk(mut prefixes: Vec<Key>, bounds: Bounds, direction: ScanDirection) -> ScanPlace {
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
            ..ScanPlace::of(AllFound::new())
        }
    }
}

/// What a scan looks with: the rows at hand are what its keys depend on.
pub(super) struct Scanner<'c> {
    pub(super) reader: &'c Reader<'c, 'c>,
    pub(super) context: &'c Context<'c>,
    pub(super) rows: &'c [Row],
}

impl Scanner<'_> {
    /// Before the first row. What does not depend on rows and is made once is
    /// kept in `hashed`.
    pub(super) fn open(
        &self,
        scan: &Scan,
        hashed: &mut BTreeMap<usize, Arc<Hashed>>,
    ) -> Result<ScanPlace> {
        let table = self.reader.engine.table(scan.table.id)?;
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
                self.reader.run.reads.index(table.def.indexes[index].id);
                let Some(bounds) = self.bounds(range)? else {
                    // A bound that is NULL: nothing is within.
                    return Ok(ScanPlace::of(AllFound::new()));
                };
                let keys = self.keys(keys)?;
                if let Some(direction) = direction {
                    return Ok(ScanPlace::walk(keys.into_vec(), bounds, *direction));
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
                let hashed = hashed
                    .entry(scan.slot)
                    .or_insert_with(|| Arc::new(self.hashed(scan, table, columns)));
                let key = eval_all(key, self.rows, self.context)?;
                let rows = match key.iter().any(Value::is_null) {
                    true => None,
                    false => hashed.get(&key),
                };
                rows.into_iter().flatten().cloned().collect()
            }
        };
        Ok(ScanPlace::of(found))
    }

    /// The next row, whether it meets the scan's conditions or not; None after
    /// the last.
    pub(super) fn next(&self, scan: &Scan, at: &mut ScanPlace) -> Result<Option<Found>> {
        loop {
            if let Some(found) = at.found.next() {
                return Ok(Some(found));
            }
            let Some(ordered) = &mut at.ordered else {
                return Ok(None);
            };
            let Some(found) = self.next_key(scan, ordered)? else {
                return Ok(None);
            };
            at.found = found.into_iter();
        }
    }

    /// The rows of a table by some columns.
    fn hashed(&self, scan: &Scan, table: &Table, columns: &[usize]) -> Hashed {
        let mut hashed = Hashed::new();
        for found in in_physical_order(scan, table, self.reader) {
            let key: Vec<Value> = columns.iter().map(|c| found.2[*c].clone()).collect();
            hashed.entry(key).or_default().push(found);
        }
        hashed
    }

    /// The values of the key, each once; a NULL equals nothing.
    fn keys(&self, keys: &[Vec<Expr>]) -> Result<SmallVec<[Key; 1]>> {
        let mut values: SmallVec<[Key; 1]> = SmallVec::with_capacity(keys.len());
        for exprs in keys {
            let mut key = Key::new();
            for expr in exprs {
                key.push(eval(expr, self.rows, self.context)?);
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
                let value = eval(expr, self.rows, self.context)?;
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
    ) -> AllFound {
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
    fn next_key(&self, scan: &Scan, at: &mut Ordered) -> Result<Option<AllFound>> {
        let Access::Index {
            index,
            direction: Some(direction),
            ..
        } = scan.access
        else {
            return Ok(None);
        };
        let table = self.reader.engine.table(scan.table.id)?;
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
        let (clog, snapshot) = (&self.reader.engine.clog, &self.reader.run.snapshot);
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
) -> AllFound {
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
