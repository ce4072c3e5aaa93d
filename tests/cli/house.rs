//! A folder of its own for each test, with scenarios in it, and the built
//! program run there.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Two buyers and one item, sold safely.
pub const SAFE: &str = r#"
title = "Two buyers want the last item"
about = "A conditional decrement lets one of them have it."
[shop]
stock = "atomic-sql"
[expect]
holds = true
"#;

/// A world that is given no time: `completes` breaks in every seed.
pub const HURRIED: &str = r#"
title = "Nobody is given the time to buy"
about = "The run is over before anyone can have an answer."
[buyers]
arrival = { burst = "1us" }
[run]
faults = "1ms"
drain = "1ms"
[expect]
violates = ["completes"]
"#;

/// Panics in every seed.
pub const CRASHING: &str = r#"
title = "The network panics"
about = "A planted bug."
planted = ["network.panic-holding-lock"]
[expect]
holds = true
"#;

/// Is over before it began.
pub const STUCK: &str = r#"
title = "The world is allowed no step"
about = "It counts as stuck."
[run]
polls_max = 1
[expect]
holds = true
"#;

/// A folder with scenarios.
pub struct House(PathBuf);

/// What the program did.
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl House {
    /// An empty folder for the test of this name.
    pub fn new(test: &str) -> House {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join("cli")
            .join(test);
        if path.exists() {
            fs::remove_dir_all(&path).expect("an old folder");
        }
        fs::create_dir_all(&path).expect("a folder");
        House(path)
    }

    /// With a file in it.
    pub fn with(self, path: &str, text: &str) -> House {
        let file = self.0.join(path);
        fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
        fs::write(file, text).expect("a file");
        self
    }

    /// A path in it.
    pub fn path(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).expect("a file")
    }

    /// The program, to be run in the folder.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doublebuy"));
        command
            .args(arguments.split_whitespace())
            .current_dir(&self.0)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null());
        command
    }

    /// Runs the program with these arguments, which have no spaces in them.
    pub fn run(&self, arguments: &str) -> Ended {
        Ended::from(self.command(arguments).output().expect("the program"))
    }

    /// Runs it and reads what it prints as JSON.
    pub fn json(&self, arguments: &str) -> serde_json::Value {
        let ended = self.run(arguments);
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended}"))
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Ended {
        Ended {
            code: output.status.code().expect("no signal"),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Ended {
            code,
            stdout,
            stderr,
        } = self;
        write!(f, "exit code {code}\nstdout: {stdout}\nstderr: {stderr}")
    }
}

impl Ended {
    /// It ended with this code and nothing panicked in the open.
    #[track_caller]
    pub fn code(self, code: i32) -> Ended {
        assert_eq!(self.code, code, "{self}");
        assert!(!self.stderr.contains("panicked at"), "{self}");
        self
    }

    /// It said all of this, on either stream.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Ended {
        for text in texts {
            let said = self.stdout.contains(text) || self.stderr.contains(text);
            assert!(said, "no '{text}' in: {self}");
        }
        self
    }
}
