//! The one task that moves the world on: it cuts what was written into
//! segments, delivers what is due, fires timers, and sleeps until the next.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

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
        let network = Network(Arc::new(Shared {
            time: madsim::time::TimeHandle::current(),
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
                dirty: Vec::new(),
                pump: None,
                pump_at: 0,
                woken: Vec::new(),
                sabotaged: false,
            }),
        }));
        let mut alarm = Alarm::new(network.0.time.clone());
        let pumped = network.clone();
        let pump = madsim::task::spawn(poll_fn(move |cx| {
            pumped.pump(&mut alarm, cx);
            Poll::<()>::Pending
        }));
        Running { network, pump }
    }

    fn pump(&self, alarm: &mut Alarm, cx: &mut Context<'_>) {
        loop {
            let next_at = self.with(|state, now| {
                // Whatever happens meanwhile, the pump is already here.
                state.pump_at = 0;
                state.settle(now);
                match &mut state.pump {
                    Some(waker) => waker.clone_from(cx.waker()),
                    none => *none = Some(cx.waker().clone()),
                }
                let next_at = state.queue.next_at();
                state.pump_at = next_at.unwrap_or(u64::MAX);
                next_at
            });
            match next_at {
                Some(at) if alarm.set(at, cx) => {}
                Some(_) => continue,
                None => {}
            }
            return;
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

    /// The pump's waker, if something is to be done before it wakes by itself
    /// and it has not been called yet.
    pub(super) fn call_pump(&mut self) -> Option<Waker> {
        let due = match self.dirty.is_empty() {
            true => self.queue.next_at().unwrap_or(u64::MAX),
            false => 0,
        };
        if due >= self.pump_at {
            return None;
        }
        self.pump_at = 0;
        self.pump.clone()
    }
}

/// One madsim sleep, armed only when an earlier instant is needed: each poll
/// of a pending one would leave another timer in madsim's heap.
struct Alarm {
    time: madsim::time::TimeHandle,
    sleep: Pin<Box<madsim::time::Sleep>>,
    armed_at: Option<u64>,
}

impl Alarm {
    fn new(time: madsim::time::TimeHandle) -> Alarm {
        let sleep = Box::pin(time.sleep(Duration::ZERO));
        Alarm {
            time,
            sleep,
            armed_at: None,
        }
    }

    /// Has the pump polled at `at_ns`; false if that instant is past.
    fn set(&mut self, at_ns: u64, cx: &mut Context<'_>) -> bool {
        let elapsed = self.time.elapsed();
        let at = Duration::from_nanos(at_ns);
        let Some(wait) = at.checked_sub(elapsed).filter(|wait| !wait.is_zero()) else {
            return false;
        };
        let armed = self
            .armed_at
            .is_some_and(|armed| Duration::from_nanos(armed) > elapsed && armed <= at_ns);
        if !armed {
            self.sleep.as_mut().reset(self.time.now_instant() + wait);
            self.armed_at = Some(at_ns);
            return self.sleep.as_mut().poll(cx).is_pending();
        }
        true
    }
}
