//! How a story ends: what the storage holds, and what buyers were told.

use std::collections::BTreeMap;

use super::style::{STRONG, paint};
use super::words::plural;
use crate::history::{Event, History};

/// What the buyer of a visit knows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Placed,
    NotPlaced,
    InDoubt,
}

/// When the story is over: everyone has an answer, or the time for one is up.
/// What follows is the world settling down to be read.
pub(super) fn end_ns(history: &History) -> u64 {
    let mut backwards = history.entries.iter().rev();
    let drained = backwards.find(|entry| matches!(entry.event, Event::Drained { .. }));
    drained
        .or(history.entries.last())
        .map_or(0, |entry| entry.at_ns)
}

/// The ending, with at most so many orders.
pub(super) fn ending(history: &History, orders_max: usize) -> Vec<String> {
    let mut lines = vec![paint(STRONG, "In the end")];
    let mut orders = Vec::new();
    for entry in &history.entries {
        match &entry.event {
            Event::FinalStock { sku, quantity } => {
                lines.push(format!("  the storage has {quantity} {sku} left"));
            }
            Event::FinalOrder {
                order,
                key,
                sku,
                quantity,
            } => orders.push(format!("    order {order}: {quantity} {sku}, key {key}")),
            _ => {}
        }
    }
    let stored = plural(orders.len(), "order");
    lines.push(format!("  the storage has {stored}"));
    let left_out = orders.len().saturating_sub(orders_max);
    lines.extend(orders.into_iter().take(orders_max));
    if left_out > 0 {
        lines.push(format!("    ... {}", plural(left_out, "more order")));
    }
    let answers = answers(history);
    let told = |what: Told| answers.values().filter(|told| **told == what).count();
    lines.push(format!(
        "  of {}: {} told that the order is placed, {} that it is not, {} never knew",
        plural(answers.len(), "visit"),
        told(Told::Placed),
        told(Told::NotPlaced),
        told(Told::InDoubt) + told(Told::Nothing)
    ));
    lines
}

/// What each visit came to know.
fn answers(history: &History) -> BTreeMap<u32, Told> {
    let mut answers = BTreeMap::new();
    for entry in &history.entries {
        match &entry.event {
            Event::Invoke { visit, .. } => {
                answers.entry(*visit).or_insert(Told::Nothing);
            }
            Event::Ok { visit, .. } => {
                answers.insert(*visit, Told::Placed);
            }
            Event::Info { visit, .. } => {
                answers.insert(*visit, Told::InDoubt);
            }
            // A refusal that is not final says nothing of an earlier request.
            Event::Fail {
                visit,
                final_answer,
                ..
            } if *final_answer || answers.get(visit) != Some(&Told::InDoubt) => {
                answers.insert(*visit, Told::NotPlaced);
            }
            _ => {}
        }
    }
    answers
}
