//! Servers that answer every request with the same bytes: what a driver and
//! the network cost without anything behind them.

use doublebuy::rt::{self, Listener, Stream};

/// Serves every connection of a listener with `serve`.
pub async fn accept_all<F>(address: &'static str, serve: impl Fn(Stream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = Listener::bind(address).await.expect("a free port");
    while let Ok(stream) = listener.accept().await {
        rt::spawn(serve(stream));
    }
}
