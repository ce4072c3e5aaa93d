//! The same small programs over the simulated network and over this machine's
//! own loopback: what they observe has to be the same, errors and all.
//!
//! A program is told nothing about where it runs. What it notes holds for
//! every timing that a kernel may choose, so nothing here waits and hopes.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::process::{Command, Stdio};
use std::time::Duration;

use doublebuy::net::{Death, Options, PerMillion};
use doublebuy::rt::{self, Keepalive, Listener, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::simulate_with;

/// What a program saw, in order.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    fn note<T: Debug>(&mut self, what: &str, result: io::Result<T>) {
        self.0.push(match result {
            Ok(value) => format!("{what}: {value:?}"),
            Err(error) => format!("{what}: {:?}", error.kind()),
        });
    }

    async fn write(&mut self, stream: &mut Stream, text: &str) {
        self.note("write", stream.write(text.as_bytes()).await);
    }

    /// Reads exactly what `text` is long, however it comes.
    async fn read_text(&mut self, stream: &mut Stream, length: usize) {
        let mut buffer = vec![0; length];
        let read = stream.read_exact(&mut buffer).await;
        self.note("read", read.map(|_| String::from_utf8(buffer)));
    }

    /// One read, of which nothing or an error is expected.
    async fn read(&mut self, stream: &mut Stream) {
        let read = rt::timeout(LIMIT, stream.read(&mut [0; 64])).await;
        self.note("read", read.expect("it ends"));
    }

    /// Writes until that fails: the error comes when RST has.
    async fn write_until_it_fails(&mut self, stream: &mut Stream) {
        let failing = async {
            loop {
                stream.write_all(b"x").await?;
                rt::sleep(Duration::from_millis(1)).await;
            }
        };
        let failed: Result<io::Result<()>, _> = rt::timeout(LIMIT, failing).await;
        self.note("write fails", failed.expect("it ends"));
    }
}

/// Only a program that hangs gets there.
const LIMIT: Duration = Duration::from_secs(20);

