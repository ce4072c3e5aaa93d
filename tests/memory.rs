//! Memory stays flat: over the seeds of a process, and within a long run.
//!
//! One test, so that nothing else of this process is measured.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use doublebuy::campaign::{self, Options};
use doublebuy::net;
use doublebuy::rt;
use doublebuy::scenario::Scenario;
use doublebuy::world::{self, Keep};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const MIB: u64 = 1 << 20;

/// What this process has in memory now, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a Linux machine");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.and_then(|kib| kib.parse::<u64>().ok()).expect("kB") * 1024
}

#[test]
fn memory_is_flat_over_seeds_and_within_a_run() {
    campaign_of(0..100);
    let hundred = resident();
    campaign_of(100..10_000);
    let all = resident();
    let grown = all.saturating_sub(hundred) / MIB;
    assert!(grown < 50, "10,000 seeds have {grown} MiB more than 100");

    let (early, late) = std::thread::spawn(long_run).join().expect("a run");
    let grown = late.saturating_sub(early) / MIB;
    assert!(grown < 8, "{grown} MiB more after ten times as long");
}

fn campaign_of(seeds: std::ops::Range<u64>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sims/reference.toml");
    let scenario = Scenario::read(&path, &[]).expect("the reference scenario");
    let report = campaign::run(
        &[scenario],
        &Options {
            seeds: seeds.clone(),
            jobs: NonZeroUsize::new(2).expect("two"),
            max_total_time: None,
            max_fail: None,
            repeat_every: campaign::REPEAT_EVERY,
            seed_timeout: Duration::from_secs(600),
            run: Arc::new(|scenario, seed| world::run_seed(scenario, seed, Keep::default())),
            reproduce: None,
            progress: &|| {},
        },
    );
    let report = report.expect("threads for workers");
    assert_eq!(report.tallies[0].seeds, seeds.end - seeds.start);
    assert_eq!(report.mismatches, []);
}

/// Connections come, are served by a task each, and go. What is in memory
/// after a tenth of them, and after all.
fn long_run() -> (u64, u64) {
    const CONNECTIONS: u32 = 100_000;
    net::simulate(net::Options::default(), |network| async move {
        let (server, client) = (network.add_node("server"), network.add_node("client"));
        network.spawn(server, async {
            let listener = rt::Listener::bind("server:1").await.expect("a free port");
            while let Ok(mut stream) = listener.accept().await {
                drop(rt::spawn(async move {
                    let byte = stream.read_u8().await.expect("a byte");
                    stream.write_u8(byte).await.expect("room for a byte");
                }));
            }
        });
        let come_and_go = async {
            let mut early = 0;
            for connection in 0..CONNECTIONS {
                let mut stream = rt::connect("server:1").await.expect("a server");
                stream.write_u8(7).await.expect("room for a byte");
                assert_eq!(stream.read_u8().await.expect("the same byte"), 7);
                if connection == CONNECTIONS / 10 {
                    early = resident();
                }
            }
            (early, resident())
        };
        let measured = network.spawn(client, come_and_go).await;
        measured.expect("not cancelled")
    })
}
