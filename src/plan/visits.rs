//! Visits: one buyer who wants one order, and does not give up at once.

use serde::{Deserialize, Serialize};

use super::nanos;
use crate::draw::{Draw, exponential};
use crate::scenario::{Arrival, Scenario};

/// One request and its retries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Visit {
    /// Its number in the plan.
    pub id: u32,
    /// Who buys. A double click is a second visit of the same buyer.
    pub buyer: u32,
    /// When it begins.
    #[serde(rename = "at", with = "nanos")]
    pub at_ns: u64,
    /// The idempotency key: the same for every retry and for a double click.
    pub key: String,
    /// What is to be bought.
    pub sku: String,
    /// How many of it.
    pub quantity: u32,
    /// The instance that is asked first; each retry asks the next.
    pub instance: u16,
    /// How long the buyer waits for an answer.
    #[serde(rename = "patience", with = "nanos")]
    pub patience_ns: u64,
    /// How often the buyer tries again.
    pub retries: u32,
    /// The wait before the first retry; it doubles with each.
    #[serde(rename = "backoff", with = "nanos")]
    pub backoff_ns: u64,
}

/// The time at which the service certainly listens.
const OPENING_NS: u64 = 1_000_000;

pub(super) fn draw(scenario: &Scenario, seed: u64) -> Vec<Visit> {
    let buyers = &scenario.buyers;
    let mut visits = Vec::new();
    let mut arrival_ns = OPENING_NS;
    for buyer in 0..buyers.count {
        let mut draw = Draw::new(seed, &format!("visit/{buyer}"));
        let first = Visit {
            id: buyer,
            buyer,
            at_ns: match buyers.arrival {
                Arrival::Burst(within) => OPENING_NS + draw.within(0..within.ns().max(1)),
                Arrival::Poisson(gap) => {
                    arrival_ns = arrival_ns.saturating_add(exponential(draw.u64(), gap.ns()));
                    arrival_ns
                }
            },
            key: format!("buyer-{buyer}"),
            sku: scenario.catalog.sku.clone(),
            quantity: buyers.quantity,
            instance: u16::try_from(draw.within(0..u64::from(scenario.shop.instances)))
                .unwrap_or(0),
            patience_ns: buyers.patience.ns(),
            retries: buyers.retries,
            backoff_ns: buyers.backoff.draw(&mut draw),
        };
        if draw.percent(buyers.double_click.0) {
            visits.push(Visit {
                // Beyond all first clicks, so that their numbers stay.
                id: buyers.count + buyer,
                at_ns: first.at_ns + draw.within(0..20_000_000),
                instance: u16::try_from(draw.within(0..u64::from(scenario.shop.instances)))
                    .unwrap_or(0),
                ..first.clone()
            });
        }
        visits.push(first);
    }
    visits.sort_by_key(|visit| visit.id);
    visits
}
