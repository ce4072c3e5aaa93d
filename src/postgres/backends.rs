//! Sessions as others see them: who may be interrupted, who listens, and the
//! locks that last as long as a session.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::task::Waker;

use super::catalog::{Activity, State, WaitEvent};
use super::engine::Engine;
use super::error::{Error, Result, SqlState};
use super::locks::{LockMode, LockTag, Pid};
use super::notify_queue::Position;
use super::settings::Settings;
use super::storage::clog::Xid;

/// Why a session's statement, or the session itself, is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Interrupt {
    /// A CancelRequest, or pg_cancel_backend.
    Cancel,
    /// What the session reads is to change by replay.
    Conflict,
    /// pg_terminate_backend, or the server shuts down.
    Terminate,
    /// Another process of the server has crashed.
    Crash,
}

impl Interrupt {
    /// It ends a session that runs no statement.
    fn ends_session(self) -> bool {
        self >= Interrupt::Conflict
    }
}

/// What NOTIFY told a channel.
#[derive(Debug, Clone)]
pub(super) struct Notification {
    /// The session that told it.
    pub(super) pid: Pid,
    pub(super) channel: String,
    pub(super) payload: String,
}

#[derive(Debug)]
struct Backend {
    secret: i32,
    interrupt: Option<Interrupt>,
    waker: Option<Waker>,
    channels: BTreeSet<String>,
    /// Notifications that have not been delivered.
    inbox: VecDeque<Notification>,
    /// How far it has read what was told.
    read_to: Position,
    /// Advisory locks, each with how often it is held.
    locks: BTreeMap<(LockTag, LockMode), usize>,
    activity: Activity,
    /// The oldest transaction that its snapshot takes for running, while it
    /// has one.
    xmin: Option<Xid>,
}

/// The number of the first session: PostgreSQL gives those before it to
/// processes of its own.
const FIRST_BACKEND: u32 = 3;

impl Backend {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Every session.
#[derive(Debug)]
pub(super) struct Backends {
    backends: BTreeMap<Pid, Backend>,
    last_pid: Pid,
    /// Where the queue of notifications ends.
    told_to: Position,
    /// Where it was last seen to begin.
    tail: Position,
}

impl Backends {
    /// None yet; the first gets the process id after `last_pid`.
    pub(super) fn new(last_pid: Pid) -> Backends {
        Backends {
            backends: BTreeMap::new(),
            last_pid,
            told_to: Position::default(),
            tail: Position::default(),
        }
    }

    /// Admits a session.
    pub(super) fn connect(
        &mut self,
        secret: i32,
        settings: &Settings,
        at: i64,
        max_connections: usize,
    ) -> Result<Pid> {
        if self.backends.len() >= max_connections {
            return Err(Error::new(
                SqlState::TOO_MANY_CONNECTIONS,
                "sorry, too many clients already",
            )
            .fatal());
        }
        let pid = self.next_pid();
        let taken: BTreeSet<u32> = self.activities().map(|(_, one)| one.backend()).collect();
        let number = (FIRST_BACKEND..).find(|number| !taken.contains(number));
        let number = number.unwrap_or(FIRST_BACKEND);
        let backend = Backend {
            secret,
            interrupt: None,
            waker: None,
            channels: BTreeSet::new(),
            inbox: VecDeque::new(),
            read_to: Position::default(),
            locks: BTreeMap::new(),
            activity: Activity::new(number, &settings.user, &settings.database, at),
            xmin: None,
        };
        self.backends.insert(pid, backend);
        Ok(pid)
    }

    /// What a session does, to be changed.
    pub(super) fn activity(&mut self, pid: Pid) -> Option<&mut Activity> {
        self.backends.get_mut(&pid).map(|one| &mut one.activity)
    }

    /// What everybody does.
    pub(super) fn activities(&self) -> impl Iterator<Item = (Pid, &Activity)> {
        self.backends.iter().map(|(pid, one)| (*pid, &one.activity))
    }

    /// Notes what a session waits for that is no lock.
    pub(super) fn waits_for(&mut self, pid: Pid, event: WaitEvent) {
        if let Some(activity) = self.activity(pid) {
            activity.waits_for = event;
        }
    }

