//! Events and faults in words that need no manual.

use std::collections::BTreeMap;

use super::sales::Sales;
use crate::history::{Event, History};
use crate::net::{Policy, Search};
use crate::plan::{Calm, Effect, Fault, NodeClock, Plan, Trigger};
pub(super) use crate::scenario::units::readable_ns as duration;

/// Virtual nanoseconds as milliseconds, to the microsecond: `12.345 ms`.
pub(super) fn instant(at_ns: u64) -> String {
    format!("{}.{:03} ms", at_ns / 1_000_000, at_ns / 1_000 % 1_000)
}

/// `1 order`, `2 orders`.
pub(super) fn plural(count: usize, what: &str) -> String {
    let count = count as u64;
    match count {
        1 => format!("1 {what}"),
        _ => format!("{} {what}s", crate::campaign::grouped(count)),
    }
}

/// The search policy and what it is set to.
pub(super) fn search(search: Search) -> String {
    let Search {
        policy,
        change_points,
        deliveries,
    } = search;
    match policy {
        Policy::Uniform | Policy::Swarm => policy.to_string(),
        Policy::Pct => format!(
            "{policy}, {} within the first {} deliveries",
            plural(change_points as usize, "change point"),
            crate::campaign::grouped(deliveries)
        ),
    }
}

/// A fault of a plan: when, what, for how long.
pub(super) fn fault(fault: &Fault) -> String {
    let when = match &fault.trigger {
        Trigger::At(at_ns) => format!("at {}", instant(*at_ns)),
        Trigger::On {
            label,
            from,
            to,
            nth,
        } => {
            let from = from.as_ref().map(|node| format!(" from {node}"));
            let to = to.as_ref().map(|node| format!(" to {node}"));
            let (from, to) = (from.unwrap_or_default(), to.unwrap_or_default());
            format!("with \"{label}\" number {nth}{from}{to}")
        }
    };
    let what = fault.what();
    match (&fault.effect, fault.effect.kind().takes_time()) {
        (_, false) => format!("{when}: {what}"),
        (Effect::RestartLoop { .. }, _) => {
            format!(
                "{when}: {what}, down for {} each time",
                duration(fault.lasts_ns)
            )
        }
        _ => format!("{when}: {what}, for {}", duration(fault.lasts_ns)),
    }
}

/// A time without faults.
pub(super) fn calm(calm: &Calm) -> String {
    let (from, to) = (instant(calm.at_ns), instant(calm.end_ns()));
    format!("no faults from {from} to {to}")
}

/// How a clock is wrong from the start.
pub(super) fn clock(clock: &NodeClock) -> String {
    let ahead = if clock.offset_ns < 0 {
        "behind"
    } else {
        "ahead"
    };
    let by = duration(clock.offset_ns.unsigned_abs());
    let pace = if clock.drift_ppm < 0 { "slow" } else { "fast" };
    let ppm = clock.drift_ppm.unsigned_abs();
    format!(
        "{}: {by} {ahead}, {pace} by {ppm} parts per million",
        clock.node
    )
}

/// What it takes to put an event into words.
pub(super) struct Words<'a> {
    sales: Sales<'a>,
    buyers: BTreeMap<u32, u32>,
}

