//! Specs in the format of PostgreSQL's isolation tester, run in a simulation
//! and, where this machine has them, by the real tester, and against the real
//! server.
//!
//! Those under `specs` are ours; what is expected of them was printed by
//! PostgreSQL 15's own tester and server. PostgreSQL's own specs stand beside
//! a checkout in CI.

mod client;
mod real;
mod spec;
mod tester;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use doublebuy::postgres::{Disk, Options};

use self::spec::Spec;
use crate::support::{ADDRESS, simulate};

/// A folder of specs with what is expected of them.
#[derive(Debug, Clone)]
struct Suite {
    folder: PathBuf,
}

impl Suite {
    /// Our own specs.
    fn own() -> Suite {
        Suite {
            folder: manifest().join("tests/postgres/isolation"),
        }
    }

    /// PostgreSQL's specs, where they are.
    fn postgres() -> Option<Suite> {
        let folder = manifest().parent()?.join("shared/conformance/postgres");
        if folder.is_dir() {
            return Some(Suite { folder });
        }
        println!("skipped: no ../shared/conformance/postgres beside this checkout");
        None
    }

    /// Names of specs, in order.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.folder.join("specs"))
            .unwrap()
            .filter_map(|entry| {
                let name = entry.unwrap().file_name().into_string().unwrap();
                name.strip_suffix(".spec").map(str::to_owned)
            })
            .collect();
        names.sort();
        assert!(!names.is_empty(), "specs in {}", self.folder.display());
        names
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join("specs").join(format!("{name}.spec"))
    }

    /// The outputs that are right: `NAME.out` and its alternatives.
    fn expected(&self, name: &str) -> Vec<String> {
        let alternatives = (1..10).map(|n| format!("{name}_{n}.out"));
        std::iter::once(format!("{name}.out"))
            .chain(alternatives)
            .filter_map(|file| {
                std::fs::read_to_string(self.folder.join("expected").join(file)).ok()
            })
            .collect()
    }

    /// Checks what `run` makes of every spec.
    fn check(&self, mut run: impl FnMut(&str, &Suite) -> String) {
        let mut wrong = Vec::new();
        for name in self.names() {
            let printed = run(&name, self);
            let expected = self.expected(&name);
            if !expected.contains(&printed) {
                let expected = expected.first().map_or("", String::as_str);
                wrong.push(format!("{name}: {}", first_difference(expected, &printed)));
            }
        }
        assert!(
            wrong.is_empty(),
            "{} differ:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }
}

fn manifest() -> PathBuf {
    let at_run = std::env::var_os("CARGO_MANIFEST_DIR");
    at_run.map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).to_owned(),
        PathBuf::from,
    )
}

fn first_difference(expected: &str, printed: &str) -> String {
    let mut permutation = "";
    let mut theirs = expected.lines();
    for (number, line) in printed.lines().enumerate() {
        if line.starts_with("starting permutation") {
            permutation = line;
        }
        let wanted = theirs.next();
        if wanted != Some(line) {
            let wanted = wanted.unwrap_or("the end");
            return format!(
                "{permutation}\n  line {}: {line}\n  expected: {wanted}",
                number + 1
            );
        }
    }
    format!(
        "{permutation}\n  ends before: {}",
        theirs.next().unwrap_or("")
    )
}

/// What our tester prints about a spec in a simulation.
fn simulated(name: &str, text: &str, options: Options) -> String {
    let (name, spec) = (name.to_owned(), Spec::parse(text));
    simulate(1, |mut world| async move {
        world.start(&Disk::new(), options, Arc::new(())).await;
        tester::run(ADDRESS, &name, &spec).await
    })
}

#[test]
fn our_specs_pass_in_a_simulation() {
    Suite::own().check(|name, suite| simulated(name, &suite.text(name), Options::default()));
}

#[test]
fn postgresql_s_specs_pass_in_a_simulation() {
    if let Some(suite) = Suite::postgres() {
        suite.check(|name, suite| simulated(name, &suite.text(name), Options::default()));
    }
}
