//! One seed as a story: what was drawn, who did what and when, where it went
//! wrong, and how it ended.
//!
//! A line that breaks an invariant has an arrow, and what is wrong right
//! below it. A long story leaves out what is far from anything that matters;
//! it always says how much.

use std::collections::{BTreeMap, BTreeSet};

use super::ending::{end_ns, ending};
use super::holders;
use super::style::{BAD, DIM, GOOD, STRONG, UNSURE, paint};
use super::words::{self, Words, instant, plural};
use crate::campaign::surprises;
use crate::history::{Entry, Event, History};
use crate::plan::{Effect, Fault, Plan, Trigger, Visit};
use crate::scenario::Scenario;
use crate::world::{Outcome, Verdict};

/// Lines up to which a story is told whole.
const WHOLE: usize = 200;
/// Lines told at both ends of a longer one.
const ENDS: usize = 12;
/// Lines told before and after a breach.
const AROUND: usize = 6;
/// Lines told at most for each kind of moment that matters.
const MOMENTS: usize = 8;
/// Visits, faults and orders listed at most.
const LISTED: usize = 12;

/// How a story is told.
#[derive(Debug, Clone, Copy, Default)]
pub struct StoryOptions {
    /// Nothing is left out.
    pub all: bool,
}

/// Everything a story is made of.
pub struct Story<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// What was drawn for the seed; None if it did not come to that.
    pub plan: Option<&'a Plan>,
    /// What came of it.
    pub outcome: &'a Outcome,
    /// How to tell it.
    pub options: StoryOptions,
    /// The command that shows it again.
    pub again: String,
}

