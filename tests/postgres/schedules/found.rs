//! What random schedules found, each as small as it could be made.

/// Name and transcript, which has the steps too.
pub const SCHEDULES: &[(&str, &str)] = &[
    (
        "the place of a row that changed and went is used once",
        "
        r: BEGIN ISOLATION LEVEL REPEATABLE READ -> 0
        r: SELECT count(*) FROM stock -> (3) 1
        a: UPDATE stock SET price = 1 WHERE sku = 'a' -> 1
        a: DELETE FROM stock WHERE sku = 'a' -> 1
        r: COMMIT -> 0
        a: INSERT INTO stock VALUES ('x', 1) -> 1
        a: INSERT INTO stock VALUES ('y', 1) -> 1
        a: SELECT sku FROM stock ORDER BY sku -> (b) (c) (x) (y) 4
        ",
    ),
    (
        "a table is emptied whose rows are still to be cleaned up",
        "
        r: BEGIN ISOLATION LEVEL REPEATABLE READ -> 0
        r: SELECT 1 -> (1) 1
        a: UPDATE stock SET price = 1 -> 3
        a: TRUNCATE stock -> 0
        r: COMMIT -> 0
        a: INSERT INTO stock VALUES ('x', 1) -> 1
        a: SELECT sku FROM stock -> (x) 1
        ",
    ),
    (
        "a held advisory lock is had again past the queue",
        "
        a: SELECT pg_advisory_lock(1) -> () 1
        b: SELECT pg_advisory_lock(1) -> waits
        a: SELECT pg_try_advisory_xact_lock(1) -> (t) 1
        a: SELECT pg_advisory_unlock(1) -> (t) 1
        b: ... SELECT pg_advisory_lock(1) -> () 1
        ",
    ),
    (
        "a later version that is held is waited for, whatever NOWAIT says",
        "
        a: BEGIN -> 0
        a: UPDATE stock SET price = 1 WHERE sku = 'a' -> 1
        a: DELETE FROM stock WHERE sku = 'a' -> 1
        b: SELECT sku FROM stock WHERE sku = 'a' FOR KEY SHARE NOWAIT -> waits
        c: SELECT sku FROM stock WHERE sku = 'a' FOR SHARE NOWAIT -> 55P03
        a: ROLLBACK -> 0
        b: ... SELECT sku FROM stock WHERE sku = 'a' FOR KEY SHARE NOWAIT -> (a) 1
        ",
    ),
    (
        "an update reaches a row that a concurrent update moved",
        "
        a: BEGIN -> 0
        a: UPDATE stock SET sku = 'z' WHERE sku = 'a' -> 1
        b: UPDATE stock SET price = 5 WHERE sku = 'a' -> waits
        c: SELECT sku FROM stock WHERE sku IN ('a', 'z') FOR UPDATE -> waits
        a: COMMIT -> 0
        b: ... UPDATE stock SET price = 5 WHERE sku = 'a' -> 0
        c: ... SELECT sku FROM stock WHERE sku IN ('a', 'z') FOR UPDATE -> (z) 1
        a: SELECT sku, price FROM stock -> (b,7) (c,7) (z,7) 3
        ",
    ),
    (
        "a cascade from REPEATABLE READ refuses a row that its snapshot does not see",
        "
        a: CREATE TABLE parts (id int PRIMARY KEY, sku text REFERENCES stock ON DELETE CASCADE) -> 0
        a: CREATE TABLE notes (id int PRIMARY KEY, sku text REFERENCES stock ON DELETE SET NULL) -> 0
        r: BEGIN ISOLATION LEVEL REPEATABLE READ -> 0
        r: INSERT INTO parts VALUES (1, 'b') -> 1
        r: SELECT count(*) FROM stock -> (3) 1
        a: INSERT INTO parts VALUES (2, 'a') -> 1
        a: INSERT INTO notes VALUES (2, 'c') -> 1
        r: DELETE FROM stock WHERE sku = 'b' -> 1
        r: SAVEPOINT s -> 0
        r: DELETE FROM stock WHERE sku = 'a' -> 40001
        r: ROLLBACK TO s -> 0
        r: DELETE FROM stock WHERE sku = 'c' -> 40001
        r: ROLLBACK TO s -> 0
        r: COMMIT -> 0
        a: DELETE FROM stock WHERE sku = 'a' -> 1
        a: SELECT id, sku FROM parts -> 0
        ",
    ),
    (
        "those who share a row are waited for in the order of their ids",
        "
        a: CREATE TABLE pids (name text, pid int) -> 0
        a: INSERT INTO pids VALUES ('a', pg_backend_pid()) -> 1
        b: INSERT INTO pids VALUES ('b', pg_backend_pid()) -> 1
        c: INSERT INTO pids VALUES ('c', pg_backend_pid()) -> 1
        a: BEGIN -> 0
        b: BEGIN -> 0
        b: UPDATE stock SET price = 1 WHERE sku = 'b' -> 1
        a: UPDATE stock SET price = 1 WHERE sku = 'c' -> 1
        a: SELECT sku FROM stock WHERE sku = 'a' FOR SHARE -> (a) 1
        b: SELECT sku FROM stock WHERE sku = 'a' FOR SHARE -> (a) 1
        c: SELECT sku FROM stock WHERE sku = 'a' FOR UPDATE -> waits
        d: SELECT b.name FROM pids b, pids c WHERE c.name = 'c' AND b.pid = ANY (pg_blocking_pids(c.pid)) -> (b) 1
        b: COMMIT -> 0
        d: SELECT b.name FROM pids b, pids c WHERE c.name = 'c' AND b.pid = ANY (pg_blocking_pids(c.pid)) -> (a) 1
        a: COMMIT -> 0
        c: ... SELECT sku FROM stock WHERE sku = 'a' FOR UPDATE -> (a) 1
        ",
    ),
    (
        "an index that is made or dropped and not committed is so for nobody else",
        "
        a: BEGIN -> 0
        a: CREATE INDEX i ON stock (price) -> 0
        b: DROP INDEX IF EXISTS i -> 0
        b: SELECT count(*) FROM pg_indexes WHERE indexname = 'i' -> (0) 1
        c: BEGIN -> 0
        c: CREATE INDEX j ON stock (price) -> 0
        a: ROLLBACK -> 0
        c: COMMIT -> 0
        a: SELECT indexname FROM pg_indexes WHERE tablename = 'stock' ORDER BY 1 -> (j) (stock_pkey) 2
        a: BEGIN -> 0
        a: DROP INDEX j -> 0
        b: DROP INDEX j -> waits
        a: ROLLBACK -> 0
        b: ... DROP INDEX j -> 0
        a: CREATE INDEX j ON stock (price) -> 0
        a: BEGIN -> 0
        a: DROP INDEX j -> 0
        b: DROP INDEX j -> waits
        c: DROP INDEX IF EXISTS j -> waits
        a: COMMIT -> 0
        b: ... DROP INDEX j -> 42704
        c: ... DROP INDEX IF EXISTS j -> 0
        ",
    ),
    (
        "a name that is not committed yet is waited for, and is then taken or not",
        "
        a: BEGIN -> 0
        a: CREATE TABLE t (id serial PRIMARY KEY) -> 0
        b: CREATE TABLE IF NOT EXISTS t (id serial PRIMARY KEY) -> waits
        a: COMMIT -> 0
        b: ... CREATE TABLE IF NOT EXISTS t (id serial PRIMARY KEY) -> 23505
        b: CREATE TABLE IF NOT EXISTS t (id serial PRIMARY KEY) -> 0
        a: BEGIN -> 0
        a: CREATE TABLE u (id int) -> 0
        b: DROP TABLE IF EXISTS u -> 0
        b: CREATE VIEW u AS SELECT 1 AS one -> waits
        a: ROLLBACK -> 0
        b: ... CREATE VIEW u AS SELECT 1 AS one -> 0
        a: BEGIN -> 0
        a: CREATE INDEX i ON stock (price) -> 0
        b: CREATE SEQUENCE i -> waits
        c: CREATE INDEX IF NOT EXISTS i ON stock (price) -> waits
        a: COMMIT -> 0
        b: ... CREATE SEQUENCE i -> 23505
        c: ... CREATE INDEX IF NOT EXISTS i ON stock (price) -> 23505
        a: BEGIN -> 0
        a: DROP TABLE t -> 0
        b: CREATE TABLE t (id int) -> 42P07
        b: CREATE TABLE IF NOT EXISTS t (id int) -> 0
        a: COMMIT -> 0
        b: SELECT id FROM t -> 42P01
        ",
    ),
    (
        "a table that another transaction alters is not judged before that is over",
        "
        a: BEGIN -> 0
        a: ALTER TABLE stock ADD COLUMN w int DEFAULT 1 -> 0
        b: SELECT w FROM stock WHERE sku = 'a' -> waits
        a: COMMIT -> 0
        b: ... SELECT w FROM stock WHERE sku = 'a' -> (1) 1
        a: BEGIN -> 0
        a: ALTER TABLE stock DROP COLUMN w -> 0
        b: SELECT w FROM stock WHERE sku = 'a' -> waits
        c: SELECT nothing FROM stock -> waits
        a: ROLLBACK -> 0
        b: ... SELECT w FROM stock WHERE sku = 'a' -> (1) 1
        c: ... SELECT nothing FROM stock -> 42703
        ",
    ),
    (
        "a table that a cursor of the session reads stays as it is",
        "
        a: BEGIN -> 0
        a: DECLARE c CURSOR FOR SELECT sku FROM stock -> 0
        a: SAVEPOINT s -> 0
        a: ALTER TABLE stock ADD COLUMN w int -> 55006
        a: ROLLBACK TO s -> 0
        a: CREATE INDEX ON stock (price) -> 55006
        a: ROLLBACK TO s -> 0
        a: CLOSE c -> 0
        a: CREATE INDEX ON stock (price) -> 0
        a: COMMIT -> 0
        ",
    ),
    (
        "SET DEFAULT to the key that goes is refused",
        "
        a: CREATE TABLE parts (id int, sku text DEFAULT 'a' REFERENCES stock ON DELETE SET DEFAULT) -> 0
        a: INSERT INTO parts VALUES (1, 'a'), (2, 'b') -> 2
        a: DELETE FROM stock WHERE sku = 'b' -> 1
        a: SELECT id, sku FROM parts ORDER BY id -> (1,a) (2,a) 2
        a: DELETE FROM stock WHERE sku = 'a' -> 23503
        ",
    ),
    (
        "a key that was changed twice and is not given up yet is waited for",
        "
        a: CREATE UNIQUE INDEX ON stock (price, left_over) -> 0
        a: BEGIN -> 0
        a: UPDATE stock SET left_over = 8 WHERE sku = 'a' -> 1
        a: UPDATE stock SET left_over = 9 WHERE sku = 'a' -> 1
        b: INSERT INTO stock VALUES ('d', 1, 7) -> waits
        a: ROLLBACK -> 0
        b: ... INSERT INTO stock VALUES ('d', 1, 7) -> 23505
        ",
    ),
    (
        "PREPARE locks its tables until the transaction ends",
        "
        a: BEGIN -> 0
        a: LOCK TABLE stock IN SHARE MODE -> 0
        b: BEGIN -> 0
        b: PREPARE p AS UPDATE stock SET price = 1 -> waits
        a: COMMIT -> 0
        b: ... PREPARE p AS UPDATE stock SET price = 1 -> 0
        a: LOCK TABLE stock IN SHARE MODE; SELECT 1 -> waits
        b: COMMIT -> 0
        a: ... LOCK TABLE stock IN SHARE MODE; SELECT 1 -> 0 (1) 1
        ",
    ),
    (
        "a cursor that cannot go back does not, even where there is nothing",
        "
        a: BEGIN -> 0
        a: DECLARE c NO SCROLL CURSOR FOR SELECT sku FROM stock ORDER BY sku -> 0
        a: SAVEPOINT s -> 0
        a: MOVE PRIOR FROM c -> 55000
        a: ROLLBACK TO s -> 0
        a: FETCH FIRST FROM c -> 55000
        a: ROLLBACK -> 0
        a: BEGIN -> 0
        a: DECLARE c NO SCROLL CURSOR FOR SELECT sku FROM stock ORDER BY sku -> 0
        a: FETCH FIRST FROM c -> (a) 1
        a: FETCH ABSOLUTE 3 FROM c -> (c) 1
        a: FETCH RELATIVE 0 FROM c -> 55000
        a: ROLLBACK -> 0
        ",
    ),
    (
        "a number that is set is not the last one handed out",
        "
        a: SELECT setval('orders_id_seq', 7) -> (7) 1
        a: SELECT currval('orders_id_seq') -> (7) 1
        a: SELECT lastval() -> 55000
        a: SELECT nextval('orders_id_seq') -> (8) 1
        a: SELECT setval('orders_id_seq', 3) -> (3) 1
        a: SELECT lastval() -> (3) 1
        ",
    ),
    (
        "a definition begins the snapshot that is kept",
        "
        a: BEGIN ISOLATION LEVEL REPEATABLE READ -> 0
        a: DROP VIEW IF EXISTS nothing -> 0
        b: INSERT INTO stock VALUES ('d', 4) -> 1
        a: SELECT count(*) FROM stock -> (3) 1
        a: COMMIT -> 0
        a: BEGIN ISOLATION LEVEL REPEATABLE READ -> 0
        a: LOCK TABLE stock IN ACCESS SHARE MODE -> 0
        b: INSERT INTO stock VALUES ('e', 4) -> 1
        a: SELECT count(*) FROM stock -> (5) 1
        a: COMMIT -> 0
        a: BEGIN -> 0
        a: CREATE TABLE t (id int) -> 0
        a: SET TRANSACTION ISOLATION LEVEL SERIALIZABLE -> 25001
        ",
    ),
    (
        "a failed transaction waits for no safe snapshot",
        "
        a: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        a: UPDATE stock SET price = 1 WHERE sku = 'a' -> 1
        b: BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE -> 0
        b: ROLLBACK TO nowhere -> 3B001
        b: SELECT sku FROM stock -> 25P02
        b: ROLLBACK -> 0
        a: COMMIT -> 0
        ",
    ),
    (
        "one row that refers is enough to forbid, and to be locked",
        "
        a: CREATE TABLE sold (id int PRIMARY KEY, sku text REFERENCES stock) -> 0
        a: INSERT INTO sold VALUES (1, 'a'), (2, 'a') -> 2
        b: BEGIN -> 0
        b: SELECT id FROM sold WHERE id = 2 FOR UPDATE -> (2) 1
        a: DELETE FROM stock WHERE sku = 'a' -> 23503
        b: COMMIT -> 0
        a: DROP TABLE sold -> 0
        ",
    ),
    (
        "who comes after the update was kept is told at once",
        "
        a: BEGIN -> 0
        b: BEGIN ISOLATION LEVEL REPEATABLE READ -> 0
        b: SELECT pg_advisory_xact_lock(1) -> () 1
        c: UPDATE stock SET price = 6 WHERE sku = 'c' -> 1
        a: UPDATE stock SET price = 5 WHERE sku = 'c' -> 1
        b: SELECT sku FROM stock WHERE sku = 'c' FOR UPDATE -> 40001
        b: ROLLBACK -> 0
        a: ROLLBACK -> 0
        ",
    ),
    (
        "a table in use is not emptied, whoever refers to it",
        "
        a: CREATE TABLE sold (id int PRIMARY KEY, sku text REFERENCES stock) -> 0
        a: BEGIN -> 0
        a: DECLARE c CURSOR FOR SELECT sku FROM stock -> 0
        a: TRUNCATE stock -> 55006
        a: ROLLBACK -> 0
        a: BEGIN -> 0
        a: DECLARE c CURSOR FOR SELECT id FROM sold -> 0
        a: SAVEPOINT s -> 0
        a: TRUNCATE stock -> 0A000
        a: ROLLBACK TO s -> 0
        a: TRUNCATE stock CASCADE -> 55006
        a: ROLLBACK -> 0
        a: DROP TABLE sold -> 0
        ",
    ),
    (
        "a comment on a sequence leaves it as the transaction that it waited for made it",
        "
        a: BEGIN -> 0
        a: ALTER SEQUENCE orders_id_seq INCREMENT 5 -> 0
        b: COMMENT ON SEQUENCE orders_id_seq IS 'numbers' -> waits
        a: COMMIT -> 0
        b: ... COMMENT ON SEQUENCE orders_id_seq IS 'numbers' -> 0
        a: SELECT nextval('orders_id_seq') -> (1) 1
        a: SELECT nextval('orders_id_seq') -> (6) 1
        a: SELECT obj_description('orders_id_seq'::regclass, 'pg_class') -> (numbers) 1
        ",
    ),
    (
        "older snapshots see nothing of a table that was written anew",
        "
        r: BEGIN ISOLATION LEVEL REPEATABLE READ -> 0
        r: SELECT 1 -> (1) 1
        a: ALTER TABLE stock ALTER COLUMN price TYPE bigint -> 0
        r: SELECT count(*) FROM stock -> (0) 1
        r: INSERT INTO stock VALUES ('a', 1) ON CONFLICT DO NOTHING -> 40001
        r: ROLLBACK -> 0
        r: SELECT count(*) FROM stock -> (3) 1
        ",
    ),
    (
        "a new type that stores the same leaves the rows where they are",
        "
        a: INSERT INTO orders (key, buyer) VALUES ('k', 'x') -> 1
        r: BEGIN ISOLATION LEVEL REPEATABLE READ -> 0
        r: SELECT 1 -> (1) 1
        a: ALTER TABLE orders ALTER COLUMN buyer TYPE varchar -> 0
        r: SELECT buyer FROM orders -> (x) 1
        r: COMMIT -> 0
        ",
    ),
    (
        "what was read through an index that goes was read in the table",
        "
        a: CREATE INDEX by_price ON stock (price) -> 0
        a: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        b: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        b: SELECT count(*) FROM orders -> (0) 1
        a: SELECT count(*) FROM stock WHERE price = 9 -> (0) 1
        a: INSERT INTO orders (key) VALUES ('k') -> 1
        a: COMMIT -> 0
        c: DROP INDEX by_price -> 0
        b: INSERT INTO stock VALUES ('d', 1, 9) -> 40001
        b: ROLLBACK -> 0
        ",
    ),
    (
        "a transaction that only reads waits for a sequence before it is refused",
        "
        a: BEGIN -> 0
        a: ALTER SEQUENCE orders_id_seq INCREMENT 2 -> 0
        r: BEGIN READ ONLY -> 0
        r: SELECT nextval('orders_id_seq') -> waits
        a: COMMIT -> 0
        r: ... SELECT nextval('orders_id_seq') -> 25006
        r: ROLLBACK -> 0
        r: BEGIN READ ONLY -> 0
        r: CREATE INDEX CONCURRENTLY late ON stock (price) -> 25006
        r: ROLLBACK -> 0
        ",
    ),
    (
        "a row that ON CONFLICT waited for may not go under REPEATABLE READ",
        "
        a: BEGIN -> 0
        a: SELECT sku FROM stock WHERE sku = 'a' FOR UPDATE -> (a) 1
        b: DELETE FROM stock WHERE sku = 'a' -> waits
        c: BEGIN ISOLATION LEVEL REPEATABLE READ -> 0
        c: INSERT INTO stock VALUES ('a', 9) ON CONFLICT (sku) DO UPDATE SET left_over = 9 -> waits
        a: COMMIT -> 0
        b: ... DELETE FROM stock WHERE sku = 'a' -> 1
        c: ... INSERT INTO stock VALUES ('a', 9) ON CONFLICT (sku) DO UPDATE SET left_over = 9 -> 40001
        c: ROLLBACK -> 0
        a: BEGIN -> 0
        a: SELECT sku FROM stock WHERE sku = 'b' FOR UPDATE -> (b) 1
        b: UPDATE stock SET sku = 'x' WHERE sku = 'b' -> waits
        c: INSERT INTO stock VALUES ('b', 9) ON CONFLICT (sku) DO UPDATE SET left_over = 9 -> waits
        a: COMMIT -> 0
        b: ... UPDATE stock SET sku = 'x' WHERE sku = 'b' -> 1
        c: ... INSERT INTO stock VALUES ('b', 9) ON CONFLICT (sku) DO UPDATE SET left_over = 9 -> 1
        ",
    ),
    (
        "a row that ON CONFLICT waited for may not get another key under REPEATABLE READ",
        "
        a: BEGIN -> 0
        a: SELECT sku FROM stock WHERE sku = 'a' FOR UPDATE -> (a) 1
        b: UPDATE stock SET sku = 'x' WHERE sku = 'a' -> waits
        c: BEGIN ISOLATION LEVEL REPEATABLE READ -> 0
        c: INSERT INTO stock VALUES ('a', 9) ON CONFLICT (sku) DO UPDATE SET left_over = 9 -> waits
        a: COMMIT -> 0
        b: ... UPDATE stock SET sku = 'x' WHERE sku = 'a' -> 1
        c: ... INSERT INTO stock VALUES ('a', 9) ON CONFLICT (sku) DO UPDATE SET left_over = 9 -> 40001
        c: ROLLBACK -> 0
        ",
    ),
    (
        "an update of what an index looks at moves the row, whatever its key",
        "
        a: CREATE INDEX dear ON stock (price) WHERE left_over > 1 -> 0
        a: UPDATE stock SET left_over = left_over + 1 -> 3
        a: SELECT ctid, sku FROM stock WHERE sku > 'a' -> ((0,5),b) ((0,6),c) 2
        a: CREATE SEQUENCE n -> 0
        a: UPDATE stock SET price = nextval('n') WHERE sku >= 'a' RETURNING sku, price -> (a,1) (b,2) (c,3) 3
        ",
    ),
    (
        "what a transaction put off cannot be looked after once it only reads",
        "
        a: CREATE TABLE kept (sku text REFERENCES stock DEFERRABLE INITIALLY DEFERRED) -> 0
        a: BEGIN -> 0
        a: INSERT INTO kept VALUES ('a') -> 1
        a: SET TRANSACTION READ ONLY -> 0
        a: COMMIT -> 25006
        a: SELECT count(*) FROM kept -> (0) 1
        a: BEGIN -> 0
        a: INSERT INTO kept VALUES ('a') -> 1
        a: SAVEPOINT s -> 0
        a: SET TRANSACTION READ ONLY -> 0
        a: COMMIT -> 0
        a: SELECT count(*) FROM kept -> (1) 1
        ",
    ),
    (
        "a block that failed hands on the modes that it was handed, not those that were set in it",
        "
        a: BEGIN READ ONLY -> 0
        a: UPDATE stock SET price = 1 WHERE sku = 'a' -> 25006
        a: COMMIT AND CHAIN -> 0
        a: UPDATE stock SET price = 1 WHERE sku = 'a' -> 1
        a: ROLLBACK -> 0
        a: BEGIN READ ONLY -> 0
        a: COMMIT AND CHAIN -> 0
        a: UPDATE stock SET price = 1 WHERE sku = 'a' -> 25006
        a: ROLLBACK AND CHAIN -> 0
        a: UPDATE stock SET price = 1 WHERE sku = 'a' -> 25006
        a: ROLLBACK -> 0
        ",
    ),
    (
        "ROLLBACK AND CHAIN hands on the modes outside of every savepoint, COMMIT those at hand",
        "
        a: BEGIN -> 0
        a: SAVEPOINT s -> 0
        a: SET TRANSACTION READ ONLY -> 0
        a: ROLLBACK AND CHAIN -> 0
        a: UPDATE stock SET price = 1 WHERE sku = 'a' -> 1
        a: SAVEPOINT s -> 0
        a: SET TRANSACTION READ ONLY -> 0
        a: COMMIT AND CHAIN -> 0
        a: UPDATE stock SET price = 2 WHERE sku = 'a' -> 25006
        a: COMMIT -> 0
        ",
    ),
    (
        "what writes a table anew holds SHARE on it too, and has that past a queue",
        "
        a: BEGIN -> 0
        a: TRUNCATE orders -> 0
        b: DELETE FROM orders -> waits
        a: LOCK TABLE orders IN SHARE MODE NOWAIT -> 0
        a: LOCK TABLE orders IN EXCLUSIVE MODE NOWAIT -> 55P03
        b: ... DELETE FROM orders -> 0
        a: ROLLBACK -> 0
        a: BEGIN -> 0
        a: ALTER TABLE stock ALTER COLUMN left_over TYPE bigint -> 0
        b: DELETE FROM stock WHERE sku = 'x' -> waits
        a: LOCK TABLE stock IN SHARE MODE NOWAIT -> 0
        a: COMMIT -> 0
        b: ... DELETE FROM stock WHERE sku = 'x' -> 0
        a: BEGIN -> 0
        a: ALTER TABLE stock ADD UNIQUE (price, sku) -> 0
        b: DELETE FROM stock WHERE sku = 'x' -> waits
        a: LOCK TABLE stock IN SHARE MODE NOWAIT -> 0
        a: COMMIT -> 0
        b: ... DELETE FROM stock WHERE sku = 'x' -> 0
        a: BEGIN -> 0
        a: ALTER TABLE stock ADD COLUMN more int -> 0
        b: DELETE FROM stock WHERE sku = 'x' -> waits
        a: LOCK TABLE stock IN SHARE MODE NOWAIT -> 55P03
        b: ... DELETE FROM stock WHERE sku = 'x' -> 0
        a: ROLLBACK -> 0
        ",
    ),
    (
        "a foreign key goes once nobody reads the table that it refers to",
        "
        a: CREATE TABLE item (sku text REFERENCES stock) -> 0
        b: BEGIN -> 0
        b: SELECT price FROM stock WHERE sku = 'a' -> (7) 1
        a: DROP TABLE item -> waits
        c: SELECT price FROM stock WHERE sku = 'b' -> waits
        b: COMMIT -> 0
        a: ... DROP TABLE item -> 0
        c: ... SELECT price FROM stock WHERE sku = 'b' -> (7) 1
        a: CREATE TABLE item (sku text REFERENCES stock) -> 0
        a: BEGIN -> 0
        a: ALTER TABLE item DROP CONSTRAINT item_sku_fkey -> 0
        b: SELECT price FROM stock WHERE sku = 'a' -> waits
        a: ROLLBACK -> 0
        b: ... SELECT price FROM stock WHERE sku = 'a' -> (7) 1
        a: INSERT INTO item VALUES ('x') -> 23503
        a: BEGIN -> 0
        a: ALTER TABLE item ALTER COLUMN sku TYPE varchar -> 0
        b: SELECT price FROM stock WHERE sku = 'a' -> waits
        a: COMMIT -> 0
        b: ... SELECT price FROM stock WHERE sku = 'a' -> (7) 1
        ",
    ),
    (
        "a view is replaced and dropped once nobody reads it",
        "
        a: CREATE VIEW cheap AS SELECT sku, price FROM stock -> 0
        b: BEGIN -> 0
        b: SELECT price FROM cheap WHERE sku = 'a' -> (7) 1
        a: CREATE OR REPLACE VIEW cheap AS SELECT sku, price + 1 AS price FROM stock -> waits
        c: SELECT price FROM cheap WHERE sku = 'b' -> waits
        b: COMMIT -> 0
        a: ... CREATE OR REPLACE VIEW cheap AS SELECT sku, price + 1 AS price FROM stock -> 0
        c: ... SELECT price FROM cheap WHERE sku = 'b' -> (8) 1
        a: BEGIN -> 0
        a: DROP VIEW cheap -> 0
        b: SELECT price FROM cheap WHERE sku = 'a' -> waits
        a: ROLLBACK -> 0
        b: ... SELECT price FROM cheap WHERE sku = 'a' -> (8) 1
        a: BEGIN -> 0
        a: LOCK TABLE cheap IN SHARE MODE -> 0
        b: UPDATE stock SET price = 9 WHERE sku = 'a' -> waits
        a: COMMIT -> 0
        b: ... UPDATE stock SET price = 9 WHERE sku = 'a' -> 1
        ",
    ),
    (
        "what goes with a table comes back with it",
        "
        a: CREATE TABLE item (sku text REFERENCES stock) -> 0
        a: CREATE VIEW cheap AS SELECT sku, price FROM stock -> 0
        a: DROP TABLE stock -> 2BP01
        a: BEGIN -> 0
        a: SAVEPOINT s -> 0
        a: DROP TABLE stock CASCADE -> 0
        b: SELECT price FROM cheap WHERE sku = 'a' -> waits
        a: ROLLBACK TO s -> 0
        b: ... SELECT price FROM cheap WHERE sku = 'a' -> (7) 1
        a: INSERT INTO item VALUES ('x') -> 23503
        a: ROLLBACK -> 0
        a: BEGIN -> 0
        a: DROP TABLE stock CASCADE -> 0
        b: INSERT INTO item VALUES ('x') -> waits
        a: COMMIT -> 0
        b: ... INSERT INTO item VALUES ('x') -> 1
        b: SELECT price FROM cheap WHERE sku = 'a' -> 42P01
        ",
    ),
    (
        "a volatile default writes the rows anew",
        "
        b: BEGIN ISOLATION LEVEL REPEATABLE READ -> 0
        b: SELECT 1 AS one -> (1) 1
        a: ALTER TABLE stock ADD COLUMN luck float8 DEFAULT random() -> 0
        b: SELECT count(*) FROM stock -> (0) 1
        b: COMMIT -> 0
        b: SELECT count(*) FROM stock -> (3) 1
        ",
    ),
    (
        "an id that is older than the snapshot is not found when what it changed is read",
        "
        r: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        w: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        w: LOCK TABLE stock IN ACCESS EXCLUSIVE MODE -> 0
        r: SELECT sku FROM stock WHERE price = 5 -> waits
        w: SELECT count(*) FROM stock -> (3) 1
        w: UPDATE stock SET price = 5 WHERE sku = 'c' -> 1
        w: COMMIT -> 0
        r: ... SELECT sku FROM stock WHERE price = 5 -> 0
        r: UPDATE stock SET left_over = 0 WHERE sku = 'b' -> 1
        r: COMMIT -> 0
        ",
    ),
    (
        "a delete that came too late still waits for who has locked that version",
        "
        w: BEGIN -> 0
        w: UPDATE stock SET price = 5 WHERE sku = 'b' -> 1
        d: BEGIN ISOLATION LEVEL REPEATABLE READ -> 0
        d: DELETE FROM stock WHERE sku = 'b' -> waits
        k: BEGIN ISOLATION LEVEL REPEATABLE READ -> 0
        k: SELECT sku FROM stock WHERE sku = 'b' FOR KEY SHARE -> (b) 1
        w: COMMIT -> 0
        k: COMMIT -> 0
        d: ... DELETE FROM stock WHERE sku = 'b' -> 40001
        ",
    ),
    (
        "a table is locked in the mode of each part of a statement, one after the other",
        "
        d: BEGIN -> 0
        d: LOCK TABLE stock -> 0
        u: WITH x AS (SELECT sku FROM stock WHERE sku = 'a' FOR UPDATE) UPDATE stock SET price = 5 FROM x WHERE stock.sku = x.sku -> waits
        s: BEGIN -> 0
        s: LOCK TABLE stock IN SHARE MODE -> waits
        d: COMMIT -> 0
        s: ... LOCK TABLE stock IN SHARE MODE -> 0
        s: COMMIT -> 0
        u: ... WITH x AS (SELECT sku FROM stock WHERE sku = 'a' FOR UPDATE) UPDATE stock SET price = 5 FROM x WHERE stock.sku = x.sku -> 1
        ",
    ),
    (
        "a table that was dropped meanwhile is not locked",
        "
        d: BEGIN -> 0
        d: DROP TABLE stock -> 0
        l: BEGIN -> 0
        l: LOCK TABLE stock IN EXCLUSIVE MODE -> waits
        d: COMMIT -> 0
        l: ... LOCK TABLE stock IN EXCLUSIVE MODE -> 42P01
        ",
    ),
    (
        "who is to fail is told where a scan meets a row that is dead to all, once",
        "
        d: DELETE FROM stock WHERE sku = 'b' -> 1
        r: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        r: SELECT count(*) FROM stock -> (2) 1
        q: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        q: SELECT sku FROM stock WHERE sku > 'x' -> 0
        w: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        w: INSERT INTO stock VALUES ('y', 1) -> 1
        r: INSERT INTO stock VALUES ('z', 1) -> 1
        w: COMMIT -> 0
        r: SELECT sku FROM stock WHERE sku = 'n' -> 0
        r: SELECT sku FROM stock WHERE sku = 'b' -> 40001
        ",
    ),
    (
        "a dead row that was met before is no matter to who is to fail",
        "
        d: DELETE FROM stock WHERE sku = 'b' -> 1
        d: SELECT sku FROM stock WHERE sku = 'b' -> 0
        r: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        r: SELECT count(*) FROM stock -> (2) 1
        q: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        q: SELECT sku FROM stock WHERE sku > 'x' -> 0
        w: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        w: INSERT INTO stock VALUES ('y', 1) -> 1
        r: INSERT INTO stock VALUES ('z', 1) -> 1
        w: COMMIT -> 0
        r: SELECT sku FROM stock WHERE sku = 'b' -> 0
        r: SELECT sku FROM stock WHERE price = 1 -> 40001
        ",
    ),
    (
        "what a scan has come by before it waits in a call is not looked at again",
        "
        h: BEGIN -> 0
        h: SELECT pg_advisory_xact_lock(2) -> () 1
        w: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        w: UPDATE stock SET price = 1 WHERE left_over % 2 = 0 -> 1
        r: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        r: INSERT INTO stock VALUES ('d', 4) -> 1
        r: SELECT sku FROM stock WHERE left_over > 1 AND pg_advisory_xact_lock(left_over) IS NOT NULL -> waits
        w: COMMIT -> 0
        h: COMMIT -> 0
        r: ... SELECT sku FROM stock WHERE left_over > 1 AND pg_advisory_xact_lock(left_over) IS NOT NULL -> (b) (c) (d) 3
        r: COMMIT -> 40001
        ",
    ),
    (
        "a transaction is not found any more by any of its ids once nobody overlaps it",
        "
        w: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        w: INSERT INTO stock VALUES ('d', 4) -> 1
        w: SAVEPOINT t -> 0
        w: UPDATE stock SET price = 1 WHERE sku = 'b' -> 1
        w: COMMIT -> 0
        r: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        r: DELETE FROM stock WHERE sku = 'd' -> 1
        r: SELECT sku FROM stock ORDER BY sku -> (a) (b) (c) 3
        r: COMMIT -> 0
        ",
    ),
    (
        "of two pivots the one that came into conflict first is to fail",
        "
        d: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        d: DELETE FROM stock WHERE sku = 'b' -> 1
        p: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        p: UPDATE stock SET price = 9 WHERE sku = 'c' -> 1
        q: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        q: UPDATE stock SET price = 8 WHERE sku = 'a' -> 1
        q: SELECT count(*) FROM stock -> (3) 1
        p: SELECT count(*) FROM stock -> (3) 1
        d: COMMIT -> 0
        p: SELECT sku FROM stock WHERE sku = 'c' -> (c) 1
        q: SELECT sku FROM stock WHERE sku = 'a' -> 40001
        ",
    ),
    (
        "who is to fail is told in the scan before the first call",
        "
        r: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        r: SELECT sku FROM stock WHERE left_over > 0 -> (a) (b) (c) 3
        d: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        d: DELETE FROM stock WHERE left_over = 1 -> 1
        r: UPDATE stock SET price = 1 WHERE sku = 'c' -> 1
        r: COMMIT -> 0
        d: SELECT sku FROM stock WHERE left_over > 0 AND pg_advisory_xact_lock(left_over) IS NOT NULL -> 40001
        ",
    ),
    (
        "who begins to listen looks at what was told before, with a snapshot",
        "
        a: NOTIFY channel -> 0
        a: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        a: UPDATE stock SET price = 1 WHERE sku = 'a' -> 1
        b: BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE -> 0
        b: LISTEN channel -> 0
        b: COMMIT -> waits
        a: COMMIT -> 0
        b: ... COMMIT -> 0
        a: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        a: UPDATE stock SET price = 2 WHERE sku = 'a' -> 1
        c: BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE -> 0
        c: LISTEN channel -> 0
        c: COMMIT -> 0
        a: COMMIT -> 0
        ",
    ),
    (
        "what cannot be planned can be prepared",
        "
        a: PREPARE p AS INSERT INTO stock VALUES ('a', 1) ON CONFLICT (price) DO NOTHING -> 0
        a: EXECUTE p -> 42P10
        a: PREPARE q AS SELECT 1 FROM stock LEFT JOIN orders ON key = sku FOR UPDATE OF orders -> 0
        a: BEGIN READ ONLY -> 0
        a: EXECUTE q -> 0A000
        a: ROLLBACK -> 0
        a: BEGIN READ ONLY -> 0
        a: EXECUTE p -> 42P10
        a: ROLLBACK -> 0
        a: CREATE UNIQUE INDEX ON stock (price, sku) -> 0
        a: EXECUTE p -> 42P10
        a: CREATE UNIQUE INDEX ON orders (n) -> 0
        a: PREPARE r AS INSERT INTO orders VALUES (1) ON CONFLICT (n) DO NOTHING -> 0
        a: EXECUTE r -> 1
        a: EXECUTE r -> 0
        ",
    ),
    (
        "that a name is taken is told once the tables are locked",
        "
        a: PREPARE p AS UPDATE stock SET price = 1 -> 0
        b: BEGIN -> 0
        b: LOCK TABLE stock -> 0
        a: PREPARE p AS UPDATE stock SET price = 2 -> waits
        b: COMMIT -> 0
        a: ... PREPARE p AS UPDATE stock SET price = 2 -> 42P05
        a: PREPARE p AS SELECT * FROM nowhere -> 42P01
        ",
    ),
    (
        "a small table that was counted is read whole",
        "
        a: ANALYZE stock -> 0
        a: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        b: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        a: SELECT price FROM stock WHERE sku = 'a' -> (7) 1
        b: SELECT price FROM stock WHERE sku = 'b' -> (7) 1
        a: UPDATE stock SET price = 1 WHERE sku = 'a' -> 1
        b: UPDATE stock SET price = 1 WHERE sku = 'b' -> 1
        a: COMMIT -> 0
        b: COMMIT -> 40001
        ",
    ),
];

