//! The classic schedules, with what PostgreSQL 15 makes of them.

/// Name, steps, transcript.
pub const SCHEDULES: &[(&str, &str, &str)] = &[
    (
        "lost update: two read, both write",
        "
        a: BEGIN
        b: BEGIN
        a: SELECT left_over FROM stock WHERE sku = 'a'
        b: SELECT left_over FROM stock WHERE sku = 'a'
        a: UPDATE stock SET left_over = 0 WHERE sku = 'a'
        b: UPDATE stock SET left_over = 0 WHERE sku = 'a'
        a: COMMIT
        b: COMMIT
        a: SELECT * FROM stock ORDER BY sku
        ",
        "
        a: BEGIN -> 0
        b: BEGIN -> 0
        a: SELECT left_over FROM stock WHERE sku = 'a' -> (1) 1
        b: SELECT left_over FROM stock WHERE sku = 'a' -> (1) 1
        a: UPDATE stock SET left_over = 0 WHERE sku = 'a' -> 1
        b: UPDATE stock SET left_over = 0 WHERE sku = 'a' -> waits
        a: COMMIT -> 0
        b: ... UPDATE stock SET left_over = 0 WHERE sku = 'a' -> 1
        b: COMMIT -> 0
        a: SELECT * FROM stock ORDER BY sku -> (a,0,7) (b,2,7) (c,3,7) 3
        ",
    ),
    (
        "conditional decrement: the newest version is asked again",
        "
        a: BEGIN
        a: UPDATE stock SET left_over = left_over - 1 WHERE sku = 'a' AND left_over > 0
        b: UPDATE stock SET left_over = left_over - 1 WHERE sku = 'a' AND left_over > 0
        c: UPDATE stock SET left_over = left_over - 1 WHERE left_over > 0 RETURNING sku, left_over
        a: COMMIT
        a: SELECT sku, left_over FROM stock ORDER BY sku
        ",
        "
        a: BEGIN -> 0
        a: UPDATE stock SET left_over = left_over - 1 WHERE sku = 'a' AND left_over > 0 -> 1
        b: UPDATE stock SET left_over = left_over - 1 WHERE sku = 'a' AND left_over > 0 -> waits
        c: UPDATE stock SET left_over = left_over - 1 WHERE left_over > 0 RETURNING sku, left_over -> waits
        a: COMMIT -> 0
        b: ... UPDATE stock SET left_over = left_over - 1 WHERE sku = 'a' AND left_over > 0 -> 0
        c: ... UPDATE stock SET left_over = left_over - 1 WHERE left_over > 0 RETURNING sku, left_over -> (b,1) (c,2) 2
        a: SELECT sku, left_over FROM stock ORDER BY sku -> (a,0) (b,1) (c,2) 3
        ",
    ),
    (
        "after a rollback the waiter works on the old version",
        "
        a: BEGIN
        a: UPDATE stock SET left_over = 0 WHERE sku = 'a'
        b: UPDATE stock SET left_over = left_over - 1 WHERE sku = 'a' AND left_over > 0
        a: ROLLBACK
        a: SELECT left_over FROM stock WHERE sku = 'a'
        ",
        "
        a: BEGIN -> 0
        a: UPDATE stock SET left_over = 0 WHERE sku = 'a' -> 1
        b: UPDATE stock SET left_over = left_over - 1 WHERE sku = 'a' AND left_over > 0 -> waits
        a: ROLLBACK -> 0
        b: ... UPDATE stock SET left_over = left_over - 1 WHERE sku = 'a' AND left_over > 0 -> 1
        a: SELECT left_over FROM stock WHERE sku = 'a' -> (0) 1
        ",
    ),
    (
        "a row deleted meanwhile is not updated",
        "
        a: BEGIN
        a: DELETE FROM stock WHERE sku = 'a'
        b: UPDATE stock SET left_over = 9 WHERE sku = 'a'
        c: SELECT * FROM stock WHERE sku = 'a' FOR UPDATE
        a: COMMIT
        ",
        "
        a: BEGIN -> 0
        a: DELETE FROM stock WHERE sku = 'a' -> 1
        b: UPDATE stock SET left_over = 9 WHERE sku = 'a' -> waits
        c: SELECT * FROM stock WHERE sku = 'a' FOR UPDATE -> waits
        a: COMMIT -> 0
        b: ... UPDATE stock SET left_over = 9 WHERE sku = 'a' -> 0
        c: ... SELECT * FROM stock WHERE sku = 'a' FOR UPDATE -> 0
        ",
    ),
    (
        "the row stays locked though it does not match any more",
        "
        a: BEGIN
        a: UPDATE stock SET left_over = 0 WHERE sku = 'a'
        b: BEGIN
        b: UPDATE stock SET price = 8 WHERE sku = 'a' AND left_over = 1
        a: COMMIT
        c: SELECT * FROM stock WHERE sku = 'a' FOR UPDATE SKIP LOCKED
        b: COMMIT
        c: SELECT * FROM stock WHERE sku = 'a' FOR UPDATE SKIP LOCKED
        ",
        "
        a: BEGIN -> 0
        a: UPDATE stock SET left_over = 0 WHERE sku = 'a' -> 1
        b: BEGIN -> 0
        b: UPDATE stock SET price = 8 WHERE sku = 'a' AND left_over = 1 -> waits
        a: COMMIT -> 0
        b: ... UPDATE stock SET price = 8 WHERE sku = 'a' AND left_over = 1 -> 0
        c: SELECT * FROM stock WHERE sku = 'a' FOR UPDATE SKIP LOCKED -> 0
        b: COMMIT -> 0
        c: SELECT * FROM stock WHERE sku = 'a' FOR UPDATE SKIP LOCKED -> (a,0,7) 1
        ",
    ),
    (
        "a second insert of a key waits, and fails once the first commits",
        "
        a: BEGIN
        a: INSERT INTO orders (key, buyer) VALUES ('k', 'a')
        b: INSERT INTO orders (key, buyer) VALUES ('k', 'b')
        a: COMMIT
        a: SELECT key, buyer FROM orders
        ",
        "
        a: BEGIN -> 0
        a: INSERT INTO orders (key, buyer) VALUES ('k', 'a') -> 1
        b: INSERT INTO orders (key, buyer) VALUES ('k', 'b') -> waits
        a: COMMIT -> 0
        b: ... INSERT INTO orders (key, buyer) VALUES ('k', 'b') -> 23505
        a: SELECT key, buyer FROM orders -> (k,a) 1
        ",
    ),
    (
        "a second insert of a key waits, and goes in once the first is undone",
        "
        a: BEGIN
        a: INSERT INTO orders (key, buyer) VALUES ('k', 'a')
        b: INSERT INTO orders (key, buyer) VALUES ('k', 'b') RETURNING id
        a: ROLLBACK
        a: SELECT key, buyer FROM orders
        ",
        "
        a: BEGIN -> 0
        a: INSERT INTO orders (key, buyer) VALUES ('k', 'a') -> 1
        b: INSERT INTO orders (key, buyer) VALUES ('k', 'b') RETURNING id -> waits
        a: ROLLBACK -> 0
        b: ... INSERT INTO orders (key, buyer) VALUES ('k', 'b') RETURNING id -> (2) 1
        a: SELECT key, buyer FROM orders -> (k,b) 1
        ",
    ),
    (
        "a key that is being deleted or changed is waited for",
        "
        a: INSERT INTO orders (key, buyer) VALUES ('k', 'a'), ('m', 'a')
        a: BEGIN
        a: DELETE FROM orders WHERE key = 'k'
        a: UPDATE orders SET key = 'n' WHERE key = 'm'
        b: INSERT INTO orders (key, buyer) VALUES ('k', 'b')
        c: INSERT INTO orders (key, buyer) VALUES ('m', 'c')
        d: INSERT INTO orders (key, buyer) VALUES ('n', 'd')
        a: COMMIT
        a: SELECT key, buyer FROM orders ORDER BY key
        ",
        "
        a: INSERT INTO orders (key, buyer) VALUES ('k', 'a'), ('m', 'a') -> 2
        a: BEGIN -> 0
        a: DELETE FROM orders WHERE key = 'k' -> 1
        a: UPDATE orders SET key = 'n' WHERE key = 'm' -> 1
        b: INSERT INTO orders (key, buyer) VALUES ('k', 'b') -> waits
        c: INSERT INTO orders (key, buyer) VALUES ('m', 'c') -> waits
        d: INSERT INTO orders (key, buyer) VALUES ('n', 'd') -> waits
        a: COMMIT -> 0
        b: ... INSERT INTO orders (key, buyer) VALUES ('k', 'b') -> 1
        c: ... INSERT INTO orders (key, buyer) VALUES ('m', 'c') -> 1
        d: ... INSERT INTO orders (key, buyer) VALUES ('n', 'd') -> 23505
        a: SELECT key, buyer FROM orders ORDER BY key -> (k,b) (m,c) (n,a) 3
        ",
    ),
    (
        "ON CONFLICT DO NOTHING waits too",
        "
        a: BEGIN
        a: INSERT INTO orders (key, buyer) VALUES ('k', 'a')
        b: INSERT INTO orders (key, buyer) VALUES ('k', 'b') ON CONFLICT DO NOTHING
        c: INSERT INTO orders (key, buyer) VALUES ('k', 'c') ON CONFLICT (key) DO NOTHING RETURNING key
        a: COMMIT
        a: SELECT key, buyer FROM orders
        ",
        "
        a: BEGIN -> 0
        a: INSERT INTO orders (key, buyer) VALUES ('k', 'a') -> 1
        b: INSERT INTO orders (key, buyer) VALUES ('k', 'b') ON CONFLICT DO NOTHING -> waits
        c: INSERT INTO orders (key, buyer) VALUES ('k', 'c') ON CONFLICT (key) DO NOTHING RETURNING key -> waits
        a: COMMIT -> 0
        b: ... INSERT INTO orders (key, buyer) VALUES ('k', 'b') ON CONFLICT DO NOTHING -> 0
        c: ... INSERT INTO orders (key, buyer) VALUES ('k', 'c') ON CONFLICT (key) DO NOTHING RETURNING key -> 0
        a: SELECT key, buyer FROM orders -> (k,a) 1
        ",
    ),
    (
        "ON CONFLICT DO UPDATE counts on the newest version",
        "
        a: INSERT INTO orders (key, buyer) VALUES ('k', 'a')
        a: BEGIN
        a: INSERT INTO orders (key, buyer) VALUES ('k', 'a') ON CONFLICT (key) DO UPDATE SET n = orders.n + 1
        b: INSERT INTO orders (key, buyer) VALUES ('k', 'b') ON CONFLICT (key) DO UPDATE SET n = orders.n + 1, buyer = excluded.buyer RETURNING n, buyer
        c: INSERT INTO orders (key, buyer) VALUES ('k', 'c') ON CONFLICT (key) DO UPDATE SET n = 99 WHERE orders.n = 0
        a: COMMIT
        a: SELECT key, buyer, n FROM orders
        a: INSERT INTO orders (key) VALUES ('z'), ('z') ON CONFLICT (key) DO UPDATE SET n = 5
        ",
        "
        a: INSERT INTO orders (key, buyer) VALUES ('k', 'a') -> 1
        a: BEGIN -> 0
        a: INSERT INTO orders (key, buyer) VALUES ('k', 'a') ON CONFLICT (key) DO UPDATE SET n = orders.n + 1 -> 1
        b: INSERT INTO orders (key, buyer) VALUES ('k', 'b') ON CONFLICT (key) DO UPDATE SET n = orders.n + 1, buyer = excluded.buyer RETURNING n, buyer -> waits
        c: INSERT INTO orders (key, buyer) VALUES ('k', 'c') ON CONFLICT (key) DO UPDATE SET n = 99 WHERE orders.n = 0 -> waits
        a: COMMIT -> 0
        b: ... INSERT INTO orders (key, buyer) VALUES ('k', 'b') ON CONFLICT (key) DO UPDATE SET n = orders.n + 1, buyer = excluded.buyer RETURNING n, buyer -> (2,b) 1
        c: ... INSERT INTO orders (key, buyer) VALUES ('k', 'c') ON CONFLICT (key) DO UPDATE SET n = 99 WHERE orders.n = 0 -> 0
        a: SELECT key, buyer, n FROM orders -> (k,b,2) 1
        a: INSERT INTO orders (key) VALUES ('z'), ('z') ON CONFLICT (key) DO UPDATE SET n = 5 -> 21000
        ",
    ),
    (
        "FOR UPDATE serves in order",
        "
        a: BEGIN
        a: SELECT left_over FROM stock WHERE sku = 'c' FOR UPDATE
        b: UPDATE stock SET left_over = left_over * 10 WHERE sku = 'c' RETURNING left_over
        c: UPDATE stock SET left_over = left_over + 1 WHERE sku = 'c' RETURNING left_over
        d: SELECT left_over FROM stock WHERE sku = 'c'
        a: COMMIT
        d: SELECT left_over FROM stock WHERE sku = 'c'
        ",
        "
        a: BEGIN -> 0
        a: SELECT left_over FROM stock WHERE sku = 'c' FOR UPDATE -> (3) 1
        b: UPDATE stock SET left_over = left_over * 10 WHERE sku = 'c' RETURNING left_over -> waits
        c: UPDATE stock SET left_over = left_over + 1 WHERE sku = 'c' RETURNING left_over -> waits
        d: SELECT left_over FROM stock WHERE sku = 'c' -> (3) 1
        a: COMMIT -> 0
        b: ... UPDATE stock SET left_over = left_over * 10 WHERE sku = 'c' RETURNING left_over -> (30) 1
        c: ... UPDATE stock SET left_over = left_over + 1 WHERE sku = 'c' RETURNING left_over -> (31) 1
        d: SELECT left_over FROM stock WHERE sku = 'c' -> (31) 1
        ",
    ),
    (
        "SKIP LOCKED takes the next, NOWAIT complains",
        "
        a: BEGIN
        a: SELECT sku FROM stock ORDER BY sku LIMIT 1 FOR UPDATE SKIP LOCKED
        b: BEGIN
        b: SELECT sku FROM stock ORDER BY sku LIMIT 1 FOR UPDATE SKIP LOCKED
        c: SELECT sku FROM stock ORDER BY sku LIMIT 1 OFFSET 1 FOR UPDATE SKIP LOCKED
        c: SELECT sku FROM stock WHERE sku = 'a' FOR UPDATE NOWAIT
        a: COMMIT
        c: SELECT sku FROM stock WHERE sku = 'a' FOR UPDATE NOWAIT
        b: COMMIT
        ",
        "
        a: BEGIN -> 0
        a: SELECT sku FROM stock ORDER BY sku LIMIT 1 FOR UPDATE SKIP LOCKED -> (a) 1
        b: BEGIN -> 0
        b: SELECT sku FROM stock ORDER BY sku LIMIT 1 FOR UPDATE SKIP LOCKED -> (b) 1
        c: SELECT sku FROM stock ORDER BY sku LIMIT 1 OFFSET 1 FOR UPDATE SKIP LOCKED -> 0
        c: SELECT sku FROM stock WHERE sku = 'a' FOR UPDATE NOWAIT -> 55P03
        a: COMMIT -> 0
        c: SELECT sku FROM stock WHERE sku = 'a' FOR UPDATE NOWAIT -> (a) 1
        b: COMMIT -> 0
        ",
    ),
    (
        "row lock strengths exclude each other as the table says",
        "
        a: BEGIN
        a: SELECT 1 FROM stock WHERE sku = 'a' FOR KEY SHARE
        b: BEGIN
        b: SELECT 1 FROM stock WHERE sku = 'a' FOR SHARE NOWAIT
        c: SELECT 1 FROM stock WHERE sku = 'a' FOR NO KEY UPDATE NOWAIT
        b: COMMIT
        c: UPDATE stock SET price = 1 WHERE sku = 'a'
        c: SELECT 1 FROM stock WHERE sku = 'a' FOR UPDATE NOWAIT
        c: UPDATE stock SET sku = 'x' WHERE sku = 'a'
        a: COMMIT
        ",
        "
        a: BEGIN -> 0
        a: SELECT 1 FROM stock WHERE sku = 'a' FOR KEY SHARE -> (1) 1
        b: BEGIN -> 0
        b: SELECT 1 FROM stock WHERE sku = 'a' FOR SHARE NOWAIT -> (1) 1
        c: SELECT 1 FROM stock WHERE sku = 'a' FOR NO KEY UPDATE NOWAIT -> 55P03
        b: COMMIT -> 0
        c: UPDATE stock SET price = 1 WHERE sku = 'a' -> 1
        c: SELECT 1 FROM stock WHERE sku = 'a' FOR UPDATE NOWAIT -> 55P03
        c: UPDATE stock SET sku = 'x' WHERE sku = 'a' -> waits
        a: COMMIT -> 0
        c: ... UPDATE stock SET sku = 'x' WHERE sku = 'a' -> 1
        ",
    ),
    (
        "REPEATABLE READ keeps its snapshot and refuses to write over it",
        "
        a: BEGIN ISOLATION LEVEL REPEATABLE READ
        a: SELECT left_over FROM stock WHERE sku = 'a'
        b: UPDATE stock SET left_over = 5 WHERE sku = 'a'
        a: SELECT left_over FROM stock WHERE sku = 'a'
        a: UPDATE stock SET left_over = 6 WHERE sku = 'b'
        a: UPDATE stock SET left_over = 6 WHERE sku = 'a'
        a: SELECT 1
        a: COMMIT
        a: SELECT sku, left_over FROM stock ORDER BY sku
        ",
        "
        a: BEGIN ISOLATION LEVEL REPEATABLE READ -> 0
        a: SELECT left_over FROM stock WHERE sku = 'a' -> (1) 1
        b: UPDATE stock SET left_over = 5 WHERE sku = 'a' -> 1
        a: SELECT left_over FROM stock WHERE sku = 'a' -> (1) 1
        a: UPDATE stock SET left_over = 6 WHERE sku = 'b' -> 1
        a: UPDATE stock SET left_over = 6 WHERE sku = 'a' -> 40001
        a: SELECT 1 -> 25P02
        a: COMMIT -> 0
        a: SELECT sku, left_over FROM stock ORDER BY sku -> (a,5) (b,2) (c,3) 3
        ",
    ),
    (
        "REPEATABLE READ waits first, and fails only if the other commits",
        "
        a: BEGIN
        a: UPDATE stock SET left_over = 5 WHERE sku = 'a'
        a: DELETE FROM stock WHERE sku = 'b'
        b: BEGIN ISOLATION LEVEL REPEATABLE READ
        b: UPDATE stock SET left_over = 6 WHERE sku = 'a'
        a: ROLLBACK
        c: INSERT INTO orders (key) VALUES ('new')
        b: INSERT INTO orders (key) VALUES ('new') ON CONFLICT DO NOTHING
        b: ROLLBACK
        ",
        "
        a: BEGIN -> 0
        a: UPDATE stock SET left_over = 5 WHERE sku = 'a' -> 1
        a: DELETE FROM stock WHERE sku = 'b' -> 1
        b: BEGIN ISOLATION LEVEL REPEATABLE READ -> 0
        b: UPDATE stock SET left_over = 6 WHERE sku = 'a' -> waits
        a: ROLLBACK -> 0
        b: ... UPDATE stock SET left_over = 6 WHERE sku = 'a' -> 1
        c: INSERT INTO orders (key) VALUES ('new') -> 1
        b: INSERT INTO orders (key) VALUES ('new') ON CONFLICT DO NOTHING -> 40001
        b: ROLLBACK -> 0
        ",
    ),
    (
        "who looks for a deadlock first gives way",
        "
        b: SET deadlock_timeout = '60s'
        a: SET deadlock_timeout = '3s'
        a: BEGIN
        b: BEGIN
        a: UPDATE stock SET price = 1 WHERE sku = 'a'
        b: UPDATE stock SET price = 2 WHERE sku = 'b'
        b: UPDATE stock SET price = 2 WHERE sku = 'a'
        a: UPDATE stock SET price = 1 WHERE sku = 'b'
        a: -- answers
        b: COMMIT
        a: COMMIT
        a: SELECT sku, price FROM stock ORDER BY sku
        ",
        "
        b: SET deadlock_timeout = '60s' -> 0
        a: SET deadlock_timeout = '3s' -> 0
        a: BEGIN -> 0
        b: BEGIN -> 0
        a: UPDATE stock SET price = 1 WHERE sku = 'a' -> 1
        b: UPDATE stock SET price = 2 WHERE sku = 'b' -> 1
        b: UPDATE stock SET price = 2 WHERE sku = 'a' -> waits
        a: UPDATE stock SET price = 1 WHERE sku = 'b' -> waits
        a: ... UPDATE stock SET price = 1 WHERE sku = 'b' -> 40P01
        b: ... UPDATE stock SET price = 2 WHERE sku = 'a' -> 1
        b: COMMIT -> 0
        a: COMMIT -> 0
        a: SELECT sku, price FROM stock ORDER BY sku -> (a,2) (b,2) (c,7) 3
        ",
    ),
    (
        "lock_timeout and statement_timeout end a wait",
        "
        a: BEGIN
        a: UPDATE stock SET price = 1 WHERE sku = 'a'
        b: SET lock_timeout = '3s'
        b: UPDATE stock SET price = 2 WHERE sku = 'a'
        b: -- answers
        b: SET lock_timeout = 0
        b: SET statement_timeout = '3s'
        b: UPDATE stock SET price = 2 WHERE sku = 'a'
        b: -- answers
        a: COMMIT
        b: UPDATE stock SET price = 2 WHERE sku = 'a'
        ",
        "
        a: BEGIN -> 0
        a: UPDATE stock SET price = 1 WHERE sku = 'a' -> 1
        b: SET lock_timeout = '3s' -> 0
        b: UPDATE stock SET price = 2 WHERE sku = 'a' -> waits
        b: ... UPDATE stock SET price = 2 WHERE sku = 'a' -> 55P03
        b: SET lock_timeout = 0 -> 0
        b: SET statement_timeout = '3s' -> 0
        b: UPDATE stock SET price = 2 WHERE sku = 'a' -> waits
        b: ... UPDATE stock SET price = 2 WHERE sku = 'a' -> 57014
        a: COMMIT -> 0
        b: UPDATE stock SET price = 2 WHERE sku = 'a' -> 1
        ",
    ),
    (
        "DDL is transactional, and keeps others away",
        "
        a: BEGIN
        a: CREATE TABLE later (n int)
        a: INSERT INTO later VALUES (1)
        b: SELECT * FROM later
        a: ROLLBACK
        a: SELECT * FROM later
        a: BEGIN
        a: TRUNCATE stock
        a: SELECT count(*) FROM stock
        b: SELECT count(*) FROM stock
        a: ROLLBACK
        a: BEGIN
        a: DROP TABLE orders
        b: INSERT INTO orders (key) VALUES ('b')
        a: COMMIT
        ",
        "
        a: BEGIN -> 0
        a: CREATE TABLE later (n int) -> 0
        a: INSERT INTO later VALUES (1) -> 1
        b: SELECT * FROM later -> 42P01
        a: ROLLBACK -> 0
        a: SELECT * FROM later -> 42P01
        a: BEGIN -> 0
        a: TRUNCATE stock -> 0
        a: SELECT count(*) FROM stock -> (0) 1
        b: SELECT count(*) FROM stock -> waits
        a: ROLLBACK -> 0
        b: ... SELECT count(*) FROM stock -> (3) 1
        a: BEGIN -> 0
        a: DROP TABLE orders -> 0
        b: INSERT INTO orders (key) VALUES ('b') -> waits
        a: COMMIT -> 0
        b: ... INSERT INTO orders (key) VALUES ('b') -> 42P01
        ",
    ),
    (
        "a failed block stays failed, and its COMMIT is a rollback",
        "
        a: BEGIN
        a: UPDATE stock SET price = 1 WHERE sku = 'a'
        a: SELECT 1 / 0
        b: UPDATE stock SET price = 2 WHERE sku = 'a'
        a: SELECT 1
        a: COMMIT
        a: SELECT price FROM stock WHERE sku = 'a'
        a: BEGIN; SELECT 1; COMMIT
        a: INSERT INTO orders (key) VALUES ('x'); SELECT 1 / 0
        a: SELECT count(*) FROM orders
        ",
        "
        a: BEGIN -> 0
        a: UPDATE stock SET price = 1 WHERE sku = 'a' -> 1
        a: SELECT 1 / 0 -> 22012
        b: UPDATE stock SET price = 2 WHERE sku = 'a' -> 1
        a: SELECT 1 -> 25P02
        a: COMMIT -> 0
        a: SELECT price FROM stock WHERE sku = 'a' -> (2) 1
        a: BEGIN; SELECT 1; COMMIT -> 0 (1) 1 0
        a: INSERT INTO orders (key) VALUES ('x'); SELECT 1 / 0 -> 22012
        a: SELECT count(*) FROM orders -> (0) 1
        ",
    ),
    (
        "constraints are checked on the version seen, before any wait",
        "
        a: CREATE TABLE counter (id int PRIMARY KEY, n int CHECK (n >= 0)); INSERT INTO counter VALUES (1, 0)
        a: BEGIN
        a: UPDATE counter SET n = 5
        b: UPDATE counter SET n = n - 1
        b: UPDATE counter SET n = n + 1 WHERE n = 0 RETURNING n
        a: COMMIT
        b: UPDATE counter SET n = n - 1 RETURNING n
        ",
        "
        a: CREATE TABLE counter (id int PRIMARY KEY, n int CHECK (n >= 0)); INSERT INTO counter VALUES (1, 0) -> 0 1
        a: BEGIN -> 0
        a: UPDATE counter SET n = 5 -> 1
        b: UPDATE counter SET n = n - 1 -> 23514
        b: UPDATE counter SET n = n + 1 WHERE n = 0 RETURNING n -> waits
        a: COMMIT -> 0
        b: ... UPDATE counter SET n = n + 1 WHERE n = 0 RETURNING n -> 0
        b: UPDATE counter SET n = n - 1 RETURNING n -> (4) 1
        ",
    ),
    (
        "an update does not see rows that its own command made",
        "
        a: UPDATE stock SET sku = sku || sku, left_over = left_over + 1
        a: SELECT sku, left_over FROM stock ORDER BY sku
        a: INSERT INTO stock SELECT sku || 'x', left_over FROM stock
        a: SELECT count(*) FROM stock
        a: BEGIN; UPDATE stock SET left_over = 0; UPDATE stock SET left_over = left_over + 1; COMMIT
        a: SELECT min(left_over), max(left_over) FROM stock
        ",
        "
        a: UPDATE stock SET sku = sku || sku, left_over = left_over + 1 -> 3
        a: SELECT sku, left_over FROM stock ORDER BY sku -> (aa,2) (bb,3) (cc,4) 3
        a: INSERT INTO stock SELECT sku || 'x', left_over FROM stock -> 3
        a: SELECT count(*) FROM stock -> (6) 1
        a: BEGIN; UPDATE stock SET left_over = 0; UPDATE stock SET left_over = left_over + 1; COMMIT -> 0 6 6 0
        a: SELECT min(left_over), max(left_over) FROM stock -> (1,1) 1
        ",
    ),
];
