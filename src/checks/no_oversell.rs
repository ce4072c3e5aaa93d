//! `no-oversell`: units in committed orders never exceed the stock.
//!
//! Judged commit by commit, as the database made them visible: the first
//! order that sells what is not there is named. An order that a crash or a
//! failover lost, and that nobody was told of, was never sold.

use std::collections::BTreeMap;

use super::{Breach, Check};
use crate::history::{Event, History};

pub(super) struct NoOversell;

impl Check for NoOversell {
    fn check(&self, history: &History) -> Vec<Breach> {
        let mut sold = BTreeMap::<&str, i64>::new();
        let mut breaches = Vec::new();
        let unsold = history.lost_unheard();
        for entry in &history.entries {
            let Event::OrderCommitted {
                order,
                sku,
                quantity,
                ..
            } = &entry.event
            else {
                continue;
            };
            if unsold.contains(order.as_str()) {
                continue;
            }
            let total = sold.entry(sku).or_default();
            *total += quantity;
            if *total > history.initial_units {
                breaches.push(Breach {
                    at_ns: Some(entry.at_ns),
                    message: format!(
                        "order {order} sells what is not there: {total} sold of {} {sku}",
                        history.initial_units
                    ),
                });
            }
        }
        breaches
    }
}
