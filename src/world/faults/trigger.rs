//! When a fault begins: at a time, or with a message.

use std::time::Duration;

use tokio::sync::oneshot;

use crate::net::{Action, Network, RuleGuard, Segment};
use crate::plan::Trigger;
use crate::rt;

/// Waits until the trigger fires.
pub(super) async fn wait(trigger: &Trigger, network: &Network) {
    match trigger {
        Trigger::At(at_ns) => {
            let wait_ns = at_ns.saturating_sub(network.now_ns());
            rt::sleep(Duration::from_nanos(wait_ns)).await;
        }
        Trigger::On { .. } => {
            let (fired, _guard) = watch(trigger, network, Action::Pass);
            // The sender lives as long as the rule, and the rule as its guard.
            let _fired = fired.await;
        }
    }
}

/// Waits for the n-th message that a trigger names, and does `action` to it.
pub(super) fn watch(
    trigger: &Trigger,
    network: &Network,
    action: Action,
) -> (oneshot::Receiver<()>, RuleGuard) {
    let (sender, fired) = oneshot::channel();
    let mut sender = Some(sender);
    let mut seen = 0;
    let trigger = trigger.clone();
    let guard = network.add_rule(move |segment: &Segment<'_>| {
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
            && to.as_deref().is_none_or(|to| to == segment.to);
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
            return action;
        }
        Action::Pass
    });
    (fired, guard)
}