impl Story<'_> {
    /// The whole text.
    pub fn tell(&self) -> String {
        let mut lines = self.opening();
        // Where there is a history, there was a plan.
        if let (Some(plan), Some(history)) = (self.plan, &self.outcome.history) {
            lines.push(String::new());
            lines.extend(self.events(plan, history));
            lines.push(String::new());
            lines.extend(ending(history, self.listed_max()));
        }
        lines.push(String::new());
        lines.extend(self.verdict());
        lines.push(String::new());
        lines.join("\n")
    }

    fn opening(&self) -> Vec<String> {
        let Scenario {
            name, title, shop, ..
        } = self.scenario;
        let units = u64::from(self.scenario.catalog.units);
        let mut lines = vec![
            format!("{}: {title}", paint(STRONG, name)),
            format!("seed {}", self.outcome.seed),
            String::new(),
            format!(
                "  shop    {}, stock {}, idempotency {}",
                plural(usize::from(shop.instances), "instance"),
                shop.stock,
                shop.idempotency
            ),
            format!(
                "  stock   {} {}",
                crate::campaign::grouped(units),
                self.scenario.catalog.sku
            ),
        ];
        lines.extend(self.plan.map(|plan| self.drawn(plan)).unwrap_or_default());
        lines
    }

    fn drawn(&self, plan: &Plan) -> Vec<String> {
        let mut visits: Vec<&Visit> = plan.visits.iter().collect();
        visits.sort_by_key(|visit| (visit.at_ns, visit.id));
        let visits = visits.into_iter().map(visit).collect();
        let mut lines = self.listed("visits", visits, "visit");
        lines.push(format!("  search  {}", words::search(plan.search)));
        let clocks = plan.clocks.iter().map(words::clock).collect();
        lines.extend(self.listed("clocks", clocks, "clock"));
        if plan.faults.is_empty() {
            lines.push("  faults  none".to_owned());
            return lines;
        }
        let idle = self
            .outcome
            .history
            .as_ref()
            .map(|history| idle(plan, history));
        let faults = plan.faults.iter().map(|fault| {
            let why = idle.as_ref().and_then(|idle| idle.get(&fault.id));
            let why = why.map_or_else(String::new, |why| format!("; did not strike: {why}"));
            format!("{}  {}{why}", fault.id, words::fault(fault))
        });
        lines.extend(self.listed("faults", faults.collect(), "fault"));
        let calms = plan.calms.iter().map(words::calm).collect();
        lines.extend(self.listed("calm", calms, "calm"));
        lines
    }

    /// A few of them under a heading, and how many more there are.
    fn listed(&self, heading: &str, entries: Vec<String>, what: &str) -> Vec<String> {
        let limit = self.listed_max();
        let left_out = entries.len().saturating_sub(limit);
        let more = format!("more {what}");
        let more = (left_out > 0).then(|| format!("... {}", plural(left_out, &more)));
        let headings = std::iter::once(heading).chain(std::iter::repeat(""));
        headings
            .zip(entries.into_iter().take(limit).chain(more))
            .map(|(heading, entry)| format!("  {heading:<7} {entry}"))
            .collect()
    }

    fn listed_max(&self) -> usize {
        match self.options.all {
            true => usize::MAX,
            false => LISTED,
        }
    }

    fn events(&self, plan: &Plan, history: &History) -> Vec<String> {
        let told: Vec<&Entry> = history
            .entries
            .iter()
            .filter(|entry| !is_final(&entry.event))
            .collect();
        let breaches = self.breaches(&told);
        let holders = two_holders(plan, history, &told);
        let chosen = match self.options.all || told.len() <= WHOLE {
            true => (0..told.len()).collect(),
            false => choose(&told, [&breaches, &holders]),
        };
        let words = Words::new(plan, history);
        let mut messages = history.messages.iter().peekable();
        let mut lines = Vec::new();
        let mut next = 0;
        for index in chosen {
            let entry = told[index];
            if index > next {
                let left_out = plural(index - next, "more event");
                lines.push(paint(DIM, format!("{:>16}  ... {left_out}", "")));
            }
            let gap = index > next;
            next = index + 1;
            while let Some(message) = messages.next_if(|message| message.at_ns < entry.at_ns) {
                if !gap {
                    let (from, to, label) = (&message.from, &message.to, message.label);
                    let text = format!("{:<9} {from} -> {to}: {label}", "");
                    lines.push(paint(DIM, line(message.at_ns, &text)));
                }
            }
            let place = words.place(&entry.event);
            let text = format!("{place:<9} {}", words.event(entry.at_ns, &entry.event));
            lines.extend(marked(entry, &text, breaches.get(&index)));
            let notes = holders.get(&index).into_iter().flatten();
            lines.extend(notes.map(|note| paint(UNSURE, below(note))));
        }
        lines
    }

    /// What is broken at which line.
    fn breaches(&self, told: &[&Entry]) -> BTreeMap<usize, Vec<String>> {
        let mut at = BTreeMap::<usize, Vec<String>>::new();
        for violation in &self.outcome.violations {
            for breach in &violation.breaches {
                let Some(index) = breach
                    .at_ns
                    .and_then(|at_ns| find(told, at_ns, &breach.message))
                else {
                    continue;
                };
                let message = words::shortened(&breach.message);
                let text = format!("{}: {message}", violation.invariant);
                at.entry(index).or_default().push(text);
            }
        }
        at
    }

    fn verdict(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let verdict = &self.outcome.verdict;
        match verdict {
            Verdict::Holds => lines.push(paint(GOOD, "every invariant holds")),
            Verdict::Violated => lines.extend(self.broken()),
            Verdict::Unknown { .. } => lines.push(paint(UNSURE, verdict)),
            Verdict::Crashed { .. } => lines.push(paint(BAD, verdict)),
        }
        let probes: Vec<_> = self.outcome.probes.iter().map(|p| p.name()).collect();
        if !probes.is_empty() {
            lines.push(format!("  reached  {}", probes.join(", ")));
        }
        if let Some(history) = &self.outcome.history {
            let events = plural(history.entries.len(), "event");
            let end = words::duration(end_ns(history));
            lines.push(format!("  ended    {events} in {end} of virtual time"));
            lines.push(format!("  digest   {}", history.digest));
        }
        lines.push(format!("Reproduce with: {}", paint(STRONG, &self.again)));
        lines
    }

    /// Each broken invariant, what it says, and whether that was promised.
    fn broken(&self) -> Vec<String> {
        let expect = &self.scenario.expect;
        self.outcome
            .violations
            .iter()
            .map(|violation| {
                let invariant = violation.invariant;
                let surprise = !surprises(expect, std::iter::once(invariant)).is_empty();
                let (style, promised) = match surprise {
                    true => (BAD, "and should hold"),
                    false if expect.violates.contains(&invariant) => {
                        (UNSURE, "as the scenario promises")
                    }
                    false => (UNSURE, "as the scenario allows"),
                };
                let first = violation.breaches.first();
                let message = first.map_or("", |breach| &breach.message);
                let more = match violation.breaches.len() {
                    0 | 1 => String::new(),
                    all => format!(" (and {} more)", crate::campaign::grouped(all as u64 - 1)),
                };
                let head = paint(style, format!("{invariant} is broken, {promised}"));
                format!("{head}: {message}{more}")
            })
            .collect()
    }
}

/// The faults that never began, and why.
fn idle(plan: &Plan, history: &History) -> BTreeMap<u32, &'static str> {
    let entries = || history.entries.iter();
    let healed = entries().find(|entry| matches!(entry.event, Event::Healed {}));
    let began: BTreeSet<u32> = entries()
        .filter_map(|entry| match entry.event {
            Event::FaultBegan { fault, .. } => Some(fault),
            _ => None,
        })
        .collect();
    let was_killed = |fault: &Fault| {
        let needs_life =
            matches!(fault.effect, Effect::Pause { .. }) || fault.effect.takes_down().is_some();
        plan.faults.iter().any(|other| {
            let killed = other.effect.takes_down() == fault.effect.node();
            needs_life && killed && began.contains(&other.id)
        })
    };
    let idle = plan
        .faults
        .iter()
        .filter(|fault| !began.contains(&fault.id));
    idle.map(|fault| {
        let why = match fault.trigger {
            Trigger::At(at_ns)
                if healed.is_some_and(|healed| plan.after_calm_ns(at_ns) < healed.at_ns) =>
            {
                "its node was down"
            }
            Trigger::On { .. } if was_killed(fault) => {
                "its node was down, or the run was over before"
            }
            _ => "the run was over before",
        };
        (fault.id, why)
    })
    .collect()
}

