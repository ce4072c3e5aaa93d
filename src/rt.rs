//! The one door to the outside: tasks, time, randomness and sockets.
//!
//! Code that takes these from here runs unchanged in two worlds. Inside a
//! simulation a task lives on a node, reads that node's clocks, and its
//! sockets cross the simulated network. Outside, everything is tokio and the
//! machine's own. Which world it is follows from where the code runs, not
//! from how it was built.
//!
//! What a service under test must not do is reach past this door: libraries
//! that call `tokio::{spawn, time, net}` themselves panic inside a
//! simulation, because no tokio runtime is there.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::net::{self, Here};

pub use crate::net::{Cancelled, ClientTap, Keepalive, Label};

/// Runs a future as a task of its own, on the caller's node.
///
/// Dropping the handle leaves the task running. A task whose node is killed
/// is dropped where it stands.
#[inline]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    JoinHandle(match Here::get() {
        Some(here) => Handle::Simulated(here.spawn(future)),
        #[expect(clippy::disallowed_methods, reason = "this is the door itself")]
        None => Handle::Real(tokio::spawn(future)),
    })
}

/// A task that was [spawned](spawn).
#[derive(Debug)]
pub struct JoinHandle<T>(Handle<T>);

#[derive(Debug)]
enum Handle<T> {
    Simulated(net::JoinHandle<T>),
    Real(tokio::task::JoinHandle<T>),
}

impl<T> JoinHandle<T> {
    /// Drops the task at its next await.
    pub fn abort(&self) {
        match &self.0 {
            Handle::Simulated(task) => task.abort(),
            Handle::Real(task) => task.abort(),
        }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, Cancelled>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Handle::Simulated(task) => Pin::new(task).poll(cx),
            Handle::Real(task) => Pin::new(task).poll(cx).map(|result| match result {
                Ok(value) => Ok(value),
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_) => Err(Cancelled),
                },
            }),
        }
    }
}

/// A reading of the caller's monotonic clock: it never goes back, and jumps
/// of the wall clock do not touch it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The time from `earlier` to this instant, zero if it is the earlier one.
    pub fn since(self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The time from this instant to now.
    pub fn elapsed(self) -> Duration {
        now().since(self)
    }
}

impl std::ops::Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, duration: Duration) -> Instant {
        Instant(self.0 + duration)
    }
}

/// The caller's monotonic clock.
pub fn now() -> Instant {
    Instant(Here::monotonic().unwrap_or_else(real::monotonic))
}

/// The caller's wall clock, as the time since the Unix epoch. It may jump.
pub fn unix_time() -> Duration {
    Here::unix_time().unwrap_or_else(real::unix_time)
}

/// Tells of jumps of the caller's wall clock. Sleeps run on the monotonic
/// clock: who has a deadline in wall time reads the wall clock again after
/// each.
#[derive(Debug)]
pub struct WallClockJumps(Jumps);

#[derive(Debug)]
enum Jumps {
    Simulated(net::WallClockJumps),
    /// Looked for once a second.
    Real(real::WallClockJumps),
}

impl WallClockJumps {
    /// Begins to watch the clock.
    pub fn watch() -> WallClockJumps {
        WallClockJumps(match Here::get() {
            Some(here) => Jumps::Simulated(here.wall_clock_jumps()),
            None => Jumps::Real(real::WallClockJumps::default()),
        })
    }

    /// Waits for the next jump since the last one that was told, or since the
    /// watch began.
    pub async fn next(&mut self) {
        match &mut self.0 {
            Jumps::Simulated(jumps) => jumps.next().await,
            Jumps::Real(jumps) => jumps.next().await,
        }
    }
}

/// Waits for `duration` on the caller's monotonic clock.
pub async fn sleep(duration: Duration) {
    match Here::get() {
        Some(here) => here.sleep(duration).await,
        #[expect(clippy::disallowed_methods, reason = "this is the door itself")]
        None => tokio::time::sleep(duration).await,
    }
}

/// Spends `cost`, the time that some work takes: longer on a node that is
/// slow. Nothing, not even a turn, if it is zero.
pub async fn work(cost: Duration) {
    if !cost.is_zero() {
        sleep(Here::get().map_or(cost, |here| here.slowed(cost))).await;
    }
}

/// Computes for `cost`: in a simulation that takes time. Outside, the work
/// itself has, and other tasks get their turn.
pub async fn compute(cost: Duration) {
    match Here::get() {
        Some(_) => work(cost).await,
        None => tokio::task::yield_now().await,
    }
}

