//! The simulated Redis, from outside.

mod conversations;
mod deadlines;
mod differential;
mod driver;
mod dump;
mod oracle;
mod persistence;
mod scripts;
mod support;
