//! Cursors among others: what is read and locked as rows are fetched.

/// Name and transcript, which has the steps too.
pub const SCHEDULES: &[(&str, &str)] = &[
    (
        "a cursor locks a row when it is fetched",
        "
        a: BEGIN -> 0
        a: DECLARE c CURSOR FOR SELECT sku, price FROM stock ORDER BY sku FOR UPDATE -> 0
        b: UPDATE stock SET price = 5 WHERE sku = 'a' -> 1
        a: FETCH c -> (a,5) 1
        b: UPDATE stock SET price = 6 WHERE sku = 'b' -> 1
        b: UPDATE stock SET price = 8 WHERE sku = 'a' -> waits
        a: FETCH c -> (b,6) 1
        a: UPDATE stock SET left_over = left_over - 1 WHERE CURRENT OF c -> 1
        a: COMMIT -> 0
        b: ... UPDATE stock SET price = 8 WHERE sku = 'a' -> 1
        b: SELECT * FROM stock ORDER BY sku -> (a,1,8) (b,1,6) (c,3,7) 3
        ",
    ),
    (
        "a FETCH waits for a row, and goes on if it is gone",
        "
        a: BEGIN -> 0
        a: DECLARE c CURSOR FOR SELECT sku, price FROM stock WHERE price = 7 FOR UPDATE -> 0
        b: BEGIN -> 0
        b: DELETE FROM stock WHERE sku = 'a' -> 1
        b: UPDATE stock SET price = 5 WHERE sku = 'b' -> 1
        b: UPDATE stock SET left_over = 9 WHERE sku = 'c' -> 1
        a: FETCH c -> waits
        b: COMMIT -> 0
        a: ... FETCH c -> (c,7) 1
        a: FETCH c -> 0
        a: COMMIT -> 0
        ",
    ),
    (
        "a cursor skips what is locked when it comes to it",
        "
        a: BEGIN -> 0
        a: DECLARE c CURSOR FOR SELECT sku FROM stock ORDER BY sku FOR UPDATE SKIP LOCKED -> 0
        b: BEGIN -> 0
        b: SELECT sku FROM stock WHERE sku IN ('a', 'c') FOR UPDATE -> (a) (c) 2
        a: FETCH c -> (b) 1
        b: COMMIT -> 0
        a: FETCH ALL FROM c -> (c) 1
        a: COMMIT -> 0
        a: BEGIN -> 0
        a: DECLARE c CURSOR FOR SELECT sku FROM stock ORDER BY sku FOR UPDATE NOWAIT -> 0
        b: BEGIN -> 0
        b: SELECT sku FROM stock WHERE sku = 'b' FOR UPDATE -> (b) 1
        a: FETCH c -> (a) 1
        a: SAVEPOINT s -> 0
        a: FETCH c -> 55P03
        a: ROLLBACK TO s -> 0
        b: COMMIT -> 0
        a: FETCH c -> 55000
        a: ROLLBACK -> 0
        ",
    ),
    (
        "the row of a cursor that another changed is changed as it is now",
        "
        a: BEGIN -> 0
        a: DECLARE c CURSOR FOR SELECT sku, left_over FROM stock WHERE sku < 'c' -> 0
        a: FETCH c -> (a,1) 1
        b: UPDATE stock SET left_over = 5 WHERE sku = 'a' -> 1
        a: UPDATE stock SET left_over = left_over + 1 WHERE CURRENT OF c RETURNING left_over -> (6) 1
        a: FETCH c -> (b,2) 1
        b: BEGIN -> 0
        b: UPDATE stock SET left_over = 7 WHERE sku = 'b' -> 1
        a: UPDATE stock SET left_over = left_over + 1 WHERE CURRENT OF c RETURNING left_over -> waits
        b: COMMIT -> 0
        a: ... UPDATE stock SET left_over = left_over + 1 WHERE CURRENT OF c RETURNING left_over -> (8) 1
        a: COMMIT -> 0
        a: BEGIN -> 0
        a: DECLARE c CURSOR FOR SELECT sku FROM stock WHERE sku = 'a' -> 0
        a: FETCH c -> (a) 1
        b: DELETE FROM stock WHERE sku = 'a' -> 1
        a: DELETE FROM stock WHERE CURRENT OF c -> 0
        a: COMMIT -> 0
        a: BEGIN ISOLATION LEVEL REPEATABLE READ -> 0
        a: DECLARE c CURSOR FOR SELECT sku FROM stock WHERE sku = 'b' -> 0
        b: UPDATE stock SET left_over = 1 WHERE sku = 'b' -> 1
        a: FETCH c -> (b) 1
        a: DELETE FROM stock WHERE CURRENT OF c -> 40001
        a: ROLLBACK -> 0
        ",
    ),
    (
        "a cursor sees what was there when it was declared",
        "
        a: BEGIN -> 0
        a: DECLARE c CURSOR FOR SELECT sku, left_over FROM stock ORDER BY sku -> 0
        b: UPDATE stock SET left_over = 9 -> 3
        a: FETCH c -> (a,1) 1
        b: DELETE FROM stock WHERE sku = 'b' -> 1
        b: INSERT INTO stock VALUES ('d', 4) -> 1
        b: VACUUM stock -> 0
        a: FETCH ALL FROM c -> (b,2) (c,3) 2
        a: DECLARE d CURSOR FOR SELECT sku, left_over FROM stock ORDER BY sku -> 0
        a: FETCH ALL FROM d -> (a,9) (c,9) (d,4) 3
        b: TRUNCATE stock -> waits
        a: COMMIT -> 0
        b: ... TRUNCATE stock -> 0
        ",
    ),
    (
        "what a serializable cursor reads it reads at FETCH",
        "
        a: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        a: DECLARE c CURSOR FOR SELECT count(*) FROM stock -> 0
        b: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        b: SELECT count(*) FROM orders -> (0) 1
        b: INSERT INTO stock VALUES ('d', 4) -> 1
        a: INSERT INTO orders (key) VALUES ('k') -> 1
        b: COMMIT -> 0
        a: SAVEPOINT s -> 0
        a: FETCH c -> 40001
        a: ROLLBACK -> 0
        a: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        a: DECLARE c CURSOR FOR SELECT count(*) FROM stock -> 0
        b: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        b: SELECT count(*) FROM orders -> (0) 1
        b: INSERT INTO stock VALUES ('e', 4) -> 1
        a: INSERT INTO orders (key) VALUES ('k') -> 1
        b: COMMIT -> 0
        a: CLOSE c -> 0
        a: COMMIT -> 0
        ",
    ),
    (
        "rows that a cursor locked since a savepoint are given back with it",
        "
        a: BEGIN -> 0
        a: DECLARE c CURSOR FOR SELECT sku FROM stock ORDER BY sku FOR UPDATE -> 0
        a: FETCH c -> (a) 1
        a: SAVEPOINT s -> 0
        a: FETCH c -> (b) 1
        a: ROLLBACK TO s -> 0
        b: UPDATE stock SET price = 1 WHERE sku = 'b' -> 1
        b: UPDATE stock SET price = 1 WHERE sku = 'a' -> waits
        a: FETCH c -> (c) 1
        a: COMMIT -> 0
        b: ... UPDATE stock SET price = 1 WHERE sku = 'a' -> 1
        ",
    ),
    (
        "what a query looks at is looked at row by row",
        "
        b: SELECT pg_advisory_lock(1) -> () 1
        a: SELECT sku FROM stock WHERE pg_try_advisory_lock(left_over) ORDER BY sku LIMIT 1 FOR UPDATE SKIP LOCKED -> (b) 1
        b: SELECT pg_try_advisory_lock(2), pg_try_advisory_lock(3) -> (f,t) 1
        a: SELECT pg_advisory_unlock_all() -> () 1
        b: SELECT pg_advisory_unlock_all() -> () 1
        ",
    ),
];
