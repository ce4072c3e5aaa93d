//! The buyers: they come when the plan says, ask the service for an order,
//! wait as long as they have patience, and ask again with the same key.
//!
//! A buyer never guesses. An answer that says so is ok (placed) or fail (not
//! placed); a time-out, a reset or a 504 is info: the order may be there. Who
//! runs out of retries without knowing comes back once the world has healed,
//! and asks until there is an answer.

mod client;
mod gateway;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};

use crate::history::{Event, Recorder};
use crate::plan::Visit;
use crate::rt;
use client::{Answer, Way};
pub use gateway::Gateway;

/// What buyers label their requests with.
pub const LABELS: &[&str] = &[client::ORDER];

/// The wait between two requests of a buyer who came back after healing.
const COME_BACK: Duration = Duration::from_millis(250);

/// The most a back-off grows to.
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// All buyers of a world, and the gate that opens when it heals.
pub struct Market {
    instances: Vec<String>,
    gateway: Arc<Gateway>,
    recorder: Recorder,
    now_ns: Box<dyn Fn() -> u64 + Send + Sync>,
    /// Closed when the world has healed.
    unhealed: Semaphore,
    waiting: std::sync::atomic::AtomicUsize,
    all_answered: Notify,
}

impl Market {
    /// Buyers who ask these `host:port` addresses and record what they do at
    /// the virtual time that `now_ns` gives.
    pub fn new(
        instances: Vec<String>,
        recorder: Recorder,
        now_ns: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Arc<Market> {
        Arc::new(Market {
            instances,
            gateway: Arc::default(),
            recorder,
            now_ns: Box::new(now_ns),
            unhealed: Semaphore::new(0),
            waiting: Default::default(),
            all_answered: Notify::new(),
        })
    }

    /// What stands between buyers and the service.
    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// Starts every visit of a plan; they run on the caller's node.
    pub fn open(self: &Arc<Market>, visits: &[Visit]) {
        let waiting = &self.waiting;
        waiting.store(visits.len(), std::sync::atomic::Ordering::Relaxed);
        for visit in visits {
            let (market, visit) = (self.clone(), visit.clone());
            rt::spawn(async move {
                market.visit(&visit).await;
                if market
                    .waiting
                    .fetch_sub(1, std::sync::atomic::Ordering::Relaxed)
                    == 1
                {
                    market.all_answered.notify_one();
                }
            });
        }
        if visits.is_empty() {
            self.all_answered.notify_one();
        }
    }

    /// Waits until every visit has a definite answer.
    pub async fn all_answered(&self) {
        self.all_answered.notified().await;
        self.all_answered.notify_one();
    }

    /// Tells those who wait for it that the world is kind again.
    pub fn heal(&self) {
        self.unhealed.close();
    }

    async fn visit(&self, visit: &Visit) {
        rt::sleep(Duration::from_nanos(visit.at_ns)).await;
        let mut backoff = Duration::from_nanos(visit.backoff_ns);
        let mut in_doubt = false;
        for attempt in 1.. {
            match self.attempt(visit, attempt).await {
                Answer::Placed(_) => return,
                Answer::Refused {
                    final_answer: true, ..
                } => return,
                Answer::Refused { .. } => {}
                Answer::Unknown(_) => in_doubt = true,
            }
            if attempt <= visit.retries {
                rt::sleep(backoff).await;
                backoff = (backoff * 2).min(BACKOFF_MAX);
            } else if in_doubt {
                self.healed().await;
                rt::sleep(COME_BACK).await;
            } else {
                return;
            }
        }
    }

    async fn healed(&self) {
        // Nothing is ever to be had from it: it answers when it is closed.
        let _closed = self.unhealed.acquire().await;
    }

    async fn attempt(&self, visit: &Visit, attempt: u32) -> Answer {
        let index = usize::from(visit.instance) + attempt as usize - 1;
        let instance = |index: usize| &self.instances[index % self.instances.len()];
        let node = |address: &str| address.split(':').next().unwrap_or_default().to_owned();
        let (address, next) = (instance(index), instance(index + 1));
        self.record(Event::Invoke {
            visit: visit.id,
            attempt,
            buyer: visit.buyer,
            key: visit.key.clone(),
            sku: visit.sku.clone(),
            quantity: i64::from(visit.quantity),
            node: node(address),
        });
        let resent = || {
            self.record(Event::Resent {
                visit: visit.id,
                attempt,
                node: node(next),
            });
        };
        let way = Way {
            address,
            gateway: &self.gateway,
            next,
            resent: &resent,
        };
        let answer = client::order(&way, visit).await;
        let (visit, key) = (visit.id, visit.key.clone());
        self.record(match answer.clone() {
            Answer::Placed(order) => Event::Ok {
                visit,
                attempt,
                key,
                order,
            },
            Answer::Refused {
                reason,
                final_answer,
            } => Event::Fail {
                visit,
                attempt,
                key,
                reason,
                final_answer,
            },
            Answer::Unknown(reason) => Event::Info {
                visit,
                attempt,
                key,
                reason,
            },
        });
        answer
    }

    fn record(&self, event: Event) {
        self.recorder.record((self.now_ns)(), event);
    }
}
