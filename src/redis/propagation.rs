//! Propagation: what the append-only file and the replicas are told of a
//! command.
//!
//! They are told effects, not intentions: a command stream that brings any
//! copy of the data to the same state, whenever it is run. Everything that a
//! client, a script, a transaction or the expiry cycle does in one go is one
//! unit, and a unit of more than one effect goes out between MULTI and EXEC.
//!
//! # How a command declares its effects
//!
//! It does nothing, and goes out as it was sent if it changed anything:
//! [`Keyspace`](super::keyspace::Keyspace) counts changes, so a command that
//! changed nothing is not propagated. That is right wherever running the
//! command again gives the same result. Where it does not, because the
//! command looks at the clock, at randomness, or waited for its key, its
//! handler says what it comes to, in the words of Redis 7.0:
//!
//! - [`Context::propagate_as`]: these arguments instead of its own, or in
//!   addition to those it has named before. `SET k v PX 10` says
//!   `SET k v PXAT when`, `SPOP` says `SREM`, `BLPOP` says `LPOP`,
//!   `INCRBYFLOAT` says `SET k v KEEPTTL`. Counts even where no key changed.
//! - [`Context::propagate_to_replicas`]: the same, but not to the file, as
//!   `PUBLISH` does.
//! - [`Context::propagate_nothing`]: not at all.
//!
//! Keys that expire or are evicted on the way are told as `DEL` before the
//! command, by the keyspace itself. A command of a script or a transaction is
//! declared in the same way, less those whom `redis.set_repl` left out; EVAL
//! and EXEC have no effects of their own.
//!
//! All of it costs a comparison as long as there is neither a file nor a
//! replica.

use bytes::{Bytes, BytesMut};

use super::context::Context;
use super::persistence::Aof;
use super::replication::Replication;
use super::reply;

/// One command that the copies of the data run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Effect {
    database: usize,
    args: Vec<Bytes>,
    audience: Audience,
}

/// Whom an effect is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Audience {
    pub(super) file: bool,
    pub(super) replicas: bool,
}

impl Default for Audience {
    fn default() -> Audience {
        Audience {
            file: true,
            replicas: true,
        }
    }
}

/// What is on its way to the file and the replicas.
#[derive(Debug, Default)]
pub(super) struct Propagation {
    pub(super) aof: Option<Aof>,
    pub(super) replication: Replication,
    /// Who is told of the running command, as far as its script has a say.
    pub(super) audience: Audience,
    /// What the running command comes to, if not to itself.
    instead: Option<Vec<Effect>>,
    /// What the unit has done so far.
    pending: Vec<Effect>,
}

/// Whether a unit is all or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// A command, a script or a transaction.
    Whole,
    /// Unconnected effects, as those of the expiry cycle.
    Loose,
}

impl Propagation {
    fn is_heard(&self) -> bool {
        self.aof.is_some() || self.replication.is_heard()
    }

    /// Notes that a key was removed because its time was up, or its memory
    /// was wanted.
    pub(super) fn removed(&mut self, database: usize, key: &Bytes) {
        if self.is_heard() {
            self.pending.push(Effect {
                database,
                args: vec![Bytes::from_static(b"DEL"), key.clone()],
                audience: Audience::default(),
            });
        }
    }

    /// Notes what a command did that has just run.
    fn ran(&mut self, database: usize, args: &[&[u8]], changed: bool) {
        match self.instead.take() {
            Some(effects) => {
                let told = effects
                    .into_iter()
                    .map(|effect| effect.only_for(self.audience));
                self.pending.extend(told);
            }
            None if changed => {
                let effect = Effect::of(database, args).only_for(self.audience);
                self.pending.push(effect);
            }
            None => {}
        }
    }

    /// Ends a unit: its effects go out.
    pub(super) fn flush(&mut self, unit: Unit) {
        if self.pending.is_empty() {
            return;
        }
        let effects = std::mem::take(&mut self.pending);
        if let Some(aof) = &mut self.aof {
            aof.feed(&effects, unit);
        }
        self.replication.feed(&effects, unit);
    }
}

