//! What is asked for, what is answered, and what makes a request valid.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::error::BadRequest;
use crate::rt;

/// More than anybody buys at once.
const MAX_QUANTITY: i64 = 10_000;
/// As long as an SKU or an order id gets.
const MAX_NAME: usize = 64;
/// As long as an `Idempotency-Key` gets.
const MAX_KEY: usize = 255;

/// The body of `POST /orders`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// What to buy.
    pub sku: String,
    /// How many of it.
    pub quantity: i64,
}

/// A placed order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Names the order.
    pub order_id: String,
    /// What was bought.
    pub sku: String,
    /// How many of it.
    pub quantity: i64,
}

/// A product on the shelf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Names the product.
    pub sku: String,
    /// How many are left.
    pub quantity: i64,
}

impl NewOrder {
    /// Refuses what no shop would sell.
    pub(super) fn check(&self) -> Result<(), BadRequest> {
        if !is_name(&self.sku) {
            return Err(BadRequest::Sku);
        }
        if !(1..=MAX_QUANTITY).contains(&self.quantity) {
            return Err(BadRequest::Quantity);
        }
        Ok(())
    }

    /// What a key stands for. Two requests with the same fingerprint ask for
    /// the same thing.
    pub(super) fn fingerprint(&self) -> String {
        format!("{} x {}", self.quantity, self.sku)
    }
}

/// Whether `name` may name a product or an order; nothing else is looked up.
pub(super) fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && !name.chars().any(char::is_control)
}

/// Refuses a key that cannot be stored.
pub(super) fn check_key(key: &str) -> Result<(), BadRequest> {
    if (1..=MAX_KEY).contains(&key.len()) {
        Ok(())
    } else {
        Err(BadRequest::Key)
    }
}

/// A new order id: a random UUID.
pub(super) fn new_order_id() -> String {
    uuid(rt::random_u64(), rt::random_u64())
}

/// A version 4 UUID from 128 random bits, six of which it replaces.
fn uuid(high: u64, low: u64) -> String {
    let high = (high & !0xf000) | 0x4000;
    let low = (low & (u64::MAX >> 2)) | (1 << 63);
    let mut text = String::with_capacity(36);
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff,
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_id_is_a_version_4_uuid() {
        assert_eq!(uuid(0, 0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(
            uuid(u64::MAX, u64::MAX),
            "ffffffff-ffff-4fff-bfff-ffffffffffff"
        );
        assert_eq!(
            uuid(0x0123_4567_89ab_cdef, 0x0123_4567_89ab_cdef),
            "01234567-89ab-4def-8123-456789abcdef"
        );
    }

    #[test]
    fn what_no_shop_sells_is_refused() {
        let order = |sku: &str, quantity| NewOrder {
            sku: sku.to_owned(),
            quantity,
        };
        assert!(order("last-item", 1).check().is_ok());
        assert!(order("last-item", MAX_QUANTITY).check().is_ok());
        for quantity in [0, -1, MAX_QUANTITY + 1, i64::MIN, i64::MAX] {
            assert_eq!(order("a", quantity).check(), Err(BadRequest::Quantity));
        }
        for sku in ["", "nul\0", "line\nbreak", &"x".repeat(MAX_NAME + 1)] {
            assert_eq!(order(sku, 1).check(), Err(BadRequest::Sku));
        }
    }

    #[test]
    fn different_payloads_have_different_fingerprints() {
        let print = |sku: &str, quantity| {
            NewOrder {
                sku: sku.to_owned(),
                quantity,
            }
            .fingerprint()
        };
        assert_ne!(print("1 x a", 1), print("a", 1));
        assert_ne!(print("a", 1), print("a", 11));
    }
}
