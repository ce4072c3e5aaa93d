//! Sequences: numbers handed out outside of any transaction.
//!
//! As in PostgreSQL a sequence logs 32 numbers ahead, so a crash skips what
//! was reserved and not handed out, and never hands a number out twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::table::{Column, TableId};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::Pid;
use crate::postgres::types::Type;

/// Numbers that one log record reserves.
const LOG_AHEAD: i64 = 32;

/// A sequence's number in the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::postgres) struct SequenceId(pub(in crate::postgres) u32);

/// What a sequence is.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct SequenceDef {
    pub(in crate::postgres) id: SequenceId,
    pub(in crate::postgres) name: Arc<str>,
    pub(in crate::postgres) start: i64,
    /// The integer type of its numbers.
    pub(in crate::postgres) ty: Type,
    pub(in crate::postgres) increment: i64,
    pub(in crate::postgres) min: i64,
    pub(in crate::postgres) max: i64,
    pub(in crate::postgres) cycle: bool,
    /// The table and column that own it: it goes with them.
    pub(in crate::postgres) owner: Option<(TableId, Arc<str>)>,
    pub(in crate::postgres) comment: Option<Arc<str>>,
}

impl SequenceDef {
    /// One that counts up from 1 within a type.
    pub(in crate::postgres) fn new(id: SequenceId, name: &str, ty: Type) -> SequenceDef {
        SequenceDef {
            id,
            name: name.into(),
            start: 1,
            increment: 1,
            min: 1,
            ty,
            max: SequenceDef::bounds(ty).1,
            cycle: false,
            owner: None,
            comment: None,
        }
    }

    /// True if it goes with this column of its owner.
    pub(in crate::postgres) fn is_of(&self, column: &Column) -> bool {
        let owner = self.owner.as_ref();
        owner.is_some_and(|(_, name)| *name == column.name || column.sequence == Some(self.id))
    }

    /// The least and the largest number of a type.
    pub(in crate::postgres) fn bounds(ty: Type) -> (i64, i64) {
        match ty {
            Type::Int2 => (i16::MIN.into(), i16::MAX.into()),
            Type::Int4 => (i32::MIN.into(), i32::MAX.into()),
            _ => (i64::MIN, i64::MAX),
        }
    }
}

#[derive(Debug, Clone)]
struct Sequence {
    def: Arc<SequenceDef>,
    /// The number before the next; None if the start is next.
    last: Option<i64>,
    /// True if that was handed out.
    called: bool,
    /// What the log has reserved, in the direction of counting.
    reserved: Option<i64>,
}

/// A sequence as a transaction sets it aside that changes it.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct SequenceState(Sequence);

impl SequenceState {
    pub(in crate::postgres) fn def(&self) -> &Arc<SequenceDef> {
        &self.0.def
    }
}

/// Every sequence of the server.
#[derive(Debug, Default)]
pub(in crate::postgres) struct Sequences {
    sequences: BTreeMap<SequenceId, Sequence>,
    unlogged: Vec<(SequenceId, i64)>,
    /// What each session was handed last, by sequence and of all.
    current: BTreeMap<(Pid, SequenceId), i64>,
    last: BTreeMap<Pid, SequenceId>,
    /// Those that each session's transaction has used, which locks them in
    /// ROW EXCLUSIVE mode; true if the lock is in the lock table by now.
    used: BTreeMap<Pid, BTreeMap<SequenceId, bool>>,
}

fn missing() -> Error {
    Error::new(
        SqlState::UNDEFINED_TABLE,
        "the sequence of this column does not exist",
    )
}

impl Sequences {
    pub(in crate::postgres) fn create(&mut self, def: Arc<SequenceDef>) {
        let sequence = Sequence {
            last: None,
            called: false,
            reserved: None,
            def,
        };
        self.sequences.insert(sequence.def.id, sequence);
    }

    pub(in crate::postgres) fn remove(&mut self, id: SequenceId) {
        self.sequences.remove(&id);
    }

    /// Starts after what the log had reserved.
    pub(in crate::postgres) fn restore(&mut self, def: Arc<SequenceDef>, reserved: Option<i64>) {
        let called = reserved.is_some_and(|last| (def.min..=def.max).contains(&last));
        let sequence = Sequence {
            last: reserved,
            called,
            reserved,
            def,
        };
        self.sequences.insert(sequence.def.id, sequence);
    }

