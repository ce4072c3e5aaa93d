//! The simulated Redis, from outside.

mod differential;
mod driver;
mod oracle;
mod support;