async fn listen() -> (Listener, String) {
    let listener = Listener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// Two ends: the one that connected, and the one that accepted.
async fn pair() -> (Stream, Stream) {
    let (listener, address) = listen().await;
    let client = rt::spawn(async move { rt::connect(&address).await });
    let server = listener.accept().await.expect("a connection");
    let client = client.await.expect("not cancelled");
    (client.expect("a listener"), server)
}

async fn echo(notes: &mut Notes) {
    let (mut client, mut server) = pair().await;
    let echo = rt::spawn(async move {
        let mut buffer = [0; 3];
        while let Ok(length @ 1..) = server.read(&mut buffer).await {
            server.write_all(&buffer[..length]).await.expect("written");
        }
    });
    notes.write(&mut client, "hello").await;
    notes.read_text(&mut client, 5).await;
    notes.note("shutdown", client.shutdown().await);
    notes.read(&mut client).await;
    echo.await.expect("not cancelled");
}

async fn half_close(notes: &mut Notes) {
    let (mut client, mut server) = pair().await;
    notes.write(&mut client, "question").await;
    notes.note("shutdown", client.shutdown().await);
    notes.note("again", client.shutdown().await);
    notes.write(&mut client, "more").await;
    notes.read_text(&mut server, 8).await;
    notes.read(&mut server).await;
    notes.write(&mut server, "answer").await;
    drop(server);
    notes.read_text(&mut client, 6).await;
    notes.read(&mut client).await;
    notes.read(&mut client).await;
}

async fn refused(notes: &mut Notes) {
    let (listener, address) = listen().await;
    drop(listener);
    notes.note("connect", rt::connect(&address).await.map(drop));
}

async fn port_in_use(notes: &mut Notes) {
    let (_listener, address) = listen().await;
    let again = Listener::bind(&address).await;
    notes.note("bind", again.map(drop));
}

async fn nobody_accepts(notes: &mut Notes) {
    let (listener, address) = listen().await;
    let mut client = rt::connect(&address).await.expect("the backlog takes it");
    notes.write(&mut client, "hello").await;
    drop(listener);
    notes.read(&mut client).await;
    notes.read(&mut client).await;
    notes.write(&mut client, "hello").await;
}

async fn closed_at_once(notes: &mut Notes) {
    let (client, mut server) = pair().await;
    drop(client);
    notes.read(&mut server).await;
    notes.read(&mut server).await;
}

async fn written_and_closed(notes: &mut Notes) {
    let (mut client, mut server) = pair().await;
    notes.write(&mut client, "bye").await;
    drop(client);
    notes.read_text(&mut server, 3).await;
    notes.read(&mut server).await;
}

async fn write_after_the_peer_closed(notes: &mut Notes) {
    let (mut client, server) = pair().await;
    drop(server);
    notes.read(&mut client).await;
    // The first is taken, and answered by RST.
    notes.write(&mut client, "anyone?").await;
    notes.write_until_it_fails(&mut client).await;
    notes.write(&mut client, "anyone?").await;
    notes.read(&mut client).await;
}

async fn closed_with_something_unread(notes: &mut Notes) {
    let (mut client, mut server) = pair().await;
    notes.write(&mut client, "unread").await;
    notes.read_text(&mut server, 1).await;
    drop(server);
    notes.read(&mut client).await;
    notes.read(&mut client).await;
    notes.write(&mut client, "more").await;
    notes.note("shutdown", client.shutdown().await);
}

async fn reset_on_demand(notes: &mut Notes) {
    let (mut client, server) = pair().await;
    notes.note("linger", server.set_zero_linger());
    drop(server);
    notes.write_until_it_fails(&mut client).await;
    notes.write(&mut client, "more").await;
    notes.read(&mut client).await;
}

async fn reset_behind_data(notes: &mut Notes) {
    let (mut client, mut server) = pair().await;
    notes.write(&mut server, "last").await;
    notes.read_text(&mut client, 1).await;
    notes.note("linger", server.set_zero_linger());
    drop(server);
    notes.read_text(&mut client, 3).await;
    notes.read(&mut client).await;
    notes.read(&mut client).await;
}

async fn reset_of_who_writes(notes: &mut Notes) {
    let (mut client, mut server) = pair().await;
    notes.write(&mut server, "unread").await;
    notes.read_text(&mut client, 1).await;
    drop(client);
    notes.write_until_it_fails(&mut server).await;
    notes.write(&mut server, "more").await;
    notes.read(&mut server).await;
}

async fn both_close(notes: &mut Notes) {
    let (mut client, mut server) = pair().await;
    notes.note("shutdown", client.shutdown().await);
    notes.note("shutdown", server.shutdown().await);
    notes.read(&mut client).await;
    notes.read(&mut server).await;
    notes.write(&mut client, "more").await;
}

async fn backpressure(notes: &mut Notes) {
    let (mut client, mut server) = pair().await;
    let chunk = vec![7; 64 * 1024];
    let mut written = 0;
    // Nobody reads: sooner or later a write does not end.
    while let Ok(length) = rt::timeout(Duration::from_millis(200), client.write(&chunk)).await {
        written += length.expect("connected");
    }
    assert!(written > 0);
    let reader = rt::spawn(async move {
        let mut all = Vec::new();
        server.read_to_end(&mut all).await.map(|_| all.len())
    });
    notes.note("shutdown", client.shutdown().await);
    let read = reader.await.expect("not cancelled");
    notes.note("all that was taken came", read.map(|read| read == written));
}

async fn in_order(notes: &mut Notes) {
    let (mut client, mut server) = pair().await;
    let text = |number| format!("{number};");
    let writer = rt::spawn(async move {
        for number in 0..5_000 {
            let text = text(number);
            client.write_all(text.as_bytes()).await.expect("written");
        }
    });
    let mut all = String::new();
    let read = server.read_to_string(&mut all).await;
    writer.await.expect("not cancelled");
    let expected: String = (0..5_000).map(text).collect();
    notes.note("in order", read.map(|_| all == expected));
}

async fn accepted_in_order(notes: &mut Notes) {
    let (listener, address) = listen().await;
    let mut clients = Vec::new();
    for text in ["one", "two", "three"] {
        let mut client = rt::connect(&address).await.expect("a listener");
        notes.write(&mut client, text).await;
        clients.push(client);
    }
    for text in ["one", "two", "three"] {
        let mut server = listener.accept().await.expect("a connection");
        notes.read_text(&mut server, text.len()).await;
    }
}

async fn keepalive_can_be_set(notes: &mut Notes) {
    let (mut client, mut server) = pair().await;
    let keepalive = Keepalive {
        idle: Duration::from_secs(60),
        interval: Duration::from_secs(10),
        probes: 3,
    };
    notes.note("on", client.set_keepalive(Some(keepalive)));
    notes.note("off", server.set_keepalive(None));
    notes.write(&mut client, "hello").await;
    notes.read_text(&mut server, 5).await;
}

/// What a program sees over a network with these options.
fn simulated<F, P>(options: Options, program: P) -> Vec<String>
where
    P: FnOnce() -> F + Send + 'static,
    F: Future<Output = Vec<String>> + Send + 'static,
{
    simulate_with(options, |_, a, _| async move {
        a.spawn(program()).await.expect("not cancelled")
    })
}

fn real(program: impl Future<Output = Vec<String>>) -> Vec<String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(program)
}

