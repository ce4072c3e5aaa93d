//! Doing what system functions ask for, outside of any evaluation.

use std::time::Duration;

use super::{Execution, acquire};
use crate::postgres::backends::Interrupt;
use crate::postgres::catalog::WaitEvent;
use crate::postgres::engine::Shared;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::{AdvisoryKey, LockMode, LockTag, Pid};
use crate::postgres::settings::Scope;
use crate::postgres::sql::{AdvisoryLock, Call, System};
use crate::postgres::storage::sequence::SequenceId;
use crate::postgres::types::Value;
use crate::rt;

/// What others see of a session that sleeps.
const PG_SLEEP: WaitEvent = Some(("Timeout", "PgSleep"));

/// Does what a call asks for, which may take time, and returns its value if it
/// has one.
pub(super) async fn perform(run: &mut Execution<'_>, call: &Call) -> Result<Option<Value>> {
    let arguments = &call.arguments;
    let void = Value::text("");
    Ok(Some(match call.function {
        System::LockSequence => {
            lock_sequence(run, arguments).await?;
            return Ok(None);
        }
        System::Sleep => {
            if let Some(Value::Float(seconds)) = arguments.first() {
                let time = Duration::try_from_secs_f64(seconds.max(0.0));
                let pid = run.transaction.pid;
                run.shared.lock().backends.waits_for(pid, PG_SLEEP);
                rt::sleep(time.unwrap_or(Duration::MAX)).await;
                run.shared.lock().backends.waits_for(pid, None);
            }
            void
        }
        System::AdvisoryLock(lock) => lock_advisory(run, lock, key(arguments)).await?,
        System::AdvisoryUnlock { shared } => unlock_advisory(run, shared, key(arguments)),
        System::AdvisoryUnlockAll => {
            let pid = run.transaction.pid;
            run.shared.lock().unlock_all(pid);
            void
        }
        System::SetConfig => set_config(run, arguments)?,
        System::Notify => {
            run.shared.replication.prevent("NOTIFY")?;
            let text = |at: usize| arguments.get(at).and_then(Value::as_str).unwrap_or("");
            run.transaction.notify(text(0), text(1))?;
            void
        }
        System::CancelBackend => signal(run, arguments, Interrupt::Cancel),
        System::TerminateBackend => signal(run, arguments, Interrupt::Terminate),
        System::BlockingPids => pids(&run.shared.lock().locks.blockers(pid(arguments))),
        System::SafeSnapshotBlockingPids => {
            pids(&run.shared.lock().ssi.safe_snapshot_blockers(pid(arguments)))
        }
        System::IsBlocked => is_blocked(run, arguments),
        System::NotificationQueueUsage => {
            Value::Float(run.shared.lock().backends.notification_queue_usage())
        }
        System::Promote => promote(run.shared, arguments).await?,
    }))
}

/// pg_promote(wait, wait_seconds): true once the server is a primary, or if it
/// is not waited for.
async fn promote(shared: &Shared, arguments: &[Value]) -> Result<Value> {
    let replication = &shared.replication;
    replication.ask_promotion()?;
    if arguments.first().and_then(Value::as_bool) == Some(false) {
        return Ok(Value::Bool(true));
    }
    let seconds = arguments.get(1).and_then(Value::as_int).unwrap_or(60);
    let limit = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    let promoted = rt::timeout(limit, replication.until_promoted()).await;
    Ok(Value::Bool(promoted.is_ok()))
}

fn pid(arguments: &[Value]) -> Pid {
    let pid = arguments.first().and_then(Value::as_int);
    pid.and_then(|pid| Pid::try_from(pid).ok()).unwrap_or(0)
}

fn pids(pids: &[Pid]) -> Value {
    let numbers = pids.iter().map(|pid| Value::Int(i64::from(*pid)));
    Value::Array(numbers.collect())
}

fn key(arguments: &[Value]) -> LockTag {
    let number = |value: &Value| value.as_int().unwrap_or(0);
    let short = |value: &Value| i32::try_from(number(value)).unwrap_or(0);
    LockTag::Advisory(match arguments {
        [first, second] => AdvisoryKey::Two(short(first), short(second)),
        _ => AdvisoryKey::One(arguments.first().map_or(0, number)),
    })
}

