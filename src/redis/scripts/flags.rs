//! What scripts and functions say of themselves, and what a server does with
//! it before one runs.

use crate::redis::commands::Flags;
use crate::redis::context::Context;
use crate::redis::gate;
use crate::redis::reply::Reply;

/// The flags of a shebang line or a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::redis) struct ScriptFlags(u8);

impl ScriptFlags {
    pub(super) const NO_WRITES: ScriptFlags = ScriptFlags(1);
    const ALLOW_OOM: ScriptFlags = ScriptFlags(1 << 1);
    const ALLOW_STALE: ScriptFlags = ScriptFlags(1 << 2);

    /// In the order in which FUNCTION LIST shows them.
    const NAMES: [&'static str; 5] = [
        "no-writes",
        "allow-oom",
        "allow-stale",
        "no-cluster",
        "allow-cross-slot-keys",
    ];

    /// Adds the flag of that name; false if there is none.
    pub(super) fn add(&mut self, name: &[u8]) -> bool {
        let known = ScriptFlags::NAMES
            .iter()
            .position(|known| known.as_bytes() == name);
        self.0 |= known.map_or(0, |index| 1 << index);
        known.is_some()
    }

    pub(in crate::redis) fn names(self) -> impl Iterator<Item = &'static str> {
        let names = ScriptFlags::NAMES.iter().enumerate();
        names
            .filter(move |(index, _)| self.0 & (1 << index) != 0)
            .map(|(_, name)| *name)
    }

    fn has(self, other: ScriptFlags) -> bool {
        self.0 & other.0 != 0
    }

    /// What a command is that runs such a script.
    pub(in crate::redis) fn of_command(self, command: Flags) -> Flags {
        let mut flags = command.without(Flags::STALE.and(Flags::DENY_OOM).and(Flags::WRITE));
        if !self.has(ScriptFlags::NO_WRITES) {
            flags = flags.and(Flags::WRITE);
        }
        if !self.has(ScriptFlags(
            ScriptFlags::NO_WRITES.0 | ScriptFlags::ALLOW_OOM.0,
        )) {
            flags = flags.and(Flags::DENY_OOM);
        }
        if self.has(ScriptFlags::ALLOW_STALE) {
            flags = flags.and(Flags::STALE);
        }
        flags.without(Flags::MAY_REPLICATE)
    }
}

/// What a script may do.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::redis) struct Permit {
    pub(in crate::redis) read_only: bool,
    /// It may grow the data of a server that is full.
    pub(in crate::redis) ignores_memory: bool,
}

impl Permit {
    /// Whether a script runs now, and under which rules. A script without a
    /// shebang has no flags, and is refused what it does, not what it might.
    pub(super) fn new(
        context: &Context<'_>,
        flags: Option<ScriptFlags>,
        read_only_call: bool,
    ) -> Result<Permit, Reply> {
        let is_stale = gate::is_stale(context.keyspace, context.server);
        let Some(flags) = flags else {
            return match is_stale {
                true => Err(gate::PRIMARY_DOWN),
                false => Ok(Permit {
                    read_only: read_only_call,
                    ignores_memory: false,
                }),
            };
        };
        let writes = !flags.has(ScriptFlags::NO_WRITES);
        let allows_oom = flags.has(ScriptFlags::ALLOW_OOM);
        if is_stale && !flags.has(ScriptFlags::ALLOW_STALE) {
            return Err(Reply::error(
                "MASTERDOWN Link with MASTER is down, replica-serve-stale-data is set to 'no' \
                 and 'allow-stale' flag is not set on the script.",
            ));
        }
        if writes {
            let replication = &context.keyspace.propagation.replication;
            if replication.is_replica() && context.server.config.replica_read_only {
                return Err(Reply::error(
                    "READONLY Can not run script with write flag on readonly replica",
                ));
            }
            if read_only_call {
                return Err(Reply::error(
                    "ERR Can not execute a script with write flag using *_ro command.",
                ));
            }
            if let Some(refusal) = gate::of_writes(context.keyspace, context.server) {
                return Err(refusal);
            }
        }
        if writes && !allows_oom && context.keyspace.full_at.is_some() {
            return Err(Reply::error(
                "OOM allow-oom flag is not set on the script, can not run it when used memory > \
                 'maxmemory'",
            ));
        }
        Ok(Permit {
            read_only: read_only_call || !writes,
            ignores_memory: allows_oom,
        })
    }
}
