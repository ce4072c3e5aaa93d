//! Functions about sequences. Whoever uses one locks it until the transaction
//! ends, however it ends, so an ALTER SEQUENCE waits for them and they for it.

use std::sync::Arc;

use super::{Builtin, int};
use crate::postgres::error::Result;
use crate::postgres::sql::Context;
use crate::postgres::sql::system::System;
use crate::postgres::storage::sequence::{SequenceDef, SequenceId};
use crate::postgres::types::{Type, Value};

use Type::{Bool, Int8, Regclass};

pub(super) const FUNCTIONS: &[Builtin] = &[
    Builtin::new("nextval", &[Regclass], Int8, |a, c| {
        next(named(&a[0], c)?.id, c)
    })
    .volatile(),
    Builtin::new("currval", &[Regclass], Int8, |a, c| {
        let def = named(&a[0], c)?;
        lock(def.id, c)?;
        let session = c.session()?;
        let sequences = session.sequences.lock();
        sequences
            .current(def.id, session.pid, &def.name)
            .map(Value::Int)
    })
    .volatile(),
    Builtin::new("lastval", &[], Int8, |_, c| {
        let session = c.session()?;
        let (id, value) = session.sequences.lock().last(session.pid)?;
        lock(id, c)?;
        Ok(Value::Int(value))
    })
    .volatile(),
    Builtin::new("setval", &[Regclass, Int8], Int8, |a, c| set(a, true, c)).volatile(),
    Builtin::new("setval", &[Regclass, Int8, Bool], Int8, |a, c| {
        set(a, a[2].as_bool() == Some(true), c)
    })
    .volatile(),
];

/// The next number of a sequence.
pub(in crate::postgres::sql) fn next(id: SequenceId, context: &Context<'_>) -> Result<Value> {
    let session = context.session()?;
    lock(id, context)?;
    session.may_write("nextval()")?;
    let next = session.sequences.lock().next(id, session.pid)?;
    Ok(Value::Int(next))
}

fn set(a: &[Value], called: bool, context: &Context<'_>) -> Result<Value> {
    let (def, value) = (named(&a[0], context)?, int(&a[1])?);
    let session = context.session()?;
    lock(def.id, context)?;
    session.may_write("setval()")?;
    let mut sequences = session.sequences.lock();
    sequences.set(def.id, session.pid, &def.name, value, called)?;
    Ok(Value::Int(value))
}

fn named<'a>(name: &Value, context: &Context<'a>) -> Result<&'a Arc<SequenceDef>> {
    context.database()?.registry().sequence(name)
}

/// Locks a sequence for its use; else the evaluation ends, to wait for it.
fn lock(id: SequenceId, context: &Context<'_>) -> Result<()> {
    let session = context.session()?;
    if context.database()?.may_use(id) {
        session.sequences.lock().hold(id, session.pid);
        return Ok(());
    }
    let id = Value::Int(id.0.into());
    Err(session.calls.ask(System::LockSequence, vec![id]))
}
