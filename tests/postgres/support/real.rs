//! A real PostgreSQL 15 as an oracle, where this machine has one.

use std::future::Future;
use std::pin::Pin;
use std::process::Stdio;

use doublebuy::postgres::Options;
use doublebuy::rt;
use tokio_postgres::Client;

use super::schedule::{Waiting, run};
use super::{connect, outside, shown};
use crate::cluster::{Cluster, data, empty_folder, program};

/// The first release that counts the row which INSERT ... ON CONFLICT meets as
/// read by a SERIALIZABLE transaction.
const ON_CONFLICT_READS_SINCE: u32 = 150_020;

/// A running server, stopped and removed when dropped.
pub struct Real(Cluster);

impl Real {
    /// None, with a word about it, if there is no such server here.
    pub fn start() -> Option<Real> {
        Real::with(&[])
    }

    /// As [`Real::start`], with settings as `name=value`.
    pub fn with(settings: &[&str]) -> Option<Real> {
        Cluster::start(settings).map(Real)
    }

    /// A hot standby of this server.
    pub fn standby(&self, settings: &[&str]) -> Real {
        let (folder, address) = (empty_folder(), self.address());
        let (host, port) = address.split_once(':').unwrap();
        let backup = program("pg_basebackup", &folder)
            .args(["-h", host, "-p", port, "-U", "postgres"])
            .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"])
            .arg("-D")
            .arg(data(&folder))
            .stderr(Stdio::null())
            .status();
        assert!(backup.unwrap().success(), "pg_basebackup works");
        Real(Cluster::launch(folder, settings))
    }

    pub fn address(&self) -> String {
        self.0.address()
    }

    /// Its server_version_num.
    pub fn release(&self) -> u32 {
        outside(async {
            let client = connect(&self.address()).await;
            let row = client.query_one("SHOW server_version_num", &[]).await;
            row.unwrap().get::<_, String>(0).parse().unwrap()
        })
    }

    /// What the simulated server must be told to be of this server's release.
    pub fn options(&self) -> Options {
        Options {
            on_conflict_reads: self.release() >= ON_CONFLICT_READS_SINCE,
            ..Options::default()
        }
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

/// Asks the server itself who waits.
struct Observed(Client);

impl Waiting for Observed {
    fn until_waiting(&mut self, pid: &str) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let question = format!(
            "SELECT 1 WHERE cardinality(pg_blocking_pids({pid})) > 0
             OR cardinality(pg_safe_snapshot_blocking_pids({pid})) > 0"
        );
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
