//! A text that goes too deep is an error, and nothing worse.

use std::sync::Arc;

use doublebuy::postgres::{Disk, Options};

use crate::support::{ADDRESS, connect, shown, simulate};

#[test]
fn what_is_nested_too_deeply_is_refused_and_the_session_goes_on() {
    simulate(1, |mut world| async move {
        world
            .start(&Disk::new(), Options::default(), Arc::new(()))
            .await;
        let client = connect(ADDRESS).await;
        for deep in [
            format!("SELECT {}1{}", "(".repeat(20_000), ")".repeat(20_000)),
            format!("SELECT 1{}", " + 1".repeat(20_000)),
            format!("SELECT true{}", " OR true".repeat(20_000)),
            format!("SELECT {} true", "NOT ".repeat(20_000)),
            format!("SELECT 1{}", "::int".repeat(20_000)),
            format!("SELECT {}1", "- ".repeat(20_000)),
            format!("SELECT 1{}", " UNION SELECT 1".repeat(20_000)),
            format!("SELECT {}1{}", "(1 + ".repeat(5_000), ")".repeat(5_000)),
        ] {
            assert_eq!(shown(client.simple_query(&deep).await), "54001");
        }
        // What is just allowed can be run, and long is not deep.
        let sum = format!("SELECT 1{}", " + 1".repeat(900));
        assert_eq!(shown(client.simple_query(&sum).await), "(901) 1");
        let long = format!(
            "SELECT count(*) FROM (VALUES {}) v",
            ["(1 + 1)"; 5_000].join(", ")
        );
        assert_eq!(shown(client.simple_query(&long).await), "(5000) 1");
    });
}
