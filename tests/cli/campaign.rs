//! What campaigns say and how they end.

use serde_json::Value;

use crate::house::{CRASHING, HURRIED, House, SAFE, STUCK};

#[test]
fn a_promised_violation_is_met_and_shown_with_its_command() {
    let house = House::new("promised").with("sims/hurried.toml", HURRIED);
    let ended = house.run("fuzz --seeds 3..9").code(0);
    ended.says(&[
        "met",
        "completes 6 of 6",
        "replay sims/hurried.toml --seed 3 --digest ",
        "  # completes\n",
        "1 of 1 scenarios met: 6 seeds",
    ]);
}

#[test]
fn a_violation_that_nobody_promised_is_not_met() {
    let house = House::new("surprise").with("sims/hurried.toml", HURRIED);
    let ended = house.run("fuzz --seeds 3..9 --expect holds").code(1);
    ended.says(&[
        "NOT MET",
        "completes broke in 6 of 6 seeds, and should hold",
        "lowest seed 3, digest ",
        "Reproduce with: ",
        "replay sims/hurried.toml --seed 3 --digest ",
        " --expect holds\n",
    ]);
}

#[test]
fn a_violation_that_is_gone_is_not_met_until_that_is_the_fix() {
    let house = House::new("gone").with("sims/safe.toml", SAFE);
    let promise = "fuzz --seeds 0..40 --expect violates:no-oversell --expect may:completes";
    house.run(promise).code(1).says(&[
        "the promised violation is gone: 0 of 40 seeds (at most 7.5%); \
         if that is the fix, pass --expect holds",
    ]);
}

#[test]
fn a_probe_that_is_never_reached_is_not_met() {
    let text = format!("{HURRIED}reaches = [\"lock-expired-while-held\"]\n");
    let house = House::new("probe-missing").with("sims/hurried.toml", &text);
    let ended = house.run("fuzz --seeds 0..4").code(1);
    ended.says(&["lock-expired-while-held was never reached: 0 of 4 seeds"]);
    house
        .run("fuzz --seeds 0..4 --expect violates:completes")
        .code(0);
}

#[test]
fn one_seed_is_judged_by_what_may_break() {
    let house = House::new("one-seed").with("sims/hurried.toml", HURRIED);
    let said = [
        "completes is broken, as the scenario promises",
        "==>",
        "digest",
    ];
    house.run("run hurried --seed 5").code(0).says(&said);
    let ended = house.run("replay hurried --seed 5 --expect holds").code(1);
    ended.says(&[
        "completes is broken, and should hold",
        "--seed 5 --digest ",
        " --expect holds\n",
    ]);
    let allowed = "run hurried --expect violates:no-oversell --expect may:completes";
    house.run(allowed).code(0).says(&["as the scenario allows"]);
}

#[test]
fn a_digest_is_the_same_wherever_its_seed_runs() {
    let house = House::new("digests").with("sims/hurried.toml", HURRIED);
    let first = |arguments: &str| {
        let report = house.json(&format!("fuzz --json - {arguments}"));
        let first = &report["scenarios"][0]["first"];
        assert_eq!(first["seed"], "70", "{report}");
        first["digest"].as_str().expect("a digest").to_owned()
    };
    let digest = first("--seeds 70..71 --jobs 1");
    assert_eq!(digest, first("--seeds 70..80 --jobs 2"));
    assert_eq!(digest, first("-vv --seeds 70..71"));
    for arguments in [
        "run hurried",
        "run hurried -vv",
        "run hurried --messages",
        "replay hurried",
    ] {
        let run = house.json(&format!("{arguments} --seed 70 --json"));
        assert_eq!(run["digest"], digest, "{arguments}");
    }
    let ended = house
        .run(&format!("replay hurried --seed 70 --digest {digest}"))
        .code(0);
    ended.says(&[&format!(
        "reproduced: seed 70 has the digest {digest} again"
    )]);
    let shouted = digest.to_uppercase();
    house
        .run(&format!(
            "replay hurried --seed 70 --digest {shouted} --json"
        ))
        .code(0);
    let other = house
        .run("replay hurried --seed 71 --digest 0123456789abcdef")
        .code(5);
    other.says(&["seed 71 did not reproduce", "0123456789abcdef"]);
}

#[test]
fn the_command_that_a_campaign_prints_shows_the_same_seed_again() {
    let house = House::new("printed").with("sims/hurried.toml", HURRIED);
    let ended = house.run("fuzz --seeds 3..4 --set buyers.count=3").code(0);
    let printed = ended.stdout.lines().find(|line| line.contains("replay"));
    let (command, invariant) = printed
        .and_then(|line| line.split_once("  # "))
        .expect("a command");
    assert_eq!(invariant, "completes");
    let (_, arguments) = command.split_once(" replay ").expect("a verb");
    let again = house.run(&format!("replay {arguments}")).code(0);
    again.says(&["reproduced: seed 3", "buyer 2"]);
}

