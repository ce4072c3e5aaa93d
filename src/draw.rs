//! Draws by key: every random choice has a name, and its value depends on
//! the seed and that name alone.
//!
//! No two concerns share a stream, so taking a fault or a buyer out of a plan
//! leaves every other choice as it was. Draws are integers throughout: libm's
//! floats differ between CPUs.

use std::ops::Range;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A ChaCha8 stream for one concern.
#[derive(Debug, Clone)]
pub struct Draw(ChaCha8Rng);

impl Draw {
    /// The stream of `key` under `seed`, such as `("buyer/7")`.
    pub fn new(seed: u64, key: &str) -> Draw {
        let mut bytes = [0; 32];
        for (lane, chunk) in (0u64..).zip(bytes.chunks_exact_mut(8)) {
            let word = xxh3_64_with_seed(key.as_bytes(), seed.wrapping_add(lane << 56));
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        Draw(ChaCha8Rng::from_seed(bytes))
    }

    /// Any 64 bits.
    pub fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number in `range`; its start if the range is empty.
    pub fn within(&mut self, range: Range<u64>) -> u64 {
        scale(self.u64(), range)
    }

    /// One of `from`, each as likely as the others.
    ///
    /// # Panics
    ///
    /// If there is nothing to pick from.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let index = self.within(0..from.len() as u64);
        from[usize::try_from(index).expect("an index of a slice")]
    }

    /// As [`within`](Draw::within), for small numbers.
    pub fn number(&mut self, range: Range<u32>) -> u32 {
        let drawn = self.within(u64::from(range.start)..u64::from(range.end));
        u32::try_from(drawn).expect("a number of a u32 range")
    }

    /// The same things in a random order.
    pub fn shuffled<T: Clone>(&mut self, things: &[T]) -> Vec<T> {
        let mut things = things.to_vec();
        for last in (1..things.len()).rev() {
            let other = self.within(0..last as u64 + 1);
            things.swap(last, usize::try_from(other).expect("an index of a slice"));
        }
        things
    }

    /// True in `percent` of 100 draws.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.within(0..100) < percent
    }
}

/// One keyed draw without a stream, for choices made millions of times:
/// `word` is a hash of what is being drawn for.
pub fn scale(word: u64, range: Range<u64>) -> u64 {
    let width = range.end.saturating_sub(range.start);
    let offset = (u128::from(word) * u128::from(width)) >> 64;
    range.start + u64::try_from(offset).expect("an offset below a u64 width")
}

/// An exponential length in integers from one random word: a whole number of
/// half-lives from its leading zeros, with a straight line between two of
/// them. Its mean is exact, its tail a little shorter than the curve's, and it
/// is the same on every machine.
pub fn exponential(word: u64, mean: u64) -> u64 {
    // With straight lines the mean is one and a half half-lives.
    let half_life = u128::from(mean) * 2 / 3;
    let word = word | 1;
    let halvings = word.leading_zeros();
    // The bits behind the leading one say how far it is to the next halving.
    let behind = word.checked_shl(halvings + 1).unwrap_or(0);
    let part = (u128::from(!behind) * half_life) >> 64;
    let whole = u128::from(halvings) * half_life;
    u64::try_from(whole + part).unwrap_or(u64::MAX)
}

/// A uniform hash of up to four numbers under a seed.
pub fn hash(seed: u64, words: [u64; 4]) -> u64 {
    let mut bytes = [0; 32];
    for (word, chunk) in words.iter().zip(bytes.chunks_exact_mut(8)) {
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    xxh3_64_with_seed(&bytes, seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_lengths_have_their_mean_and_their_tail() {
        let mut draw = Draw::new(7, "gaps");
        let mean = 1_000_000;
        let gaps: Vec<u64> = (0..100_000)
            .map(|_| exponential(draw.u64(), mean))
            .collect();
        let found = gaps.iter().sum::<u64>() / 100_000;
        assert!((990_000..1_010_000).contains(&found), "{found}");
        let above = |times: u64| gaps.iter().filter(|gap| **gap > times * mean).count();
        assert!((36_500..38_500).contains(&above(1)), "{}", above(1));
        assert!((1_400..1_700).contains(&above(4)), "{}", above(4));
    }
}
