//! A scenario: one file that says which world to build, what goes wrong in
//! it, and what is expected to come of it.
//!
//! Reading refuses what it does not know, with the file, the line and what is
//! allowed. A scenario that was read is valid: everything after trusts it.

mod calm;
mod check;
pub mod clocks;
mod cost;
mod fault;
mod labels;
pub(crate) mod limits;
mod network;
mod read;
mod redis;
pub mod units;

use serde::{Deserialize, Serialize};

pub use calm::CalmSpec;
pub(crate) use check::span_of;
pub use clocks::Clocks;
pub use cost::Cost;
pub use fault::{Down, FaultKind, FaultSpec};
pub(crate) use labels::is_known as is_label;
pub use network::{LinkSpec, Network, Travel};
pub(crate) use read::read_text;
pub use read::{ReadError, Setting};
pub use redis::{Redis, RedisReplica, Sentinel};

use crate::checks::Invariant;
use crate::net;
use crate::planted::Planted;
use crate::postgres::SynchronousCommit;
use crate::probes::Probe;
use crate::shop::{Fence, Idempotency, Reads, StockStrategy, Validity};
use units::{Count, Percent, Span, Time};

/// A whole scenario file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The file's name without its ending.
    #[serde(skip)]
    pub name: String,
    /// Where it was read from.
    #[serde(skip)]
    pub path: String,
    /// One line: what happens here.
    pub title: String,
    /// What goes wrong, why, and what would mend it.
    pub about: String,
    /// At most this many seeds a campaign, for a world that is heavy.
    pub max_seeds: Option<u64>,
    /// Bugs of the testbed's own parts, to show that they are caught.
    #[serde(default)]
    pub planted: Vec<Planted>,
    /// The order service.
    #[serde(default)]
    pub shop: Shop,
    /// What is for sale.
    #[serde(default)]
    pub catalog: Catalog,
    /// Who buys.
    #[serde(default)]
    pub buyers: Buyers,
    /// The simulated PostgreSQL.
    #[serde(default)]
    pub postgres: Postgres,
    /// The simulated Redis.
    #[serde(default)]
    pub redis: Redis,
    /// Links between nodes.
    #[serde(default)]
    pub network: Network,
    /// What nodes take the time to be.
    #[serde(default)]
    pub clocks: Clocks,
    /// In which orders messages arrive.
    #[serde(default)]
    pub search: Search,
    /// Faults that are always in the plan, or with a chance.
    #[serde(default, rename = "fault")]
    pub faults: Vec<FaultSpec>,
    /// Times without faults.
    #[serde(default, rename = "calm")]
    pub calms: Vec<CalmSpec>,
    /// Faults that are drawn.
    pub swarm: Option<Swarm>,
    /// How long the phases last.
    #[serde(default)]
    pub run: Run,
    /// What is expected over many seeds.
    pub expect: Expect,
}

/// The order service's configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shop {
    /// How many instances run.
    pub instances: u16,
    /// How stock is taken.
    pub stock: StockStrategy,
    /// What makes a repeated request harmless.
    pub idempotency: Idempotency,
    /// Connections to PostgreSQL an instance.
    pub pool_size: usize,
    /// The longest wait for any one answer.
    pub deadline: Time,
    /// After so long PostgreSQL ends a session that is idle in a transaction;
    /// never if zero.
    pub idle_timeout: Time,
    /// Which server of PostgreSQL answers reads outside of transactions.
    pub reads: Reads,
    /// How long a Redis lock lasts.
    pub lock_ttl: Time,
    /// How long a request tries for the lock.
    pub lock_wait: Time,
    /// How many of Redis's replicas must have a lock before it counts, as
    /// WAIT counts them.
    pub lock_replicas: u16,
    /// The pause between two tries.
    pub lock_retry: Time,
    /// How long Redlock waits for each of its servers.
    pub redlock_timeout: Time,
    /// Whether Redlock looks at how long a lock is still valid.
    pub redlock_validity: Validity,
    /// What the holder of a lock writes with, under `redis-lock` and
    /// `redlock`.
    pub fence: Fence,
    /// Time spent between reading the stock and writing it.
    pub work: Span,
    /// How often an optimistic transaction is tried again.
    pub optimistic_retries: u32,
}

