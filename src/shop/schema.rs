//! The tables, and the names by which others know them.
//!
//! The statements of the service spell these names out, as they would be read
//! in a review; running them against a schema made from here is what keeps
//! the two together.

use super::{Idempotency, Options};

/// What is for sale.
pub mod products {
    /// The table.
    pub const TABLE: &str = "products";
    /// `text`, the primary key; any column if names are not indexed.
    pub const SKU: &str = "sku";
    /// `bigint`: what is left.
    pub const QUANTITY: &str = "quantity";
    /// `bigint`: counts the writes of strategies that check it, or is the
    /// highest fence of those that bring one.
    pub const VERSION: &str = "version";
}

/// What was sold: a row for every placed order.
pub mod orders {
    /// The table.
    pub const TABLE: &str = "orders";
    /// `text`, the primary key, made by the service.
    pub const ID: &str = "id";
    /// `text`.
    pub const SKU: &str = "sku";
    /// `bigint`.
    pub const QUANTITY: &str = "quantity";
    /// `text`: the key of the request that placed the order.
    pub const IDEMPOTENCY_KEY: &str = "idempotency_key";
    /// `timestamptz`, by the server's clock.
    pub const CREATED_AT: &str = "created_at";
}

/// Which order answered which key.
pub mod idempotency_keys {
    /// The table.
    pub const TABLE: &str = "idempotency_keys";
    /// `text`: the primary key under `unique-key`, otherwise any column.
    pub const KEY: &str = "key";
    /// `text`: the payload that the key stands for.
    pub const FINGERPRINT: &str = "fingerprint";
    /// `text`: the order that was placed.
    pub const ORDER_ID: &str = "order_id";
}

/// The script that makes the empty tables.
pub fn schema(options: &Options) -> String {
    let check = if options.check_quantity {
        format!(" CHECK ({} >= 0)", products::QUANTITY)
    } else {
        String::new()
    };
    let unique = match options.idempotency {
        Idempotency::UniqueKey => " PRIMARY KEY",
        Idempotency::None | Idempotency::CheckThenInsert => " NOT NULL",
    };
    let key = match options.index_skus {
        true => " PRIMARY KEY",
        false => " NOT NULL",
    };
    format!(
        "CREATE TABLE {products} (\n    \
             {sku} text{key},\n    \
             {quantity} bigint NOT NULL{check},\n    \
             {version} bigint NOT NULL DEFAULT 0\n);\n\
         CREATE TABLE {orders} (\n    \
             {id} text PRIMARY KEY,\n    \
             {order_sku} text NOT NULL,\n    \
             {order_quantity} bigint NOT NULL,\n    \
             {order_key} text NOT NULL,\n    \
             {created_at} timestamptz NOT NULL DEFAULT now()\n);\n\
         CREATE TABLE {keys} (\n    \
             {keyed} text{unique},\n    \
             {fingerprint} text NOT NULL,\n    \
             {key_order} text NOT NULL\n);\n",
        products = products::TABLE,
        sku = products::SKU,
        quantity = products::QUANTITY,
        version = products::VERSION,
        orders = orders::TABLE,
        id = orders::ID,
        order_sku = orders::SKU,
        order_quantity = orders::QUANTITY,
        order_key = orders::IDEMPOTENCY_KEY,
        created_at = orders::CREATED_AT,
        keys = idempotency_keys::TABLE,
        keyed = idempotency_keys::KEY,
        fingerprint = idempotency_keys::FINGERPRINT,
        key_order = idempotency_keys::ORDER_ID,
    )
}

/// The statement that puts a product on the shelf.
pub fn stock_sql(sku: &str, quantity: i64) -> String {
    format!(
        "INSERT INTO {} ({}, {}) VALUES ('{}', {quantity});\n",
        products::TABLE,
        products::SKU,
        products::QUANTITY,
        sku.replace('\'', "''"),
    )
}

/// The statement that puts other products beside it, one of each.
pub fn others_sql(count: u32) -> String {
    format!(
        "INSERT INTO {} ({}, {}) SELECT 'other-' || n, 1 FROM generate_series(1, {count}) AS n;\n",
        products::TABLE,
        products::SKU,
        products::QUANTITY,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unique_key_has_a_unique_key() {
        for &idempotency in Idempotency::ALL {
            let options = Options {
                idempotency,
                ..Options::default()
            };
            let unique = schema(&options).contains("key text PRIMARY KEY");
            assert_eq!(unique, idempotency == Idempotency::UniqueKey);
        }
    }

    #[test]
    fn a_quote_in_a_sku_stays_inside_its_literal() {
        assert_eq!(
            stock_sql("rock'n'roll", 3),
            "INSERT INTO products (sku, quantity) VALUES ('rock''n''roll', 3);\n"
        );
    }
}
