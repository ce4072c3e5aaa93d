//! Tasks: what runs on the nodes, who is ready, and how a task ends.
//!
//! A task belongs to one process of one node. Whoever wakes it puts it on the
//! list of those that are ready, and the executor picks from these at random.
//! Both lists are the thread's, as the world is: nothing has to be locked.
//! The tasks of a paused node wait until it goes on. Those of a process that
//! is killed, and those that are aborted, are dropped by the executor, where
//! nothing is locked and no other task is in the middle of anything.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use slab::Slab;

use super::join::{self, JoinHandle};
use super::{Network, NodeId, Place};
use crate::draw::{self, Draw};

/// Names a task: its index in the table, and a number that tells it from an
/// earlier one there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name {
    index: usize,
    number: u64,
}

/// The future with which a world's run ends. It is in no table.
pub(super) const MAIN: Name = Name {
    index: usize::MAX,
    number: 0,
};

mod world {
    use super::{Name, RefCell, Tasks};
    thread_local! {
        /// The tasks of the world that this thread simulates.
        pub(super) static TASKS: RefCell<Tasks> = RefCell::default();
        /// Which of them are to be polled.
        pub(super) static READY: RefCell<Vec<Name>> = const { RefCell::new(Vec::new()) };
    }
}

/// No task is to be polled.
pub(super) fn is_idle() -> bool {
    world::READY.with_borrow(Vec::is_empty)
}

/// Takes a task that is to be polled, each as likely as the others, and a
/// random word whose lower half has decided nothing yet.
pub(super) fn pick(draw: &mut Draw) -> Option<(Name, u32)> {
    world::READY.with_borrow_mut(|names| {
        if names.is_empty() {
            return None;
        }
        let word = draw.u64();
        let index = draw::scale(word, 0..names.len() as u64) as usize;
        Some((names.swap_remove(index), word as u32))
    })
}

/// What a waker of a task holds. It could be sent to another thread, as every
/// waker can, but no thread of a world is there to send it to.
#[derive(Debug)]
pub(super) struct Tag {
    name: Name,
    /// It is on the list of those that are ready.
    queued: AtomicBool,
    aborted: AtomicBool,
}

impl Tag {
    pub(super) fn new(name: Name) -> Arc<Tag> {
        Arc::new(Tag {
            name,
            queued: AtomicBool::new(false),
            aborted: AtomicBool::new(false),
        })
    }

    /// The tag of a task that never begins: whoever wakes it wakes nobody.
    fn of_none() -> Arc<Tag> {
        let tag = Tag::new(MAIN);
        tag.queued.store(true, Ordering::Relaxed);
        tag
    }

    /// It has been taken from the list: from now on it can be woken again.
    pub(super) fn taken(&self) {
        self.queued.store(false, Ordering::Relaxed);
    }

    /// Has the executor drop the task.
    pub(super) fn abort(self: &Arc<Tag>) {
        self.aborted.store(true, Ordering::Relaxed);
        self.wake_by_ref();
    }
}

impl Wake for Tag {
    fn wake(self: Arc<Tag>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Tag>) {
        if !self.queued.load(Ordering::Relaxed) {
            self.queued.store(true, Ordering::Relaxed);
            // What a thread drops as it ends may wake a task that is gone.
            let _gone = world::READY.try_with(|ready| ready.borrow_mut().push(self.name));
        }
    }
}

/// What a task does.
pub(super) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A task as it is handed around: it is not in the table while it is polled.
pub(super) struct Task {
    tag: Arc<Tag>,
    pub(super) waker: Waker,
    pub(super) place: Place,
    pub(super) future: Work,
}

/// What is to be done with a task that was ready.
pub(super) enum Next {
    Poll(Task),
    Drop(Task),
    /// It is gone, or has to wait.
    Nothing,
}

/// Every task of a world.
#[derive(Default)]
pub(super) struct Tasks {
    table: Slab<Entry>,
    made: u64,
    /// The nodes that are paused, and which of their tasks were woken.
    paused: BTreeMap<NodeId, Vec<Name>>,
    /// What killed processes have left, to be dropped.
    dead: Vec<Task>,
    /// Before a world begins and after it has ended, no task does.
    open: bool,
}

struct Entry {
    number: u64,
    place: Place,
    /// None while it is polled.
    task: Option<Task>,
}

impl Tasks {
    /// Works on the tasks of this thread's world.
    pub(super) fn with<T>(work: impl FnOnce(&mut Tasks) -> T) -> T {
        world::TASKS.with_borrow_mut(work)
    }

