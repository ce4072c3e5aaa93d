//! Libraries of functions: `FUNCTION LOAD` and what it registers.
//!
//! A library is text whose first line names it, as in `#!lua name=orders`.
//! Loading runs it once, in a world that has only `redis.register_function`
//! and a log; the functions that it registers are then called by FCALL.

use std::sync::Arc;

use bytes::Bytes;
use mlua::{Lua, MultiValue, Value};

use super::callable::Callable;
use super::flags::ScriptFlags;
use super::host::{Host, Loading, raise};
use super::vm::Vm;
use super::{Compiled, Kind, Map, Script, Scripts};
use crate::redis::reply::Reply;
use crate::redis::wire::split_words;

/// As many instructions as fit into the half second that Redis gives.
const LOAD_INSTRUCTIONS: u64 = 50_000_000;

/// A library that is loaded.
#[derive(Debug, Clone)]
pub(in crate::redis) struct Library {
    pub(in crate::redis) name: String,
    pub(in crate::redis) code: Bytes,
    pub(in crate::redis) functions: Vec<Registered>,
}

/// What `redis.register_function` was told.
#[derive(Debug, Clone)]
pub(in crate::redis) struct Registered {
    pub(in crate::redis) name: String,
    pub(in crate::redis) description: Option<Bytes>,
    pub(in crate::redis) flags: ScriptFlags,
    function: Arc<Callable>,
}

impl Registered {
    fn key(&self) -> String {
        self.name.to_ascii_lowercase()
    }
}

/// All libraries, in the order in which they were loaded.
#[derive(Debug, Default)]
pub(in crate::redis) struct Libraries {
    by_name: Map<String, Library>,
    /// By their names in lower case, which do not differ in case only.
    functions: Map<String, Compiled>,
}

impl Libraries {
    pub(in crate::redis) fn iter(&self) -> impl Iterator<Item = &Library> {
        self.by_name.values()
    }

    /// How many libraries there are, and functions in them.
    pub(in crate::redis) fn counts(&self) -> (usize, usize) {
        (self.by_name.len(), self.functions.len())
    }

    pub(in crate::redis) fn function(&self, name: &[u8]) -> Option<&Compiled> {
        let name = std::str::from_utf8(name).ok()?;
        self.functions.get(&name.to_ascii_lowercase())
    }

    /// Takes a library out; none if there is none of that name.
    pub(in crate::redis) fn remove(&mut self, name: &str) -> Option<Library> {
        let library = self.by_name.shift_remove(name)?;
        for function in &library.functions {
            self.functions.shift_remove(&function.key());
        }
        Some(library)
    }

    /// Adds a library, in the place of its namesake if it `replaces` it.
    fn add(&mut self, library: Library, replaces: bool) -> Result<(), Reply> {
        let old = self.by_name.get(&library.name).filter(|_| replaces);
        let is_free = |function: &&Registered| {
            let key = function.key();
            let of_old = old.is_some_and(|old| old.functions.iter().any(|f| f.key() == key));
            of_old || !self.functions.contains_key(&key)
        };
        if let Some(taken) = library.functions.iter().find(|f| !is_free(f)) {
            return Err(refuse(format!("Function {} already exists", taken.name)));
        }
        self.remove(&library.name);
        for function in &library.functions {
            let compiled = Compiled(Arc::new(Script {
                kind: Kind::Function,
                name: function.name.clone(),
                function: function.function.clone(),
                leaves_words: false,
                flags: Some(function.flags),
            }));
            self.functions.insert(function.key(), compiled);
        }
        self.by_name.insert(library.name.clone(), library);
        Ok(())
    }

    /// These and others. Both have to go together; if they do not, nothing
    /// comes of it.
    pub(in crate::redis) fn join(
        &self,
        others: Libraries,
        replaces: bool,
    ) -> Result<Libraries, Reply> {
        let mut joined = Libraries::default();
        for old in self.by_name.values() {
            match others.by_name.contains_key(&old.name) {
                true if replaces => {}
                true => return Err(refuse(format!("Library {} already exists", old.name))),
                false => joined.add(old.clone(), false)?,
            }
        }
        for new in others.by_name.into_values() {
            joined.add(new, false)?;
        }
        Ok(joined)
    }
}

