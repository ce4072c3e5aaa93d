//! The simulated network: hosts, links, TCP as its users see it.
//!
//! madsim stands beneath it, for what libraries ask of the machine; tasks,
//! time and sockets are ours. One queue holds every arrival and every timer;
//! one loop, [`simulate`], drains it and polls whoever is ready. A segment is
//! cut when the task that wrote it has yielded, so a driver's many small
//! writes cross as one, as a kernel would send them.
//!
//! What holds here:
//! - every segment takes the latency of its [link](Link), drawn by (seed,
//!   connection, side, number, attempt, concern), and a connection delivers in
//!   order;
//! - a lost segment is sent again, 200 ms later, then after twice as long,
//!   fifteen times; a SYN after 1 s, six times; then the end sees a time-out;
//! - a segment that arrived is acknowledged. If the way back is cut, it is
//!   sent again, its receiver hides the copy, and nothing new is sent; so what
//!   is cut off one way comes to a stop the other way too;
//! - `accept` has a connection when the client's answer to SYN-ACK arrives;
//! - FIN waits for what was written before it and travels the link; RST
//!   travels it once and may be lost;
//! - a process that dies sends RST; a host that dies says nothing, and answers
//!   RST to what reaches it once it is back;
//! - buffers are bounded: who does not read stops who writes.

mod bug;
mod clock;
mod connection;
mod drawn;
mod executor;
mod join;
mod keepalive;
mod life;
mod link;
mod queue;
mod receiving;
mod recovery;
mod search;
mod segment;
mod sending;
mod slot;
mod socket;
mod task;
mod time;

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;
use std::time::Duration;

use indexmap::IndexMap;
use parking_lot::Mutex;

use crate::draw::Draw;
pub use bug::Bug;
use clock::Clock;
pub use clock::DRIFT_PPM;
use connection::Connection;
pub use drawn::Drawn;
pub use executor::{Stuck, simulate};
pub use join::{Cancelled, JoinHandle};
pub use keepalive::Keepalive;
use link::Wire;
pub use link::{Bandwidth, DelayGuard, Latency, Link, PerMillion};
use queue::Queue;
use search::Searcher;
pub use search::{Policy, Search};
pub use segment::{Action, ClientTap, Delivery, Kind, Label, Rule, Segment};
use slot::{Side, SlotId};
pub use socket::{Labeller, Listener, Socket};
pub use time::WallClockJumps;

/// A node by its index, in the order in which nodes were added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) u16);

/// A process on a node: what was started after a kill is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    node: NodeId,
    incarnation: u32,
}

impl Place {
    /// Where the future runs with which a world ends: the first node.
    const SUPERVISOR: Place = Place {
        node: NodeId(0),
        incarnation: 0,
    };
}

/// How a node goes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// The process dies; its host sends RST for every connection.
    Process,
    /// The host loses power: silence, until it is back.
    Host,
}

/// What is fixed about a network before it starts.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Keys every draw.
    pub seed: u64,
    /// Every link that [`Network::set_link`] does not name.
    pub link: Link,
    /// Bytes that a socket takes from its task before `write` has to wait.
    pub send_buffer: usize,
    /// Bytes that may be on their way to a socket or wait there to be read,
    /// before its peer stops sending.
    pub receive_buffer: usize,
    /// How many reads and writes get less than they could: a part drawn anew
    /// each time, but one byte at least.
    pub partial: PerMillion,
    /// In which order messages arrive.
    pub search: Search,
    /// Wall-clock time at the start, since the Unix epoch.
    pub epoch: Duration,
    /// Task polls after which the world is taken to be stuck: [`Stuck`].
    pub polls_max: u64,
    /// A bug on purpose.
    pub planted: Option<Bug>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            seed: 0,
            link: Link::default(),
            send_buffer: 256 * 1024,
            receive_buffer: 256 * 1024,
            partial: PerMillion(0),
            search: Search::default(),
            epoch: Duration::from_secs(1_767_225_600),
            polls_max: u64::MAX,
            planted: None,
        }
    }
}

