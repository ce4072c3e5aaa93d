//! One request of a buyer over HTTP, and what its answer means.

use std::pin::pin;
use std::time::Duration;

use axum::http::{Request, StatusCode, header};
use bytes::Bytes;
use futures_util::future::{Either, select};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde::Deserialize;

use super::gateway::Gateway;
use crate::plan::Visit;
use crate::rt;

/// The label of a request for an order.
pub(super) const ORDER: &str = "POST /orders";

/// What a buyer knows after a request.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// The order was placed under this id.
    Placed(String),
    /// This request placed no order.
    Refused { reason: String, final_answer: bool },
    /// It may have, or not.
    Unknown(String),
}

#[derive(Deserialize)]
struct Placed {
    order_id: String,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// The way of a request to the service.
pub(super) struct Way<'a> {
    pub(super) address: &'a str,
    pub(super) gateway: &'a Gateway,
    /// Where the gateway sends what it sends again.
    pub(super) next: &'a str,
    /// Called when it does.
    pub(super) resent: &'a (dyn Fn() + Send + Sync),
}

/// Asks for the visit's order, with the visit's patience.
pub(super) async fn order(way: &Way<'_>, visit: &Visit) -> Answer {
    let patience = Duration::from_nanos(visit.patience_ns);
    let start = rt::now();
    let identity = format!("visit-{}", visit.id);
    let refused = |reason: &str| Answer::Refused {
        reason: reason.to_owned(),
        final_answer: false,
    };
    // Before the request is written nothing can have been placed.
    let stream = match rt::timeout(patience, rt::connect_as(&identity, way.address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return refused(&format!("no connection: {}", error.kind())),
        Err(rt::Elapsed) => return refused("no connection: timed out"),
    };
    let left = patience.saturating_sub(start.elapsed());
    match rt::timeout(left, through_gateway(stream, way, visit)).await {
        Ok(Ok((status, body))) => meaning(status, &body),
        Ok(Err(error)) => Answer::Unknown(format!("connection lost: {error}")),
        Err(rt::Elapsed) => Answer::Unknown("no answer in time".to_owned()),
    }
}

type Exchanged = (StatusCode, Bytes);

/// One exchange, and if a fault says so another one that the buyer does not
/// know of.
async fn through_gateway(
    stream: rt::Stream,
    way: &Way<'_>,
    visit: &Visit,
) -> Result<Exchanged, String> {
    let connection = stream.connection();
    let lost = match exchange(stream, way.address, visit).await {
        Ok(answer) => return Ok(answer),
        Err(error) => error.to_string(),
    };
    if !way.gateway.resends(connection) {
        return Err(lost);
    }
    (way.resent)();
    let identity = format!("gateway-{}", visit.id);
    let stream = rt::connect_as(&identity, way.next).await;
    let stream = stream.map_err(|error| error.to_string())?;
    let again = exchange(stream, way.address, visit).await;
    again.map_err(|error| error.to_string())
}

/// Sends the request for the visit's order, addressed to `host`.
async fn exchange(stream: rt::Stream, host: &str, visit: &Visit) -> hyper::Result<Exchanged> {
    let labeller = stream.labeller();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let body = format!(
        "{{\"sku\":{},\"quantity\":{}}}",
        serde_json::Value::from(visit.sku.as_str()),
        visit.quantity
    );
    let request = Request::post("/orders")
        .header(header::HOST, host)
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", &visit.key)
        .body(Full::new(Bytes::from(body)))
        .expect("a request from parts that are valid");
    labeller.label(ORDER);
    let answer = pin!(async move {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        Ok((status, body))
    });
    match select(answer, pin!(connection)).await {
        Either::Left((answer, _)) => answer,
        // The connection is done: the answer is there, or never comes.
        Either::Right((_, answer)) => answer.await,
    }
}

fn meaning(status: StatusCode, body: &[u8]) -> Answer {
    if status == StatusCode::CREATED {
        return match serde_json::from_slice::<Placed>(body) {
            Ok(placed) => Answer::Placed(placed.order_id),
            Err(error) => Answer::Unknown(format!("an answer that cannot be read: {error}")),
        };
    }
    let reason = serde_json::from_slice(body)
        .map_or_else(|_| status.to_string(), |refusal: Refusal| refusal.error);
    match status {
        StatusCode::SERVICE_UNAVAILABLE => Answer::Refused {
            reason,
            final_answer: false,
        },
        _ if status.is_client_error() => Answer::Refused {
            reason,
            final_answer: true,
        },
        _ => Answer::Unknown(reason),
    }
}
