//! The README keeps its word: what it shows in `console` blocks is what the
//! program prints.

use std::path::Path;
use std::process::Command;

/// Output that no two machines share: the time a campaign took.
fn without_times(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| match line.split_once(" seeds in ") {
            Some((before, _)) => before,
            None => line.trim_end(),
        });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[test]
fn every_transcript_is_what_the_program_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).expect("the README");
    let blocks: Vec<&str> = readme
        .split("```console\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```").map(|(block, _)| block))
        .collect();
    assert!(blocks.len() >= 2, "{} transcripts", blocks.len());
    for block in blocks {
        let (command, shown) = block.split_once('\n').expect("a command and its output");
        let words = command
            .strip_prefix("$ target/release/doublebuy ")
            .expect(command);
        let output = Command::new(env!("CARGO_BIN_EXE_doublebuy"))
            .args(words.split(' '))
            .current_dir(root)
            .output()
            .expect("the program runs");
        let printed = String::from_utf8(output.stdout).expect("text");
        let printed = printed.replace(env!("CARGO_BIN_EXE_doublebuy"), "target/release/doublebuy");
        assert_eq!(without_times(&printed), without_times(shown), "{command}");
    }
}
