//! The interpreter: made, fed, asked.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use fragile::Fragile;
use mlua::{
    ChunkMode, Function, HookTriggers, Lua, LuaOptions, MultiValue, StdLib, Table, Value, VmState,
};

use super::callable::{self, Callable};
use super::convert::{error_table, to_reply};
use super::fiber::{self, Call, Came, Fiber, Go};
use super::functions;
use super::host::{self, Host, Left, Raised, Session, Tick};
use super::words::{self, Words};
use super::{Compiled, Invocation, Kind, bytecode, libraries};
use crate::redis::context::Context;
use crate::redis::reply::{Reply, Resp};

/// Everything that is easier said in Lua: the globals, their protection, the
/// error handler.
const PRELUDE: &str = include_str!("prelude.lua");
/// The chunk name of the prelude, and that of scripts.
pub(super) const PRELUDE_NAME: &str = "=redis";
const SCRIPT_NAME: &str = "@user_script";
const LIBRARY_NAME: &str = "@user_function";
/// Instructions between two looks at the budget.
pub(super) const TICK: u32 = 100_000;
/// Lua collects its garbage when there is so much more than after the last
/// time, in per cent. What is not garbage is mostly the prelude: at Lua's own
/// 200 it would be walked after every hundredth script.
const GARBAGE_PAUSE: i32 = 1_000;

/// The prelude as a function. Parsing it costs more than all else in making
/// an interpreter, so it is parsed once in a process; what it compiles to is
/// the same every time.
fn prelude(lua: &Lua) -> mlua::Result<Function> {
    static COMPILED: OnceLock<Vec<u8>> = OnceLock::new();
    if let Some(compiled) = COMPILED.get() {
        let chunk = lua.load(&compiled[..]).set_name(PRELUDE_NAME);
        return chunk.set_mode(ChunkMode::Binary).into_function();
    }
    let parsed = lua.load(PRELUDE).set_name(PRELUDE_NAME).into_function()?;
    COMPILED.get_or_init(|| parsed.dump(false));
    Ok(parsed)
}

/// Room for an interpreter, which stays on the thread on which it was made.
pub(super) type Slot = Option<Fragile<Vm>>;

pub(super) struct Vm {
    // Ends before what it runs.
    fiber: Fiber,
    lua: Lua,
    keys: Words,
    args: Words,
    load: Function,
    pub(super) host: Arc<Host>,
}

impl fmt::Debug for Vm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vm")
    }
}

