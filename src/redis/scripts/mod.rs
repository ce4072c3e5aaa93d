//! Lua scripts and functions, as Redis 7.0 runs them.
//!
//! The interpreter is the same Lua 5.1, opened as far as Redis opens it and
//! no further, less what would let the real world into a simulation: tables
//! print a counter instead of their address, a table keyed by objects cannot
//! be walked, and a script that does not end runs out of instructions. It is
//! made when the first script arrives, and the one for functions when the
//! first library does.
//!
//! A script runs with the keyspace moved into [`Host`], where `redis.call`
//! finds it, and moved back at the end: nothing is shared, nothing waits. One
//! that runs for long is left again and again ([`fiber`]), with everything
//! moved back, and [`Progress::Paused`] says so: the server then decides when
//! it goes on.

mod bytecode;
mod callable;
mod convert;
mod fiber;
mod flags;
mod functions;
mod host;
mod libraries;
mod random;
mod shebang;
mod vm;
mod words;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use indexmap::IndexMap;
use mlua::Value;
use rustc_hash::FxBuildHasher;

use super::commands::Rest;
use super::context::Context;
use super::observer::{Outcome, ScriptRun};
use super::reply::Reply;
use crate::rt::{self, Instant};
use callable::Callable;
use fiber::{Came, Go};
pub(super) use flags::{Permit, ScriptFlags};
pub(super) use functions::{Libraries, Library};
use host::{Host, Left, Session, Stopped};
use vm::{Slot, TICK, Vm};

type Map<K, V> = IndexMap<K, V, FxBuildHasher>;

/// The scripts that a server knows, and what runs them.
pub(super) struct Scripts {
    instructions_max: u64,
    host: Arc<Host>,
    vm: Slot,
    by_text: Map<Bytes, Compiled>,
    by_sha: Map<Bytes, Compiled>,
    /// What FCALL can call.
    pub(super) libraries: Libraries,
    functions_vm: Slot,
    paused: Option<Box<Paused>>,
    /// What comes after the script that is not over.
    pub(super) transaction: Option<Rest>,
}

/// A script or a function that can be run.
#[derive(Debug, Clone)]
pub(super) struct Compiled(Arc<Script>);

#[derive(Debug)]
struct Script {
    kind: Kind,
    /// Of a script its digest.
    name: String,
    function: Arc<Callable>,
    /// It does not change KEYS and ARGV, and hands them to nobody.
    leaves_words: bool,
    /// What a shebang says, if a script has one.
    flags: Option<ScriptFlags>,
}

/// What runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A script of EVAL.
    Script,
    /// A function of FCALL.
    Function,
}

impl Kind {
    /// What others are told while it runs and runs.
    pub(super) const fn busy(self) -> Reply {
        Reply::error(match self {
            Kind::Script => {
                "BUSY Redis is busy running a script. You can only call SCRIPT KILL or \
                 SHUTDOWN NOSAVE."
            }
            Kind::Function => {
                "BUSY Redis is busy running a script. You can only call FUNCTION KILL or \
                 SHUTDOWN NOSAVE."
            }
        })
    }
}

impl Compiled {
    pub(super) fn name(&self) -> &str {
        &self.0.name
    }

    pub(super) fn flags(&self) -> Option<ScriptFlags> {
        self.0.flags
    }
}

/// EVAL, FCALL and their kin, with arguments that have been checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Invocation<'a> {
    /// The whole command.
    pub(super) argv: &'a [&'a [u8]],
    /// How many keys it names.
    pub(super) keys: usize,
    /// Called as EVAL_RO.
    pub(super) read_only: bool,
}

impl<'a> Invocation<'a> {
    fn keys(&self) -> &'a [&'a [u8]] {
        &self.argv[3..][..self.keys]
    }

    fn args(&self) -> &'a [&'a [u8]] {
        &self.argv[3..][self.keys..]
    }
}

/// How far a script has come.
#[derive(Debug)]
pub(super) enum Progress {
    Ended(Reply),
    /// It has run for a while, and is to be [gone on with](Scripts::go_on).
    Paused,
}

/// The script that is not over.
#[derive(Debug)]
pub(super) struct Paused {
    script: Compiled,
    /// Its command.
    pub(super) argv: Vec<Bytes>,
    keys: usize,
    pub(super) began: Instant,
}

impl Paused {
    pub(super) fn kind(&self) -> Kind {
        self.script.0.kind
    }

    pub(super) fn name(&self) -> &str {
        &self.script.0.name
    }
}

impl Scripts {
    pub(super) fn new(instructions_max: u64) -> Scripts {
        Scripts {
            instructions_max,
            host: Arc::default(),
            vm: None,
            by_text: Map::default(),
            by_sha: Map::default(),
            libraries: Libraries::default(),
            functions_vm: None,
            paused: None,
            transaction: None,
        }
    }

    /// The script of that text, compiled now or before.
    pub(super) fn compile(&mut self, text: &[u8]) -> Result<Compiled, Reply> {
        if let Some(known) = self.by_text.get(text) {
            return Ok(known.clone());
        }
        let (flags, body) = shebang::split(text)?;
        let vm = Vm::of(&mut self.vm, &self.host, Kind::Script)?;
        let (function, leaves_words) = vm.compile(body)?;
        let name = sha1_hex(text);
        let compiled = Compiled(Arc::new(Script {
            kind: Kind::Script,
            name: name.clone(),
            function: function.into(),
            leaves_words,
            flags,
        }));
        self.by_text
            .insert(Bytes::copy_from_slice(text), compiled.clone());
        self.by_sha.insert(name.into(), compiled.clone());
        Ok(compiled)
    }

