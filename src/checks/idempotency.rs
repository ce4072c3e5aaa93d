//! `idempotency`: at most one order a key, and equal answers for a key.
//!
//! Orders are counted as they were committed; answers are compared as buyers
//! got them. Only answers that name an order are compared: "sold out, then
//! placed" is what a retry after restocking may see. An order that was lost
//! before anybody heard of it does not count.

use std::collections::BTreeMap;

use super::{Breach, Check};
use crate::history::{Event, History};

pub(super) struct Idempotency;

impl Check for Idempotency {
    fn check(&self, history: &History) -> Vec<Breach> {
        let mut committed = BTreeMap::<&str, &str>::new();
        let mut answered = BTreeMap::<&str, &str>::new();
        let mut breaches = Vec::new();
        let lost = history.lost_unheard();
        for entry in &history.entries {
            let (seen, key, order, what) = match &entry.event {
                Event::OrderCommitted { key, order, .. } => {
                    (&mut committed, key, order, "has two orders")
                }
                Event::Ok { key, order, .. } => {
                    (&mut answered, key, order, "was given two answers")
                }
                _ => continue,
            };
            if lost.contains(order.as_str()) {
                continue;
            }
            let first = *seen.entry(key).or_insert(order);
            if first != order {
                breaches.push(Breach {
                    at_ns: Some(entry.at_ns),
                    message: format!("key {key} {what}: {first} and {order}"),
                });
            }
        }
        breaches
    }
}
