//! Servers that answer every request with the same bytes.

use axum::Router;
use axum::routing::post;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use doublebuy::rt::{self, Listener, Stream};

/// Sends back what it gets.
pub async fn echo(address: &'static str) {
    accept_all(address, |mut stream| async move {
        let mut buffer = [0; 1024];
        while let Ok(length @ 1..) = stream.read(&mut buffer).await {
            if stream.write_all(&buffer[..length]).await.is_err() {
                break;
            }
        }
    })
    .await;
}

/// An axum service whose one handler answers a text.
pub async fn http(address: &'static str) {
    let router: Router = Router::new().route("/orders", post(async || "placed"));
    accept_all(address, move |stream| {
        let service = TowerToHyperService::new(router.clone());
        async move {
            // An error here is a client that is gone: nobody is left to tell.
            let _gone = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    })
    .await;
}

/// `+OK` for every command, told apart by the `*` that begins each.
pub async fn redis(address: &'static str) {
    accept_all(address, |mut stream| async move {
        let mut buffer = [0; 1024];
        while let Ok(length @ 1..) = stream.read(&mut buffer).await {
            let commands = buffer[..length]
                .iter()
                .filter(|byte| **byte == b'*')
                .count();
            if stream
                .write_all(&b"+OK\r\n".repeat(commands))
                .await
                .is_err()
            {
                break;
            }
        }
    })
    .await;
}

/// One row with the integer 1 for every statement.
pub async fn postgres(address: &'static str) {
    accept_all(address, |mut stream| async move {
        let mut buffer = vec![0; 4096];
        // The start-up message comes alone.
        let Ok(1..) = stream.read(&mut buffer).await else {
            return;
        };
        let mut answer = message(b'R', &0u32.to_be_bytes());
        answer.extend(ready());
        while stream.write_all(&answer).await.is_ok() {
            let Ok(length @ 1..) = stream.read(&mut buffer).await else {
                return;
            };
            answer = answers(&buffer[..length]);
        }
    })
    .await;
}

fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a short message");
    [&[kind], &length.to_be_bytes()[..], body].concat()
}

/// Answers the messages of one batch in turn.
fn answers(mut batch: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    while let [kind, a, b, c, d, ..] = *batch {
        let length = u32::from_be_bytes([a, b, c, d]) as usize + 1;
        batch = batch.get(length..).unwrap_or_default();
        match kind {
            b'P' => answer.extend(message(b'1', &[])),
            b'D' => {
                answer.extend(message(b't', &0u16.to_be_bytes()));
                answer.extend(message(b'T', &int8_column()));
            }
            b'B' => answer.extend(message(b'2', &[])),
            b'E' => {
                let row = [
                    &1u16.to_be_bytes()[..],
                    &8u32.to_be_bytes(),
                    &1i64.to_be_bytes(),
                ];
                answer.extend(message(b'D', &row.concat()));
                answer.extend(message(b'C', b"SELECT 1\0"));
            }
            b'C' => answer.extend(message(b'3', &[])),
            b'S' => answer.extend(ready()),
            _ => {}
        }
    }
    answer
}

/// One column called `one` of type int8 in binary format.
fn int8_column() -> Vec<u8> {
    const INT8_OID: u32 = 20;
    [
        &1u16.to_be_bytes()[..],
        b"one\0",
        &0u32.to_be_bytes(),
        &0u16.to_be_bytes(),
        &INT8_OID.to_be_bytes(),
        &8u16.to_be_bytes(),
        &u32::MAX.to_be_bytes(),
        &1u16.to_be_bytes(),
    ]
    .concat()
}

/// Serves every connection of a listener with `serve`.
async fn accept_all<F>(address: &'static str, serve: impl Fn(Stream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = Listener::bind(address).await.expect("a free port");
    while let Ok(stream) = listener.accept().await {
        rt::spawn(serve(stream));
    }
}
