//! Each mistake is answered with the file, the line, what is wrong and what
//! is allowed.

use doublebuy::scenario::Scenario;

const GOOD: &str = r#"
title = "A scenario"
about = "Nothing much."

[shop]
stock = "naive"

[buyers]
count = 2

[[fault]]
kind = "pause"
node = "shop-0"
at = "10ms"
lasts = "1s"

[expect]
violates = ["no-oversell"]
"#;

/// The error for `GOOD` with `old` replaced by `new`.
fn refusal(old: &str, new: &str) -> String {
    assert!(GOOD.contains(old), "{old} is in the scenario");
    let text = GOOD.replacen(old, new, 1);
    Scenario::parse("dir/mistake.toml", &text, &[])
        .expect_err(new)
        .to_string()
}

#[test]
fn the_good_one_is_read() {
    let scenario = Scenario::parse("dir/good.toml", GOOD, &[]).expect("it is good");
    assert_eq!(scenario.name, "good");
    assert_eq!(scenario.faults.len(), 1);
}

#[test]
fn mistakes_are_shown_where_they_are() {
    let mistakes = [
        // An unknown key, with the keys that there are.
        (
            "count = 2",
            "cuont = 2",
            ":9:",
            "unknown field `cuont`",
            "`count`",
        ),
        (
            "[buyers]",
            "[buyer]",
            ":8:",
            "unknown field `buyer`",
            "`buyers`",
        ),
        // A search policy that there is not, and one that cannot be.
        (
            "[buyers]",
            "[search]\npolicy = \"random\"\n[buyers]",
            ":9:",
            "no search policy `random`",
            "uniform, swarm, pct",
        ),
        (
            "[buyers]",
            "[search]\ndeliveries = 0\n[buyers]",
            ":9:",
            "search.deliveries is 0",
            "1 to",
        ),
        // A wrong type.
        ("count = 2", "count = \"two\"", ":9:", "invalid type", "u32"),
        ("count = 2", "count = -2", ":9:", "-2", "u32"),
        ("\"1s\"", "7", ":15:", "'7' is no duration", "40ms"),
        // A negative duration, and one that runs backwards.
        (
            "\"10ms\"",
            "\"-10ms\"",
            ":14:",
            "'-10ms' is negative",
            "250us",
        ),
        ("\"1s\"", "\"2s..1s\"", ":15:", "backwards", "smaller"),
        // Names that are none.
        ("\"naive\"", "\"native\"", ":6:", "`native`", "atomic-sql"),
        ("\"pause\"", "\"sleep\"", ":12:", "`sleep`", "partition"),
        (
            "\"shop-0\"",
            "\"shop-7\"",
            ":13:",
            "`shop-7`",
            "shop-0, shop-1",
        ),
        (
            "\"no-oversell\"",
            "\"no-overselling\"",
            ":18:",
            "`no-overselling`",
            "conservation",
        ),
        (
            "violates = [\"no-oversell\"]",
            "reaches = [\"retries\"]",
            ":18:",
            "`retries`",
            "retry-sent",
        ),
        (
            "about = \"Nothing much.\"",
            "about = \"\"\nplanted = [\"postgres.skip\"]",
            ":4:",
            "`postgres.skip`",
            "postgres.skip-recheck",
        ),
        // Faults that make no sense.
        ("lasts = \"1s\"", "", ":12:", "needs `lasts`", ""),
        (
            "at = \"10ms\"",
            "",
            ":12:",
            "`at` a time or `on` a message",
            "",
        ),
        (
            "at = \"10ms\"",
            "at = \"10ms\"\non = \"COMMIT\"",
            ":12:",
            "`at` a time or `on` a message",
            "",
        ),
        (
            "at = \"10ms\"",
            "at = \"10ms\"\nby = \"1s\"",
            ":15:",
            "takes no `by`",
            "takes node",
        ),
        (
            "at = \"10ms\"",
            "on = \"answer to PANIC\"",
            ":14:",
            "`answer to PANIC`",
            "answer to COMMIT",
        ),
        (
            "at = \"10ms\"",
            "on = \"COMMIT\"\nnth = 0",
            ":15:",
            "nth is 0; it can be 1 to",
            "",
        ),
        // Work that cannot be.
        (
            "[[fault]]",
            "[postgres.cost]\nseq_tuple = \"-5us\"\n[[fault]]",
            ":12:",
            "'-5us' is negative",
            "250us, 40ms",
        ),
        (
            "[[fault]]",
            "[postgres.cost]\nscan = \"5us\"\n[[fault]]",
            ":12:",
            "unknown field `scan`",
            "`seq_tuple`, `index_scan`",
        ),
        (
            "[[fault]]",
            "[catalog]\nothers = 100001\n[[fault]]",
            ":12:",
            "catalog.others is 100001",
            "it can be 0 to 100000",
        ),
        // Links that cannot be.
        (
            "[[fault]]",
            "[network]\nlatency = \"2ms..1ms\"\n[[fault]]",
            ":12:",
            "'2ms..1ms' runs backwards",
            "the smaller comes first",
        ),
        (
            "[[fault]]",
            "[network]\nlatency = \"2ms.. mean 1ms\"\n[[fault]]",
            ":12:",
            "impossible",
            "the mean lies below the shortest",
        ),
        (
            "[[fault]]",
            "[network]\nbuyers_latency = \"wan\"\n[[fault]]",
            ":12:",
            "no latency `wan`",
            "lan, same-zone, cross-region",
        ),
        (
            "[[fault]]",
            "[network]\nloss = \"101%\"\n[[fault]]",
            ":12:",
            "'101%' is no share",
            "0% to 100%",
        ),
        (
            "[[fault]]",
            "[network]\nbandwidth = \"0Mbit/s\"\n[[fault]]",
            ":12:",
            "'0Mbit/s' is no bandwidth",
            "10Mbit/s",
        ),
        (
            "[[fault]]",
            "[[network.link]]\nbetween = [\"shop-9\"]\nloss = \"1%\"\n[[fault]]",
            ":12:",
            "no node `shop-9`",
            "shop-0, shop-1",
        ),
        (
            "[[fault]]",
            "[[network.link]]\nbetween = [\"redis\"]\nand = [\"redis\"]\nloss = \"1%\"\n[[fault]]",
            ":13:",
            "`redis` is on both sides",
            "",
        ),
        (
            "[[fault]]",
            "[[network.link]]\nbetween = [\"redis\"]\nat = \"1s\"\n[[fault]]",
            ":12:",
            "like all others",
            "give it `latency`",
        ),
        (
            "[[fault]]",
            "[[network.link]]\nbetween = [\"redis\"]\njitter = \"1s\"\n[[fault]]",
            ":13:",
            "unknown field `jitter`",
            "`latency`",
        ),
        // Not TOML at all.
        ("count = 2", "count = = 2", ":9:", "", ""),
    ];
    for (old, new, line, wrong, allowed) in mistakes {
        let message = refusal(old, new);
        for part in ["dir/mistake.toml", line, wrong, allowed] {
            assert!(message.contains(part), "{new}: no '{part}' in\n{message}");
        }
    }
}

