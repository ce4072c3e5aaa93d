//! What an instance is told when it starts.

use std::ops::Range;
use std::time::Duration;

use super::{Bug, Fence, Idempotency, StockStrategy, Validity};

/// What an instance is told when it starts: plain data, printed whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where to listen, `host:port`.
    pub listen: String,
    /// Where PostgreSQL is, `host:port`; of several, separated by commas, the
    /// one that takes writes is used.
    pub postgres: String,
    /// Where reads outside of transactions go, in the same form: the first
    /// that answers is used. To where the writes go if None.
    pub replica: Option<String>,
    /// The role to connect as. It must not need a password.
    pub postgres_user: String,
    /// The database to connect to.
    pub postgres_database: String,
    /// Where Redis is, `host:port`. Only strategies that lock connect to it:
    /// of several, separated by commas, `redlock` asks all, and others the
    /// primary.
    pub redis: String,
    /// Sentinels, `host:port` each, that know the primary as
    /// [`PRIMARY_NAME`](super::PRIMARY_NAME). If there are any, they are asked
    /// instead.
    pub sentinels: Vec<String>,
    /// How stock is guarded.
    pub stock: StockStrategy,
    /// What a repeated `Idempotency-Key` does.
    pub idempotency: Idempotency,
    /// PostgreSQL connections, at most.
    pub pool_size: usize,
    /// How long each call may take: a wait for the pool with the connection
    /// it may open, a statement, a commit, a Redis command.
    pub deadline: Duration,
    /// After so long PostgreSQL ends a session that is idle in a transaction:
    /// the transaction of an instance that died without a word. Never if zero.
    pub idle_timeout: Duration,
    /// How long a lock in Redis lasts if nobody releases it.
    pub lock_ttl: Duration,
    /// How long to try for a lock.
    pub lock_wait: Duration,
    /// How many replicas must have a lock before it counts, as WAIT counts
    /// them. WAIT takes no more than half the deadline.
    pub lock_replicas: usize,
    /// The pause between two tries.
    pub lock_retry: Duration,
    /// How long `redlock` waits for each of its servers.
    pub redlock_timeout: Duration,
    /// Whether `redlock` looks at how long a lock is still valid.
    pub redlock_validity: Validity,
    /// What the holder of a lock writes with, under `redis-lock` and
    /// `redlock`.
    pub fence: Fence,
    /// How long the service thinks between reading the stock and writing it,
    /// as it would for a price or a fraud call: drawn evenly from the range.
    pub work: Range<Duration>,
    /// How often a sale that lost a race on the version starts over.
    pub retries: u32,
    /// Whether the products table refuses a quantity below zero.
    pub check_quantity: bool,
    /// Whether an index leads from a product's name to its row.
    pub index_skus: bool,
    /// A bug to plant.
    pub planted: Option<Bug>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            listen: "127.0.0.1:8080".to_owned(),
            postgres: "127.0.0.1:5432".to_owned(),
            replica: None,
            postgres_user: "shop".to_owned(),
            postgres_database: "shop".to_owned(),
            redis: "127.0.0.1:6379".to_owned(),
            sentinels: Vec::new(),
            stock: StockStrategy::TripleLayered,
            idempotency: Idempotency::UniqueKey,
            pool_size: 10,
            deadline: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(5),
            lock_ttl: Duration::from_secs(5),
            lock_wait: Duration::from_secs(2),
            lock_replicas: 0,
            lock_retry: Duration::from_millis(20),
            redlock_timeout: Duration::from_millis(50),
            redlock_validity: Validity::Checked,
            fence: Fence::None,
            work: Duration::ZERO..Duration::ZERO,
            retries: 10,
            check_quantity: false,
            index_skus: true,
            planted: None,
        }
    }
}

impl Options {
    /// Whether `bug` is planted.
    pub(super) fn has(&self, bug: Bug) -> bool {
        self.planted == Some(bug)
    }

    /// What makes these options unusable, if anything does.
    pub(super) fn fault(&self) -> Option<&'static str> {
        if self.pool_size == 0 {
            Some("pool_size must be at least 1")
        } else if self.deadline.is_zero() {
            Some("deadline must be longer than zero")
        } else if self.lock_ttl.as_millis() == 0 {
            Some("lock_ttl must be at least a millisecond")
        } else if self.lock_retry.is_zero() {
            Some("lock_retry must be longer than zero")
        } else if self.redlock_timeout.is_zero() {
            Some("redlock_timeout must be longer than zero")
        } else if self.stock == StockStrategy::Redlock && self.fence == Fence::Counter {
            Some("the servers of a redlock count each by itself: fence cannot be `counter`")
        } else if self.work.end < self.work.start {
            Some("work must not end before it starts")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for &stock in StockStrategy::ALL {
            assert_eq!(stock.to_string().parse(), Ok(stock));
        }
        for &idempotency in Idempotency::ALL {
            assert_eq!(idempotency.to_string().parse(), Ok(idempotency));
        }
        for &bug in Bug::ALL {
            assert_eq!(bug.to_string().parse(), Ok(bug));
        }
        for &fence in Fence::ALL {
            assert_eq!(fence.to_string().parse(), Ok(fence));
        }
        for &validity in Validity::ALL {
            assert_eq!(validity.to_string().parse(), Ok(validity));
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_what_there_is() {
        let error = "optimist".parse::<StockStrategy>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "no stock strategy `optimist`; there are: naive, atomic-sql, optimistic, \
             pessimistic, redis-lock, redlock, triple-layered"
        );
        let error = "".parse::<Idempotency>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "no idempotency variant ``; there are: none, check-then-insert, unique-key"
        );
    }

    #[test]
    fn a_name_is_a_string_in_a_file() {
        let stock: StockStrategy = serde_json::from_str("\"atomic-sql\"").unwrap();
        assert_eq!(stock, StockStrategy::AtomicSql);
        assert_eq!(serde_json::to_string(&stock).unwrap(), "\"atomic-sql\"");
        assert!(serde_json::from_str::<Bug>("\"none\"").is_err());
    }

    #[test]
    fn options_that_cannot_work_are_refused() {
        let default = Options::default();
        assert_eq!(default.fault(), None);
        let faulty = [
            Options {
                pool_size: 0,
                ..default.clone()
            },
            Options {
                deadline: Duration::ZERO,
                ..default.clone()
            },
            Options {
                lock_ttl: Duration::from_micros(999),
                ..default.clone()
            },
            Options {
                lock_retry: Duration::ZERO,
                ..default.clone()
            },
            Options {
                redlock_timeout: Duration::ZERO,
                ..default.clone()
            },
            Options {
                stock: StockStrategy::Redlock,
                fence: Fence::Counter,
                ..default.clone()
            },
            Options {
                work: Duration::from_secs(2)..Duration::from_secs(1),
                ..default
            },
        ];
        for options in faulty {
            assert!(options.fault().is_some(), "{options:?}");
        }
    }
}
