//! The simulated PostgreSQL, asked through the real driver: over loopback
//! sockets, inside a simulation, and side by side with a real PostgreSQL 15.

mod analysed;
mod bugs;
mod clients;
#[path = "../real/cluster.rs"]
mod cluster;
mod conversations;
mod copying;
mod corpus;
mod cost;
mod crash;
mod definitions;
mod depth;
mod differential;
mod driver;
mod durability;
mod endless;
mod errors;
mod fuzz;
#[path = "../fuzzed/mod.rs"]
mod fuzzed;
mod hermitage;
mod isolation;
#[path = "../real/place.rs"]
mod place;
mod protocol;
mod quals;
mod replication;
mod schedules;
#[path = "../served/mod.rs"]
mod served;
mod sessions;
mod standby;
mod support;
mod syntax;