/// Holds one program against the machine it runs on.
macro_rules! compared {
    ($($program:ident),* $(,)?) => {
        mod compared {
            $(
                #[test]
                fn $program() {
                    let program = || async {
                        let mut notes = super::Notes::default();
                        super::$program(&mut notes).await;
                        notes.0
                    };
                    let real = super::real(program());
                    assert!(!real.is_empty());
                    for options in super::options() {
                        let simulated = super::simulated(options, program);
                        assert_eq!(simulated, real, "{options:?}");
                    }
                }
            )*
        }
    };
}

/// Networks as kind as loopback, and less so: a program that sees no clock
/// sees no difference.
fn options() -> impl Iterator<Item = Options> {
    let seeds = (0..5).map(|seed| Options {
        seed,
        ..Options::default()
    });
    let losing = (5..10).map(|seed| {
        let mut options = Options {
            seed,
            ..Options::default()
        };
        options.link.loss = PerMillion(50_000);
        options.link.duplicates = PerMillion(50_000);
        options
    });
    seeds.chain(losing)
}

compared!(
    echo,
    half_close,
    refused,
    port_in_use,
    nobody_accepts,
    closed_at_once,
    written_and_closed,
    write_after_the_peer_closed,
    closed_with_something_unread,
    reset_on_demand,
    reset_behind_data,
    reset_of_who_writes,
    both_close,
    backpressure,
    in_order,
    accepted_in_order,
    keepalive_can_be_set,
);

/// The client of a process that dies with a request unread.
async fn client_of_the_dead(mut client: Stream) -> Vec<String> {
    let mut notes = Notes::default();
    notes.read(&mut client).await;
    notes.read(&mut client).await;
    notes.write(&mut client, "still there?").await;
    notes.0
}

#[test]
fn killed() {
    let real = real(async {
        let (mut client, server) = pair().await;
        let Stream::Real(server) = server else {
            panic!("outside a simulation sockets are real");
        };
        let server = server.into_std().expect("a socket");
        let descriptor = std::os::fd::OwnedFd::from(server);
        // A process of its own, with the other end as its standard input.
        let mut process = Command::new("sleep")
            .arg("60")
            .stdin(Stdio::from(descriptor))
            .spawn()
            .expect("a process");
        client.write_all(b"a request").await.expect("written");
        process.kill().expect("it lives");
        process.wait().expect("it is dead");
        client_of_the_dead(client).await
    });
    let simulated = simulate_with(Options::default(), |network, a, b| async move {
        b.spawn(async {
            let listener = Listener::bind("b:7").await.expect("a free port");
            let _unread = listener.accept().await.expect("a connection");
            std::future::pending::<()>().await;
        });
        let client = a.spawn(async {
            let mut client = rt::connect("b:7").await.expect("a listener");
            client.write_all(b"a request").await.expect("written");
            client_of_the_dead(client).await
        });
        rt::sleep(Duration::from_millis(100)).await;
        network.kill(b.id, Death::Process);
        client.await.expect("not cancelled")
    });
    assert_eq!(simulated, real);
}
