//! The one task that moves the world on: it cuts what was written into
//! segments, delivers what is due, fires timers, and sleeps until the next.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use madsim::time::TimeHandle;
use smallvec::SmallVec;

use super::queue::{Event, Queue};
use super::search::Searcher;
use super::{Network, Options, Shared, State, context};

/// A running network. Stop it before the world ends: a task that waits when
/// its runtime is dropped is leaked.
#[derive(Debug)]
pub struct Running {
    network: Network,
    pump: madsim::task::JoinHandle<()>,
}

impl Running {
    /// The network that runs.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Ends the pump. Nothing arrives and no timer fires after this.
    pub fn stop(&self) {
        self.pump.abort();
        // A pump that sleeps has to be polled once more to be dropped.
        let waker = self.network.0.state.lock().pump.take();
        waker.into_iter().for_each(Waker::wake);
    }
}

impl Network {
    /// Starts a network on the madsim runtime that is running.
    pub fn start(options: Options) -> Running {
        context::POLLS.set(0);
        context::SPAWNS.set(0);
        context::CALLED.set(false);
        let time = TimeHandle::current();
        let network = Network(Arc::new(Shared {
            polls_max: options.polls_max,
            state: parking_lot::Mutex::new(State {
                options,
                nodes: Vec::new(),
                rules: Vec::new(),
                rules_made: 0,
                searcher: Searcher::new(options.search, options.seed),
                observer: None,
                queue: Queue::default(),
                slots: Vec::new(),
                free: Vec::new(),
                connects: Default::default(),
                dirty: SmallVec::new(),
                pump: None,
                pump_at: 0,
                woken: SmallVec::new(),
                drawn: None,
                alarm: Alarm::new(&time),
            }),
            time,
        }));
        let pumped = network.clone();
        let pump = madsim::task::spawn(poll_fn(move |cx| {
            let set = |pump: &mut Option<Waker>| match pump {
                Some(waker) => waker.clone_from(cx.waker()),
                none => *none = Some(cx.waker().clone()),
            };
            set(&mut pumped.0.state.lock().pump);
            pumped.turn();
            Poll::<()>::Pending
        }));
        Running { network, pump }
    }

    /// One turn: everything that is to be done now, and the alarm for what is
    /// next.
    fn turn(&self) {
        loop {
            let now = self.now_ns();
            let mut state = self.0.state.lock();
            if state.pump.is_none() {
                return;
            }
            // Whatever happens meanwhile is seen to here.
            state.pump_at = 0;
            state.settle(now);
            let is_set = state.set_alarm(now, &self.0.time);
            let woken = std::mem::take(&mut state.woken);
            drop(state);
            woken.into_iter().for_each(Waker::wake);
            if is_set {
                return;
            }
        }
    }

    /// What a task did before it yielded leaves at once: the pump need not be
    /// polled for it.
    pub(super) fn after_poll(&self) {
        if context::CALLED.replace(false) {
            self.turn();
        }
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

    /// Sees to it that the pump takes a turn, if something is to be done
    /// before its alarm: after this poll if a task is being polled, else by
    /// waking it.
    pub(super) fn call_pump(&mut self) -> Option<Waker> {
        let due = match self.dirty.is_empty() {
            true => self.queue.next_at().unwrap_or(u64::MAX),
            false => 0,
        };
        if due >= self.pump_at {
            return None;
        }
        self.pump_at = 0;
        if context::POLLING.get() > 0 {
            context::CALLED.set(true);
            return None;
        }
        self.pump.clone()
    }

    /// Has the pump polled when the next entry is due; false if it is already.
    fn set_alarm(&mut self, now: u64, time: &TimeHandle) -> bool {
        let Some(next_at) = self.queue.next_at() else {
            self.pump_at = u64::MAX;
            return true;
        };
        self.pump_at = next_at;
        let Some(waker) = &self.pump else {
            return true;
        };
        self.alarm.set(now, time, next_at, waker)
    }
}

/// One madsim sleep, armed only when an earlier instant is needed: each poll
/// of a pending one leaves another timer in madsim's heap.
pub(super) struct Alarm {
    sleep: Pin<Box<madsim::time::Sleep>>,
    armed_at: Option<u64>,
}

impl Alarm {
    fn new(time: &TimeHandle) -> Alarm {
        Alarm {
            sleep: Box::pin(time.sleep(Duration::ZERO)),
            armed_at: None,
        }
    }

    /// Has the pump woken at `at_ns`; false if that instant is past.
    fn set(&mut self, now: u64, time: &TimeHandle, at_ns: u64, pump: &Waker) -> bool {
        if at_ns <= now {
            return false;
        }
        let armed = self
            .armed_at
            .is_some_and(|armed| armed > now && armed <= at_ns);
        if !armed {
            let wait = Duration::from_nanos(at_ns - now);
            self.sleep.as_mut().reset(time.now_instant() + wait);
            self.armed_at = Some(at_ns);
            let polled = self.sleep.as_mut().poll(&mut Context::from_waker(pump));
            return polled.is_pending();
        }
        true
    }
}
