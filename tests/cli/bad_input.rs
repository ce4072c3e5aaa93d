//! What the program cannot do is refused before anything runs, with what is
//! wrong, where, and what is allowed.

use crate::house::{House, SAFE};

/// A scenario with one thing wrong, and what has to be said of it.
#[track_caller]
fn refused(test: &str, text: &str, said: &[&str]) {
    let house = House::new(test).with("sims/x.toml", text);
    for arguments in [
        "run x",
        "fuzz",
        "fuzz sims/x.toml",
        "list",
        "replay x --seed 1",
    ] {
        let ended = house.run(arguments).code(2).says(said);
        ended.says(&["sims/x.toml"]);
    }
}

#[test]
fn an_unknown_key_is_shown_with_its_line() {
    let text = format!("{SAFE}\n[shopp]\nstock = \"naive\"\n");
    refused(
        "unknown-key",
        &text,
        &["x.toml:9", "shopp", "unknown field", "`shop`"],
    );
}

#[test]
fn a_wrong_type_is_shown_with_its_line() {
    let text = format!("{SAFE}\n[buyers]\ncount = \"many\"\n");
    refused(
        "wrong-type",
        &text,
        &["x.toml:10", "invalid type", "expected u32"],
    );
}

#[test]
fn a_negative_duration_is_shown_with_its_line() {
    let text = format!("{SAFE}\n[run]\ndrain = \"-5ms\"\n");
    refused(
        "negative",
        &text,
        &["x.toml:10", "'-5ms' is negative", "40ms"],
    );
}

#[test]
fn an_unknown_strategy_is_answered_with_those_there_are() {
    let text = SAFE.replace("atomic-sql", "hope");
    refused(
        "strategy",
        &text,
        &[
            "x.toml:5",
            "`hope`",
            "naive",
            "atomic-sql",
            "redlock",
            "triple-layered",
        ],
    );
}

#[test]
fn an_unknown_node_is_answered_with_those_there_are() {
    let fault = "[[fault]]\nkind = \"pause\"\nnode = \"shop-7\"\nat = \"1ms\"\nlasts = \"1s\"\n";
    let text = format!("{SAFE}\n{fault}");
    refused(
        "node",
        &text,
        &[
            "x.toml:11",
            "no node `shop-7`",
            "postgres, redis, shop-0, shop-1",
        ],
    );
}

#[test]
fn an_unknown_probe_is_answered_with_those_there_are() {
    let text = format!("{SAFE}reaches = [\"the-moon\"]\n");
    refused(
        "probe",
        &text,
        &["x.toml:8", "no probe `the-moon`", "retry-sent"],
    );
}

#[test]
fn an_unknown_invariant_is_answered_with_those_there_are() {
    let text = SAFE.replace("holds = true", "violates = [\"gravity\"]");
    refused(
        "invariant",
        &text,
        &["x.toml:7", "`gravity`", "no-oversell", "completes"],
    );
}

#[test]
fn text_that_is_no_toml_is_shown_with_its_line() {
    refused(
        "no-toml",
        "title = \"t\"\nabout = = 3\n",
        &["x.toml:2", "about = = 3"],
    );
}

#[test]
fn every_scenario_of_a_folder_that_is_wrong_is_named() {
    let house = House::new("two-wrong")
        .with("sims/a.toml", "title = 1")
        .with("sims/b.toml", "titel = \"t\"")
        .with("sims/c.toml", SAFE);
    let ended = house.run("fuzz sims").code(2);
    ended.says(&["sims/a.toml:1", "sims/b.toml:1"]);
}

#[test]
fn a_missing_scenario_is_answered_with_the_gallery() {
    let house = House::new("missing").with("sims/lost-update.toml", SAFE);
    for arguments in ["run nope", "fuzz nope", "list nope", "replay nope --seed 1"] {
        let ended = house.run(arguments).code(2);
        ended.says(&["no scenario 'nope'", "no such file", "lost-update"]);
    }
    house
        .run("run sims/nope.toml")
        .code(2)
        .says(&["sims/nope.toml", "lost-update"]);
}

#[test]
fn a_missing_gallery_is_said_with_where_it_was_looked_for() {
    let house = House::new("no-gallery");
    for arguments in ["fuzz", "list"] {
        let ended = house.run(arguments).code(2);
        ended.says(&["no gallery", "no-gallery/sims", "name a scenario file"]);
    }
    house
        .run("run x")
        .code(2)
        .says(&["no scenario 'x'", "no-gallery/sims"]);
}

#[test]
fn an_unreadable_file_is_named() {
    let house = House::new("unreadable").with("sims/x.toml", "");
    std::fs::write(house.path("bytes.toml"), b"title = \"\xff\"").expect("a file");
    house
        .run("run bytes.toml")
        .code(2)
        .says(&["cannot read bytes.toml", "UTF-8"]);
}

#[test]
fn one_scenario_cannot_be_a_folder() {
    let house = House::new("folder").with("sims/safe.toml", SAFE);
    let ended = house.run("run sims").code(2);
    ended.says(&["sims is a folder", "one scenario", "safe"]);
}

#[test]
fn an_empty_folder_is_nothing_to_run() {
    let house = House::new("empty-folder").with("sims/readme.md", "no scenario");
    for arguments in ["fuzz", "fuzz sims", "list sims"] {
        house
            .run(arguments)
            .code(4)
            .says(&["nothing run", "sims", "*.toml"]);
    }
}

