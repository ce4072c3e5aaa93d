//! Bugs planted in the testbed's own parts: `postgres.skip-recheck`,
//! `shop.answers-before-commit`. A check that cannot catch one is worth
//! nothing; a scenario that plants one shows that its checks are awake.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::named::named;
use crate::{net, postgres, redis, shop};

named! {
    /// A bug of the world that everything runs in.
    pub enum WorldBug: "bug of the world" {
        /// A task is always ready, so that time gets nowhere.
        BusyTask = "busy-task",
        /// Nothing is ever due, and everybody waits.
        Standstill = "standstill",
        /// Something waits for a time that the machine's randomness chose.
        RealRandomness = "real-randomness",
    }
}

/// A planted bug, by the part it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// In the simulated network.
    Network(net::Bug),
    /// In the simulated PostgreSQL.
    Postgres(postgres::Bug),
    /// In the simulated Redis.
    Redis(redis::Bug),
    /// In the order service.
    Shop(shop::Bug),
    /// In the world itself.
    World(WorldBug),
}

/// The bug of a part, of any that is planted in that part.
macro_rules! parts {
    ($($part:ident: $bug:ty,)+) => { $(
        impl TryFrom<Planted> for $bug {
            type Error = Planted;

            fn try_from(planted: Planted) -> Result<$bug, Planted> {
                match planted {
                    Planted::$part(bug) => Ok(bug),
                    elsewhere => Err(elsewhere),
                }
            }
        }
    )+ };
}

parts! {
    Network: net::Bug,
    Postgres: postgres::Bug,
    Redis: redis::Bug,
    Shop: shop::Bug,
    World: WorldBug,
}

impl Planted {
    /// Every bug that can be planted.
    pub fn all() -> Vec<Planted> {
        let network = net::Bug::ALL.iter().copied().map(Planted::Network);
        let postgres = postgres::Bug::ALL.iter().copied().map(Planted::Postgres);
        let redis = redis::Bug::ALL.iter().copied().map(Planted::Redis);
        let shop = shop::Bug::ALL.iter().copied().map(Planted::Shop);
        let world = WorldBug::ALL.iter().copied().map(Planted::World);
        let servers = postgres.chain(redis);
        servers.chain(shop).chain(network).chain(world).collect()
    }
}

impl fmt::Display for Planted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Planted::Network(bug) => write!(f, "network.{bug}"),
            Planted::Postgres(bug) => write!(f, "postgres.{bug}"),
            Planted::Redis(bug) => write!(f, "redis.{bug}"),
            Planted::Shop(bug) => write!(f, "shop.{bug}"),
            Planted::World(bug) => write!(f, "world.{bug}"),
        }
    }
}

impl FromStr for Planted {
    type Err = String;

    fn from_str(name: &str) -> Result<Planted, String> {
        let all = Planted::all();
        all.iter()
            .copied()
            .find(|planted| planted.to_string() == name)
            .ok_or_else(|| {
                let names: Vec<_> = all.iter().map(ToString::to_string).collect();
                format!("no bug `{name}` to plant; there are: {}", names.join(", "))
            })
    }
}

impl Serialize for Planted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Planted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Planted, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}
