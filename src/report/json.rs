//! What programs get to read. Seeds and digests are text: a u64 does not fit
//! a JSON number. New keys go to the end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use super::ending::end_ns;
use super::holders::{Both, both};
use super::promise::expected;
use crate::campaign::{Judgement, Mismatch, NotRepeated, Report, Tally, Trace};
use crate::history::{History, Tenure};
use crate::plan::Plan;
use crate::scenario::Scenario;
use crate::world::Outcome;

const TOOL: &str = env!("CARGO_PKG_NAME");
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn text<T: ToString, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

/// Any of these as text, with a line end.
pub fn written(value: &impl Serialize) -> String {
    // Nothing here has a key that is not text, or a number that JSON lacks.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// What `list --json` prints.
#[derive(Debug, Serialize)]
pub struct List<'a> {
    tool: &'static str,
    version: &'static str,
    scenarios: Vec<Listed<'a>>,
}

#[derive(Debug, Serialize)]
struct Listed<'a> {
    name: &'a str,
    path: &'a str,
    title: &'a str,
    expect: String,
    reaches: Vec<&'static str>,
    max_seeds: Option<u64>,
}

impl<'a> List<'a> {
    /// The list of these scenarios.
    pub fn new(scenarios: &'a [Scenario]) -> List<'a> {
        let listed = scenarios.iter().map(|scenario| Listed {
            name: &scenario.name,
            path: &scenario.path,
            title: &scenario.title,
            expect: expected(&scenario.expect),
            reaches: scenario.expect.reaches.iter().map(|p| p.name()).collect(),
            max_seeds: scenario.max_seeds,
        });
        List {
            tool: TOOL,
            version: VERSION,
            scenarios: listed.collect(),
        }
    }
}

/// What `run --json` prints.
#[derive(Debug, Serialize)]
pub struct Seed<'a> {
    scenario: &'a str,
    #[serde(serialize_with = "text")]
    seed: u64,
    digest: Option<String>,
    verdict: &'static str,
    violations: Vec<Broken<'a>>,
    probes: Vec<&'static str>,
    events: usize,
    virtual_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Written>,
    two_holders: Vec<TwoHold>,
}

/// A time in which a lock had two holders, in virtual nanoseconds.
#[derive(Debug, Serialize)]
struct TwoHold {
    lock: String,
    from_ns: u64,
    until_ns: u64,
    holders: [Holder; 2],
}

#[derive(Debug, Serialize)]
struct Holder {
    token: String,
    instance: String,
    buyer: Option<u32>,
    from_ns: u64,
    until_ns: u64,
    /// Why Redis no longer had it for them, and since when.
    lapsed: Option<(&'static str, u64)>,
}

#[derive(Debug, Serialize)]
struct Broken<'a> {
    invariant: &'static str,
    message: &'a str,
    /// In how many places.
    breaches: usize,
}

/// A trace, for another process to compare.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Written {
    events: Vec<String>,
    checkpoints: Vec<(u64, String)>,
}

impl<'a> Seed<'a> {
    /// A seed of a scenario, with everything that another process needs to
    /// compare it if `traced`.
    pub fn new(
        scenario: &'a Scenario,
        plan: Option<&Plan>,
        outcome: &'a Outcome,
        traced: bool,
    ) -> Seed<'a> {
        let entries = outcome.history.as_ref().map(|history| &history.entries);
        let violations = outcome.violations.iter().map(|violation| Broken {
            invariant: violation.invariant.name(),
            message: violation
                .breaches
                .first()
                .map_or("", |first| &first.message),
            breaches: violation.breaches.len(),
        });
        Seed {
            scenario: &scenario.name,
            seed: outcome.seed,
            digest: outcome.digest(),
            verdict: outcome.verdict.word(),
            violations: violations.collect(),
            probes: outcome.probes.iter().map(|probe| probe.name()).collect(),
            events: entries.map_or(0, Vec::len),
            virtual_ms: outcome.history.as_ref().map_or(0, end_ns) / 1_000_000,
            reason: outcome.verdict.reason(),
            trace: traced.then(|| {
                let Trace {
                    events,
                    checkpoints,
                    ..
                } = Trace::of(outcome);
                Written {
                    events,
                    checkpoints,
                }
            }),
            two_holders: plan
                .zip(outcome.history.as_ref())
                .map_or_else(Vec::new, |(plan, history)| two_hold(plan, history)),
        }
    }
}

fn two_hold(plan: &Plan, history: &History) -> Vec<TwoHold> {
    let holder = |tenure: &Tenure<'_>, buyer| Holder {
        token: tenure.token.to_owned(),
        instance: tenure.instance.to_owned(),
        buyer,
        from_ns: tenure.from_ns,
        until_ns: tenure.until_ns,
        lapsed: tenure.lapsed.map(|(at_ns, lapse)| (lapse.word(), at_ns)),
    };
    let both = both(plan, history).into_iter();
    both.map(|Both { two, buyers }| TwoHold {
        lock: two.first.lock.to_owned(),
        from_ns: two.from_ns,
        until_ns: two.until_ns,
        holders: [
            holder(&two.first, buyers[0]),
            holder(&two.second, buyers[1]),
        ],
    })
    .collect()
}

