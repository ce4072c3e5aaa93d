//! Sorted sets: members by name and by score, those of one score by name.

use std::cmp::Ordering;

use bytes::Bytes;
use indexset::BTreeSet;

use super::{Compact, Table};

/// A score, which is never NaN. Zero has one place, whatever its sign.
#[derive(Debug, Clone, Copy)]
struct Score(f64);

impl Ord for Score {
    fn cmp(&self, other: &Score) -> Ordering {
        self.0.partial_cmp(&other.0).unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Score) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Score {
    fn eq(&self, other: &Score) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Score {}

/// Members with their scores.
#[derive(Debug, Clone, Default)]
pub(in crate::redis) struct SortedSet {
    scores: Table<f64>,
    order: BTreeSet<(Score, Bytes)>,
    /// It has been too large for a listpack, and stays what it became.
    large: bool,
}

impl SortedSet {
    pub(in crate::redis) fn len(&self) -> usize {
        self.scores.len()
    }

    pub(in crate::redis) fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    pub(in crate::redis) fn is_small(&self) -> bool {
        !self.large
    }

    /// Keeps it as a large one is kept.
    pub(in crate::redis) fn unpack(&mut self) {
        self.large = true;
    }

    /// Keeps it as a small one is kept, if it is one.
    pub(in crate::redis) fn pack(&mut self, compact: &Compact) {
        let short = |(member, _): (&Bytes, f64)| member.len() <= compact.sorted_set_bytes;
        if self.len() > compact.sorted_set_members || !self.iter().all(short) {
            return;
        }
        self.large = false;
        let zeros: Vec<Bytes> = self
            .iter()
            .filter(|(_, score)| *score == 0.0)
            .map(|(member, _)| member.clone())
            .collect();
        for member in zeros {
            self.set(&member, 0.0, compact);
        }
    }

    pub(in crate::redis) fn score(&self, member: &[u8]) -> Option<f64> {
        self.scores.get(member).copied()
    }

    /// Gives a member a score, whether or not it has one.
    pub(in crate::redis) fn set(&mut self, member: &[u8], score: f64, compact: &Compact) {
        let is_full = self.scores.len() >= compact.sorted_set_members;
        self.large |=
            (is_full || member.len() > compact.sorted_set_bytes) && !self.scores.contains(member);
        // A listpack keeps zero as an integer, which has no sign.
        let score = match score == 0.0 && !self.large {
            true => 0.0,
            false => score,
        };
        let member = match self.scores.get_named(member) {
            Some((member, old)) => {
                let member = member.clone();
                self.order.remove(&(Score(*old), member.clone()));
                *old = score;
                member
            }
            None => {
                let member = Bytes::copy_from_slice(member);
                self.scores.insert(member.clone(), score);
                member
            }
        };
        self.order.insert((Score(score), member));
    }

    /// True if the member was there.
    pub(in crate::redis) fn remove(&mut self, member: &[u8]) -> bool {
        let Some((member, score)) = self.scores.take(member) else {
            return false;
        };
        self.order.remove(&(Score(score), member));
        true
    }

    /// How many members come before this one.
    pub(in crate::redis) fn rank(&self, member: &[u8]) -> Option<usize> {
        let score = self.score(member)?;
        Some(self.partition_point(|other_score, other| {
            (Score(other_score), &other[..]) < (Score(score), member)
        }))
    }

    /// The member with so many before it.
    pub(in crate::redis) fn at(&self, rank: usize) -> Option<(&Bytes, f64)> {
        let (score, member) = self.order.get_index(rank)?;
        Some((member, score.0))
    }

    /// By score, then by name.
    pub(in crate::redis) fn iter(&self) -> impl Iterator<Item = (&Bytes, f64)> {
        self.order.iter().map(|(score, member)| (member, score.0))
    }

    /// How many members `is_before` holds for, if it does for the first ones
    /// and not for the rest.
    pub(in crate::redis) fn partition_point(
        &self,
        is_before: impl Fn(f64, &Bytes) -> bool,
    ) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.at(middle) {
                Some((member, score)) if is_before(score, member) => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }

    pub(in crate::redis) fn scan(&mut self, cursor: u64, count: usize) -> (u64, Vec<Bytes>) {
        if self.large {
            self.scores.scan(cursor, count)
        } else {
            (0, self.iter().map(|(member, _)| member.clone()).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Draw;

    #[test]
    fn ranks_and_order_follow_a_sorted_list() {
        let mut draw = Draw::new(1, "redis/sorted set");
        let mut set = SortedSet::default();
        let mut list: Vec<(i64, String)> = Vec::new();
        for _ in 0..5_000 {
            let member = draw.within(0..600).to_string();
            let score = i64::try_from(draw.within(0..40)).unwrap() - 20;
            list.retain(|(_, other)| *other != member);
            if draw.percent(25) {
                set.remove(member.as_bytes());
            } else {
                set.set(member.as_bytes(), score as f64, &Compact::default());
                let place = list.partition_point(|other| *other < (score, member.clone()));
                list.insert(place, (score, member));
            }
        }
        assert_eq!(set.len(), list.len());
        for (rank, (score, member)) in list.iter().enumerate() {
            assert_eq!(set.rank(member.as_bytes()), Some(rank));
            let at = set.at(rank).unwrap();
            assert_eq!((&at.0[..], at.1), (member.as_bytes(), *score as f64));
        }
        assert!(
            set.iter()
                .map(|(member, _)| member)
                .eq(list.iter().map(|(_, member)| member))
        );
    }
}
