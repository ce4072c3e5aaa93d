//! The simulated network, from outside: what two programs see of it.

mod behaviour;
mod clocks;
mod draws;
mod links;
mod losses;
mod rules;
mod world;
