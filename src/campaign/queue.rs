//! The order in which seeds are handed out: the first seed of every scenario,
//! then the second of every scenario, and so on. A campaign that is cut short
//! has then tried every scenario equally far.

use std::ops::Range;

use parking_lot::Mutex;

use super::Options;
use crate::rt;
use crate::scenario::Scenario;

/// One seed of one scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    /// Its place in the order.
    pub(super) number: u64,
    /// The scenario's place in the campaign.
    pub(super) scenario: usize,
    /// The seed.
    pub(super) seed: u64,
    /// One of those that are run twice.
    pub(super) is_repeated: bool,
}

/// How many seeds of the range a scenario gets.
pub(super) fn share(scenario: &Scenario, seeds: &Range<u64>) -> u64 {
    let all = seeds.end.saturating_sub(seeds.start);
    all.min(scenario.max_seeds.unwrap_or(u64::MAX))
}

/// Hands out jobs; workers share it.
pub(super) struct Queue {
    first_seed: u64,
    shares: Vec<u64>,
    /// One of so many seeds is run twice, by scenario.
    repeat_every: Vec<u64>,
    deadline: Option<rt::Instant>,
    place: Mutex<Place>,
}

#[derive(Default)]
struct Place {
    number: u64,
    nth: u64,
    scenario: usize,
    closed: bool,
    out_of_time: bool,
}

impl Queue {
    pub(super) fn new(
        scenarios: &[Scenario],
        options: &Options<'_>,
        deadline: Option<rt::Instant>,
    ) -> Queue {
        let seeds = &options.seeds;
        let repeat_every = scenarios.iter().map(|one| match one.expect.differs {
            true => 1,
            false => options.repeat_every.get(),
        });
        Queue {
            first_seed: seeds.start,
            shares: scenarios.iter().map(|one| share(one, seeds)).collect(),
            repeat_every: repeat_every.collect(),
            deadline,
            place: Mutex::default(),
        }
    }

    /// The next job; None when all are out, or no more are wanted.
    pub(super) fn next(&self) -> Option<Job> {
        let place = &mut *self.place.lock();
        if place.closed {
            return None;
        }
        let job = self.advance(place)?;
        if self.deadline.is_some_and(|deadline| rt::now() >= deadline) {
            place.closed = true;
            place.out_of_time = true;
            return None;
        }
        Some(job)
    }

    fn advance(&self, place: &mut Place) -> Option<Job> {
        let longest = self.shares.iter().copied().max().unwrap_or(0);
        while place.nth < longest {
            let (scenario, nth) = (place.scenario, place.nth);
            place.scenario += 1;
            if place.scenario == self.shares.len() {
                place.scenario = 0;
                place.nth += 1;
            }
            if nth < self.shares[scenario] {
                let number = place.number;
                place.number += 1;
                return Some(Job {
                    number,
                    scenario,
                    seed: self.first_seed + nth,
                    is_repeated: nth.is_multiple_of(self.repeat_every[scenario]),
                });
            }
        }
        None
    }

    /// Hands out no more.
    pub(super) fn close(&self) {
        self.place.lock().closed = true;
    }

    /// Time was up before all jobs were out.
    pub(super) fn is_out_of_time(&self) -> bool {
        self.place.lock().out_of_time
    }
}
