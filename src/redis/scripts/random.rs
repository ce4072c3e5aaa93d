//! The generator behind `math.random`: Redis's own, the 48-bit linear
//! congruence of `lrand48`, so that every server draws the same numbers in
//! the same order.

/// Where a Redis server starts.
const START: u64 = 0x1234_ABCD_330E;
const MASK: u64 = (1 << 48) - 1;

#[derive(Debug)]
pub(super) struct Random(u64);

impl Default for Random {
    fn default() -> Random {
        Random(START)
    }
}

impl Random {
    /// 31 random bits.
    pub(super) fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(0x5_DEEC_E66D).wrapping_add(0xB) & MASK;
        u32::try_from(self.0 >> 17).unwrap_or(0)
    }

    pub(super) fn seed(&mut self, seed: i32) {
        let seed = u64::from(seed.cast_unsigned());
        self.0 = (seed << 16) | 0x330E;
    }
}
