//! HyperLogLog: how many different elements there are, about, in 12 kB.
//!
//! A value is a string that clients can read, so it is Redis's to the byte: a
//! header of 16 bytes with the last cardinality, then 16,384 registers of six
//! bits (dense), or their runs (sparse) as long as those are short. A register
//! is picked by 14 bits of an element's hash and holds the longest run of
//! zeros that the other 50 bits have begun with. The estimate is Ertl's
//! (arXiv:1702.01284).

use crate::redis::reply::Reply;

const REGISTERS: usize = 1 << INDEX_BITS;
const INDEX_BITS: u32 = 14;
/// Bits of a hash that pick no register.
const RUN_BITS: u32 = 64 - INDEX_BITS;
const HEADER: usize = 16;
const DENSE_LEN: usize = HEADER + REGISTERS * 6 / 8;
const MAGIC: &[u8] = b"HYLL";
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
/// The top bit of the cached cardinality: it is out of date.
const STALE: u8 = 0x80;

const NO_HYPERLOGLOG: Reply =
    Reply::error("WRONGTYPE Key is not a valid HyperLogLog string value.");
const CORRUPT: Reply = Reply::error("INVALIDOBJ Corrupted HLL object detected");

/// The highest value of each register.
pub(super) type Registers = Box<[u8; REGISTERS]>;

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HyperLogLog {
    bytes: Vec<u8>,
    /// Longer sparse ones become dense: `hll-sparse-max-bytes`.
    sparse_max: usize,
}

/// A run of registers in a sparse value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    /// So many that are zero, in one byte.
    Zeros(usize),
    /// So many that are zero, in two.
    ManyZeros(usize),
    /// So many of a value.
    Value(u8, usize),
}

impl Run {
    const ZEROS_MAX: usize = 64;
    const VALUE_MAX: u8 = 32;
    const VALUES_MAX: usize = 4;

    fn read(bytes: &[u8]) -> Option<Run> {
        let first = *bytes.first()?;
        let low = usize::from(first & 0x3f);
        Some(match first >> 6 {
            0 => Run::Zeros(low + 1),
            1 => Run::ManyZeros((low << 8 | usize::from(*bytes.get(1)?)) + 1),
            _ => Run::Value((first >> 2 & 0x1f) + 1, usize::from(first & 3) + 1),
        })
    }

    fn zeros(length: usize) -> Run {
        match length > Run::ZEROS_MAX {
            true => Run::ManyZeros(length),
            false => Run::Zeros(length),
        }
    }

    fn write(self, out: &mut Vec<u8>) {
        // Lengths and values fit their bits: whoever makes a run sees to it.
        let low = |number: usize| (number & 0xff) as u8;
        match self {
            Run::Zeros(length) => out.push(low(length - 1)),
            Run::ManyZeros(length) => {
                out.extend([0x40 | low((length - 1) >> 8), low(length - 1)]);
            }
            Run::Value(value, length) => out.push(0x80 | (value - 1) << 2 | low(length - 1)),
        }
    }

    /// Bytes that it takes.
    fn size(self) -> usize {
        match self {
            Run::ManyZeros(_) => 2,
            Run::Zeros(_) | Run::Value(..) => 1,
        }
    }

    fn len(self) -> usize {
        match self {
            Run::Zeros(length) | Run::ManyZeros(length) | Run::Value(_, length) => length,
        }
    }

    fn value(self) -> u8 {
        match self {
            Run::Zeros(_) | Run::ManyZeros(_) => 0,
            Run::Value(value, _) => value,
        }
    }
}

impl HyperLogLog {
    /// An empty one.
    pub(super) fn new(sparse_max: usize) -> HyperLogLog {
        let mut bytes = MAGIC.to_vec();
        bytes.push(SPARSE);
        bytes.resize(HEADER, 0);
        Run::ManyZeros(REGISTERS).write(&mut bytes);
        HyperLogLog { bytes, sparse_max }
    }

