//! ORDER BY with LIMIT over an index: the rows are read in the order of the
//! index, and no more of them than are wanted.
//!
//! As PostgreSQL has it, an index serves if the columns before those of ORDER
//! BY are fixed by equality, and ORDER BY goes through the next ones all up or
//! all down, NULLs where the index has them. A list of values for
//! the first column is gone through in their order. An index that fixes more
//! columns is better than one that sorts.

use super::join::{at_slot, covers, index_keys};
use crate::postgres::sql::expr::Expr;
use crate::postgres::sql::plan::{Access, Node, Scan, ScanDirection, Select, SortKey};
use crate::postgres::storage::table::IndexDef;

/// Has an index give the rows in their order, if one can; `known` is at hand
/// before the first.
pub(super) fn presort(select: &mut Select, known: u64) {
    let limited = select.limit.is_some() && !select.with_ties;
    if !limited || !select.is_plain() {
        return;
    }
    if let Some(Node::Scan(scan)) = &mut select.from
        && let Some(access) = ordered(scan, &select.order, known)
    {
        scan.access = access;
        select.presorted = true;
    }
}

fn ordered(scan: &Scan, order: &[SortKey], known: u64) -> Option<Access> {
    let conditions: Vec<&Expr> = scan.filter.iter().collect();
    let (fixed, found) = match &scan.access {
        Access::Index { index, keys, .. } => {
            let fixed = keys.first().map_or(0, Vec::len);
            let def = &scan.table.indexes[*index];
            let one = keys.len() == 1 && def.unique && fixed == def.keys.len();
            (fixed, one)
        }
        _ => (0, false),
    };
    if found {
        return None;
    }
    let indexes = scan.table.indexes.iter().enumerate();
    indexes
        .filter(|(_, def)| covers(def, scan.slot, &conditions))
        .find_map(|(index, def)| {
            let (keys, range) = index_keys(def, scan.slot, &conditions, known);
            let columns = keys.first()?.len();
            let same = match keys.len() {
                1 => columns,
                _ if columns == 1 => 0,
                _ => return None,
            };
            let direction = direction(def, scan.slot, same, order)?;
            (columns >= fixed).then_some(Access::Index {
                index,
                keys,
                range,
                direction: Some(direction),
            })
        })
}

/// The way in which an index whose first keys are fixed gives this order.
fn direction(
    def: &IndexDef,
    slot: usize,
    fixed: usize,
    order: &[SortKey],
) -> Option<ScanDirection> {
    let keys: Vec<Expr> = def
        .keys
        .iter()
        .map(|key| at_slot(&key.expr, slot))
        .collect();
    let (fixed, rest) = keys.split_at(fixed);
    // What is the same in all rows sorts nothing.
    let mut wanted = order.iter().filter(|key| !fixed.contains(&key.expr));
    let mut rest = rest.iter();
    let first = wanted.clone().next()?;
    let matches = wanted.all(|key| {
        rest.next() == Some(&key.expr)
            && key.descending == first.descending
            && key.nulls_first == key.descending
    });
    matches.then_some(match first.descending {
        false => ScanDirection::Forward,
        true => ScanDirection::Backward,
    })
}
