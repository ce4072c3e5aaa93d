//! A seed or a plan again: the same run, or a plan that says what cannot be.

use crate::house::{House, SAFE};

const FAULTY: &str = r#"
[[fault]]
kind = "pause"
node = "shop-0"
at = "5ms"
lasts = "1s"
"#;

/// A house in which the plan of seed 7 was saved, and the digest of its run.
fn saved(test: &str) -> (House, String) {
    let house = House::new(test).with("sims/x.toml", &format!("{SAFE}{FAULTY}"));
    let told = house.json("run x --seed 7 --save-plan p.toml --json");
    let digest = told["digest"].as_str().expect("a digest").to_owned();
    (house, digest)
}

#[test]
fn a_saved_plan_is_the_run_again_by_either_verb() {
    let (house, digest) = saved("plan-again");
    for verb in ["run", "replay"] {
        let told = house.json(&format!("{verb} x --plan p.toml --json"));
        assert_eq!(told["digest"], digest, "{verb}");
        assert_eq!(told["seed"], "7", "{verb}");
    }
    let again = format!("replay x --plan p.toml --digest {digest}");
    house
        .run(&again)
        .code(0)
        .says(&["reproduced: the plan p.toml has the digest"]);
}

#[test]
fn a_story_of_a_plan_ends_with_the_command_that_replays_it() {
    let (house, digest) = saved("plan-story");
    let command = format!("replay sims/x.toml --plan p.toml --digest {digest}");
    house.run("run x --plan p.toml").code(0).says(&[&command]);
    house.run(&command).code(0);
}

#[test]
fn an_edited_plan_is_another_run_and_says_so() {
    let (house, digest) = saved("plan-edited");
    let plan = house.read("p.toml");
    assert!(plan.contains("run_seed = \"7\""), "{plan}");
    let house = house.with(
        "p.toml",
        &plan.replace("run_seed = \"7\"", "run_seed = \"8\""),
    );
    house
        .run(&format!("replay x --plan p.toml --digest {digest}"))
        .code(5)
        .says(&["the plan p.toml did not reproduce", &digest]);
}

#[test]
fn what_is_replayed_can_be_saved() {
    let (house, _) = saved("plan-saved");
    house.run("replay x --seed 7 --save-plan q.toml").code(0);
    assert_eq!(house.read("p.toml"), house.read("q.toml"));
    house
        .run("replay x --plan q.toml --save-plan r.toml")
        .code(0);
    assert_eq!(house.read("p.toml"), house.read("r.toml"));
    house
        .run("run x --save-plan nowhere/p.toml")
        .code(2)
        .says(&["cannot write nowhere/p.toml"]);
}

#[test]
fn a_seed_or_a_plan_has_to_be_given_and_not_both() {
    let (house, _) = saved("plan-or-seed");
    house.run("replay x").code(2).says(&["--seed"]);
    for verb in ["run", "replay"] {
        let both = format!("{verb} x --seed 7 --plan p.toml");
        house.run(&both).code(2).says(&["cannot be used with"]);
        let missing = format!("{verb} x --plan none.toml");
        house.run(&missing).code(2).says(&["cannot read none.toml"]);
    }
}

/// The saved plan with one thing wrong: where, and what is said of it.
const MISTAKES: [(&str, &str, &str); 26] = [
    ("node = \"shop-0\"", "node = \"shop-9\"", "no node `shop-9`"),
    (
        "node = \"shop-0\"",
        "node = \"neighbour\"",
        "no node `neighbour`",
    ),
    ("node = \"shop-0\"", "node = 7", "invalid type"),
    ("node = \"shop-0\"", "", "missing field `node`"),
    (
        "kind = \"pause\"",
        "kind = \"resume\"",
        "unknown variant `resume`",
    ),
    ("lasts = \"1s\"", "lasts = \"-1s\"", "negative"),
    ("lasts = \"1s\"", "lasts = \"nan\"", "'nan' is no duration"),
    ("lasts = \"1s\"", "lasts = nan", "invalid type"),
    (
        "lasts = \"1s\"",
        "lasts = \"1.5s\"",
        "'1.5s' is no duration",
    ),
    (
        "lasts = \"1s\"",
        "lasts = \"99999999999999999999s\"",
        "no duration",
    ),
    (
        "lasts = \"1s\"",
        "lasts = \"18446744073709551615m\"",
        "longer than a day",
    ),
    ("at = \"5ms\"", "at = \"25h\"", "no duration"),
    ("at = \"5ms\"", "when = \"5ms\"", "unknown variant `when`"),
    ("seed = \"7\"", "seed = \"-7\"", "invalid digit"),
    (
        "seed = \"7\"",
        "seed = \"18446744073709551616\"",
        "too large",
    ),
    ("epoch_ms = ", "epoch_ms = -", "invalid value"),
    (
        "policy = \"uniform\"",
        "policy = \"random\"",
        "no search policy `random`",
    ),
    ("retries = 2", "retries = 4294967296", "u32"),
    (
        "epoch_ms = ",
        "epoch_ms = 999999",
        "it can be 0 to 253402300799999",
    ),
    (
        "deliveries = 500",
        "deliveries = 0",
        "search.deliveries is 0; it can be 1 to",
    ),
    (
        "change_points = 3",
        "change_points = 4294967295",
        "it can be 0 to 1000",
    ),
    (
        "key = \"buyer-0\"",
        "key = \"a\\u0000b\"",
        "no HTTP header can carry the key",
    ),
    (
        "kind = \"pause\"",
        "kind = \"restart-loop\"\ndown = \"host\"\ntimes = 4294967295\nevery = \"1ms\"",
        "times is 4294967295; it can be 1 to 1000",
    ),
    (
        "kind = \"pause\"",
        "kind = \"slow\"\ntimes = 0",
        "times is 0; it can be 1 to 1000000",
    ),
    ("quantity = 1", "quantity = 0", "0 units"),
    ("patience = \"3s\"", "patience = \"0s\"", "without patience"),
];

#[test]
fn a_plan_that_cannot_be_is_refused_with_its_line() {
    let (mut house, _) = saved("plan-refused");
    let plan = house.read("p.toml");
    for (old, new, said) in MISTAKES {
        assert!(plan.contains(old), "{old} is in\n{plan}");
        house = house.with("bad.toml", &plan.replacen(old, new, 1));
        for verb in ["run", "replay"] {
            let ended = house.run(&format!("{verb} x --plan bad.toml"));
            ended.code(2).says(&["bad.toml:", said]);
        }
    }
}

#[test]
fn a_plan_of_another_scenario_is_refused() {
    let (house, _) = saved("plan-foreign");
    let small = format!("{SAFE}{}", FAULTY.replace("shop-0", "redis"));
    let small = small.replace("[shop]", "[shop]\ninstances = 1");
    let house = house.with("sims/small.toml", &small);
    house
        .run("replay small --plan p.toml")
        .code(2)
        .says(&["p.toml:", "shop-0"]);
}
