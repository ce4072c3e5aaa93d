//! Time as a node has it: its clocks, its sleeps, and what its work takes.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::clock::Clock;
use super::queue::{Event, Ticket};
use super::{Here, Network, NodeId, State};

impl Network {
    /// Moves a node's wall clock, forward or back. Who watches it is told.
    pub fn jump_wall_clock(&self, node: NodeId, by_ns: i64) {
        self.with(|state, _| {
            let watchers = state.clock(node).jump(by_ns);
            state.woken.extend(watchers);
        });
    }

    /// Has a node's clocks run fast (more than 0) or slow, in parts per
    /// million within [`DRIFT_PPM`](super::DRIFT_PPM). Its sleeps that have
    /// begun end sooner or later accordingly.
    pub fn set_drift(&self, node: NodeId, drift_ppm: i64) {
        self.with(|state, now| {
            if !state.clock(node).set_drift(now, drift_ppm) {
                return;
            }
            let sleepers = state.queue.take_sleepers(node);
            state.woken.extend(sleepers);
        });
    }

    /// Has whatever a node does take so many times as long; 1 is as usual.
    /// Work that has begun keeps its pace.
    pub fn set_slowness(&self, node: NodeId, times: u32) {
        self.0.state.lock().nodes[usize::from(node.0)].slowness = times.max(1);
    }
}

impl State {
    fn clock(&mut self, node: NodeId) -> &mut Clock {
        &mut self.nodes[usize::from(node.0)].clock
    }
}

impl Here {
    /// The monotonic clock where the running code is, in a simulation.
    pub(crate) fn monotonic() -> Option<Duration> {
        Here::look(|state, place, now| {
            let clock = &state.node(place.node).clock;
            Duration::from_nanos(clock.monotonic_ns(now))
        })
    }

    /// The wall clock where the running code is, in a simulation.
    pub(crate) fn unix_time() -> Option<Duration> {
        Here::look(|state, place, now| {
            let clock = &state.node(place.node).clock;
            clock.unix_time(now, state.options.epoch)
        })
    }

    pub(crate) fn sleep(&self, duration: Duration) -> Sleep {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let now = self.network.now_ns();
        let state = self.network.0.state.lock();
        let clock = &state.node(self.place.node).clock;
        Sleep {
            here: self.clone(),
            deadline_ns: clock.monotonic_ns(now).saturating_add(nanos),
            ticket: None,
        }
    }

    /// What so much work takes at the node's pace.
    pub(crate) fn slowed(&self, cost: Duration) -> Duration {
        let state = self.network.0.state.lock();
        cost.saturating_mul(state.node(self.place.node).slowness)
    }

    pub(crate) fn wall_clock_jumps(&self) -> WallClockJumps {
        let state = self.network.0.state.lock();
        WallClockJumps {
            here: self.clone(),
            seen: state.node(self.place.node).clock.jumps(),
        }
    }
}

/// Waits in the network's queue for a reading of its node's monotonic clock,
/// and leaves it when dropped.
pub(crate) struct Sleep {
    here: Here,
    deadline_ns: u64,
    ticket: Option<Ticket>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Sleep {
            here: Here { network, place },
            deadline_ns,
            ticket,
        } = &mut *self;
        let now = network.now_ns();
        let mut state = network.0.state.lock();
        let due_ns = state.node(place.node).clock.due_ns(*deadline_ns);
        if now >= due_ns {
            return Poll::Ready(());
        }
        let waiting = ticket.is_some_and(|ticket| state.queue.refresh(ticket, cx.waker()));
        if !waiting {
            let (node, waker) = (place.node, cx.waker().clone());
            *ticket = Some(state.queue.push(due_ns, Event::Wake { node, waker }));
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.here.network.0.state.lock().queue.cancel(ticket);
        }
    }
}

/// The jumps of a node's wall clock, none of them missed.
#[derive(Debug)]
pub struct WallClockJumps {
    here: Here,
    seen: u64,
}

impl WallClockJumps {
    /// Waits until the wall clock has jumped since this was last asked.
    pub(crate) async fn next(&mut self) {
        poll_fn(|cx| {
            let Here { network, place } = &self.here;
            let mut state = network.0.state.lock();
            let clock = state.clock(place.node);
            if clock.jumps() == self.seen {
                clock.watch(cx.waker());
                return Poll::Pending;
            }
            self.seen = clock.jumps();
            Poll::Ready(())
        })
        .await;
    }
}
