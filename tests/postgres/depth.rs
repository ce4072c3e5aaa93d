//! A text that goes too deep, or a row that is too wide, is an error, and
//! nothing worse.

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

#[test]
fn what_is_too_wide_is_refused() {
    simulate(1, |mut world| async move {
        world
            .start(&Disk::new(), Options::default(), Arc::new(()))
            .await;
        let client = connect(ADDRESS).await;
        let ones = |count: usize| vec!["1"; count].join(", ");
        let columns = |count: usize| {
            let columns = (0..count).map(|index| format!("c{index} int"));
            columns.collect::<Vec<_>>().join(", ")
        };
        for (sql, expected) in [
            (format!("SELECT {}", ones(1_665)), "54011"),
            (format!("SELECT {}", ones(70_000)), "54011"),
            (format!("VALUES ({})", ones(1_665)), "54011"),
            (
                format!("SELECT count(*) FROM (SELECT {}) v", ones(1_664)),
                "(1) 1",
            ),
            (format!("SELECT concat({})", ones(101)), "54023"),
            (format!("SELECT length(concat({}))", ones(100)), "(100) 1"),
            (format!("SELECT coalesce({})", ones(1_000)), "(1) 1"),
            (format!("CREATE TABLE wide ({})", columns(1_601)), "54011"),
            (format!("CREATE TABLE wide ({})", columns(1_600)), "0"),
            (
                format!("SELECT 'a' ~ '{}'", "(a*)*".repeat(20_000)),
                "2201B",
            ),
            ("ALTER TABLE wide ADD COLUMN extra int".to_owned(), "54011"),
            ("SELECT * FROM wide a, wide b".to_owned(), "54011"),
        ] {
            let answer = shown(client.simple_query(&sql).await);
            assert_eq!(answer, expected, "{}", &sql[..sql.len().min(60)]);
        }
    });
}
