//! Functions that do something, or look at the server, rather than compute.
//!
//! They may have to wait, and nothing may wait inside an expression, where
//! the engine is locked. So a call ends the evaluation; the executor does
//! what it asks for, and runs the statement again from its start, with the
//! answers so far at hand, as are the values of all volatile functions. A
//! statement is the same on its snapshot however often it is begun, so this
//! cannot be told from waiting in place.

use std::cell::{Cell, RefCell};

use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::types::{Type, Value};

/// Such a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum System {
    Sleep,
    AdvisoryLock(AdvisoryLock),
    AdvisoryUnlock {
        shared: bool,
    },
    AdvisoryUnlockAll,
    SetConfig,
    Notify,
    CancelBackend,
    TerminateBackend,
    BlockingPids,
    SafeSnapshotBlockingPids,
    IsBlocked,
    NotificationQueueUsage,
    Promote,
    /// To wait for a sequence that somebody alters; it gives nothing.
    LockSequence,
}

impl System {
    /// What it is called.
    pub(in crate::postgres) fn name(self) -> String {
        let locks = |lock: AdvisoryLock| {
            let try_only = if lock.try_only { "try_" } else { "" };
            let transaction = if lock.transaction { "xact_" } else { "" };
            let shared = if lock.shared { "_shared" } else { "" };
            format!("pg_{try_only}advisory_{transaction}lock{shared}")
        };
        let name = match self {
            System::AdvisoryLock(lock) => return locks(lock),
            System::Sleep => "pg_sleep",
            System::AdvisoryUnlock { shared: false } => "pg_advisory_unlock",
            System::AdvisoryUnlock { shared: true } => "pg_advisory_unlock_shared",
            System::AdvisoryUnlockAll => "pg_advisory_unlock_all",
            System::SetConfig => "set_config",
            System::Notify => "pg_notify",
            System::CancelBackend => "pg_cancel_backend",
            System::TerminateBackend => "pg_terminate_backend",
            System::BlockingPids => "pg_blocking_pids",
            System::SafeSnapshotBlockingPids => "pg_safe_snapshot_blocking_pids",
            System::IsBlocked => "pg_isolation_test_session_is_blocked",
            System::NotificationQueueUsage => "pg_notification_queue_usage",
            System::Promote => "pg_promote",
            // It is asked for by such a call alone.
            System::LockSequence => "nextval",
        };
        name.to_owned()
    }

    /// The types of the keys of an advisory lock, if it takes any.
    pub(in crate::postgres) fn keys(self, arguments: usize) -> impl Iterator<Item = Type> {
        let keys = match self {
            System::AdvisoryLock(_) | System::AdvisoryUnlock { .. } => keys(arguments),
            _ => None,
        };
        keys.unwrap_or_default().iter().copied()
    }
}

/// How an advisory lock is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) struct AdvisoryLock {
    pub(in crate::postgres) shared: bool,
    /// Until the transaction ends, rather than the session.
    pub(in crate::postgres) transaction: bool,
    /// Not to wait for it.
    pub(in crate::postgres) try_only: bool,
}

/// A call with its arguments.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Call {
    pub(in crate::postgres) function: System,
    pub(in crate::postgres) arguments: Vec<Value>,
}

/// The calls of a running statement, in the order of its evaluation.
#[derive(Debug, Default)]
pub(in crate::postgres) struct Calls {
    answers: RefCell<Vec<Value>>,
    next: Cell<usize>,
    pending: RefCell<Option<Call>>,
}

impl Calls {
    /// The answer of a call that was done before; else the error that ends
    /// the evaluation.
    pub(super) fn call(&self, function: System, arguments: Vec<Value>) -> Result<Value> {
        let strict = !matches!(function, System::SetConfig | System::Notify);
        if strict && arguments.iter().any(Value::is_null) {
            return Ok(Value::Null);
        }
        match self.known() {
            Some(answer) => Ok(answer),
            None => Err(self.ask(function, arguments)),
        }
    }

    /// What a volatile function gives, asked once however often the statement
    /// is begun.
    pub(super) fn once(&self, function: impl FnOnce() -> Result<Value>) -> Result<Value> {
        if let Some(value) = self.known() {
            return Ok(value);
        }
        let value = function()?;
        self.answers.borrow_mut().push(value.clone());
        self.next.set(self.next.get() + 1);
        Ok(value)
    }

