//! The simulated Redis, from outside.

mod driver;
mod support;
