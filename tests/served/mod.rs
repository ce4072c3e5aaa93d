//! `doublebuy serve` as a process of its own, for clients that others wrote.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A server on a port that the kernel chose, ended when dropped.
pub struct Served {
    process: Child,
    pub address: String,
}

impl Served {
    /// Starts `serve` with the name of a server.
    pub fn start(server: &str) -> Served {
        let mut process = Command::new(env!("CARGO_BIN_EXE_doublebuy"))
            .args(["serve", server, "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let address = line.split_whitespace().find(|word| word.contains(':'));
        let address = address.expect("it says where it listens").to_owned();
        Served { process, address }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
