//! What a task holds: sockets, listeners, and the way to connect.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use xxhash_rust::xxh3::xxh3_64;

use super::connection::{Connection, End, skip};
use super::keepalive::Keepalive;
use super::link::{Concern, Key, part};
use super::segment::{ClientTap, Label};
use super::slot::{Side, SlotId};
use super::{Network, NodeId, Options, Place, State, split};

/// Connections that wait for `accept`.
pub(super) struct Backlog {
    pub(super) incarnation: u32,
    pub(super) waiting: VecDeque<SlotId>,
    pub(super) acceptor: Option<Waker>,
    pub(super) tap: Option<fn() -> Box<dyn ClientTap>>,
}

/// What a listener gets that asks for port 0, and connecting ends, as on Linux.
const EPHEMERAL_PORTS: RangeInclusive<u16> = 32_768..=60_999;

/// A listening socket of a simulated node.
#[derive(Debug)]
pub struct Listener {
    network: Network,
    place: Place,
    port: u16,
}

pub(super) fn listen(network: &Network, place: Place, port: u16) -> io::Result<Listener> {
    let mut state = network.0.state.lock();
    if !state.is_alive(place) {
        return Err(ErrorKind::NetworkDown.into());
    }
    let listeners = &mut state.nodes[usize::from(place.node.0)].listeners;
    let port = match port {
        0 => EPHEMERAL_PORTS
            .clone()
            .find(|port| !listeners.contains_key(port)),
        port => Some(port).filter(|port| !listeners.contains_key(port)),
    };
    let port = port.ok_or(ErrorKind::AddrInUse)?;
    let backlog = Backlog {
        incarnation: place.incarnation,
        waiting: VecDeque::new(),
        acceptor: None,
        tap: None,
    };
    listeners.insert(port, backlog);
    Ok(Listener {
        network: network.clone(),
        place,
        port,
    })
}