    /// The script of that digest, in either case.
    pub(super) fn find(&self, sha: &[u8]) -> Option<&Compiled> {
        let known = self.by_sha.get(sha);
        known.or_else(|| self.by_sha.get(&*sha.to_ascii_lowercase()))
    }

    /// What a text says of itself; nothing if it cannot be read.
    pub(super) fn flags_of_text(text: &[u8]) -> Option<ScriptFlags> {
        shebang::split(text).ok()?.0
    }

    /// Forgets every script, and what they left in the interpreter.
    pub(super) fn flush(&mut self) {
        self.by_text.clear();
        self.by_sha.clear();
        self.vm = None;
    }

    /// How many scripts are known.
    pub(super) fn len(&self) -> usize {
        self.by_sha.len()
    }

    /// The script that is not over.
    pub(super) fn paused(&self) -> Option<&Paused> {
        self.paused.as_deref()
    }

    /// Runs a script to its end, or until it has run for a while.
    pub(super) fn run(
        &mut self,
        context: &mut Context<'_>,
        script: &Compiled,
        invocation: &Invocation<'_>,
    ) -> Progress {
        let (came, left) = match self.begin(context, script, invocation) {
            Ok(entered) => entered,
            Err(error) => return Progress::Ended(error),
        };
        match came {
            Came::Ended(result) => {
                Progress::Ended(self.end(context, script, invocation, result, left))
            }
            Came::Paused => {
                let argv = invocation.argv.iter();
                self.paused = Some(Box::new(Paused {
                    script: script.clone(),
                    argv: argv.map(|arg| Bytes::copy_from_slice(arg)).collect(),
                    keys: invocation.keys,
                    began: rt::now(),
                }));
                Progress::Paused
            }
        }
    }

    fn begin(
        &mut self,
        context: &mut Context<'_>,
        script: &Compiled,
        invocation: &Invocation<'_>,
    ) -> Result<(Came, Left), Reply> {
        let permit = Permit::new(context, script.flags(), invocation.read_only)?;
        let session = Session::new(context, permit, self.instructions_max);
        let vm = self.vm(script.0.kind)?;
        let call = vm.call(script, invocation).map_err(vm::not_started)?;
        Ok(vm.enter(context, Some(session), Go::Run(call)))
    }

    /// Goes on with the script that is not over.
    pub(super) fn go_on(&mut self, context: &mut Context<'_>) -> Progress {
        let Some(paused) = self.paused.take() else {
            return Progress::Ended(NOT_BUSY);
        };
        let (came, left) = match self.vm(paused.kind()) {
            Ok(vm) => vm.enter(context, None, Go::On),
            Err(error) => return Progress::Ended(error),
        };
        match came {
            Came::Paused => {
                self.paused = Some(paused);
                Progress::Paused
            }
            Came::Ended(result) => {
                let argv: Vec<&[u8]> = paused.argv.iter().map(|arg| &arg[..]).collect();
                let invocation = Invocation {
                    argv: &argv,
                    keys: paused.keys,
                    read_only: false,
                };
                Progress::Ended(self.end(context, &paused.script, &invocation, result, left))
            }
        }
    }

    /// The reply to a script that has ended.
    fn end(
        &mut self,
        context: &mut Context<'_>,
        script: &Compiled,
        invocation: &Invocation<'_>,
        result: mlua::Result<(bool, Value)>,
        left: Left,
    ) -> Reply {
        if left.stopped.is_some()
            && let Ok(vm) = self.vm(script.0.kind)
        {
            vm.count_instructions();
        }
        context.server.counts.was_counted = vm::was_counted(&result);
        let reply = match left.stopped {
            Some(Stopped::Exhausted) => Reply::error(host::EXHAUSTED),
            _ => vm::answer(result, &script.0.name, left.resp),
        };
        context.keyspace.observe(|observer| {
            observer.script_ran(&ScriptRun {
                sha: &script.0.name,
                keys: invocation.keys(),
                args: invocation.args(),
                outcome: Outcome::of(&reply),
            });
        });
        reply
    }

    /// Ends the script that is not over, if it may be ended.
    pub(super) fn kill(&mut self, kind: Kind, planted: bool) -> Reply {
        match &self.paused {
            None => NOT_BUSY,
            Some(_) if self.host.wrote() && !planted => UNKILLABLE,
            Some(paused) if paused.kind() != kind => paused.kind().busy(),
            Some(_) => {
                self.host.kill();
                Reply::OK
            }
        }
    }

    fn vm(&mut self, kind: Kind) -> Result<&mut Vm, Reply> {
        match kind {
            Kind::Script => Vm::of(&mut self.vm, &self.host, kind),
            Kind::Function => Vm::of(&mut self.functions_vm, &self.host, kind),
        }
    }
}

const NOT_BUSY: Reply = Reply::error("NOTBUSY No scripts in execution right now.");
const UNKILLABLE: Reply = Reply::error(
    "UNKILLABLE Sorry the script already executed write commands against the dataset. You can \
     either wait the script termination or kill the server in a hard way using the SHUTDOWN \
     NOSAVE command.",
);

/// How long a script runs until it is left, if an instruction takes so long.
pub(super) fn slice(instruction_ns: u64) -> Duration {
    Duration::from_nanos(instruction_ns.saturating_mul(TICK.into()))
}

fn sha1_hex(text: &[u8]) -> String {
    sha1_smol::Sha1::from(text).digest().to_string()
}
