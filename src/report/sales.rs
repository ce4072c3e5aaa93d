//! Which transaction was whose sale, and through which instance: a history
//! names sessions and keys, a reader wants to know who that is.
//!
//! Only what is certain is told. A key is a buyer's. Its sale went through the
//! one instance that had been asked with that key by then; were it two, it
//! could be either. Who waits in a sale is whoever that session sells to next;
//! if it rolls back instead, nobody can say.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use crate::history::{Event, History};
use crate::plan::Plan;
use crate::shop::schema::{orders, products};

/// One transaction that placed orders.
struct Sale<'a> {
    units: i64,
    buyer: Option<u32>,
    instance: Option<&'a str>,
}

/// Every sale of a history.
pub(super) struct Sales<'a> {
    /// By instant and transaction: a database that lost its newest commits in
    /// a crash hands their numbers out again.
    by_commit: BTreeMap<(u64, u64), Sale<'a>>,
    /// The buyers of sessions that waited, by session and instant.
    waiting: BTreeMap<(u64, u64), u32>,
    /// Who asked which instance, and when.
    asked: Vec<(u64, &'a str, u32)>,
}

/// Who has asked with a key: the buyer, and the instance if it was only one.
struct Asked<'a> {
    buyer: u32,
    instance: Option<&'a str>,
}

impl<'a> Sales<'a> {
    pub(super) fn of(plan: &Plan, history: &'a History) -> Sales<'a> {
        let mut asked = BTreeMap::<&str, Asked<'a>>::new();
        let mut by_commit = BTreeMap::<(u64, u64), Sale<'a>>::new();
        let mut waiting = BTreeMap::new();
        let mut requests = Vec::new();
        // Servers that take writes, or did.
        let mut primaries = BTreeSet::from(["postgres"]);
        // The instants at which a session, or who waits for it, was seen.
        let mut open = BTreeMap::<u64, Vec<u64>>::new();
        for entry in &history.entries {
            match &entry.event {
                Event::Invoke {
                    key, buyer, node, ..
                } => {
                    let (buyer, instance) = (*buyer, Some(node.as_str()));
                    requests.push((entry.at_ns, node.as_str(), buyer));
                    let known = asked
                        .entry(key.as_str())
                        .or_insert(Asked { buyer, instance });
                    known.instance = known.instance.filter(|known| known == node);
                }
                Event::TransactionWaited {
                    session,
                    holder,
                    table,
                } if [orders::TABLE, products::TABLE].contains(&table.as_str()) => {
                    for session in [session, holder] {
                        open.entry(*session).or_default().push(entry.at_ns);
                    }
                }
                Event::OrderCommitted {
                    key,
                    quantity,
                    xid,
                    session,
                    ..
                } => {
                    let by = asked.get(key.as_str());
                    let sale = by_commit.entry((entry.at_ns, *xid)).or_insert(Sale {
                        units: 0,
                        buyer: by.map(|by| by.buyer),
                        instance: by.and_then(|by| by.instance),
                    });
                    sale.units += quantity;
                    let instants = open.remove(session).unwrap_or_default();
                    let whose = sale.buyer.into_iter();
                    waiting.extend(whose.flat_map(|buyer| {
                        let instants = instants.iter();
                        instants.map(move |at_ns| ((*session, *at_ns), buyer))
                    }));
                }
                Event::TransactionAborted { session, .. } => {
                    open.remove(session);
                }
                Event::Promoted { node } => {
                    primaries.insert(node);
                }
                // A session does not outlive its server.
                Event::FaultBegan { fault, .. } | Event::DiedAgain { fault, .. }
                    if taken_down(plan, *fault).is_some_and(|node| primaries.contains(node)) =>
                {
                    open.clear();
                }
                _ => {}
            }
        }
        Sales {
            by_commit,
            waiting,
            asked: requests,
        }
    }

    /// The one buyer to whom an instance sold in a span of time.
    pub(super) fn only_buyer(&self, instance: &str, span: RangeInclusive<u64>) -> Option<u32> {
        let sales = self
            .by_commit
            .range((*span.start(), 0)..=(*span.end(), u64::MAX));
        let its = sales.filter(|(_, sale)| sale.instance == Some(instance));
        only(its.filter_map(|(_, sale)| sale.buyer))
    }

    /// The one buyer who had asked an instance by then.
    pub(super) fn only_asked(&self, instance: &str, by_ns: u64) -> Option<u32> {
        let asked = self.asked.iter();
        let its = asked.filter(|(at_ns, node, _)| *at_ns <= by_ns && *node == instance);
        only(its.map(|(_, _, buyer)| *buyer))
    }

    /// What a transaction sold.
    pub(super) fn units(&self, at_ns: u64, xid: u64) -> Option<i64> {
        self.by_commit.get(&(at_ns, xid)).map(|sale| sale.units)
    }

    /// ` by buyer 0`, if that is known.
    pub(super) fn buyer(&self, at_ns: u64, xid: u64) -> String {
        let buyer = self
            .by_commit
            .get(&(at_ns, xid))
            .and_then(|sale| sale.buyer);
        buyer.map_or_else(String::new, |buyer| format!(" by buyer {buyer}"))
    }

    /// ` of shop-1`, if that is known.
    pub(super) fn instance(&self, at_ns: u64, xid: u64) -> String {
        let instance = self
            .by_commit
            .get(&(at_ns, xid))
            .and_then(|sale| sale.instance);
        instance.map_or_else(String::new, |instance| format!(" of {instance}"))
    }

    /// A session that waits or is waited for, with its buyer if that is known.
    pub(super) fn session(&self, at_ns: u64, session: u64) -> String {
        match self.waiting.get(&(session, at_ns)) {
            Some(buyer) => format!("session {session} (buyer {buyer})"),
            None => format!("session {session}"),
        }
    }
}

/// The number that comes, if no other does.
fn only(mut numbers: impl Iterator<Item = u32>) -> Option<u32> {
    let first = numbers.next()?;
    numbers.all(|other| other == first).then_some(first)
}

/// The node that a fault takes down, if it does.
fn taken_down(plan: &Plan, fault: u32) -> Option<&str> {
    let fault = plan.faults.iter().find(|one| one.id == fault)?;
    fault.effect.takes_down()
}
