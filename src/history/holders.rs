//! Who held which lock, from when to when, derived from what the Redis servers
//! say.
//!
//! A holder is who was granted a lock, by as many servers as that takes, and
//! has not come back to release it. Redis may have given the lock away before:
//! then there are two. Whether the first still acts is its own business (one
//! that looks at the clock does not), and is seen where it writes. Who never
//! comes back counts for as long as Redis kept the lock for it.

use std::collections::BTreeMap;

use super::{Entry, Event, History};

/// One holder of a lock, from the grant to the release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenure<'a> {
    /// The key of the lock.
    pub lock: &'a str,
    /// The value that names the holder.
    pub token: &'a str,
    /// The node that asked for it.
    pub instance: &'a str,
    /// When enough servers had granted it.
    pub from_ns: u64,
    /// When too few of them still had it, and why, if that came before the
    /// release.
    pub lapsed: Option<(u64, Lapse)>,
    /// The holder came back to release it.
    pub released: bool,
    /// When it did; or until when Redis kept the lock for it.
    pub until_ns: u64,
}

/// Why Redis no longer has a lock that nobody released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lapse {
    /// Its time to live was over.
    Expired,
    /// It had to make room.
    Evicted,
    /// A restart or a failover lost it.
    Lost,
    /// Somebody else deleted it, or wrote over it.
    TakenAway,
}

/// A time in which a lock had two holders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwoHolders<'a> {
    /// Who had it first.
    pub first: Tenure<'a>,
    /// To whom it was granted meanwhile.
    pub second: Tenure<'a>,
    /// From when there were two.
    pub from_ns: u64,
    /// Until when.
    pub until_ns: u64,
}

impl History {
    /// Every holder of every lock, in the order in which they got it.
    pub fn tenures(&self) -> Vec<Tenure<'_>> {
        let mut locks = Locks {
            quorum: self.lock_quorum,
            ..Locks::default()
        };
        for entry in &self.entries {
            locks.see(entry);
        }
        let end_ns = self.entries.last().map_or(0, |last| last.at_ns);
        locks.finish(end_ns)
    }
}

/// Each time in which a lock had two of these holders, by its beginning.
pub fn two_holders<'a>(tenures: &[Tenure<'a>]) -> Vec<TwoHolders<'a>> {
    let mut both = Vec::new();
    let mut before: Vec<&Tenure<'a>> = Vec::new();
    for second in tenures {
        before.retain(|first| first.until_ns > second.from_ns);
        let same = before.iter().filter(|first| first.lock == second.lock);
        both.extend(same.map(|first| TwoHolders {
            from_ns: second.from_ns,
            until_ns: first.until_ns.min(second.until_ns),
            first: Tenure::clone(first),
            second: second.clone(),
        }));
        before.push(second);
    }
    both.retain(|two| two.from_ns < two.until_ns);
    both
}

/// What servers have granted to one token.
#[derive(Default)]
struct Grant<'a> {
    instance: &'a str,
    /// Which servers have it, and until when by their time to live.
    servers: BTreeMap<&'a str, u64>,
    /// Its open tenure.
    tenure: Option<usize>,
}

type Token<'a> = (&'a str, &'a str);

/// Every lock while its history is read.
#[derive(Default)]
struct Locks<'a> {
    quorum: usize,
    grants: BTreeMap<Token<'a>, Grant<'a>>,
    /// What is at each server, by server and lock.
    at: BTreeMap<(&'a str, &'a str), &'a str>,
    tenures: Vec<Tenure<'a>>,
}

