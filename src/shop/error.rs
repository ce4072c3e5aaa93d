//! Why no order id is answered, and the one place that says so in HTTP.
//!
//! What matters about each is what the buyer may conclude. Everything but
//! [`Error::UnknownOutcome`] is definite: this request placed no order.

use axum::extract::rejection::JsonRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Why a request is not answered with what it asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request itself is wrong.
    #[error(transparent)]
    BadRequest(#[from] BadRequest),
    /// The body is not the JSON of an order.
    #[error(transparent)]
    Body(#[from] JsonRejection),
    /// There is no such product or order.
    #[error("not found")]
    NotFound,
    /// Less is left than was asked for.
    #[error("sold out")]
    SoldOut,
    /// The key stands for another payload.
    #[error("idempotency key reused with another payload")]
    KeyReused,
    /// Not placed, and worth another try.
    #[error("busy: {0}")]
    Busy(#[from] Busy),
    /// `COMMIT` was sent, and what became of it is not known.
    #[error("unknown outcome: {0}")]
    UnknownOutcome(#[source] Call),
}

/// What is wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// Without a key, a retry could not be told from a second order.
    #[error("the Idempotency-Key header is missing")]
    NoKey,
    /// The key is empty, too long, or not plain text.
    #[error("the Idempotency-Key header must be 1 to 255 visible ASCII characters")]
    Key,
    /// The SKU is empty, too long, or holds control characters.
    #[error("sku must be 1 to 64 bytes without control characters")]
    Sku,
    /// The quantity is not one that anybody buys.
    #[error("quantity must be 1 to 10000")]
    Quantity,
}

/// Why an order was not placed although it might have been.
#[derive(Debug, thiserror::Error)]
pub enum Busy {
    /// No connection to PostgreSQL came free in time.
    #[error("no connection came free in time")]
    Pool,
    /// PostgreSQL could not be reached.
    #[error("cannot connect to PostgreSQL: {0}")]
    Connect(#[source] Call),
    /// A statement before `COMMIT` failed.
    #[error("statement failed: {0}")]
    Statement(#[source] Call),
    /// PostgreSQL refused to commit and rolled back.
    #[error("commit refused: {0}")]
    CommitRefused(#[source] tokio_postgres::Error),
    /// Redis could not be asked for the lock.
    #[error("cannot ask for the lock: {0}")]
    Redis(#[source] RedisCall),
    /// Somebody else held the lock for as long as this request waited.
    #[error("lock not obtained")]
    Lock,
    /// The lock was valid for less time than the sale took.
    #[error("the lock is no longer valid")]
    LockOver,
    /// A later holder of the lock has written.
    #[error("a later holder of the lock has written")]
    FencedOff,
    /// Every attempt lost its race on the version.
    #[error("lost every race on the version")]
    Retries,
    /// A key that was there is gone, or a row has another shape.
    #[error("the database holds something unexpected")]
    Unexpected,
}

/// How a call to PostgreSQL failed.
#[derive(Debug, thiserror::Error)]
pub enum Call {
    /// No answer came in time.
    #[error("no answer in time")]
    Deadline,
    /// No host that answered takes writes.
    #[error("every host that answers is a standby")]
    NoPrimary,
    /// The socket could not be opened.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The driver's error: the server's own, or a lost connection.
    #[error("{}", describe(.0))]
    Postgres(#[from] tokio_postgres::Error),
}

/// How a call to Redis failed.
#[derive(Debug, thiserror::Error)]
pub enum RedisCall {
    /// No answer came in time.
    #[error("no answer in time")]
    Deadline,
    /// The socket could not be opened.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It was done, and fewer replicas have it than must.
    #[error("too few replicas have it")]
    Replicas,
    /// The driver's error: the server's own, or a lost connection.
    #[error(transparent)]
    Redis(#[from] redis::RedisError),
}

/// The server's own words, where there are any: the driver says only "db
/// error".
fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} ({})", db.message(), db.code().code()),
        None => error.to_string(),
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, error) = match &self {
            Error::BadRequest(BadRequest::NoKey | BadRequest::Key) => {
                (StatusCode::BAD_REQUEST, "bad-request")
            }
            Error::BadRequest(BadRequest::Sku | BadRequest::Quantity) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "bad-order")
            }
            Error::Body(rejection) => (rejection.status(), "bad-request"),
            Error::NotFound => (StatusCode::NOT_FOUND, "not-found"),
            Error::SoldOut => (StatusCode::CONFLICT, "sold-out"),
            Error::KeyReused => (StatusCode::UNPROCESSABLE_ENTITY, "key-reused"),
            Error::Busy(_) => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Error::UnknownOutcome(_) => (StatusCode::GATEWAY_TIMEOUT, "unknown-outcome"),
        };
        let body = match &self {
            Error::BadRequest(bad) => detailed(error, &bad.to_string()),
            Error::Body(rejection) => detailed(error, &rejection.body_text()),
            // What the servers behind it say is not the buyer's business.
            _ => format!("{{\"error\":\"{error}\"}}"),
        };
        (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

fn detailed(error: &str, detail: &str) -> String {
    serde_json::json!({ "error": error, "detail": detail }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_its_status() {
        let status = |error: Error| error.into_response().status().as_u16();
        assert_eq!(status(BadRequest::NoKey.into()), 400);
        assert_eq!(status(BadRequest::Key.into()), 400);
        assert_eq!(status(BadRequest::Sku.into()), 422);
        assert_eq!(status(BadRequest::Quantity.into()), 422);
        assert_eq!(status(Error::NotFound), 404);
        assert_eq!(status(Error::SoldOut), 409);
        assert_eq!(status(Error::KeyReused), 422);
        assert_eq!(status(Busy::Pool.into()), 503);
        assert_eq!(status(Error::UnknownOutcome(Call::Deadline)), 504);
    }
}
