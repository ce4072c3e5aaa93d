//! When a fault begins: at a time, or with a message. In a calm neither
//! counts.

use std::time::Duration;

use tokio::sync::oneshot;

use super::Strike;
use crate::net::{Action, RuleGuard, Segment};
use crate::plan::Trigger;
use crate::rt;

/// Waits until the trigger fires.
pub(super) async fn wait(strike: &Strike<'_>) {
    match strike.fault.trigger {
        Trigger::At(at_ns) => {
            let begins_ns = strike.stage.plan.after_calm_ns(at_ns);
            let wait_ns = begins_ns.saturating_sub(strike.stage.network.now_ns());
            rt::sleep(Duration::from_nanos(wait_ns)).await;
        }
        Trigger::On { .. } => {
            let (fired, _guard) = watch(strike, |_| Action::Pass);
            // The sender lives as long as the rule, and the rule as its guard.
            let _fired = fired.await;
        }
    }
}

/// Waits for the n-th message that a trigger names, and does `act` to it.
pub(super) fn watch(
    strike: &Strike<'_>,
    mut act: impl FnMut(&Segment<'_>) -> Action + Send + 'static,
) -> (oneshot::Receiver<()>, RuleGuard) {
    let (sender, fired) = oneshot::channel();
    let mut sender = Some(sender);
    let mut seen = 0;
    let trigger = strike.fault.trigger.clone();
    let calms = strike.stage.plan.calms.clone();
    let rule = move |segment: &Segment<'_>| {
        let Trigger::On {
            label,
            from,
            to,
            nth,
        } = &trigger
        else {
            return Action::Pass;
        };
        let named = segment.attempt == 0
            && from.as_deref().is_none_or(|from| from == segment.from)
            && to.as_deref().is_none_or(|to| to == segment.to)
            && !calms.iter().any(|calm| calm.has(segment.at_ns));
        let count = match named {
            true => segment.labels.iter().filter(|one| *one == label).count() as u64,
            false => 0,
        };
        let before = seen;
        seen += count;
        if before < *nth && seen >= *nth {
            if let Some(sender) = sender.take() {
                // A fault that was dropped does not listen any more.
                let _unheard = sender.send(());
            }
            return act(segment);
        }
        Action::Pass
    };
    (fired, strike.stage.network.add_rule(rule))
}
