//! What pg_class says of the pages and rows of a relation: how many there were
//! when they were last counted, by VACUUM and ANALYZE or when an index was
//! made. A restart forgets it.
//!
//! PostgreSQL takes a table that was never counted for larger than it is, and
//! goes by its indexes; one that was counted, and is small, it reads whole.

use super::size::{heap_pages, index_pages};
use crate::postgres::engine::Engine;
use crate::postgres::error::Result;
use crate::postgres::storage::clog::{Clog, Status, Xid};
use crate::postgres::storage::table::{Count, Table, TableId};
use crate::postgres::types::Row;

/// Whose pages and rows are counted.
pub(in crate::postgres) enum Counted<'a> {
    Table,
    /// These indexes, and the table that was read to make them.
    Indexes(&'a [u32]),
    All,
}

/// Counts what the transaction `top` would see of a table if it looked now.
pub(in crate::postgres) fn count_rows(
    engine: &mut Engine,
    top: Xid,
    id: TableId,
    what: Counted<'_>,
) -> Result<()> {
    let counts = {
        let table = engine.table(id)?;
        let mut counts = Vec::new();
        let own = of_table(table, &engine.clog, top);
        // Whoever makes an index of a table that was never counted and is
        // empty leaves it so.
        let never = !table.counts.contains_key(&id.0) && own.tuples == 0;
        if !never || matches!(what, Counted::Table | Counted::All) {
            counts.push((id.0, own));
        }
        for index in &table.def.indexes {
            let wanted = match what {
                Counted::Table => false,
                Counted::Indexes(indexes) => indexes.contains(&index.id),
                Counted::All => true,
            };
            if wanted {
                let keys = live(table, &engine.clog, top).filter(|row| index.key(row).is_some());
                counts.push((index.id, found(index_pages(table, index), keys.count())));
            }
        }
        counts
    };
    engine.table_mut(id)?.counts.extend(counts);
    Ok(())
}

/// What PostgreSQL's planner charges, in 1/400 of a page that is read in its
/// turn: for such a page, for a row, for a condition asked of it; and for the
/// one row to which an index of a few pages leads.
const SEQ_PAGE: i64 = 400;
const ROW: i64 = 4;
const CONDITION: i64 = 1;
const INDEXED_ROW: i64 = 3_257;

/// True if all of a table is read at a lower cost than one row by an index, so
/// many conditions being asked of each row.
pub(in crate::postgres) fn is_rather_scanned(table: &Table, conditions: usize) -> bool {
    let count = table.counts.get(&table.def.id.0);
    let Some(count) = count.filter(|count| count.tuples >= 0) else {
        return false;
    };
    let each = ROW + CONDITION * number(conditions);
    let most = INDEXED_ROW / each;
    let enough = usize::try_from(most).unwrap_or(usize::MAX);
    if table.heap.rows().nth(enough).is_some() {
        return false;
    }
    let pages = number(heap_pages(table));
    let tuples = match count.pages {
        0 => number(table.heap.rows().count()),
        counted => pages * count.tuples / counted,
    };
    let descent = number(tuples.unsigned_abs().max(1).next_power_of_two().ilog2() as usize);
    pages * SEQ_PAGE + tuples * each < INDEXED_ROW + descent
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn found(pages: usize, tuples: usize) -> Count {
    Count {
        pages: number(pages),
        tuples: number(tuples),
    }
}

fn of_table(table: &Table, clog: &Clog, top: Xid) -> Count {
    found(heap_pages(table), live(table, clog, top).count())
}

/// The rows that are there, whether or not a snapshot that somebody holds sees
/// them.
fn live<'t>(table: &'t Table, clog: &'t Clog, top: Xid) -> impl Iterator<Item = &'t Row> {
    let done = move |xid| match clog.status(xid) {
        Status::Committed(_) => true,
        Status::InProgress(by) => by == top,
        Status::Aborted => false,
    };
    table.heap.rows().filter_map(move |(_, chain)| {
        let mut versions = chain.versions().iter();
        let live = versions.find(|version| {
            let gone = version.xmax.is_some() && done(version.xmax);
            done(version.xmin) && !gone
        });
        live.map(|version| &version.row)
    })
}
