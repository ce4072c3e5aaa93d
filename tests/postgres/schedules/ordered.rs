//! ORDER BY with LIMIT: what of its table it reads, and locks.

/// Name and transcript, which has the steps too.
pub const SCHEDULES: &[(&str, &str)] = &[
    (
        "the first row of an order is read through its index, and no other",
        "
        a: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        b: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        a: SELECT left_over FROM stock ORDER BY sku LIMIT 1 -> (1) 1
        b: SELECT left_over FROM stock ORDER BY sku DESC LIMIT 1 -> (3) 1
        b: UPDATE stock SET left_over = 0 WHERE sku = 'b' -> 1
        a: COMMIT -> 0
        b: COMMIT -> 0
        a: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        b: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        a: SELECT left_over FROM stock ORDER BY sku LIMIT 1 -> (1) 1
        b: SELECT left_over FROM stock WHERE sku = 'b' -> (0) 1
        b: UPDATE stock SET left_over = 9 WHERE sku = 'c' -> 1
        a: UPDATE stock SET left_over = 9 WHERE sku = 'b' -> 1
        a: COMMIT -> 0
        b: COMMIT -> 0
        ",
    ),
    (
        "a queue whose first jobs are held: the next one is taken",
        "
        a: BEGIN -> 0
        a: SELECT sku FROM stock ORDER BY sku LIMIT 1 FOR UPDATE -> (a) 1
        b: BEGIN -> 0
        b: SELECT sku FROM stock ORDER BY sku LIMIT 1 FOR UPDATE SKIP LOCKED -> (b) 1
        c: SELECT sku FROM stock ORDER BY sku LIMIT 2 FOR UPDATE SKIP LOCKED -> (c) 1
        c: SELECT sku FROM stock ORDER BY sku DESC OFFSET 1 LIMIT 1 FOR UPDATE -> waits
        a: UPDATE stock SET sku = 'z' WHERE sku = 'a' -> 1
        b: UPDATE stock SET left_over = 0 WHERE sku = 'b' -> 1
        a: COMMIT -> 0
        b: COMMIT -> 0
        c: ... SELECT sku FROM stock ORDER BY sku DESC OFFSET 1 LIMIT 1 FOR UPDATE -> (b) 1
        a: SELECT sku FROM stock ORDER BY sku LIMIT 2 -> (b) (c) 2
        ",
    ),
];
