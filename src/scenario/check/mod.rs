//! What the types of a scenario alone cannot say: sizes that would not end,
//! names that are none, promises and faults that contradict each other.

mod fault;

use std::ops::{Range, RangeInclusive};

use toml::Spanned;

use super::units::Time;
use super::{Scenario, limits};
use crate::checks::Invariant;
use crate::shop::{Fence, Reads, StockStrategy};

/// What is wrong and what is allowed, and where if that can be said.
pub(super) type Located = (String, Option<Range<usize>>);

/// What is wrong, and where.
pub(super) type Refused = (String, Range<usize>);

fn located((message, span): Refused) -> Located {
    (message, Some(span))
}

/// What the types alone cannot say.
pub(super) fn check(source: &str, scenario: &Scenario) -> Result<(), Located> {
    let at = |key: &str, message: String| (message, span_of(source, key));
    for (key, value, range) in sizes(scenario) {
        limits::within(key, value, &range).map_err(|message| at(key, message))?;
    }
    let times = [
        ("shop.deadline", scenario.shop.deadline),
        ("shop.lock_ttl", scenario.shop.lock_ttl),
        ("shop.lock_retry", scenario.shop.lock_retry),
        ("shop.redlock_timeout", scenario.shop.redlock_timeout),
        ("buyers.patience", scenario.buyers.patience),
    ];
    if let Some((key, time)) = times.iter().find(|(_, time)| *time < Time::ms(1)) {
        let message = format!("{key} is {time}; it has to be 1ms at least");
        return Err(at(key, message));
    }
    if scenario.catalog.sku.is_empty() {
        return Err(at("catalog.sku", "catalog.sku is empty".to_owned()));
    }
    if scenario.shop.reads == Reads::Replica && scenario.postgres.replica.is_none() {
        let message = "shop.reads is `replica`, and there is none: [postgres.replica] adds it";
        return Err(at("shop.reads", message.to_owned()));
    }
    if scenario.redis.sentinel.is_some() && scenario.redis.replica.is_none() {
        let message = "[redis.sentinel] watches over nothing: [redis.replica] adds a replica";
        return Err(at("redis.sentinel", message.to_owned()));
    }
    if scenario.redis.primaries > 1 && scenario.redis.replica.is_some() {
        let message = "redis.primaries are several, each by itself; [redis.replica] follows one";
        return Err(at("redis.primaries", message.to_owned()));
    }
    if (scenario.shop.stock, scenario.shop.fence) == (StockStrategy::Redlock, Fence::Counter) {
        let message = "shop.fence is `counter`, and the servers of a redlock count each by \
                       itself; use none, random or database";
        return Err(at("shop.fence", message.to_owned()));
    }
    let nodes = scenario.nodes();
    for fault in &scenario.faults {
        fault::check_fault(fault, scenario, &nodes)?;
    }
    fault::check_together(&scenario.faults)?;
    for calm in &scenario.calms {
        calm.check().map_err(located)?;
    }
    for node in scenario.clocks.node.keys() {
        check_node(node, &nodes).map_err(located)?;
    }
    for link in &scenario.network.links {
        link.check(&nodes).map_err(located)?;
    }
    check_expect(source, scenario)
}

/// Counts and what they can be: more would not end, or not fit in memory.
fn sizes(scenario: &Scenario) -> Vec<(&'static str, u64, RangeInclusive<u64>)> {
    let swarm = scenario.swarm.as_ref();
    let swarm_faults = swarm.map_or(0, |swarm| swarm.faults.max);
    let swarm_calms = swarm.map_or(0, |swarm| swarm.calms.max);
    let mut sizes = vec![
        (
            "shop.instances",
            u64::from(scenario.shop.instances),
            1..=100,
        ),
        ("shop.pool_size", scenario.shop.pool_size as u64, 1..=1_000),
        (
            "catalog.others",
            u64::from(scenario.catalog.others),
            0..=100_000,
        ),
        (
            "buyers.count",
            u64::from(scenario.buyers.count),
            1..=1_000_000,
        ),
        (
            "buyers.quantity",
            u64::from(scenario.buyers.quantity),
            1..=1_000_000,
        ),
        (
            "buyers.retries",
            u64::from(scenario.buyers.retries),
            0..=1_000,
        ),
        (
            "postgres.max_connections",
            scenario.postgres.max_connections as u64,
            1..=10_000,
        ),
        ("swarm.faults", swarm_faults, 0..=1_000),
        ("swarm.calms", swarm_calms, 0..=1_000),
        (
            "search.change_points",
            u64::from(scenario.search.change_points),
            limits::CHANGE_POINTS,
        ),
        (
            "search.deliveries",
            scenario.search.deliveries,
            limits::DELIVERIES,
        ),
        ("run.polls_max", scenario.run.polls_max, 1..=u64::MAX),
        ("max_seeds", scenario.max_seeds.unwrap_or(1), 1..=u64::MAX),
    ];
    sizes.extend(scenario.redis.sizes());
    sizes
}

