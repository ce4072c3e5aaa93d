//! What an instance says of itself in INFO.

use super::Address;
use super::instance::Kind;
use crate::redis::wall_clock_ms;

/// The part of INFO that counts, and since when it says so.
#[derive(Debug)]
pub(in crate::redis) struct Reported {
    /// When it came; 0 if it never has.
    pub(in crate::redis) at: i64,
    /// The whole text.
    pub(in crate::redis) text: Option<String>,
    pub(in crate::redis) role: Kind,
    /// Since when it has that role.
    pub(in crate::redis) role_at: i64,
    /// Whom it follows, if it ever did.
    pub(in crate::redis) follows: Option<Address>,
    /// Since when it follows that one.
    pub(super) follows_at: i64,
    pub(in crate::redis) link_is_up: bool,
    /// For how many milliseconds that link has been down.
    pub(in crate::redis) link_down_for: i64,
    pub(in crate::redis) priority: i64,
    pub(in crate::redis) offset: u64,
    /// It wants to be found.
    pub(in crate::redis) announced: bool,
}

/// What a new INFO changed.
#[derive(Debug, Default)]
pub(super) struct News {
    /// The process is another one.
    pub(super) rebooted: bool,
    pub(super) role_changed: bool,
    /// Who follows it.
    pub(super) replicas: Vec<Address>,
}

impl Reported {
    pub(super) fn new(kind: Kind, now: i64) -> Reported {
        Reported {
            at: 0,
            text: None,
            role: kind,
            role_at: now,
            follows: None,
            follows_at: now,
            link_is_up: false,
            link_down_for: 0,
            priority: 100,
            offset: 0,
            announced: true,
        }
    }

    /// Takes up what INFO answered.
    pub(super) fn take(&mut self, text: &[u8], run_id: &mut Option<String>) -> News {
        let (now, mut news) = (wall_clock_ms(), News::default());
        let text = match str::from_utf8(text) {
            Ok(text) => text.to_owned(),
            Err(_) => String::from_utf8_lossy(text).into_owned(),
        };
        self.link_down_for = 0;
        let (mut role, mut host, mut port) = (None, None, None);
        for line in text.lines() {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            match name {
                "run_id" => {
                    let before = run_id.replace(value.to_owned());
                    news.rebooted = before.is_some_and(|before| before != value);
                }
                "role" => role = role_of(value),
                "master_host" => host = Some(value.to_owned()),
                "master_port" => port = value.parse().ok(),
                "master_link_status" => self.link_is_up = value == "up",
                "master_link_down_since_seconds" => {
                    self.link_down_for = number(value).saturating_mul(1000);
                }
                "slave_priority" => self.priority = number(value),
                "slave_repl_offset" => self.offset = value.parse().unwrap_or(0),
                "replica_announced" => self.announced = value != "0",
                name if name.starts_with("slave") => news.replicas.extend(replica(value)),
                _ => {}
            }
        }
        self.text = Some(text);
        self.at = now;
        let follows = host.zip(port).map(|(host, port)| Address { host, port });
        if follows.is_some() && follows != self.follows {
            (self.follows, self.follows_at) = (follows, now);
        }
        if let Some(role) = role
            && role != self.role
        {
            (self.role, self.role_at) = (role, now);
            news.role_changed = true;
            if role == Kind::Replica {
                self.follows_at = now;
            }
        }
        news
    }
}

fn role_of(value: &str) -> Option<Kind> {
    match value {
        "master" => Some(Kind::Primary),
        "slave" => Some(Kind::Replica),
        _ => None,
    }
}

fn number(value: &str) -> i64 {
    value.parse().unwrap_or(0)
}

/// The address in `ip=redis-replica,port=6379,...`.
fn replica(value: &str) -> Option<Address> {
    let mut parts = value.split(',');
    let host = parts.next()?.strip_prefix("ip=")?.to_owned();
    let port = parts.next()?.strip_prefix("port=")?.parse().ok()?;
    Some(Address { host, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_primary_names_its_replicas() {
        let mut reported = Reported::new(Kind::Primary, 0);
        let text = "# Replication\r\nrole:master\r\nconnected_slaves:1\r\n\
                    slave0:ip=redis-replica,port=6379,state=online,offset=14,lag=0\r\n";
        let news = reported.take(text.as_bytes(), &mut None);
        let replica = Address {
            host: "redis-replica".to_owned(),
            port: 6379,
        };
        assert_eq!(news.replicas, [replica]);
        assert!(!news.role_changed);
    }

    #[test]
    fn a_replica_says_whom_it_follows_and_how_far_it_is() {
        let mut reported = Reported::new(Kind::Primary, 0);
        let text = "run_id:b\r\nrole:slave\r\nmaster_host:a\r\nmaster_port:1\r\n\
                    master_link_status:down\r\nmaster_link_down_since_seconds:3\r\n\
                    slave_repl_offset:28\r\nslave_priority:7\r\nreplica_announced:1\r\n";
        let news = reported.take(text.as_bytes(), &mut Some("a".to_owned()));
        assert!(news.rebooted && news.role_changed && news.replicas.is_empty());
        assert_eq!(reported.role, Kind::Replica);
        assert_eq!(reported.follows.unwrap().to_string(), "a:1");
        assert_eq!((reported.link_down_for, reported.offset), (3000, 28));
        assert_eq!((reported.priority, reported.link_is_up), (7, false));
    }
}