/// Runs one command and notes its effects.
pub(super) fn call<T>(
    context: &mut Context<'_>,
    args: &[&[u8]],
    run: impl FnOnce(&mut Context<'_>) -> T,
) -> T {
    if !context.keyspace.propagation.is_heard() {
        return run(context);
    }
    let (database, before) = (context.client.database, context.keyspace.dirty());
    context.keyspace.propagation.instead = None;
    let output = run(context);
    let changed = context.keyspace.dirty() != before;
    context.keyspace.propagation.ran(database, args, changed);
    output
}

impl Context<'_> {
    /// Whether there is anybody to propagate to.
    pub(super) fn is_heard(&self) -> bool {
        self.keyspace.propagation.is_heard()
    }

    /// Says what the running command comes to.
    pub(super) fn propagate_as(&mut self, args: &[&[u8]]) {
        self.propagate(args, Audience::default());
    }

    /// Says what the running command comes to, whatever it said before.
    pub(super) fn propagate_instead(&mut self, args: &[&[u8]]) {
        self.keyspace.propagation.instead = None;
        self.propagate(args, Audience::default());
    }

    /// Says what replicas are told of the running command, and the file not.
    pub(super) fn propagate_to_replicas(&mut self, args: &[&[u8]]) {
        let audience = Audience {
            file: false,
            replicas: true,
        };
        self.propagate(args, audience);
    }

    /// Says that the running command comes to nothing.
    pub(super) fn propagate_nothing(&mut self) {
        self.keyspace.propagation.instead = Some(Vec::new());
    }

    fn propagate(&mut self, args: &[&[u8]], audience: Audience) {
        let database = self.client.database;
        let propagation = &mut self.keyspace.propagation;
        if propagation.is_heard() {
            let effect = Effect::of(database, args).only_for(audience);
            propagation.instead.get_or_insert_default().push(effect);
        }
    }
}

impl Effect {
    pub(super) fn of(database: usize, args: &[&[u8]]) -> Effect {
        Effect {
            database,
            args: args.iter().map(|arg| Bytes::copy_from_slice(arg)).collect(),
            audience: Audience::default(),
        }
    }

    fn only_for(mut self, audience: Audience) -> Effect {
        self.audience.file &= audience.file;
        self.audience.replicas &= audience.replicas;
        self
    }
}

/// A stream of commands, and the database that its reader is in.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    selected: Option<usize>,
}

impl Encoder {
    /// Writes a unit as requests, with the SELECT that it needs.
    pub(super) fn unit<'a>(
        &mut self,
        effects: impl Iterator<Item = &'a Effect> + Clone,
        unit: Unit,
        out: &mut BytesMut,
    ) {
        let together = unit == Unit::Whole && effects.clone().nth(1).is_some();
        for (index, effect) in effects.enumerate() {
            if self.selected != Some(effect.database) {
                self.selected = Some(effect.database);
                let database = effect.database.to_string();
                request(out, &[b"SELECT", database.as_bytes()]);
            }
            if together && index == 0 {
                request(out, &[b"MULTI"]);
            }
            request(out, &effect.args);
        }
        if together {
            request(out, &[b"EXEC"]);
        }
    }

    /// The database that the reader is in.
    pub(super) fn selected(&self) -> Option<usize> {
        self.selected
    }

    /// Notes that the reader is in a database; in none, and the next effect
    /// says in which.
    pub(super) fn select(&mut self, database: Option<usize>) {
        self.selected = database;
    }
}

/// The effects that the append-only file keeps.
pub(super) fn for_file(effects: &[Effect]) -> impl Iterator<Item = &Effect> + Clone {
    effects.iter().filter(|effect| effect.audience.file)
}

/// The effects that the replicas are told of.
pub(super) fn for_replicas(effects: &[Effect]) -> impl Iterator<Item = &Effect> + Clone {
    effects.iter().filter(|effect| effect.audience.replicas)
}

/// Writes one request as a client does.
pub(super) fn request<T: AsRef<[u8]>>(out: &mut BytesMut, args: &[T]) {
    reply::number(out, b'*', args.len());
    for arg in args {
        reply::bulk(out, b'$', arg.as_ref());
    }
}