    fn known(&self) -> Option<Value> {
        let at = self.next.get();
        let answer = self.answers.borrow().get(at)?.clone();
        self.next.set(at + 1);
        Some(answer)
    }

    /// Leaves a call to be done: the error that ends the evaluation.
    pub(super) fn ask(&self, function: System, arguments: Vec<Value>) -> Error {
        self.pending.replace(Some(Call {
            function,
            arguments,
        }));
        Error::new(SqlState("XX000"), "a function call is waiting to be done")
    }

    /// The call that ended the evaluation.
    pub(in crate::postgres) fn take_pending(&self) -> Option<Call> {
        self.pending.take()
    }

    /// Notes an answer, if there is one, for when the statement is begun again.
    pub(in crate::postgres) fn answer(&self, answer: Option<Value>) {
        self.answers.borrow_mut().extend(answer);
        self.next.set(0);
    }
}

/// What a function of this name takes and gives.
pub(super) fn signature(name: &str, arguments: usize) -> Option<(System, &'static [Type], Type)> {
    const PID: &[Type] = &[Type::Int4];
    if let Some(found) = advisory(name, arguments) {
        return Some(found);
    }
    Some(match (name, arguments) {
        ("pg_sleep", 1) => (System::Sleep, &[Type::Float8], Type::Void),
        ("set_config", 3) => (
            System::SetConfig,
            &[Type::Text, Type::Text, Type::Bool],
            Type::Text,
        ),
        ("pg_notify", 2) => (System::Notify, &[Type::Text, Type::Text], Type::Void),
        ("pg_cancel_backend", 1) => (System::CancelBackend, PID, Type::Bool),
        ("pg_terminate_backend", 1) => (System::TerminateBackend, PID, Type::Bool),
        ("pg_blocking_pids", 1) => (System::BlockingPids, PID, Type::Array(&Type::Int4)),
        ("pg_safe_snapshot_blocking_pids", 1) => (
            System::SafeSnapshotBlockingPids,
            PID,
            Type::Array(&Type::Int4),
        ),
        ("pg_isolation_test_session_is_blocked", 2) => {
            (System::IsBlocked, &[Type::Int4, Type::Text], Type::Bool)
        }
        ("pg_promote", 0) => (System::Promote, &[], Type::Bool),
        ("pg_promote", 1) => (System::Promote, &[Type::Bool], Type::Bool),
        ("pg_promote", 2) => (System::Promote, &[Type::Bool, Type::Int4], Type::Bool),
        ("pg_notification_queue_usage", 0) => (System::NotificationQueueUsage, &[], Type::Float8),
        _ => return None,
    })
}

/// One number of 64 bits, or two of 32.
fn keys(arguments: usize) -> Option<&'static [Type]> {
    match arguments {
        1 => Some(&[Type::Int8]),
        2 => Some(&[Type::Int4, Type::Int4]),
        _ => None,
    }
}

fn advisory(name: &str, arguments: usize) -> Option<(System, &'static [Type], Type)> {
    if (name, arguments) == ("pg_advisory_unlock_all", 0) {
        return Some((System::AdvisoryUnlockAll, &[], Type::Void));
    }
    let keys = keys(arguments)?;
    let (try_only, rest) = match name.strip_prefix("pg_try_advisory_") {
        Some(rest) => (true, rest),
        None => (false, name.strip_prefix("pg_advisory_")?),
    };
    let (transaction, rest) = match rest.strip_prefix("xact_") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let (what, shared) = match rest.strip_suffix("_shared") {
        Some(what) => (what, true),
        None => (rest, false),
    };
    match what {
        "lock" => {
            let lock = AdvisoryLock {
                shared,
                transaction,
                try_only,
            };
            let gives = if try_only { Type::Bool } else { Type::Void };
            Some((System::AdvisoryLock(lock), keys, gives))
        }
        "unlock" if !try_only && !transaction => {
            Some((System::AdvisoryUnlock { shared }, keys, Type::Bool))
        }
        _ => None,
    }
}