impl<'a> Words<'a> {
    pub(super) fn new(plan: &'a Plan, history: &'a History) -> Words<'a> {
        let visits = plan.visits.iter();
        Words {
            sales: Sales::of(plan, history),
            buyers: visits.map(|visit| (visit.id, visit.buyer)).collect(),
        }
    }

    /// Where an event was seen.
    pub(super) fn place<'e>(&self, event: &'e Event) -> &'e str {
        match event {
            Event::Invoke { .. }
            | Event::Ok { .. }
            | Event::Fail { .. }
            | Event::Info { .. }
            | Event::Resent { .. } => "buyers",
            Event::Promoted { node } if node.starts_with("redis") => "redis",
            Event::OrderCommitted { .. }
            | Event::StockCommitted { .. }
            | Event::TransactionWaited { .. }
            | Event::TransactionAborted { .. }
            | Event::TooManyClients {}
            | Event::CommitLost { .. }
            | Event::OrderLost { .. }
            | Event::StaleRead { .. }
            | Event::Promoted { .. }
            | Event::FinalStock { .. }
            | Event::FinalOrder { .. } => "postgres",
            Event::LockTaken { node, .. }
            | Event::LockReleased { node, .. }
            | Event::LockExpired { node, .. }
            | Event::LockEvicted { node, .. }
            | Event::LockLost { node, .. }
            | Event::LateRelease { node, .. } => node,
            Event::FaultBegan { .. }
            | Event::FaultEnded { .. }
            | Event::DiedAgain { .. }
            | Event::Healed {}
            | Event::Drained { .. } => "world",
        }
    }

    /// What happened.
    pub(super) fn event(&self, at_ns: u64, event: &Event) -> String {
        match event {
            Event::TransactionWaited {
                session,
                holder,
                table,
            } => {
                let waits = self.sales.session(at_ns, *session);
                let holds = self.sales.session(at_ns, *holder);
                format!("{waits} waits for {holds} on {table}")
            }
            Event::Invoke { .. }
            | Event::Ok { .. }
            | Event::Fail { .. }
            | Event::Info { .. }
            | Event::Resent { .. } => self.buyer(event),
            Event::LockTaken { .. }
            | Event::LockReleased { .. }
            | Event::LockExpired { .. }
            | Event::LockEvicted { .. }
            | Event::LockLost { .. }
            | Event::LateRelease { .. } => lock(event),
            Event::FaultBegan { fault, what, .. } => format!("fault {fault}: {what}"),
            Event::DiedAgain { fault, node } => format!("fault {fault}: {node} dies again"),
            Event::FaultEnded { fault } => format!("fault {fault} is over"),
            Event::Healed {} => "all faults are over, every node is up".to_owned(),
            Event::Drained { complete: true } => "everyone has an answer".to_owned(),
            Event::Drained { complete: false } => "time is up; some have no answer".to_owned(),
            _ => self.database(at_ns, event),
        }
    }

    fn who(&self, visit: u32) -> String {
        match self.buyers.get(&visit) {
            Some(&buyer) if buyer != visit => format!("buyer {buyer} (second click)"),
            Some(&buyer) => format!("buyer {buyer}"),
            None => format!("visit {visit}"),
        }
    }

    fn buyer(&self, event: &Event) -> String {
        match event {
            Event::Invoke {
                visit,
                attempt,
                key,
                sku,
                quantity,
                node,
                ..
            } => {
                let who = self.who(*visit);
                match attempt {
                    1 => format!("{who} asks {node} for {quantity} {sku}, key {key}"),
                    _ => format!("{who} asks again, at {node}: request {attempt}, same key"),
                }
            }
            Event::Ok { visit, order, .. } => {
                let order = short(order);
                format!("{} is told: order {order} is placed", self.who(*visit))
            }
            Event::Fail {
                visit,
                reason,
                final_answer,
                ..
            } => {
                let more = match final_answer {
                    true => "",
                    false => ", and may ask again",
                };
                format!("{} is told: no order, {reason}{more}", self.who(*visit))
            }
            Event::Resent { visit, node, .. } => format!(
                "a gateway sends the request of {} again, to {node}, unknown to the buyer",
                self.who(*visit)
            ),
            Event::Info { visit, reason, .. } => format!(
                "{} cannot know whether the order is placed: {reason}",
                self.who(*visit)
            ),
            _ => String::new(),
        }
    }

    fn database(&self, at_ns: u64, event: &Event) -> String {
        match event {
            Event::OrderCommitted {
                order,
                key,
                sku,
                quantity,
                xid,
                session,
            } => {
                let (order, of) = (short(order), self.sales.instance(at_ns, *xid));
                format!(
                    "order {order} committed: {quantity} {sku}, key {key}, session {session}{of}"
                )
            }
            Event::StockCommitted {
                sku,
                from,
                to,
                xid,
                session,
            } => {
                let (by, of) = (
                    self.sales.buyer(at_ns, *xid),
                    self.sales.instance(at_ns, *xid),
                );
                let written = format!("stock of {sku}: {from} -> {to}{by}, session {session}{of}");
                match self.sales.units(at_ns, *xid) {
                    Some(sold) if from - sold != *to => {
                        format!("{written}, though it sold {sold}: computed from an older read")
                    }
                    _ => written,
                }
            }
            Event::TransactionAborted { session, reason } => match meaning(reason) {
                _ if reason == "rolled back" => format!("session {session} rolled back"),
                Some(meaning) => format!("session {session} rolled back: {reason} ({meaning})"),
                None => format!("session {session} rolled back: {reason}"),
            },
            Event::TooManyClients {} => {
                "a client is sent away: too many clients already".to_owned()
            }
            Event::CommitLost {
                node, xid, cause, ..
            } => format!("{node} has lost transaction {xid} in the {cause}: it had committed"),
            Event::StaleRead {
                node,
                session,
                behind,
            } => {
                let commits = plural(usize::try_from(*behind).unwrap_or(usize::MAX), "commit");
                format!("session {session} reads on {node}, which is {commits} behind")
            }
            Event::Promoted { node } => format!("{node} is a primary now"),
            Event::OrderLost { order, key, .. } => {
                format!("order {} is lost with it, key {key}", short(order))
            }
            Event::FinalStock { sku, quantity } => format!("{quantity} {sku} left"),
            Event::FinalOrder {
                order,
                key,
                sku,
                quantity,
            } => format!("order {order}: {quantity} {sku}, key {key}"),
            _ => String::new(),
        }
    }
}

