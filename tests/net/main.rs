//! The simulated network, from outside: what two programs see of it.

mod behaviour;
mod clocks;
mod differential;
mod draws;
mod limits;
mod links;
mod losses;
mod one_way;
mod rules;
mod world;