/// Where a key of the form `table.key` has its value in the text.
pub(crate) fn span_of(source: &str, key: &str) -> Option<Range<usize>> {
    let document = toml::de::DeTable::parse(source).ok()?;
    let mut table = document.get_ref();
    let mut path = key.split('.').peekable();
    while let Some(part) = path.next() {
        let value = table.get(part)?;
        if path.peek().is_none() {
            return Some(value.span());
        }
        table = value.get_ref().as_table()?;
    }
    None
}

fn check_expect(source: &str, scenario: &Scenario) -> Result<(), Located> {
    let expect = &scenario.expect;
    if expect
        .holds
        .is_some_and(|holds| holds != expect.violates.is_empty())
    {
        let message = "expect.holds and expect.violates contradict each other; \
                       give one of them";
        return Err((message.to_owned(), span_of(source, "expect.holds")));
    }
    if expect.differs && (expect.holds == Some(true) || !expect.violates.is_empty()) {
        let message = "expect.differs stands alone: a seed that is not the same twice says \
                       nothing, so leave out expect.holds and expect.violates";
        return Err((message.to_owned(), span_of(source, "expect.differs")));
    }
    let twice = |name: &&Invariant| expect.may.contains(name);
    match expect.violates.iter().find(twice) {
        Some(name) => Err((
            format!("'{name}' stands in expect.violates and in expect.may; it can be in one"),
            span_of(source, "expect.may"),
        )),
        None => Ok(()),
    }
}

type Names = Spanned<Vec<Spanned<String>>>;

pub(in crate::scenario) fn check_node(
    node: &Spanned<String>,
    nodes: &[String],
) -> Result<(), Refused> {
    let name = node.get_ref();
    match nodes.contains(name) {
        true => Ok(()),
        false => {
            let message = format!("no node `{name}`; there are: {}", nodes.join(", "));
            Err((message, node.span()))
        }
    }
}

/// No node stands twice in the set of this key.
pub(in crate::scenario) fn check_once(key: &str, set: Option<&Names>) -> Result<(), Refused> {
    let names = set.map_or(&[][..], |set| set.get_ref());
    let twice = names.iter().enumerate().find(|(index, node)| {
        let mut before = names[..*index].iter();
        before.any(|other| other.get_ref() == node.get_ref())
    });
    match twice {
        Some((_, node)) => Err((
            format!("`{}` is in `{key}` twice", node.get_ref()),
            node.span(),
        )),
        None => Ok(()),
    }
}

/// Two sides, of a partition or of a link: nodes that there are, none of them
/// on both.
pub(in crate::scenario) fn check_sides(
    between: Option<&Names>,
    and: Option<&Names>,
    nodes: &[String],
) -> Result<(), Refused> {
    for node in [between, and]
        .into_iter()
        .flatten()
        .flat_map(Spanned::get_ref)
    {
        check_node(node, nodes)?;
    }
    check_once("between", between)?;
    check_once("and", and)?;
    if let Some(side) = between
        && side.get_ref().is_empty()
    {
        let message = "`between` is empty; name at least one node".to_owned();
        return Err((message, side.span()));
    }
    if let (Some(between), Some(and)) = (between, and) {
        let both = |node: &&Spanned<String>| {
            let mut others = between.get_ref().iter();
            others.any(|other| other.get_ref() == node.get_ref())
        };
        if let Some(node) = and.get_ref().iter().find(both) {
            let message = format!("`{}` is on both sides", node.get_ref());
            return Err((message, node.span()));
        }
    }
    Ok(())
}
