//! How full the queue of notifications is.
//!
//! PostgreSQL writes what NOTIFY says on the pages of one queue, from which
//! every listener reads outside of its transactions: the slowest keeps all
//! that came after, and pg_notification_queue_usage() tells how much of the
//! whole that is. What a listener is sent lies in its own inbox here; of the
//! queue only positions are kept.

/// PostgreSQL's page, and as many as can be in use at a time.
const PAGE: u64 = 8_192;
const PAGES_MAX: f64 = 1_048_576.0;

/// After how many pages those that have been read are given up.
const CLEANUP_DELAY: u64 = 4;

/// An entry's header with the two terminators of its texts, and as it is
/// aligned.
const EMPTY_ENTRY: u64 = 18;
const ALIGNMENT: u64 = 4;

/// A place in the queue, in bytes from its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position(u64);

impl Position {
    /// Past an entry with so many bytes of text. No entry goes over the end
    /// of its page.
    pub(super) fn past_entry(self, text: usize) -> Position {
        let text = u64::try_from(text).unwrap_or(PAGE);
        let length = (EMPTY_ENTRY + text).next_multiple_of(ALIGNMENT);
        let start = self.with_room_for(length);
        Position(start.0 + length).with_room_for(EMPTY_ENTRY.next_multiple_of(ALIGNMENT))
    }

    fn with_room_for(self, length: u64) -> Position {
        let left = PAGE - self.0 % PAGE;
        Position(if length > left { self.0 + left } else { self.0 })
    }

    /// True if what was written since is on another page, and it is time to
    /// give up what has been read.
    pub(super) fn cleans_up_after(self, before: Position) -> bool {
        let page = self.0 / PAGE;
        page != before.0 / PAGE && page.is_multiple_of(CLEANUP_DELAY)
    }

    /// The share of the queue that is full, if the slowest reader is at `tail`.
    pub(super) fn usage(self, tail: Position) -> f64 {
        let pages = self.0 / PAGE - tail.0 / PAGE;
        f64::from(u32::try_from(pages).unwrap_or(u32::MAX)) / PAGES_MAX
    }
}
