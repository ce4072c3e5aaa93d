//! A stack of their own for scripts, so that one can be left and gone on with.
//!
//! A script that runs for long must let the server answer BUSY, and obey
//! SCRIPT KILL, in the middle of a loop, a `pcall` or a sort. Lua 5.1 cannot
//! yield there; a second stack can be left anywhere. There is one for each
//! interpreter. It waits for scripts within one protected call, which is made
//! again after a script that failed; to change to it and back costs a few
//! nanoseconds.

use std::cell::Cell;
use std::io;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use mlua::{Function, Lua, Table, Value};

/// Only what is touched of it is there. Lua nests 200 calls of C functions, of
/// which some have buffers of 8 kB; cjson and cmsgpack nest 1000 values, with
/// frames of 10 kB in a debug build.
const STACK_BYTES: usize = 32 << 20;
/// Where Lua keeps the function by which the hook leaves the stack.
const PAUSE: &str = "pause";

/// One run of a script.
pub(super) struct Call {
    /// That of what is called.
    pub(super) number: i64,
    pub(super) keys: Table,
    pub(super) args: Table,
}

/// What the stack is entered with.
pub(super) enum Go {
    /// A new script.
    Run(Call),
    /// The one that was left.
    On,
    /// There is none for now.
    Leave,
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

pub(super) struct Fiber {
    stack: Coroutine<Go, Came, mlua::Result<()>>,
    /// It was left in the middle of a script.
    paused: bool,
}

impl Fiber {
    /// A stack on which `run` is called, and takes the scripts.
    pub(super) fn new(lua: &Lua, run: Function) -> io::Result<Fiber> {
        let stack = DefaultStack::new(STACK_BYTES)?;
        let lua = lua.clone();
        let serve = move |yielder: &Yielder<Go, Came>, first| serve(&lua, &run, yielder, first);
        Ok(Fiber {
            stack: Coroutine::with_stack(stack, serve),
            paused: false,
        })
    }

    pub(super) fn enter(&mut self, go: Go) -> Came {
        let came = match self.stack.resume(go) {
            CoroutineResult::Yield(came) => came,
            CoroutineResult::Return(ended) => Came::Ended(ended.map(|()| (false, Value::Nil))),
        };
        self.paused = matches!(came, Came::Paused);
        came
    }

    /// Ends the call of `run` that waits for a script. What is done next finds
    /// Lua as it was made: its parser counts the calls that it stands on.
    pub(super) fn leave(&mut self) {
        if !self.paused {
            self.enter(Go::Leave);
        }
    }
}

impl Drop for Fiber {
    /// What is on the stack ends in order.
    fn drop(&mut self) {
        while !self.stack.done() {
            self.enter(Go::End);
        }
    }
}

fn serve(lua: &Lua, run: &Function, yielder: &Yielder<Go, Came>, first: Go) -> mlua::Result<()> {
    let next = Cell::new(None);
    lua.scope(|scope| {
        let pause = || matches!(yielder.suspend(Came::Paused), Go::On);
        let pause = scope.create_function(move |_, ()| Ok(pause()))?;
        lua.set_named_registry_value(PAUSE, pause)?;
        let exchange = scope.create_function(|_, returned: Value| {
            let ended = || yielder.suspend(Came::Ended(Ok((true, returned))));
            Ok(match next.take().unwrap_or_else(ended) {
                Go::Run(Call { number, keys, args }) => (Some(number), Some(keys), Some(args)),
                Go::On | Go::Leave | Go::End => (None, None, None),
            })
        })?;
        let mut go = first;
        loop {
            let ended = match go {
                Go::End => return Ok(()),
                Go::On | Go::Leave => Ok((true, Value::Nil)),
                Go::Run(_) => {
                    next.set(Some(go));
                    run.call(&exchange)
                }
            };
            go = yielder.suspend(Came::Ended(ended));
        }
    })
}

/// Leaves the stack from within a script; false if the script has to end.
pub(super) fn pause(lua: &Lua) -> mlua::Result<bool> {
    let pause: Function = lua.named_registry_value(PAUSE)?;
    pause.call(())
}
