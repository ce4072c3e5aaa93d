//! `resend`: a request or its answer is lost and its connection reset, and
//! the gateway in front of the buyer sends the request again, byte for byte,
//! to the next instance. The buyer sees one request and one answer.

use super::{Strike, trigger};
use crate::net::{Action, Segment};

pub(super) async fn strike(strike: &Strike<'_>) {
    let gateway = strike.stage.gateway.clone();
    let (fired, _guard) = trigger::watch(strike, move |segment: &Segment<'_>| {
        gateway.resend(segment.connection);
        Action::Reset
    });
    if fired.await.is_ok() {
        strike.began();
        strike.ended();
    }
}
