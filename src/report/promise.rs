//! What a scenario promises, in one line: what has to break, and what may.

use crate::scenario::Expect;

/// `violates no-oversell; may conservation`.
pub(super) fn expected(expect: &Expect) -> String {
    let summary = expect.summary();
    if expect.may.is_empty() {
        return summary;
    }
    let may: Vec<_> = expect.may.iter().map(|one| one.name()).collect();
    format!("{summary}; may {}", may.join(", "))
}
