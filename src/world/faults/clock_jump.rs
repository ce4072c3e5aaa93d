//! `clock-jump`: a node's wall clock is set to another time, at once, as by
//! an administrator or a time daemon that steps. Its monotonic clock and every
//! sleep go on; deadlines in wall time are read again. It is not set back.

use super::Strike;

pub(super) fn strike(strike: &Strike<'_>, node: &str, by_ns: i64) {
    strike.began();
    strike.stage.machines.jump(node, by_ns);
    strike.ended();
}