impl Scripts {
    /// Loads a library among `libraries`, and says its name.
    pub(in crate::redis) fn load(
        &mut self,
        libraries: &mut Libraries,
        code: &[u8],
        replaces: bool,
    ) -> Result<String, Reply> {
        let (name, body) = header(code)?;
        if !replaces && libraries.by_name.contains_key(&name) {
            return Err(refuse(format!("Library '{name}' already exists")));
        }
        let functions = self.registered_by(body)?;
        if functions.is_empty() {
            return Err(Reply::error("ERR No functions registered"));
        }
        let library = Library {
            name: name.clone(),
            code: Bytes::copy_from_slice(code),
            functions,
        };
        libraries.add(library, replaces)?;
        Ok(name)
    }

    fn registered_by(&mut self, body: &[u8]) -> Result<Vec<Registered>, Reply> {
        let vm = Vm::of(&mut self.functions_vm, &self.host, Kind::Function)?;
        self.host.begin_to_load(Loading {
            instructions_left: LOAD_INSTRUCTIONS,
            ..Loading::default()
        });
        let loaded = vm.load(body);
        let loading = self.host.end_to_load();
        if loading.instructions_left == 0 {
            vm.count_instructions();
        }
        loaded.map(|()| loading.functions)
    }

    /// Puts other libraries in the place of all.
    pub(in crate::redis) fn reload_libraries(&mut self, codes: &[Bytes]) {
        self.flush_libraries();
        let mut libraries = Libraries::default();
        for code in codes {
            // What a primary could load can be loaded here.
            let loaded = self.load(&mut libraries, code, true);
            debug_assert!(loaded.is_ok(), "a library of the primary: {loaded:?}");
        }
        self.libraries = libraries;
    }

    /// Forgets all libraries, and what they left in the interpreter.
    pub(in crate::redis) fn flush_libraries(&mut self) {
        self.libraries = Libraries::default();
        self.functions_vm = None;
    }
}

fn refuse(text: String) -> Reply {
    Reply::error_from(format!("ERR {text}").into_bytes())
}

fn is_name(name: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    !name.is_empty() && name.iter().all(is_part)
}

const BAD_NAME: &str = "ERR Library names can only contain letters, numbers, or underscores(_) and \
                        must be at least one character long";

/// The name in a library's first line, and the rest with its line break.
fn header(code: &[u8]) -> Result<(String, &[u8]), Reply> {
    if !code.starts_with(b"#!") {
        return Err(Reply::error("ERR Missing library metadata"));
    }
    let end = code.iter().position(|byte| *byte == b'\n');
    let end = end.ok_or(Reply::error("ERR Invalid library metadata"))?;
    let words = split_words(&code[..end]).unwrap_or_default();
    let mut words = words.iter().map(|word| String::from_utf8_lossy(word));
    let engine = words
        .next()
        .ok_or(Reply::error("ERR Invalid library metadata"))?;
    let engine = engine.strip_prefix("#!").unwrap_or_default();
    let mut name = None;
    for word in words {
        let key = word.get(..5).unwrap_or_default();
        if !key.eq_ignore_ascii_case("name=") {
            return Err(refuse(format!("Invalid metadata value given: {word}")));
        }
        if name.replace(word[5..].to_owned()).is_some() {
            return Err(Reply::error(
                "ERR Invalid metadata value, name argument was given multiple times",
            ));
        }
    }
    let name = name.ok_or(Reply::error("ERR Library name was not given"))?;
    if !is_name(name.as_bytes()) {
        return Err(Reply::error(BAD_NAME));
    }
    if !engine.eq_ignore_ascii_case("lua") {
        return Err(refuse(format!("Engine '{engine}' not found")));
    }
    Ok((name, &code[end..]))
}

