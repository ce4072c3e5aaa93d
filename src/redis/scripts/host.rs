//! The Rust side of a script: what `redis.call` and its kin do.

use std::fmt;

use bytes::Bytes;
use mlua::{Error, Lua, MultiValue, Value};
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::convert::to_lua;
use super::flags::Permit;
use super::functions::Registered;
use super::random::Random;
use super::sha1_hex;
use super::vm::PRELUDE_NAME;
use crate::redis::client::Client;
use crate::redis::commands;
use crate::redis::context::{Caller, Context};
use crate::redis::dispatch::execute_in_script;
use crate::redis::keyspace::Keyspace;
use crate::redis::number::{format_double, parse_double};
use crate::redis::propagation::Audience;
use crate::redis::reply::{Reply, Resp};
use crate::redis::state::ServerState;

/// A script that wants more memory fails. The limit holds while Lua runs, not
/// while it is handed values: with a limit set, every such call would be a
/// protected one.
pub(super) const MEMORY_MAX: usize = 256 * 1024 * 1024;

/// What scripts reach, shared by the functions that Lua holds.
#[derive(Default)]
pub(super) struct Host {
    running: Mutex<Running>,
    loading: Mutex<Option<Loading>>,
    random: Mutex<Random>,
}

/// A library that is being loaded.
#[derive(Debug, Default)]
pub(super) struct Loading {
    /// What it has registered.
    pub(super) functions: Vec<Registered>,
    pub(super) instructions_left: u64,
}

/// The server, while a script has it, and the run of that script. Without one
/// it holds an empty server, so that taking and giving back are swaps.
#[derive(Default)]
struct Running {
    /// There is a script.
    active: bool,
    keyspace: Box<Keyspace>,
    server: Box<ServerState>,
    /// The caller, with the database, protocol and patience of the script.
    client: Box<Client>,
    session: Session,
}

/// The run of a script, kept while the script is left alone.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// The script's, and while it runs its caller's.
    database: usize,
    resp: Resp,
    deny_blocking: bool,
    /// The clock of its start.
    now: i64,
    permit: Permit,
    instructions_left: u64,
    /// How often it was looked at.
    ticks: u64,
    /// It has called a command that writes.
    wrote: bool,
    /// Who is told of what it writes.
    audience: Audience,
    killed: bool,
    stopped: Option<Stopped>,
}

impl Session {
    /// A script's SELECT is its own, and it speaks RESP2 until it says
    /// otherwise.
    pub(super) fn new(context: &Context<'_>, permit: Permit, instructions: u64) -> Session {
        Session {
            database: context.client.database,
            deny_blocking: true,
            now: context.now,
            permit,
            instructions_left: instructions,
            ..Session::default()
        }
    }
}

/// Why a script was made to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    Exhausted,
    Killed,
    /// The server itself ends.
    Dropped,
    /// It is a library, and takes too long to load.
    LoadTimeout,
}

pub(super) const EXHAUSTED: &str = "ERR The script used up its instructions and was ended.";

impl Stopped {
    /// What the script is told.
    pub(super) fn error(self) -> mlua::Error {
        let text = match self {
            Stopped::Exhausted => EXHAUSTED,
            Stopped::Killed | Stopped::Dropped => "ERR Script killed by user with SCRIPT KILL...",
            Stopped::LoadTimeout => "ERR FUNCTION LOAD timeout",
        };
        Error::external(Raised::Reply(Bytes::from_static(text.as_bytes())))
    }
}

impl Running {
    fn swap(&mut self, context: &mut Context<'_>) {
        std::mem::swap(&mut self.keyspace, context.keyspace);
        std::mem::swap(&mut self.server, context.server);
        std::mem::swap(&mut self.client, context.client);
    }

    fn swap_session(&mut self) {
        let (client, session) = (&mut self.client, &mut self.session);
        std::mem::swap(&mut client.database, &mut session.database);
        std::mem::swap(&mut client.resp, &mut session.resp);
        std::mem::swap(&mut client.deny_blocking, &mut session.deny_blocking);
    }
}

/// What is left of a script, for now or for good.
pub(super) struct Left {
    pub(super) resp: Resp,
    pub(super) stopped: Option<Stopped>,
}

