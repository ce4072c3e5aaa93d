//! `serve`: a simulated server on a real socket and the machine's clocks, for
//! psql, redis-cli and whoever else speaks its protocol.
//!
//! It is the same engine as in a simulation. It lets everyone in without a
//! password, so it listens on loopback unless `--public` says otherwise. One
//! line on stdout says where it listens; SIGINT or SIGTERM ends it, and so does
//! SHUTDOWN.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use futures_util::future::{Either, select};
use tokio::signal::unix::{SignalKind, signal};

use super::{Exit, Stop, output};
use crate::redis::sentinel::{self, Address, Monitor};
use crate::rt::Listener;
use crate::{postgres, redis};

/// Serve a simulated server on a real socket.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Which server.
    server: Kind,
    /// Where to listen; port 0 for any that is free. The default is the
    /// server's usual port on 127.0.0.1.
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Allow an address that is not loopback. Whoever reaches it is let in
    /// without a password.
    #[arg(long)]
    public: bool,
    /// Set an option of the server, such as max_connections=5; may be given
    /// more than once.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<NameValue>,
    /// Follow a primary from the start, as REPLICAOF does (redis).
    #[arg(long, num_args = 2, value_names = ["HOST", "PORT"])]
    replicaof: Option<Vec<String>>,
    /// Be a sentinel that watches this primary, on port 26379 if nothing else
    /// is said (redis).
    #[arg(long, num_args = 4, conflicts_with = "replicaof",
          value_names = ["NAME", "HOST", "PORT", "QUORUM"])]
    sentinel: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Postgres,
    Redis,
}

/// One `--set`.
#[derive(Debug, Clone)]
struct NameValue {
    name: String,
    value: String,
}

impl FromStr for NameValue {
    type Err = String;

    fn from_str(text: &str) -> Result<NameValue, String> {
        let (name, value) = text
            .split_once('=')
            .ok_or("write NAME=VALUE, such as max_connections=5")?;
        Ok(NameValue {
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
        })
    }
}

/// A server that is ready to serve.
enum Server {
    Postgres(postgres::Server),
    Redis(redis::Server),
}

/// Stack of a thread that serves: deep expressions are parsed by recursion.
const STACK_BYTES: usize = 16 << 20;

/// Ten minutes, about: who serves has SCRIPT KILL.
const SCRIPT_INSTRUCTIONS_MAX: u64 = 100_000_000_000;

/// A number among the values of a flag.
fn number(
    flag: &str,
    name: &str,
    text: &str,
    range: std::ops::RangeInclusive<u16>,
) -> Result<u16, Stop> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        let (least, most) = (range.start(), range.end());
        Stop::Usage(format!(
            "{flag}: {name} is {text}; it can be {least} to {most}"
        ))
    })
}

impl Serve {
    pub(super) fn run(self) -> Result<Exit, Stop> {
        let address = self.address()?;
        let server = self.server()?;
        // Redis has one thread, and clients rely on the order in which it
        // takes what arrives.
        let mut builder = match self.server {
            Kind::Postgres => tokio::runtime::Builder::new_multi_thread(),
            Kind::Redis => tokio::runtime::Builder::new_current_thread(),
        };
        let runtime = builder
            .enable_all()
            .thread_stack_size(STACK_BYTES)
            .build()
            .map_err(|error| Stop::Internal(format!("cannot start threads: {error}")))?;
        let ended = runtime.block_on(serve(server, address));
        // Whoever is still served has nothing to wait for.
        runtime.shutdown_background();
        ended
    }

    /// The address, if it may be listened on.
    fn address(&self) -> Result<SocketAddr, Stop> {
        let default = match self.server {
            Kind::Postgres => "127.0.0.1:5432",
            Kind::Redis if self.sentinel.is_some() => "127.0.0.1:26379",
            Kind::Redis => "127.0.0.1:6379",
        };
        let wanted = self.listen.as_deref().unwrap_or(default);
        let found = wanted.to_socket_addrs().map(|mut found| found.next());
        let address = found.ok().flatten().ok_or_else(|| {
            Stop::Usage(format!(
                "--listen {wanted}: not an address; write HOST:PORT, such as {default}, with port \
                 0 for any that is free"
            ))
        })?;
        if !address.ip().is_loopback() && !self.public {
            return Err(Stop::Usage(format!(
                "--listen {wanted}: {} is not a loopback address, and whoever reaches this server \
                 is let in without a password; give --public if that is wanted",
                address.ip()
            )));
        }
        Ok(address)
    }

