//! The labels that a fault can be aimed at, as the servers and the buyers
//! write them.

use crate::{buyers, postgres, redis, shop};

/// Every label, grouped by who writes it.
pub(super) fn all() -> Vec<&'static str> {
    let mut all = buyers::LABELS.to_vec();
    all.extend(shop::ANSWER_LABELS);
    all.extend(postgres::labels());
    all.extend(redis::labels());
    all.sort_unstable();
    all.dedup();
    all
}

/// The labels of a request for an order and of its answer.
pub(super) fn of_orders() -> Vec<&'static str> {
    let mut labels = buyers::LABELS.to_vec();
    labels.push(shop::ANSWER_LABELS[0]);
    labels
}

pub(crate) fn is_known(label: &str) -> bool {
    all().contains(&label)
}
