//! Savepoints: what was done since one can be undone alone.
//!
//! A subtransaction has an id of its own, taken with its first write after
//! those of the subtransactions around it. Rolling back gives back the row
//! locks that were taken under that id, the heavyweight locks taken since,
//! and whoever waits for the id goes on; releasing makes all of it part of
//! the transaction around.

use super::{Timing, Transaction};
use crate::postgres::engine::{Engine, Shared};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::executor::Event;
use crate::postgres::locks::LockTag;
use crate::postgres::settings::Mark;
use crate::postgres::storage::clog::Xid;

/// A savepoint, and the subtransaction since.
#[derive(Debug)]
pub(super) struct Level {
    name: Box<str>,
    xid: Xid,
    /// The subtransactions that became part of it.
    subxids: Vec<Xid>,
    /// How many steps, messages and locks there were before it.
    steps: usize,
    messages: usize,
    locks: usize,
    /// The settings when it was made, and the access mode.
    settings: Mark,
    pub(super) read_only: bool,
    /// What was to be looked after at the end, and when.
    deferred: Vec<Event>,
    timing: Timing,
}

/// The error about a savepoint that there is not.
pub(in crate::postgres) fn no_savepoint(name: &str) -> Error {
    Error::new(
        SqlState::INVALID_SAVEPOINT_SPECIFICATION,
        format!("savepoint \"{name}\" does not exist"),
    )
}

impl Transaction {
    /// SAVEPOINT.
    pub(in crate::postgres) fn savepoint(&mut self, name: &str, settings: Mark) {
        self.levels.push(Level {
            name: name.into(),
            xid: Xid::NONE,
            subxids: Vec::new(),
            steps: self.steps.len(),
            messages: self.messages.len(),
            locks: self.locks.len(),
            settings,
            read_only: self.read_only,
            deferred: self.deferred.clone(),
            timing: self.timing.clone(),
        });
    }

    pub(in crate::postgres) fn has_savepoints(&self) -> bool {
        !self.levels.is_empty()
    }

    /// How many savepoints there are.
    pub(in crate::postgres) fn depth(&self) -> usize {
        self.levels.len()
    }

    fn find(&self, name: &str) -> Result<usize> {
        let at = self.levels.iter().rposition(|level| &*level.name == name);
        at.ok_or_else(|| no_savepoint(name))
    }

    /// The id of the innermost subtransaction, and of those around it.
    pub(super) fn subxid(&mut self, engine: &mut Engine) -> Xid {
        let top = self.xid;
        for level in &mut self.levels {
            if !level.xid.is_some() {
                level.xid = engine.clog.begin(Some(top));
            }
        }
        self.levels.last().map_or(top, |level| level.xid)
    }

    /// RELEASE SAVEPOINT.
    pub(in crate::postgres) fn release(&mut self, name: &str) -> Result<()> {
        let at = self.find(name)?;
        self.release_from(at);
        Ok(())
    }

    /// Every savepoint is released when the transaction ends.
    pub(in crate::postgres) fn release_all(&mut self) {
        if !self.levels.is_empty() {
            self.release_from(0);
        }
    }

    fn release_from(&mut self, at: usize) {
        if let Some(level) = self.levels.get(at) {
            self.read_only = level.read_only;
        }
        let released: Vec<Xid> = self.levels.drain(at..).flat_map(Level::xids).collect();
        match self.levels.last_mut() {
            Some(around) => around.subxids.extend(released),
            None => self.subxids.extend(released),
        }
    }

    /// ROLLBACK TO SAVEPOINT: the savepoint stays. Returns the settings to go
    /// back to.
    pub(in crate::postgres) fn roll_back_to(
        &mut self,
        shared: &Shared,
        name: &str,
    ) -> Result<Mark> {
        let at = self.find(name)?;
        let mark = self.undo_from(shared, at);
        mark.ok_or_else(|| no_savepoint(name))
    }

    /// An error has undone the innermost subtransaction.
    pub(in crate::postgres) fn fail(&mut self, shared: &Shared) -> Option<Mark> {
        let innermost = self.levels.len().checked_sub(1)?;
        self.undo_from(shared, innermost)
    }

    fn undo_from(&mut self, shared: &Shared, at: usize) -> Option<Mark> {
        let mut engine = shared.lock();
        let undone = self.levels.drain(at..).collect::<Vec<Level>>();
        let mut undone = undone.into_iter();
        let mut level = undone.next()?;
        let mut xids = std::mem::take(&mut level.subxids);
        xids.extend(level.own_xid());
        xids.extend(undone.flat_map(Level::xids));
        level.xid = Xid::NONE;
        self.undo_steps(shared, &mut engine, level.steps);
        self.messages.truncate(level.messages);
        for xid in xids {
            engine.clog.abort(xid);
            engine.locks.transaction_ended(LockTag::Transaction(xid));
        }
        let tuple_lock = self.tuple_lock.take();
        for (tag, mode) in self.locks.drain(level.locks..).chain(tuple_lock) {
            engine.locks.release(tag, mode, self.pid);
        }
        self.release_snapshot(&mut engine);
        self.read_only = level.read_only;
        self.deferred = level.deferred.clone();
        self.timing = level.timing.clone();
        let mark = level.settings.clone();
        self.levels.push(level);
        Some(mark)
    }
}

impl Level {
    fn own_xid(&self) -> Option<Xid> {
        self.xid.is_some().then_some(self.xid)
    }

    fn xids(self) -> impl Iterator<Item = Xid> {
        self.own_xid().into_iter().chain(self.subxids)
    }
}