impl<'a> Locks<'a> {
    fn see(&mut self, entry: &'a Entry) {
        let at_ns = entry.at_ns;
        match &entry.event {
            Event::LockTaken {
                node,
                lock,
                holder,
                by,
                for_ms,
            } => {
                if let Some(other) = self.at.insert((node, lock), holder)
                    && other != holder
                {
                    self.lapse((lock, other), node, at_ns, Lapse::TakenAway);
                }
                let lapses_ns = match for_ms {
                    0 => u64::MAX,
                    ms => at_ns.saturating_add(ms.saturating_mul(1_000_000)),
                };
                let grant = self.grants.entry((lock, holder)).or_default();
                grant.instance = by;
                grant.servers.insert(node, lapses_ns);
                self.begin((lock, holder), at_ns);
            }
            Event::LockReleased {
                node,
                lock,
                holder,
                by,
            } => self.released((lock, holder), node, by, at_ns),
            Event::LateRelease { lock, holder, .. } => self.close((lock, holder), at_ns),
            Event::LockExpired { node, lock, holder } => {
                self.gone((lock, holder), node, at_ns, Lapse::Expired);
            }
            Event::LockEvicted { node, lock, holder } => {
                self.gone((lock, holder), node, at_ns, Lapse::Evicted);
            }
            Event::LockLost {
                node, lock, holder, ..
            } => self.gone((lock, holder), node, at_ns, Lapse::Lost),
            _ => {}
        }
    }

    /// A token that enough servers have is a holder's.
    fn begin(&mut self, token: Token<'a>, from_ns: u64) {
        let Some(grant) = self.grants.get_mut(&token) else {
            return;
        };
        if grant.servers.len() < self.quorum || grant.tenure.is_some() {
            return;
        }
        grant.tenure = Some(self.tenures.len());
        self.tenures.push(Tenure {
            lock: token.0,
            token: token.1,
            instance: grant.instance,
            from_ns,
            lapsed: None,
            released: false,
            until_ns: u64::MAX,
        });
    }

    /// A request of `by` deleted the key.
    fn released(&mut self, token: Token<'a>, node: &'a str, by: &str, at_ns: u64) {
        let owner = self.grants.get(&token).map(|grant| grant.instance);
        if owner.is_none_or(|owner| owner == by) {
            self.close(token, at_ns);
            self.gone(token, node, at_ns, Lapse::Expired);
            return;
        }
        self.gone(token, node, at_ns, Lapse::TakenAway);
        // It came to release a lock of its own that had lapsed.
        let late = self.tenures.iter().filter(|tenure| {
            let open = tenure.until_ns == u64::MAX && tenure.lapsed.is_some();
            open && tenure.lock == token.0 && tenure.instance == by
        });
        let late: Vec<Token<'a>> = late.map(|one| (one.lock, one.token)).collect();
        for token in late {
            self.close(token, at_ns);
        }
    }

    /// Its holder is back.
    fn close(&mut self, token: Token<'a>, at_ns: u64) {
        let grant = self.grants.get_mut(&token);
        if let Some(index) = grant.and_then(|grant| grant.tenure.take()) {
            self.tenures[index].until_ns = at_ns;
            self.tenures[index].released = true;
        }
    }

    /// A server no longer has it.
    fn gone(&mut self, token: Token<'a>, node: &'a str, at_ns: u64, why: Lapse) {
        if self.at.get(&(node, token.0)) == Some(&token.1) {
            self.at.remove(&(node, token.0));
        }
        self.lapse(token, node, at_ns, why);
    }

    fn lapse(&mut self, token: Token<'a>, node: &str, at_ns: u64, why: Lapse) {
        let Some(grant) = self.grants.get_mut(&token) else {
            return;
        };
        if grant.servers.remove(node).is_none() {
            // Of another server of the same group, which leads by now.
            grant.servers.clear();
        }
        match grant.tenure {
            Some(index) if grant.servers.len() < self.quorum => {
                let tenure = &mut self.tenures[index];
                tenure.lapsed = tenure.lapsed.or(Some((at_ns, why)));
            }
            // Nobody asks for this token again.
            None if grant.servers.is_empty() => {
                self.grants.remove(&token);
            }
            _ => {}
        }
    }

    /// Who has not come back had it for as long as Redis kept it.
    fn finish(mut self, end_ns: u64) -> Vec<Tenure<'a>> {
        for grant in self.grants.into_values() {
            let Some(index) = grant.tenure else { continue };
            let tenure = &mut self.tenures[index];
            let mut kept: Vec<u64> = grant.servers.into_values().collect();
            kept.sort_unstable();
            let over_ns = kept.len().checked_sub(self.quorum).map(|spare| kept[spare]);
            let lapsed_ns = tenure.lapsed.map(|(at_ns, _)| at_ns);
            let until_ns = lapsed_ns.or(over_ns).unwrap_or(end_ns);
            tenure.until_ns = until_ns.min(end_ns);
        }
        self.tenures
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Recorder;

