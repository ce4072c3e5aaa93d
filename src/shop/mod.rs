//! The order service under test: a shop that must not sell the last item
//! twice.
//!
//! It is production code as far as it knows: HTTP by axum on hyper, PostgreSQL
//! by tokio-postgres behind a deadpool pool, Redis by redis-rs. It runs as any
//! number of instances, which share nothing but the two servers, and takes
//! tasks, time, randomness and sockets from [`rt`](crate::rt) alone; so it
//! runs in a simulation and, unchanged, against real servers.
//!
//! An order is one `POST /orders`. How its stock is guarded is one of the
//! [stock strategies](StockStrategy); what a repeated `Idempotency-Key` does
//! is one of the [idempotency variants](Idempotency). Every answer says one
//! of three things, and must never say the wrong one: placed (201), not
//! placed (409, 422, 503, 4xx), or not known (504).

mod bug;
mod database;
mod error;
mod http;
mod idempotency;
mod lock;
mod options;
mod order;
mod reads;
mod redis_link;
mod redis_primary;
mod sale;
pub mod schema;
mod server;
mod stock;

pub use bug::Bug;
pub use error::{BadRequest, Busy, Error};
pub use http::ANSWER_LABELS;
pub use idempotency::Idempotency;
pub use lock::LOCK_PREFIX;
pub use options::Options;
pub use order::{NewOrder, Order, Product};
pub use reads::Reads;
pub use redis_primary::PRIMARY_NAME;
pub use schema::{others_sql, schema, stock_sql};
pub use server::{Server, StartError, serve};
pub use stock::{Fence, StockStrategy, Validity};
