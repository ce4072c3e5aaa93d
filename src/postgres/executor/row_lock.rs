//! Locking a row against others, as heap_update and heap_lock_tuple do.
//!
//! Whoever finds the row held takes its place in the row's line (the tuple
//! lock), waits for the holder's transaction to end, and looks again. A row
//! that was updated meanwhile is followed to its newest version; under
//! REPEATABLE READ that is a serialization failure instead.

use super::Execution;
use crate::postgres::engine::Engine;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::{LockTag, Request, WaitId};
use crate::postgres::options::Bug;
use crate::postgres::sql::WaitPolicy;
use crate::postgres::storage::RowLockMode;
use crate::postgres::storage::clog::{Clog, Status, Xid};
use crate::postgres::storage::heap::{Chain, Locker, RowId, Tid, Version};
use crate::postgres::storage::table::TableId;

/// The row that is to be locked, and the version at which we are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) table: TableId,
    pub(super) row: RowId,
    pub(super) tid: Tid,
    /// True to lock the row and nothing more.
    pub(super) lock_only: bool,
    /// True once we have moved on from the version that the snapshot saw.
    pub(super) moved: bool,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowOutcome {
    /// Nobody is in the way, and `Target::tid` is the newest version.
    Free,
    /// It is gone, or this command has changed it already.
    Gone,
    /// It is held, and we were told to skip such rows.
    Skipped,
    /// To be asked again after this wait.
    Wait(WaitId),
}

/// What one look at a row found.
enum Look {
    Free,
    Gone,
    Next(Tid),
    HeldBy(Xid),
    /// Not this version but a later one is held.
    LaterHeldBy(Xid),
}

/// Looks at the row until it is free, or a wait is needed.
pub(super) fn claim(
    run: &mut Execution<'_>,
    engine: &mut Engine,
    target: &mut Target,
    mode: RowLockMode,
    policy: WaitPolicy,
) -> Result<RowOutcome> {
    loop {
        match look(run, engine, target, mode)? {
            Look::Free => return Ok(RowOutcome::Free),
            Look::Gone => {
                release_place(run, engine);
                return Ok(RowOutcome::Gone);
            }
            Look::Next(tid) => {
                target.tid = tid;
                target.moved = true;
            }
            Look::HeldBy(xid) => return held(run, engine, target, mode, policy, xid),
            // PostgreSQL follows the later versions without standing in line,
            // and waits for them whatever NOWAIT and SKIP LOCKED say.
            Look::LaterHeldBy(xid) => {
                let name = engine.table(target.table)?.def.name.clone();
                if let Some(id) = await_end(run, engine, xid, &name) {
                    return Ok(RowOutcome::Wait(id));
                }
            }
        }
    }
}

fn look(run: &Execution<'_>, engine: &Engine, target: &Target, mode: RowLockMode) -> Result<Look> {
    let chain = engine.table(target.table)?.heap.chain(target.row);
    let Some(version) = chain.version(target.tid) else {
        return Ok(Look::Gone);
    };
    let top = run.transaction.xid;
    let next = || chain.next(target.tid).map(|next| next.tid);
    if version.xmax.is_some() {
        match engine.clog.status(version.xmax) {
            Status::InProgress(owner) if owner == top => {
                // Changed by this very command: not again. Changed by an
                // earlier one: go on to what it made of it.
                let earlier = version.cmax < run.transaction.command;
                return Ok(match next() {
                    Some(tid) if earlier => Look::Next(tid),
                    _ => Look::Gone,
                });
            }
            Status::Aborted => {}
            // A lock that permits what was done to this version stays on it,
            // if it permits what was done to the later ones too.
            _ => match first_excluding(chain, &engine.clog, version, mode) {
                None => {}
                Some((by, Status::InProgress(_))) if by.tid == version.tid => {
                    return Ok(Look::HeldBy(by.xmax));
                }
                Some((by, Status::InProgress(_))) => return Ok(Look::LaterHeldBy(by.xmax)),
                Some(_) => {
                    let next = next();
                    if run.transaction.isolation.keeps_snapshot() {
                        // Who only locks is told of an update in any case.
                        let update = target.lock_only || next.is_some();
                        let what = if update { "update" } else { "delete" };
                        return Err(concurrent(what));
                    }
                    let settled = chain.settled_after(&engine.clog, target.tid);
                    let last = settled.map(|version| version.tid).or(next);
                    return Ok(last.map_or(Look::Gone, Look::Next));
                }
            },
        }
    }
    for locker in chain.lockers() {
        if let Some(owner) = engine.clog.running(locker.xid)
            && owner != top
            && locker.mode.conflicts(mode)
        {
            return Ok(Look::HeldBy(locker.xid));
        }
    }
    Ok(Look::Free)
}

