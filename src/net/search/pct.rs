//! `pct`: random priorities with a few change points, after Burckhardt,
//! Kothari, Musuvathi and Nagarakatte, "A Randomized Scheduler with
//! Probabilistic Guarantees of Finding Bugs" (ASPLOS 2010).
//!
//! There, n threads run k steps; the enabled thread of highest priority
//! always goes on; at d - 1 steps, drawn beforehand, the running thread's
//! priority drops below all others. A bug of depth d is found with
//! probability 1/(n k^(d-1)) at least. Here:
//!
//! - a client is a connection, and a step is a delivery on it. A request that
//!   crosses several connections has a priority on each, so the bound holds
//!   for the order of deliveries, not for that of requests;
//! - a connection counts as enabled while it has a segment on its way, and
//!   for [`AWAKE_NS`] after each delivery, in which its server can answer;
//! - who has to wait is held back, but for [`HELD_MAX_NS`] at most: time goes
//!   on here, and a message that never comes would be a partition. With that
//!   the bound is lost where a client needs longer than this;
//! - k is a setting, and the d - 1 of the paper are `change_points`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Lane, Search};
use crate::draw::{self, Draw};

/// How long a connection stays enabled after a delivery.
const AWAKE_NS: u64 = 50_000;

/// The longest time for which a connection is held back at once.
const HELD_MAX_NS: u64 = 20_000_000;

/// Priorities as drawn lie above those that a change point gives.
const DRAWN: u64 = 1 << 63;

type Connection = u64;
type Priority = u64;

/// The priorities of a run, and who is on the way.
pub(in crate::net) struct Pct {
    seed: u64,
    /// At which deliveries a priority changes, the earliest last.
    changes: Vec<u64>,
    deliveries: u64,
    clients: BTreeMap<Connection, Client>,
    /// Those that are enabled, or were a moment ago.
    enabled: BTreeSet<(Priority, Connection)>,
    held: BTreeMap<Lane, Held>,
}

struct Client {
    priority: Priority,
    on_the_way: u32,
    /// When the last of them is due.
    due_at: u64,
    awake_until: u64,
}

/// A direction that waits for others.
#[derive(Clone, Copy)]
struct Held {
    since: u64,
    until: u64,
}

impl Pct {
    pub(super) fn new(search: Search, seed: u64) -> Pct {
        let mut draw = Draw::new(seed, "search/pct");
        let seed = draw.u64();
        let end = search.deliveries.saturating_add(1);
        let mut changes: Vec<u64> = (0..search.change_points)
            .map(|_| draw.within(1..end))
            .collect();
        changes.sort_unstable_by(|one, other| other.cmp(one));
        Pct {
            seed,
            changes,
            deliveries: 0,
            clients: BTreeMap::new(),
            enabled: BTreeSet::new(),
            held: BTreeMap::new(),
        }
    }

    pub(super) fn sent(&mut self, (connection, _): Lane, at: u64) {
        let seed = self.seed;
        let client = self.clients.entry(connection).or_insert_with(|| Client {
            priority: draw::hash(seed, [connection, 0, 0, 0]) | DRAWN,
            on_the_way: 0,
            due_at: 0,
            awake_until: 0,
        });
        client.on_the_way += 1;
        client.due_at = client.due_at.max(at);
        self.enabled.insert((client.priority, connection));
    }

    pub(super) fn due(&mut self, lane: Lane, now: u64) -> Option<u64> {
        let (connection, _) = lane;
        let held = self.held.get(&lane).copied();
        // What was sent earlier is held: this comes after it.
        if let Some(held) = held.filter(|held| held.until > now) {
            return Some(held.until);
        }
        let since = held.map_or(now, |held| held.since);
        if now - since < HELD_MAX_NS
            && let Some(busy_until) = self.others_first(connection, now)
        {
            let until = busy_until.min(since + HELD_MAX_NS);
            self.held.insert(lane, Held { since, until });
            return Some(until);
        }
        self.held.remove(&lane);
        self.delivered(connection, now);
        None
    }

