//! Tables that are locked, changed and read through views and subqueries.

/// Name, transcript.
pub const SCHEDULES: &[(&str, &str)] = &[
    (
        "FOR UPDATE of a view locks the rows of its table that are in the result",
        "
        a: CREATE VIEW cheap AS SELECT sku, left_over * 2 AS twice FROM stock WHERE price < 10 -> 0
        a: BEGIN -> 0
        a: SELECT * FROM cheap WHERE sku = 'a' FOR UPDATE -> (a,2) 1
        b: UPDATE stock SET price = 1 WHERE sku = 'b' -> 1
        b: SELECT * FROM cheap WHERE sku = 'a' FOR UPDATE NOWAIT -> 55P03
        b: UPDATE stock SET price = 11 WHERE sku = 'a' -> waits
        a: COMMIT -> 0
        b: ... UPDATE stock SET price = 11 WHERE sku = 'a' -> 1
        a: SELECT sku FROM cheap ORDER BY sku FOR SHARE -> (b) (c) 2
        a: DROP VIEW cheap -> 0
        ",
    ),
    (
        "who waited at a view's row asks the view's condition again",
        "
        a: CREATE VIEW cheap AS SELECT sku, left_over * 2 AS twice FROM stock WHERE price < 10 -> 0
        a: BEGIN -> 0
        a: UPDATE stock SET left_over = 8 WHERE sku = 'a' -> 1
        a: UPDATE stock SET price = 20 WHERE sku = 'b' -> 1
        b: SELECT * FROM cheap WHERE sku < 'c' FOR UPDATE -> waits
        a: COMMIT -> 0
        b: ... SELECT * FROM cheap WHERE sku < 'c' FOR UPDATE -> (a,16) 1
        a: DROP VIEW cheap -> 0
        ",
    ),
    (
        "a subquery in FROM is asked again for the row that came of an update",
        "
        a: INSERT INTO orders (key, n) VALUES ('k', 1) -> 1
        a: BEGIN -> 0
        a: UPDATE stock SET left_over = 0 WHERE sku = 'a' -> 1
        b: UPDATE stock SET left_over = left_over - x.n FROM (SELECT n FROM orders WHERE key = 'k') x WHERE sku = 'a' AND left_over >= x.n -> waits
        c: SELECT * FROM (SELECT sku, left_over FROM stock WHERE left_over > 0) x WHERE sku = 'a' FOR UPDATE -> waits
        a: COMMIT -> 0
        b: ... UPDATE stock SET left_over = left_over - x.n FROM (SELECT n FROM orders WHERE key = 'k') x WHERE sku = 'a' AND left_over >= x.n -> 0
        c: ... SELECT * FROM (SELECT sku, left_over FROM stock WHERE left_over > 0) x WHERE sku = 'a' FOR UPDATE -> 0
        ",
    ),
    (
        "a view is read by its table's index: others' rows are no conflict",
        "
        a: CREATE VIEW plain AS SELECT * FROM stock -> 0
        a: INSERT INTO stock SELECT 'x' || n, 1 FROM generate_series(1, 2000) n -> 2000
        a: ANALYZE stock -> 0
        a: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        b: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        a: SELECT left_over FROM plain WHERE sku = 'a' -> (1) 1
        b: SELECT left_over FROM (SELECT sku AS s, left_over FROM stock) x WHERE s = 'b' -> (2) 1
        a: UPDATE stock SET left_over = 9 WHERE sku = 'x1999' -> 1
        b: UPDATE stock SET left_over = 9 WHERE sku = 'x2000' -> 1
        a: COMMIT -> 0
        b: COMMIT -> 0
        a: DROP VIEW plain -> 0
        ",
    ),
    (
        "what an outer join may fill with NULLs cannot be locked",
        "
        a: SELECT sku FROM stock LEFT JOIN orders ON key = sku WHERE sku = 'a' FOR UPDATE -> 0A000
        a: SELECT sku FROM stock LEFT JOIN orders ON key = sku WHERE sku = 'a' FOR UPDATE OF stock -> (a) 1
        a: SELECT sku FROM stock LEFT JOIN orders ON key = sku WHERE n = 0 FOR UPDATE -> 0
        a: SELECT sku FROM stock LEFT JOIN orders ON key = sku WHERE n IS NULL AND sku = 'a' FOR UPDATE -> 0A000
        a: SELECT sku FROM stock LEFT JOIN (SELECT * FROM orders) x ON key = sku WHERE sku = 'a' FOR UPDATE OF x -> 0A000
        a: SELECT sku FROM orders RIGHT JOIN stock ON key = sku WHERE sku = 'a' FOR UPDATE OF orders -> 0A000
        a: SELECT sku FROM orders FULL JOIN stock ON key = sku WHERE sku = 'a' FOR UPDATE OF stock -> (a) 1
        a: SELECT sku FROM orders FULL JOIN stock ON key = sku FOR UPDATE OF stock -> 0A000
        ",
    ),
    (
        "FOR UPDATE reaches into subqueries, or says what is in the way",
        "
        a: SELECT * FROM (SELECT price FROM stock GROUP BY price) x FOR UPDATE -> 0A000
        a: SELECT * FROM (SELECT DISTINCT price FROM stock) x FOR UPDATE -> 0A000
        a: SELECT * FROM (SELECT sku FROM stock UNION SELECT key FROM orders) x FOR UPDATE -> 0A000
        a: SELECT * FROM (VALUES (1)) x FOR UPDATE -> (1) 1
        a: SELECT * FROM generate_series(1, 1) x FOR UPDATE -> (1) 1
        a: SELECT * FROM generate_series(1, 1) x FOR UPDATE OF x -> 0A000
        a: BEGIN -> 0
        a: SELECT y.sku FROM (SELECT * FROM (SELECT sku FROM stock) x WHERE sku <> 'a') y WHERE sku < 'c' FOR UPDATE -> (b) 1
        b: SELECT sku FROM stock ORDER BY sku FOR UPDATE SKIP LOCKED -> (a) (c) 2
        a: COMMIT -> 0
        ",
    ),
];
