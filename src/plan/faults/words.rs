//! What faults do, in words that need no manual.

use super::{Effect, Fault, Trigger, death_of};
use crate::net::Death;
use crate::scenario::units::readable_ns;

impl Fault {
    /// What it does, without when and for how long.
    pub fn what(&self) -> String {
        let message = match &self.trigger {
            Trigger::On { label, .. } => label,
            Trigger::At(_) => "that message",
        };
        match &self.effect {
            Effect::LoseAnswer => format!("the {message} is lost, its connection reset"),
            Effect::Resend => format!(
                "the {message} is lost, its connection reset, and a gateway sends the request again"
            ),
            Effect::Partition { .. } | Effect::Latency { .. } | Effect::Swizzle { .. } => {
                self.effect.on_links()
            }
            effect => effect.on_nodes(),
        }
    }
}

impl Fault {
    /// The same, for a failover that meets another primary than the first.
    pub fn failing_over(&self, primary: &str) -> Fault {
        let mut fault = self.clone();
        if let Effect::Failover { node, .. } = &mut fault.effect {
            primary.clone_into(node);
        }
        fault
    }
}

impl Effect {
    fn on_nodes(&self) -> String {
        match self {
            Effect::Pause { node } => format!("{node} is paused"),
            Effect::Kill { node, death } => goes_down(node, *death),
            Effect::RestartLoop {
                node,
                death,
                times,
                up_ns,
            } => format!(
                "{}, {times} times, {} after each start",
                goes_down(node, *death),
                readable_ns(*up_ns)
            ),
            Effect::Slow { node, times } => {
                format!("what {node} does takes {times} times as long")
            }
            Effect::ClockJump { node, by_ns } => {
                let way = if *by_ns < 0 { "back" } else { "forward" };
                let by = readable_ns(by_ns.unsigned_abs());
                format!("the wall clock of {node} jumps {way} by {by}")
            }
            Effect::ClockDrift { node, rate_ppm } => {
                let pace = if *rate_ppm < 0 { "slow" } else { "fast" };
                let ppm = rate_ppm.unsigned_abs();
                format!("the clocks of {node} run {pace}, by {ppm} parts per million")
            }
            Effect::ExhaustConnections { sessions } => {
                format!("somebody else takes {sessions} sessions of postgres")
            }
            Effect::Failover {
                node,
                down,
                after_ns,
                rejoins,
            } => {
                let why = down.map_or_else(
                    || format!("{node} is taken for dead"),
                    |down| goes_down(node, death_of(down)),
                );
                let after = readable_ns(*after_ns);
                let back = match rejoins {
                    true => "follows it when it is back",
                    false => "goes on as a second primary",
                };
                format!("{why}, its replica takes over after {after}, and {node} {back}")
            }
            _ => String::new(),
        }
    }

    fn on_links(&self) -> String {
        match self {
            Effect::Partition {
                between,
                and,
                one_way: true,
            } => format!("{} can no longer send to {}", between.join(", "), side(and)),
            Effect::Partition { between, and, .. } => {
                format!("{} and {} are cut off", between.join(", "), side(and))
            }
            Effect::Latency {
                between,
                and,
                by_ns,
            } => format!(
                "between {} and {} everything takes {} longer",
                between.join(", "),
                side(and),
                readable_ns(*by_ns)
            ),
            Effect::Swizzle {
                cut,
                back,
                every_ns,
            } => format!(
                "cut off one by one: {}; let back: {}; one every {}",
                cut.join(", "),
                back.join(", "),
                readable_ns(*every_ns)
            ),
            _ => String::new(),
        }
    }
}

fn goes_down(node: &str, death: Death) -> String {
    match death {
        Death::Process => format!("the process on {node} is killed"),
        Death::Host => format!("{node} loses power"),
    }
}

fn side(nodes: &[String]) -> String {
    match nodes.is_empty() {
        true => "everyone else".to_owned(),
        false => nodes.join(", "),
    }
}
