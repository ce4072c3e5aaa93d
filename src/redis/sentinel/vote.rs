//! Elections: who may fail over, one sentinel an epoch.

use std::collections::BTreeMap;

use super::instance::Instance;
use super::link::Asked;
use super::{Own, Primary};
use crate::redis::{Bug, wall_clock_ms};

impl Primary {
    /// The vote of this sentinel in `epoch`: for `candidate`, unless it has
    /// voted in that epoch or a later one. Answers for whom it is, and the
    /// epoch in which it was given.
    pub(in crate::redis) fn vote(
        &mut self,
        own: &mut Own,
        epoch: u64,
        candidate: &str,
    ) -> Option<(String, u64)> {
        own.learn_epoch(epoch);
        if self.leader_epoch < epoch && own.epoch <= epoch {
            self.leader = Some(candidate.to_owned());
            self.leader_epoch = own.epoch;
            own.event("+vote-for-leader", format!("{candidate} {}", own.epoch));
            // Others have the time to do what they were elected for.
            if candidate != own.id {
                self.failover.started_at = wall_clock_ms() + Own::desync();
            }
        }
        let leader = self.leader.clone()?;
        Some((leader, self.leader_epoch))
    }

    /// Who is elected in the epoch of the failover, if anybody is: with a
    /// majority of the sentinels that were ever known, and with the quorum.
    pub(super) fn elected(&mut self, own: &mut Own) -> Option<String> {
        let epoch = self.failover.epoch;
        let mut votes = BTreeMap::<String, usize>::new();
        for peer in self.sentinels.values() {
            if let Some(leader) = &peer.peer.leader
                && peer.peer.leader_epoch == own.epoch
            {
                *votes.entry(leader.clone()).or_default() += 1;
            }
        }
        // Who has not voted yet joins the others, or votes for itself.
        let candidate = most_voted(&votes).map(|(leader, _)| leader.clone());
        let candidate = candidate.unwrap_or_else(|| own.id.clone());
        if let Some((leader, given_in)) = self.vote(own, epoch, &candidate)
            && given_in == epoch
        {
            *votes.entry(leader).or_default() += 1;
        }
        let voters = self.sentinels.len() + 1;
        let (leader, count) = most_voted(&votes)?;
        let needed = match own.has(Bug::SentinelActsAlone) {
            true => 1,
            false => (voters / 2 + 1).max(self.quorum),
        };
        (count >= needed).then(|| leader.clone())
    }

    /// Asks the others whether they find the primary down, and for their
    /// votes while a failover is under way.
    pub(super) fn ask_others(&mut self, own: &Own, at_once: bool) {
        let now = wall_clock_ms();
        let (is_down, address) = (self.this.is_down, self.this.address.clone());
        let candidate = if self.failover.is_under_way() {
            own.id.as_str()
        } else {
            "*"
        };
        for peer in self.sentinels.values_mut() {
            let answered = now - peer.peer.answered_at;
            if answered > own.periods.ask * 5 {
                peer.peer.says_down = false;
                peer.peer.leader = None;
            }
            let due = at_once || answered >= own.periods.ask;
            if is_down && due {
                let (port, epoch) = (address.port.to_string(), own.epoch.to_string());
                let question: [&[u8]; 6] = [
                    b"SENTINEL",
                    b"is-master-down-by-addr",
                    address.host.as_bytes(),
                    port.as_bytes(),
                    epoch.as_bytes(),
                    candidate.as_bytes(),
                ];
                peer.link.send(Asked::Opinion, &question);
            }
        }
    }
}

/// The first of those with the most votes.
fn most_voted(votes: &BTreeMap<String, usize>) -> Option<(&String, usize)> {
    let most = votes.values().max()?;
    let mut votes = votes.iter();
    votes.find_map(|(leader, count)| (count == most).then_some((leader, *count)))
}

/// Takes up what another sentinel thinks.
pub(super) fn take_opinion(peer: &mut Instance, down: bool, leader: &str, epoch: u64) {
    let peer = &mut peer.peer;
    peer.answered_at = wall_clock_ms();
    peer.says_down = down;
    if leader != "*" {
        peer.leader = Some(leader.to_owned());
        peer.leader_epoch = epoch;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Address, Monitor, Options, Sentinel};

    fn sentinel() -> Sentinel {
        let address = |host: &str| Address {
            host: host.to_owned(),
            port: 1,
        };
        let mut monitor = Monitor::new("shop", address("a"), 2);
        monitor.sentinels = vec![
            ("x".to_owned(), address("x")),
            ("y".to_owned(), address("y")),
        ];
        let options = Options {
            id: "me".to_owned(),
            epoch: 0,
            primaries: vec![monitor],
        };
        Sentinel::new(&options, None)
    }

    #[test]
    fn there_is_one_vote_an_epoch() {
        let mut sentinel = sentinel();
        let primary = sentinel.primaries.get_mut("shop").unwrap();
        let own = &mut sentinel.own;
        let mut vote = |epoch, candidate| primary.vote(own, epoch, candidate).unwrap();
        assert_eq!(vote(1, "x"), ("x".to_owned(), 1));
        assert_eq!(vote(1, "y"), ("x".to_owned(), 1));
        assert_eq!(vote(2, "y"), ("y".to_owned(), 2));
        assert_eq!(vote(1, "z"), ("y".to_owned(), 2));
    }

    #[test]
    fn a_majority_elects() {
        let mut sentinel = sentinel();
        let primary = sentinel.primaries.get_mut("shop").unwrap();
        let own = &mut sentinel.own;
        own.epoch = 3;
        primary.failover.epoch = 3;
        // Its own vote is not enough.
        assert_eq!(primary.elected(own), None);
        let peer = primary.sentinels.get_mut("x").unwrap();
        super::take_opinion(peer, true, "me", 3);
        assert_eq!(primary.elected(own).as_deref(), Some("me"));
        // A vote of another epoch does not count.
        let peer = primary.sentinels.get_mut("x").unwrap();
        super::take_opinion(peer, true, "me", 2);
        assert_eq!(primary.elected(own), None);
    }
}