    /// What a string holds, if it looks like one.
    pub(super) fn read(bytes: Vec<u8>, sparse_max: usize) -> Result<HyperLogLog, Reply> {
        let fits = match bytes.get(MAGIC.len()) {
            Some(&DENSE) => bytes.len() == DENSE_LEN,
            Some(&SPARSE) => bytes.len() >= HEADER,
            _ => false,
        };
        match fits && bytes.starts_with(MAGIC) {
            true => Ok(HyperLogLog { bytes, sparse_max }),
            false => Err(NO_HYPERLOGLOG),
        }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn is_dense(&self) -> bool {
        self.bytes[MAGIC.len()] == DENSE
    }

    /// Adds an element; true if a register changed.
    pub(super) fn add(&mut self, element: &[u8]) -> Result<bool, Reply> {
        let hash = murmur(element);
        let (index, rest) = (hash % REGISTERS as u64, hash >> INDEX_BITS);
        let run = (rest | 1 << RUN_BITS).trailing_zeros() + 1;
        let index = usize::try_from(index).unwrap_or(0);
        self.raise(index, u8::try_from(run).unwrap_or(u8::MAX))
    }

    /// Sets a register unless it is as high; true if it was lower.
    fn raise(&mut self, index: usize, value: u8) -> Result<bool, Reply> {
        if !self.is_dense() {
            if value <= Run::VALUE_MAX
                && let Some(changed) = self.raise_sparse(index, value)?
            {
                return Ok(changed);
            }
            self.make_dense()?;
        }
        let is_higher = self.register(index) < value;
        if is_higher {
            self.set_register(index, value);
        }
        Ok(is_higher)
    }

    /// As [`raise`](HyperLogLog::raise), of a sparse value; none if it would
    /// get too long.
    fn raise_sparse(&mut self, index: usize, value: u8) -> Result<Option<bool>, Reply> {
        let (mut at, mut first, mut previous) = (HEADER, 0, None);
        let run = loop {
            let run = Run::read(&self.bytes[at..]).ok_or(CORRUPT)?;
            if index < first + run.len() {
                break run;
            }
            previous = Some(at);
            at += run.size();
            first += run.len();
        };
        if run.value() >= value {
            return Ok(Some(false));
        }
        let mut split = Vec::with_capacity(5);
        let part = |length| match run {
            Run::Value(old, _) => Run::Value(old, length),
            Run::Zeros(_) | Run::ManyZeros(_) => Run::zeros(length),
        };
        let (before, after) = (index - first, first + run.len() - 1 - index);
        if before > 0 {
            part(before).write(&mut split);
        }
        Run::Value(value, 1).write(&mut split);
        if after > 0 {
            part(after).write(&mut split);
        }
        let length = self.bytes.len() - run.size() + split.len();
        if split.len() > run.size() && length > self.sparse_max {
            return Ok(None);
        }
        self.bytes.splice(at..at + run.size(), split);
        self.join_runs(previous.unwrap_or(HEADER));
        self.forget_cardinality();
        Ok(Some(true))
    }

    /// Joins neighbours of one value, within five runs from `at` on.
    fn join_runs(&mut self, mut at: usize) {
        for _ in 0..5 {
            let Some(run) = self.bytes.get(at..).and_then(Run::read) else {
                return;
            };
            let next = self.bytes.get(at + run.size()..).and_then(Run::read);
            match (run, next) {
                (Run::Value(value, length), Some(Run::Value(other, more)))
                    if value == other && length + more <= Run::VALUES_MAX =>
                {
                    let mut joined = Vec::with_capacity(1);
                    Run::Value(value, length + more).write(&mut joined);
                    self.bytes.splice(at..at + 2, joined);
                }
                _ => at += run.size(),
            }
        }
    }

    /// The runs of a sparse value.
    pub(super) fn runs(&self) -> impl Iterator<Item = Run> {
        let mut rest = &self.bytes[HEADER..];
        std::iter::from_fn(move || {
            let run = Run::read(rest)?;
            rest = &rest[run.size()..];
            Some(run)
        })
    }

    /// Has every register in its place; false if it has already.
    pub(super) fn make_dense(&mut self) -> Result<bool, Reply> {
        if self.is_dense() {
            return Ok(false);
        }
        let registers = self.registers()?;
        self.bytes.truncate(HEADER);
        self.bytes[MAGIC.len()] = DENSE;
        self.bytes.resize(DENSE_LEN, 0);
        for (index, value) in registers.iter().enumerate() {
            self.set_register(index, *value);
        }
        Ok(true)
    }

    /// A register of a dense value.
    fn register(&self, index: usize) -> u8 {
        let (byte, shift) = (HEADER + index * 6 / 8, index * 6 % 8);
        let next = self.bytes.get(byte + 1).copied().unwrap_or(0);
        let both = u16::from_le_bytes([self.bytes[byte], next]);
        (both >> shift & 0x3f) as u8
    }

    fn set_register(&mut self, index: usize, value: u8) {
        let (byte, shift) = (HEADER + index * 6 / 8, index * 6 % 8);
        let (mask, value) = (0x3f_u16 << shift, u16::from(value) << shift);
        let [low_mask, high_mask] = mask.to_le_bytes();
        let [low, high] = value.to_le_bytes();
        self.bytes[byte] = self.bytes[byte] & !low_mask | low;
        if let Some(next) = self.bytes.get_mut(byte + 1) {
            *next = *next & !high_mask | high;
        }
    }

    /// All registers.
    pub(super) fn registers(&self) -> Result<Registers, Reply> {
        let mut registers = Box::new([0; REGISTERS]);
        if self.is_dense() {
            for (index, register) in registers.iter_mut().enumerate() {
                *register = self.register(index);
            }
            return Ok(registers);
        }
        let mut first = 0;
        for run in self.runs() {
            let covered = registers.get_mut(first..first + run.len());
            covered.ok_or(CORRUPT)?.fill(run.value());
            first += run.len();
        }
        match first {
            REGISTERS => Ok(registers),
            _ => Err(CORRUPT),
        }
    }

    /// Takes up registers where they are higher.
    pub(super) fn merge(&mut self, registers: &Registers) -> Result<(), Reply> {
        for (index, value) in registers.iter().enumerate().filter(|(_, v)| **v > 0) {
            self.raise(index, *value)?;
        }
        self.forget_cardinality();
        Ok(())
    }

    pub(super) fn forget_cardinality(&mut self) {
        self.bytes[HEADER - 1] |= STALE;
    }

    /// How many elements there are, about, and whether that was known before.
    pub(super) fn cardinality(&mut self) -> Result<(u64, bool), Reply> {
        if self.bytes[HEADER - 1] & STALE == 0 {
            return Ok((little_endian(&self.bytes[HEADER / 2..HEADER]), true));
        }
        let count = estimate(&self.registers()?);
        self.bytes[HEADER / 2..HEADER].copy_from_slice(&count.to_le_bytes());
        Ok((count, false))
    }
}

/// How many elements have left such registers, about.
pub(super) fn estimate(registers: &Registers) -> u64 {
    const ALPHA: f64 = 0.721_347_520_444_481_7;
    let mut histogram = [0_u32; 64];
    for register in registers.iter() {
        histogram[usize::from(*register)] += 1;
    }
    let all = REGISTERS as f64;
    let share = |count: u32| f64::from(count) / all;
    let last = RUN_BITS as usize + 1;
    let mut z = all * tau((all - f64::from(histogram[last])) / all);
    for count in histogram[1..last].iter().rev() {
        z = (z + f64::from(*count)) * 0.5;
    }
    z += all * sigma(share(histogram[0]));
    (ALPHA * all * all / z).round() as u64
}

fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if before >= z {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if before <= z {
            return z / 3.0;
        }
    }
}

/// MurmurHash64A, with Redis's seed.
fn murmur(data: &[u8]) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    const R: u32 = 47;
    const SEED: u64 = 0xadc8_3b19;
    let mut hash = SEED ^ (data.len() as u64).wrapping_mul(M);
    let mut words = data.chunks_exact(8);
    for word in &mut words {
        let mut k = little_endian(word).wrapping_mul(M);
        k ^= k >> R;
        hash = (hash ^ k.wrapping_mul(M)).wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        hash = (hash ^ little_endian(rest)).wrapping_mul(M);
    }
    hash = (hash ^ hash >> R).wrapping_mul(M);
    hash ^ hash >> R
}

/// The number in up to eight bytes.
fn little_endian(bytes: &[u8]) -> u64 {
    let higher_first = bytes.iter().rev();
    higher_first.fold(0, |all, byte| all << 8 | u64::from(*byte))
}
