//! The statements of random schedules that are no query and no change of rows:
//! definitions, cursors, prepared statements, notifications, settings; and
//! messages of several statements.

use super::statements::Statements;

impl Statements<'_> {
    /// A statement that only makes sense inside a transaction block.
    pub fn in_block(&mut self) -> String {
        match self.draw.within(0..10) {
            0..7 => self.cursor(),
            7 => "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ".to_owned(),
            8 => "SET TRANSACTION READ ONLY".to_owned(),
            _ => "BEGIN".to_owned(),
        }
    }

    fn cursor(&mut self) -> String {
        let (n, condition) = (self.number(), self.condition());
        let fetch = ["FETCH", "FETCH", "MOVE"];
        let how = ["NEXT", "ALL", "2", "PRIOR", "FIRST", "LAST", "RELATIVE 0"];
        match self.draw.within(0..16) {
            0..4 => {
                let scroll = self.draw.pick(&["SCROLL ", "SCROLL ", "NO SCROLL "]);
                let hold = self.draw.pick(&["", "", " WITH HOLD"]);
                let table = self.table();
                format!(
                    "DECLARE c {scroll}CURSOR{hold} FOR \
                     SELECT id, v + {n} FROM {table} WHERE {condition} ORDER BY id"
                )
            }
            4..7 => {
                let (table, mode, policy) = (self.table(), self.mode(), self.policy());
                let order = self.draw.pick(&["", " ORDER BY id"]);
                format!(
                    "DECLARE c CURSOR FOR SELECT id, v + {n} FROM {table} \
                     WHERE {condition}{order} FOR {mode}{policy}"
                )
            }
            7 => {
                let table = self.table();
                format!("UPDATE {table} SET v = v + {n} WHERE CURRENT OF c RETURNING id, v")
            }
            8 => format!(
                "DELETE FROM {} WHERE CURRENT OF c RETURNING id",
                self.table()
            ),
            9..15 => {
                let (fetch, how) = (self.draw.pick(&fetch), self.draw.pick(&how));
                format!("{fetch} {how} FROM c")
            }
            _ => "CLOSE c".to_owned(),
        }
    }

    pub fn prepared(&mut self) -> String {
        let (n, m) = (self.number(), self.number());
        match self.draw.within(0..10) {
            0 => "PREPARE p (int, int) AS UPDATE a SET v = v + $2 WHERE id = $1 RETURNING id, v",
            1 => "PREPARE p (int, int) AS SELECT id, v FROM a WHERE id = $1 AND v > $2 FOR UPDATE",
            2 => {
                "PREPARE p (int, int) AS INSERT INTO a VALUES ($1, $2, 1) \
                 ON CONFLICT (id) DO UPDATE SET v = a.v + $2"
            }
            3 => "DEALLOCATE p",
            _ => return format!("EXECUTE p ({n}, {m})"),
        }
        .to_owned()
    }

    pub fn notification(&mut self) -> String {
        let n = self.number();
        match self.draw.within(0..8) {
            0..2 => "LISTEN news".to_owned(),
            2 => "UNLISTEN news".to_owned(),
            3..6 => format!("NOTIFY news, '{n}'"),
            6 => format!("SELECT pg_notify('news', v::text) FROM a WHERE id = {n}"),
            _ => "LISTEN other; NOTIFY other".to_owned(),
        }
    }

    /// One message of several statements: one transaction, if no block is open.
    pub fn several(&mut self) -> String {
        let count = 2 + self.draw.within(0..2);
        let mut statements: Vec<String> = (0..count).map(|_| self.one()).collect();
        match self.draw.within(0..8) {
            0 => statements.insert(0, "BEGIN".to_owned()),
            1 => statements.push("COMMIT".to_owned()),
            2 => statements.insert(1, "ROLLBACK".to_owned()),
            _ => {}
        }
        statements.join("; ")
    }

    pub fn sequence(&mut self) -> String {
        let n = self.number();
        match self.draw.within(0..12) {
            0..3 => "SELECT nextval('s')".to_owned(),
            3 => "SELECT currval('s')".to_owned(),
            4 => format!("SELECT setval('s', {n})"),
            5 => format!("INSERT INTO b SELECT nextval('s'), id, v FROM a WHERE id = {n}"),
            6 => format!("UPDATE a SET k = nextval('s') WHERE id <= {n} RETURNING id, k"),
            7 => format!("SELECT nextval('s'), pg_advisory_xact_lock({n}), nextval('s')"),
            8 => "ALTER SEQUENCE s MAXVALUE 4 CYCLE".to_owned(),
            9 => format!("ALTER SEQUENCE s RESTART WITH {n}"),
            10 => format!("ALTER SEQUENCE s INCREMENT {n} NO MAXVALUE"),
            _ => "SELECT lastval()".to_owned(),
        }
    }

    pub fn define(&mut self) -> String {
        let n = self.number();
        match self.draw.within(0..54) {
            0 | 1 => "TRUNCATE b",
            2 => "TRUNCATE a, b",
            3 => "TRUNCATE a",
            4 => return format!("ALTER TABLE b ADD COLUMN w int DEFAULT {n}"),
            5 => "ALTER TABLE b DROP COLUMN IF EXISTS w",
            6 => "ALTER TABLE b ADD CONSTRAINT positive CHECK (v >= 0)",
            7 => "ALTER TABLE b DROP CONSTRAINT IF EXISTS positive",
            8 => "ALTER TABLE a ALTER COLUMN k SET NOT NULL",
            9..11 => "CREATE INDEX IF NOT EXISTS a_kv ON a (k, v)",
            11 => "CREATE UNIQUE INDEX a_v ON a (v)",
            12..14 => "DROP INDEX IF EXISTS a_kv",
            14 => "DROP INDEX a_v",
            15 => "CREATE TABLE c (id int PRIMARY KEY, v int)",
            16 => "CREATE TABLE IF NOT EXISTS c (id serial PRIMARY KEY, v int)",
            17 => "DROP TABLE c",
            18 => "DROP TABLE IF EXISTS c",
            19 => return format!("INSERT INTO c (v) VALUES ({n}) RETURNING id"),
            20 => return format!("INSERT INTO c VALUES ({n}, {n})"),
            21 => "SELECT count(*) FROM c",
            22 => "CREATE VIEW c AS SELECT id, v FROM a WHERE v > 10",
            23 => "ALTER TABLE b ADD CONSTRAINT of_a FOREIGN KEY (aid) REFERENCES a NOT VALID",
            24 => "ALTER TABLE b VALIDATE CONSTRAINT of_a",
            25 => "ALTER TABLE b DROP CONSTRAINT IF EXISTS of_a",
            26 => "ALTER TABLE a ALTER COLUMN v TYPE bigint",
            27 => "ALTER TABLE a ALTER COLUMN v SET DEFAULT 3",
            28 => "ALTER TABLE a ALTER COLUMN k DROP NOT NULL",
            29 => "CREATE INDEX CONCURRENTLY a_late ON a (v)",
            30 => "DROP INDEX CONCURRENTLY IF EXISTS a_late",
            31 => "VACUUM a",
            32 => "TRUNCATE b RESTART IDENTITY CASCADE",
            33 => "CREATE TABLE c AS SELECT id, v FROM a WHERE v > 10",
            34 => "ALTER TABLE c RENAME COLUMN v TO w",
            35 => "ALTER TABLE a ADD COLUMN twice int GENERATED ALWAYS AS (v * 2) STORED",
            36 => "DROP TABLE IF EXISTS c CASCADE",
            37 => "DROP TABLE b",
            38 => "DROP TABLE a CASCADE",
            39 => "ALTER TABLE a DROP CONSTRAINT a_pkey",
            40 => "ALTER TABLE a DROP CONSTRAINT a_pkey CASCADE",
            41 => "ALTER TABLE b DROP CONSTRAINT IF EXISTS b_aid_fkey",
            42 => "ALTER TABLE a DROP COLUMN k",
            43 => "ALTER TABLE b DROP COLUMN aid",
            44 => "DROP SEQUENCE s",
            45 => "CREATE VIEW w AS SELECT id, v FROM a",
            46 => "CREATE OR REPLACE VIEW w AS SELECT id, v FROM a WHERE v > 10",
            47 => "CREATE OR REPLACE VIEW w AS SELECT b.id, a.v FROM b JOIN a ON a.id = b.aid",
            48..50 => "SELECT * FROM w ORDER BY id",
            50 => "DROP VIEW w",
            51 => "LOCK TABLE w IN SHARE MODE",
            52 => "ALTER TABLE a ALTER COLUMN id TYPE bigint",
            _ => "DROP VIEW IF EXISTS c",
        }
        .to_owned()
    }
}