    /// Refuses what only Redis has.
    fn is_redis(&self) -> Result<(), Stop> {
        let given = [
            ("--replicaof", self.replicaof.is_some()),
            ("--sentinel", self.sentinel.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((flag, _)) => Err(Stop::Usage(format!(
                "{flag} is for redis, not for postgres"
            ))),
            None => Ok(()),
        }
    }

    /// Whom to follow.
    fn primary(&self) -> Result<Option<(String, u16)>, Stop> {
        let Some([host, text]) = self.replicaof.as_deref() else {
            return Ok(None);
        };
        let port = number("--replicaof", "PORT", text, 1..=65_535)?;
        Ok(Some((host.clone(), port)))
    }

    /// What to watch.
    fn sentinel(&self) -> Result<Option<sentinel::Options>, Stop> {
        let Some([name, host, port, quorum]) = self.sentinel.as_deref() else {
            return Ok(None);
        };
        let address = Address {
            host: host.clone(),
            port: number("--sentinel", "PORT", port, 1..=65_535)?,
        };
        let quorum = number("--sentinel", "QUORUM", quorum, 1..=1_000)?;
        let monitor = Monitor::new(name, address, quorum.into());
        Ok(Some(sentinel::Options::new(vec![monitor])))
    }

    fn server(&self) -> Result<Server, Stop> {
        let refused = |NameValue { name, value }: &NameValue, why| {
            Stop::Usage(format!("--set {name}={value}: {why}"))
        };
        Ok(match self.server {
            Kind::Postgres => {
                self.is_redis()?;
                let mut options = postgres::Options::default();
                for one in &self.settings {
                    let set = options.set(&one.name, &one.value);
                    set.map_err(|why| refused(one, why))?;
                }
                let disk = postgres::Disk::new();
                Server::Postgres(postgres::Server::start(&disk, options, Arc::new(())))
            }
            Kind::Redis => {
                let mut options = redis::Options {
                    script_instructions_max: SCRIPT_INSTRUCTIONS_MAX,
                    replica_of: self.primary()?,
                    sentinel: self.sentinel()?,
                    ..redis::Options::default()
                };
                for one in &self.settings {
                    let set = options.set(&one.name, &one.value);
                    set.map_err(|why| refused(one, why))?;
                }
                Server::Redis(redis::Server::start(options, Arc::new(())))
            }
        })
    }
}

/// Serves until a signal ends it.
async fn serve(server: Server, address: SocketAddr) -> Result<Exit, Stop> {
    let cannot = |error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => Stop::Usage(format!(
            "cannot listen on {address}: another program does; choose another port with --listen, \
             or port 0 for any that is free"
        )),
        _ => Stop::Usage(format!("cannot listen on {address}: {error}")),
    };
    let failed = |error: io::Error| Stop::Internal(format!("cannot wait for signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let listener = Listener::bind(&address.to_string()).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    output::say(&format!("listening on {address}\n"))?;
    let signals = std::pin::pin!(async {
        let (interrupt, terminate) = (interrupt.recv(), terminate.recv());
        select(std::pin::pin!(interrupt), std::pin::pin!(terminate)).await;
    });
    let serving = std::pin::pin!(server.serve(listener));
    match select(signals, serving).await {
        Either::Left(_) => Ok(Exit::Met),
        Either::Right((Ok(()), _)) => Ok(Exit::Met),
        Either::Right((Err(why), _)) => {
            Err(Stop::Internal(format!("the server has stopped: {why}")))
        }
    }
}

impl Server {
    async fn serve(&self, listener: Listener) -> io::Result<()> {
        match self {
            Server::Postgres(server) => server.serve(listener).await,
            Server::Redis(server) => server.serve(listener).await,
        }
    }
}