/// Waits until the caller's monotonic clock reads `deadline`.
pub async fn sleep_until(deadline: Instant) {
    sleep(deadline.since(now())).await;
}

/// The deadline passed before the answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("deadline passed")]
pub struct Elapsed;

/// Gives `future` at most `duration` on the caller's monotonic clock, then
/// drops it.
pub async fn timeout<F: Future>(duration: Duration, future: F) -> Result<F::Output, Elapsed> {
    let future = std::pin::pin!(future);
    let limit = std::pin::pin!(sleep(duration));
    match select(future, limit).await {
        Either::Left((output, _)) => Ok(output),
        Either::Right(((), _)) => Err(Elapsed),
    }
}

/// A random number: from the node's own stream inside a simulation, from the
/// machine outside.
pub fn random_u64() -> u64 {
    Here::random_u64().unwrap_or_else(real::random_u64)
}

/// Opens a connection to `address`, written `host:port`. Inside a simulation
/// the host is a node's name.
pub async fn connect(address: &str) -> io::Result<Stream> {
    match Here::get() {
        Some(here) => here.connect(address, None).await.map(Stream::Simulated),
        None => real::connect(address).await,
    }
}

/// As [`connect`], for a node that stands for many clients: `identity` names
/// the one that connects, so that what the network does to it does not depend
/// on the others.
pub async fn connect_as(identity: &str, address: &str) -> io::Result<Stream> {
    match Here::get() {
        Some(here) => here
            .connect(address, Some(identity))
            .await
            .map(Stream::Simulated),
        None => real::connect(address).await,
    }
}

/// A socket that waits for connections.
#[derive(Debug)]
pub enum Listener {
    /// On a simulated node.
    Simulated(net::Listener),
    /// On this machine.
    Real(tokio::net::TcpListener),
}

impl Listener {
    /// Listens on `address`, written `host:port`. Inside a simulation only
    /// the port counts: a node listens on itself.
    pub async fn bind(address: &str) -> io::Result<Listener> {
        match Here::get() {
            Some(here) => here.listen(net::port_of(address)?).map(Listener::Simulated),
            None => Ok(Listener::Real(
                tokio::net::TcpListener::bind(address).await?,
            )),
        }
    }

    /// Has every byte that clients write to this listener's connections pass
    /// a [`ClientTap`] before the simulated network measures it. Real sockets
    /// are left alone.
    pub fn tap_clients(&self, tap: fn() -> Box<dyn ClientTap>) {
        if let Listener::Simulated(listener) = self {
            listener.tap_clients(tap);
        }
    }

    /// The next connection.
    pub async fn accept(&self) -> io::Result<Stream> {
        match self {
            Listener::Simulated(listener) => listener.accept().await.map(Stream::Simulated),
            Listener::Real(listener) => {
                loop {
                    match listener.accept().await {
                        Ok((stream, _)) => return Ok(real::accepted(stream)),
                        // The client's own failure, or too many open files:
                        // neither is the end of the listener.
                        Err(error) if real::is_about_one_connection(&error) => {}
                        Err(_) => sleep(real::ACCEPT_PAUSE).await,
                    }
                }
            }
        }
    }

    /// The address that clients connect to: useful after binding port 0.
    pub fn local_addr(&self) -> io::Result<String> {
        match self {
            Listener::Simulated(listener) => Ok(listener.address()),
            Listener::Real(listener) => Ok(listener.local_addr()?.to_string()),
        }
    }
}

/// One end of a connection.
#[derive(Debug)]
pub enum Stream {
    /// Across the simulated network.
    Simulated(net::Socket),
    /// A socket of this machine.
    Real(tokio::net::TcpStream),
}

impl Stream {
    /// Has the socket ask, when it has heard nothing for a while, whether its
    /// peer is still there, and time out when it is not; never if None, as at
    /// the start.
    pub fn set_keepalive(&self, keepalive: Option<Keepalive>) -> io::Result<()> {
        match self {
            Stream::Simulated(socket) => socket.set_keepalive(keepalive),
            Stream::Real(socket) => real::set_keepalive(socket, keepalive)?,
        }
        Ok(())
    }