    /// `set NODE HOLDER BY`, `del NODE HOLDER BY`, `expire NODE HOLDER`,
    /// `lose NODE HOLDER`, `late NODE HOLDER`: one a millisecond, leases of
    /// 10 ms.
    fn history(quorum: usize, steps: &[&str]) -> History {
        let recorder = Recorder::new(false);
        for (ms, step) in (0..).zip(steps) {
            let words: Vec<String> = step.split(' ').map(str::to_owned).collect();
            let [what, node, holder] = &words[..3] else {
                panic!("{step}");
            };
            let (node, holder, lock) = (node.clone(), holder.clone(), "lock:x".to_owned());
            let by = words.get(3).cloned().unwrap_or_default();
            let event = match what.as_str() {
                "set" => Event::LockTaken {
                    node,
                    lock,
                    holder,
                    by,
                    for_ms: 10,
                },
                "del" => Event::LockReleased {
                    node,
                    lock,
                    holder,
                    by,
                },
                "expire" => Event::LockExpired { node, lock, holder },
                "lose" => Event::LockLost {
                    node,
                    lock,
                    holder,
                    cause: "crash".to_owned(),
                },
                "late" => Event::LateRelease { node, lock, holder },
                _ => panic!("{step}"),
            };
            recorder.record(ms * 1_000_000, event);
        }
        History {
            lock_quorum: quorum,
            ..recorder.finish(1)
        }
    }

    /// Who was there at once, and in which milliseconds.
    fn two(quorum: usize, steps: &[&str]) -> Vec<(String, u64, u64)> {
        let history = history(quorum, steps);
        let two = two_holders(&history.tenures()).into_iter();
        two.map(|two| {
            let who = format!("{}+{}", two.first.token, two.second.token);
            (who, two.from_ns / 1_000_000, two.until_ns / 1_000_000)
        })
        .collect()
    }

    const NONE: Vec<(String, u64, u64)> = Vec::new();

    #[test]
    fn one_after_the_other_is_one_at_a_time() {
        let in_turn = ["set r a s0", "del r a s0", "set r b s1", "del r b s1"];
        assert_eq!(two(1, &in_turn), NONE);
        let expired_and_gone = ["set r a s0", "expire r a", "set r b s1", "del r b s1"];
        assert_eq!(two(1, &expired_and_gone), NONE, "nobody saw a again");
    }

    #[test]
    fn who_comes_back_after_the_next_has_it_was_there_meanwhile() {
        let steps = [
            "set r a s0",
            "expire r a",
            "set r b s1",
            "late r a",
            "del r b s1",
        ];
        assert_eq!(two(1, &steps), [("a+b".to_owned(), 2, 3)]);
        let lost = [
            "set r a s0",
            "lose r a",
            "set r b s1",
            "del r b s1",
            "late r a",
        ];
        assert_eq!(two(1, &lost), [("a+b".to_owned(), 2, 3)]);
        let history = history(1, &lost);
        assert_eq!(history.tenures()[0].lapsed, Some((1_000_000, Lapse::Lost)));
    }

    #[test]
    fn a_lock_that_another_deletes_is_still_its_holders() {
        let steps = [
            "set r a s0",
            "expire r a",
            "set r b s1",
            "del r b s0",
            "set r c s0",
            "late r b",
            "del r c s0",
        ];
        let expected = [("a+b".to_owned(), 2, 3), ("b+c".to_owned(), 4, 5)];
        assert_eq!(two(1, &steps), expected);
    }

    #[test]
    fn a_majority_holds_and_less_does_not() {
        let steps = [
            "set 1 a s0",
            "set 2 b s1",
            "set 2 a s0",
            "set 3 b s1",
            "late 2 b",
        ];
        assert_eq!(two(3, &steps), NONE);
        // The third server restarts without a's, and b has three.
        let restarts = [
            "set 1 a s0",
            "set 2 a s0",
            "set 3 a s0",
            "set 4 b s1",
            "lose 3 a",
            "set 5 b s1",
            "set 3 b s1",
            "del 1 a s0",
            "del 2 a s0",
            "late 3 a",
        ];
        assert_eq!(two(3, &restarts), [("a+b".to_owned(), 6, 7)]);
    }
}
