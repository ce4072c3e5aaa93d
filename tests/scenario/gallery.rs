//! What the gallery owes: every file reads, every probe is required and every
//! invariant broken somewhere.

use std::path::Path;

use doublebuy::checks::Invariant;
use doublebuy::probes::Probe;
use doublebuy::scenario::Scenario;

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
