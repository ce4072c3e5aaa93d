//! A stack of their own for scripts, so that one can be left and gone on with.
//!
//! A script that runs for long must let the server answer BUSY, and obey
//! SCRIPT KILL, in the middle of a loop, a `pcall` or a sort. Lua 5.1 cannot
//! yield there; a second stack can be left anywhere. There is one for each
//! interpreter. It waits for scripts, and to change to it and back costs a
//! few nanoseconds.

use std::io;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use mlua::{Function, Lua, Table, Value};

use super::Compiled;

/// Only what is touched of it is there. Lua nests 200 calls of C functions, of
/// which some have buffers of 8 kB; cjson and cmsgpack nest 1000 values, with
/// frames of 10 kB in a debug build.
const STACK_BYTES: usize = 32 << 20;
/// Where Lua keeps the function by which the hook leaves the stack.
const PAUSE: &str = "pause";

/// One call of the prelude's `run`.
pub(super) struct Call {
    pub(super) script: Compiled,
    pub(super) keys: Table,
    pub(super) args: Table,
}

/// What the stack is entered with.
pub(super) enum Go {
    /// A new script.
    Run(Call),
    /// The one that was left.
    On,
    /// There will be no more, and the one that was left ends.
    End,
}

/// What it is left with.
pub(super) enum Came {
    /// The script is not over.
    Paused,
    /// Whether it returned, and what, or its error.
    Ended(mlua::Result<(bool, Value)>),
}

pub(super) struct Fiber(Coroutine<Go, Came, mlua::Result<()>>);

impl Fiber {
    /// A stack on which `run` is called with scripts.
    pub(super) fn new(lua: &Lua, run: Function) -> io::Result<Fiber> {
        let stack = DefaultStack::new(STACK_BYTES)?;
        let lua = lua.clone();
        let serve = move |yielder: &Yielder<Go, Came>, first| serve(&lua, &run, yielder, first);
        Ok(Fiber(Coroutine::with_stack(stack, serve)))
    }

    pub(super) fn enter(&mut self, go: Go) -> Came {
        match self.0.resume(go) {
            CoroutineResult::Yield(came) => came,
            CoroutineResult::Return(ended) => Came::Ended(ended.map(|()| (false, Value::Nil))),
        }
    }
}

impl Drop for Fiber {
    /// What is on the stack ends in order.
    fn drop(&mut self) {
        while !self.0.done() {
            self.enter(Go::End);
        }
    }
}

fn serve(lua: &Lua, run: &Function, yielder: &Yielder<Go, Came>, first: Go) -> mlua::Result<()> {
    lua.scope(|scope| {
        let pause = || matches!(yielder.suspend(Came::Paused), Go::On);
        let pause = scope.create_function(move |_, ()| Ok(pause()))?;
        lua.set_named_registry_value(PAUSE, pause)?;
        let mut go = first;
        while let Go::Run(Call { script, keys, args }) = go {
            let ended = run.call((&*script.0.function, keys, args));
            go = yielder.suspend(Came::Ended(ended));
        }
        Ok(())
    })
}

/// Leaves the stack from within a script; false if the script has to end.
pub(super) fn pause(lua: &Lua) -> mlua::Result<bool> {
    let pause: Function = lua.named_registry_value(PAUSE)?;
    pause.call(())
}
