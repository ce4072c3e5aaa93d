//! Running a seed in a process of its own, where nothing that this process
//! did can be seen.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::campaign::{Reproduce, Trace};
use crate::report::json;
use crate::scenario::{Scenario, Setting};

/// Calls this program's own `run`.
pub(super) struct FreshProcess<'a> {
    pub(super) settings: &'a [Setting],
}

impl Reproduce for FreshProcess<'_> {
    fn reproduce(&self, scenario: &Scenario, seed: u64) -> Result<Trace, String> {
        let failed = |what: String| format!("a fresh process cannot run it: {what}");
        let program = program().map_err(|error| failed(error.to_string()))?;
        let mut command = Command::new(program);
        command.args(["run", "--json", "--trace", "--seed"]);
        command.arg(seed.to_string());
        for setting in self.settings {
            command.arg("--set").arg(setting.to_string());
        }
        command.arg("--").arg(&scenario.path);
        command.env_remove("RUST_LOG").stdin(Stdio::null());
        let output = command
            .output()
            .map_err(|error| failed(error.to_string()))?;
        json::read_trace(&output.stdout).map_err(|_| {
            let said = String::from_utf8_lossy(&output.stderr);
            failed(said.lines().next().unwrap_or("it said nothing").to_owned())
        })
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
