//! Plans as files: what is written is read as it was, and what cannot be is
//! refused with its line, before anything runs.

use std::path::Path;

use doublebuy::plan::Plan;
use doublebuy::scenario::Scenario;
use doublebuy::world::{Keep, run};

fn reference() -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sims/reference.toml");
    Scenario::read(&path, &[]).expect("the reference scenario")
}

const PLAN: &str = r#"seed = "7"
run_seed = "7"
epoch_ms = 1767225600000

[search]
policy = "uniform"
change_points = 3
deliveries = 1000

[[visits]]
id = 0
buyer = 0
at = "1ms"
key = "buyer-0"
sku = "last-one"
quantity = 1
instance = 0
patience = "1s"
retries = 1
backoff = "50ms"

[[faults]]
id = 0
lasts = "1s"
trigger = { at = "10ms" }
effect = { kind = "kill", node = "redis", down = "process" }

[[faults]]
id = 1
lasts = "1s"
trigger = { at = "2s" }
effect = { kind = "pause", node = "redis" }
"#;

fn refusal(old: &str, new: &str) -> String {
    assert!(PLAN.contains(old), "{old} is in the plan");
    let text = PLAN.replacen(old, new, 1);
    let refused = Plan::parse("dir/plan.toml", &text, &reference());
    refused.expect_err(new).to_string()
}

#[test]
fn what_is_saved_is_read_as_it_was_and_runs_as_it_did() {
    let scenario = reference();
    for seed in (0..300).chain([u64::MAX]) {
        let plan = Plan::new(&scenario, seed);
        let read = Plan::parse("x", &plan.to_toml(), &scenario);
        assert_eq!(read, Ok(plan), "seed {seed}");
    }
    let plan = Plan::new(&scenario, 7);
    let read = Plan::parse("x", &plan.to_toml(), &scenario).expect("it was saved");
    let digest = |plan: &Plan| run(&scenario, plan, Keep::default()).digest();
    assert_eq!(digest(&read), digest(&plan));
}

#[test]
fn what_cannot_be_is_refused_with_its_line() {
    Plan::parse("x", PLAN, &reference()).expect("as it stands it can be");
    for (old, new, line, wrong) in [
        (
            "node = \"redis\", down",
            "node = \"rdis\", down",
            ":22:",
            "no node `rdis`; there are: buyers",
        ),
        (
            "at = \"2s\"",
            "at = \"500ms\"",
            ":28:",
            "fault 0 has taken down by then",
        ),
        (
            "\"pause\", node = \"redis\"",
            "\"kill\", node = \"buyers\", down = \"host\"",
            ":28:",
            "nobody would ask again",
        ),
        (
            "\"pause\", node = \"redis\"",
            "\"resume\", node = \"redis\"",
            ":32:",
            "unknown variant `resume`",
        ),
        (
            "\"pause\", node = \"redis\"",
            "\"slow\", node = \"redis\", times = 0",
            ":28:",
            "times is 0; it can be 1 to 1000",
        ),
        (
            "\"pause\", node = \"redis\"",
            "\"clock-drift\", node = \"redis\", rate_ppm = -600000",
            ":28:",
            "-500000 to 1000000",
        ),
        (
            "\"pause\", node = \"redis\"",
            "\"swizzle\", cut = [\"redis\"], back = [\"shop-0\"], every = \"1ms\"",
            ":28:",
            "not the same nodes",
        ),
        (
            "\"pause\", node = \"redis\"",
            "\"latency\", between = [\"redis\", \"redis\"], and = [], by = \"1ms\"",
            ":28:",
            "`redis` is in `between` twice",
        ),
        (
            "\"pause\", node = \"redis\"",
            "\"partition\", between = [\"redis\"], and = [\"redis\"], one_way = true",
            ":28:",
            "`redis` is on both sides",
        ),
        (
            "\"pause\", node = \"redis\"",
            "\"lose-answer\"",
            ":28:",
            "begins with a message",
        ),
        (
            "trigger = { at = \"2s\" }",
            "trigger = { on = { label = \"COMIT\", nth = 1 } }",
            ":28:",
            "labelled `COMIT`",
        ),
        (
            "id = 1\nlasts",
            "id = 0\nlasts",
            ":28:",
            "fault 0 is there twice",
        ),
        (
            "instance = 0",
            "instance = 2",
            ":10:",
            "the last one is shop-1",
        ),
        ("quantity = 1", "quantity = 0", ":10:", "0 units"),
        ("lasts = \"1s\"", "lasts = \"-1s\"", ":24:", "negative"),
        ("buyer = 0", "byer = 0", ":12:", "unknown field `byer`"),
        ("seed = \"7\"", "seed = \"x\"", ":1:", "invalid digit"),
        (
            "[[visits]]",
            "[[calms]]\nat = \"1s\"\nlasts = \"0s\"\n\n[[visits]]",
            ":10:",
            "a calm lasts",
        ),
        (
            "[[visits]]",
            "[[clocks]]\nnode = \"disk\"\noffset = \"0s\"\ndrift_ppm = 1\n\n[[visits]]",
            ":10:",
            "no node `disk`",
        ),
    ] {
        let message = refusal(old, new);
        for part in [&format!("dir/plan.toml{line}"), wrong] {
            assert!(message.contains(part), "{new}: no '{part}' in\n{message}");
        }
    }
}
