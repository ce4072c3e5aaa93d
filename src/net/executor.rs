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
use super::task::{self, MAIN, Next, Tag, Task, Tasks};
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

    /// Looks at the network where the running code is, at this virtual time;
    /// None outside a simulation. What is asked for again and again is looked
    /// up like this: [`Here::get`] would count its holders up and down.
    pub(super) fn look<T>(look: impl FnOnce(&mut State, Place, u64) -> T) -> Option<T> {
        context::NETWORK.with_borrow(|network| {
            let network = network.as_ref()?;
            let mut state = network.0.state.lock();
            Some(look(&mut state, context::PLACE.get(), network.now_ns()))
        })
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
        Tasks::with(Tasks::open);
        Ends
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        let left = Tasks::with(Tasks::close);
        left.into_iter().for_each(Task::end);
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
        let mut beneath = Beneath::begin();
        let tag = Tag::new(MAIN);
        let waker = Waker::from(tag.clone());
        waker.wake_by_ref();
        let mut polls = 0;
        let mut woken = Vec::new();
        loop {
            self.settle(&mut woken);
            woken.drain(..).for_each(Waker::wake);
            let Some((name, word)) = task::pick(&mut draw) else {
                continue;
            };
            polls += 1;
            if polls > polls_max {
                std::panic::resume_unwind(Box::new(Stuck));
            }
            beneath.follow(self.now_ns());
            if name == MAIN {
                tag.taken();
                context::PLACE.set(Place::SUPERVISOR);
                if let Poll::Ready(output) = main.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return output;
                }
            } else {
                match Tasks::with(|tasks| tasks.take(name)) {
                    Next::Poll(task) => poll(task),
                    Next::Drop(task) => task.end(),
                    Next::Nothing => {}
                }
            }
            let dead = Tasks::with(Tasks::take_dead);
            dead.into_iter().for_each(Task::end);
            self.set_now(self.now_ns() + scale(u64::from(word) << 32, POLL_NS));
        }
    }

    fn set_now(&self, ns: u64) {
        self.0.now.store(ns, Ordering::Relaxed);
    }

    /// Does everything that is to be done now, for which `woken` are to be
    /// woken; if nobody is ready, goes on to the next instant at which somebody
    /// is. Rules and observers wake tasks on their own.
    fn settle(&self, woken: &mut Vec<Waker>) {
        let mut state = self.0.state.lock();
        state.settle(self.now_ns());
        while state.woken.is_empty() && task::is_idle() {
            let next_at = state.queue.next_at();
            self.set_now(
                next_at.expect("the world stands still: no task is ready and no timer is set"),
            );
            state.settle(self.now_ns());
        }
        std::mem::swap(&mut state.woken, woken);
    }
}

fn poll(mut task: Task) {
    context::PLACE.set(task.place);
    let mut context = Context::from_waker(&task.waker);
    let polled = task.future.as_mut().poll(&mut context);
    let over = Tasks::with(|tasks| match polled {
        Poll::Pending => tasks.put_back(task),
        Poll::Ready(()) => {
            tasks.forget(&task);
            Some(task)
        }
    });
    over.into_iter().for_each(Task::end);
}

/// madsim's clock, which follows ours: whoever reads it reads it in a task.
struct Beneath {
    time: TimeHandle,
    /// What it reads.
    now: u64,
}

impl Beneath {
    fn begin() -> Beneath {
        Beneath {
            time: TimeHandle::current(),
            now: 0,
        }
    }

    fn follow(&mut self, now: u64) {
        self.time.advance(Duration::from_nanos(now - self.now));
        self.now = now;
    }
}

impl State {
    /// Cuts segments and handles entries until nothing is left to do now.
    fn settle(&mut self, now: u64) {
        loop {
            while let Some((slot, side)) = self.dirty.pop_front() {
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
