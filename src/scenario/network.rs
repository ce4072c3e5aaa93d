//! `[network]`: how what nodes send each other travels.
//!
//! The table's own keys hold for every link. Each `[[network.link]]` changes
//! some of them for the links that it names, from the start or from a time
//! on; a later entry goes over an earlier one.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::units::{BitRate, Share, Size, Span, Time, as_text, format_ns, parse_ns};
use crate::net::{Bandwidth, Latency, Link};

/// The links.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// How long a segment travels between two nodes.
    pub latency: Travel,
    /// Between buyers and the service.
    pub buyers_latency: Travel,
    /// How many segments are lost; TCP sends them again.
    pub loss: Share,
    /// How many segments arrive twice; TCP hides it.
    pub duplicates: Share,
    /// What fits through a link; anything if it is left out.
    pub bandwidth: Option<BitRate>,
    /// What may wait for a link that has a bandwidth.
    pub queue: Size,
    /// How many reads and writes get less than they could.
    pub partial: Share,
    /// What a socket takes from its task before it has to wait.
    pub send_buffer: Size,
    /// What may be on its way to a task, or wait for it.
    pub receive_buffer: Size,
    /// Links that are different.
    #[serde(rename = "link")]
    pub links: Vec<LinkSpec>,
}

impl Default for Network {
    fn default() -> Network {
        Network {
            latency: Travel(Latency::Uniform {
                min_ns: 100_000,
                max_ns: 500_000,
            }),
            buyers_latency: Travel(Latency::Uniform {
                min_ns: 1_000_000,
                max_ns: 10_000_000,
            }),
            loss: Share::default(),
            duplicates: Share::default(),
            bandwidth: None,
            queue: Size::kib(256),
            partial: Share::default(),
            send_buffer: Size::kib(256),
            receive_buffer: Size::kib(256),
            links: Vec::new(),
        }
    }
}

/// One `[[network.link]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkSpec {
    /// One side.
    pub between: Spanned<Vec<Spanned<String>>>,
    /// The other side; every other node if it is left out.
    pub and: Option<Spanned<Vec<Spanned<String>>>>,
    /// Only what `between` sends to `and`.
    #[serde(default)]
    pub one_way: bool,
    /// From this time on; from the start if it is left out.
    pub at: Option<Time>,
    /// How long a segment travels.
    pub latency: Option<Travel>,
    /// How many segments are lost.
    pub loss: Option<Share>,
    /// How many segments arrive twice.
    pub duplicates: Option<Share>,
    /// What fits through.
    pub bandwidth: Option<BitRate>,
    /// What may wait.
    pub queue: Option<Size>,
}

impl Network {
    /// The link from one node to another at the start, and what it becomes
    /// at which virtual nanosecond.
    pub fn link(&self, from: &str, to: &str) -> (Link, Vec<(u64, Link)>) {
        let is_buyers = (from == "buyers") != (to == "buyers");
        let mut queue = self.queue;
        let mut link = Link {
            latency: match is_buyers && [from, to].iter().any(|node| node.starts_with("shop-")) {
                true => self.buyers_latency.0,
                false => self.latency.0,
            },
            loss: self.loss.0,
            duplicates: self.duplicates.0,
            bandwidth: self.bandwidth.map(|rate| rate.through(queue)),
        };
        let mut changes: Vec<_> = self.links.iter().filter(|spec| spec.is(from, to)).collect();
        changes.sort_by_key(|spec| spec.at.map_or(0, Time::ns));
        let mut later = Vec::new();
        let mut start = link;
        for spec in changes {
            spec.change(&mut link, &mut queue);
            match spec.at.map_or(0, Time::ns) {
                0 => start = link,
                at_ns => later.push((at_ns, link)),
            }
        }
        (start, later)
    }
}

impl LinkSpec {
    fn is(&self, from: &str, to: &str) -> bool {
        let has = |side: &[Spanned<String>], name: &str| side.iter().any(|n| n.get_ref() == name);
        let there = |from: &str, to: &str| {
            has(self.between.get_ref(), from)
                && match &self.and {
                    Some(and) => has(and.get_ref(), to),
                    None => !has(self.between.get_ref(), to),
                }
        };
        there(from, to) || (!self.one_way && there(to, from))
    }

    fn change(&self, link: &mut Link, queue: &mut Size) {
        let LinkSpec {
            latency,
            loss,
            duplicates,
            bandwidth,
            ..
        } = self;
        link.latency = latency.map_or(link.latency, |travel| travel.0);
        link.loss = loss.map_or(link.loss, |share| share.0);
        link.duplicates = duplicates.map_or(link.duplicates, |share| share.0);
        *queue = self.queue.unwrap_or(*queue);
        let rate = link
            .bandwidth
            .map(|bandwidth| BitRate(bandwidth.bits_per_s));
        link.bandwidth = bandwidth.or(rate).map(|rate| rate.through(*queue));
    }