#[test]
fn what_contradicts_itself_is_refused() {
    for (old, new, wrong) in [
        (
            "count = 2",
            "count = 0",
            "buyers.count is 0; it can be 1 to 1000000",
        ),
        ("count = 2", "count = 4000000000", ":9:9"),
        (
            "stock = \"naive\"",
            "instances = 0",
            "shop.instances is 0; it can be 1 to 100",
        ),
        ("stock = \"naive\"", "instances = 101", ":6:13"),
        (
            "stock = \"naive\"",
            "pool_size = 9223372036854775807",
            "1 to 1000",
        ),
        (
            "stock = \"naive\"",
            "deadline = \"0s\"",
            "shop.deadline is 0s; it has to be 1ms",
        ),
        ("stock = \"naive\"", "lock_ttl = \"0s\"", "1ms at least"),
        ("count = 2", "arrival = \"burst\"", "burst = \"50ms\""),
        (
            "count = 2",
            "arrival = { burst = \"1s\", poisson = \"1s\" }",
            "one way",
        ),
        (
            "kind = \"pause\"\nnode = \"shop-0\"",
            "kind = \"kill\"\nnode = \"buyers\"",
            "buyers cannot be killed",
        ),
        (
            "kind = \"pause\"\nnode = \"shop-0\"",
            "kind = \"partition\"\nbetween = [\"redis\"]\nand = [\"redis\"]",
            "`redis` is on both sides",
        ),
        (
            "violates = [\"no-oversell\"]",
            "violates = [\"no-oversell\"]\nholds = true",
            "contradict",
        ),
        (
            "violates = [\"no-oversell\"]",
            "violates = [\"no-oversell\"]\nmay = [\"no-oversell\"]",
            "'no-oversell' stands in expect.violates and in expect.may",
        ),
    ] {
        let message = refusal(old, new);
        assert!(message.contains(wrong), "{new}: {message}");
    }
}

