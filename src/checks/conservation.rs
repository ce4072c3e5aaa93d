//! `conservation`: what is left and what was sold add up to what there was.
//!
//! Judged by the storage at the end. A lost update that sells twice and takes
//! once breaks it, and so does stock taken for an order that is not there.

use super::{Breach, Check};
use crate::history::{Event, History};

pub(super) struct Conservation;

impl Check for Conservation {
    fn check(&self, history: &History) -> Vec<Breach> {
        let mut sold = 0;
        let mut left = None;
        for entry in &history.entries {
            match &entry.event {
                Event::FinalOrder { quantity, .. } => sold += quantity,
                Event::FinalStock { quantity, .. } => left = Some(*quantity),
                _ => {}
            }
        }
        let initial = history.initial_units;
        let message = match left {
            Some(left) if left + sold == initial => return Vec::new(),
            Some(left) => format!("{left} left and {sold} sold, but there were {initial}"),
            None => format!("the product is gone; {sold} sold of {initial}"),
        };
        vec![Breach {
            at_ns: None,
            message,
        }]
    }
}