/// Where a real server lets two sessions go at once and the faster decides:
/// name, our transcript, and the other that it may give.
pub const RACES: &[(&str, &str, &str)] = &[(
    "who waited for an update that was kept waits for what came of it",
    "
    a: BEGIN -> 0
    b: BEGIN ISOLATION LEVEL REPEATABLE READ -> 0
    b: SELECT pg_advisory_xact_lock(1) -> () 1
    c: BEGIN -> 0
    c: UPDATE stock SET price = 6 WHERE sku = 'c' -> 1
    a: UPDATE stock SET price = 5 WHERE sku = 'c' -> waits
    b: SELECT sku FROM stock WHERE sku = 'c' FOR UPDATE -> waits
    c: COMMIT -> 0
    a: ... UPDATE stock SET price = 5 WHERE sku = 'c' -> 1
    a: ROLLBACK -> 0
    b: ... SELECT sku FROM stock WHERE sku = 'c' FOR UPDATE -> 40001
    b: ROLLBACK -> 0
    ",
    "
    a: BEGIN -> 0
    b: BEGIN ISOLATION LEVEL REPEATABLE READ -> 0
    b: SELECT pg_advisory_xact_lock(1) -> () 1
    c: BEGIN -> 0
    c: UPDATE stock SET price = 6 WHERE sku = 'c' -> 1
    a: UPDATE stock SET price = 5 WHERE sku = 'c' -> waits
    b: SELECT sku FROM stock WHERE sku = 'c' FOR UPDATE -> waits
    c: COMMIT -> 0
    a: ... UPDATE stock SET price = 5 WHERE sku = 'c' -> 1
    b: ... SELECT sku FROM stock WHERE sku = 'c' FOR UPDATE -> 40001
    a: ROLLBACK -> 0
    b: ROLLBACK -> 0
    ",
)];