impl Default for Shop {
    fn default() -> Shop {
        Shop {
            instances: 2,
            stock: StockStrategy::Naive,
            idempotency: Idempotency::UniqueKey,
            pool_size: 8,
            deadline: Time::ms(2_000),
            idle_timeout: Time::ms(5_000),
            reads: Reads::Primary,
            lock_ttl: Time::ms(1_000),
            lock_wait: Time::ms(1_000),
            lock_replicas: 0,
            lock_retry: Time::ms(20),
            redlock_timeout: Time::ms(50),
            redlock_validity: Validity::Checked,
            fence: Fence::None,
            work: Span::ms(0),
            optimistic_retries: 5,
        }
    }
}

/// The database server's configuration and what its work takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Postgres {
    /// Sessions that it serves at once; more are refused.
    pub max_connections: usize,
    /// What the work of a statement takes.
    pub cost: Cost,
    /// What it takes to make a commit safe on the disk.
    pub sync: Time,
    /// When a commit is answered, unless a session asks for something else.
    pub synchronous_commit: SynchronousCommit,
    /// How often the WAL writer makes safe what commits did not wait for.
    pub wal_writer_delay: Time,
    /// What a restart after a crash takes.
    pub recovery: Time,
    /// What replaying one record of the log takes.
    pub replay: Time,
    /// A hot standby, the node `postgres-replica`; none if it is left out.
    pub replica: Option<Replica>,
}

impl Default for Postgres {
    fn default() -> Postgres {
        Postgres {
            max_connections: 100,
            cost: Cost::default(),
            sync: Time::ms(0),
            synchronous_commit: SynchronousCommit::On,
            wal_writer_delay: Time::ms(200),
            recovery: Time::ms(0),
            replay: Time::ms(0),
            replica: None,
        }
    }
}

/// A hot standby that follows the database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Replica {
    /// How old a commit is at least before the replica shows it.
    pub apply_delay: Time,
    /// A commit waits for the replica too.
    pub synchronous: bool,
}

impl Default for Replica {
    fn default() -> Replica {
        Replica {
            apply_delay: Time::ms(0),
            synchronous: false,
        }
    }
}

/// One product and how many there are of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Catalog {
    /// Its name.
    pub sku: String,
    /// Units in stock at the start.
    pub units: u32,
    /// Other products on the same shelf, which nobody asks for.
    pub others: u32,
    /// An index leads from a name to its product; without it every look at
    /// the shelf reads all of it.
    pub indexed: bool,
}

impl Default for Catalog {
    fn default() -> Catalog {
        Catalog {
            sku: "last-one".to_owned(),
            units: 1,
            others: 0,
            indexed: true,
        }
    }
}

/// The buyers and how they behave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Buyers {
    /// How many there are; each wants one order.
    pub count: u32,
    /// Units an order asks for.
    pub quantity: u32,
    /// When they come.
    pub arrival: Arrival,
    /// How long a buyer waits for an answer before trying again.
    pub patience: Time,
    /// How often a buyer tries again, with the same key.
    pub retries: u32,
    /// The wait before the first retry; it doubles with each.
    pub backoff: Span,
    /// Buyers who click twice: the same request again, at once.
    pub double_click: Percent,
}

impl Default for Buyers {
    fn default() -> Buyers {
        Buyers {
            count: 2,
            quantity: 1,
            arrival: Arrival::Burst(Time::ms(10)),
            patience: Time::ms(3_000),
            retries: 2,
            backoff: Span {
                min_ns: 50_000_000,
                max_ns: 150_000_000,
            },
            double_click: Percent(0),
        }
    }
}

/// When buyers come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", try_from = "ArrivalKeys")]
pub enum Arrival {
    /// All within this time, evenly spread.
    Burst(Time),
    /// One after the other with this mean gap, as a Poisson process has them.
    Poisson(Time),
}

/// An arrival as a table of keys, of which one is given.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "{ burst = \"50ms\" } or { poisson = \"20ms\" }"
)]
struct ArrivalKeys {
    burst: Option<Time>,
    poisson: Option<Time>,
}

impl TryFrom<ArrivalKeys> for Arrival {
    type Error = &'static str;

    fn try_from(keys: ArrivalKeys) -> Result<Arrival, Self::Error> {
        match (keys.burst, keys.poisson) {
            (Some(within), None) => Ok(Arrival::Burst(within)),
            (None, Some(gap)) => Ok(Arrival::Poisson(gap)),
            _ => Err("buyers come in one way: give `burst` or `poisson`"),
        }
    }
}