fn mode(shared: bool) -> LockMode {
    if shared {
        LockMode::Share
    } else {
        LockMode::Exclusive
    }
}

/// Waits for a sequence that somebody alters. A savepoint that is rolled back
/// leaves the lock where it is.
async fn lock_sequence(run: &mut Execution<'_>, arguments: &[Value]) -> Result<()> {
    let number = arguments.first().and_then(Value::as_int);
    let id = SequenceId(number.and_then(|id| id.try_into().ok()).unwrap_or(0));
    let (shared, pid) = (run.shared, run.transaction.pid);
    let (tag, mode) = (LockTag::sequence(id), LockMode::RowExclusive);
    let def = shared.lock().catalog.sequence(id).cloned();
    let name = def.as_ref().map_or("", |def| &def.name);
    acquire(shared, pid, run.settings, tag, mode, name).await?;
    shared.sequences.lock().hold_listed(id, pid);
    Ok(())
}

async fn lock_advisory(run: &mut Execution<'_>, lock: AdvisoryLock, tag: LockTag) -> Result<Value> {
    let (mode, pid) = (mode(lock.shared), run.transaction.pid);
    if lock.transaction && run.transaction.holds(tag, mode) {
        return Ok(got(lock));
    }
    if lock.try_only {
        if !run.shared.lock().locks.try_acquire(tag, mode, pid) {
            return Ok(Value::Bool(false));
        }
    } else {
        acquire(run.shared, pid, run.settings, tag, mode, "advisory lock").await?;
    }
    if lock.transaction {
        run.transaction.keep_lock(tag, mode);
    } else {
        run.shared.lock().keep_session_lock(pid, tag, mode);
    }
    Ok(got(lock))
}

fn got(lock: AdvisoryLock) -> Value {
    if lock.try_only {
        Value::Bool(true)
    } else {
        Value::text("")
    }
}

fn unlock_advisory(run: &mut Execution<'_>, shared: bool, tag: LockTag) -> Value {
    let (mode, pid) = (mode(shared), run.transaction.pid);
    let owned = run.shared.lock().release_session_lock(pid, tag, mode);
    if !owned {
        run.notices.push(Error::new(
            SqlState::WARNING,
            format!("you don't own a lock of type {mode}"),
        ));
    }
    Value::Bool(owned)
}

fn set_config(run: &mut Execution<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(name) = arguments.first().and_then(Value::as_str) else {
        return Err(Error::new(SqlState("22004"), "SET requires parameter name"));
    };
    let value = arguments.get(1).and_then(Value::as_str);
    let local = arguments.get(2).and_then(Value::as_bool) == Some(true);
    let scope = if local { Scope::Local } else { Scope::Session };
    run.settings.set(name, value, scope)?;
    Ok(Value::Text(run.settings.show(name)?.into()))
}

fn signal(run: &mut Execution<'_>, arguments: &[Value], interrupt: Interrupt) -> Value {
    let pid = pid(arguments);
    let known = run.shared.lock().backends.interrupt(pid, interrupt);
    if !known {
        run.notices.push(Error::new(
            SqlState::WARNING,
            format!("PID {pid} is not a PostgreSQL backend process"),
        ));
    }
    Value::Bool(known)
}

/// What PostgreSQL's isolation tester asks: does the session wait for one of
/// these others?
fn is_blocked(run: &Execution<'_>, arguments: &[Value]) -> Value {
    let engine = run.shared.lock();
    let asked = pid(arguments);
    let mut blockers = engine.locks.blockers(asked);
    blockers.extend(engine.ssi.safe_snapshot_blockers(asked));
    let list = arguments.get(1).and_then(Value::as_str).unwrap_or("");
    let mut others = list.trim_matches(['{', '}']).split(',');
    Value::Bool(others.any(|other| {
        let other: Option<Pid> = other.trim().parse().ok();
        other.is_some_and(|other| blockers.contains(&other))
    }))
}
