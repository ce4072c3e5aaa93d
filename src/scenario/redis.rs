//! `[redis]`: the servers of Redis, and who watches over them.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::units::Time;
use crate::redis::{EvictionPolicy, Persistence};

/// How Redis is run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Redis {
    /// How many primaries there are, none of which knows of the others, as
    /// Redlock wants them: the nodes `redis-1`, `redis-2` and so on. One alone
    /// is the node `redis`.
    pub primaries: u16,
    /// What a turn for one client's requests takes: all clients share one
    /// thread.
    pub turn: Time,
    /// What a restart keeps.
    pub persistence: Persistence,
    /// The most memory that data may take, in bytes as `used_memory` counts
    /// them, with 876,224 for the server itself; 0 is no limit.
    pub maxmemory: u64,
    /// Which keys go when it is reached.
    pub policy: EvictionPolicy,
    /// Somebody uses the same Redis as a cache and puts a page of
    /// 4 kB into it this often; never if zero. Of several
    /// primaries it uses the first.
    pub page_every: Time,
    /// Servers that follow the primary, the node `redis-replica` the first of
    /// them; none if it is left out.
    pub replica: Option<RedisReplica>,
    /// Sentinels, the nodes `sentinel-1` and on, which fail over by
    /// themselves and are asked for the primary; none if it is left out.
    pub sentinel: Option<Sentinel>,
}

impl Default for Redis {
    fn default() -> Redis {
        Redis {
            primaries: 1,
            turn: Time::us(10),
            persistence: Persistence::None,
            maxmemory: 0,
            policy: EvictionPolicy::NoEviction,
            page_every: Time::ms(0),
            replica: None,
            sentinel: None,
        }
    }
}

/// Replicas, and what the primary asks of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RedisReplica {
    /// How many there are: `redis-replica`, `redis-replica-2` and on.
    pub count: u16,
    /// A primary refuses writes if fewer replicas follow it closely.
    pub min_replicas_to_write: u32,
    /// How many seconds such a replica may have been silent.
    pub min_replicas_max_lag: u32,
}

impl Default for RedisReplica {
    fn default() -> RedisReplica {
        RedisReplica {
            count: 1,
            min_replicas_to_write: 0,
            min_replicas_max_lag: 10,
        }
    }
}

/// Sentinels, and when they act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sentinel {
    /// How many there are.
    pub count: u16,
    /// How many have to find the primary down.
    pub quorum: u16,
    /// How long an instance may be silent.
    pub down_after: Time,
    /// How long a failover may take, and half the time to the next.
    pub failover_timeout: Time,
}

impl Default for Sentinel {
    fn default() -> Sentinel {
        Sentinel {
            count: 3,
            quorum: 2,
            down_after: Time::ms(500),
            failover_timeout: Time::ms(10_000),
        }
    }
}

impl Redis {
    /// The nodes of the primaries.
    pub fn primaries(&self) -> Vec<String> {
        match self.primaries {
            1 => vec!["redis".to_owned()],
            several => (1..=several).map(|one| format!("redis-{one}")).collect(),
        }
    }

    /// The nodes of the replicas.
    pub fn replicas(&self) -> impl Iterator<Item = String> + use<> {
        let count = self.replica.as_ref().map_or(0, |replica| replica.count);
        (1..=count).map(|number| match number {
            1 => "redis-replica".to_owned(),
            number => format!("redis-replica-{number}"),
        })
    }

    /// The nodes of the sentinels.
    pub fn sentinels(&self) -> impl Iterator<Item = String> + use<> {
        let count = self.sentinel.as_ref().map_or(0, |sentinel| sentinel.count);
        (1..=count).map(|number| format!("sentinel-{number}"))
    }

    /// Counts and what they can be.
    pub(super) fn sizes(&self) -> Vec<(&'static str, u64, RangeInclusive<u64>)> {
        let mut sizes = vec![("redis.primaries", self.primaries.into(), 1..=99)];
        if let Some(replica) = &self.replica {
            sizes.push(("redis.replica.count", replica.count.into(), 1..=9));
        }
        if let Some(sentinel) = &self.sentinel {
            let (count, quorum) = (sentinel.count.into(), sentinel.quorum.into());
            sizes.push(("redis.sentinel.count", count, 1..=9));
            sizes.push(("redis.sentinel.quorum", quorum, 1..=count));
        }
        sizes
    }
}