impl Vm {
    /// The interpreter in `slot`, made if there is none.
    pub(super) fn of<'a>(
        slot: &'a mut Slot,
        host: &Arc<Host>,
        kind: Kind,
    ) -> Result<&'a mut Vm, Reply> {
        let vm = match slot {
            Some(vm) => vm,
            None => {
                let vm = Vm::new(host.clone(), kind).map_err(not_started)?;
                slot.insert(Fragile::new(vm))
            }
        };
        vm.try_get_mut().map_err(|_| {
            Reply::error("ERR Scripts run on the thread of the first one, and this is another")
        })
    }

    fn new(host: Arc<Host>, kind: Kind) -> mlua::Result<Vm> {
        let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH;
        let begun = Lua::new_with(libraries, LuaOptions::new().catch_rust_panics(false))?;
        begun.gc_set_pause(GARBAGE_PAUSE);
        // mlua collects the garbage when its first handle goes: now there is
        // least of it, and the prelude is loaded before Lua does so again.
        let lua = begun.clone();
        drop(begun);
        let functions = host_functions(&lua, &host)?;
        functions.raw_set("is_for_functions", kind == Kind::Function)?;
        let prelude: Table = prelude(&lua)?.call(functions)?;
        lua.set_globals(prelude.get("globals")?)?;
        callable::numbered_by(&lua, prelude.get("add")?)?;
        let fiber = Fiber::new(&lua, prelude.get("run")?).map_err(mlua::Error::external)?;
        let vm = Vm {
            fiber,
            keys: Words::new(&lua)?,
            args: Words::new(&lua)?,
            lua,
            load: prelude.get("load")?,
            host,
        };
        vm.count_instructions();
        Ok(vm)
    }

    /// Arms the budget of the next script.
    pub(super) fn count_instructions(&self) {
        let host = self.host.clone();
        let armed = self.lua.set_global_hook(
            HookTriggers::new().every_nth_instruction(TICK),
            move |lua, _| {
                let stopped = match host.tick(TICK) {
                    Tick::GoOn => None,
                    Tick::Pause => host.returned(fiber::pause(lua)?),
                    Tick::Stop(why) => Some(why),
                };
                let Some(why) = stopped else {
                    return Ok(VmState::Continue);
                };
                // From here on every line fails, so that no pcall keeps the
                // script alive.
                lua.set_global_hook(HookTriggers::EVERY_LINE, move |_, _| Err(why.error()))?;
                Err(why.error())
            },
        );
        debug_assert!(armed.is_ok(), "a hook can always be set");
    }

    /// Lets the interpreter have the server, for a new session if there is
    /// one, and takes it back when a script has ended or has run for a while.
    pub(super) fn enter(
        &mut self,
        context: &mut Context<'_>,
        begins: Option<Session>,
        go: Go,
    ) -> (Came, Left) {
        self.host.enter(context, begins);
        self.lua.set_memory_limit(host::MEMORY_MAX).ok();
        let came = self.fiber.enter(go);
        self.lua.set_memory_limit(0).ok();
        // Lua collects no garbage when there is no more memory: a script that
        // took it all would leave none to the next.
        if matches!(came, Came::Ended(_)) && self.lua.used_memory() > host::MEMORY_MAX / 2 {
            self.fiber.leave();
            self.lua.gc_collect().ok();
        }
        (came, self.host.leave(context))
    }

    /// A script, and whether it leaves KEYS and ARGV as they are.
    pub(super) fn compile(&mut self, text: &[u8]) -> Result<(Callable, bool), Reply> {
        let function = self.chunk(text, SCRIPT_NAME).map_err(|message| {
            Reply::error_from(
                format!("ERR Error compiling script (new function): {message}").into(),
            )
        })?;
        let leaves_words = bytecode::leaves_words(&function.dump(true));
        let callable = Callable::new(&self.lua, &function).map_err(not_started)?;
        Ok((callable, leaves_words))
    }

    /// Runs a library, which registers its functions with the host.
    pub(super) fn load(&mut self, text: &[u8]) -> Result<(), Reply> {
        let library = self.chunk(text, LIBRARY_NAME).map_err(|message| {
            Reply::error_from(format!("ERR Error compiling function: {message}").into())
        })?;
        let loaded: mlua::Result<(bool, Value)> = self.load.call(library);
        let why = match loaded {
            Ok((true, _)) => return Ok(()),
            Ok((false, Value::Table(error))) => error.raw_get("err").unwrap_or_default(),
            Ok((false, Value::String(text))) => format!("ERR {}", text.to_string_lossy()),
            Ok((false, _)) => "ERR ".to_owned(),
            Err(error) => error.to_string(),
        };
        Err(Reply::error_from(
            format!("ERR Error registering functions: {why}").into(),
        ))
    }

    /// A text as a function, or what is wrong with it.
    fn chunk(&mut self, text: &[u8], name: &str) -> Result<Function, String> {
        self.fiber.leave();
        let chunk = self.lua.load(text).set_name(name);
        let function = chunk.set_mode(ChunkMode::Text).into_function();
        function.map_err(|error| match error {
            mlua::Error::SyntaxError { message, .. } => message,
            error => error.to_string(),
        })
    }

    /// What runs a script.
    pub(super) fn call(
        &self,
        script: &Compiled,
        invocation: &Invocation<'_>,
    ) -> mlua::Result<Call> {
        let table = |words: &Words, texts| match script.0.leaves_words {
            true => words.lend(&self.lua, texts),
            false => words::in_a_table(&self.lua, texts),
        };
        Ok(Call {
            number: script.0.function.number,
            keys: table(&self.keys, invocation.keys())?,
            args: table(&self.args, invocation.args())?,
        })
    }
}

pub(super) fn not_started(error: mlua::Error) -> Reply {
    Reply::error_from(format!("ERR The interpreter did not start: {error}").into())
}

