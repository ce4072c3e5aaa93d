//! `lose-answer`: what was asked for is done, and the answer is lost: the
//! message that triggers the fault never arrives, and both ends see their
//! connection reset.

use super::{Strike, trigger};
use crate::net::Action;

pub(super) async fn strike(strike: &Strike<'_>) {
    let (fired, _guard) = trigger::watch(strike, |_| Action::Reset);
    if fired.await.is_ok() {
        strike.began();
        strike.ended();
    }
}
