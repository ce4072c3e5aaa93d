//! What the gallery owes: every file reads, every probe is required and every
//! invariant broken somewhere, every kind of fault breaks one scenario and is
//! survived by another, and what a fault is blamed for is its work.

use std::path::Path;

use doublebuy::checks::Invariant;
use doublebuy::probes::Probe;
use doublebuy::scenario::{FaultKind, Scenario};
use doublebuy::world::{Keep, Verdict, run_seed};

fn gallery() -> Vec<Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sims");
    std::fs::read_dir(folder)
        .expect("the gallery")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| Scenario::read(&path, &[]).unwrap_or_else(|error| panic!("{error}")))
        .collect()
}

#[test]
fn every_file_reads_and_says_what_it_shows() {
    let gallery = gallery();
    assert!(gallery.len() >= 10, "{}", gallery.len());
    for scenario in gallery {
        assert!(scenario.title.len() > 20, "{}", scenario.path);
        assert!(scenario.about.len() > 80, "{}", scenario.path);
    }
}

#[test]
fn every_probe_is_required_somewhere() {
    let gallery = gallery();
    for probe in Probe::ALL {
        let required = gallery.iter().any(|one| one.expect.reaches.contains(probe));
        assert!(required, "no scenario reaches {probe}");
    }
}

#[test]
fn every_invariant_is_broken_somewhere() {
    let gallery = gallery();
    for invariant in Invariant::ALL {
        let broken = gallery
            .iter()
            .any(|one| one.expect.violates.contains(invariant));
        assert!(broken, "no scenario violates {invariant}");
    }
}

#[test]
fn every_kind_of_fault_breaks_one_scenario_and_is_survived_by_another() {
    let gallery = gallery();
    for kind in FaultKind::ALL {
        let has = |one: &&Scenario| one.faults.iter().any(|fault| fault.kind.get_ref() == kind);
        let (broken, held): (Vec<&Scenario>, Vec<_>) = gallery
            .iter()
            .filter(has)
            .partition(|one| !one.expect.violates.is_empty());
        assert!(!broken.is_empty(), "{kind} breaks nothing");
        assert!(!held.is_empty(), "nothing survives {kind}");
    }
}

/// A scenario that promises a violation and has faults holds without them: a
/// fault that does nothing would leave the promise unmet.
#[test]
fn what_a_fault_is_blamed_for_is_its_work() {
    const SEEDS: u64 = 20;
    let no_fault = ["fault=[]".parse().expect("a setting")];
    let mut blamed = 0;
    for scenario in gallery() {
        if scenario.expect.violates.is_empty() || scenario.faults.is_empty() {
            continue;
        }
        blamed += 1;
        let path = Path::new(&scenario.path);
        let quiet = Scenario::read(path, &no_fault).expect("the same without faults");
        for seed in 0..SEEDS {
            let outcome = run_seed(&quiet, seed, Keep::default());
            assert_eq!(outcome.verdict, Verdict::Holds, "{} {seed}", scenario.name);
        }
    }
    assert!(blamed > 10, "{blamed}");
}