/// The error for `GOOD` with its fault replaced.
fn fault_refusal(fault: &str) -> String {
    let start = GOOD.find("kind = \"pause\"").expect("a fault");
    let end = GOOD.find("\n[expect]").expect("what follows");
    refusal(&GOOD[start..end], fault)
}

#[test]
fn faults_that_cannot_be_are_refused_where_they_stand() {
    for (fault, line, wrong) in [
        (
            "kind = \"kill\"\nnode = \"redis\"\nat = \"10ms\"\nlasts = \"1s\"\n\n[[fault]]\n\
             kind = \"kill\"\nnode = \"redis\"\nat = \"20ms\"\nlasts = \"1s\"\n",
            ":18:8",
            "certainly has redis down",
        ),
        (
            "kind = \"pause\"\nnode = \"redis\"\nat = \"20ms..30ms\"\nlasts = \"1s\"\n\n[[fault]]\n\
             kind = \"restart-loop\"\nnode = \"redis\"\nat = \"10ms..20ms\"\nlasts = \"1s\"\n\
             times = 2\nevery = \"1s\"\n",
            ":12:8",
            "neither killed nor paused",
        ),
        (
            "kind = \"restart-loop\"\nnode = \"redis\"\nat = \"1s\"\nlasts = \"1s\"\n",
            ":12:8",
            "needs `times`",
        ),
        (
            "kind = \"slow\"\nnode = \"redis\"\nat = \"1s\"\nlasts = \"1s\"\ntimes = 0\n",
            ":16:9",
            "times is 0; it can be 1 to 1000",
        ),
        (
            "kind = \"slow\"\nnode = \"buyers\"\nat = \"1s\"\nlasts = \"1s\"\ntimes = 2\n",
            ":13:8",
            "no work that takes time",
        ),
        (
            "kind = \"clock-jump\"\nnode = \"redis\"\nat = \"1s\"\nby = \"30\"\n",
            ":15:6",
            "'30' is no duration",
        ),
        (
            "kind = \"clock-jump\"\nnode = \"redis\"\nat = \"1s\"\nby = \"1s\"\nlasts = \"1s\"\n",
            ":16:9",
            "takes no `lasts`",
        ),
        (
            "kind = \"clock-drift\"\nnode = \"redis\"\nat = \"1s\"\nlasts = \"1s\"\nrate = \"2000000ppm\"\n",
            ":16:8",
            "-500000ppm to 1000000ppm",
        ),
        (
            "kind = \"latency\"\nbetween = [\"redis\"]\nat = \"1s\"\nlasts = \"1s\"\nby = \"-1ms\"\n",
            ":16:6",
            "nothing arrives before it is sent",
        ),
        (
            "kind = \"swizzle\"\nnodes = [\"redis\"]\nat = \"1s\"\nlasts = \"1s\"\nevery = \"1ms\"\n",
            ":13:9",
            "two at least",
        ),
        (
            "kind = \"swizzle\"\nnodes = [\"redis\", \"redis\"]\nat = \"1s\"\nlasts = \"1s\"\nevery = \"1ms\"\n",
            ":13:19",
            "`redis` is in `nodes` twice",
        ),
        (
            "kind = \"latency\"\nbetween = [\"redis\", \"redis\"]\nat = \"1s\"\nlasts = \"1s\"\nby = \"1ms\"\n",
            ":13:21",
            "`redis` is in `between` twice",
        ),
        (
            "kind = \"restart-loop\"\nnode = \"redis\"\nat = \"1s\"\nlasts = \"1s\"\nevery = \"1s\"\ntimes = 1001\n",
            ":17:9",
            "times is 1001; it can be 1 to 1000",
        ),
        (
            "kind = \"resend\"\non = \"answer to COMMIT\"\n",
            ":13:6",
            "POST /orders, answer to POST /orders",
        ),
        ("kind = \"resend\"\nat = \"1s\"\n", ":13:6", "takes no `at`"),
        (
            "kind = \"exhaust-connections\"\nat = \"1s\"\nlasts = \"1s\"\nsessions = 99999\n",
            ":15:12",
            "sessions is 99999; it can be 1 to 10000",
        ),
    ] {
        let message = fault_refusal(fault);
        for part in ["dir/mistake.toml", line, wrong] {
            assert!(message.contains(part), "no '{part}' in\n{message}");
        }
    }
}