#[test]
fn a_report_is_the_same_with_one_job_and_with_two() {
    let house = House::new("jobs")
        .with("sims/hurried.toml", HURRIED)
        .with("sims/safe.toml", SAFE)
        .with("sims/crashing.toml", CRASHING);
    let report = |jobs| {
        let mut report = house.json(&format!("fuzz --seeds 0..30 --jobs {jobs} --json -"));
        report["seconds"] = Value::Null;
        for scenario in report["scenarios"].as_array_mut().expect("scenarios") {
            scenario["seconds"] = Value::Null;
        }
        report
    };
    assert_eq!(report(1), report(2));
}

#[test]
fn a_crash_is_an_internal_error_and_the_campaign_goes_on() {
    let house = House::new("crash")
        .with("sims/a-crashing.toml", CRASHING)
        .with("sims/b-hurried.toml", HURRIED);
    let ended = house.run("fuzz --seeds 0..3").code(70);
    ended.says(&[
        "internal error in 3 of 3 seeds",
        "seed 0: internal error: ",
        "replay sims/a-crashing.toml --seed 0",
        "the same in: seed 1, seed 2",
        "completes 3 of 3",
        "1 of 2 scenarios met: 6 seeds",
    ]);
}

#[test]
fn whoever_panics_it_is_an_internal_error_with_seed_and_message() {
    let house = House::new("panics").with("sims/safe.toml", SAFE);
    let panics = [
        "shop.panic-in-handler",
        "postgres.panic-holding-lock",
        "network.panic-holding-lock",
    ];
    for planted in panics {
        let set = format!(r#"--set planted=["{planted}"]"#);
        let run = house.json(&format!("run safe --seed 4 --json {set}"));
        assert_eq!(run["verdict"], "internal-error", "{planted}: {run}");
        let reason = run["reason"].as_str().expect("a reason");
        let ended = house.run(&format!("fuzz --seeds 4..7 {set}")).code(70);
        let said = format!("seed 4: {reason}");
        assert!(!ended.stdout.contains("not deterministic"), "{ended}");
        ended.says(&[
            "internal error in 3 of 3 seeds",
            &said,
            "replay sims/safe.toml --seed 4",
            "0 of 1 scenarios met: 3 seeds",
        ]);
        let ended = house.run(&format!("replay safe --seed 4 {set}")).code(70);
        ended.says(&["seed 4", reason]);
    }
    let redis = r#"planted=["redis.panic-holding-lock"]"#;
    let lock = format!("fuzz --seeds 4..7 --set {redis} --set shop.stock=redis-lock");
    house.run(&lock).code(70).says(&["seed 4: internal error"]);
}

#[test]
fn a_world_that_a_task_keeps_busy_is_inconclusive() {
    let house = House::new("busy").with("sims/safe.toml", SAFE);
    let set = r#"--set planted=["world.busy-task"] --set run.polls_max=200000"#;
    house
        .run(&format!("fuzz --seeds 4..6 {set}"))
        .code(3)
        .says(&[
            "inconclusive",
            "seed 4: the world makes no progress",
            "replay sims/safe.toml --seed 4",
            "the same in: seed 5",
        ]);
    let ended = house.run(&format!("run safe --seed 4 {set}")).code(3);
    ended.says(&["seed 4", "unknown: the world makes no progress"]);
}

#[test]
fn a_seed_that_takes_too_long_is_said_with_the_limit() {
    let house = House::new("slow").with("sims/safe.toml", SAFE);
    let set = r#"--set planted=["world.busy-task"] --set run.polls_max=9000000000000000000"#;
    let ended = house.run(&format!("run safe --seed-timeout 50ms {set}"));
    ended.code(3).says(&["not over after 50ms of real time"]);
}

#[test]
fn seeds_without_an_end_are_inconclusive() {
    let house = House::new("stuck").with("sims/stuck.toml", STUCK);
    let ended = house.run("fuzz --seeds 0..3").code(3);
    ended.says(&[
        "inconclusive",
        "3 of 3 seeds did not get to an end",
        "polls_max",
    ]);
}

#[test]
fn of_several_ends_the_weightiest_is_the_exit_code() {
    let house = House::new("precedence")
        .with("sims/stuck.toml", STUCK)
        .with("sims/hurried.toml", HURRIED);
    house.run("fuzz --seeds 0..3").code(3);
    house.run("fuzz --seeds 0..3 --expect holds").code(1);
    let house = house.with("sims/crashing.toml", CRASHING);
    house.run("fuzz --seeds 0..3 --expect holds").code(70);
}

#[test]
fn limits_are_said() {
    let capped = format!("max_seeds = 3\n{HURRIED}");
    let house = House::new("limits")
        .with("sims/capped.toml", &capped)
        .with("sims/hurried.toml", HURRIED);
    house
        .run("fuzz --seeds 0..5")
        .code(0)
        .says(&["3 of 5 (max_seeds 3)"]);
    let ended = house
        .run("fuzz hurried --seeds 0..50 --expect holds --max-fail 4")
        .code(1);
    ended.says(&[
        "completes broke in 4 of 4 seeds",
        "--max-fail was reached",
        "4 of 50",
    ]);
    let most = u64::MAX;
    let endless = format!("fuzz hurried --seeds 0..{most} --max-total-time 3s");
    house
        .run(&endless)
        .code(0)
        .says(&["--max-total-time was over"]);
    // Twice 2^63 seeds are more than can be counted.
    let house = house.with("sims/safe.toml", SAFE);
    let half = 1_u64 << 63;
    let endless = format!("fuzz hurried safe --seeds 0..{half} --max-total-time 3s");
    let ended = house.run(&endless).code(0);
    assert!(!ended.stdout.contains(" 0 seeds in"), "{ended}");
    ended.says(&["--max-total-time was over"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_scenario_that_can_be_read_once_is_still_checked_in_a_fresh_process() {
    let house = House::new("pipe-in").with("sims/hurried.toml", HURRIED);
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    std::io::Write::write_all(&mut writer, HURRIED.as_bytes()).expect("it fits");
    drop(writer);
    let mut command = house.command("fuzz /dev/stdin --seeds 0..3 --json report.json");
    let output = command.stdin(reader).output().expect("the program");
    let ended = crate::house::Ended::from(output).code(0);
    assert!(!ended.stdout.contains("fresh process"), "{ended}");
    let report: Value = serde_json::from_str(&house.read("report.json")).expect("JSON");
    assert_eq!(report["not_repeated"], serde_json::json!([]));
    assert_eq!(report["mismatches"], serde_json::json!([]));
}

#[test]
fn a_scenario_named_twice_runs_once() {
    let house = House::new("twice").with("sims/hurried.toml", HURRIED);
    let report = house.json("fuzz --seeds 0..2 --json - sims hurried sims/hurried.toml ./sims");
    assert_eq!(report["scenarios"].as_array().map(Vec::len), Some(1));
}

const LEAKING: &str = r#"
title = "Real randomness shows"
about = "A planted bug."
planted = ["world.real-randomness"]
[shop]
stock = "atomic-sql"
[expect]
"#;

#[test]
fn a_run_that_leaks_real_randomness_is_caught() {
    let leaking = House::new("leaking").with("sims/leaking.toml", LEAKING);
    let ended = leaking.run("fuzz --seeds 0..3").code(5);
    ended.says(&["seed 0", "in the same process", "digest "]);

    let canary = format!("{LEAKING}differs = true\n");
    let canary = House::new("canary").with("sims/canary.toml", &canary);
    let ended = canary.run("fuzz --seeds 0..3").code(0);
    ended.says(&["met", "differs", "differed 3 of 3"]);

    let sound = canary.with("sims/sound.toml", &format!("{SAFE}differs = true\n"));
    let ended = sound.run("fuzz sims/sound.toml --seeds 0..3").code(2);
    ended.says(&["expect.differs", "expect.holds"]);
    let dead = format!("{SAFE}differs = true\n").replace("holds = true\n", "");
    let dead = sound.with("sims/dead.toml", &dead);
    let ended = dead.run("fuzz sims/dead.toml --seeds 0..3").code(1);
    ended.says(&["no seed differed when it was run again, of 3"]);
}

#[test]
fn a_campaign_has_one_digest_for_all_its_seeds_and_can_run_each_twice() {
    let house = House::new("one-digest").with("sims/safe.toml", SAFE);
    let digest = |arguments: &str| {
        let report = house.json(&format!("fuzz --json - {arguments}"));
        report["digest"].as_str().expect("a digest").to_owned()
    };
    let once = digest("--seeds 0..9");
    assert_eq!(once, digest("--seeds 0..9 --jobs 1 --repeat-every 1"));
    assert_ne!(once, digest("--seeds 0..8"));
    assert_ne!(once, digest("--seeds 1..10"));
    let ended = house.run("fuzz --seeds 0..9 --repeat-every 1").code(0);
    ended.says(&["9 of them run twice, digest ", &once]);
    house
        .run("fuzz --seeds 0..9 --repeat-every 0")
        .code(2)
        .says(&["--repeat-every"]);
}