/// The first version from this one on that was changed in a way that a lock
/// of `mode` excludes, and what became of the change.
fn first_excluding<'c>(
    chain: &'c Chain,
    clog: &Clog,
    from: &Version,
    mode: RowLockMode,
) -> Option<(&'c Version, Status)> {
    chain
        .versions_from(from.tid)
        .iter()
        .filter(|version| version.xmax.is_some() && mode.conflicts(version.xmax_mode))
        .map(|version| (version, clog.status(version.xmax)))
        .find(|(_, status)| *status != Status::Aborted)
}

/// The error of a REPEATABLE READ transaction that came too late.
pub(super) fn concurrent(what: &str) -> Error {
    Error::new(
        SqlState::SERIALIZATION_FAILURE,
        format!("could not serialize access due to concurrent {what}"),
    )
}

fn held(
    run: &mut Execution<'_>,
    engine: &mut Engine,
    target: &Target,
    mode: RowLockMode,
    policy: WaitPolicy,
    holder: Xid,
) -> Result<RowOutcome> {
    let name = engine.table(target.table)?.def.name.clone();
    match policy {
        WaitPolicy::Block => {}
        WaitPolicy::Skip => {
            release_place(run, engine);
            return Ok(RowOutcome::Skipped);
        }
        WaitPolicy::Error => {
            return Err(Error::new(
                SqlState::LOCK_NOT_AVAILABLE,
                format!("could not obtain lock on row in relation \"{name}\""),
            ));
        }
    }
    let pid = run.transaction.pid;
    // Who holds the row already does not stand in line: those ahead wait for
    // them.
    let top = run.transaction.xid;
    let chain = engine.table(target.table)?.heap.chain(target.row);
    let mut lockers = chain.lockers().iter();
    let holds = lockers.any(|locker| engine.clog.running(locker.xid) == Some(top));
    if run.transaction.tuple_lock.is_none() && !holds {
        let place = (LockTag::Tuple(target.table, target.row), mode.tuple_lock());
        let request = engine.locks.acquire(place.0, place.1, pid);
        if let Request::Deadlock(error) = request {
            return Err(error);
        }
        run.transaction.tuple_lock = Some(place);
        if let Request::Queued(id) = request {
            run.shared.note_wait(engine, pid, id, &name);
            return Ok(RowOutcome::Wait(id));
        }
    }
    Ok(match await_end(run, engine, holder, &name) {
        Some(id) => RowOutcome::Wait(id),
        None => RowOutcome::Gone,
    })
}

/// Begins to wait for the end of a transaction, if it still runs.
pub(super) fn await_end(
    run: &Execution<'_>,
    engine: &mut Engine,
    holder: Xid,
    relation: &str,
) -> Option<WaitId> {
    let top = engine.clog.running(holder)?;
    let owner = engine.owners.get(&top).copied()?;
    let pid = run.transaction.pid;
    let id = engine.locks.await_end(holder, owner, pid);
    run.shared.note_wait(engine, pid, id, relation);
    Some(id)
}

/// Leaves the row's line: the row is ours now, or we do not want it.
pub(super) fn release_place(run: &mut Execution<'_>, engine: &mut Engine) {
    if let Some((tag, mode)) = run.transaction.tuple_lock.take() {
        engine.locks.release(tag, mode, run.transaction.pid);
    }
}

/// Writes down that this transaction holds the row.
pub(super) fn note_lock(
    run: &mut Execution<'_>,
    engine: &mut Engine,
    target: &Target,
    mode: RowLockMode,
) -> Result<()> {
    let xid = run.begin_write(engine);
    let top = run.transaction.xid;
    // The planted bug: the lock is not kept beyond the statement.
    if !run.shared.planted(Bug::ReleaseLocksEarly) {
        let Engine { catalog, clog, .. } = engine;
        if let Some(table) = catalog.table_mut(target.table) {
            let chain = table.heap.chain_mut(target.row);
            let held =
                |locker: &Locker| clog.running(locker.xid) == Some(top) && locker.mode >= mode;
            if !chain.lockers().iter().any(held) {
                chain.lock(clog, Locker { xid, mode });
            }
        }
    }
    release_place(run, engine);
    Ok(())
}
