//! A keep-alive HTTP client.

use std::time::Duration;

use doublebuy::rt;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

pub struct Client(http1::SendRequest<Full<Bytes>>);

/// Status and body.
pub type Answer = (u16, String);

impl Client {
    pub async fn connect(address: &str) -> Client {
        let stream = rt::connect(address).await.expect("the shop listens");
        let (sender, driver) = http1::handshake(TokioIo::new(stream))
            .await
            .expect("HTTP/1");
        rt::spawn(driver);
        Client(sender)
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, None, "").await
    }

    pub async fn order(&mut self, key: &str, sku: &str, quantity: i64) -> Answer {
        let body = json!({ "sku": sku, "quantity": quantity }).to_string();
        self.send("POST", "/orders", Some(key), &body).await
    }

    /// `None` if the connection ends instead of an answer.
    pub async fn try_order(&mut self, key: &str, sku: &str, quantity: i64) -> Option<Answer> {
        let body = json!({ "sku": sku, "quantity": quantity }).to_string();
        self.try_send("POST", "/orders", Some(key), &body).await
    }

    /// Waits until the shop has closed the connection.
    pub async fn closed(&mut self) {
        let _ = futures_util::future::poll_fn(|cx| self.0.poll_ready(cx)).await;
        while !self.0.is_closed() {
            rt::sleep(Duration::from_millis(1)).await;
        }
    }

    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        key: Option<&str>,
        body: &str,
    ) -> Answer {
        let answer = self.try_send(method, path, key, body).await;
        answer.expect("an answer")
    }

    async fn try_send(
        &mut self,
        method: &str,
        path: &str,
        key: Option<&str>,
        body: &str,
    ) -> Option<Answer> {
        let mut request = hyper::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "shop")
            .header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = request
            .body(Full::from(body.to_owned()))
            .expect("a valid request");
        self.0.ready().await.ok()?;
        let answer = self.0.send_request(request).await.ok()?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.expect("a body");
        let body = String::from_utf8(body.to_bytes().to_vec()).expect("text");
        Some((status, body))
    }
}

/// The order id in a 201.
pub fn order_id(body: &str) -> String {
    let body: Value = serde_json::from_str(body).expect("JSON");
    body["order_id"].as_str().expect("an order id").to_owned()
}
