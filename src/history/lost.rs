//! Orders that a crash or a failover took away again.

use std::collections::BTreeSet;

use super::{Event, History};

impl History {
    /// The orders that were lost before any buyer heard of them: for all that
    /// anybody knows they were never placed.
    pub fn lost_unheard(&self) -> BTreeSet<&str> {
        let events = || self.entries.iter().map(|entry| &entry.event);
        let mut lost: BTreeSet<&str> = events()
            .filter_map(|event| match event {
                Event::OrderLost { order, .. } => Some(order.as_str()),
                _ => None,
            })
            .collect();
        if !lost.is_empty() {
            for event in events() {
                if let Event::Ok { order, .. } = event {
                    lost.remove(order.as_str());
                }
            }
        }
        lost
    }
}
