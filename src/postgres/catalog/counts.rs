//! What pg_class says of the pages and rows of a relation: how many there were
//! when they were last counted, by VACUUM and ANALYZE or when an index was
//! made. Nobody plans by it; it is there to be asked for. A restart forgets it.

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

fn found(pages: usize, tuples: usize) -> Count {
    let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
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
