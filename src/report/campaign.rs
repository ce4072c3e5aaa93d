//! A campaign for people, at a terminal or in the log of a CI job: a line per
//! scenario, then whatever is not as promised, each with its lowest seed and
//! the command that shows it, then one line that sums up.

use std::collections::BTreeSet;

use super::promise::expected;
use super::rerun::Rerun;
use super::style::{BAD, DIM, GOOD, STRONG, UNSURE, paint};
use super::table::plain;
use crate::campaign::{AtMost, Cut, Judgement, Report, Shortfall, Tally, grouped};

/// The whole text; `judged` has the judgement of each tally of the report.
pub fn summary(report: &Report, judged: &[Judgement], rerun: &Rerun) -> String {
    let mut lines = table(report, judged);
    let pairs = || report.tallies.iter().zip(judged);
    for (tally, judgement) in pairs() {
        lines.extend(unmet(tally, judgement, rerun));
    }
    for mismatch in &report.mismatches {
        lines.push(String::new());
        let head = format!(
            "{}: seed {} is not deterministic",
            mismatch.scenario, mismatch.seed
        );
        lines.push(paint(BAD, head));
        let (place, difference) = (mismatch.place, &mismatch.difference);
        lines.push(format!("  run again {place}: {difference}"));
        lines.push(reproduce(rerun, &mismatch.path, mismatch.seed, None));
    }
    lines.extend(not_repeated(report));
    let promised: Vec<_> = pairs()
        .filter(|(_, judgement)| **judgement == Judgement::Met)
        .filter_map(|(tally, _)| promised(tally, rerun))
        .collect();
    if !promised.is_empty() {
        lines.push(String::new());
        lines.push("Broken as promised; the lowest seed of each:".to_owned());
        lines.extend(promised);
    }
    lines.push(String::new());
    lines.push(closing(report, judged));
    lines.push(String::new());
    lines.join("\n")
}

fn word(judgement: &Judgement) -> (anstyle::Style, &'static str) {
    match judgement {
        Judgement::Met => (GOOD, "met"),
        Judgement::NotMet(_) => (BAD, "NOT MET"),
        Judgement::Inconclusive(_) => (UNSURE, "inconclusive"),
        Judgement::NothingRun => (UNSURE, "nothing run"),
    }
}

fn table(report: &Report, judged: &[Judgement]) -> Vec<String> {
    let rows = report.tallies.iter().zip(judged).map(|(tally, judgement)| {
        vec![
            word(judgement).1.to_owned(),
            tally.name.clone(),
            seeds(tally),
            expected(&tally.expect),
            violations(tally),
        ]
    });
    let heading = ["", "scenario", "seeds", "expected", "broken"];
    let mut lines = plain(&heading, rows.collect());
    for (line, judgement) in lines.iter_mut().skip(1).zip(judged) {
        let (style, word) = word(judgement);
        *line = line.replacen(word, &paint(style, word), 1);
    }
    lines
}

/// How many ran, and what kept it from being all.
fn seeds(tally: &Tally) -> String {
    let ran = grouped(tally.seeds);
    let all = grouped(tally.wanted);
    match tally.capped {
        Some(max) => format!("{ran} of {all} (max_seeds {})", grouped(max)),
        None if tally.seeds < tally.wanted => format!("{ran} of {all}"),
        None => ran,
    }
}

/// In how many seeds what broke; of never, how much that says.
fn violations(tally: &Tally) -> String {
    let judged = tally.seeds - tally.crashed - tally.unknown;
    let mut parts: Vec<_> = tally
        .broken
        .iter()
        .map(|(invariant, broke)| {
            let (broke, all) = (grouped(broke.seeds), grouped(tally.seeds));
            format!("{invariant} {broke} of {all}")
        })
        .collect();
    if tally.expect.differs {
        let (differed, all) = (grouped(tally.differed), grouped(tally.repeated));
        parts.push(format!("differed {differed} of {all}"));
    }
    if tally.crashed > 0 {
        parts.push(format!("crashed {}", grouped(tally.crashed)));
    }
    if tally.unknown > 0 {
        parts.push(format!("unknown {}", grouped(tally.unknown)));
    }
    if parts.is_empty() && judged > 0 {
        let bound = AtMost { tries: judged };
        return format!("0 of {} seeds ({bound})", grouped(judged));
    }
    parts.join(", ")
}

