//! The determinism contract, held from outside: the same scenario and seed
//! give the same history, event for event.

mod golden;
mod limits;
mod orders;
mod policies;
mod repeat;