/// Reads back what `run --json` printed.
pub fn read_trace(printed: &[u8]) -> Result<Trace, serde_json::Error> {
    #[derive(Deserialize)]
    struct Printed {
        digest: Option<String>,
        verdict: String,
        reason: Option<String>,
        #[serde(default)]
        trace: Written,
    }
    let Printed {
        digest,
        verdict,
        reason,
        trace,
    } = serde_json::from_slice(printed)?;
    Ok(Trace {
        digest,
        verdict,
        reason,
        events: trace.events,
        checkpoints: trace.checkpoints,
    })
}

/// What `fuzz --json` writes.
#[derive(Debug, Serialize)]
pub struct Campaign<'a> {
    tool: &'static str,
    version: &'static str,
    scenarios: Vec<Fuzzed<'a>>,
    mismatches: Vec<Differs<'a>>,
    digest: String,
    seconds: f64,
    not_repeated: Vec<Unchecked<'a>>,
}

#[derive(Debug, Serialize)]
struct Fuzzed<'a> {
    name: &'a str,
    path: &'a str,
    seeds: u64,
    expect: String,
    met: bool,
    violations: BTreeMap<&'static str, u64>,
    first: Option<First<'a>>,
    probes: BTreeMap<&'static str, u64>,
    seconds: f64,
    judgement: &'static str,
    why_not: Vec<String>,
    capped: bool,
    crashed: Vec<Lost<'a>>,
    unknown: Vec<Lost<'a>>,
}

#[derive(Debug, Serialize)]
struct First<'a> {
    #[serde(serialize_with = "text")]
    seed: u64,
    invariant: &'static str,
    digest: &'a str,
}

/// A seed without a digest.
#[derive(Debug, Serialize)]
struct Lost<'a> {
    #[serde(serialize_with = "text")]
    seed: u64,
    reason: &'a str,
}

#[derive(Debug, Serialize)]
struct Differs<'a> {
    name: &'a str,
    #[serde(serialize_with = "text")]
    seed: u64,
    difference: &'a str,
}

/// A seed that could not be run again in a fresh process.
#[derive(Debug, Serialize)]
struct Unchecked<'a> {
    name: &'a str,
    #[serde(serialize_with = "text")]
    seed: u64,
    reason: &'a str,
}

impl<'a> Campaign<'a> {
    /// A campaign and the judgement of each of its scenarios.
    pub fn new(report: &'a Report, judged: &[Judgement]) -> Campaign<'a> {
        let pairs = report.tallies.iter().zip(judged);
        Campaign {
            tool: TOOL,
            version: VERSION,
            scenarios: pairs.map(|(tally, judged)| fuzzed(tally, judged)).collect(),
            mismatches: report.mismatches.iter().map(differs).collect(),
            digest: report.digest(),
            seconds: report.took.as_secs_f64(),
            not_repeated: report.not_repeated.iter().map(unchecked).collect(),
        }
    }
}

fn differs(mismatch: &Mismatch) -> Differs<'_> {
    Differs {
        name: &mismatch.scenario,
        seed: mismatch.seed,
        difference: &mismatch.difference,
    }
}

fn unchecked(one: &NotRepeated) -> Unchecked<'_> {
    Unchecked {
        name: &one.scenario,
        seed: one.seed,
        reason: &one.reason,
    }
}

fn fuzzed<'a>(tally: &'a Tally, judged: &Judgement) -> Fuzzed<'a> {
    let (judgement, why_not) = match judged {
        Judgement::Met => ("met", &[][..]),
        Judgement::NotMet(why) => ("not-met", &why[..]),
        Judgement::Inconclusive(why) => ("inconclusive", &why[..]),
        Judgement::NothingRun => ("nothing-run", &[][..]),
    };
    let lost = |seeds: &'a [(u64, String)]| -> Vec<Lost<'a>> {
        let seeds = seeds.iter();
        seeds
            .map(|(seed, reason)| Lost {
                seed: *seed,
                reason,
            })
            .collect()
    };
    let broken = tally.broken.iter();
    Fuzzed {
        name: &tally.name,
        path: &tally.path,
        seeds: tally.seeds,
        expect: expected(&tally.expect),
        met: *judged == Judgement::Met,
        violations: broken
            .map(|(one, broke)| (one.name(), broke.seeds))
            .collect(),
        first: tally.first().map(|(invariant, broke)| First {
            seed: broke.first,
            invariant: invariant.name(),
            digest: &broke.digest,
        }),
        probes: tally
            .probes
            .iter()
            .map(|(one, seeds)| (one.name(), *seeds))
            .collect(),
        seconds: tally.took.as_secs_f64(),
        judgement,
        why_not: why_not.iter().map(ToString::to_string).collect(),
        capped: tally.capped.is_some(),
        crashed: lost(&tally.crashes),
        unknown: lost(&tally.unknowns),
    }
}