/// What could not be checked, and that nothing else follows from that.
fn not_repeated(report: &Report) -> Vec<String> {
    if report.not_repeated.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![
        String::new(),
        paint(UNSURE, "Not checked in a fresh process:"),
    ];
    lines.extend(report.not_repeated.iter().map(|one| {
        let (scenario, seed, reason) = (&one.scenario, one.seed, &one.reason);
        format!("  {scenario}: seed {seed} could not be repeated in a fresh process: {reason}")
    }));
    lines.push("  What the campaign says above stands.".to_owned());
    lines
}

fn reproduce(rerun: &Rerun, path: &str, seed: u64, digest: Option<&str>) -> String {
    let command = paint(STRONG, rerun.command(path, seed, digest));
    format!("  Reproduce with: {command}")
}

/// Why a scenario is not met, and how to see it.
fn unmet(tally: &Tally, judgement: &Judgement, rerun: &Rerun) -> Vec<String> {
    let (Judgement::NotMet(shortfalls) | Judgement::Inconclusive(shortfalls)) = judgement else {
        return Vec::new();
    };
    let (style, word) = word(judgement);
    let mut lines = vec![
        String::new(),
        format!("{}: {}", paint(STRONG, &tally.name), paint(style, word)),
    ];
    for shortfall in shortfalls {
        lines.push(format!("  {shortfall}"));
        match shortfall {
            Shortfall::Broken { broke, .. } => {
                let (seed, digest) = (broke.first, &broke.digest);
                lines.push(format!("  lowest seed {seed}, digest {digest}"));
                lines.push(reproduce(rerun, &tally.path, seed, Some(digest)));
            }
            Shortfall::Crashed { .. } => {
                lines.extend(each(&tally.crashes, tally.crashed, tally, rerun))
            }
            Shortfall::Unknown { .. } => {
                lines.extend(each(&tally.unknowns, tally.unknown, tally, rerun))
            }
            _ => {}
        }
    }
    lines
}

/// Each thing that happened, with its lowest seed, and the others by number;
/// of `all` seeds, those that were kept.
fn each(seeds: &[(u64, String)], all: u64, tally: &Tally, rerun: &Rerun) -> Vec<String> {
    let mut lines = Vec::new();
    let mut told = BTreeSet::new();
    for (seed, what) in seeds {
        if !told.insert(what) {
            continue;
        }
        lines.push(format!("  seed {seed}: {what}"));
        lines.push(reproduce(rerun, &tally.path, *seed, None));
        let others = seeds
            .iter()
            .filter(|(other, same)| other > seed && same == what);
        let others: Vec<_> = others.map(|(other, _)| other.to_string()).collect();
        if !others.is_empty() {
            lines.push(format!("  the same in: seed {}", others.join(", seed ")));
        }
    }
    let more = all.saturating_sub(seeds.len() as u64);
    if more > 0 {
        lines.push(format!("  and {} more, not listed", grouped(more)));
    }
    lines
}

/// One line for a violation that was promised: the command, and what it shows.
fn promised(tally: &Tally, rerun: &Rerun) -> Option<String> {
    let (invariant, broke) = tally.first()?;
    let command = rerun.command(&tally.path, broke.first, Some(&broke.digest));
    let comment = paint(DIM, format!("# {invariant}"));
    Some(format!("  {command}  {comment}"))
}

fn closing(report: &Report, judged: &[Judgement]) -> String {
    let seeds: u64 = report.tallies.iter().map(|tally| tally.seeds).sum();
    let repeated: u64 = report.tallies.iter().map(|tally| tally.repeated).sum();
    let millis = u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX);
    let rate = seeds * 1_000 / millis.max(1);
    let met = judged.iter().filter(|j| **j == Judgement::Met).count();
    let all = judged.len();
    let (style, outcome) = match met == all && report.mismatches.is_empty() {
        true => (GOOD, format!("{all} of {all} scenarios met")),
        false => (BAD, format!("{met} of {all} scenarios met")),
    };
    let cut = match report.cut {
        None => "",
        Some(Cut::Time) => "; --max-total-time was over",
        Some(Cut::Failures) => "; --max-fail was reached",
    };
    format!(
        "{}: {} seeds in {}.{:03} s ({} seeds/s), {} of them run twice, digest {}{cut}",
        paint(style, outcome),
        grouped(seeds),
        millis / 1_000,
        millis % 1_000,
        grouped(rate),
        grouped(repeated),
        report.digest()
    )
}