#[test]
fn an_empty_range_is_nothing_to_run() {
    let house = House::new("empty-range").with("sims/safe.toml", SAFE);
    house
        .run("fuzz --seeds 5..5")
        .code(4)
        .says(&["5..5", "B is left out"]);
    house.run("fuzz --seeds 5..5 --json report.json").code(4);
    assert!(!house.path("report.json").exists());
}

#[test]
fn a_digest_is_sixteen_hexadecimal_digits() {
    let house = House::new("no-digest").with("sims/safe.toml", SAFE);
    for digest in [
        "none",
        "0x123456789abcde",
        "0123456789abcde",
        "0123456789abcdef0",
    ] {
        let ended = house.run(&format!("replay safe --seed 1 --digest {digest}"));
        ended.code(2).says(&[digest, "16 hexadecimal digits"]);
    }
}

#[test]
fn seeds_that_are_no_range_are_answered_with_how_to_write_one() {
    let house = House::new("ranges").with("sims/safe.toml", SAFE);
    house
        .run("fuzz --seeds 9..3")
        .code(2)
        .says(&["9..3", "backwards", "A is at most B"]);
    for seeds in [
        "7",
        "1..",
        "..7",
        "a..b",
        "0..=5",
        "-1..5",
        "0..99999999999999999999",
    ] {
        let ended = house.run(&format!("fuzz --seeds={seeds}")).code(2);
        ended.says(&[seeds, "write A..B"]);
    }
}

#[test]
fn numbers_and_times_that_make_no_sense_are_answered_with_those_that_do() {
    let house = House::new("numbers").with("sims/safe.toml", SAFE);
    let refused = |arguments: &str, said: &[&str]| {
        house.run(arguments).code(2).says(said);
    };
    refused("fuzz --jobs 0", &["--jobs", "1..=1024"]);
    refused("fuzz --jobs many", &["--jobs", "many"]);
    refused("fuzz --max-fail 0", &["--max-fail", "0"]);
    for time in ["soon", "10", "0s", "-5s", "1d", "9999h"] {
        refused(
            &format!("fuzz --max-total-time={time}"),
            &["--max-total-time", time],
        );
    }
    refused("fuzz --max-total-time soon", &["500ms, 90s, 10m, 2h"]);
    refused(
        "run safe --seed many",
        &["--seed", "from 0 to 18446744073709551615"],
    );
    refused(
        "run safe --seed=-1",
        &["--seed", "from 0 to 18446744073709551615"],
    );
    refused("replay safe", &["--seed"]);
    refused("fuzzy", &["fuzzy", "fuzz"]);
    refused("run safe --sed 4", &["--sed", "--seed"]);
}

#[test]
fn a_setting_that_does_not_fit_is_answered_with_what_does() {
    let house = House::new("settings").with("sims/safe.toml", SAFE);
    for verb in ["run safe", "fuzz", "replay safe --seed 1"] {
        let refused = |setting: &str, said: &[&str]| {
            let ended = house.run(&format!("{verb} --set {setting}")).code(2);
            ended.says(&[setting]).says(said);
        };
        refused(
            "shop.stock=hope",
            &["sims/safe.toml", "naive", "atomic-sql"],
        );
        refused(
            "shop.stok=naive",
            &["sims/safe.toml", "unknown field `stok`", "`stock`"],
        );
        refused("shop.instances=0", &["1 to 100"]);
        refused("title.x=1", &["'title' is not a table"]);
        refused("nonsense", &["key=value"]);
    }
}

#[test]
fn an_expectation_that_makes_no_sense_is_answered_with_those_that_do() {
    let house = House::new("expectations").with("sims/safe.toml", SAFE);
    let refused = |expect: &str, said: &[&str]| {
        house.run(&format!("fuzz {expect}")).code(2).says(said);
    };
    refused(
        "--expect breaks",
        &["holds, violates:INVARIANT", "no-oversell"],
    );
    refused(
        "--expect violates:gravity",
        &["`gravity`", "no-oversell, conservation"],
    );
    refused("--expect violates:", &["no-oversell"]);
    refused(
        "--expect holds --expect violates:completes",
        &["contradict"],
    );
    refused(
        "--expect violates:completes --expect may:completes",
        &["'completes'"],
    );
}

#[test]
fn json_that_cannot_be_written_is_said_before_anything_runs() {
    let house = House::new("unwritable").with("sims/safe.toml", SAFE);
    for path in ["nowhere/report.json", "sims"] {
        // So many seeds that running them first would be seen.
        let ended = house.run(&format!("fuzz --seeds 0..1000000 --json {path}"));
        ended
            .code(2)
            .says(&[&format!("--json {path}"), "cannot write it"]);
    }
}

#[test]
fn log_directives_that_make_no_sense_are_refused() {
    let house = House::new("directives").with("sims/safe.toml", SAFE);
    let output = house
        .command("run safe")
        .env("RUST_LOG", "doublebuy=loudly")
        .output();
    let ended = crate::house::Ended::from(output.expect("the program"));
    ended.code(2).says(&[
        "RUST_LOG=doublebuy=loudly",
        "error, warn, info, debug, trace",
    ]);
}
