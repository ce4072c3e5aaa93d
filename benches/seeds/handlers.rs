//! Servers that answer every request with the same bytes.

use axum::Router;
use axum::routing::post;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::accept::accept_all;

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
