//! What each buyer came to know.

use std::collections::BTreeMap;

use super::{Event, History};

/// What the buyer of a visit knows at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// No answer at all.
    Nothing,
    /// The order is placed.
    Placed,
    /// It is not.
    NotPlaced,
    /// It may be, or not.
    InDoubt,
}

impl Told {
    /// The buyer has a definite answer.
    pub fn is_definite(self) -> bool {
        matches!(self, Told::Placed | Told::NotPlaced)
    }
}

impl History {
    /// What each visit came to know, by its number.
    pub fn told(&self) -> BTreeMap<u32, Told> {
        let mut told = BTreeMap::new();
        for entry in &self.entries {
            match &entry.event {
                Event::Invoke { visit, .. } => {
                    told.entry(*visit).or_insert(Told::Nothing);
                }
                Event::Ok { visit, .. } => {
                    told.insert(*visit, Told::Placed);
                }
                Event::Info { visit, .. } => {
                    told.insert(*visit, Told::InDoubt);
                }
                // A refusal that is not final says nothing of an earlier request.
                Event::Fail {
                    visit,
                    final_answer,
                    ..
                } if *final_answer || told.get(visit) != Some(&Told::InDoubt) => {
                    told.insert(*visit, Told::NotPlaced);
                }
                _ => {}
            }
        }
        told
    }
}
