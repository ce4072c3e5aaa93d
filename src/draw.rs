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

/// A uniform hash of up to four numbers under a seed.
pub fn hash(seed: u64, words: [u64; 4]) -> u64 {
    let mut bytes = [0; 32];
    for (word, chunk) in words.iter().zip(bytes.chunks_exact_mut(8)) {
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    xxh3_64_with_seed(&bytes, seed)
}
