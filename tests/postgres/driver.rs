//! What a service does with the driver, over loopback and in a simulation.

use std::sync::Arc;

use doublebuy::postgres::{Disk, Options};
use tokio_postgres::Client;

use crate::support::{ADDRESS, connect, loopback, outside, simulate};

const SCHEMA: &str = "
    CREATE TABLE stock (sku text PRIMARY KEY, left_over int NOT NULL CHECK (left_over >= 0));
    CREATE TABLE orders (
        id bigserial PRIMARY KEY,
        sku text NOT NULL,
        buyer text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (sku, buyer)
    );
    INSERT INTO stock VALUES ('lamp', 3), ('chair', 1);
";

async fn buy(client: &mut Client, sku: &str, buyer: &str) -> bool {
    let transaction = client.transaction().await.unwrap();
    let update = "UPDATE stock SET left_over = left_over - 1 WHERE sku = $1 AND left_over > 0";
    if transaction.execute(update, &[&sku]).await.unwrap() == 0 {
        return false;
    }
    let insert = "INSERT INTO orders (sku, buyer) VALUES ($1, $2) RETURNING id";
    let row = transaction
        .query_one(insert, &[&sku, &buyer])
        .await
        .unwrap();
    assert!(row.get::<_, i64>(0) > 0);
    transaction.commit().await.unwrap();
    true
}

async fn shop(address: &str) {
    let mut client = connect(address).await;
    client.batch_execute(SCHEMA).await.unwrap();
    for round in 0..5 {
        let bought = buy(&mut client, "lamp", &format!("buyer {round}")).await;
        assert_eq!(bought, round < 3);
    }
    let left = "SELECT left_over FROM stock WHERE sku = $1";
    let row = client.query_one(left, &[&"lamp"]).await.unwrap();
    assert_eq!(row.get::<_, i32>(0), 0);
    let rows = client
        .query("SELECT buyer FROM orders ORDER BY id DESC LIMIT 2", &[])
        .await
        .unwrap();
    let buyers: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(buyers, ["buyer 2", "buyer 1"]);
    let sums = "SELECT count(*), sum(left_over), max(sku) FROM stock";
    let row = client.query_one(sums, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 2);
    assert_eq!(row.get::<_, Option<i64>>(1), Some(1));
    assert_eq!(row.get::<_, &str>(2), "lamp");
}

#[test]
fn a_shop_over_a_real_socket() {
    outside(async {
        let (server, address) = loopback(Options::default()).await;
        shop(&address).await;
        assert_eq!(server.committed_rows("orders").len(), 3);
        let chair = &server.committed_rows("stock")[0];
        assert_eq!(chair.text("sku"), Some("chair"));
        assert_eq!(chair.int("left_over"), Some(1));
    });
}

#[test]
fn a_shop_in_a_simulation() {
    simulate(7, |mut world| async move {
        let disk = Disk::new();
        let server = world.start(&disk, Options::default(), Arc::new(())).await;
        shop(ADDRESS).await;
        assert_eq!(server.committed_rows("orders").len(), 3);
    });
}
