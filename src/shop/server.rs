//! An instance: it listens, and serves each connection in a task of its own
//! until it is dropped.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::future::{Either, select};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::Options;
use super::http::{answer_label, router};
use super::lock::Abandoned;
use super::sale::Shop;
use crate::rt;

/// The pause after a connection could not be accepted: what it lacked, such as
/// file descriptors, does not come back at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why an instance did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The options cannot work.
    #[error("{0}")]
    Options(&'static str),
    /// The address is taken, or not one to listen on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where it was to listen.
        address: String,
        /// Why it cannot.
        source: std::io::Error,
    },
}

/// Runs one instance until it is dropped. It starts whether or not PostgreSQL
/// and Redis are up: it connects when a request needs them.
pub async fn serve(options: Options) -> Result<(), StartError> {
    match Server::bind(options).await?.run().await {}
}

/// An instance that listens, and does not serve yet.
pub struct Server {
    listener: rt::Listener,
    shop: Arc<Shop>,
    abandoned: Abandoned,
}

impl Server {
    /// Listens, so that clients may connect from now on.
    pub async fn bind(options: Options) -> Result<Server, StartError> {
        if let Some(fault) = options.fault() {
            return Err(StartError::Options(fault));
        }
        let bound = rt::Listener::bind(&options.listen).await;
        let listener = bound.map_err(|source| StartError::Listen {
            address: options.listen.clone(),
            source,
        })?;
        info!(?options, "listening");
        let (shop, abandoned) = Shop::new(options);
        Ok(Server {
            listener,
            shop: Arc::new(shop),
            abandoned,
        })
    }

    /// The address that clients connect to: useful after binding port 0.
    pub fn local_addr(&self) -> std::io::Result<String> {
        self.listener.local_addr()
    }

    /// Serves until it is dropped; its connections end with it.
    pub async fn run(self) -> Infallible {
        let Server {
            listener,
            shop,
            abandoned,
        } = self;
        let running = CancellationToken::new();
        let _ends_with_this = running.clone().drop_guard();
        let service = TowerToHyperService::new(router(shop.clone()));
        let accept = std::pin::pin!(accept(&listener, &service, &running));
        let release = std::pin::pin!(shop.locks.release_abandoned(abandoned));
        let watch = std::pin::pin!(shop.locks.watch_primary());
        match select(accept, select(release, watch)).await {
            Either::Left((never, _)) => never,
            // The instance itself holds the other end of the channel, and
            // watches for ever.
            Either::Right((_, accept)) => accept.await,
        }
    }
}

async fn accept(
    listener: &rt::Listener,
    service: &TowerToHyperService<Router>,
    running: &CancellationToken,
) -> Infallible {
    loop {
        match listener.accept().await {
            Ok(stream) => {
                let connection = connection(stream, service.clone());
                rt::spawn(running.clone().run_until_cancelled_owned(connection));
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                rt::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one connection to its end. A request whose client is gone is
/// dropped where it stands.
async fn connection(stream: rt::Stream, service: TowerToHyperService<Router>) {
    let labeller = stream.labeller();
    let labelled = service_fn(move |request: hyper::Request<Incoming>| {
        let label = answer_label(request.method(), request.uri().path());
        let labeller = labeller.clone();
        let answer = service.call(request);
        async move {
            let answer = answer.await;
            // hyper writes the answer before it yields.
            labeller.label(label);
            answer
        }
    });
    let served = http1::Builder::new()
        // The proxy in front stamps the date.
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), labelled)
        .await;
    if let Err(error) = served {
        debug!(%error, "connection ended early");
    }
}
