//! Users in the words that would make them.
//!
//! Which commands a selector allows is told as Redis 7.0 tells it: from all or
//! from none on, the categories that fit best, then single commands.

use super::User;
use super::selector::{KeyPattern, Selector};
use crate::redis::commands::{CATEGORIES, Command, every};

impl User {
    /// As ACL LIST shows it, without the name.
    pub(in crate::redis) fn describe(&self) -> Vec<u8> {
        let mut words: Vec<Vec<u8>> = self
            .flags()
            .iter()
            .map(|word| word.bytes().collect())
            .collect();
        words.extend(
            self.passwords()
                .iter()
                .map(|digest| format!("#{digest}").into()),
        );
        words.push(self.root.describe());
        for selector in &self.selectors {
            words.push([b"(", &selector.describe()[..], b")"].concat());
        }
        words.join(&b' ')
    }
}

impl Selector {
    fn describe(&self) -> Vec<u8> {
        let mut words = Vec::new();
        let keys = self.describe_keys();
        if !keys.is_empty() {
            words.push(keys);
        }
        if !self.all_channels {
            words.push(b"resetchannels".to_vec());
        }
        let channels = self.describe_channels();
        if !channels.is_empty() {
            words.push(channels);
        }
        words.push(self.describe_commands().into());
        words.join(&b' ')
    }

    pub(in crate::redis) fn describe_keys(&self) -> Vec<u8> {
        match self.all_keys {
            true => b"~*".to_vec(),
            false => {
                let patterns: Vec<Vec<u8>> = self.keys.iter().map(KeyPattern::describe).collect();
                patterns.join(&b' ')
            }
        }
    }

    pub(in crate::redis) fn describe_channels(&self) -> Vec<u8> {
        match self.all_channels {
            true => b"&*".to_vec(),
            false => {
                let channels = self.channels.iter();
                let channels: Vec<Vec<u8>> = channels
                    .map(|channel| [b"&", &channel[..]].concat())
                    .collect();
                channels.join(&b' ')
            }
        }
    }

    pub(in crate::redis) fn describe_commands(&self) -> String {
        let adds = !self.future_commands;
        let mut told = Selector::default();
        let mut rules = vec![if adds { "-@all" } else { "+@all" }.to_owned()];
        if !adds {
            told.allow_all();
        }
        // What the categories that were told have not settled.
        let mut open = self.clone();
        let mut left = CATEGORIES.to_vec();
        while let Some(best) = open.best_category(&left, adds) {
            left.retain(|category| *category != best);
            told.permit_category(best.as_bytes(), adds);
            open.permit_category(best.as_bytes(), !adds);
            rules.push(format!("{}@{best}", if adds { '+' } else { '-' }));
        }
        for command in every() {
            let is_allowed = self.commands.contains(command.name);
            if is_allowed != told.commands.contains(command.name) {
                told.permit(command, is_allowed);
                rules.push(format!(
                    "{}{}",
                    if is_allowed { '+' } else { '-' },
                    command.name
                ));
            }
            let words = self.first_args.get(command.name).filter(|_| !is_allowed);
            for word in words.into_iter().flatten() {
                rules.push(format!("+{}|{word}", command.name));
            }
        }
        rules.join(" ")
    }

    /// The category of which more is allowed than not, or the other way round,
    /// and with the fewest exceptions.
    fn best_category(&self, left: &[&'static str], adds: bool) -> Option<&'static str> {
        let mut best = None;
        let (mut fewest, mut most) = (usize::MAX, 0);
        for category in left {
            let of_category = |command: &&Command| command.is_in(category.as_bytes());
            let allowed = |command: &&Command| self.commands.contains(command.name) == adds;
            let all = every().filter(of_category).count();
            let same = every().filter(of_category).filter(allowed).count();
            let different = all - same;
            if same > different && (different < fewest || different == fewest && same > most) {
                (fewest, most, best) = (different, same, Some(*category));
            }
        }
        best
    }
}

impl KeyPattern {
    fn describe(&self) -> Vec<u8> {
        let start: &[u8] = match (self.reads, self.writes) {
            (true, true) => b"~",
            (true, false) => b"%R~",
            (false, true) => b"%W~",
            (false, false) => b"%~",
        };
        [start, &self.pattern].concat()
    }
}
