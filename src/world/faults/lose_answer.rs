//! `lose-answer`: what was asked for is done, and the answer is lost: the
//! message that triggers the fault never arrives, and both ends see their
//! connection reset.

use super::{Strike, trigger};
use crate::net::Action;
use crate::plan::Trigger;

pub(super) async fn strike(strike: &Strike<'_>) {
    let Trigger::On { label, .. } = &strike.fault.trigger else {
        return;
    };
    let (fired, _guard) = trigger::watch(&strike.fault.trigger, strike.network, Action::Reset);
    if fired.await.is_ok() {
        strike.began(format!("the {label} is lost, its connection reset"));
        strike.ended();
    }
}
