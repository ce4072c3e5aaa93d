//! Random schedules on the simulated server and on a real PostgreSQL 15:
//! results, rows, SQLSTATEs and who waits must be the same, step by step.
//!
//! `DOUBLEBUY_SCHEDULES=10000` runs as many, `DOUBLEBUY_SCHEDULE=N` starts at
//! that seed. A disagreement that stays when the real server is given more
//! time is shrunk: steps and sessions are left out while it is there.

mod commands;
mod extended;
mod generate;
mod run;
mod statements;

use std::time::Duration;

use doublebuy::postgres::{Bug, Options};

use self::generate::{Schedule, schedule};
use self::run::{Bench, simulated};
use crate::support::outside;
use crate::support::real::Real;

/// Schedules of a short run.
const SCHEDULES: u64 = 150;
/// Run seeds of the simulation: each orders sessions that race in its own way.
/// By chance all of a few can have the same one go first; before a disagreement
/// is told, many have to.
const FEW: u64 = 8;
const MANY: u64 = 64;
/// Schedules at the same time: most of the time is waiting.
const WORKERS: u64 = 4;
/// A refusal that is documented: what follows from it cannot be compared.
const NOT_DONE: &str = "0A000 a change of a view, or a lock on it, is not supported";
/// What deadlocks take on the real server, and when it is asked again.
const DEADLOCK: Duration = Duration::from_millis(8);
const PATIENT: [Duration; 3] = [Duration::from_millis(120); 3];
/// For a disagreement that is to be told: no machine is as slow.
const STUBBORN: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];

const PLAIN_PLANS: &[&str] = &[
    "autovacuum=off",
    "enable_hashjoin=off",
    "enable_mergejoin=off",
    "jit=off",
    "max_connections=200",
    "synchronous_commit=off",
];

fn number(name: &str, default: u64) -> u64 {
    let text = std::env::var(name);
    text.map_or(default, |text| text.parse().expect("a number"))
}

/// Where two transcripts part; None if they do not.
fn parting(real: &[String], simulated: &[String]) -> Option<String> {
    let at = (0..real.len().max(simulated.len())).find(|at| real.get(*at) != simulated.get(*at))?;
    let common = real[..at].join("\n  ");
    let nothing = "nothing".to_owned();
    let (real, simulated) = (real.get(at), simulated.get(at));
    Some(format!(
        "  {common}\n- real      {}\n+ simulated {}",
        real.unwrap_or(&nothing),
        simulated.unwrap_or(&nothing)
    ))
}

/// How the two servers disagree about a schedule. A real server whose own
/// answers differ from time to time, where sessions race, must give one that
/// agrees.
async fn disagreement(bench: &mut Bench, schedule: &Schedule, options: &Options) -> Option<String> {
    let found = simulated(schedule, options, 1);
    if found.iter().any(|line| line.contains(NOT_DONE)) {
        return None;
    }
    parting(&bench.transcript(schedule, DEADLOCK).await, &found)?;
    asked_again(bench, schedule, options, &PATIENT, FEW).await
}

/// The disagreement, if there is one whatever deadlocks take.
async fn asked_again(
    bench: &mut Bench,
    schedule: &Schedule,
    options: &Options,
    patience: &[Duration],
    races: u64,
) -> Option<String> {
    // Sessions that are let go on together race, on either server.
    let mut told = None;
    let races = (1..=races).map(|seed| simulated(schedule, options, seed));
    let races: Vec<_> = races.collect();
    for deadlock in patience {
        let real = bench.transcript(schedule, *deadlock).await;
        for found in &races {
            let parted = parting(&real, found)?;
            told.get_or_insert(parted);
        }
    }
    told
}

