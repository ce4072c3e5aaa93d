//! Scenario files: what is refused and how, and what the gallery owes.

mod failovers;
mod gallery;
mod plans;
mod refused;
mod saved;
