//! The simulated Redis, from outside.

mod deadlines;
mod differential;
mod driver;
mod oracle;
mod scripts;
mod support;
