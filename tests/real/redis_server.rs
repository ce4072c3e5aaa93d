//! A real Redis 7, where this machine has one.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::place::{Folder, comes_up, on_a_free_port};

/// A `redis-server` of its own, stopped when dropped.
pub struct RealRedis {
    process: Child,
    pub port: u16,
    /// A replica leaves a dump where it runs.
    _folder: Folder,
}

impl RealRedis {
    /// None, and a word about it, without the binary.
    pub fn start() -> Option<RealRedis> {
        RealRedis::launch("Ready to accept connections", |command, _, _| {
            command.args(["--save", "", "--appendonly", "no"]);
            command.args(["--rdbcompression", "no", "--hz", "500"]);
        })
    }

    /// A server that has logged this word.
    pub fn launch(ready: &str, configure: impl Fn(&mut Command, &Path, u16)) -> Option<RealRedis> {
        let is_there = Command::new("redis-server").arg("--version").output();
        if is_there.is_err() {
            println!("skipped: no redis-server binary");
            return None;
        }
        Some(on_a_free_port(|port| {
            let folder = Folder::new("redis");
            let log = folder.path().join("log");
            let mut command = Command::new("redis-server");
            configure(&mut command, folder.path(), port);
            let mut process = command
                .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
                .args(["--dir", &folder.path().display().to_string()])
                .stdin(Stdio::null())
                .stdout(fs::File::create(&log).unwrap())
                .spawn()
                .unwrap();
            let said = || fs::read_to_string(&log).unwrap();
            if !comes_up(&mut process, || said().contains(ready)) {
                let taken = said().contains("Address already in use");
                assert!(taken, "redis-server ended: {}", said());
                return None;
            }
            Some(RealRedis {
                process,
                port,
                _folder: folder,
            })
        }))
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for RealRedis {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