/// How the order of messages is searched. The keys beside `policy` are those
/// of `pct`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Search {
    /// Which policy every plan has. If it is left out, a swarm draws one for
    /// each plan, and without a swarm it is `uniform`.
    pub policy: Option<net::Policy>,
    /// At how many deliveries a priority changes.
    pub change_points: u32,
    /// Within how many deliveries from the start they lie.
    pub deliveries: u64,
}

impl Default for Search {
    fn default() -> Search {
        let net::Search {
            change_points,
            deliveries,
            ..
        } = net::Search::default();
        Search {
            policy: None,
            change_points,
            deliveries,
        }
    }
}

/// Faults of random kinds at random times. Each plan leaves out a random half
/// of the kinds, and likes some of the others far more than the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Swarm {
    /// How many faults a plan has.
    pub faults: Count,
    /// The kinds to draw from; all of them if none is named.
    #[serde(default)]
    pub kinds: Vec<FaultKind>,
    /// When they begin.
    #[serde(default = "Swarm::at")]
    pub at: Span,
    /// How long they last.
    #[serde(default = "Swarm::lasts")]
    pub lasts: Span,
    /// How many times without faults a plan has.
    #[serde(default = "Swarm::calms")]
    pub calms: Count,
}

impl Swarm {
    fn calms() -> Count {
        Count { min: 0, max: 1 }
    }

    fn at() -> Span {
        Span {
            min_ns: 0,
            max_ns: 200_000_000,
        }
    }

    fn lasts() -> Span {
        Span {
            min_ns: 20_000_000,
            max_ns: 3_000_000_000,
        }
    }
}

/// How long a run may take, in virtual time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Run {
    /// Faults end when this is over, if not sooner.
    pub faults: Time,
    /// After healing, everyone must have an answer within this time.
    pub drain: Time,
    /// Task polls after which a world counts as stuck.
    pub polls_max: u64,
}

impl Default for Run {
    fn default() -> Run {
        Run {
            faults: Time::ms(10_000),
            drain: Time::ms(30_000),
            polls_max: 50_000_000,
        }
    }
}

/// What the seeds of a campaign must show.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// Every invariant holds in every seed. The default when nothing is
    /// promised to break; to say it is to say it twice, and welcome.
    pub holds: Option<bool>,
    /// Each of these breaks in at least one seed.
    pub violates: Vec<Invariant>,
    /// A seed is not the same when it is run again: only a canary of the
    /// testbed promises that. Every seed is then run twice.
    pub differs: bool,
    /// These may break as a consequence, and are not judged.
    pub may: Vec<Invariant>,
    /// Each of these is reached in at least one seed.
    pub reaches: Vec<Probe>,
}

impl Scenario {
    /// The names of the service's nodes.
    pub fn instances(&self) -> impl Iterator<Item = String> + use<> {
        (0..self.shop.instances).map(|index| format!("shop-{index}"))
    }

    /// The bug that is planted in one part, if one is.
    pub fn planted_in<B>(&self) -> Option<B>
    where
        Planted: TryInto<B>,
    {
        let planted = self.planted.iter();
        planted.copied().find_map(|bug| bug.try_into().ok())
    }

    /// How many Redis servers have to grant a lock before it is held.
    pub fn lock_quorum(&self) -> usize {
        match self.shop.stock {
            StockStrategy::Redlock => usize::from(self.redis.primaries) / 2 + 1,
            _ => 1,
        }
    }

    /// Every node that a fault can name.
    pub fn nodes(&self) -> Vec<String> {
        let fixed = ["buyers", "postgres"].map(str::to_owned);
        let replica = self.postgres.replica.iter();
        let replica = replica.map(|_| "postgres-replica".to_owned());
        fixed
            .into_iter()
            .chain(self.redis.primaries())
            .chain(self.instances())
            .chain(replica)
            .chain(self.redis.replicas())
            .chain(self.redis.sentinels())
            .collect()
    }
}

impl Expect {
    /// The promise as `[expect]` would put it in one line.
    pub fn summary(&self) -> String {
        match self.violates.is_empty() {
            true if self.differs => "differs".to_owned(),
            true => "holds".to_owned(),
            false => {
                let names: Vec<_> = self.violates.iter().map(ToString::to_string).collect();
                format!("violates {}", names.join(", "))
            }
        }
    }
}