    /// Has closing the socket send RST instead of what is left to send.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        match self {
            Stream::Simulated(socket) => socket.set_zero_linger(),
            Stream::Real(socket) => socket.set_zero_linger()?,
        }
        Ok(())
    }

    /// What the simulated network calls the connection; None for a real one.
    pub fn connection(&self) -> Option<u64> {
        match self {
            Stream::Simulated(socket) => socket.connection(),
            Stream::Real(_) => None,
        }
    }

    /// The other end's address: inside a simulation its node's name, with a
    /// number of the connection for a port.
    pub fn peer_address(&self) -> String {
        match self {
            Stream::Simulated(socket) => socket.addresses().1,
            Stream::Real(socket) => socket
                .peer_addr()
                .map_or_else(|_| String::new(), |address| address.to_string()),
        }
    }

    /// This end's address, in the same form.
    pub fn local_address(&self) -> String {
        match self {
            Stream::Simulated(socket) => socket.addresses().0,
            Stream::Real(socket) => socket
                .local_addr()
                .map_or_else(|_| String::new(), |address| address.to_string()),
        }
    }

    /// A handle that labels what is written to this stream, to keep when a
    /// codec takes the stream itself.
    pub fn labeller(&self) -> Labeller {
        Labeller(match self {
            Stream::Simulated(socket) => Some(socket.labeller()),
            Stream::Real(_) => None,
        })
    }
}

/// Says what the bytes that are about to be written mean, so that a fault can
/// be aimed at "the answer to COMMIT". Real sockets carry no labels.
#[derive(Clone, Debug)]
pub struct Labeller(Option<net::Labeller>);

impl Labeller {
    /// Labels whatever is written until the task next yields.
    pub fn label(&self, label: Label) {
        if let Some(labeller) = &self.0 {
            labeller.label(label);
        }
    }

    /// Labels what begins `length` bytes before the end of what the task has
    /// written since it last yielded.
    pub fn label_written(&self, label: Label, length: usize) {
        if let Some(labeller) = &self.0 {
            labeller.label_written(label, length);
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Simulated(socket) => Pin::new(socket).poll_read(cx, buffer),
            Stream::Real(socket) => Pin::new(socket).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Simulated(socket) => Pin::new(socket).poll_write(cx, bytes),
            Stream::Real(socket) => Pin::new(socket).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Simulated(socket) => Pin::new(socket).poll_flush(cx),
            Stream::Real(socket) => Pin::new(socket).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Simulated(socket) => Pin::new(socket).poll_shutdown(cx),
            Stream::Real(socket) => Pin::new(socket).poll_shutdown(cx),
        }
    }
}

/// The real world's side of the door.
mod real {
    #![expect(
        clippy::disallowed_methods,
        reason = "outside a simulation the machine's clocks are the clocks"
    )]
    use super::*;

    pub(super) fn monotonic() -> Duration {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        START.get_or_init(std::time::Instant::now).elapsed()
    }

    pub(super) fn unix_time() -> Duration {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default()
    }

    /// How far apart the clocks were when they were last looked at.
    #[derive(Debug)]
    pub(super) struct WallClockJumps {
        apart: Duration,
    }

    impl Default for WallClockJumps {
        fn default() -> WallClockJumps {
            WallClockJumps { apart: apart() }
        }
    }

    impl WallClockJumps {
        pub(super) async fn next(&mut self) {
            loop {
                tokio::time::sleep(LOOK).await;
                let apart = apart();
                if std::mem::replace(&mut self.apart, apart).abs_diff(apart) > SLEWED {
                    return;
                }
            }
        }
    }

    /// How often a jump is looked for.
    const LOOK: Duration = Duration::from_secs(1);

    /// A clock that is corrected little by little moves less in that time.
    const SLEWED: Duration = Duration::from_millis(5);

    fn apart() -> Duration {
        unix_time().saturating_sub(monotonic())
    }

    pub(super) fn random_u64() -> u64 {
        getrandom::u64().expect("the operating system gives randomness")
    }

    /// Between attempts to accept when the machine has run out of something.
    pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

    pub(super) fn is_about_one_connection(error: &io::Error) -> bool {
        matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::ConnectionReset
        )
    }

    /// A client that has already gone is seen when it is read from.
    pub(super) fn accepted(stream: tokio::net::TcpStream) -> Stream {
        drop(stream.set_nodelay(true));
        Stream::Real(stream)
    }

    pub(super) fn set_keepalive(
        socket: &tokio::net::TcpStream,
        keepalive: Option<Keepalive>,
    ) -> io::Result<()> {
        let socket = socket2::SockRef::from(socket);
        let Some(keepalive) = keepalive else {
            return socket.set_keepalive(false);
        };
        let parameters = socket2::TcpKeepalive::new()
            .with_time(keepalive.idle)
            .with_interval(keepalive.interval)
            .with_retries(keepalive.probes);
        socket.set_tcp_keepalive(&parameters)
    }

    pub(super) async fn connect(address: &str) -> io::Result<Stream> {
        let stream = tokio::net::TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Stream::Real(stream))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
