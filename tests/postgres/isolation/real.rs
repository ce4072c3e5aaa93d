//! PostgreSQL's own tester, and the real server, as oracles.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use doublebuy::postgres::Options;

use super::Suite;
use super::spec::Spec;
use super::tester;
use crate::support::real::Real;
use crate::support::{loopback, outside};

const TESTER: &str = "/usr/lib/postgresql/15/lib/pgxs/src/test/isolation/isolationtester";

/// Set to have the real server's output written to `expected`.
const BLESS: &str = "DOUBLEBUY_BLESS";

/// The real tester, where there is one.
fn real_tester() -> Option<PathBuf> {
    let path = Path::new(TESTER);
    if path.exists() {
        return Some(path.to_owned());
    }
    println!("skipped: no isolationtester binary at {TESTER}");
    None
}

/// What the real tester prints about a spec.
fn print(tester: &Path, suite: &Suite, name: &str, address: &str) -> String {
    let (host, port) = address.split_once(':').unwrap();
    let output = Command::new(tester)
        .arg(format!(
            "host={host} port={port} dbname=postgres user=postgres"
        ))
        .env("PGDATESTYLE", "Postgres, MDY")
        .env("PGTZ", "PST8PDT")
        .env("PGAPPNAME", format!("isolation/{name}"))
        .env("PGISOLATIONTIMEOUT", "60")
        .stdin(File::open(suite.path(name)).unwrap())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// What the real tester prints about a spec on the simulated server.
fn print_simulated(tester: &Path, suite: &Suite, name: &str) -> String {
    let (tester, suite, name) = (tester.to_owned(), suite.clone(), name.to_owned());
    outside(async {
        let (_server, address) = loopback(Options::default()).await;
        let printed = tokio::task::spawn_blocking(move || print(&tester, &suite, &name, &address));
        printed.await.unwrap()
    })
}

#[test]
fn our_specs_pass_with_the_real_tester() {
    if let Some(tester) = real_tester() {
        Suite::own().check(|name, suite| print_simulated(&tester, suite, name));
    }
}

#[test]
fn postgresql_s_specs_pass_with_the_real_tester() {
    if let (Some(tester), Some(suite)) = (real_tester(), Suite::postgres()) {
        suite.check(|name, suite| print_simulated(&tester, suite, name));
    }
}

#[test]
fn our_specs_are_what_a_real_server_does() {
    let (Some(tester), Some(real)) = (real_tester(), Real::start()) else {
        return;
    };
    let suite = Suite::own();
    if std::env::var_os(BLESS).is_some() {
        for name in suite.names() {
            let printed = print(&tester, &suite, &name, &real.address());
            let file = suite.folder.join("expected").join(format!("{name}.out"));
            std::fs::write(file, printed).unwrap();
        }
        return;
    }
    suite.check(|name, suite| print(&tester, suite, name, &real.address()));
}

/// Our tester is right about what it sees.
#[test]
fn our_tester_prints_what_the_real_one_does() {
    let Some(real) = Real::start() else {
        return;
    };
    Suite::own().check(|name, suite| {
        let spec = Spec::parse(&suite.text(name));
        outside(async { tester::run(&real.address(), name, &spec).await })
    });
}
