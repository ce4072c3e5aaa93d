//! The HTTP API.
//!
//! - `GET /healthz`
//! - `GET /products/{sku}`
//! - `GET /orders/{order_id}`
//! - `POST /orders` with an `Idempotency-Key`

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};

use super::error::{BadRequest, Error};
use super::order::{NewOrder, Order, Product, check_key, is_name};
use super::sale::Shop;
use crate::rt::Label;

/// The header that tells a retry from a second order.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// All routes of an instance.
pub(super) fn router(shop: Arc<Shop>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/products/{sku}", get(product))
        .route("/orders", post(place_order))
        .route("/orders/{order_id}", get(order))
        .with_state(shop)
}

/// What answers are called by those who aim faults at them.
pub const ANSWER_LABELS: [Label; 5] = [
    "answer to POST /orders",
    "answer to GET /orders/{order_id}",
    "answer to GET /products/{sku}",
    "answer to GET /healthz",
    "answer to another request",
];

pub(super) fn answer_label(method: &Method, path: &str) -> Label {
    let [placed, order, product, health, other] = ANSWER_LABELS;
    if *method == Method::POST && path == "/orders" {
        placed
    } else if path.starts_with("/orders/") {
        order
    } else if path.starts_with("/products/") {
        product
    } else if path == "/healthz" {
        health
    } else {
        other
    }
}

async fn healthz() -> &'static str {
    "ok"
}

async fn product(
    State(shop): State<Arc<Shop>>,
    Path(sku): Path<String>,
) -> Result<Json<Product>, Error> {
    if !is_name(&sku) {
        return Err(Error::NotFound);
    }
    let quantity = shop.quantity(&sku).await?;
    Ok(Json(Product { sku, quantity }))
}

async fn order(
    State(shop): State<Arc<Shop>>,
    Path(order_id): Path<String>,
) -> Result<Json<Order>, Error> {
    if !is_name(&order_id) {
        return Err(Error::NotFound);
    }
    Ok(Json(shop.order(&order_id).await?))
}

async fn place_order(
    State(shop): State<Arc<Shop>>,
    headers: HeaderMap,
    body: Result<Json<NewOrder>, JsonRejection>,
) -> Result<(StatusCode, Json<Order>), Error> {
    let key = headers.get(IDEMPOTENCY_KEY).ok_or(BadRequest::NoKey)?;
    let key = key.to_str().map_err(|_| BadRequest::Key)?;
    check_key(key)?;
    let Json(wanted) = body?;
    wanted.check()?;
    let order = shop.place(&wanted, key).await?;
    Ok((StatusCode::CREATED, Json(order)))
}
