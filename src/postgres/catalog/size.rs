//! How many bytes a relation would take on a disk.
//!
//! There are no files here. The rows that a table keeps and the keys of its
//! indexes are laid out in pages of 8 kB as PostgreSQL lays them out, so that
//! what is small has the size that it has there. What it leaves behind in its
//! files is not counted: dead rows that are gone here, pages that have split,
//! maps of free space; nor are long values compressed, or equal keys merged.

use super::pg_type::{alignment, storage};
use super::tables;
use crate::postgres::engine::Engine;
use crate::postgres::storage::clog::Xid;
use crate::postgres::storage::sequence::SequenceId;
use crate::postgres::storage::table::{Column, IndexDef, Table, TableId};
use crate::postgres::types::{Row, Type, Value, to_binary};

/// What of a relation is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum Measured {
    /// Its own file.
    Main,
    /// A table without its indexes.
    Table,
    Indexes,
    Total,
}

/// The bytes of a page, and those in it that tuples may take.
const PAGE: usize = 8_192;
const HEAP_ROOM: usize = PAGE - 24;
const INDEX_ROOM: usize = HEAP_ROOM - 16;

/// What points to a tuple in its page.
const POINTER: usize = 4;

/// A row longer than this has values that are put aside.
const LONGEST: usize = 2_032;

/// The size of a relation; None if the transaction `top` sees none.
pub(in crate::postgres) fn size(
    engine: &Engine,
    top: Xid,
    relation: u32,
    what: Measured,
) -> Option<usize> {
    let (catalog, clog) = (&engine.catalog, &engine.clog);
    if let Some(table) = catalog.table(TableId(relation)) {
        let seen = table.presence.seen(clog, top);
        return seen.then(|| of_table(table, what));
    }
    let mut seen = tables(engine, top);
    let of_index = seen.find_map(|def| {
        let table = catalog.table(def.id)?;
        let at = table.def.index(relation)?;
        Some(index_pages(table, &table.def.indexes[at]) * PAGE)
    });
    let of_other = || {
        catalog.relation_name(relation, clog, top)?;
        let sequence = catalog.sequence(SequenceId(relation)).is_some();
        Some(if sequence { PAGE } else { 0 })
    };
    let indexes = what == Measured::Indexes;
    let own = of_index.or_else(of_other)?;
    Some(if indexes { 0 } else { own })
}

/// The size of all that a transaction sees.
pub(in crate::postgres) fn database_size(engine: &Engine, top: Xid) -> usize {
    let tables = tables(engine, top).filter_map(|def| engine.catalog.table(def.id));
    let tables = tables.map(|table| of_table(table, Measured::Total));
    let sequences = engine.catalog.sequences(&engine.clog, top).count() * PAGE;
    tables.sum::<usize>() + sequences
}

fn of_table(table: &Table, what: Measured) -> usize {
    let own = || heap_pages(table) * PAGE;
    // The index of what is put aside is never without its first page.
    let aside = || {
        if puts_aside(&table.def.columns) {
            PAGE
        } else {
            0
        }
    };
    let indexes = || -> usize {
        let indexes = table.def.indexes.iter();
        indexes.map(|def| index_pages(table, def) * PAGE).sum()
    };
    match what {
        Measured::Main => own(),
        Measured::Table => own() + aside(),
        Measured::Indexes => indexes(),
        Measured::Total => own() + aside() + indexes(),
    }
}

pub(super) fn heap_pages(table: &Table) -> usize {
    let lengths = rows(table).map(|row| row_length(&table.def.columns, row));
    pages(lengths, HEAP_ROOM)
}

/// Every row that is kept, of all versions.
fn rows(table: &Table) -> impl Iterator<Item = &Row> {
    let chains = table.heap.rows();
    chains.flat_map(|(_, chain)| chain.versions().iter().map(|version| &version.row))
}