/// `redis.register_function`: a name and a function, or a table with both.
pub(super) fn register(host: &Host, lua: &Lua, args: &MultiValue) -> mlua::Result<()> {
    if !host.is_loading() {
        return raise("ERR redis.register_function can only be called on FUNCTION LOAD command");
    }
    let registered = match (args.front(), args.get(1), args.len()) {
        (Some(first), None, 1) => named(lua, first)?,
        (Some(first), Some(second), 2) => positional(lua, first, second)?,
        _ => return raise("ERR wrong number of arguments to redis.register_function"),
    };
    if !is_name(registered.name.as_bytes()) {
        return raise(BAD_NAME);
    }
    match host.register(registered) {
        true => Ok(()),
        false => raise("ERR Function already exists in the library"),
    }
}

fn positional(lua: &Lua, name: &Value, callback: &Value) -> mlua::Result<Registered> {
    let Some(name) = text(name) else {
        return raise("ERR first argument to redis.register_function must be a string");
    };
    let Value::Function(function) = callback else {
        return raise("ERR second argument to redis.register_function must be a function");
    };
    Ok(Registered {
        name: String::from_utf8_lossy(&name).into_owned(),
        description: None,
        flags: ScriptFlags::default(),
        function: Callable::new(lua, function)?.into(),
    })
}

fn named(lua: &Lua, table: &Value) -> mlua::Result<Registered> {
    let Value::Table(table) = table else {
        return raise(
            "ERR calling redis.register_function with a single argument is only applicable to \
             Lua table (representing named arguments).",
        );
    };
    let (mut name, mut description, mut function) = (None, None, None);
    let mut flags = ScriptFlags::default();
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        let Some(key) = text(&key) else {
            return raise(
                "ERR named argument key given to redis.register_function is not a string",
            );
        };
        match (&key.to_ascii_lowercase()[..], &value) {
            (b"function_name", value) => match text(value) {
                Some(text) => name = Some(String::from_utf8_lossy(&text).into_owned()),
                None => {
                    return raise(
                        "ERR function_name argument given to redis.register_function must be a \
                         string",
                    );
                }
            },
            (b"description", value) => match text(value) {
                Some(text) => description = Some(text),
                None => {
                    return raise(
                        "ERR description argument given to redis.register_function must be a \
                         string",
                    );
                }
            },
            (b"callback", Value::Function(callback)) => function = Some(callback.clone()),
            (b"callback", _) => {
                return raise(
                    "ERR callback argument given to redis.register_function must be a function",
                );
            }
            (b"flags", Value::Table(names)) => flags = read_flags(names)?,
            (b"flags", _) => {
                return raise(
                    "ERR flags argument to redis.register_function must be a table representing \
                     function flags",
                );
            }
            _ => return raise("ERR unknown argument given to redis.register_function"),
        }
    }
    let Some(name) = name else {
        return raise("ERR redis.register_function must get a function name argument");
    };
    let Some(function) = function else {
        return raise("ERR redis.register_function must get a callback argument");
    };
    Ok(Registered {
        name,
        description,
        flags,
        function: Callable::new(lua, &function)?.into(),
    })
}

fn read_flags(names: &mlua::Table) -> mlua::Result<ScriptFlags> {
    let mut flags = ScriptFlags::default();
    for index in 1_i64.. {
        let name: Value = names.get(index)?;
        if name.is_nil() {
            break;
        }
        let known = text(&name).is_some_and(|name| flags.add(&name.to_ascii_lowercase()));
        if !known {
            return raise("ERR unknown flag given");
        }
    }
    Ok(flags)
}

/// A string, or a number as one.
fn text(value: &Value) -> Option<Bytes> {
    match value {
        Value::String(text) => Some(Bytes::copy_from_slice(&text.as_bytes())),
        Value::Integer(_) | Value::Number(_) => Some(value.to_string().ok()?.into()),
        _ => None,
    }
}