/// Sees every segment that reaches its receiver.
pub trait Observer: Send {
    /// A segment arrived.
    fn delivered(&mut self, delivery: &Delivery<'_>);
}

/// A handle to the network of one world.
#[derive(Clone)]
pub struct Network(Arc<Shared>);

struct Shared {
    /// Virtual nanoseconds since the world began.
    now: AtomicU64,
    state: Mutex<State>,
}

struct State {
    options: Options,
    nodes: Vec<Node>,
    rules: Vec<(u64, Box<dyn Rule>)>,
    rules_made: u64,
    searcher: Searcher,
    observer: Option<Box<dyn Observer>>,
    queue: Queue,
    slots: Vec<(u32, Option<Connection>)>,
    free: Vec<usize>,
    /// How often each identity has connected to each address.
    connects: IndexMap<u64, u64, rustc_hash::FxBuildHasher>,
    dirty: VecDeque<(SlotId, Side)>,
    /// Woken once the lock is free.
    woken: Vec<Waker>,
    /// What was drawn for each segment, if it is kept.
    drawn: Option<Vec<Drawn>>,
}

struct Node {
    name: Arc<str>,
    incarnation: u32,
    host_up: bool,
    clock: Clock,
    /// What it does takes so many times as long as usual.
    slowness: u32,
    draw: Draw,
    listeners: BTreeMap<u16, socket::Backlog>,
    /// The links from here to every node, as far as they were used.
    wires: Vec<Wire>,
}

/// Takes a rule out when dropped.
#[must_use = "the rule is gone when its guard is dropped"]
pub struct RuleGuard {
    network: Network,
    id: u64,
}

impl Drop for RuleGuard {
    fn drop(&mut self) {
        let mut state = self.network.0.state.lock();
        state.rules.retain(|(id, _)| *id != self.id);
    }
}

impl Network {
    fn new(options: Options) -> Network {
        let state = State {
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
            dirty: VecDeque::new(),
            woken: Vec::new(),
            drawn: None,
        };
        let network = Network(Arc::new(Shared {
            now: AtomicU64::new(0),
            state: Mutex::new(state),
        }));
        network.add_node("supervisor");
        network
    }

    /// A node that is up, with nothing running on it.
    pub fn add_node(&self, name: &str) -> NodeId {
        let mut state = self.0.state.lock();
        let id = NodeId(u16::try_from(state.nodes.len()).expect("fewer than 65,536 nodes"));
        let node = Node {
            name: name.into(),
            incarnation: 0,
            host_up: true,
            clock: Clock::default(),
            slowness: 1,
            draw: Draw::new(state.options.seed, &format!("node/{name}/0")),
            listeners: BTreeMap::new(),
            wires: Vec::new(),
        };
        state.nodes.push(node);
        id
    }

    /// Puts a rule in front of every link.
    pub fn add_rule(&self, rule: impl Rule + 'static) -> RuleGuard {
        let mut state = self.0.state.lock();
        let id = state.rules_made;
        state.rules_made += 1;
        state.rules.push((id, Box::new(rule)));
        RuleGuard {
            network: self.clone(),
            id,
        }
    }

    /// Lets `observer` see every delivery, instead of whoever did.
    pub fn observe(&self, observer: impl Observer + 'static) {
        self.0.state.lock().observer = Some(Box::new(observer));
    }

    /// Lets a node's host answer again, with a new process on it.
    pub fn boot(&self, node: NodeId) {
        let mut state = self.0.state.lock();
        let seed = state.options.seed;
        let node = &mut state.nodes[usize::from(node.0)];
        node.host_up = true;
        let key = format!("node/{}/{}", node.name, node.incarnation);
        node.draw = Draw::new(seed, &key);
    }

    /// Virtual time since the world began, in nanoseconds.
    pub fn now_ns(&self) -> u64 {
        self.0.now.load(Ordering::Relaxed)
    }

    /// Locks, works, unlocks, and only then wakes whom the work concerns.
    fn with<T>(&self, work: impl FnOnce(&mut State, u64) -> T) -> T {
        let now = self.now_ns();
        let mut state = self.0.state.lock();
        let output = work(&mut state, now);
        let woken = std::mem::take(&mut state.woken);
        drop(state);
        woken.into_iter().for_each(Waker::wake);
        output
    }
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Network")
    }
}

/// Which process of which network the running code belongs to.
#[derive(Debug, Clone)]
pub struct Here {
    network: Network,
    place: Place,
}

impl Here {
    /// The name of the node, and virtual time in nanoseconds: for logs.
    pub fn stamp(&self) -> (Arc<str>, u64) {
        let name = self.network.0.state.try_lock().map_or_else(
            || "-".into(),
            |state| state.node(self.place.node).name.clone(),
        );
        (name, self.network.now_ns())
    }

    #[inline]
    pub(crate) fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.network.spawn_at(self.place, future)
    }

    /// A random number of the node where the running code is, in a simulation.
    pub(crate) fn random_u64() -> Option<u64> {
        Here::look(|state, place, _| state.nodes[usize::from(place.node.0)].draw.u64())
    }

    pub(crate) fn listen(&self, port: u16) -> io::Result<Listener> {
        socket::listen(&self.network, self.place, port)
    }

    pub(crate) async fn connect(
        &self,
        address: &str,
        identity: Option<&str>,
    ) -> io::Result<Socket> {
        socket::connect(&self.network, self.place, address, identity).await
    }
}

/// The port of `host:port`.
pub(crate) fn port_of(address: &str) -> io::Result<u16> {
    split(address).map(|(_, port)| port)
}

fn split(address: &str) -> io::Result<(&str, u16)> {
    address
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host, port.parse().ok()?)))
        .ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("'{address}' is no host:port"),
            )
        })
}
