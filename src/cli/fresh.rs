//! Running a seed in a process of its own, where nothing that this process
//! did can be seen.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::campaign::{Reproduce, Trace};
use crate::report::json;
use crate::scenario::{Scenario, Setting};

/// Calls this program's own `run`, with the scenario's text on its stdin.
pub(super) struct FreshProcess<'a> {
    pub(super) settings: &'a [Setting],
    pub(super) seed_timeout: Duration,
    /// The text of each scenario, by path.
    pub(super) texts: &'a BTreeMap<String, String>,
}

impl Reproduce for FreshProcess<'_> {
    fn reproduce(&self, scenario: &Scenario, seed: u64) -> Result<Trace, String> {
        let output = self
            .run(scenario, seed)
            .map_err(|error| error.to_string())?;
        json::read_trace(&output.stdout).map_err(|_| {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().next().unwrap_or("nothing");
            format!("it ended with {} and said: {said}", output.status)
        })
    }
}

impl FreshProcess<'_> {
    fn run(&self, scenario: &Scenario, seed: u64) -> std::io::Result<Output> {
        let mut command = Command::new(program()?);
        command.args(["run", "--json", "--trace", "--stdin"]);
        command.arg("--seed").arg(seed.to_string());
        let timeout = format!("{}ms", self.seed_timeout.as_millis());
        command.arg("--seed-timeout").arg(timeout);
        for setting in self.settings {
            command.arg("--set").arg(setting.to_string());
        }
        command.arg("--").arg(&scenario.path).env_remove("RUST_LOG");
        command.stdin(Stdio::piped());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let (Some(mut stdin), Some(text)) = (child.stdin.take(), self.texts.get(&scenario.path))
        {
            // One that ended without reading it says itself why.
            let _unread = stdin.write_all(text.as_bytes());
        }
        child.wait_with_output()
    }
}

/// This very program, even if another has been built in its place since.
fn program() -> std::io::Result<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    match running.exists() {
        true => Ok(running),
        false => std::env::current_exe(),
    }
}
