//! A real PostgreSQL 15, where this machine has one.
//!
//! It runs on an empty cluster, as `nobody` where the tests run as root, which
//! the server refuses. Nothing happens in it but what a test does.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::place::{Folder, comes_up, on_a_free_port};

const BINARIES: &str = "/usr/lib/postgresql/15/bin";
const NOBODY: u32 = 65_534;

/// A running server, stopped and removed when dropped.
pub struct Cluster {
    process: Child,
    folder: Folder,
    port: u16,
}

/// A program of PostgreSQL, run in a folder by its owner.
pub fn program(name: &str, folder: &Folder) -> Command {
    let mut command = Command::new(Path::new(BINARIES).join(name));
    let owner = fs::metadata(folder.path()).expect("a folder");
    command.uid(owner.uid()).gid(owner.gid());
    command.current_dir(folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// For a cluster.
pub fn empty_folder() -> Folder {
    let folder = Folder::new("postgres");
    if fs::metadata(folder.path()).is_ok_and(|made| made.uid() == 0) {
        chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("root may do this");
    }
    folder
}

/// Where the cluster is in its folder.
pub fn data(folder: &Folder) -> PathBuf {
    folder.path().join("data")
}

impl Cluster {
    /// A server with settings as `name=value`; None, with a word about it, if
    /// there is no such server here.
    pub fn start(settings: &[&str]) -> Option<Cluster> {
        if !Path::new(BINARIES).join("postgres").exists() {
            println!("skipped: no postgres binary in {BINARIES}");
            return None;
        }
        let folder = empty_folder();
        let init = program("initdb", &folder)
            .args(["-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8"])
            .args(["--locale=C", "-D"])
            .arg(data(&folder))
            .status();
        assert!(init.unwrap().success(), "initdb works");
        Some(Cluster::launch(folder, settings))
    }

    /// Starts a server on the cluster of a folder.
    pub fn launch(folder: Folder, settings: &[&str]) -> Cluster {
        let (port, process) = on_a_free_port(|port| {
            let log = fs::File::create(folder.path().join("log")).unwrap();
            let mut process = program("postgres", &folder)
                .arg("-D")
                .arg(data(&folder))
                .args(["-p", &port.to_string()])
                .args(["-c", "listen_addresses=127.0.0.1"])
                .args(["-c", "unix_socket_directories="])
                .args(["-c", "fsync=off"])
                .args(["-c", "timezone=UTC"])
                .args(["-c", "autovacuum=off"])
                .args(settings.iter().flat_map(|setting| ["-c", setting]))
                .stderr(log)
                .spawn()
                .unwrap();
            // What pg_ctl waits for, too.
            let is_up = || {
                let about = fs::read_to_string(data(&folder).join("postmaster.pid"));
                about.is_ok_and(|about| about.lines().nth(7).map(str::trim) == Some("ready"))
            };
            if comes_up(&mut process, is_up) {
                return Some((port, process));
            }
            let said = fs::read_to_string(folder.path().join("log")).unwrap();
            assert!(said.contains("could not bind"), "postgres ended: {said}");
            None
        });
        Cluster {
            process,
            folder,
            port,
        }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // SIGKILL would leave its shared memory behind.
        let stopped = program("pg_ctl", &self.folder)
            .args(["stop", "-m", "immediate", "-D"])
            .arg(data(&self.folder))
            .status();
        if !stopped.is_ok_and(|status| status.success()) {
            drop(self.process.kill());
        }
        drop(self.process.wait());
    }
}