/// What the prelude builds on.
fn host_functions(lua: &Lua, host: &Arc<Host>) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    for (name, raises) in [("call", true), ("pcall", false)] {
        let host = host.clone();
        let call = lua.create_function(move |lua, args: MultiValue| host.call(lua, &args, raises));
        table.raw_set(name, call?)?;
    }
    let here = host.clone();
    let set_resp = move |_: &Lua, args: MultiValue| here.set_resp(&args);
    table.raw_set("setresp", lua.create_function(set_resp)?)?;
    let here = host.clone();
    let random = move |lua: &Lua, args: MultiValue| here.random(lua, &args);
    table.raw_set("random", lua.create_function(random)?)?;
    let here = host.clone();
    let seed = move |_: &Lua, seed: f64| {
        here.seed_random(seed as i32);
        Ok(())
    };
    table.raw_set("randomseed", lua.create_function(seed)?)?;
    let here = host.clone();
    let register = move |lua: &Lua, args: MultiValue| functions::register(&here, lua, &args);
    table.raw_set("register_function", lua.create_function(register)?)?;
    let sha1hex = |lua: &Lua, args: MultiValue| host::sha1hex(lua, &args);
    table.raw_set("sha1hex", lua.create_function(sha1hex)?)?;
    let log = |_: &Lua, args: MultiValue| host::log(&args);
    table.raw_set("log", lua.create_function(log)?)?;
    let here = host.clone();
    let acl_check_cmd = move |_: &Lua, args: MultiValue| here.acl_check_cmd(&args);
    table.raw_set("acl_check_cmd", lua.create_function(acl_check_cmd)?)?;
    let here = host.clone();
    let set_repl = move |_: &Lua, args: MultiValue| here.set_repl(&args);
    table.raw_set("set_repl", lua.create_function(set_repl)?)?;
    table.raw_set(
        "where",
        lua.create_function(|lua, ()| Ok(host::position(lua).unzip()))?,
    )?;
    let library = |lua: &Lua, name: String| libraries::open(lua, &name);
    table.raw_set("library", lua.create_function(library)?)?;
    table.raw_set("null", Value::NULL)?;
    table.raw_set("error_value", lua.create_function(error_value)?)?;
    Ok(table)
}

/// What a script gets when it catches an error that was raised here.
fn error_value(lua: &Lua, value: Value) -> mlua::Result<Value> {
    let Value::Error(error) = &value else {
        return Ok(value);
    };
    match error.chain().find_map(|cause| cause.downcast_ref()) {
        Some(Raised::Reply(text)) => error_table(lua, text),
        Some(Raised::Text(text)) => Ok(Value::String(lua.create_string(text)?)),
        None => Ok(Value::String(lua.create_string(error.to_string())?)),
    }
}

/// Whether a script ended with the error of a command.
pub(super) fn was_counted(result: &mlua::Result<(bool, Value)>) -> bool {
    match result {
        Ok((_, Value::Table(table))) => {
            let mark: mlua::Result<Value> = table.raw_get("ignore_error_stats_update");
            matches!(mark, Ok(Value::Boolean(true)))
        }
        _ => false,
    }
}

/// The reply to a script that ended with `result`.
pub(super) fn answer(result: mlua::Result<(bool, Value)>, sha: &str, resp: Resp) -> Reply {
    let converted = result.and_then(|(returned, value)| match value {
        value if returned => to_reply(&value, resp),
        Value::Table(error) => failure(&error, sha),
        Value::String(text) => Ok(running_failed(sha, &text.to_string_lossy())),
        _ => Ok(running_failed(sha, "execution failure")),
    });
    converted.unwrap_or_else(|error| running_failed(sha, &error.to_string()))
}

fn running_failed(sha: &str, message: &str) -> Reply {
    let message: String = message.chars().take(100).collect();
    Reply::error_from(format!("ERR Error running script {sha}, {message}").into())
}

/// An error's text, and where it was raised.
fn failure(error: &Table, sha: &str) -> mlua::Result<Reply> {
    let Value::String(text) = error.raw_get("err")? else {
        return Ok(running_failed(sha, "execution failure"));
    };
    let mut text = text.as_bytes().to_vec();
    let (source, line) = (error.raw_get("source")?, error.raw_get("line")?);
    if let (Value::String(source), Value::Integer(line)) = (source, line) {
        text.extend(format!(" script: {sha}, on ").bytes());
        text.extend_from_slice(&source.as_bytes());
        text.extend(format!(":{line}.").bytes());
    }
    let Reply::Error(text) = Reply::error_from(text) else {
        return Ok(Reply::Error(Bytes::new()));
    };
    Ok(Reply::Error(text))
}
