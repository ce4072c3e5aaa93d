//! Collecting the rows of FROM that a snapshot sees: a nested loop, by index
//! where the plan says so.

use super::Execution;
use crate::postgres::engine::Engine;
use crate::postgres::error::Result;
use crate::postgres::sql::{Access, Context, Expr, Scan, eval, holds};
use crate::postgres::ssi::Reads;
use crate::postgres::storage::clog::Snapshot;
use crate::postgres::storage::heap::{RowId, Tid, Version};
use crate::postgres::storage::table::Table;
use crate::postgres::types::{Row, Value};

/// Where a row of FROM came from; None for the NULLs of an outer join.
pub(super) type Origin = Option<(RowId, Tid)>;

/// One row of every table of FROM.
#[derive(Debug, Clone)]
pub(super) struct Tuple {
    pub(super) rows: Vec<Row>,
    pub(super) origins: Vec<Origin>,
}

struct Collector<'a> {
    engine: &'a Engine,
    from: &'a [Scan],
    context: Context<'a>,
    reads: &'a Reads,
    snapshot: Snapshot,
    rows: Vec<Row>,
    origins: Vec<Origin>,
    found: Vec<Tuple>,
}

/// Every combination of rows that meets all conditions.
pub(super) fn collect(run: &Execution<'_>, engine: &Engine, from: &[Scan]) -> Result<Vec<Tuple>> {
    let mut collector = Collector {
        engine,
        from,
        context: run.context(),
        reads: &run.reads,
        snapshot: run.snapshot,
        rows: Vec::with_capacity(from.len()),
        origins: Vec::with_capacity(from.len()),
        found: Vec::new(),
    };
    collector.descend(0)?;
    Ok(collector.found)
}

/// True if a tuple still meets all conditions: EvalPlanQual's question.
pub(super) fn recheck(run: &Execution<'_>, from: &[Scan], rows: &[Row]) -> Result<bool> {
    let context = run.context();
    for scan in from {
        for condition in scan.matches.iter().chain(&scan.filter) {
            if !holds(condition, rows, &context)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

impl Collector<'_> {
    fn descend(&mut self, level: usize) -> Result<()> {
        let Some(scan) = self.from.get(level) else {
            self.found.push(Tuple {
                rows: self.rows.clone(),
                origins: self.origins.clone(),
            });
            return Ok(());
        };
        let engine = self.engine;
        let table = engine.table(scan.table.id)?;
        let mut matched = false;
        match &scan.access {
            Access::Sequential => {
                self.reads.table(scan.table.id);
                for (id, version) in in_physical_order(table, engine, &self.snapshot, self.reads) {
                    matched |= self.consider(level, scan, id, version)?;
                }
            }
            Access::Index { index, keys } => {
                self.reads.index(table.def.indexes[*index].id);
                for key in self.keys(keys)? {
                    matched |= self.look_up(level, scan, table, *index, &key)?;
                }
            }
        }
        if scan.outer && !matched {
            let nulls = vec![Value::Null; scan.table.columns.len()];
            self.with_row(level, scan, None, nulls.into())?;
        }
        Ok(())
    }

    /// The values of the key, each once; a NULL equals nothing.
    fn keys(&self, keys: &[Vec<Expr>]) -> Result<Vec<Vec<Value>>> {
        let mut values: Vec<Vec<Value>> = Vec::with_capacity(keys.len());
        for key in keys {
            let key = key
                .iter()
                .map(|expr| eval(expr, &self.rows, &self.context))
                .collect::<Result<Vec<_>>>()?;
            if !key.iter().any(Value::is_null) {
                values.push(key);
            }
        }
        values.sort_unstable();
        values.dedup();
        Ok(values)
    }

    fn look_up(
        &mut self,
        level: usize,
        scan: &Scan,
        table: &Table,
        index: usize,
        key: &[Value],
    ) -> Result<bool> {
        let columns = &table.def.indexes[index].columns;
        let mut matched = false;
        let mut visit = |collector: &mut Self, id: RowId| -> Result<()> {
            let chain = table.heap.chain(id);
            let (clog, snapshot) = (&collector.engine.clog, &collector.snapshot);
            collector
                .reads
                .looked_up(table.def.id, chain, clog, snapshot);
            if let Some(version) = chain.visible(&collector.engine.clog, &collector.snapshot) {
                // The entry may be that of another version.
                let same = columns.iter().zip(key).all(|(c, v)| version.row[*c] == *v);
                if same {
                    matched |= collector.consider(level, scan, id, version)?;
                }
            }
            Ok(())
        };
        if key.len() == columns.len() {
            for id in table.indexes[index].get(key) {
                visit(self, id)?;
            }
        } else {
            for id in table.indexes[index].prefix(key) {
                visit(self, id)?;
            }
        }
        Ok(matched)
    }

    fn consider(
        &mut self,
        level: usize,
        scan: &Scan,
        id: RowId,
        version: &Version,
    ) -> Result<bool> {
        self.rows.push(version.row.clone());
        let mut matches = Ok(true);
        for condition in &scan.matches {
            matches = holds(condition, &self.rows, &self.context);
            if !matches!(matches, Ok(true)) {
                break;
            }
        }
        self.rows.pop();
        if matches? {
            self.with_row(level, scan, Some((id, version.tid)), version.row.clone())?;
            return Ok(true);
        }
        Ok(false)
    }

    fn with_row(&mut self, level: usize, scan: &Scan, origin: Origin, row: Row) -> Result<()> {
        self.rows.push(row);
        self.origins.push(origin);
        let mut passes = true;
        for condition in &scan.filter {
            if !holds(condition, &self.rows, &self.context)? {
                passes = false;
                break;
            }
        }
        if passes {
            self.descend(level + 1)?;
        }
        self.rows.pop();
        self.origins.pop();
        Ok(())
    }
}

fn in_physical_order<'a>(
    table: &'a Table,
    engine: &'a Engine,
    snapshot: &Snapshot,
    reads: &Reads,
) -> Vec<(RowId, &'a Version)> {
    let mut versions: Vec<(RowId, &Version)> = table
        .heap
        .rows()
        .inspect(|(_, chain)| reads.scanned(chain, &engine.clog, snapshot))
        .filter_map(|(id, chain)| Some((id, chain.visible(&engine.clog, snapshot)?)))
        .collect();
    versions.sort_by_key(|(_, version)| version.tid);
    versions
}