/// What became of a lock.
fn lock(event: &Event) -> String {
    match event {
        Event::LockTaken {
            lock,
            holder,
            by,
            for_ms,
            ..
        } => {
            let lasts = match for_ms {
                0 => String::new(),
                ms => format!(", for {}", duration(ms * 1_000_000)),
            };
            format!("{lock} taken by holder {} of {by}{lasts}", short(holder))
        }
        Event::LockReleased {
            lock, holder, by, ..
        } => {
            format!("{lock} of holder {} released by {by}", short(holder))
        }
        Event::LockExpired { lock, holder, .. } => {
            format!("{lock} ran out; holder {} does not know yet", short(holder))
        }
        Event::LockEvicted { lock, holder, .. } => format!(
            "{lock} is dropped by Redis to make room; holder {} does not know",
            short(holder)
        ),
        Event::LockLost {
            node,
            lock,
            holder,
            cause,
        } => format!(
            "{node} has no {lock} any more, by {cause}; holder {} does not know",
            short(holder)
        ),
        Event::LateRelease { lock, holder, .. } => format!(
            "holder {} comes to release {lock}: too late, it was no longer theirs",
            short(holder)
        ),
        _ => String::new(),
    }
}

/// Enough of a random token to tell it from others.
pub(super) fn short(token: &str) -> &str {
    token.get(..8).unwrap_or(token)
}

/// A text in which the identifiers of orders are as short as in the story.
pub(super) fn shortened(text: &str) -> String {
    let is_id = |word: &str| {
        let parts: Vec<_> = word.split('-').map(str::len).collect();
        parts == [8, 4, 4, 4, 12] && word.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
    };
    let of_word = |c: char| c == '-' || c.is_ascii_alphanumeric();
    text.split_inclusive(|c| !of_word(c))
        .map(|piece| {
            let word = piece.trim_end_matches(|c| !of_word(c));
            match is_id(word) {
                true => format!("{}{}", short(word), &piece[word.len()..]),
                false => piece.to_owned(),
            }
        })
        .collect()
}

/// SQLSTATEs that a shop meets.
fn meaning(sqlstate: &str) -> Option<&'static str> {
    Some(match sqlstate {
        "23505" => "unique violation: somebody has this key already",
        "23514" => "check violation",
        "40001" => "serialization failure: another transaction changed the row",
        "40P01" => "deadlock",
        "55P03" => "lock not available",
        "57014" => "cancelled",
        "57P01" => "the server shuts down",
        "57P02" => "the server has crashed",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_shortened_and_nothing_else_is() {
        let text = "key buyer-1 has two: 9dc2e3a0-0bd8-4b4e-8a3f-0123456789ab, and o-1";
        assert_eq!(shortened(text), "key buyer-1 has two: 9dc2e3a0, and o-1");
    }

    #[test]
    fn durations_and_instants_read_well() {
        assert_eq!(instant(12_345_678), "12.345 ms");
        assert_eq!(duration(1_500_000_000), "1.500 s");
        assert_eq!(duration(40_000_000), "40 ms");
        assert_eq!(duration(250_000), "250 us");
    }
}
