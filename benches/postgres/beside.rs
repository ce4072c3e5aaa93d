//! `serve postgres` beside the real server, under one pgbench script.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::served::Served;

const BINARIES: &str = "/usr/lib/postgresql/15/bin";
const SECONDS: &str = "5";

/// Runs pgbench's own script against both, in turn, and prints the rates.
pub fn pgbench() {
    for name in ["postgres", "pgbench", "initdb"] {
        if !Path::new(BINARIES).join(name).exists() {
            return println!("serve postgres beside the real one: skipped: no {name} binary");
        }
    }
    let (served, real) = (Served::start("postgres"), Real::start());
    for address in [&served.address, &real.address] {
        run(address, &["-i", "-q"]);
    }
    println!("pgbench's own script, 2 clients, -M prepared, fsync off:");
    let rate = |address: &str| {
        let said = run(address, &["-M", "prepared", "-n", "-c2", "-T", SECONDS]);
        let tps = said.lines().find_map(|line| line.strip_prefix("tps = "));
        let tps = tps.and_then(|rest| rest.split_whitespace().next());
        tps.and_then(|tps| tps.parse::<f64>().ok()).expect("a rate")
    };
    let [ours, theirs] = [rate(&served.address), rate(&real.address)];
    println!("  serve postgres    {ours:>7.0} transactions/s");
    println!(
        "  PostgreSQL 15     {theirs:>7.0} transactions/s  ours is {:.2} times as fast",
        ours / theirs
    );
}

fn run(address: &str, arguments: &[&str]) -> String {
    let (host, port) = address.split_once(':').expect("host:port");
    let mut command = Command::new(Path::new(BINARIES).join("pgbench"));
    command
        .env_clear()
        .env("PGUSER", "postgres")
        .env("PGDATABASE", "postgres");
    let output = command
        .args(["-h", host, "-p", port])
        .args(arguments)
        .output();
    let output = output.expect("pgbench starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "pgbench {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The real server, ended when dropped.
struct Real {
    process: Child,
    address: String,
    folder: PathBuf,
}

impl Real {
    fn start() -> Real {
        // The kernel picks a free port; nobody else is told of it.
        let probe = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = probe.local_addr().expect("an address").to_string();
        let port = probe.local_addr().expect("an address").port().to_string();
        drop(probe);
        let folder = std::env::temp_dir().join(format!("doublebuy-bench-{port}"));
        fs::create_dir(&folder).expect("a folder");
        if is_root() {
            let owned = Command::new("chown").arg("nobody").arg(&folder).status();
            assert!(owned.expect("chown").success());
        }
        let data = folder.join("data");
        let made = program("initdb", &folder)
            .args([
                "-A",
                "trust",
                "-U",
                "postgres",
                "--no-sync",
                "--locale=C",
                "-D",
            ])
            .arg(&data)
            .stdout(Stdio::null())
            .status();
        assert!(made.expect("initdb").success());
        let process = program("postgres", &folder)
            .arg("-D")
            .arg(&data)
            .args(["-p", &port, "-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories=", "-c", "fsync=off"])
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        while std::net::TcpStream::connect(&address).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let ready = ["-h", "127.0.0.1", "-p", &port, "-t", "30"];
        let mut is_ready = Command::new(Path::new(BINARIES).join("pg_isready"));
        is_ready.args(ready).stdout(Stdio::null());
        while !is_ready.status().is_ok_and(|status| status.success()) {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        Real {
            process,
            address,
            folder,
        }
    }
}

/// A program of PostgreSQL, as a user that it accepts.
fn program(name: &str, folder: &Path) -> Command {
    let path = Path::new(BINARIES).join(name);
    let mut command = match is_root() {
        true => {
            let mut command = Command::new("runuser");
            command.args(["-u", "nobody", "--"]).arg(path);
            command
        }
        false => Command::new(path),
    };
    command.current_dir(folder);
    command
}

fn is_root() -> bool {
    let uid = Command::new("id").arg("-u").output();
    uid.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

impl Drop for Real {
    fn drop(&mut self) {
        // runuser would leave the server behind if it were killed.
        let mut stop = program("pg_ctl", &self.folder);
        stop.args(["stop", "-m", "immediate", "-D"])
            .arg(self.folder.join("data"))
            .stdout(Stdio::null());
        drop(stop.status());
        drop(self.process.wait());
        drop(fs::remove_dir_all(&self.folder));
    }
}
