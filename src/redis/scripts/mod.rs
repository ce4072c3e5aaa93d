//! Lua scripts, as Redis 7.0 runs them.
//!
//! The interpreter is the same Lua 5.1, opened as far as Redis opens it and
//! no further, less what would let the real world into a simulation: tables
//! print a counter instead of their address, a table keyed by objects cannot
//! be walked, and a script that does not end runs out of instructions. It is
//! made when the first script arrives.
//!
//! A script runs with the keyspace moved into [`Host`], where `redis.call`
//! finds it, and moved back at the end: nothing is shared, nothing waits.

mod convert;
mod host;
mod libraries;
mod random;
mod shebang;
mod vm;

use std::sync::Arc;

use bytes::Bytes;
use indexmap::IndexMap;
use xxhash_rust::xxh3::Xxh3DefaultBuilder;

use super::engine::Context;
use super::reply::Reply;
use host::Host;
use vm::Vm;

type Map<K, V> = IndexMap<K, V, Xxh3DefaultBuilder>;

/// The scripts that a server knows, and what runs them.
pub(super) struct Scripts {
    instructions_max: u64,
    host: Arc<Host>,
    vm: Option<Vm>,
    by_text: Map<Bytes, Compiled>,
    by_sha: Map<String, Compiled>,
}

/// A script that can be run.
#[derive(Debug, Clone)]
pub(super) struct Compiled(Arc<Script>);

#[derive(Debug)]
struct Script {
    sha: String,
    function: mlua::Function,
    /// Its shebang says that it does not write.
    read_only: bool,
}

impl Compiled {
    pub(super) fn sha(&self) -> &str {
        &self.0.sha
    }
}

/// What a script is run with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Invocation<'a> {
    pub(super) keys: &'a [&'a [u8]],
    pub(super) args: &'a [&'a [u8]],
    /// Called as EVAL_RO.
    pub(super) read_only: bool,
}

impl Scripts {
    pub(super) fn new(instructions_max: u64) -> Scripts {
        Scripts {
            instructions_max,
            host: Arc::default(),
            vm: None,
            by_text: Map::default(),
            by_sha: Map::default(),
        }
    }

    /// The script of that text, compiled now or before.
    pub(super) fn compile(&mut self, text: &[u8]) -> Result<Compiled, Reply> {
        if let Some(known) = self.by_text.get(text) {
            return Ok(known.clone());
        }
        let (header, body) = shebang::split(text)?;
        let function = self.vm()?.compile(body)?;
        let compiled = Compiled(Arc::new(Script {
            sha: sha1_hex(text),
            function,
            read_only: header.no_writes,
        }));
        self.by_text
            .insert(Bytes::copy_from_slice(text), compiled.clone());
        self.by_sha.insert(compiled.0.sha.clone(), compiled.clone());
        Ok(compiled)
    }

    /// The script of that digest, in either case.
    pub(super) fn find(&self, sha: &[u8]) -> Option<Compiled> {
        let sha = std::str::from_utf8(sha).ok()?;
        match self.by_sha.get(sha) {
            Some(known) => Some(known.clone()),
            None => self.by_sha.get(&sha.to_ascii_lowercase()).cloned(),
        }
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

    pub(super) fn run(
        &mut self,
        context: &mut Context<'_>,
        script: &Compiled,
        invocation: &Invocation<'_>,
    ) -> Reply {
        let instructions = self.instructions_max;
        let host = self.host.clone();
        let vm = match self.vm() {
            Ok(vm) => vm,
            Err(error) => return error,
        };
        host.enter(
            context,
            invocation.read_only || script.0.read_only,
            instructions,
        );
        let result = vm.run(&script.0.function, invocation);
        let left = host.leave(context);
        if left.exhausted {
            vm.count_instructions();
            return Reply::error("ERR The script used up its instructions and was ended.");
        }
        vm::answer(result, script.sha(), left.resp)
    }

    fn vm(&mut self) -> Result<&Vm, Reply> {
        if self.vm.is_none() {
            let vm = Vm::new(self.host.clone()).map_err(|error| {
                Reply::error_from(format!("ERR The interpreter did not start: {error}").into())
            })?;
            self.vm = Some(vm);
        }
        self.vm
            .as_ref()
            .ok_or(Reply::error("ERR The interpreter did not start"))
    }
}

fn sha1_hex(text: &[u8]) -> String {
    sha1_smol::Sha1::from(text).digest().to_string()
}