    /// Notes what a session's snapshot takes for running.
    pub(super) fn set_xmin(&mut self, pid: Pid, xmin: Option<Xid>) {
        if let Some(backend) = self.backends.get_mut(&pid) {
            backend.xmin = xmin;
        }
    }

    /// The sessions that have a snapshot.
    pub(super) fn with_snapshot(&self) -> Vec<Pid> {
        let all = self.backends.iter();
        let seeing = all.filter(|(_, backend)| backend.xmin.is_some());
        seeing.map(|(pid, _)| *pid).collect()
    }

    /// The lock of the transaction that a session runs.
    pub(super) fn transaction(&self, pid: Pid) -> Option<LockTag> {
        self.backends.get(&pid)?.activity.transaction_lock()
    }

    pub(super) fn xmin(&self, pid: Pid) -> Option<Xid> {
        self.backends.get(&pid)?.xmin
    }

    /// A CancelRequest: without the right secret nothing happens.
    pub(super) fn cancel(&mut self, pid: Pid, secret: i32) {
        let known = self.backends.get(&pid);
        if known.is_some_and(|backend| backend.secret == secret) {
            self.interrupt(pid, Interrupt::Cancel);
        }
    }

    /// Interrupts a session; false if there is none. A weaker interrupt does
    /// not replace a stronger one.
    pub(super) fn interrupt(&mut self, pid: Pid, interrupt: Interrupt) -> bool {
        let Some(backend) = self.backends.get_mut(&pid) else {
            return false;
        };
        backend.interrupt = backend.interrupt.max(Some(interrupt));
        backend.wake();
        true
    }

    /// Takes a pending interrupt, or asks to be woken by one.
    pub(super) fn poll_interrupt(&mut self, pid: Pid, waker: &Waker) -> Option<Interrupt> {
        let backend = self.backends.get_mut(&pid)?;
        let interrupt = backend.interrupt.take();
        if interrupt.is_none() {
            backend.waker = Some(waker.clone());
        }
        interrupt
    }

    /// A session waits for its client: so others see it, a cancellation that
    /// came when nothing ran is forgotten, and outside of a transaction it
    /// takes the notifications that are due.
    pub(super) fn rest(&mut self, pid: Pid, state: State, at: i64) -> VecDeque<Notification> {
        let Some(backend) = self.backends.get_mut(&pid) else {
            return VecDeque::new();
        };
        backend.activity.rest(state, at);
        backend.waker = None;
        if backend.interrupt <= Some(Interrupt::Conflict) {
            backend.interrupt = None;
        }
        match state {
            State::Idle => {
                backend.read_to = self.told_to;
                std::mem::take(&mut backend.inbox)
            }
            _ => VecDeque::new(),
        }
    }

    /// A process id for somebody who is no session.
    pub(super) fn next_pid(&mut self) -> Pid {
        self.last_pid += 1;
        self.last_pid
    }

    /// True if an idle session has something to do: it is to end, or it has
    /// notifications that it may deliver. Else it asks to be woken.
    pub(super) fn poll_idle(&mut self, pid: Pid, delivers: bool, waker: &Waker) -> bool {
        let Some(backend) = self.backends.get_mut(&pid) else {
            return false;
        };
        let called = backend.interrupt.is_some_and(Interrupt::ends_session)
            || delivers && !backend.inbox.is_empty();
        if !called {
            backend.waker = Some(waker.clone());
        }
        called
    }

    /// What the session has been told to end by.
    pub(super) fn ending(&self, pid: Pid) -> Option<Interrupt> {
        let interrupt = self.backends.get(&pid)?.interrupt;
        interrupt.filter(|interrupt| interrupt.ends_session())
    }

    /// Interrupts every session.
    pub(super) fn interrupt_all(&mut self, interrupt: Interrupt) {
        for backend in self.backends.values_mut() {
            backend.interrupt = backend.interrupt.max(Some(interrupt));
            backend.wake();
        }
    }

    /// True if nobody is connected.
    pub(super) fn is_empty(&self) -> bool {
        self.backends.is_empty()
    }

