//! What CONFIG GET and CONFIG SET know.
//!
//! All of Redis's parameters are there, are checked as Redis checks them and
//! keep what they are given; the few that change something here are read
//! through [`Config`]'s fields.

mod output_limits;
mod parameters;
mod values;

use std::collections::BTreeMap;

use super::events::Class;
use super::eviction::Limit;
use super::values::Compact;
use super::wire::BULK_MAX;
pub(super) use output_limits::{Class as OutputClass, OutputLimit, OutputLimits};
use parameters::PARAMETERS;
use values::Kind;
pub(super) use values::parse_memory;

/// One parameter.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    alias: &'static str,
    kind: Kind,
    default: &'static str,
    modifiable: bool,
}

/// The settings of a server.
#[derive(Debug)]
pub(super) struct Config {
    /// What differs from the defaults.
    changed: BTreeMap<&'static str, String>,
    /// `proto-max-bulk-len`
    pub(super) bulk_max: usize,
    /// `client-query-buffer-limit`
    pub(super) query_max: usize,
    /// `busy-reply-threshold`, in milliseconds; 0 and less is never.
    pub(super) busy_after_ms: i64,
    /// `requirepass`; empty is none.
    pub(super) password: String,
    /// `notify-keyspace-events`
    pub(super) events: Class,
    /// `client-output-buffer-limit`
    pub(super) output_limits: OutputLimits,
    /// `timeout`, in seconds; 0 is never.
    pub(super) idle_seconds: u64,
    /// `maxclients`
    pub(super) clients_max: usize,
    /// `repl-backlog-size`
    pub(super) backlog_size: usize,
    /// `min-replicas-to-write`, and `min-replicas-max-lag` in seconds; none
    /// if either is 0.
    pub(super) replicas_min: Option<(usize, u64)>,
    /// `replica-read-only`
    pub(super) replica_read_only: bool,
    /// `replica-serve-stale-data`
    pub(super) serve_stale: bool,
    /// `maxmemory` and how it is kept.
    pub(super) memory: Limit,
    /// `tracking-table-max-keys`; 0 is no limit.
    pub(super) tracked_keys_max: usize,
    /// `hll-sparse-max-bytes`
    pub(super) hll_sparse_max: usize,
    /// `hash-max-listpack-entries` and its kin.
    pub(super) compact: Compact,
    /// `slowlog-log-slower-than`, in microseconds; negative is never.
    pub(super) slow_after_us: i64,
    /// `slowlog-max-len`
    pub(super) slow_log_max: usize,
    /// `acllog-max-len`
    pub(super) acl_log_max: usize,
    /// `acl-pubsub-default`: users begin with all channels.
    pub(super) all_channels: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            changed: BTreeMap::new(),
            bulk_max: BULK_MAX,
            query_max: 1 << 30,
            busy_after_ms: 5000,
            password: String::new(),
            events: Class::default(),
            output_limits: OutputLimits::default(),
            idle_seconds: 0,
            clients_max: 10_000,
            backlog_size: 1 << 20,
            replicas_min: None,
            replica_read_only: true,
            serve_stale: true,
            memory: Limit {
                samples: 5,
                lfu_log_factor: 10,
                lfu_decay_minutes: 1,
                ..Limit::default()
            },
            tracked_keys_max: 1_000_000,
            hll_sparse_max: 3000,
            compact: Compact::default(),
            slow_after_us: 10_000,
            slow_log_max: 128,
            acl_log_max: 128,
            all_channels: false,
        }
    }
}

/// Set by parts.
const OUTPUT_LIMITS: &str = "client-output-buffer-limit";

/// Set by nobody while `enable-protected-configs` is off, as it is.
const PROTECTED: &[&str] = &["dbfilename", "dir"];

/// A parameter that would not be set, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Unknown(String),
    Because(String, String),
}

/// The parameter of that name or alias, in any case.
fn find(name: &str) -> Option<&'static Parameter> {
    PARAMETERS
        .iter()
        .find(|parameter| parameter.name.eq_ignore_ascii_case(name) || parameter.is_alias(name))
}

impl Parameter {
    fn is_alias(&self, name: &str) -> bool {
        !self.alias.is_empty() && self.alias.eq_ignore_ascii_case(name)
    }

    /// Its name or its alias, whichever that is.
    fn called(&self, name: &str) -> &'static str {
        match self.is_alias(name) {
            true => self.alias,
            false => self.name,
        }
    }
}