/// What the interpreter does after a look at its script.
pub(super) enum Tick {
    GoOn,
    /// It leaves the script for a while.
    Pause,
    Stop(Stopped),
}

/// An error that a script can catch.
#[derive(Debug)]
pub(super) enum Raised {
    /// Of a command: a table with the text in `err`.
    Reply(Bytes),
    /// Of Lua: a string.
    Text(String),
}

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Raised::Reply(text) => f.write_str(&String::from_utf8_lossy(text)),
            Raised::Text(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Raised {}

pub(in crate::redis::scripts) fn raise<T>(text: &'static str) -> mlua::Result<T> {
    let text = Bytes::from_static(text.as_bytes());
    Err(Error::external(Raised::Reply(text)))
}

/// Does what running out of memory must not stop.
pub(in crate::redis::scripts) fn without_limit<T>(
    lua: &Lua,
    work: impl FnOnce() -> mlua::Result<T>,
) -> mlua::Result<T> {
    let limit = lua.set_memory_limit(0)?;
    let done = work();
    lua.set_memory_limit(limit)?;
    done
}

/// As `luaL_error` does, with the script's position in front.
pub(in crate::redis::scripts) fn raise_text<T>(lua: &Lua, text: &str) -> mlua::Result<T> {
    let text = match position(lua) {
        Some((source, line)) => {
            let source = source.strip_prefix('@').unwrap_or(&source);
            format!("{source}:{line}: {text}")
        }
        None => text.to_owned(),
    };
    Err(Error::external(Raised::Text(text)))
}

/// As Lua raises what happens in a C function, without a position.
pub(in crate::redis::scripts) fn raise_bare<T>(text: &str) -> mlua::Result<T> {
    Err(Error::external(Raised::Text(text.to_owned())))
}

impl Host {
    /// Takes the server for the script, which may begin.
    pub(super) fn enter(&self, context: &mut Context<'_>, begins: Option<Session>) {
        let mut running = self.running.lock();
        if let Some(session) = begins {
            running.session = session;
        }
        running.swap(context);
        running.swap_session();
        running.active = true;
    }

    /// Gives it back.
    pub(super) fn leave(&self, context: &mut Context<'_>) -> Left {
        let mut running = self.running.lock();
        running.active = false;
        running.swap_session();
        running.swap(context);
        Left {
            resp: running.session.resp,
            stopped: running.session.stopped,
        }
    }

    pub(super) fn begin_to_load(&self, loading: Loading) {
        *self.loading.lock() = Some(loading);
    }

    pub(super) fn end_to_load(&self) -> Loading {
        self.loading.lock().take().unwrap_or_default()
    }

    pub(super) fn is_loading(&self) -> bool {
        self.loading.lock().is_some()
    }

    /// Adds a function to the library that is being loaded; false if it has
    /// one of that name.
    pub(super) fn register(&self, function: Registered) -> bool {
        let mut loading = self.loading.lock();
        let functions = loading.as_mut().map(|loading| &mut loading.functions);
        let functions = functions.filter(|all| all.iter().all(|f| f.name != function.name));
        functions.map(|all| all.push(function)).is_some()
    }

    /// Whether the script has called a command that writes.
    pub(super) fn wrote(&self) -> bool {
        self.running.lock().session.wrote
    }

    /// Has the script end when it goes on.
    pub(super) fn kill(&self) {
        self.running.lock().session.killed = true;
    }

    /// `redis.call`, or `redis.pcall` if errors are not to be raised.
    pub(super) fn call(&self, lua: &Lua, args: &MultiValue, raises: bool) -> mlua::Result<Value> {
        let (reply, resp) = self.execute(args);
        if let Reply::Error(text) = &reply
            && raises
        {
            return Err(Error::external(Raised::Reply(text.clone())));
        }
        without_limit(lua, || to_lua(lua, &reply, resp))
    }

    fn execute(&self, args: &MultiValue) -> (Reply, Resp) {
        let running = &mut *self.running.lock();
        let resp = running.client.resp;
        if !running.active {
            return (Reply::error("ERR no script is running"), resp);
        }
        if args.is_empty() {
            let reply =
                Reply::error("ERR Please specify at least one argument for this redis lib call");
            return (reply, resp);
        }
        let mut texts: Words<Argument<'_>> = SmallVec::new();
        for value in args {
            match Argument::of(value) {
                Some(argument) => texts.push(argument),
                None => {
                    let reply = Reply::error(
                        "ERR Lua redis lib command arguments must be strings or integers",
                    );
                    return (reply, resp);
                }
            }
        }
        let mut args: Words<&[u8]> = SmallVec::new();
        for text in &texts {
            args.push(text.as_slice());
        }
        let Running {
            keyspace,
            server,
            client,
            session,
            ..
        } = running;
        let mut context = Context {
            keyspace,
            server,
            client,
            now: session.now,
            caller: Caller::Script,
        };
        context.keyspace.propagation.audience = session.audience;
        let reply = execute_in_script(&mut context, session.permit, &mut session.wrote, &args);
        context.keyspace.propagation.audience = Audience::default();
        (reply, resp)
    }

    /// `redis.acl_check_cmd`: whether the caller may call a command.
    pub(super) fn acl_check_cmd(&self, args: &MultiValue) -> mlua::Result<bool> {
        let texts: Option<Vec<Argument<'_>>> = args.iter().map(Argument::of).collect();
        let Some(texts) = texts.filter(|texts| !texts.is_empty()) else {
            return raise("ERR Please specify at least one argument for this redis lib call");
        };
        let words: Vec<&[u8]> = texts.iter().map(Argument::as_slice).collect();
        let Some(command) = commands::find(&words) else {
            return raise("ERR Invalid command passed to redis.acl_check_cmd()");
        };
        let running = self.running.lock();
        let user = running.client.user.as_ref();
        Ok(running.server.acl.denies(user, command, &words).is_none())
    }

    /// `redis.setresp`.
    pub(super) fn set_resp(&self, args: &MultiValue) -> mlua::Result<()> {
        let mut args = args.iter();
        let (Some(version), None) = (args.next(), args.next()) else {
            return raise("ERR redis.setresp() requires one argument.");
        };
        let resp = match as_number(version) {
            2 => Resp::V2,
            3 => Resp::V3,
            _ => return raise("ERR RESP version must be 2 or 3."),
        };
        self.running.lock().client.resp = resp;
        Ok(())
    }

    /// `redis.set_repl`.
    pub(super) fn set_repl(&self, args: &MultiValue) -> mlua::Result<()> {
        if args.len() != 1 {
            return raise("ERR redis.set_repl() requires two arguments.");
        }
        let flags @ 0..=3 = args.front().map_or(0, as_number) else {
            return raise(
                "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.",
            );
        };
        self.running.lock().session.audience = Audience {
            file: flags & 1 != 0,
            replicas: flags & 2 != 0,
        };
        Ok(())
    }

    /// Counts instructions. The first look may come at any time after a
    /// script has begun, so that short ones are never left.
    pub(super) fn tick(&self, instructions: u32) -> Tick {
        let mut running = self.running.lock();
        if let Some(loading) = &mut *self.loading.lock() {
            let left = loading.instructions_left;
            loading.instructions_left = left.saturating_sub(instructions.into());
            return match loading.instructions_left {
                0 => Tick::Stop(Stopped::LoadTimeout),
                _ => Tick::GoOn,
            };
        }
        if !running.active {
            return Tick::GoOn;
        }
        let session = &mut running.session;
        let left = session.instructions_left;
        session.instructions_left = left.saturating_sub(instructions.into());
        session.ticks += 1;
        match (session.instructions_left, session.ticks) {
            (0, _) => {
                session.stopped = Some(Stopped::Exhausted);
                Tick::Stop(Stopped::Exhausted)
            }
            (_, 1) => Tick::GoOn,
            _ => Tick::Pause,
        }
    }

    /// A script is gone on with; false if the server ends. Answers why the
    /// script has to end, if it has to.
    pub(super) fn returned(&self, lives_on: bool) -> Option<Stopped> {
        let session = &mut self.running.lock().session;
        session.stopped = match (lives_on, session.killed) {
            (false, _) => Some(Stopped::Dropped),
            (true, true) => Some(Stopped::Killed),
            (true, false) => None,
        };
        session.stopped
    }

    /// `math.random`: none, one or two bounds.
    pub(super) fn random(&self, lua: &Lua, args: &MultiValue) -> mlua::Result<f64> {
        const RANGE: u32 = i32::MAX.cast_unsigned();
        let draw = self.random.lock().next() % RANGE;
        let fraction = f64::from(draw) / f64::from(RANGE);
        if args.len() > 2 {
            return raise_text(lua, "wrong number of arguments");
        }
        let mut bounds = [1.0, 1.0];
        for (index, value) in args.iter().enumerate() {
            let Some(bound) = lua.coerce_number(value.clone())? else {
                let text = format!(
                    "bad argument #{} to 'random' (number expected, got {})",
                    index + 1,
                    value.type_name()
                );
                return raise_text(lua, &text);
            };
            bounds[index + 2 - args.len()] = bound.trunc();
        }
        let [low, high] = bounds;
        match args.len() {
            0 => Ok(fraction),
            count if low > high => raise_text(
                lua,
                &format!("bad argument #{count} to 'random' (interval is empty)"),
            ),
            _ => Ok((fraction * (high - low + 1.0)).floor() + low),
        }
    }

    pub(super) fn seed_random(&self, seed: i32) {
        self.random.lock().seed(seed);
    }
}

/// The words of a command, of which most have few.
type Words<T> = SmallVec<[T; 6]>;

/// An argument of `redis.call`: Lua's own string, or a number written out.
enum Argument<'a> {
    Text(mlua::BorrowedBytes<'a>),
    Number(String),
}

impl Argument<'_> {
    fn of(value: &Value) -> Option<Argument<'_>> {
        match value {
            Value::String(text) => Some(Argument::Text(text.as_bytes())),
            Value::Integer(number) => Some(Argument::Number(format_integral(*number))),
            Value::Number(number) => Some(Argument::Number(format_double(*number))),
            _ => None,
        }
    }

    fn as_slice(&self) -> &[u8] {
        match self {
            Argument::Text(text) => text,
            Argument::Number(text) => text.as_bytes(),
        }
    }
}

