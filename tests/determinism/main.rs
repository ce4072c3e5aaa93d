//! The determinism contract, held from outside: the same scenario and seed
//! give the same history, event for event.

mod draws;
mod golden;
mod limits;
mod orders;
mod policies;
mod repeat;

use std::path::{Path, PathBuf};

use doublebuy::scenario::Scenario;

/// The file of a scenario of the gallery.
fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("sims/{name}.toml"))
}

/// A scenario of the gallery, with settings laid over it.
fn gallery(name: &str, settings: &[&str]) -> Scenario {
    let settings = settings.iter().map(|one| one.parse().expect("key=value"));
    let settings: Vec<_> = settings.collect();
    Scenario::read(&path(name), &settings).unwrap_or_else(|error| panic!("{error}"))
}
