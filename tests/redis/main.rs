//! The simulated Redis, from outside.

mod clients;
mod conversations;
mod deadlines;
mod differential;
mod driver;
mod dump;
mod eviction;
mod functions;
mod fuzz;
#[path = "../fuzzed/mod.rs"]
mod fuzzed;
mod limits;
mod long_scripts;
mod monitoring;
mod oracle;
mod persistence;
#[path = "../real/place.rs"]
mod place;
mod propagation;
mod recipes;
#[path = "../real/redis_server.rs"]
mod redis_server;
mod replication;
mod scripts;
mod sentinel;
#[path = "../served/mod.rs"]
mod served;
mod support;
