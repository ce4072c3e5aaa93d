//! From a scenario and a seed to a plan: who visits when and with what
//! patience, which fault strikes where, when and for how long.
//!
//! A plan is plain data and a pure function of its two inputs. Each entry is
//! drawn by (seed, kind, its own number), so taking one out leaves every
//! other as it was.

mod calms;
mod clocks;
mod contradictions;
mod faults;
mod file;
mod nanos;
mod search;
mod visits;

use serde::{Deserialize, Serialize};

pub use calms::Calm;
pub use clocks::NodeClock;
pub(crate) use faults::death_of;
pub use faults::{Effect, Fault, Trigger};
pub use visits::Visit;

use crate::draw::Draw;
use crate::net::Search;
use crate::scenario::Scenario;

/// Everything that is decided before a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What visits and faults were drawn from.
    #[serde(with = "seed")]
    pub seed: u64,
    /// Decides what happens while the plan runs: latencies, the order of
    /// ready tasks, random tokens.
    #[serde(with = "seed")]
    pub run_seed: u64,
    /// The world's wall clock at the start, in milliseconds since 1970.
    pub epoch_ms: u64,
    /// In which order messages arrive.
    pub search: Search,
    /// Nodes whose clocks are not the world's.
    #[serde(default)]
    pub clocks: Vec<NodeClock>,
    /// Times without faults.
    #[serde(default)]
    pub calms: Vec<Calm>,
    /// Who buys.
    pub visits: Vec<Visit>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

/// A u64 does not fit a number of TOML, so seeds are text.
mod seed {
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(seed: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(seed)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        crate::scenario::units::text(from)
    }
}

impl Plan {
    /// When a fault can begin that is due at an instant: then, or when the
    /// calm that it falls into is over.
    pub fn after_calm_ns(&self, due_ns: u64) -> u64 {
        calms::end_ns(&self.calms, due_ns)
    }

    /// The plan of `seed`.
    pub fn new(scenario: &Scenario, seed: u64) -> Plan {
        // Some second of 2026.
        let epoch_s = 1_767_225_600 + Draw::new(seed, "epoch").within(0..31_536_000);
        Plan {
            seed,
            run_seed: seed,
            epoch_ms: epoch_s * 1_000,
            search: search::draw(scenario, seed),
            clocks: clocks::draw(scenario, seed),
            calms: calms::draw(scenario, seed),
            visits: visits::draw(scenario, seed),
            faults: faults::draw(scenario, seed),
        }
    }
}
