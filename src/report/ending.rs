//! How a story ends: what the storage holds, and what buyers were told.

use super::style::{STRONG, paint};
use super::words::plural;
use crate::history::{Event, History, Told};

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
    let answers = history.told();
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
