//! Faults that cannot both be: a dead node cannot be killed or paused.
//!
//! Only what is certain beforehand counts: faults that begin with a message
//! find out when they come to it, and then leave a dead node alone.

use std::ops::Range;

use super::faults::{Effect, Fault, Trigger};

/// Why a fault contradicts one that the plan has already; None if it does
/// not.
pub(super) fn with_earlier(earlier: &[Fault], fault: &Fault) -> Option<String> {
    let node = match &fault.effect {
        Effect::Pause { node } => node,
        other => other.takes_down()?,
    };
    let strikes = strikes(fault)?;
    earlier.iter().find_map(|other| {
        if other.effect.takes_down() == Some(node) {
            let downs = downs(other);
            let dead = |at: &Range<u64>| downs.iter().any(|down| down.contains(&at.start));
            if strikes.iter().any(dead) {
                let (kind, id) = (fault.effect.kind(), other.id);
                return Some(format!(
                    "{kind} of {node}, which fault {id} has taken down by then"
                ));
            }
        }
        // The other way round: this one has it down when the other strikes.
        let again = fault.effect.takes_down().is_some() && about(&other.effect) == Some(node);
        let ours = downs(fault);
        let struck = self::strikes(other)?;
        let meets = |at: &Range<u64>| ours.iter().any(|down| down.contains(&at.start));
        (again && struck.iter().any(meets)).then(|| {
            let (kind, id) = (other.effect.kind(), other.id);
            format!("it takes {node} down before the {kind} of fault {id} strikes it")
        })
    })
}

/// The node that an effect needs alive.
fn about(effect: &Effect) -> Option<&str> {
    match effect {
        Effect::Pause { node } => Some(node),
        other => other.takes_down(),
    }
}

/// When it strikes a living node; None if nobody can say beforehand.
fn strikes(fault: &Fault) -> Option<Vec<Range<u64>>> {
    let Trigger::At(at_ns) = fault.trigger else {
        return None;
    };
    let (times, up_ns) = match fault.effect {
        Effect::RestartLoop { times, up_ns, .. } => (times, up_ns),
        _ => (1, 0),
    };
    let period_ns = fault.lasts_ns.saturating_add(up_ns);
    let strike = |index: u32| {
        let start = at_ns.saturating_add(period_ns.saturating_mul(u64::from(index)));
        start..start.saturating_add(fault.lasts_ns)
    };
    Some((0..times).map(strike).collect())
}

/// When its node is down by it.
fn downs(fault: &Fault) -> Vec<Range<u64>> {
    match fault.effect.takes_down() {
        Some(_) => strikes(fault).unwrap_or_default(),
        None => Vec::new(),
    }
}