    /// Gives a sequence the definition that another server has given it; false
    /// if there is no such sequence.
    pub(in crate::postgres) fn redefine(&mut self, def: &Arc<SequenceDef>) -> bool {
        match self.sequences.get_mut(&def.id) {
            Some(sequence) => {
                sequence.def = def.clone();
                true
            }
            None => false,
        }
    }

    /// Notes what another server has reserved; false if there is no such
    /// sequence.
    pub(in crate::postgres) fn reserve(&mut self, id: SequenceId, reserved: i64) -> bool {
        let Some(sequence) = self.sequences.get_mut(&id) else {
            return false;
        };
        sequence.last = Some(reserved);
        sequence.called = true;
        sequence.reserved = Some(reserved);
        true
    }

    /// Notes that a session's transaction uses a sequence.
    pub(in crate::postgres) fn hold(&mut self, id: SequenceId, pid: Pid) {
        self.used.entry(pid).or_default().entry(id).or_insert(false);
    }

    /// As [`Sequences::hold`], with the lock in the lock table.
    pub(in crate::postgres) fn hold_listed(&mut self, id: SequenceId, pid: Pid) {
        self.used.entry(pid).or_default().insert(id, true);
    }

    pub(in crate::postgres) fn is_used(&self, id: SequenceId, pid: Pid) -> bool {
        let used = self.used.get(&pid);
        used.is_some_and(|used| used.contains_key(&id))
    }

    /// Who holds which locks that are not in the lock table.
    pub(in crate::postgres) fn unlisted(&self) -> impl Iterator<Item = (Pid, SequenceId)> {
        let used = self.used.iter();
        used.flat_map(|(pid, used)| {
            let unlisted = used.iter().filter(|(_, listed)| !**listed);
            unlisted.map(|(id, _)| (*pid, *id))
        })
    }

    /// Whose locks on a sequence have to get into the lock table, before
    /// somebody asks there for one that they exclude.
    pub(in crate::postgres) fn list(&mut self, id: SequenceId) -> Vec<Pid> {
        let mut pids = Vec::new();
        for (pid, used) in &mut self.used {
            if let Some(listed @ false) = used.get_mut(&id) {
                *listed = true;
                pids.push(*pid);
            }
        }
        pids
    }

    /// A session's transaction has ended: its locks that are in the lock table.
    pub(in crate::postgres) fn end_transaction(&mut self, pid: Pid) -> Vec<SequenceId> {
        let Some(used) = self.used.remove(&pid) else {
            return Vec::new();
        };
        used.into_iter()
            .filter_map(|(id, listed)| listed.then_some(id))
            .collect()
    }

    /// Forgets which numbers a session has had.
    pub(in crate::postgres) fn forget(&mut self, pid: Pid) {
        self.last.remove(&pid);
        self.current.retain(|(session, _), _| *session != pid);
    }

    /// Hands out the next number.
    pub(in crate::postgres) fn next(&mut self, id: SequenceId, pid: Pid) -> Result<i64> {
        let sequence = self.sequences.get_mut(&id).ok_or_else(missing)?;
        let value = sequence.following()?;
        sequence.last = Some(value);
        sequence.called = true;
        let up = sequence.def.increment > 0;
        let beyond = |reserved: i64| {
            if up {
                value > reserved
            } else {
                value < reserved
            }
        };
        if sequence.reserved.is_none_or(beyond) {
            let ahead = sequence.def.increment.saturating_mul(LOG_AHEAD);
            let reserved = value.saturating_add(ahead);
            let reserved = reserved.clamp(sequence.def.min, sequence.def.max);
            sequence.reserved = Some(reserved);
            self.unlogged.push((id, reserved));
        }
        self.current.insert((pid, id), value);
        self.last.insert(pid, id);
        Ok(value)
    }

    /// currval
    pub(in crate::postgres) fn current(&self, id: SequenceId, pid: Pid, name: &str) -> Result<i64> {
        self.current.get(&(pid, id)).copied().ok_or_else(|| {
            Error::new(
                SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("currval of sequence \"{name}\" is not yet defined in this session"),
            )
        })
    }

    /// lastval, and of which sequence.
    pub(in crate::postgres) fn last(&self, pid: Pid) -> Result<(SequenceId, i64)> {
        let id = self
            .last
            .get(&pid)
            .filter(|id| self.sequences.contains_key(id));
        let last = id.and_then(|id| Some((*id, *self.current.get(&(pid, *id))?)));
        last.ok_or_else(|| {
            Error::new(
                SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
                "lastval is not yet defined in this session",
            )
        })
    }

