//! What a server refuses for the state that it is in.

use super::commands::Command;

/// What is answered while the data is being loaded, by the first word.
const LOADING: [&str; 30] = [
    "acl",
    "auth",
    "client",
    "command",
    "config",
    "discard",
    "echo",
    "exec",
    "hello",
    "info",
    "lastsave",
    "latency",
    "module",
    "monitor",
    "multi",
    "psubscribe",
    "publish",
    "pubsub",
    "punsubscribe",
    "quit",
    "replconf",
    "reset",
    "role",
    "select",
    "shutdown",
    "slowlog",
    "subscribe",
    "time",
    "unsubscribe",
    "unwatch",
];

/// Whether a command runs while the data is being loaded.
pub(super) fn runs_while_loading(command: &Command) -> bool {
    let word = command.name.split('|').next().unwrap_or_default();
    LOADING.contains(&word)
}
