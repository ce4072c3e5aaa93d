//! The shape of what programs read.

use serde_json::{Value, json};

use crate::house::{CRASHING, HURRIED, House, SAFE, STUCK};

/// The keys of an object, in order.
fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect()
}

/// A digest: 16 hexadecimal digits.
fn is_digest(value: &Value) -> bool {
    value.as_str().is_some_and(|text| {
        text.len() == 16
            && text
                .chars()
                .all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase())
    })
}

#[test]
fn a_list_has_what_each_scenario_promises() {
    let heavy = format!("max_seeds = 3\n{SAFE}reaches = [\"retry-sent\"]\nmay = [\"completes\"]\n");
    let house = House::new("list-json")
        .with("sims/heavy.toml", &heavy)
        .with("sims/hurried.toml", HURRIED);
    let list = house.json("list --json");
    assert_eq!(list["tool"], "doublebuy");
    assert_eq!(list["version"], env!("CARGO_PKG_VERSION"));
    let expected = json!([
        {
            "name": "heavy", "path": "sims/heavy.toml", "title": "Two buyers want the last item",
            "expect": "holds; may completes", "reaches": ["retry-sent"], "max_seeds": 3
        },
        {
            "name": "hurried", "path": "sims/hurried.toml",
            "title": "Nobody is given the time to buy",
            "expect": "violates completes", "reaches": [], "max_seeds": null
        },
    ]);
    assert_eq!(list["scenarios"], expected);
    let text = house.run("list").code(0);
    text.says(&[
        "heavy",
        "holds; may completes",
        "3",
        "hurried",
        "violates completes",
        "Two buyers want",
    ]);
}

#[test]
fn a_seed_has_its_digest_verdict_and_violations() {
    let house = House::new("run-json").with("sims/hurried.toml", HURRIED);
    let seed = u64::MAX;
    let run = house.json(&format!("run hurried --seed {seed} --json"));
    let expected = [
        "scenario",
        "seed",
        "digest",
        "verdict",
        "violations",
        "probes",
        "events",
        "virtual_ms",
        "two_holders",
    ];
    let mut found = keys(&run);
    found.sort_unstable();
    let mut sorted = expected;
    sorted.sort_unstable();
    assert_eq!(found, sorted);
    assert_eq!(run["scenario"], "hurried");
    assert_eq!(run["seed"], "18446744073709551615");
    assert!(is_digest(&run["digest"]), "{run}");
    assert_eq!(run["verdict"], "violated");
    assert_eq!(run["violations"][0]["invariant"], "completes");
    let message = run["violations"][0]["message"].as_str().expect("text");
    assert!(message.contains("time to drain was up"), "{message}");
    assert!(run["probes"].is_array());
    assert!(run["events"].as_u64().is_some_and(|events| events > 0));
    assert!(run["virtual_ms"].as_u64().is_some_and(|ms| ms == 2));
}

#[test]
fn a_seed_without_an_end_says_why() {
    let house = House::new("run-json-lost")
        .with("sims/crashing.toml", CRASHING)
        .with("sims/stuck.toml", STUCK);
    let run = house.json("run crashing --json");
    assert_eq!(
        (&run["digest"], &run["verdict"]),
        (&Value::Null, &json!("internal-error"))
    );
    assert!(
        run["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("planted")),
        "{run}"
    );
    let run = house.json("run stuck --json");
    assert_eq!(
        (&run["digest"], &run["verdict"]),
        (&Value::Null, &json!("unknown"))
    );
    assert!(
        run["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("polls_max")),
        "{run}"
    );
    house
        .run("run crashing")
        .code(70)
        .says(&["internal error", "Reproduce with"]);
    house
        .run("run stuck")
        .code(3)
        .says(&["unknown", "polls_max", "Reproduce with"]);
}

#[test]
fn a_campaign_has_what_each_scenario_came_to() {
    let heavy = format!("max_seeds = 3\n{HURRIED}");
    let house = House::new("fuzz-json").with("sims/hurried.toml", &heavy);
    house.run("fuzz --seeds 4..20 --json report.json").code(0);
    let report: Value = serde_json::from_str(&house.read("report.json")).expect("JSON");
    assert_eq!(report["tool"], "doublebuy");
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
    let scenario = &report["scenarios"][0];
    for key in [
        "name",
        "path",
        "seeds",
        "expect",
        "met",
        "violations",
        "first",
        "probes",
    ] {
        assert!(keys(scenario).contains(&key), "{key}: {scenario}");
    }
    assert!(scenario["seconds"].is_f64(), "{scenario}");
    assert_eq!(scenario["name"], "hurried");
    assert_eq!(scenario["path"], "sims/hurried.toml");
    assert_eq!(scenario["seeds"], 3);
    assert_eq!(scenario["capped"], true);
    assert_eq!(scenario["expect"], "violates completes");
    assert_eq!(scenario["met"], true);
    assert_eq!(scenario["violations"]["completes"], 3);
    assert_eq!(scenario["first"]["seed"], "4");
    assert_eq!(scenario["first"]["invariant"], "completes");
    assert!(is_digest(&scenario["first"]["digest"]), "{scenario}");
    assert!(scenario["probes"].is_object());
}

#[test]
fn json_on_stdout_stands_alone_and_a_file_is_written_anew() {
    let house = House::new("fuzz-json-stdout")
        .with("sims/safe.toml", SAFE)
        .with("report.json", &"old ".repeat(10_000));
    let report = house.json("fuzz --seeds 0..2 --json -");
    assert_eq!(report["scenarios"][0]["seeds"], 2);
    house.run("fuzz --seeds 0..2 --json report.json");
    let report: Value = serde_json::from_str(&house.read("report.json")).expect("JSON");
    assert_eq!(report["scenarios"][0]["seeds"], 2);
}