    /// setval: the next number is the one after `value`, or itself if it was
    /// not `called`.
    pub(in crate::postgres) fn set(
        &mut self,
        id: SequenceId,
        pid: Pid,
        name: &str,
        value: i64,
        called: bool,
    ) -> Result<()> {
        let sequence = self.sequences.get_mut(&id).ok_or_else(missing)?;
        let def = &sequence.def;
        if !(def.min..=def.max).contains(&value) {
            return Err(Error::new(
                SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                format!(
                    "setval: value {value} is out of bounds for sequence \"{name}\" ({}..{})",
                    def.min, def.max
                ),
            ));
        }
        let last = sequence.go_on_from(value, called);
        self.unlogged.push((id, last));
        if called {
            self.current.insert((pid, id), value);
        }
        Ok(())
    }

    /// Starts over: what it was before, to be put back by a rollback.
    pub(in crate::postgres) fn restart(&mut self, id: SequenceId) -> Option<SequenceState> {
        let def = self.sequences.get(&id)?.def.clone();
        let start = def.start;
        self.alter(def, Some(start))
    }

    /// Gives a sequence another definition, and begins again with a number if
    /// there is one: what it was before, to be put back by a rollback.
    pub(in crate::postgres) fn alter(
        &mut self,
        def: Arc<SequenceDef>,
        restart: Option<i64>,
    ) -> Option<SequenceState> {
        let id = def.id;
        let sequence = self.sequences.get_mut(&id)?;
        let before = sequence.clone();
        sequence.def = def;
        let called = restart.is_none() && before.called;
        let value = restart.unwrap_or_else(|| before.last_value());
        let last = sequence.go_on_from(value, called);
        self.unlogged.push((id, last));
        Some(SequenceState(before))
    }

    /// Undoes `alter`.
    pub(in crate::postgres) fn put_back(&mut self, state: SequenceState) {
        let SequenceState(before) = state;
        let (id, start) = (before.def.id, before.def.start);
        if let Some(sequence) = self.sequences.get_mut(&id) {
            self.unlogged.push((id, before.reserved.unwrap_or(start)));
            *sequence = before;
        }
    }

    /// The last number that was handed out, or the first that will be.
    pub(in crate::postgres) fn last_value(&self, id: SequenceId) -> Option<i64> {
        self.sequences.get(&id).map(Sequence::last_value)
    }

    /// What a sequence has in the place of a table's row: last_value, log_cnt
    /// and is_called.
    pub(in crate::postgres) fn row(&self, id: SequenceId) -> Option<(i64, i64, bool)> {
        let sequence = self.sequences.get(&id)?;
        let ahead = match (sequence.reserved, sequence.last) {
            (Some(reserved), Some(last)) => reserved.saturating_sub(last),
            _ => 0,
        };
        let logged = ahead / sequence.def.increment;
        Some((sequence.last_value(), logged, sequence.called))
    }

    /// What must reach the log before the next commit.
    pub(in crate::postgres) fn take_unlogged(&mut self) -> Vec<(SequenceId, i64)> {
        std::mem::take(&mut self.unlogged)
    }
}

impl Sequence {
    fn last_value(&self) -> i64 {
        match self.last {
            None => self.def.start,
            Some(last) if self.called => last,
            Some(last) => last.saturating_add(self.def.increment),
        }
    }

    /// The next number is the one after `value`, or itself if it was not
    /// `called`. Returns what the log is to know.
    fn go_on_from(&mut self, value: i64, called: bool) -> i64 {
        let last = if called {
            value
        } else {
            value.saturating_sub(self.def.increment)
        };
        self.last = Some(last);
        self.called = called;
        self.reserved = Some(last);
        last
    }

    fn following(&self) -> Result<i64> {
        let def = &self.def;
        let Some(last) = self.last else {
            return Ok(def.start);
        };
        let next = last.checked_add(def.increment);
        if let Some(next) = next.filter(|next| (def.min..=def.max).contains(next)) {
            return Ok(next);
        }
        let up = def.increment > 0;
        if def.cycle {
            return Ok(if up { def.min } else { def.max });
        }
        let (word, bound) = if up {
            ("maximum", def.max)
        } else {
            ("minimum", def.min)
        };
        Err(Error::new(
            SqlState("2200H"),
            format!(
                "nextval: reached {word} value of sequence \"{}\" ({bound})",
                def.name
            ),
        ))
    }
}
