//! What people and programs get to read: the story of a seed, the table of a
//! campaign, and both as JSON.
//!
//! Everything here turns results into text. Colours are always written; the
//! stream that the text goes to drops them where nobody can see them.

mod campaign;
mod ending;
mod holders;
pub mod json;
mod promise;
mod rerun;
mod sales;
mod story;
mod style;
mod table;
mod words;

pub use campaign::summary;
pub use rerun::Rerun;
pub use story::{Story, StoryOptions};
pub use style::{BAD, DIM, GOOD, STRONG, UNSURE};
pub use table::list;

#[cfg(test)]
mod tests;
