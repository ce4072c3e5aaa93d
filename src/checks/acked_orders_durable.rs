//! `acked-orders-durable`: an order that a buyer was told is placed is in the
//! storage when the world has come to rest.

use std::collections::BTreeSet;

use super::{Breach, Check};
use crate::history::{Event, History};

pub(super) struct AckedOrdersDurable;

impl Check for AckedOrdersDurable {
    fn check(&self, history: &History) -> Vec<Breach> {
        let stored: BTreeSet<&str> = history
            .entries
            .iter()
            .filter_map(|entry| match &entry.event {
                Event::FinalOrder { order, .. } => Some(order.as_str()),
                _ => None,
            })
            .collect();
        let mut missing = BTreeSet::new();
        history
            .entries
            .iter()
            .filter_map(|entry| match &entry.event {
                Event::Ok { order, visit, .. }
                    if !stored.contains(order.as_str()) && missing.insert(order.as_str()) =>
                {
                    Some(Breach {
                        at_ns: Some(entry.at_ns),
                        message: format!(
                            "visit {visit} was told that order {order} is placed; \
                             the storage does not have it"
                        ),
                    })
                }
                _ => None,
            })
            .collect()
    }
}