fn visit(visit: &Visit) -> String {
    let second = match visit.id == visit.buyer {
        true => "",
        false => " (second click)",
    };
    format!(
        "buyer {}{second} comes at {}, asks shop-{} first, waits {}, {}",
        visit.buyer,
        instant(visit.at_ns),
        visit.instance,
        words::duration(visit.patience_ns),
        match visit.retries {
            0 => "does not retry".to_owned(),
            1 => "retries once".to_owned(),
            times => format!("retries up to {times} times"),
        }
    )
}

fn line(at_ns: u64, text: &str) -> String {
    format!("{:>16}  {text}", instant(at_ns))
}

/// A line, with an arrow and what is wrong below it if something is.
fn marked(entry: &Entry, text: &str, broken: Option<&Vec<String>>) -> Vec<String> {
    let line = line(entry.at_ns, text);
    let Some(broken) = broken else {
        return match entry.event {
            Event::FaultBegan { .. } | Event::FaultEnded { .. } | Event::Healed {} => {
                vec![paint(UNSURE, line)]
            }
            _ => vec![line],
        };
    };
    let arrow = format!("==>{}", line.get(3..).unwrap_or_default());
    std::iter::once(arrow)
        .chain(broken.iter().map(|what| below(what)))
        .map(|line| paint(BAD, line))
        .collect()
}

fn below(what: &str) -> String {
    format!("{:>16}  {:<9} ^ {what}", "", "")
}

/// Where a lock that somebody has is granted to another.
fn two_holders(plan: &Plan, history: &History, told: &[&Entry]) -> BTreeMap<usize, Vec<String>> {
    let mut at = BTreeMap::<usize, Vec<String>>::new();
    for both in holders::both(plan, history) {
        let first = told.partition_point(|entry| entry.at_ns < both.two.from_ns);
        let is_grant = |entry: &&Entry| match &entry.event {
            Event::LockTaken { holder, .. } => holder == both.two.second.token,
            _ => false,
        };
        if let Some(index) = told[first..].iter().position(is_grant) {
            at.entry(first + index).or_default().push(both.in_words());
        }
    }
    at
}

/// Told in the ending, not as a line of its own.
fn is_final(event: &Event) -> bool {
    matches!(event, Event::FinalStock { .. } | Event::FinalOrder { .. })
}

/// The line that a breach is about: of those at its instant, the one whose
/// order it names, else the last.
fn find(told: &[&Entry], at_ns: u64, message: &str) -> Option<usize> {
    let first = told.partition_point(|entry| entry.at_ns < at_ns);
    let at = told[first..]
        .iter()
        .take_while(|entry| entry.at_ns == at_ns)
        .count();
    let named = (first..first + at).find(|&index| match &told[index].event {
        Event::OrderCommitted { order, .. } | Event::Ok { order, .. } => {
            message.contains(order.as_str())
        }
        _ => false,
    });
    named.or((first + at).checked_sub(1).filter(|_| at > 0))
}

/// The lines of a long story that are worth telling.
fn choose(told: &[&Entry], marks: [&BTreeMap<usize, Vec<String>>; 2]) -> BTreeSet<usize> {
    let mut chosen: BTreeSet<usize> = (0..ENDS).chain(told.len() - ENDS..told.len()).collect();
    for &index in marks.iter().flat_map(|marks| marks.keys().take(MOMENTS)) {
        let from = index.saturating_sub(AROUND);
        chosen.extend(from..(index + AROUND + 1).min(told.len()));
    }
    let mut moments = BTreeMap::<u8, usize>::new();
    for (index, entry) in told.iter().enumerate() {
        let kind = match entry.event {
            Event::OrderCommitted { .. } => 0,
            Event::StockCommitted { .. } => 1,
            Event::LockExpired { .. }
            | Event::LockEvicted { .. }
            | Event::LockLost { .. }
            | Event::LateRelease { .. } => 2,
            Event::FaultBegan { .. } | Event::FaultEnded { .. } => 3,
            Event::Ok { .. } => 4,
            Event::Healed {} | Event::Drained { .. } => 5,
            _ => continue,
        };
        let seen = moments.entry(kind).or_default();
        *seen += 1;
        if *seen <= MOMENTS {
            chosen.insert(index);
        }
    }
    chosen
}
