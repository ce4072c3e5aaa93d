//! Where text goes, and who need not read it.

use std::process::Stdio;

use crate::house::{Ended, HURRIED, House};

#[test]
fn a_reader_that_has_gone_away_has_read_enough() {
    let house = House::new("pipe").with("sims/hurried.toml", HURRIED);
    for (arguments, code) in [
        ("list", 0),
        ("run hurried", 0),
        ("run hurried --json", 0),
        ("fuzz --seeds 0..2", 0),
        ("fuzz --seeds 0..2 --expect holds --json -", 1),
        ("--help", 0),
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = house.command(arguments);
        let output = command.stdout(writer).stderr(Stdio::piped()).output();
        Ended::from(output.expect("the program")).code(code);
    }
}

#[test]
fn what_is_not_for_a_terminal_has_no_colours_and_no_bar() {
    let house = House::new("plain").with("sims/hurried.toml", HURRIED);
    for arguments in [
        "run hurried",
        "fuzz --seeds 0..2",
        "run nope",
        "run hurried -v",
    ] {
        let ended = house.run(arguments);
        assert!(!ended.stdout.contains('\x1b'), "{ended}");
        assert!(!ended.stderr.contains('\x1b'), "{ended}");
    }
    let quiet = house.run("fuzz --seeds 0..2");
    assert_eq!(quiet.stderr, "");
}

#[test]
fn logs_go_to_stderr_with_virtual_time_and_node() {
    let house = House::new("logs").with("sims/hurried.toml", HURRIED);
    let quiet = house.run("run hurried").code(0);
    assert_eq!(quiet.stderr, "");
    let loud = house.run("-v run hurried").code(0);
    assert_eq!(loud.stdout, quiet.stdout);
    let stamped = loud.stderr.lines().any(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        matches!(words[..], [time, "ms", "shop-0", _, target, ..]
            if time.parse::<f64>().is_ok() && target.starts_with("doublebuy::"))
    });
    assert!(stamped, "{loud}");
}

#[test]
fn help_tells_the_verbs_and_the_version_the_version() {
    let house = House::new("help");
    house
        .run("--help")
        .code(0)
        .says(&["list", "run", "fuzz", "replay"]);
    house
        .run("--version")
        .code(0)
        .says(&[env!("CARGO_PKG_VERSION")]);
    house.run("").code(2).says(&["Usage"]);
    let ended = house.run("fuzz --help").code(0);
    ended.says(&[
        "--seeds",
        "--jobs",
        "--max-total-time",
        "--max-fail",
        "--set",
        "--expect",
    ]);
}