    /// The notifications that are due.
    pub(super) fn take_notifications(&mut self, pid: Pid) -> VecDeque<Notification> {
        let Some(backend) = self.backends.get_mut(&pid) else {
            return VecDeque::new();
        };
        backend.read_to = self.told_to;
        std::mem::take(&mut backend.inbox)
    }

    pub(super) fn listen(&mut self, pid: Pid, channel: String) {
        if let Some(backend) = self.backends.get_mut(&pid) {
            if backend.channels.is_empty() {
                backend.read_to = self.told_to;
            }
            backend.channels.insert(channel);
        }
    }

    /// Stops listening to a channel, or to all.
    pub(super) fn unlisten(&mut self, pid: Pid, channel: Option<&str>) {
        if let Some(backend) = self.backends.get_mut(&pid) {
            match channel {
                Some(channel) => {
                    backend.channels.remove(channel);
                }
                None => backend.channels.clear(),
            }
        }
    }

    /// Tells everybody who listens.
    pub(super) fn notify(&mut self, notification: &Notification) {
        let Notification {
            channel, payload, ..
        } = notification;
        let before = self.told_to;
        self.told_to = before.past_entry(channel.len() + payload.len());
        for backend in self.backends.values_mut() {
            if backend.channels.contains(channel) {
                backend.inbox.push_back(notification.clone());
                backend.wake();
            }
            // Others read on when their transactions end.
            if !backend.activity.in_transaction() {
                backend.read_to = self.told_to;
            }
        }
        if self.told_to.cleans_up_after(before) {
            self.advance_tail();
        }
    }

    /// How far each listener has read.
    fn listeners(&self) -> impl Iterator<Item = Position> {
        let all = self.backends.values();
        let listeners = all.filter(|one| !one.channels.is_empty());
        listeners.map(|one| one.read_to)
    }

    /// Gives up what every listener has read.
    fn advance_tail(&mut self) {
        self.tail = self.listeners().min().unwrap_or(self.told_to);
    }

    /// True if the session listens to nothing yet, and there is something in
    /// the queue that no listener has read.
    pub(super) fn has_unread(&self, pid: Pid) -> bool {
        let listens = |backend: &Backend| !backend.channels.is_empty();
        let read = self.listeners().fold(self.tail, Position::max);
        !self.backends.get(&pid).is_some_and(listens) && read != self.told_to
    }

    /// How full the queue of notifications is, from 0 to 1.
    pub(super) fn notification_queue_usage(&mut self) -> f64 {
        self.advance_tail();
        self.told_to.usage(self.tail)
    }
}

impl Engine {
    /// A session has ended: its locks are given back.
    pub(super) fn disconnect(&mut self, pid: Pid) {
        self.unlock_all(pid);
        self.backends.backends.remove(&pid);
    }

    /// Notes an advisory lock that lasts beyond its transaction.
    pub(super) fn keep_session_lock(&mut self, pid: Pid, tag: LockTag, mode: LockMode) {
        if let Some(backend) = self.backends.backends.get_mut(&pid) {
            *backend.locks.entry((tag, mode)).or_default() += 1;
        }
    }

    /// Gives back one hold of such a lock: false if the session has none.
    pub(super) fn release_session_lock(&mut self, pid: Pid, tag: LockTag, mode: LockMode) -> bool {
        let Some(backend) = self.backends.backends.get_mut(&pid) else {
            return false;
        };
        let Some(count) = backend.locks.get_mut(&(tag, mode)) else {
            return false;
        };
        *count -= 1;
        if *count == 0 {
            backend.locks.remove(&(tag, mode));
        }
        self.locks.release(tag, mode, pid);
        true
    }

    /// Gives back every advisory lock of a session.
    pub(super) fn unlock_all(&mut self, pid: Pid) {
        let Some(backend) = self.backends.backends.get_mut(&pid) else {
            return;
        };
        for ((tag, mode), count) in std::mem::take(&mut backend.locks) {
            for _ in 0..count {
                self.locks.release(tag, mode, pid);
            }
        }
    }
}
