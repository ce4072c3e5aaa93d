//! The eight modes of heavyweight locks and their conflicts.

use std::fmt;

/// A lock mode, in PostgreSQL's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::postgres) enum LockMode {
    AccessShare,
    RowShare,
    RowExclusive,
    ShareUpdateExclusive,
    Share,
    ShareRowExclusive,
    Exclusive,
    AccessExclusive,
}

use LockMode::{
    AccessExclusive, AccessShare, Exclusive, RowExclusive, RowShare, Share, ShareRowExclusive,
    ShareUpdateExclusive,
};

impl LockMode {
    pub(super) const ALL: [LockMode; 8] = [
        AccessShare,
        RowShare,
        RowExclusive,
        ShareUpdateExclusive,
        Share,
        ShareRowExclusive,
        Exclusive,
        AccessExclusive,
    ];

    /// The mode that LOCK TABLE calls so.
    pub(in crate::postgres) fn named(name: &str) -> Option<LockMode> {
        let name: String = name.split_whitespace().collect();
        LockMode::ALL
            .into_iter()
            .find(|mode| format!("{mode:?}").eq_ignore_ascii_case(&name))
    }

    /// The weakest mode that this one excludes; every stronger one it
    /// excludes too, but for the two exceptions below.
    fn first_excluded(self) -> LockMode {
        match self {
            AccessShare => AccessExclusive,
            RowShare => Exclusive,
            RowExclusive => Share,
            ShareUpdateExclusive => ShareUpdateExclusive,
            Share | ShareRowExclusive => RowExclusive,
            Exclusive => RowShare,
            AccessExclusive => AccessShare,
        }
    }

    /// PostgreSQL's table of conflicting lock modes.
    pub(in crate::postgres) fn conflicts(self, other: LockMode) -> bool {
        // SHARE does not exclude itself.
        !(self == Share && other == Share) && other >= self.first_excluded()
    }
}

impl fmt::Display for LockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}Lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflicts_are_those_of_the_manual() {
        // Rows and columns from ACCESS SHARE to ACCESS EXCLUSIVE.
        let manual = [
            ".......X", "......XX", "....XXXX", "...XXXXX", "..XX.XXX", "..XXXXXX", ".XXXXXXX",
            "XXXXXXXX",
        ];
        for (mode, line) in LockMode::ALL.into_iter().zip(manual) {
            let row: String = LockMode::ALL
                .into_iter()
                .map(|other| if mode.conflicts(other) { 'X' } else { '.' })
                .collect();
            assert_eq!(row, line, "{mode}");
        }
    }
}
