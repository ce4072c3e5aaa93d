//! `client-output-buffer-limit`: how much may wait for a client that does not
//! read.

use std::fmt;

use super::values::parse_memory;

/// The kinds of clients that have a limit of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redis) enum Class {
    Normal,
    Replica,
    PubSub,
}

const CLASSES: [(&str, Class); 4] = [
    ("normal", Class::Normal),
    ("slave", Class::Replica),
    ("replica", Class::Replica),
    ("pubsub", Class::PubSub),
];

/// A limit in bytes; 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::redis) struct OutputLimit {
    /// At so much the client is gone at once.
    pub(in crate::redis) hard: usize,
    /// At so much it is gone once that has lasted for longer than
    /// `soft_seconds`.
    pub(in crate::redis) soft: usize,
    pub(in crate::redis) soft_seconds: u64,
}

/// The limits of all classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redis) struct OutputLimits([OutputLimit; 3]);

impl Default for OutputLimits {
    fn default() -> OutputLimits {
        let limit = |hard, soft| OutputLimit {
            hard,
            soft,
            soft_seconds: 60,
        };
        let none = OutputLimit::default();
        OutputLimits([none, limit(256 << 20, 64 << 20), limit(32 << 20, 8 << 20)])
    }
}

impl OutputLimits {
    /// These, but for the classes that `text` names. An error says what is
    /// wrong, in Redis's words.
    pub(super) fn with(mut self, text: &str) -> Result<OutputLimits, &'static str> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (groups, rest) = words.as_chunks::<4>();
        if !rest.is_empty() {
            return Err("Wrong number of arguments in buffer limit configuration.");
        }
        for [class, hard, soft, seconds] in groups {
            let known = CLASSES
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(class));
            let (_, class) =
                known.ok_or("Invalid client class specified in buffer limit configuration.")?;
            let bytes = |text| usize::try_from(parse_memory(text)?).ok();
            let limit = || {
                Some(OutputLimit {
                    hard: bytes(hard)?,
                    soft: bytes(soft)?,
                    soft_seconds: seconds.parse().ok()?,
                })
            };
            self.0[*class as usize] = limit().ok_or(
                "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
            )?;
        }
        Ok(self)
    }

    pub(in crate::redis) fn of(&self, class: Class) -> OutputLimit {
        self.0[class as usize]
    }
}

impl fmt::Display for OutputLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, limit)) in ["normal", "slave", "pubsub"].iter().zip(self.0).enumerate() {
            let space = if index == 0 { "" } else { " " };
            let OutputLimit {
                hard,
                soft,
                soft_seconds,
            } = limit;
            write!(f, "{space}{name} {hard} {soft} {soft_seconds}")?;
        }
        Ok(())
    }
}