impl Config {
    /// Every name and alias, with the value it has now.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, &str)> {
        PARAMETERS.iter().flat_map(|parameter| {
            [parameter.name, parameter.alias]
                .into_iter()
                .filter(|name| !name.is_empty())
                .map(|name| (name, self.value(parameter)))
        })
    }

    fn value(&self, parameter: &Parameter) -> &str {
        let changed = self.changed.get(parameter.name);
        changed.map_or(parameter.default, String::as_str)
    }

    /// A value by name, empty if there is no such parameter.
    pub(super) fn text(&self, name: &str) -> &str {
        find(name).map_or("", |parameter| self.value(parameter))
    }

    /// A whole number by name, 0 if it is none.
    pub(super) fn integer(&self, name: &str) -> i64 {
        self.text(name).parse().unwrap_or(0)
    }

    /// Notes where the server listens.
    pub(super) fn set_port(&mut self, port: u16) {
        self.changed.insert("port", port.to_string());
    }

    fn size(&self, name: &str) -> usize {
        self.text(name).parse().unwrap_or(0)
    }

    /// Sets all, or none and says which one was wrong.
    pub(super) fn set(&mut self, settings: &[(&str, &str)]) -> Result<(), Refused> {
        let mut checked: Vec<(&Parameter, String)> = Vec::new();
        for (at, (name, _)) in settings.iter().enumerate() {
            let Some(parameter) = find(name) else {
                return Err(Refused::Unknown((*name).to_owned()));
            };
            let refuse = |why: &str| Err(Refused::Because((*name).to_owned(), why.to_owned()));
            if !parameter.modifiable {
                return refuse("can't set immutable config");
            }
            if PROTECTED.contains(&parameter.name) {
                return refuse("can't set protected config");
            }
            // A name and its alias are not the same, as in Redis.
            let mut earlier = settings[..at].iter();
            if earlier.any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                return refuse("duplicate parameter");
            }
            checked.push((parameter, String::new()));
        }
        for ((parameter, written), (name, value)) in checked.iter_mut().zip(settings) {
            let checked = match parameter.name {
                OUTPUT_LIMITS => self.merged_output_limits(value),
                _ => parameter.check(value),
            };
            let name = parameter.called(name);
            *written = checked.map_err(|why| Refused::Because(name.to_owned(), why))?;
        }
        for (parameter, written) in checked {
            self.changed.insert(parameter.name, written);
        }
        self.refresh();
        Ok(())
    }

    /// A value may name some of the classes.
    fn merged_output_limits(&self, value: &str) -> Result<String, String> {
        let merged = self.output_limits.with(value);
        merged
            .map(|limits| limits.to_string())
            .map_err(str::to_owned)
    }

    /// Reads the fields again.
    fn refresh(&mut self) {
        self.bulk_max = self.size("proto-max-bulk-len");
        self.query_max = self.size("client-query-buffer-limit");
        self.busy_after_ms = self.integer("busy-reply-threshold");
        self.password = self.text("requirepass").to_owned();
        self.events = Class::parse(self.text("notify-keyspace-events")).unwrap_or_default();
        let limits = OutputLimits::default().with(self.text(OUTPUT_LIMITS));
        self.output_limits = limits.unwrap_or_default();
        self.idle_seconds = self.integer("timeout").unsigned_abs();
        self.clients_max = self.size("maxclients");
        self.backlog_size = self.size("repl-backlog-size");
        let (least, lag) = ("min-replicas-to-write", "min-replicas-max-lag");
        let (least, lag) = (self.size(least), self.integer(lag).unsigned_abs());
        self.replicas_min = (least > 0 && lag > 0).then_some((least, lag));
        self.replica_read_only = self.text("replica-read-only") == "yes";
        self.serve_stale = self.text("replica-serve-stale-data") == "yes";
        self.memory = Limit {
            bytes: self.size("maxmemory"),
            policy: self.text("maxmemory-policy").parse().unwrap_or_default(),
            samples: self.size("maxmemory-samples"),
            lfu_log_factor: self.integer("lfu-log-factor").unsigned_abs(),
            lfu_decay_minutes: self.integer("lfu-decay-time"),
        };
        self.tracked_keys_max = self.size("tracking-table-max-keys");
        self.hll_sparse_max = self.size("hll-sparse-max-bytes");
        self.compact = Compact {
            hash_fields: self.size("hash-max-listpack-entries"),
            hash_bytes: self.size("hash-max-listpack-value"),
            set_integers: self.size("set-max-intset-entries"),
            sorted_set_members: self.size("zset-max-listpack-entries"),
            sorted_set_bytes: self.size("zset-max-listpack-value"),
        };
        self.slow_after_us = self.integer("slowlog-log-slower-than");
        self.slow_log_max = self.size("slowlog-max-len");
        self.acl_log_max = self.size("acllog-max-len");
        self.all_channels = self.text("acl-pubsub-default") == "allchannels";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_valid_and_written_as_it_is_kept() {
        for parameter in PARAMETERS {
            let kept = parameter.check(parameter.default);
            assert_eq!(kept.as_deref(), Ok(parameter.default), "{}", parameter.name);
        }
        let names: Vec<&str> = PARAMETERS.iter().map(|p| p.name).collect();
        assert!(names.is_sorted());
    }

    #[test]
    fn the_fields_start_with_the_defaults() {
        let mut config = Config::default();
        let untouched = format!("{config:?}");
        config.refresh();
        assert_eq!(format!("{config:?}"), untouched);
    }

    #[test]
    fn all_are_set_or_none() {
        let mut config = Config::default();
        let settings = [("maxmemory", "1mb"), ("timeout", "x")];
        let refused = config.set(&settings).unwrap_err();
        let why = "argument couldn't be parsed into an integer".to_owned();
        assert_eq!(refused, Refused::Because("timeout".to_owned(), why));
        assert_eq!(config.text("maxmemory"), "0");
        config.set(&settings[..1]).unwrap();
        assert_eq!(config.integer("maxmemory"), 1024 * 1024);
    }
}