/// A page that says where the others are, leaves nine tenths full if there is
/// more than one, and what leads to these.
pub(super) fn index_pages(table: &Table, def: &IndexDef) -> usize {
    let keys = rows(table).filter_map(|row| Some((def.key(row)?, row)));
    let lengths: Vec<usize> = keys
        .map(|(key, row)| key_length(table, def, &key, row))
        .collect();
    let mut level = pages(lengths.iter().copied(), INDEX_ROOM);
    if level > 1 {
        level = pages(lengths.iter().copied(), INDEX_ROOM * 9 / 10);
    }
    let longest = lengths.iter().copied().max().unwrap_or(0) + POINTER;
    let mut all = 1 + level;
    while level > 1 {
        level = level.div_ceil((INDEX_ROOM * 7 / 10 / longest).max(2));
        all += level;
    }
    all
}

/// How many pages tuples of such lengths fill, one after the other.
fn pages(lengths: impl Iterator<Item = usize>, room: usize) -> usize {
    let (mut pages, mut left) = (0, 0);
    for length in lengths {
        let needed = length + POINTER;
        if needed > left {
            let more = needed.div_ceil(room);
            pages += more;
            left = more * room;
        }
        left -= needed;
    }
    pages
}

fn row_length(columns: &[Column], row: &Row) -> usize {
    let has_null = row.iter().any(Value::is_null);
    let header = header_length(if has_null { columns.len() } else { 0 });
    let values = columns.iter().map(|column| column.ty).zip(row.iter());
    values.fold(header, after).next_multiple_of(8)
}

fn key_length(table: &Table, def: &IndexDef, key: &[Value], row: &Row) -> usize {
    let included = def.include.iter().map(|column| {
        let ty = table.def.columns[*column].ty;
        (ty, &row[*column])
    });
    let keys = def.keys.iter().map(|key| key.ty).zip(key);
    let values: Vec<(Type, &Value)> = keys.chain(included).collect();
    let has_null = values.iter().any(|(_, value)| value.is_null());
    let header = if has_null { 16 } else { 8 };
    values.into_iter().fold(header, after).next_multiple_of(8)
}

/// What stands before the values of a row, with a bit for each column if some
/// are NULL.
fn header_length(bits: usize) -> usize {
    (23 + bits.div_ceil(8)).next_multiple_of(8)
}

/// Where a value ends that may begin at `at`.
fn after(at: usize, (ty, value): (Type, &Value)) -> usize {
    if value.is_null() {
        return at;
    }
    if let Ok(width @ 1..) = usize::try_from(ty.width()) {
        return at.next_multiple_of(step(ty)) + width;
    }
    // A short value has its length in one byte.
    match bytes(ty, value) {
        bytes if bytes < 127 => at + 1 + bytes,
        bytes => at.next_multiple_of(step(ty)) + 4 + bytes,
    }
}

fn step(ty: Type) -> usize {
    match alignment(ty) {
        "c" => 1,
        "s" => 2,
        "i" => 4,
        _ => 8,
    }
}

/// The bytes of a value that varies in length: about those of its binary form.
fn bytes(ty: Type, value: &Value) -> usize {
    let mut out = Vec::new();
    to_binary(ty, value, &mut out);
    match ty {
        // Two bytes say what eight say there.
        Type::Numeric => out.len().saturating_sub(6),
        _ => out.len(),
    }
}

/// True if rows of a table may be so long that some of it is put aside.
fn puts_aside(columns: &[Column]) -> bool {
    let mut at: usize = 0;
    let mut may = false;
    for column in columns {
        let step = step(column.ty);
        may |= storage(column.ty) != "p";
        match (usize::try_from(column.ty.width()), longest(column)) {
            (Ok(width), _) => at = at.next_multiple_of(step) + width,
            (Err(_), Some(longest)) => at = at.next_multiple_of(step) + longest,
            (Err(_), None) if storage(column.ty) != "p" => return true,
            (Err(_), None) => {}
        }
    }
    let header = header_length(columns.len());
    may && header + at.next_multiple_of(8) > LONGEST
}

/// The longest value of a column that varies in length, if there is one.
fn longest(column: &Column) -> Option<usize> {
    let modifier = usize::try_from(column.modifier).ok()?.checked_sub(4)?;
    match column.ty {
        // A character has up to four bytes.
        Type::Varchar | Type::Bpchar => Some(4 + 4 * modifier),
        Type::Numeric => Some(8 + 2 * ((modifier >> 16 & 0xffff) + 6) / 4),
        _ => None,
    }
}
