//! Random members: SPOP, HRANDFIELD and their kin.

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use crate::redis::reply::Reply;
use crate::rt;

/// More than anybody asks for in earnest; memory has an end.
const REPEATED_MAX: u64 = 1 << 27;

/// The position of one of `length` members.
pub(super) fn one(length: usize) -> Option<usize> {
    (length > 0).then(|| below(length))
}

/// The positions of so many different ones, or of so many with repetitions if
/// `amount` is negative.
pub(super) fn some(length: usize, amount: i64) -> Result<Vec<usize>, Reply> {
    if amount < 0 {
        if amount.unsigned_abs() > REPEATED_MAX {
            return Err(Reply::error("ERR value is out of range"));
        }
        return Ok((amount..0).filter_map(|_| one(length)).collect());
    }
    Ok(different(
        length,
        usize::try_from(amount).unwrap_or(usize::MAX),
    ))
}

/// Floyd's way: as many draws as there are positions to choose.
pub(super) fn different(length: usize, amount: usize) -> Vec<usize> {
    if amount >= length {
        return (0..length).collect();
    }
    let mut chosen: IndexSet<usize, FxBuildHasher> = IndexSet::default();
    for last in length - amount..length {
        let drawn = below(last + 1);
        if !chosen.insert(drawn) {
            chosen.insert(last);
        }
    }
    chosen.into_iter().collect()
}

fn below(length: usize) -> usize {
    let width = u64::try_from(length).unwrap_or(u64::MAX).max(1);
    usize::try_from(rt::random_u64() % width).unwrap_or(0)
}
