//! The few colours, by what they mean.

use anstyle::{AnsiColor, Style};

/// Broken, not met, crashed.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// Holds, met.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Nobody can say.
pub const UNSURE: Style = AnsiColor::Yellow.on_default();
/// Headings, and what to type.
pub const STRONG: Style = Style::new().bold();
/// What can be skipped.
pub const DIM: Style = Style::new().dimmed();

/// `text` in a style.
pub(super) fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}
