//! The statements of random schedules: queries and changes of rows.
//!
//! Where PostgreSQL's planner may choose the order of a join, a statement
//! changes or locks one row at most, so that the order cannot show.

use doublebuy::draw::Draw;

pub struct Statements<'a> {
    pub draw: &'a mut Draw,
    /// Transactions may be SERIALIZABLE.
    pub serializable: bool,
}

impl Statements<'_> {
    /// One message: mostly one statement.
    pub fn any(&mut self) -> String {
        match self.draw.within(0..100) {
            0..3 => self.several(),
            3..6 => self.notification(),
            6..9 if !self.serializable => self.prepared(),
            9..12 if !self.serializable => self.define(),
            12..15 if !self.serializable => self.sequence(),
            _ => self.one(),
        }
    }

    /// One statement that reads, writes or locks.
    pub fn one(&mut self) -> String {
        let one_table = self.serializable;
        match self.draw.within(0..105) {
            100.. => self.derived(),
            0..9 => self.select(),
            9..24 => self.locking_select(),
            24..43 => self.update(),
            43..52 => self.delete(),
            52..63 => self.insert(),
            63..74 => self.upsert(),
            74..78 if !one_table => self.join(),
            78..84 if !one_table => self.with(),
            84..89 => self.lock_table(),
            89..97 => self.advisory(),
            97.. if one_table => "SELECT 1 / 0".to_owned(),
            97.. => "SELECT 1 / (SELECT count(*) - count(*) FROM a)".to_owned(),
            _ => self.select(),
        }
    }

    pub fn number(&mut self) -> u64 {
        self.draw.within(1..6)
    }

    pub fn condition(&mut self) -> String {
        let (n, m) = (self.number(), self.number());
        match self.draw.within(0..12) {
            0..4 => format!("id = {n}"),
            4 => format!("id IN ({n}, {m})"),
            5 => format!("id > {n}"),
            6 => format!("v = {}", 10 * n),
            7 => format!("v < {}", 10 * n),
            8 => format!("v % 20 = 0 AND id <> {n}"),
            9..11 => format!("id = {n} AND v <= {}", 10 * n),
            _ => "true".to_owned(),
        }
    }

    pub fn table(&mut self) -> &'static str {
        self.draw.pick(&["a", "a", "a", "b"])
    }

    fn returning(&mut self) -> &'static str {
        self.draw
            .pick(&["", "", " RETURNING *", " RETURNING id, v"])
    }

    pub fn policy(&mut self) -> &'static str {
        self.draw.pick(&["", "", "", " NOWAIT", " SKIP LOCKED"])
    }

    pub fn mode(&mut self) -> &'static str {
        self.draw
            .pick(&["UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE"])
    }

    fn select(&mut self) -> String {
        let (table, condition) = (self.table(), self.condition());
        match self.draw.within(0..9) {
            0..3 => format!("SELECT * FROM {table} WHERE {condition} ORDER BY id"),
            7 => format!("SELECT * FROM {table} WHERE {condition} ORDER BY id LIMIT 1"),
            8 => format!("SELECT * FROM {table} ORDER BY id DESC LIMIT 2"),
            3 => format!("SELECT count(*), sum(v) FROM {table} WHERE {condition}"),
            4 => {
                format!("SELECT v, count(*) FROM {table} GROUP BY v HAVING count(*) > 0 ORDER BY v")
            }
            5 => format!("SELECT DISTINCT v % 20 FROM {table} WHERE {condition} ORDER BY 1"),
            _ => format!("SELECT max(v) FROM {table}"),
        }
    }

    fn locking_select(&mut self) -> String {
        let (mode, policy, n) = (self.mode(), self.policy(), self.number());
        let (table, condition) = (self.table(), self.condition());
        match self.draw.within(0..10) {
            0 | 1 if !self.serializable => {
                let of = self.draw.pick(&["", " OF a", " OF b", " OF a, b"]);
                let join = self.draw.pick(&["JOIN", "LEFT JOIN"]);
                // The side that may be NULL cannot be locked.
                let of = if join == "LEFT JOIN" { " OF b" } else { of };
                format!(
                    "SELECT * FROM b {join} a ON b.aid = a.id WHERE b.id = {n} \
                     FOR {mode}{of}{policy}"
                )
            }
            2 if !self.serializable => {
                let second = self.mode();
                format!(
                    "SELECT * FROM a JOIN b ON b.aid = a.id WHERE b.id = {n} \
                     FOR {mode} OF a{policy} FOR {second} OF b{policy}"
                )
            }
            3 => format!(
                "SELECT * FROM {table} WHERE {condition} ORDER BY id LIMIT 1 FOR {mode}{policy}"
            ),
            4 => format!(
                "SELECT * FROM {table} ORDER BY v DESC, id OFFSET 1 LIMIT 1 FOR {mode}{policy}"
            ),
            _ => format!("SELECT * FROM {table} WHERE {condition} FOR {mode}{policy}"),
        }
    }

    fn update(&mut self) -> String {
        let (n, m) = (self.number(), self.number());
        let (condition, returning) = (self.condition(), self.returning());
        match self.draw.within(0..14) {
            0 => format!("UPDATE a SET k = {m} WHERE {condition}{returning}"),
            1 => format!("UPDATE a SET id = {m} WHERE id = {n}{returning}"),
            2 if !self.serializable => {
                format!("UPDATE a SET v = a.v + b.v FROM b WHERE b.aid = a.id AND a.id = {n}")
            }
            3 if !self.serializable => format!(
                "UPDATE a SET v = (SELECT count(*) FROM b WHERE b.aid = a.id) WHERE {condition}"
            ),
            4 => format!("UPDATE b SET v = v + 1, aid = {m} WHERE {condition}{returning}"),
            5 => format!("UPDATE a SET v = v - 10 WHERE id = {n} AND v >= 10{returning}"),
            6 if !self.serializable => format!(
                "UPDATE a SET v = {} WHERE id = {n} AND id IN (SELECT aid FROM b)",
                10 * m
            ),
            7 if !self.serializable => format!(
                "UPDATE a SET v = v + 1 WHERE id = \
                 (SELECT id FROM a WHERE v >= 10 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)\
                 {returning}"
            ),
            8 => format!("UPDATE a SET v = v - {} WHERE id = {n}{returning}", 10 * m),
            _ => {
                let table = self.table();
                format!("UPDATE {table} SET v = v + {n} WHERE {condition}{returning}")
            }
        }
    }

    fn delete(&mut self) -> String {
        let (table, condition, n) = (self.table(), self.condition(), self.number());
        let returning = self.returning();
        match self.draw.within(0..8) {
            7 if !self.serializable => {
                let policy = self.policy();
                format!(
                    "DELETE FROM a WHERE id = (SELECT id FROM a WHERE {condition} \
                     ORDER BY id LIMIT 1 FOR UPDATE{policy}){returning}"
                )
            }
            0 if !self.serializable => {
                format!("DELETE FROM b USING a WHERE b.aid = a.id AND b.id = {n} AND a.v > 20")
            }
            1 if !self.serializable => format!(
                "DELETE FROM a WHERE id = {n} AND NOT EXISTS \
                 (SELECT 1 FROM b WHERE b.aid = a.id)"
            ),
            2 if !self.serializable => format!(
                "DELETE FROM b WHERE id = (SELECT min(id) FROM b WHERE {condition}){returning}"
            ),
            _ => format!("DELETE FROM {table} WHERE {condition}{returning}"),
        }
    }

    fn insert(&mut self) -> String {
        let (n, m, returning) = (self.number(), self.number(), self.returning());
        match self.draw.within(0..7) {
            0 if !self.serializable => {
                format!("INSERT INTO b SELECT id + {n}, id, v FROM a WHERE id < 3{returning}")
            }
            1 => format!("INSERT INTO a VALUES ({n}, {m}, 5), ({m}, {n}, 6){returning}"),
            2 | 3 => format!("INSERT INTO b VALUES ({n}, {m}, {n}){returning}"),
            4 => format!("INSERT INTO a VALUES ({n}, NULL, NULL){returning}"),
            _ => format!("INSERT INTO a VALUES ({n}, {m}, {}){returning}", 10 * n),
        }
    }

    fn upsert(&mut self) -> String {
        let (n, m, returning) = (self.number(), self.number(), self.returning());
        let row = format!("INSERT INTO a AS old VALUES ({n}, {m}, {})", 10 * m);
        match self.draw.within(0..12) {
            0 => format!("{row} ON CONFLICT DO NOTHING{returning}"),
            7 => format!("{row} ON CONFLICT (k) DO UPDATE SET v = excluded.v{returning}"),
            8 => format!("{row} ON CONFLICT (k) WHERE v > 20 DO NOTHING{returning}"),
            9 => format!("{row} ON CONFLICT ON CONSTRAINT a_pkey DO NOTHING{returning}"),
            10 => format!("{row} ON CONFLICT ((k + v)) DO UPDATE SET v = old.v + 1{returning}"),
            1 => format!("{row} ON CONFLICT (id) DO NOTHING{returning}"),
            2 => format!(
                "{row} ON CONFLICT (id) DO UPDATE SET v = excluded.v WHERE old.v < 30{returning}"
            ),
            3 => format!("{row} ON CONFLICT (id) DO UPDATE SET k = excluded.k{returning}"),
            4 => format!(
                "{row}, ({m}, {n}, 7) ON CONFLICT (id) DO UPDATE SET v = old.v + 1{returning}"
            ),
            _ => format!("{row} ON CONFLICT (id) DO UPDATE SET v = old.v + excluded.v{returning}"),
        }
        .replace("RETURNING id, v", "RETURNING old.id, old.v")
    }

    fn join(&mut self) -> String {
        match self.draw.within(0..6) {
            0 => "SELECT a.id, b.id FROM a LEFT JOIN b ON b.aid = a.id ORDER BY 1, 2",
            1 => "SELECT a.id, (SELECT sum(v) FROM b WHERE aid = a.id) FROM a ORDER BY 1",
            2 => "SELECT id FROM a WHERE id IN (SELECT aid FROM b) ORDER BY id",
            3 => "SELECT id, v FROM a UNION SELECT aid, v FROM b ORDER BY 1, 2",
            4 => "SELECT id FROM a EXCEPT SELECT aid FROM b ORDER BY 1",
            _ => "SELECT sum(a.v * b.v) FROM a JOIN b ON a.id = b.aid",
        }
        .to_owned()
    }

    /// Tables through subqueries in FROM, which may lock or change them.
    fn derived(&mut self) -> String {
        let (n, m, condition) = (self.number(), self.number(), self.condition());
        let (table, mode, policy) = (self.table(), self.mode(), self.policy());
        let one_table = self.serializable;
        match self.draw.within(0..10) {
            1 if !one_table => format!(
                "SELECT x.id, b.id FROM (SELECT id, v FROM a WHERE {condition}) x \
                 JOIN b ON b.aid = x.id ORDER BY 1, 2"
            ),
            2 if !one_table => "SELECT * FROM b LEFT JOIN (SELECT id AS i, v + 1 AS w FROM a \
                                WHERE v > 10) x ON x.i = b.aid ORDER BY b.id"
                .to_owned(),
            3 if !one_table => format!(
                "UPDATE a SET v = x.w FROM (SELECT aid, v + 1 AS w FROM b WHERE id = {n}) x \
                 WHERE a.id = x.aid RETURNING a.id, x.w"
            ),
            4 if !one_table => format!(
                "SELECT * FROM b, LATERAL (SELECT k, v AS w FROM a WHERE a.id = b.aid) x \
                 WHERE b.id = {n} FOR {mode} OF x{policy}"
            ),
            5 if !one_table => format!(
                "DELETE FROM b USING (SELECT id FROM a WHERE v > 20) x \
                 WHERE b.aid = x.id AND b.id = {n}"
            ),
            6 => format!("SELECT count(*) FROM (SELECT DISTINCT v FROM {table}) x"),
            7 => format!(
                "SELECT * FROM (SELECT id, v % 20 AS w FROM {table} WHERE {condition}) x \
                 WHERE w >= 0 ORDER BY id LIMIT 1 FOR {mode}{policy}"
            ),
            8 => format!("SELECT * FROM (SELECT id, v FROM {table}) x WHERE id = {n} AND v < {m}0"),
            _ => format!(
                "SELECT * FROM (SELECT id, v + 1 AS w FROM {table} WHERE {condition}) x \
                 WHERE id <> {m} FOR {mode}{policy}"
            ),
        }
    }

    fn with(&mut self) -> String {
        let (n, m, condition) = (self.number(), self.number(), self.condition());
        match self.draw.within(0..6) {
            0 => format!(
                "WITH x AS (UPDATE a SET v = v + 1 WHERE id = {n} RETURNING id, v) \
                 INSERT INTO b SELECT id + {m}, id, v FROM x RETURNING id, v"
            ),
            1 => format!(
                "WITH x AS (DELETE FROM b WHERE id = {n} RETURNING aid, v) \
                 UPDATE a SET v = a.v + x.v FROM x WHERE a.id = x.aid RETURNING a.id, a.v"
            ),
            2 => format!(
                "WITH x AS (SELECT id FROM a WHERE {condition} ORDER BY id LIMIT 1 \
                 FOR UPDATE SKIP LOCKED) \
                 UPDATE a SET v = v + {m} FROM x WHERE a.id = x.id RETURNING a.id, a.v"
            ),
            3 => format!(
                "WITH x AS (INSERT INTO a VALUES ({n}, {m}, 0) ON CONFLICT DO NOTHING RETURNING id) \
                 SELECT count(*), (SELECT count(*) FROM a) FROM x"
            ),
            4 => format!(
                "WITH x AS (UPDATE a SET v = v - 1 WHERE id = {n} AND v > 0 RETURNING id), \
                 y AS (INSERT INTO b SELECT {m}, id, 1 FROM x RETURNING id) SELECT id FROM y"
            ),
            _ => format!(
                "WITH x AS (SELECT id, v FROM a WHERE {condition}) \
                 SELECT count(*), sum(x.v) FROM x JOIN b ON b.aid = x.id"
            ),
        }
    }

    fn lock_table(&mut self) -> String {
        let modes = [
            "ACCESS SHARE",
            "ROW SHARE",
            "ROW EXCLUSIVE",
            "SHARE UPDATE EXCLUSIVE",
            "SHARE",
            "SHARE ROW EXCLUSIVE",
            "EXCLUSIVE",
            "ACCESS EXCLUSIVE",
        ];
        let nowait = self.draw.pick(&["", "", " NOWAIT"]);
        let (table, mode) = (self.table(), self.draw.pick(&modes));
        format!("LOCK TABLE {table} IN {mode} MODE{nowait}")
    }

    fn advisory(&mut self) -> String {
        let functions = [
            "pg_advisory_xact_lock",
            "pg_advisory_lock",
            "pg_advisory_xact_lock_shared",
            "pg_advisory_lock_shared",
            "pg_try_advisory_lock",
            "pg_try_advisory_xact_lock",
            "pg_advisory_unlock",
            "pg_advisory_unlock_shared",
        ];
        let (function, key) = (self.draw.pick(&functions), self.draw.within(1..3));
        match self.draw.within(0..10) {
            0 => "SELECT id FROM a WHERE v <= 20 AND pg_try_advisory_xact_lock(id)".to_owned(),
            8 => {
                "SELECT id FROM a WHERE v > 10 AND pg_advisory_xact_lock(id) IS NOT NULL".to_owned()
            }
            9 => format!(
                "UPDATE a SET v = v + 1 WHERE id = {key} AND pg_try_advisory_xact_lock(id) \
                 RETURNING id, v"
            ),
            1 => format!("SELECT {function}(id) FROM a WHERE id = {key}"),
            2 => format!("SELECT {function}(1, {key})"),
            _ => format!("SELECT {function}({key})"),
        }
    }
}