impl Listener {
    /// The next connection.
    pub async fn accept(&self) -> io::Result<Socket> {
        let slot = poll_fn(|cx| self.poll_accept(cx)).await?;
        Ok(Socket {
            network: self.network.clone(),
            slot,
            side: Side::Server,
        })
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<SlotId>> {
        let mut state = self.network.0.state.lock();
        let Some(backlog) = self.backlog(&mut state) else {
            return Poll::Ready(Err(ErrorKind::NetworkDown.into()));
        };
        match backlog.waiting.pop_front() {
            Some(slot) => Poll::Ready(Ok(slot)),
            None => {
                backlog.acceptor = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Has what clients write pass a tap first.
    pub fn tap_clients(&self, tap: fn() -> Box<dyn ClientTap>) {
        if let Some(backlog) = self.backlog(&mut self.network.0.state.lock()) {
            backlog.tap = Some(tap);
        }
    }

    /// `node:port`.
    pub fn address(&self) -> String {
        let state = self.network.0.state.lock();
        format!("{}:{}", state.node(self.place.node).name, self.port)
    }

    fn backlog<'a>(&self, state: &'a mut State) -> Option<&'a mut Backlog> {
        state.nodes[usize::from(self.place.node.0)]
            .listeners
            .get_mut(&self.port)
            .filter(|backlog| backlog.incarnation == self.place.incarnation)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.network.with(|state, now| {
            let Some(backlog) = self.backlog(state) else {
                return;
            };
            let waiting = std::mem::take(&mut backlog.waiting);
            state.nodes[usize::from(self.place.node.0)]
                .listeners
                .remove(&self.port);
            for slot in waiting {
                state.refuse(now, slot);
            }
        });
    }
}

/// Connects to `host:port`, as `identity` or as the node itself.
pub(super) async fn connect(
    network: &Network,
    place: Place,
    address: &str,
    identity: Option<&str>,
) -> io::Result<Socket> {
    let (host, port) = split(address)?;
    let slot = network.with(|state, now| {
        let target = state.resolve(host)?;
        let key = state.connection_key(place, identity, address);
        let slot = state.insert(Connection {
            key,
            port,
            established: false,
            queued: false,
            give_up: None,
            ends: [
                End::new(place.node, place.incarnation, true),
                End::new(target, 0, false),
            ],
            pending: 0,
            tap: None,
        });
        state.start_connecting(now, slot);
        Ok::<_, io::Error>(slot)
    })?;
    let socket = Socket {
        network: network.clone(),
        slot,
        side: Side::Client,
    };
    poll_fn(|cx| socket.poll_established(cx)).await?;
    Ok(socket)
}

impl State {
    fn resolve(&self, host: &str) -> io::Result<NodeId> {
        (0..)
            .zip(&self.nodes)
            .find(|(_, node)| &*node.name == host)
            .map(|(index, _)| NodeId(index))
            .ok_or_else(|| io::Error::new(ErrorKind::NotFound, format!("no host '{host}'")))
    }

    /// The same connection has the same key in every run that makes it.
    fn connection_key(&mut self, place: Place, identity: Option<&str>, address: &str) -> u64 {
        let name = &self.node(place.node).name;
        let from = identity.unwrap_or(name);
        let pair = xxh3_64(format!("{from}>{address}").as_bytes());
        let count = self.connects.entry(pair).or_default();
        *count += 1;
        crate::draw::hash(pair, [*count, 0, 0, 0])
    }
}

/// One end of a simulated connection.
#[derive(Debug)]
pub struct Socket {
    network: Network,
    slot: SlotId,
    side: Side,
}

impl Socket {
    /// The connection's stable name, hashed, as rules see it; None once it is
    /// gone.
    pub fn connection(&self) -> Option<u64> {
        let mut state = self.network.0.state.lock();
        state.connection(self.slot).map(|connection| connection.key)
    }

    /// The addresses of this end and the other: a node's name and a port.
    /// Empty if the connection is gone.
    pub fn addresses(&self) -> (String, String) {
        let state = self.network.0.state.lock();
        let Some(Some(connection)) = state.slots.get(self.slot.index).map(|(_, c)| c) else {
            return Default::default();
        };
        let (first, last) = EPHEMERAL_PORTS.into_inner();
        let [first, last] = [first, last].map(u64::from);
        let ephemeral = first + connection.key % (last - first);
        let ports = [ephemeral, u64::from(connection.port)];
        let address = |side: Side| {
            let node = connection.ends[side as usize].place.node;
            format!("{}:{}", state.node(node).name, ports[side as usize])
        };
        (address(self.side), address(self.side.peer()))
    }

    /// A handle that labels what this end writes.
    pub fn labeller(&self) -> Labeller {
        Labeller {
            network: self.network.clone(),
            slot: self.slot,
            side: self.side,
        }
    }

    /// Sets when this end asks whether its peer is still there; never if
    /// None, as at the start.
    pub fn set_keepalive(&self, keepalive: Option<Keepalive>) {
        let (slot, side) = (self.slot, self.side);
        self.network
            .with(|state, now| state.set_keepalive(now, slot, side, keepalive));
    }

    /// Has closing this end send RST instead of what is left to send:
    /// `SO_LINGER` with zero.
    pub fn set_zero_linger(&self) {
        let mut state = self.network.0.state.lock();
        if let Some(connection) = state.connection(self.slot) {
            connection.end(self.side).no_linger = true;
        }
    }

    fn poll_established(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with_end(|connection, _, _| {
            let established = connection.established;
            let end = connection.end(self.side);
            if let Some(error) = end.error {
                return Poll::Ready(Err(error.into()));
            }
            if established {
                return Poll::Ready(Ok(()));
            }
            end.reader = Some(cx.waker().clone());
            Poll::Pending
        })
    }

    /// Runs `work` on this end, or fails as a socket of a dead process does.
    /// `work` names the end that may have something to send after it.
    fn with_end<T>(
        &self,
        work: impl FnOnce(&mut Connection, &Options, &mut Option<Side>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let mut guard = self.network.0.state.lock();
        let state = &mut *guard;
        let (generation, connection) = &mut state.slots[self.slot.index];
        let mut sends = None;
        let output = match connection {
            Some(connection)
                if *generation == self.slot.generation
                    && connection.ends[self.side as usize].open =>
            {
                work(connection, &state.options, &mut sends)
            }
            _ => Poll::Ready(Err(ErrorKind::NotConnected.into())),
        };
        if let Some(side) = sends {
            state.mark_dirty(self.slot, side);
        }
        output
    }
}

impl Connection {
    /// How many bytes a read of `side` gets of the `room` it has.
    fn read_most(&mut self, side: Side, room: usize, options: &Options) -> usize {
        let key = self.key;
        let end = self.end(side);
        let most = end.inbox.len().min(room);
        end.reads += 1;
        let number = end.reads;
        let key = Key::of(options.seed, key, side, number);
        part(options.partial, most, || key.word(Concern::Read))
    }

    /// Takes what fits of `bytes` and says how much that was. What passes a
    /// tap is taken whole: its length is the driver's, and may differ where
    /// the length of what leaves the tap does not.
    fn write(&mut self, side: Side, bytes: &[u8], options: &Options) -> usize {
        let Connection { key, ends, tap, .. } = self;
        let end = &mut ends[side as usize];
        if let (Side::Client, Some(tap)) = (side, tap) {
            let begin = end.outbox.len();
            tap.pass(bytes, &mut end.outbox, &mut end.tapped);
            let tapped = end.tapped.drain(..);
            end.labels.extend(tapped.map(|label| (begin, label)));
            return bytes.len();
        }
        end.writes += 1;
        let room = bytes.len().min(options.send_buffer - end.outbox.len());
        let key = Key::of(options.seed, *key, side, end.writes);
        let taken = part(options.partial, room, || key.word(Concern::Write));
        end.outbox.extend_from_slice(&bytes[..taken]);
        taken
    }
}

impl End {
    /// Moves `length` bytes of what arrived into `buffer`.
    fn read(&mut self, buffer: &mut ReadBuf<'_>, length: usize) {
        buffer.put_slice(&self.inbox[..length]);
        skip(&mut self.inbox, length);
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let side = self.side;
        self.with_end(|connection, options, sends| {
            let was_open = connection.window_open(side.peer(), options.receive_buffer);
            let room = buffer.remaining();
            let most = connection.read_most(side, room, options);
            let end = connection.end(side);
            end.read(buffer, most);
            let got = most > 0;
            let outcome = if got || end.finished || room == 0 {
                Poll::Ready(Ok(()))
            } else if let Some(error) = end.take_error() {
                Poll::Ready(Err(error.into()))
            } else if end.error.is_some() {
                Poll::Ready(Ok(()))
            } else {
                end.reader = Some(cx.waker().clone());
                Poll::Pending
            };
            if !was_open && connection.window_open(side.peer(), options.receive_buffer) {
                *sends = Some(side.peer());
            }
            outcome
        })
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let side = self.side;
        self.with_end(|connection, options, sends| {
            let end = connection.end(side);
            if let Some(error) = end.take_error() {
                return Poll::Ready(Err(error.into()));
            }
            if end.shutdown || end.error.is_some() {
                return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
            }
            if end.outbox.len() >= options.send_buffer {
                end.writer = Some(cx.waker().clone());
                return Poll::Pending;
            }
            *sends = Some(side);
            Poll::Ready(Ok(connection.write(side, bytes, options)))
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with_end(|connection, _, sends| {
            connection.end(self.side).shutdown = true;
            *sends = Some(self.side);
            Poll::Ready(Ok(()))
        })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.network
            .with(|state, now| state.close(now, self.slot, self.side));
    }
}

/// Labels what one end of a connection writes.
#[derive(Clone, Debug)]
pub struct Labeller {
    network: Network,
    slot: SlotId,
    side: Side,
}

impl Labeller {
    /// Adds `label` to the segment that is cut next.
    pub fn label(&self, label: Label) {
        self.label_written(label, 0);
    }

    /// Adds `label` to the segment in which the last `length` bytes begin,
    /// which were written since segments were last cut.
    pub fn label_written(&self, label: Label, length: usize) {
        let mut state = self.network.0.state.lock();
        if let Some(connection) = state.connection(self.slot) {
            let end = connection.end(self.side);
            let begin = end.outbox.len().saturating_sub(length);
            end.labels.push((begin, label));
        }
    }
}
