//! A real PostgreSQL 15, where this machine has one.
//!
//! It is started on a private port of loopback, on an empty cluster in a
//! temporary folder, as `nobody` where the tests run as root, which the
//! server refuses.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Child, Command, Stdio};

use doublebuy::postgres::Options;
use doublebuy::rt;
use tokio_postgres::Client;

use super::schedule::{Waiting, run};
use super::{connect, outside, shown};

const BINARIES: &str = "/usr/lib/postgresql/15/bin";

/// The first release that counts the row which INSERT ... ON CONFLICT meets as
/// read by a SERIALIZABLE transaction.
const ON_CONFLICT_READS_SINCE: u32 = 150_020;

/// A running server, stopped and removed when dropped.
pub struct Real {
    process: Child,
    folder: PathBuf,
    port: u16,
}

/// Runs a program of PostgreSQL, as a user that it accepts.
fn program(name: &str) -> Command {
    let path = Path::new(BINARIES).join(name);
    if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "nobody", "--"]).arg(path);
        command
    } else {
        Command::new(path)
    }
}

/// A folder for a cluster, and a port for its server.
fn folder() -> (PathBuf, u16) {
    // The kernel picks a free port; nobody else is told of it.
    let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = probe.local_addr().unwrap().port();
    drop(probe);
    let folder = std::env::temp_dir().join(format!("doublebuy-postgres-{port}"));
    fs::create_dir(&folder).unwrap();
    if is_root() {
        let status = Command::new("chown").arg("nobody").arg(&folder).status();
        assert!(status.unwrap().success());
    }
    (folder, port)
}

fn is_root() -> bool {
    let uid = Command::new("id").arg("-u").output();
    uid.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

impl Real {
    /// None, with a word about it, if there is no such server here.
    pub fn start() -> Option<Real> {
        Real::with(&[])
    }

    /// As [`Real::start`], with settings as `name=value`.
    pub fn with(settings: &[&str]) -> Option<Real> {
        if !Path::new(BINARIES).join("postgres").exists() {
            println!("skipped: no postgres binary in {BINARIES}");
            return None;
        }
        let (folder, port) = folder();
        let init = program("initdb")
            .current_dir(&folder)
            .args(["-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8"])
            .args(["--locale=C", "-D"])
            .arg(folder.join("data"))
            .stdout(Stdio::null())
            .status();
        assert!(init.unwrap().success(), "initdb works");
        Some(Real::launch(folder, port, settings))
    }

    /// A hot standby of this server.
    pub fn standby(&self, settings: &[&str]) -> Real {
        let (folder, port) = folder();
        let backup = program("pg_basebackup")
            .current_dir(&folder)
            .args(["-h", "127.0.0.1", "-U", "postgres", "-p"])
            .arg(self.port.to_string())
            .args([
                "--write-recovery-conf",
                "--checkpoint=fast",
                "--no-sync",
                "-D",
            ])
            .arg(folder.join("data"))
            .stderr(Stdio::null())
            .status();
        assert!(backup.unwrap().success(), "pg_basebackup works");
        Real::launch(folder, port, settings)
    }

    /// Starts a server on the cluster of a folder.
    fn launch(folder: PathBuf, port: u16, settings: &[&str]) -> Real {
        let process = program("postgres")
            .current_dir(&folder)
            .arg("-D")
            .arg(folder.join("data"))
            .args(["-p", &port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories="])
            .args(["-c", "fsync=off"])
            .args(["-c", "timezone=UTC"])
            .args(settings.iter().flat_map(|setting| ["-c", setting]))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let real = Real {
            process,
            folder,
            port,
        };
        outside(real.until_ready());
        real
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What the simulated server must be told to be of this server's release.
    pub fn options(&self) -> Options {
        let release = outside(async {
            let client = connect(&self.address()).await;
            shown(client.simple_query("SHOW server_version_num").await)
        });
        Options {
            on_conflict_reads: release >= format!("(1) {ON_CONFLICT_READS_SINCE}"),
            ..Options::default()
        }
    }

    async fn until_ready(&self) {
        for _ in 0..600 {
            let mut config = tokio_postgres::Config::new();
            config.user("postgres").dbname("postgres");
            if let Ok(stream) = rt::connect(&self.address()).await
                && config
                    .connect_raw(stream, tokio_postgres::NoTls)
                    .await
                    .is_ok()
            {
                return;
            }
            rt::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("the real server does not come up");
    }

    /// The transcript of a schedule on this server, in a schema of its own.
    pub fn transcript(&self, setup: &str, schedule: &str) -> String {
        outside(async {
            let address = self.address();
            let observer = connect(&address).await;
            let clean = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
            observer.batch_execute(clean).await.unwrap();
            let mut waiting = Observed(observer);
            run(&address, setup, schedule, &mut waiting).await
        })
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        // `runuser` does not hand a kill on: the server is told itself.
        let stopped = program("pg_ctl")
            .current_dir(&self.folder)
            .args(["stop", "-m", "immediate", "-D"])
            .arg(self.folder.join("data"))
            .stdout(Stdio::null())
            .status();
        drop(stopped);
        drop(self.process.wait());
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// Asks the server itself who waits.
struct Observed(Client);

impl Waiting for Observed {
    fn until_waiting(&mut self, pid: &str) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let question = format!("SELECT 1 WHERE cardinality(pg_blocking_pids({pid})) > 0");
        Box::pin(self.until(question, "(1) 1"))
    }

    fn until_ready(&mut self, pid: &str) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let question =
            format!("SELECT 1 FROM pg_stat_activity WHERE pid = {pid} AND state = 'active'");
        Box::pin(self.until(question, "0"))
    }
}

impl Observed {
    /// Asks until it is so.
    async fn until(&self, question: String, wanted: &str) {
        while shown(self.0.simple_query(&question).await) != wanted {
            rt::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}
