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
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) table: TableId,
    pub(super) row: RowId,
    pub(super) tid: Tid,
    /// True to lock the row and nothing more.
    pub(super) lock_only: bool,
    /// True once we have moved on from the version that the snapshot saw.
    pub(super) moved: bool,
    /// True once the end of an update of this version is waited for.
    follows_update: bool,
    /// Those that held the row when we last looked and are still to be waited
    /// for, the first of them last.
    holders: Vec<Xid>,
}

impl Target {
    pub(super) fn new(table: TableId, row: RowId, tid: Tid, lock_only: bool) -> Target {
        Target {
            table,
            row,
            tid,
            lock_only,
            moved: false,
            follows_update: false,
            holders: Vec::new(),
        }
    }
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
    /// By these, oldest last; one of them may be changing this version.
    HeldBy {
        holders: Vec<Xid>,
        change: bool,
    },
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
        // As a multixact's members are waited for: one after the other,
        // whoever else comes or goes meanwhile.
        while let Some(holder) = target.holders.pop() {
            let name = engine.table(target.table)?.def.name.clone();
            if let Some(id) = await_end(run, engine, holder, &name) {
                return Ok(RowOutcome::Wait(id));
            }
        }
        match look(run, engine, target, mode)? {
            Look::Free => return Ok(RowOutcome::Free),
            Look::Gone => {
                release_place(run, engine);
                return Ok(RowOutcome::Gone);
            }
            Look::Next(tid) => {
                target.tid = tid;
                target.moved = true;
                target.follows_update = false;
            }
            Look::HeldBy { holders, change } => {
                target.holders = holders;
                target.follows_update = change && target.lock_only;
                if let Some(outcome) = stand_in_line(run, engine, target, mode, policy)? {
                    return Ok(outcome);
                }
            }
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
                // Changed by this very command, or since a cursor was declared:
                // not again. Changed by an earlier one: go on to what it made
                // of it.
                let earlier = version.cmax < run.snapshot.command;
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
                    let lockers = conflicting_lockers(chain, &engine.clog, top, mode);
                    return Ok(Look::HeldBy {
                        holders: in_turn(lockers.map(|l| l.xid).chain([by.xmax])),
                        change: true,
                    });
                }
                Some((by, Status::InProgress(_))) => return Ok(Look::LaterHeldBy(by.xmax)),
                Some(_) => {
                    let next = next();
                    if run.transaction.isolation.keeps_snapshot() {
                        // Whoever has locked this very version is waited for
                        // all the same.
                        let lockers = conflicting_lockers(chain, &engine.clog, top, mode);
                        let here = lockers.filter(|locker| locker.from <= version.tid);
                        let holders = in_turn(here.map(|locker| locker.xid));
                        if !holders.is_empty() {
                            return Ok(Look::HeldBy {
                                holders,
                                change: target.follows_update,
                            });
                        }
                        // Who waited for an update locks what came of it
                        // first, and waits for that too.
                        if target.follows_update
                            && let Some(holder) =
                                holder_after(chain, &engine.clog, target, top, mode)
                        {
                            return Ok(Look::LaterHeldBy(holder));
                        }
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
    let lockers = conflicting_lockers(chain, &engine.clog, top, mode);
    let holders = in_turn(lockers.map(|locker| locker.xid));
    Ok(if holders.is_empty() {
        Look::Free
    } else {
        Look::HeldBy {
            holders,
            change: false,
        }
    })
}

/// The others that have locked the row in a way that excludes `mode`.
fn conflicting_lockers<'c>(
    chain: &'c Chain,
    clog: &'c Clog,
    top: Xid,
    mode: RowLockMode,
) -> impl Iterator<Item = &'c Locker> + 'c {
    let lockers = chain.lockers().iter();
    lockers.filter(move |l| clog.runs_beside(l.xid, top) && l.mode.conflicts(mode))
}

/// The members of a multixact, to be popped in their order, which is that of
/// the ids.
fn in_turn(members: impl Iterator<Item = Xid>) -> Vec<Xid> {
    let mut members: Vec<Xid> = members.collect();
    members.sort_unstable_by(|a, b| b.cmp(a));
    members.dedup();
    members
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

/// Who changes or has locked a version after that of the target in a way that
/// excludes `mode`.
fn holder_after(
    chain: &Chain,
    clog: &Clog,
    target: &Target,
    top: Xid,
    mode: RowLockMode,
) -> Option<Xid> {
    let changed = chain.versions_from(target.tid).iter().skip(1);
    let changed = changed.filter(|version| mode.conflicts(version.xmax_mode));
    let changed = changed.map(|version| version.xmax);
    let mut changed = changed.filter(|xmax| xmax.is_some() && clog.runs_beside(*xmax, top));
    let lockers = conflicting_lockers(chain, clog, top, mode);
    let locked = || lockers.map(|locker| locker.xid).min();
    changed.next().or_else(locked)
}

/// The error of a REPEATABLE READ transaction that came too late.
pub(super) fn concurrent(what: &str) -> Error {
    Error::new(
        SqlState::SERIALIZATION_FAILURE,
        format!("could not serialize access due to concurrent {what}"),
    )
}

/// Takes the place in the row's line from which its holders are waited for;
/// None once that is so.
fn stand_in_line(
    run: &mut Execution<'_>,
    engine: &mut Engine,
    target: &mut Target,
    mode: RowLockMode,
    policy: WaitPolicy,
) -> Result<Option<RowOutcome>> {
    let name = engine.table(target.table)?.def.name.clone();
    match policy {
        WaitPolicy::Block => {}
        WaitPolicy::Skip => {
            release_place(run, engine);
            return Ok(Some(RowOutcome::Skipped));
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
    if run.transaction.tuple_lock.is_some() || holds {
        return Ok(None);
    }
    let place = (LockTag::Tuple(target.table, target.row), mode.tuple_lock());
    let request = engine.locks.acquire(place.0, place.1, pid);
    if let Request::Deadlock(error) = request {
        return Err(error);
    }
    run.transaction.tuple_lock = Some(place);
    let Request::Queued(id) = request else {
        return Ok(None);
    };
    run.shared.note_wait(engine, pid, id, &name);
    Ok(Some(RowOutcome::Wait(id)))
}

/// Begins to wait for the end of a transaction, if it still runs.
pub(super) fn await_end(
    run: &Execution<'_>,
    engine: &mut Engine,
    holder: Xid,
    relation: &str,
) -> Option<WaitId> {
    let pid = run.transaction.pid;
    run.shared.await_end(engine, pid, holder, relation)
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
            let from = target.tid;
            let held = |locker: &Locker| {
                let own = clog.running(locker.xid) == Some(top);
                own && locker.mode >= mode && locker.from <= from
            };
            if !chain.lockers().iter().any(held) {
                chain.lock(clog, Locker { xid, mode, from });
            }
        }
    }
    release_place(run, engine);
    Ok(())
}
