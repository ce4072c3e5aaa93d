//! Window functions: a value for every row from the rows around it.

use std::collections::BTreeMap;

use super::collect::Tuple;
use super::group::State;
use super::query::{compare, sort_values};
use super::reader::Reader;
use crate::postgres::error::Result;
use crate::postgres::sql::{Frame, WindowCall, WindowFunction, Windows, eval};
use crate::postgres::types::{Row, Value};

/// Fills the slot of the windows in every tuple, and leaves the tuples in the
/// order of the window, if all windows have one.
pub(super) fn add_windows(
    reader: &Reader<'_, '_>,
    windows: &Windows,
    tuples: &mut [Tuple],
) -> Result<()> {
    let mut columns: Vec<Vec<Value>> = vec![Vec::new(); tuples.len()];
    for call in &windows.calls {
        for (column, value) in columns.iter_mut().zip(one_call(reader, call, tuples)?) {
            column.push(value);
        }
    }
    for (tuple, column) in tuples.iter_mut().zip(columns) {
        if tuple.rows.len() <= windows.slot {
            tuple.rows.resize(windows.slot + 1, Row::from([]));
            tuple.origins.resize(windows.slot + 1, None);
        }
        tuple.rows[windows.slot] = column.into();
    }
    let mut sorted = windows.calls.iter().filter(|call| call.sorts());
    match sorted.next() {
        Some(first) if sorted.all(|call| call.is_over_same(first)) => {
            arrange(reader, first, tuples)
        }
        _ => Ok(()),
    }
}

/// Sorts tuples by the partitions of a window, and the rows of each.
fn arrange(reader: &Reader<'_, '_>, call: &WindowCall, tuples: &mut [Tuple]) -> Result<()> {
    let mut keyed = Vec::with_capacity(tuples.len());
    for tuple in tuples.iter() {
        let partition = reader.project(&call.partition, &tuple.rows)?;
        let keys = sort_values(reader, &call.order, &tuple.rows)?;
        keyed.push((partition, keys, tuple.clone()));
    }
    keyed.sort_by(|a, b| {
        let partition = a.0.cmp(&b.0);
        partition.then_with(|| compare(&call.order, &a.1, &b.1))
    });
    for (place, (.., tuple)) in tuples.iter_mut().zip(keyed) {
        *place = tuple;
    }
    Ok(())
}

/// A row of a partition: its place among the tuples, and what it sorts by.
struct Member {
    at: usize,
    keys: Vec<Value>,
}

fn one_call(reader: &Reader<'_, '_>, call: &WindowCall, tuples: &[Tuple]) -> Result<Vec<Value>> {
    let mut partitions: BTreeMap<Vec<Value>, Vec<Member>> = BTreeMap::new();
    for (at, tuple) in tuples.iter().enumerate() {
        let partition = reader.project(&call.partition, &tuple.rows)?;
        let keys = sort_values(reader, &call.order, &tuple.rows)?;
        partitions
            .entry(partition)
            .or_default()
            .push(Member { at, keys });
    }
    let mut values = vec![Value::Null; tuples.len()];
    for members in partitions.values_mut() {
        members.sort_by(|a, b| compare(&call.order, &a.keys, &b.keys));
        for (at, value) in partition_values(reader, call, members, tuples)? {
            values[at] = value;
        }
    }
    Ok(values)
}

/// The row after the last peer of `index`.
fn peers_end(call: &WindowCall, members: &[Member], index: usize) -> usize {
    let same = |other: &Member| compare(&call.order, &members[index].keys, &other.keys).is_eq();
    index
        + members[index..]
            .iter()
            .take_while(|other| same(other))
            .count()
}

fn partition_values(
    reader: &Reader<'_, '_>,
    call: &WindowCall,
    members: &[Member],
    tuples: &[Tuple],
) -> Result<Vec<(usize, Value)>> {
    let mut values = Vec::with_capacity(members.len());
    let number = |number: usize| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
    let (mut rank, mut dense) = (0, 0);
    let mut state = State::default();
    let mut taken = 0;
    for (index, member) in members.iter().enumerate() {
        let first_of_peers =
            index == 0 || compare(&call.order, &members[index - 1].keys, &member.keys).is_ne();
        if first_of_peers {
            rank = index + 1;
            dense += 1;
        }
        let end = match call.frame {
            Frame::Partition => members.len(),
            Frame::Range => peers_end(call, members, index),
            Frame::Rows => index + 1,
        };
        let context = reader.context();
        let at = |index: usize| &tuples[members[index].at].rows;
        let value = match &call.function {
            WindowFunction::RowNumber => number(index + 1),
            WindowFunction::Rank => number(rank),
            WindowFunction::DenseRank => number(dense),
            WindowFunction::FirstValue(value) => eval(value, at(0), &context)?,
            WindowFunction::LastValue(value) => eval(value, at(end - 1), &context)?,
            WindowFunction::Lag {
                value,
                offset,
                default,
                forward,
            } => {
                let rows = at(index);
                match eval(offset, rows, &context)?.as_int() {
                    None => Value::Null,
                    Some(offset) => {
                        let offset = if *forward { offset } else { -offset };
                        let other = i64::try_from(index).unwrap_or(i64::MAX).checked_add(offset);
                        let other = other.and_then(|at| usize::try_from(at).ok());
                        match other.filter(|other| *other < members.len()) {
                            Some(other) => eval(value, at(other), &context)?,
                            None => eval(default, rows, &context)?,
                        }
                    }
                }
            }
            WindowFunction::Aggregate(aggregate) => {
                while taken < end {
                    state.add(aggregate, at(taken), reader)?;
                    taken += 1;
                }
                state.finish(aggregate, reader.context().style())?
            }
        };
        values.push((member.at, value));
    }
    Ok(values)
}
