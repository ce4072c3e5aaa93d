//! The one loop that moves a world on: it cuts what was written into
//! segments, delivers what is due, polls whoever is ready, and when nobody is,
//! goes on to the next instant at which something is due.
//!
//! Every poll takes a little time, so a task that is always ready does not
//! stop the world's clocks. madsim stands beneath: what a library reads from
//! the machine's clocks or draws from its randomness is the simulation's.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::ops::Range;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use madsim::runtime::Runtime;
use madsim::time::TimeHandle;

use super::queue::Event;
use super::task::{MAIN, Next, Tag, Task};
use super::{Here, Network, Options, Place, State};
use crate::draw::{Draw, scale};

/// How long a poll takes, in nanoseconds.
const POLL_NS: Range<u64> = 50..100;

/// The payload with which a world is unwound that used up its polls: some
/// task is always ready, and time does not get anywhere.
#[derive(Debug, Clone, Copy)]
pub struct Stuck;

/// Which network this thread simulates, and on which node the task runs that
/// is being polled.
mod context {
    use super::{Cell, Network, Place, RefCell};
    thread_local! {
        pub(super) static NETWORK: RefCell<Option<Network>> = const { RefCell::new(None) };
        pub(super) static PLACE: Cell<Place> = const { Cell::new(Place::SUPERVISOR) };
    }
}

impl Here {
    /// Where the running code is, or None outside a simulation.
    pub fn get() -> Option<Here> {
        let network = context::NETWORK.with_borrow(Option::clone)?;
        let place = context::PLACE.get();
        Some(Here { network, place })
    }
}

/// Runs a world on this thread, until the future ends that `world` makes: it
/// runs on a node of its own, the supervisor. Whatever else runs by then is
/// dropped.
///
/// The thread should be fresh: what a library keeps per thread is part of the
/// run.
///
/// # Panics
///
/// As the world does; with [`Stuck`] if it used up its polls; and when nobody
/// is ready and nothing is due, for then nothing will ever happen.
pub fn simulate<F: Future>(options: Options, world: impl FnOnce(Network) -> F) -> F::Output {
    let runtime = Runtime::with_seed_and_config(options.seed, Default::default());
    runtime.block_on(async move {
        let network = Network::new(options);
        let _ends = Ends::begin(&network);
        let main = pin!(world(network.clone()));
        network.run(main)
    })
}

/// Drops what is left of a world, however it ended.
struct Ends;

impl Ends {
    fn begin(network: &Network) -> Ends {
        context::PLACE.set(Place::SUPERVISOR);
        context::NETWORK.set(Some(network.clone()));
        Ends
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        if let Some(Here { network, .. }) = Here::get() {
            let left = network.0.tasks.lock().close();
            left.into_iter().for_each(Task::end);
        }
        context::NETWORK.set(None);
    }
}

impl Task {
    /// Drops it where it belongs.
    fn end(self) {
        context::PLACE.set(self.place);
        drop(self);
    }
}

impl Network {
    fn run<F: Future>(&self, mut main: Pin<&mut F>) -> F::Output {
        let Options {
            seed, polls_max, ..
        } = self.0.state.lock().options;
        let mut draw = Draw::new(seed, "executor");
        let ready = self.0.tasks.lock().ready.clone();
        let time = TimeHandle::current();
        let tag = Tag::new(MAIN, &ready);
        let waker = Waker::from(tag.clone());
        waker.wake_by_ref();
        let mut polls = 0;
        loop {
            let next_at = self.settle();
            let Some((name, word)) = ready.pick(&mut draw) else {
                let at =
                    next_at.expect("the world stands still: no task is ready and no timer is set");
                self.pass(&time, at.saturating_sub(self.now_ns()));
                continue;
            };
            polls += 1;
            if polls > polls_max {
                std::panic::resume_unwind(Box::new(Stuck));
            }
            if name == MAIN {
                tag.taken();
                context::PLACE.set(Place::SUPERVISOR);
                if let Poll::Ready(output) = main.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return output;
                }
            } else {
                let next = self.0.tasks.lock().take(name);
                match next {
                    Next::Poll(task) => self.poll(task),
                    Next::Drop(task) => task.end(),
                    Next::Nothing => {}
                }
            }
            self.bury();
            self.pass(&time, scale(u64::from(word) << 32, POLL_NS));
        }
    }

    fn poll(&self, mut task: Task) {
        context::PLACE.set(task.place);
        let polled = task
            .future
            .as_mut()
            .poll(&mut Context::from_waker(&task.waker));
        let over = {
            let mut tasks = self.0.tasks.lock();
            match polled {
                Poll::Pending => tasks.put_back(task),
                Poll::Ready(()) => {
                    tasks.forget(&task);
                    Some(task)
                }
            }
        };
        over.into_iter().for_each(Task::end);
    }

    /// Drops what killed processes have left.
    fn bury(&self) {
        let dead = std::mem::take(&mut self.0.tasks.lock().dead);
        dead.into_iter().for_each(Task::end);
    }

    /// Lets time pass, for whoever reads madsim's clock too.
    fn pass(&self, time: &TimeHandle, ns: u64) {
        self.0.now.fetch_add(ns, Ordering::Relaxed);
        time.advance(Duration::from_nanos(ns));
    }

    /// Does everything that is to be done now; when the next thing is due.
    fn settle(&self) -> Option<u64> {
        let mut state = self.0.state.lock();
        state.settle(self.now_ns());
        let next_at = state.queue.next_at();
        let woken = std::mem::take(&mut state.woken);
        drop(state);
        woken.into_iter().for_each(Waker::wake);
        next_at
    }
}

impl State {
    /// Cuts segments and handles entries until nothing is left to do now.
    fn settle(&mut self, now: u64) {
        loop {
            for (slot, side) in std::mem::take(&mut self.dirty) {
                self.cut(now, slot, side);
            }
            let Some(event) = self.queue.pop_due(now) else {
                return;
            };
            match event {
                Event::Arrive { slot, from, packet } => self.due(now, slot, from, packet),
                Event::Retransmit { slot, from } => self.retransmit(now, slot, from),
                Event::GiveUp { slot } => self.give_up(slot),
                Event::Probe { slot, side } => self.probe(now, slot, side),
                Event::SetLink { from, to, link } => self.wire(from, to).link = link,
                Event::Wake { waker, .. } => self.woken.push(waker),
            }
        }
    }
}