    /// A world begins.
    pub(super) fn open(&mut self) {
        self.open = true;
        world::READY.with_borrow_mut(Vec::clear);
    }

    fn add(&mut self, place: Place, future: Work) -> Arc<Tag> {
        self.made += 1;
        let number = self.made;
        let entry = self.table.vacant_entry();
        let index = entry.key();
        let tag = Tag::new(Name { index, number });
        let task = Task {
            tag: tag.clone(),
            waker: tag.clone().into(),
            place,
            future,
        };
        entry.insert(Entry {
            number,
            place,
            task: Some(task),
        });
        tag.wake_by_ref();
        tag
    }

    fn get(&mut self, name: Name) -> Option<&mut Entry> {
        let entry = self.table.get_mut(name.index)?;
        (entry.number == name.number).then_some(entry)
    }

    /// Takes out a task that was ready.
    pub(super) fn take(&mut self, name: Name) -> Next {
        let Some(entry) = self.get(name) else {
            return Next::Nothing;
        };
        let Some(task) = entry.task.take() else {
            return Next::Nothing;
        };
        if task.tag.aborted.load(Ordering::Relaxed) {
            self.table.remove(name.index);
            return Next::Drop(task);
        }
        if let Some(waiting) = self.paused.get_mut(&task.place.node) {
            waiting.push(name);
            self.table[name.index].task = Some(task);
            return Next::Nothing;
        }
        task.tag.taken();
        Next::Poll(task)
    }

    /// Keeps a task that waits; gives it back if its process was killed
    /// meanwhile.
    pub(super) fn put_back(&mut self, task: Task) -> Option<Task> {
        match self.get(task.tag.name) {
            Some(entry) => {
                entry.task = Some(task);
                None
            }
            None => Some(task),
        }
    }

    /// Forgets a task that is done.
    pub(super) fn forget(&mut self, task: &Task) {
        let name = task.tag.name;
        if self.get(name).is_some() {
            self.table.remove(name.index);
        }
    }

    pub(super) fn kill(&mut self, node: NodeId) {
        self.paused.remove(&node);
        let of_node = |(index, entry): (usize, &Entry)| (entry.place.node == node).then_some(index);
        let killed: Vec<usize> = self.table.iter().filter_map(of_node).collect();
        for index in killed {
            self.dead.extend(self.table.remove(index).task);
        }
    }

    /// What killed processes have left, to be dropped.
    pub(super) fn take_dead(&mut self) -> Vec<Task> {
        std::mem::take(&mut self.dead)
    }

    /// Everything that is left when a world ends.
    pub(super) fn close(&mut self) -> Vec<Task> {
        self.open = false;
        self.paused.clear();
        let left = std::mem::take(&mut self.table);
        let left = left.into_iter().filter_map(|(_, entry)| entry.task);
        self.take_dead().into_iter().chain(left).collect()
    }
}

impl Network {
    /// Runs `future` as a task of the node's current process: its clocks, its
    /// sockets, its randomness.
    #[inline]
    pub fn spawn<F>(&self, node: NodeId, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let incarnation = self.0.state.lock().node(node).incarnation;
        self.spawn_at(Place { node, incarnation }, future)
    }

    /// As [`spawn`](Network::spawn), for this process: nothing of one that was
    /// killed begins any more.
    #[inline]
    pub(super) fn spawn_at<F>(&self, place: Place, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (work, outcome) = join::split(future);
        JoinHandle::new(self.begin(place, work), outcome)
    }

    fn begin(&self, place: Place, work: Work) -> Arc<Tag> {
        let is_current = self.0.state.lock().node(place.node).incarnation == place.incarnation;
        let begun = Tasks::with(|tasks| match is_current && tasks.open {
            true => Ok(tasks.add(place, work)),
            false => Err(work),
        });
        begun.unwrap_or_else(|_work| Tag::of_none())
    }

    /// Stops a node where it stands: it does nothing until it is resumed, and
    /// what arrives waits.
    pub fn pause(&self, node: NodeId) {
        Tasks::with(|tasks| {
            tasks.paused.entry(node).or_default();
        });
    }

    /// Lets a paused node go on.
    pub fn resume(&self, node: NodeId) {
        let waiting = Tasks::with(|tasks| tasks.paused.remove(&node)).unwrap_or_default();
        world::READY.with_borrow_mut(|ready| ready.extend(waiting));
    }
}
