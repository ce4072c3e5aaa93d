//! A PostgreSQL and a Redis of the test's own, on private ports, gone with it.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use doublebuy::rt;
use tokio_postgres::NoTls;

const POSTGRES_BIN: &str = "/usr/lib/postgresql/15/bin";
const REDIS: &str = "/usr/bin/redis-server";
/// `nobody`: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65534;
/// How often, 20 ms apart, a server is asked whether it is up.
const TRIES: u32 = 1_500;

/// A directory of the test's own.
struct Directory(PathBuf);

impl Directory {
    fn new(what: &str) -> Directory {
        let name = format!("doublebuy-{what}-{:016x}", rt::random_u64());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a temporary directory");
        Directory(path)
    }

    fn is_roots(&self) -> bool {
        fs::metadata(&self.0).is_ok_and(|metadata| metadata.uid() == 0)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}

fn is_there(program: &Path) -> bool {
    let there = program.exists();
    if !there {
        println!("skipped: no {} binary", program.display());
    }
    there
}

fn quiet(command: &mut Command) -> &mut Command {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
}

pub struct Postgres {
    process: Child,
    port: u16,
    data: PathBuf,
    as_nobody: bool,
    _directory: Directory,
}

impl Postgres {
    /// `None` where it is not installed.
    pub fn start() -> Option<Postgres> {
        if !is_there(&Path::new(POSTGRES_BIN).join("postgres")) {
            return None;
        }
        let directory = Directory::new("postgres");
        let as_nobody = directory.is_roots();
        if as_nobody {
            std::os::unix::fs::chown(&directory.0, Some(NOBODY), Some(NOBODY)).expect("chown");
        }
        let data = directory.0.join("data");
        let initdb = program("initdb", as_nobody)
            .args([
                "-U",
                "shop",
                "-A",
                "trust",
                "-N",
                "--no-locale",
                "-E",
                "UTF8",
                "-D",
            ])
            .arg(&data)
            .status()
            .expect("initdb runs");
        assert!(initdb.success(), "initdb: {initdb}");
        let port = free_port();
        let process = program("postgres", as_nobody)
            .arg("-D")
            .arg(&data)
            .args(["-h", "127.0.0.1", "-p", &port.to_string()])
            .args(["-c", "fsync=off", "-c", "max_connections=200"])
            .args(["-c", "unix_socket_directories="])
            .spawn()
            .expect("postgres runs");
        Some(Postgres {
            process,
            port,
            data,
            as_nobody,
            _directory: directory,
        })
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Waits until it is up, and makes the shop's database.
    pub async fn ready(&self) {
        for _ in 0..TRIES {
            if let Ok(client) = self.try_connect("postgres").await {
                let created = client.batch_execute("CREATE DATABASE shop").await;
                return created.expect("a fresh cluster has no shop");
            }
            rt::sleep(Duration::from_millis(20)).await;
        }
        panic!("PostgreSQL did not start");
    }

    pub async fn connect(&self) -> tokio_postgres::Client {
        self.try_connect("shop").await.expect("PostgreSQL is up")
    }

    async fn try_connect(&self, database: &str) -> io::Result<tokio_postgres::Client> {
        let stream = rt::connect(&self.address()).await?;
        let (client, driver) = tokio_postgres::Config::new()
            .user("shop")
            .dbname(database)
            .connect_raw(stream, NoTls)
            .await
            .map_err(io::Error::other)?;
        rt::spawn(driver);
        Ok(client)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGKILL would leave its shared memory behind.
        let stopped = program("pg_ctl", self.as_nobody)
            .args(["stop", "-m", "immediate", "-D"])
            .arg(&self.data)
            .status();
        if !stopped.is_ok_and(|status| status.success()) {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

fn program(name: &str, as_nobody: bool) -> Command {
    let mut command = Command::new(Path::new(POSTGRES_BIN).join(name));
    quiet(&mut command).current_dir("/");
    if as_nobody {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

pub struct Redis {
    process: Child,
    port: u16,
    _directory: Directory,
}

impl Redis {
    /// `None` where it is not installed.
    pub fn start() -> Option<Redis> {
        if !is_there(Path::new(REDIS)) {
            return None;
        }
        let directory = Directory::new("redis");
        let port = free_port();
        let process = quiet(&mut Command::new(REDIS))
            .current_dir(&directory.0)
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no"])
            .spawn()
            .expect("redis-server runs");
        Some(Redis {
            process,
            port,
            _directory: directory,
        })
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Waits until it is up.
    pub async fn ready(&self) {
        for _ in 0..TRIES {
            if self.try_ask(&redis::cmd("PING")).await.is_ok() {
                return;
            }
            rt::sleep(Duration::from_millis(20)).await;
        }
        panic!("Redis did not start");
    }

    pub async fn ask(&self, command: &redis::Cmd) -> redis::Value {
        self.try_ask(command).await.expect("Redis is up")
    }

    async fn try_ask(&self, command: &redis::Cmd) -> redis::RedisResult<redis::Value> {
        let stream = rt::connect(&self.address()).await?;
        let info = redis::RedisConnectionInfo::default();
        let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
        let (mut connection, driver) =
            redis::aio::MultiplexedConnection::new_with_config(&info, stream, config).await?;
        rt::spawn(driver);
        command.query_async(&mut connection).await
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