/// Lua has only doubles: 17 digits are all that a number has.
/// A number as `lua_tonumber` sees it, cut to an integer: a text can be one,
/// and what is none is 0.
fn as_number(value: &Value) -> i64 {
    let number = match value {
        Value::String(text) => parse_double(text.as_bytes().trim_ascii()),
        Value::Integer(number) => return *number,
        Value::Number(number) => Some(*number),
        _ => None,
    };
    number.unwrap_or(0.0) as i64
}

fn format_integral(number: i64) -> String {
    const EXACT: i64 = 100_000_000_000_000_000;
    if (-EXACT < number) && (number < EXACT) {
        number.to_string()
    } else {
        format_double(number as f64)
    }
}

/// `redis.sha1hex`: numbers count as Lua prints them, the rest as nothing.
pub(super) fn sha1hex(lua: &Lua, args: &MultiValue) -> mlua::Result<String> {
    let mut args = args.iter();
    let (Some(value), None) = (args.next(), args.next()) else {
        return raise("ERR wrong number of arguments");
    };
    let text = lua.coerce_string(value.clone())?;
    Ok(sha1_hex(
        &text.map_or_else(Vec::new, |text| text.as_bytes().to_vec()),
    ))
}

/// `redis.log`: checked as Redis checks it, and written nowhere.
pub(super) fn log(args: &MultiValue) -> mlua::Result<()> {
    if args.len() < 2 {
        return raise("ERR redis.log() requires two arguments or more.");
    }
    match args.front() {
        Some(Value::Integer(0..=3)) => Ok(()),
        Some(Value::Number(level)) if (0.0..4.0).contains(level) => Ok(()),
        Some(Value::Integer(_) | Value::Number(_)) => raise("ERR Invalid debug level."),
        _ => raise("ERR First argument must be a number (log level)."),
    }
}

/// Where the script stands: the innermost source and line that are neither C
/// nor the prelude.
pub(super) fn position(lua: &Lua) -> Option<(String, usize)> {
    for level in 0.. {
        let place = lua.inspect_stack(level, |frame| {
            let source = frame.source();
            let name = source.source.as_deref().unwrap_or_default();
            let foreign = source.what == "C" || name == PRELUDE_NAME;
            let line = frame.current_line().filter(|_| !foreign)?;
            Some((name.to_owned(), line))
        })?;
        if place.is_some() {
            return place;
        }
    }
    None
}