    /// What is wrong with an entry, and where, for a world of these nodes.
    pub(super) fn check(&self, nodes: &[String]) -> Result<(), (String, Range<usize>)> {
        super::check::check_sides(Some(&self.between), self.and.as_ref(), nodes)?;
        let changes = self.latency.is_some()
            || self.loss.is_some()
            || self.duplicates.is_some()
            || self.bandwidth.is_some()
            || self.queue.is_some();
        match changes {
            true => Ok(()),
            false => Err((
                "this link is like all others; give it `latency`, `loss`, `duplicates`, \
                 `bandwidth` or `queue`"
                    .to_owned(),
                self.between.span(),
            )),
        }
    }
}

impl BitRate {
    fn through(self, queue: Size) -> Bandwidth {
        Bandwidth {
            bits_per_s: self.0,
            queue_bytes: queue.0,
        }
    }
}

/// A latency as scenario files write it: `500us` for always that,
/// `100us..500us` for anything between, `100us.. mean 250us` for an
/// exponential one with a heavy tail, or a name that stands for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Travel(pub Latency);

const NAMES: [(&str, Latency); 3] = [
    ("lan", Latency::LAN),
    ("same-zone", Latency::SAME_ZONE),
    ("cross-region", Latency::CROSS_REGION),
];

impl FromStr for Travel {
    type Err = String;

    fn from_str(text: &str) -> Result<Travel, String> {
        if let Some((_, latency)) = NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(Travel(*latency));
        }
        let named = text.starts_with(|c: char| c.is_ascii_alphabetic());
        if named {
            return Err(format!(
                "no latency `{text}`; there are: lan, same-zone, cross-region; or write 500us, \
                 100us..500us, or \"100us.. mean 250us\""
            ));
        }
        if let Some((min, mean)) = text.split_once("..")
            && let Some(mean) = mean.trim().strip_prefix("mean ")
        {
            let (min_ns, mean_ns) = (parse_ns(min.trim())?, parse_ns(mean.trim())?);
            return match min_ns <= mean_ns {
                true => Ok(Travel(Latency::Exponential { min_ns, mean_ns })),
                false => Err(format!(
                    "'{text}' is impossible: the mean lies below the shortest"
                )),
            };
        }
        let Span { min_ns, max_ns } = text.parse()?;
        Ok(Travel(Latency::Uniform { min_ns, max_ns }))
    }
}

impl fmt::Display for Travel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, _)) = NAMES.iter().find(|(_, latency)| *latency == self.0) {
            return f.write_str(name);
        }
        match self.0 {
            Latency::Uniform { min_ns, max_ns } => Span { min_ns, max_ns }.fmt(f),
            Latency::Exponential { min_ns, mean_ns } => {
                write!(f, "{}.. mean {}", format_ns(min_ns), format_ns(mean_ns))
            }
        }
    }
}

as_text!(Travel);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_keep_their_text() {
        for text in ["500us", "100us..500us", "100us.. mean 1ms", "lan"] {
            assert_eq!(text.parse::<Travel>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn later_entries_go_over_earlier_ones_and_wait_for_their_time() {
        let network: Network = toml::from_str(
            r#"
            loss = "1%"
            queue = "64KiB"
            [[link]]
            between = ["shop-0"]
            at = "2s"
            loss = "0%"
            [[link]]
            between = ["shop-0"]
            and = ["postgres"]
            one_way = true
            latency = "cross-region"
            bandwidth = "1Mbit/s"
            "#,
        )
        .expect("it is good");
        let (there, later) = network.link("shop-0", "postgres");
        assert_eq!(there.latency, Latency::CROSS_REGION);
        assert_eq!(there.loss.0, 10_000);
        let bandwidth = there.bandwidth.expect("limited");
        assert_eq!(bandwidth.bits_per_s, 1_000_000);
        assert_eq!(bandwidth.queue_bytes, 65_536);
        let healed = Link {
            loss: Default::default(),
            ..there
        };
        assert_eq!(later, [(2_000_000_000, healed)]);
        let (back, later) = network.link("postgres", "shop-0");
        assert_eq!(back.latency, network.latency.0);
        assert_eq!(later.len(), 1);
        let (elsewhere, later) = network.link("shop-1", "postgres");
        assert_eq!((elsewhere.loss.0, later.len()), (10_000, 0));
    }
}