    /// Until when the highest priority is enabled, as far as is known, if it
    /// is not this connection's.
    fn others_first(&mut self, connection: Connection, now: u64) -> Option<u64> {
        let priority = self.clients.get(&connection).map(|client| client.priority);
        while let Some(&(highest, other)) = self.enabled.last() {
            if other == connection || Some(highest) <= priority {
                return None;
            }
            let other_client = self.clients.get(&other);
            let until = other_client.and_then(|client| client.enabled_until(now));
            if until.is_some() {
                return until;
            }
            self.enabled.pop_last();
            if self.clients.get(&other).is_some_and(Client::is_drawn) {
                self.clients.remove(&other);
            }
        }
        None
    }

    fn delivered(&mut self, connection: Connection, now: u64) {
        self.deliveries += 1;
        let Some(client) = self.clients.get_mut(&connection) else {
            return;
        };
        client.on_the_way = client.on_the_way.saturating_sub(1);
        client.awake_until = now + AWAKE_NS;
        while self.changes.pop_if(|at| *at <= self.deliveries).is_some() {
            self.enabled.remove(&(client.priority, connection));
            // The later it drops, the lower it gets: below all before it.
            client.priority = self.changes.len() as u64;
            self.enabled.insert((client.priority, connection));
        }
    }
}

impl Client {
    /// None if it is not enabled; what is held back is due later than it was.
    fn enabled_until(&self, now: u64) -> Option<u64> {
        let until = match self.on_the_way {
            0 => self.awake_until,
            _ => self.due_at.max(now) + AWAKE_NS,
        };
        (until > now).then_some(until)
    }

    /// It can be drawn again when it is next heard of.
    fn is_drawn(&self) -> bool {
        self.priority >= DRAWN
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Policy, Side};
    use super::*;

    fn pct(change_points: u32, deliveries: u64, seed: u64) -> Pct {
        let policy = Policy::Pct;
        let search = Search {
            policy,
            change_points,
            deliveries,
        };
        Pct::new(search, seed)
    }

    fn priority(pct: &Pct, connection: Connection) -> Priority {
        pct.clients[&connection].priority
    }

    /// Two connections with a segment each on its way, the lower one first.
    fn two(pct: &mut Pct) -> (Lane, Lane) {
        let (one, other) = ((1, Side::Client), (2, Side::Client));
        pct.sent(one, 0);
        pct.sent(other, 1);
        match priority(pct, 1) < priority(pct, 2) {
            true => (one, other),
            false => (other, one),
        }
    }

    #[test]
    fn the_higher_priority_goes_first() {
        for seed in 0..20 {
            let mut pct = pct(0, 1, seed);
            let (low, high) = two(&mut pct);
            let until = pct.due(low, 0).expect("the other one goes first");
            assert_eq!(pct.due(high, 1), None);
            assert!(
                pct.due(low, until)
                    .is_none_or(|until| until <= 1 + AWAKE_NS)
            );
            assert_eq!(pct.due(low, 1 + AWAKE_NS), None, "it has had its time");
        }
    }

    #[test]
    fn nobody_is_held_for_ever() {
        let mut pct = pct(0, 1, 1);
        let (low, _) = two(&mut pct);
        let mut now = 0;
        while let Some(until) = pct.due(low, now) {
            assert!(until > now);
            now = until;
        }
        assert_eq!(now, HELD_MAX_NS);
    }

    #[test]
    fn a_change_point_drops_the_one_that_is_delivered() {
        let mut pct = pct(1, 1, 5);
        let (low, high) = two(&mut pct);
        assert_eq!(pct.due(high, 0), None);
        assert!(priority(&pct, high.0) < priority(&pct, low.0));
        pct.sent(high, 9);
        assert!(pct.due(high, 1).is_some(), "it waits for the other now");
        assert_eq!(pct.due(low, 2), None);
    }

    #[test]
    fn a_connection_keeps_its_order() {
        let mut pct = pct(0, 1, 3);
        let (low, high) = two(&mut pct);
        pct.sent(low, 2);
        let first = pct.due(low, 0).expect("the other one goes first");
        assert_eq!(pct.due(high, 1), None);
        let second = pct.due(low, first - 1);
        assert_eq!(second, Some(first), "not before what was sent earlier");
    }
}
