//! Scenario files: what is refused and how, and what the gallery owes.

mod gallery;
mod plans;
mod refused;
mod saved;