#[test]
fn kills_that_only_may_meet_are_read() {
    let start = GOOD.find("kind = \"pause\"").expect("a fault");
    let end = GOOD.find("\n[expect]").expect("what follows");
    let faults = "kind = \"kill\"\nnode = \"redis\"\nat = \"0s..50ms\"\nlasts = \"1s\"\n\n\
                  [[fault]]\nkind = \"kill\"\nnode = \"redis\"\nat = \"20ms\"\nlasts = \"1s\"\n";
    let text = GOOD.replace(&GOOD[start..end], faults);
    Scenario::parse("x.toml", &text, &[]).expect("the draw sees to it");
}

#[test]
fn clocks_and_calms_are_refused_where_they_stand() {
    for (table, wrong) in [
        ("[clocks]\noffset = \"5\"\n", ":9:10"),
        ("[clocks]\ndrift = \"5ms\"\n", "parts per million"),
        (
            "[clocks.node.rdis]\ndrift = \"5ppm\"\n",
            "no node `rdis`; there are: buyers",
        ),
        ("[clocks]\nskew = \"5ms\"\n", "unknown field `skew`"),
        ("[[calm]]\nat = \"5ms\"\nlasts = \"0s\"\n", ":10:9"),
    ] {
        let message = refusal("[buyers]", &format!("{table}\n[buyers]"));
        assert!(message.contains(wrong), "no '{wrong}' in\n{message}");
    }
}

#[test]
fn settings_are_laid_over_the_file_and_checked_as_it_is() {
    let read = |setting: &str| {
        let setting = setting.parse().expect("key=value");
        Scenario::parse("x.toml", GOOD, &[setting])
    };
    let scenario = read("shop.stock=atomic-sql").expect("a known strategy");
    assert_eq!(scenario.shop.stock.to_string(), "atomic-sql");
    let scenario = read("buyers.count=7").expect("a number");
    assert_eq!(scenario.buyers.count, 7);
    let scenario = read("expect.violates=[]").expect("an empty list");
    assert!(scenario.expect.violates.is_empty());
    for (setting, wrong) in [
        ("shop.stock=magic", "`magic`"),
        ("shop.stok=naive", "unknown field `stok`"),
        ("title.x=1", "'title' is not a table"),
        ("buyers.patience=-1s", "negative"),
        ("shop.instances=0", "1 to 100"),
    ] {
        let message = read(setting).expect_err(setting).to_string();
        assert!(
            message.starts_with(&format!("--set {setting}: ")),
            "{message}"
        );
        assert!(message.contains(wrong), "{setting}: {message}");
    }
}

#[test]
fn primaries_are_counted_and_named() {
    for (tables, wrong) in [
        ("[redis]\nprimaries = 0\n", ":9:13"),
        ("[redis]\nprimaries = 100\n", "redis.primaries is 100"),
        ("[redis]\nprimaries = -5\n", "u16"),
    ] {
        let message = refusal("[buyers]", &format!("{tables}\n[buyers]"));
        assert!(message.contains(wrong), "no '{wrong}' in\n{message}");
    }
    let five = "[redis]\nprimaries = 5\n[[fault]]\nkind = \"kill\"\nat = \"1ms\"\n\
                lasts = \"1ms\"\nnode = \"redis\"\n[buyers]";
    let message = refusal("[buyers]", five);
    let nodes = "no node `redis`; there are: buyers, postgres, redis-1, redis-2, redis-3, \
                 redis-4, redis-5, shop-0";
    for part in ["dir/mistake.toml:14:8", nodes] {
        assert!(message.contains(part), "no '{part}' in\n{message}");
    }
    let text = GOOD.replace("[buyers]", &five.replace("\"redis\"", "\"redis-5\""));
    Scenario::parse("x.toml", &text, &[]).expect("there is a fifth");
}

#[test]
fn a_redlock_has_no_counter() {
    let message = refusal(
        "stock = \"naive\"",
        "stock = \"redlock\"\nfence = \"counter\"",
    );
    for part in [":7:9", "count each by itself", "none, random or database"] {
        assert!(message.contains(part), "no '{part}' in\n{message}");
    }
    let message = refusal("stock = \"naive\"", "fence = \"barbed\"");
    assert!(
        message.contains("none, random, counter, database"),
        "{message}"
    );
    let message = refusal("stock = \"naive\"", "redlock_validity = \"maybe\"");
    assert!(message.contains("checked, ignored"), "{message}");
}
