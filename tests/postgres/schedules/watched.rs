//! What others see of a session: its locks, what it waits for, what it does.

/// Name, transcript.
pub const SCHEDULES: &[(&str, &str)] = &[
    (
        "an UPDATE that waits, and a queue of them behind its tuple lock",
        r#"
        a: SET application_name = 'a' -> 0
        b: SET application_name = 'b' -> 0
        c: SET application_name = 'c' -> 0
        a: BEGIN -> 0
        a: UPDATE stock SET left_over = 0 WHERE sku = 'a' -> 1
        b: UPDATE stock SET left_over = 5 WHERE sku = 'a' -> waits
        c: UPDATE stock SET left_over = 6 WHERE sku = 'a' -> waits
        w: SELECT a.application_name, l.locktype, l.relation::regclass, l.page, l.tuple, l.classid, l.objid, l.objsubid, l.mode, l.granted, l.fastpath, l.waitstart IS NULL FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name IN ('a', 'b', 'c') ORDER BY 1, 2, l.relation::regclass::text, 4, 5, 9, 7, 10 -> (a,relation,stock,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,t,t) (a,relation,stock_pkey,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,t,t) (a,transactionid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,f,t) (a,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) (b,relation,stock,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,t,t) (b,relation,stock_pkey,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,t,t) (b,transactionid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,f,t) (b,transactionid,NULL,NULL,NULL,NULL,NULL,NULL,ShareLock,f,f,f) (b,tuple,stock,0,1,NULL,NULL,NULL,ExclusiveLock,t,f,t) (b,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) (c,relation,stock,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,t,t) (c,relation,stock_pkey,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,t,t) (c,transactionid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,f,t) (c,tuple,stock,0,1,NULL,NULL,NULL,ExclusiveLock,f,f,f) (c,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) 15
        w: SELECT application_name, state, wait_event_type, wait_event, query, xact_start IS NULL, query_start <= state_change, backend_xid IS NULL, backend_xmin IS NULL, backend_type FROM pg_stat_activity WHERE application_name IN ('a', 'b', 'c') ORDER BY 1 -> (a,idle in transaction,Client,ClientRead,UPDATE stock SET left_over = 0 WHERE sku = 'a',f,t,f,t,client backend) (b,active,Lock,transactionid,UPDATE stock SET left_over = 5 WHERE sku = 'a',f,t,f,f,client backend) (c,active,Lock,tuple,UPDATE stock SET left_over = 6 WHERE sku = 'a',f,t,f,f,client backend) 3
        w: SELECT application_name, (SELECT string_agg(o.application_name, ',' ORDER BY o.application_name) FROM pg_stat_activity o WHERE o.pid = ANY (pg_blocking_pids(s.pid))) FROM pg_stat_activity s WHERE application_name IN ('a', 'b', 'c') ORDER BY 1 -> (a,NULL) (b,a) (c,b) 3
        a: COMMIT -> 0
        b: ... UPDATE stock SET left_over = 5 WHERE sku = 'a' -> 1
        c: ... UPDATE stock SET left_over = 6 WHERE sku = 'a' -> 1
        w: SELECT application_name, state, wait_event, xact_start IS NULL, query FROM pg_stat_activity WHERE application_name IN ('a', 'b', 'c') AND state <> 'idle' ORDER BY 1 -> 0
        "#,
    ),
    (
        "SELECT FOR UPDATE in line for a row that was updated before",
        r#"
        a: SET application_name = 'a' -> 0
        b: SET application_name = 'b' -> 0
        c: SET application_name = 'c' -> 0
        a: UPDATE stock SET left_over = 7 WHERE sku = 'b' -> 1
        a: BEGIN -> 0
        a: SELECT * FROM stock WHERE sku = 'b' FOR UPDATE -> (b,7,7) 1
        b: SELECT sku FROM stock WHERE sku = 'b' FOR UPDATE -> waits
        c: SELECT sku FROM stock WHERE sku = 'b' FOR SHARE -> waits
        w: SELECT a.application_name, l.locktype, l.relation::regclass, l.page, l.tuple, l.classid, l.objid, l.objsubid, l.mode, l.granted, l.fastpath, l.waitstart IS NULL FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name IN ('a', 'b', 'c') ORDER BY 1, 2, l.relation::regclass::text, 4, 5, 9, 7, 10 -> (a,relation,stock,NULL,NULL,NULL,NULL,NULL,RowShareLock,t,t,t) (a,relation,stock_pkey,NULL,NULL,NULL,NULL,NULL,RowShareLock,t,t,t) (a,transactionid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,f,t) (a,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) (b,relation,stock,NULL,NULL,NULL,NULL,NULL,RowShareLock,t,t,t) (b,relation,stock_pkey,NULL,NULL,NULL,NULL,NULL,RowShareLock,t,t,t) (b,transactionid,NULL,NULL,NULL,NULL,NULL,NULL,ShareLock,f,f,f) (b,tuple,stock,0,4,NULL,NULL,NULL,AccessExclusiveLock,t,f,t) (b,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) (c,relation,stock,NULL,NULL,NULL,NULL,NULL,RowShareLock,t,t,t) (c,relation,stock_pkey,NULL,NULL,NULL,NULL,NULL,RowShareLock,t,t,t) (c,tuple,stock,0,4,NULL,NULL,NULL,RowShareLock,f,f,f) (c,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) 13
        w: SELECT application_name, state, wait_event_type, wait_event, query, xact_start IS NULL, query_start <= state_change, backend_xid IS NULL, backend_xmin IS NULL, backend_type FROM pg_stat_activity WHERE application_name IN ('a', 'b', 'c') ORDER BY 1 -> (a,idle in transaction,Client,ClientRead,SELECT * FROM stock WHERE sku = 'b' FOR UPDATE,f,t,f,t,client backend) (b,active,Lock,transactionid,SELECT sku FROM stock WHERE sku = 'b' FOR UPDATE,f,t,t,f,client backend) (c,active,Lock,tuple,SELECT sku FROM stock WHERE sku = 'b' FOR SHARE,f,t,t,f,client backend) 3
        w: SELECT application_name, (SELECT string_agg(o.application_name, ',' ORDER BY o.application_name) FROM pg_stat_activity o WHERE o.pid = ANY (pg_blocking_pids(s.pid))) FROM pg_stat_activity s WHERE application_name IN ('a', 'b', 'c') ORDER BY 1 -> (a,NULL) (b,a) (c,b) 3
        a: ROLLBACK -> 0
        b: ... SELECT sku FROM stock WHERE sku = 'b' FOR UPDATE -> (b) 1
        c: ... SELECT sku FROM stock WHERE sku = 'b' FOR SHARE -> (b) 1
        "#,
    ),
    (
        "LOCK TABLE, and who waits for it",
        r#"
        a: SET application_name = 'a' -> 0
        b: SET application_name = 'b' -> 0
        c: SET application_name = 'c' -> 0
        a: BEGIN -> 0
        a: LOCK TABLE stock IN ROW EXCLUSIVE MODE -> 0
        w: SELECT a.application_name, l.locktype, l.relation::regclass, l.page, l.tuple, l.classid, l.objid, l.objsubid, l.mode, l.granted, l.fastpath, l.waitstart IS NULL FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name IN ('a', 'b', 'c') ORDER BY 1, 2, l.relation::regclass::text, 4, 5, 9, 7, 10 -> (a,relation,stock,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,t,t) (a,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) 2
        b: BEGIN -> 0
        b: LOCK TABLE stock IN SHARE MODE -> waits
        c: SELECT count(*) FROM stock -> (3) 1
        w: SELECT a.application_name, l.locktype, l.relation::regclass, l.page, l.tuple, l.classid, l.objid, l.objsubid, l.mode, l.granted, l.fastpath, l.waitstart IS NULL FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name IN ('a', 'b', 'c') ORDER BY 1, 2, l.relation::regclass::text, 4, 5, 9, 7, 10 -> (a,relation,stock,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,f,t) (a,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) (b,relation,stock,NULL,NULL,NULL,NULL,NULL,ShareLock,f,f,f) (b,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) 4
        w: SELECT application_name, state, wait_event, xact_start IS NULL, query FROM pg_stat_activity WHERE application_name IN ('a', 'b', 'c') AND state <> 'idle' ORDER BY 1 -> (a,idle in transaction,ClientRead,f,LOCK TABLE stock IN ROW EXCLUSIVE MODE) (b,active,relation,f,LOCK TABLE stock IN SHARE MODE) 2
        w: SELECT application_name, (SELECT string_agg(o.application_name, ',' ORDER BY o.application_name) FROM pg_stat_activity o WHERE o.pid = ANY (pg_blocking_pids(s.pid))) FROM pg_stat_activity s WHERE application_name IN ('a', 'b', 'c') ORDER BY 1 -> (a,NULL) (b,a) (c,NULL) 3
        a: COMMIT -> 0
        b: ... LOCK TABLE stock IN SHARE MODE -> 0
        c: INSERT INTO stock VALUES ('d', 1) -> waits
        w: SELECT a.application_name, l.locktype, l.relation::regclass, l.page, l.tuple, l.classid, l.objid, l.objsubid, l.mode, l.granted, l.fastpath, l.waitstart IS NULL FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name IN ('a', 'b', 'c') ORDER BY 1, 2, l.relation::regclass::text, 4, 5, 9, 7, 10 -> (b,relation,stock,NULL,NULL,NULL,NULL,NULL,ShareLock,t,f,t) (b,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) (c,relation,stock,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,f,f,f) (c,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) 4
        b: COMMIT -> 0
        c: ... INSERT INTO stock VALUES ('d', 1) -> 1
        w: SELECT a.application_name, l.locktype, l.relation::regclass, l.page, l.tuple, l.classid, l.objid, l.objsubid, l.mode, l.granted, l.fastpath, l.waitstart IS NULL FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name IN ('a', 'b', 'c') ORDER BY 1, 2, l.relation::regclass::text, 4, 5, 9, 7, 10 -> 0
        "#,
    ),
    (
        "advisory locks of session and transaction",
        r#"
        a: SET application_name = 'a' -> 0
        b: SET application_name = 'b' -> 0
        c: SET application_name = 'c' -> 0
        a: SELECT pg_advisory_lock(7) -> () 1
        a: SELECT pg_advisory_lock_shared(1, -2) -> () 1
        a: SELECT pg_advisory_lock(-1) -> () 1
        b: BEGIN -> 0
        b: SELECT pg_advisory_xact_lock(7) -> waits
        c: SELECT pg_advisory_xact_lock_shared(1, -2) -> () 1
        w: SELECT a.application_name, l.locktype, l.relation::regclass, l.page, l.tuple, l.classid, l.objid, l.objsubid, l.mode, l.granted, l.fastpath, l.waitstart IS NULL FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name IN ('a', 'b', 'c') ORDER BY 1, 2, l.relation::regclass::text, 4, 5, 9, 7, 10 -> (a,advisory,NULL,NULL,NULL,0,7,1,ExclusiveLock,t,f,t) (a,advisory,NULL,NULL,NULL,4294967295,4294967295,1,ExclusiveLock,t,f,t) (a,advisory,NULL,NULL,NULL,1,4294967294,2,ShareLock,t,f,t) (b,advisory,NULL,NULL,NULL,0,7,1,ExclusiveLock,f,f,f) (b,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) 5
        w: SELECT application_name, state, wait_event_type, wait_event, query, xact_start IS NULL, query_start <= state_change, backend_xid IS NULL, backend_xmin IS NULL, backend_type FROM pg_stat_activity WHERE application_name IN ('a', 'b', 'c') ORDER BY 1 -> (a,idle,Client,ClientRead,SELECT pg_advisory_lock(-1),t,t,t,t,client backend) (b,active,Lock,advisory,SELECT pg_advisory_xact_lock(7),f,t,t,f,client backend) (c,idle,Client,ClientRead,SELECT pg_advisory_xact_lock_shared(1, -2),t,t,t,t,client backend) 3
        w: SELECT application_name, (SELECT string_agg(o.application_name, ',' ORDER BY o.application_name) FROM pg_stat_activity o WHERE o.pid = ANY (pg_blocking_pids(s.pid))) FROM pg_stat_activity s WHERE application_name IN ('a', 'b', 'c') ORDER BY 1 -> (a,NULL) (b,a) (c,NULL) 3
        a: SELECT pg_advisory_unlock(7) -> (t) 1
        b: ... SELECT pg_advisory_xact_lock(7) -> () 1
        w: SELECT a.application_name, l.locktype, l.relation::regclass, l.page, l.tuple, l.classid, l.objid, l.objsubid, l.mode, l.granted, l.fastpath, l.waitstart IS NULL FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name IN ('a', 'b', 'c') ORDER BY 1, 2, l.relation::regclass::text, 4, 5, 9, 7, 10 -> (a,advisory,NULL,NULL,NULL,4294967295,4294967295,1,ExclusiveLock,t,f,t) (a,advisory,NULL,NULL,NULL,1,4294967294,2,ShareLock,t,f,t) (b,advisory,NULL,NULL,NULL,0,7,1,ExclusiveLock,t,f,t) (b,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) 4
        b: COMMIT -> 0
        "#,
    ),
    (
        "idle in transactions that read, that wrote, that failed",
        r#"
        a: SET application_name = 'a' -> 0
        b: SET application_name = 'b' -> 0
        c: SET application_name = 'c' -> 0
        a: BEGIN -> 0
        a: SELECT left_over FROM stock WHERE sku = 'a' -> (1) 1
        b: BEGIN ISOLATION LEVEL REPEATABLE READ -> 0
        b: INSERT INTO orders (key) VALUES ('k') -> 1
        c: BEGIN -> 0
        c: INSERT INTO orders (key) VALUES ('k2') -> 1
        c: SELECT 1/0 -> 22012
        w: SELECT a.application_name, l.locktype, l.relation::regclass, l.page, l.tuple, l.classid, l.objid, l.objsubid, l.mode, l.granted, l.fastpath, l.waitstart IS NULL FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name IN ('a', 'b', 'c') ORDER BY 1, 2, l.relation::regclass::text, 4, 5, 9, 7, 10 -> (a,relation,stock,NULL,NULL,NULL,NULL,NULL,AccessShareLock,t,t,t) (a,relation,stock_pkey,NULL,NULL,NULL,NULL,NULL,AccessShareLock,t,t,t) (a,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) (b,relation,orders,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,t,t) (b,relation,orders_id_seq,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,t,t) (b,transactionid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,f,t) (b,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) 7
        w: SELECT application_name, state, wait_event_type, wait_event, query, xact_start IS NULL, query_start <= state_change, backend_xid IS NULL, backend_xmin IS NULL, backend_type FROM pg_stat_activity WHERE application_name IN ('a', 'b', 'c') ORDER BY 1 -> (a,idle in transaction,Client,ClientRead,SELECT left_over FROM stock WHERE sku = 'a',f,t,t,t,client backend) (b,idle in transaction,Client,ClientRead,INSERT INTO orders (key) VALUES ('k'),f,t,f,f,client backend) (c,idle in transaction (aborted),Client,ClientRead,SELECT 1/0,t,t,t,t,client backend) 3
        b: SAVEPOINT s -> 0
        b: DELETE FROM orders -> 1
        w: SELECT a.application_name, l.locktype, l.relation::regclass, l.page, l.tuple, l.classid, l.objid, l.objsubid, l.mode, l.granted, l.fastpath, l.waitstart IS NULL FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name IN ('a', 'b', 'c') ORDER BY 1, 2, l.relation::regclass::text, 4, 5, 9, 7, 10 -> (a,relation,stock,NULL,NULL,NULL,NULL,NULL,AccessShareLock,t,t,t) (a,relation,stock_pkey,NULL,NULL,NULL,NULL,NULL,AccessShareLock,t,t,t) (a,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) (b,relation,orders,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,t,t) (b,relation,orders_id_seq,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,t,t) (b,relation,orders_key_key,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,t,t) (b,relation,orders_pkey,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,t,t) (b,transactionid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,f,t) (b,transactionid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,f,t) (b,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) 10
        b: ROLLBACK TO s -> 0
        c: ROLLBACK -> 0
        b: COMMIT -> 0
        a: SELECT 2 -> (2) 1
        a: SELECT 1 -> (1) 1
        a: COMMIT -> 0
        w: SELECT application_name, state, wait_event, xact_start IS NULL, query FROM pg_stat_activity WHERE application_name IN ('a', 'b', 'c') AND state <> 'idle' ORDER BY 1 -> 0
        "#,
    ),
    (
        "an INSERT, an INSERT that names a key, and an UPDATE",
        r#"
        a: SET application_name = 'a' -> 0
        b: SET application_name = 'b' -> 0
        a: BEGIN -> 0
        a: INSERT INTO stock VALUES ('x', 1) -> 1
        w: SELECT a.application_name, l.locktype, l.relation::regclass, l.page, l.tuple, l.classid, l.objid, l.objsubid, l.mode, l.granted, l.fastpath, l.waitstart IS NULL FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name IN ('a', 'b', 'c') ORDER BY 1, 2, l.relation::regclass::text, 4, 5, 9, 7, 10 -> (a,relation,stock,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,t,t) (a,transactionid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,f,t) (a,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) 3
        a: INSERT INTO stock VALUES ('x', 1) ON CONFLICT (sku) DO NOTHING -> 0
        w: SELECT a.application_name, l.locktype, l.relation::regclass, l.page, l.tuple, l.classid, l.objid, l.objsubid, l.mode, l.granted, l.fastpath, l.waitstart IS NULL FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name IN ('a', 'b', 'c') ORDER BY 1, 2, l.relation::regclass::text, 4, 5, 9, 7, 10 -> (a,relation,stock,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,t,t) (a,relation,stock_pkey,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,t,t) (a,transactionid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,f,t) (a,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) 4
        a: ROLLBACK -> 0
        b: BEGIN -> 0
        b: INSERT INTO stock VALUES ('x', 1) -> 1
        b: SELECT count(*) FROM stock -> (4) 1
        b: UPDATE stock SET price = 1 -> 4
        w: SELECT a.application_name, l.locktype, l.relation::regclass, l.page, l.tuple, l.classid, l.objid, l.objsubid, l.mode, l.granted, l.fastpath, l.waitstart IS NULL FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name IN ('a', 'b', 'c') ORDER BY 1, 2, l.relation::regclass::text, 4, 5, 9, 7, 10 -> (b,relation,stock,NULL,NULL,NULL,NULL,NULL,AccessShareLock,t,t,t) (b,relation,stock,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,t,t) (b,relation,stock_pkey,NULL,NULL,NULL,NULL,NULL,AccessShareLock,t,t,t) (b,relation,stock_pkey,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,t,t) (b,transactionid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,f,t) (b,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) 6
        b: SELECT lastval() -> 55000
        b: ROLLBACK -> 0
        w: SELECT a.application_name, l.locktype, l.relation::regclass, l.page, l.tuple, l.classid, l.objid, l.objsubid, l.mode, l.granted, l.fastpath, l.waitstart IS NULL FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name IN ('a', 'b', 'c') ORDER BY 1, 2, l.relation::regclass::text, 4, 5, 9, 7, 10 -> 0
        "#,
    ),
    (
        "what serializable transactions have read",
        r#"
        a: SET application_name = 'a' -> 0
        b: SET application_name = 'b' -> 0
        c: SET application_name = 'c' -> 0
        a: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        a: SELECT left_over FROM stock WHERE sku = 'a' -> (1) 1
        b: BEGIN ISOLATION LEVEL SERIALIZABLE -> 0
        b: SELECT sum(n) FROM orders -> (NULL) 1
        w: SELECT a.application_name, l.locktype, l.relation::regclass, l.page, l.tuple, l.classid, l.objid, l.objsubid, l.mode, l.granted, l.fastpath, l.waitstart IS NULL FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name IN ('a', 'b', 'c') ORDER BY 1, 2, l.relation::regclass::text, 4, 5, 9, 7, 10 -> (a,page,stock_pkey,1,NULL,NULL,NULL,NULL,SIReadLock,t,f,t) (a,relation,stock,NULL,NULL,NULL,NULL,NULL,AccessShareLock,t,t,t) (a,relation,stock_pkey,NULL,NULL,NULL,NULL,NULL,AccessShareLock,t,t,t) (a,tuple,stock,0,1,NULL,NULL,NULL,SIReadLock,t,f,t) (a,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) (b,relation,orders,NULL,NULL,NULL,NULL,NULL,AccessShareLock,t,t,t) (b,relation,orders,NULL,NULL,NULL,NULL,NULL,SIReadLock,t,f,t) (b,relation,orders_key_key,NULL,NULL,NULL,NULL,NULL,AccessShareLock,t,t,t) (b,relation,orders_pkey,NULL,NULL,NULL,NULL,NULL,AccessShareLock,t,t,t) (b,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) 10
        b: COMMIT -> 0
        w: SELECT a.application_name, l.locktype, l.relation::regclass, l.page, l.tuple, l.classid, l.objid, l.objsubid, l.mode, l.granted, l.fastpath, l.waitstart IS NULL FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name IN ('a', 'b', 'c') ORDER BY 1, 2, l.relation::regclass::text, 4, 5, 9, 7, 10 -> (a,page,stock_pkey,1,NULL,NULL,NULL,NULL,SIReadLock,t,f,t) (a,relation,stock,NULL,NULL,NULL,NULL,NULL,AccessShareLock,t,t,t) (a,relation,stock_pkey,NULL,NULL,NULL,NULL,NULL,AccessShareLock,t,t,t) (a,tuple,stock,0,1,NULL,NULL,NULL,SIReadLock,t,f,t) (a,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) (b,relation,orders,NULL,NULL,NULL,NULL,NULL,SIReadLock,t,f,t) 6
        a: COMMIT -> 0
        w: SELECT a.application_name, l.locktype, l.relation::regclass, l.page, l.tuple, l.classid, l.objid, l.objsubid, l.mode, l.granted, l.fastpath, l.waitstart IS NULL FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name IN ('a', 'b', 'c') ORDER BY 1, 2, l.relation::regclass::text, 4, 5, 9, 7, 10 -> 0
        "#,
    ),
    (
        "a unique key that another transaction has just taken",
        r#"
        a: SET application_name = 'a' -> 0
        b: SET application_name = 'b' -> 0
        c: SET application_name = 'c' -> 0
        a: BEGIN -> 0
        a: INSERT INTO orders (key) VALUES ('k') -> 1
        b: INSERT INTO orders (key) VALUES ('k') -> waits
        w: SELECT a.application_name, l.locktype, l.relation::regclass, l.page, l.tuple, l.classid, l.objid, l.objsubid, l.mode, l.granted, l.fastpath, l.waitstart IS NULL FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name IN ('a', 'b', 'c') ORDER BY 1, 2, l.relation::regclass::text, 4, 5, 9, 7, 10 -> (a,relation,orders,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,t,t) (a,relation,orders_id_seq,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,t,t) (a,transactionid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,f,t) (a,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) (b,relation,orders,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,t,t) (b,relation,orders_id_seq,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,t,t) (b,relation,orders_key_key,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,t,t) (b,relation,orders_pkey,NULL,NULL,NULL,NULL,NULL,RowExclusiveLock,t,t,t) (b,transactionid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,f,t) (b,transactionid,NULL,NULL,NULL,NULL,NULL,NULL,ShareLock,f,f,f) (b,virtualxid,NULL,NULL,NULL,NULL,NULL,NULL,ExclusiveLock,t,t,t) 11
        w: SELECT application_name, state, wait_event_type, wait_event, query, xact_start IS NULL, query_start <= state_change, backend_xid IS NULL, backend_xmin IS NULL, backend_type FROM pg_stat_activity WHERE application_name IN ('a', 'b', 'c') ORDER BY 1 -> (a,idle in transaction,Client,ClientRead,INSERT INTO orders (key) VALUES ('k'),f,t,f,t,client backend) (b,active,Lock,transactionid,INSERT INTO orders (key) VALUES ('k'),f,t,f,f,client backend) (c,idle,Client,ClientRead,SET application_name = 'c',t,t,t,t,client backend) 3
        w: SELECT application_name, (SELECT string_agg(o.application_name, ',' ORDER BY o.application_name) FROM pg_stat_activity o WHERE o.pid = ANY (pg_blocking_pids(s.pid))) FROM pg_stat_activity s WHERE application_name IN ('a', 'b', 'c') ORDER BY 1 -> (a,NULL) (b,a) (c,NULL) 3
        a: COMMIT -> 0
        b: ... INSERT INTO orders (key) VALUES ('k') -> 23505
        "#,
    ),
    (
        "one's own lock on the view itself",
        r#"
        a: BEGIN -> 0
        a: SELECT locktype, relation::regclass, mode, granted, fastpath FROM pg_locks WHERE pid = pg_backend_pid() ORDER BY 1, 2 -> (relation,pg_locks,AccessShareLock,t,t) (virtualxid,NULL,ExclusiveLock,t,t) 2
        a: SELECT state, query FROM pg_stat_activity WHERE pid = pg_backend_pid() -> (active,SELECT state, query FROM pg_stat_activity WHERE pid = pg_backend_pid()) 1
        a: SELECT locktype, relation::regclass::text, mode, granted, fastpath FROM pg_locks WHERE pid = pg_backend_pid() ORDER BY 1, 2 -> (relation,pg_authid,AccessShareLock,t,f) (relation,pg_authid_oid_index,AccessShareLock,t,f) (relation,pg_authid_rolname_index,AccessShareLock,t,f) (relation,pg_database,AccessShareLock,t,f) (relation,pg_database_datname_index,AccessShareLock,t,f) (relation,pg_database_oid_index,AccessShareLock,t,f) (relation,pg_locks,AccessShareLock,t,t) (relation,pg_stat_activity,AccessShareLock,t,t) (virtualxid,NULL,ExclusiveLock,t,t) 9
        a: COMMIT -> 0
        a: SELECT 'stock'::regclass::oid = c.oid, c.oid::regclass, 0::regclass, 12345::regclass, 'pg_class'::regclass::int FROM pg_class c WHERE relname = 'stock' -> (t,stock,-,12345,1259) 1
        a: SELECT 'nowhere'::regclass -> 42P01
        a: SELECT relname FROM pg_class WHERE oid = 'orders_pkey'::regclass -> (orders_pkey) 1
        "#,
    ),
    (
        "a relation of every kind by number",
        r#"
        a: CREATE VIEW cheap AS SELECT sku FROM stock -> 0
        a: CREATE TABLE "Odd" (n int) -> 0
        a: SELECT oid::regclass FROM pg_class WHERE relname IN ('cheap', 'Odd', 'orders_id_seq', 'stock_pkey') ORDER BY oid::regclass::text -> ("Odd") (cheap) (orders_id_seq) (stock_pkey) 4
        a: SELECT '"Odd"'::regclass, 'public.cheap'::regclass -> ("Odd",cheap) 1
        "#,
    ),
    (
        "a portal keeps what it saw, though it has given all its rows, until it is closed",
        r#"
        a: SET application_name = 'a' -> 0
        a: PREPARE p AS SELECT * FROM stock -> 0
        a: BEGIN -> 0
        a: extended: SELECT * FROM stock -> 3
        b: SELECT backend_xmin IS NOT NULL FROM pg_stat_activity WHERE application_name = 'a' -> (t) 1
        a: ROLLBACK -> 0
        a: BEGIN -> 0
        a: extended: SELECT * FROM stock LIMIT 1 FOR UPDATE -> 1
        b: SELECT backend_xmin IS NOT NULL FROM pg_stat_activity WHERE application_name = 'a' -> (t) 1
        a: ROLLBACK -> 0
        a: BEGIN -> 0
        a: extended: SELECT * FROM stock -> 3
        a: extended: UPDATE stock SET price = 1 -> 3
        b: SELECT backend_xmin IS NOT NULL FROM pg_stat_activity WHERE application_name = 'a' -> (f) 1
        a: ROLLBACK -> 0
        a: BEGIN -> 0
        a: extended: UPDATE stock SET price = 1 RETURNING sku -> 3
        b: SELECT backend_xmin IS NOT NULL FROM pg_stat_activity WHERE application_name = 'a' -> (t) 1
        a: ROLLBACK -> 0
        a: BEGIN -> 0
        a: extended: UPDATE stock SET price = 1 RETURNING sku -> 3
        a: SELECT 1 -> (1) 1
        b: SELECT backend_xmin IS NOT NULL FROM pg_stat_activity WHERE application_name = 'a' -> (f) 1
        a: ROLLBACK -> 0
        a: BEGIN -> 0
        a: extended: EXECUTE p -> 3
        b: SELECT backend_xmin IS NOT NULL FROM pg_stat_activity WHERE application_name = 'a' -> (t) 1
        a: ROLLBACK -> 0
        a: BEGIN -> 0
        a: extended: SELECT * FROM stock -> 3
        a: extended: LOCK TABLE stock -> 0
        b: SELECT backend_xmin IS NOT NULL FROM pg_stat_activity WHERE application_name = 'a' -> (f) 1
        a: ROLLBACK -> 0
        a: BEGIN -> 0
        a: SAVEPOINT s -> 0
        a: DECLARE c CURSOR FOR SELECT sku FROM stock -> 0
        a: FETCH ALL FROM c -> (a) (b) (c) 3
        a: ROLLBACK TO s -> 0
        b: SELECT backend_xmin IS NOT NULL FROM pg_stat_activity WHERE application_name = 'a' -> (f) 1
        a: ROLLBACK -> 0
        a: BEGIN -> 0
        a: DECLARE c CURSOR FOR SELECT sku FROM stock -> 0
        a: FETCH ALL FROM c -> (a) (b) (c) 3
        b: SELECT backend_xmin IS NOT NULL FROM pg_stat_activity WHERE application_name = 'a' -> (t) 1
        a: ROLLBACK -> 0
        "#,
    ),
    (
        "CREATE INDEX CONCURRENTLY waits for a portal that keeps what it saw",
        r#"
        a: BEGIN -> 0
        a: extended: SELECT * FROM orders -> 0
        b: CREATE INDEX CONCURRENTLY late ON stock (price) -> waits
        a: SELECT 1 -> (1) 1
        a: COMMIT -> 0
        b: ... CREATE INDEX CONCURRENTLY late ON stock (price) -> 0
        "#,
    ),
];