/// Leaves out what the disagreement does not need.
async fn shrunk(bench: &mut Bench, mut schedule: Schedule, options: &Options) -> String {
    let mut told = disagreement(bench, &schedule, options).await;
    for session in 0..schedule.sessions {
        let mut smaller = schedule.clone();
        smaller.steps.retain(|step| step.session != session);
        if let Some(still) = disagreement(bench, &smaller, options).await {
            (schedule, told) = (smaller, Some(still));
        }
    }
    let mut at = schedule.steps.len();
    while at > 0 {
        at -= 1;
        let mut smaller = schedule.clone();
        smaller.steps.remove(at);
        if let Some(still) = disagreement(bench, &smaller, options).await {
            (schedule, told) = (smaller, Some(still));
        }
    }
    let told = told.unwrap_or_else(|| "  it does not come again".to_owned());
    let protocol = if schedule.extended {
        "extended"
    } else {
        "simple"
    };
    let setup = schedule.setup.replace(';', ";\n");
    format!("{protocol} protocol\n{setup}\n{told}")
}

/// Runs every `WORKERS`th schedule, on a server of its own: what SERIALIZABLE
/// transactions of other databases do shows in when a snapshot is safe. Tells
/// of up to `most` disagreements, or nothing where there is no server.
fn work(worker: u64, seeds: std::ops::Range<u64>, most: usize) -> Vec<String> {
    let Some(real) = Real::with(PLAIN_PLANS) else {
        return Vec::new();
    };
    let options = real.options();
    outside(async {
        let mut bench = Bench::new(&real.address(), "schedules").await;
        let mut told = Vec::new();
        for seed in seeds.filter(|seed| seed % WORKERS == worker) {
            let schedule = schedule(seed);
            let found = disagreement(&mut bench, &schedule, &options).await;
            if found.is_some()
                && asked_again(&mut bench, &schedule, &options, &STUBBORN, MANY)
                    .await
                    .is_some()
            {
                let shrunk = shrunk(&mut bench, schedule, &options).await;
                println!("schedule {seed}\n{shrunk}\n");
                told.push(format!("schedule {seed}\n{shrunk}"));
                if told.len() >= most {
                    break;
                }
            }
        }
        told
    })
}

/// Planted bugs, and after how many schedules each must have been found.
const PLANTED: &[(Bug, u64)] = &[
    (Bug::SkipRecheck, 1_500),
    (Bug::ForgetUniqueWait, 400),
    (Bug::ReleaseLocksEarly, 400),
    (Bug::DropSireadLocks, 3_000),
];

#[test]
fn planted_bugs_make_a_schedule_end_differently() {
    let Some(real) = Real::with(PLAIN_PLANS) else {
        return;
    };
    let sound = real.options();
    outside(async {
        let mut bench = Bench::new(&real.address(), "planted").await;
        for (bug, most) in PLANTED {
            let planted = Options {
                planted: Some(*bug),
                ..sound.clone()
            };
            let mut found = None;
            for seed in 0..*most {
                let schedule = schedule(seed);
                // Only a schedule that the bug changes needs the real server.
                let changed = simulated(&schedule, &planted, 1) != simulated(&schedule, &sound, 1);
                if changed
                    && disagreement(&mut bench, &schedule, &planted)
                        .await
                        .is_some()
                {
                    found = Some(seed);
                    break;
                }
            }
            println!("{bug} found by schedule {found:?}");
            assert!(found.is_some(), "{bug} is not found in {most} schedules");
        }
    });
}

#[test]
fn random_schedules_end_alike() {
    let start = number("DOUBLEBUY_SCHEDULE", 0);
    let seeds = start..start + number("DOUBLEBUY_SCHEDULES", SCHEDULES);
    println!("schedules {seeds:?}");
    let most = usize::try_from(number("DOUBLEBUY_DISAGREEMENTS", 1)).unwrap();
    let told: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let seeds = seeds.clone();
                scope.spawn(move || work(worker, seeds, most))
            })
            .collect();
        let ended = workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap());
        ended.collect()
    });
    assert!(told.is_empty(), "{}", told.join("\n\n"));
}
