//! Random schedules: a few sessions on two small tables, with statements that
//! meet each other.

use doublebuy::draw::Draw;

/// One step: a session says something.
#[derive(Clone, PartialEq, Eq)]
pub struct Step {
    pub session: usize,
    pub sql: String,
}

/// What happens, and on what.
#[derive(Clone)]
pub struct Schedule {
    pub setup: String,
    pub sessions: usize,
    pub steps: Vec<Step>,
}

/// The steps of one session, and what it is in the middle of.
struct Script<'a> {
    draw: &'a mut Draw,
    steps: Vec<String>,
    savepoints: usize,
    /// Transactions may be SERIALIZABLE: what they read then depends on the
    /// plan, so there is one table a statement.
    serializable: bool,
}

const SESSIONS_MAX: u64 = 4;

/// The schedule of a seed.
pub fn schedule(seed: u64) -> Schedule {
    let mut draw = Draw::new(seed, "schedule");
    let setup = setup(&mut draw);
    let sessions = 2 + usize::try_from(draw.within(0..SESSIONS_MAX - 1)).unwrap();
    let serializable = draw.percent(25);
    let mut scripts: Vec<Vec<String>> = (0..sessions)
        .map(|_| script(&mut draw, serializable))
        .collect();
    let mut steps = Vec::new();
    for script in &mut scripts {
        script.reverse();
    }
    loop {
        let left: Vec<usize> = (0..sessions).filter(|s| !scripts[*s].is_empty()).collect();
        if left.is_empty() {
            break;
        }
        let session = draw.pick(&left);
        let sql = scripts[session].pop().unwrap();
        steps.push(Step { session, sql });
    }
    Schedule {
        setup,
        sessions,
        steps,
    }
}

fn setup(draw: &mut Draw) -> String {
    let unique = if draw.percent(40) { " UNIQUE" } else { "" };
    let mut sql = format!(
        "CREATE TABLE a (id int PRIMARY KEY, k int{unique}, v int NOT NULL);\
         CREATE TABLE b (id int PRIMARY KEY, aid int, v int NOT NULL);"
    );
    if draw.percent(25) {
        sql.push_str("CREATE INDEX b_aid ON b (aid);");
    }
    for id in 1..=draw.within(1..5) {
        sql += &format!("INSERT INTO a VALUES ({id}, {id}, {});", 10 * id);
    }
    for id in 1..=draw.within(0..4) {
        let aid = draw.within(1..5);
        sql += &format!("INSERT INTO b VALUES ({id}, {aid}, {});", 10 * id);
    }
    sql
}

fn script(draw: &mut Draw, serializable: bool) -> Vec<String> {
    let mut script = Script {
        draw,
        steps: Vec::new(),
        savepoints: 0,
        serializable,
    };
    for _ in 0..1 + script.draw.within(0..2) {
        if script.draw.percent(80) {
            script.block();
        } else {
            let sql = script.statement();
            script.steps.push(sql);
        }
    }
    script.steps
}

impl Script<'_> {
    fn number(&mut self) -> u64 {
        self.draw.within(1..6)
    }

    fn block(&mut self) {
        let level = if self.serializable && self.draw.percent(85) {
            " ISOLATION LEVEL SERIALIZABLE"
        } else {
            let levels = ["", "", "", " ISOLATION LEVEL REPEATABLE READ"];
            self.draw.pick(&levels)
        };
        let mode = if self.draw.percent(4) {
            " READ ONLY"
        } else {
            ""
        };
        self.steps.push(format!("BEGIN{level}{mode}"));
        self.savepoints = 0;
        for _ in 0..1 + self.draw.within(0..4) {
            let sql = if self.draw.percent(15) {
                self.savepoint()
            } else {
                self.statement()
            };
            self.steps.push(sql);
        }
        let end = if self.draw.percent(75) {
            "COMMIT"
        } else {
            "ROLLBACK"
        };
        self.steps.push(end.to_owned());
    }

    fn savepoint(&mut self) -> String {
        let name = |number: u64| ["s", "t"][usize::from(number.is_multiple_of(2))];
        if self.savepoints == 0 || self.draw.percent(40) {
            self.savepoints += 1;
            return format!("SAVEPOINT {}", name(self.draw.within(0..4)));
        }
        let name = name(self.draw.within(0..4));
        if self.draw.percent(70) {
            format!("ROLLBACK TO {name}")
        } else {
            format!("RELEASE {name}")
        }
    }

    fn condition(&mut self) -> String {
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

    fn table(&mut self) -> &'static str {
        self.draw.pick(&["a", "a", "a", "b"])
    }

    fn returning(&mut self) -> &'static str {
        self.draw
            .pick(&["", "", " RETURNING *", " RETURNING id, v"])
    }

    fn policy(&mut self) -> &'static str {
        self.draw.pick(&["", "", "", " NOWAIT", " SKIP LOCKED"])
    }

    fn statement(&mut self) -> String {
        match self.draw.within(0..100) {
            0..10 => self.select(),
            10..28 => self.locking_select(),
            28..50 => self.update(),
            50..60 => self.delete(),
            60..72 => self.insert(),
            72..84 => self.upsert(),
            84..88 if !self.serializable => self.join(),
            84..88 => self.select(),
            88..91 => self.lock_table(),
            91..97 => self.advisory(),
            97.. if self.serializable => "SELECT 1 / 0".to_owned(),
            _ => "SELECT 1 / (SELECT count(*) - count(*) FROM a)".to_owned(),
        }
    }

    fn select(&mut self) -> String {
        let (table, condition) = (self.table(), self.condition());
        match self.draw.within(0..6) {
            0..3 => format!("SELECT * FROM {table} WHERE {condition} ORDER BY id"),
            3 => format!("SELECT count(*), sum(v) FROM {table} WHERE {condition}"),
            4 => {
                format!("SELECT v, count(*) FROM {table} GROUP BY v HAVING count(*) > 0 ORDER BY v")
            }
            _ => format!("SELECT max(v) FROM {table}"),
        }
    }

    fn locking_select(&mut self) -> String {
        let modes = ["UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE"];
        let (mode, policy) = (self.draw.pick(&modes), self.policy());
        let (table, condition) = (self.table(), self.condition());
        match self.draw.within(0..8) {
            0 if !self.serializable => {
                format!("SELECT * FROM a JOIN b ON b.aid = a.id FOR {mode} OF a{policy}")
            }
            1 => format!(
                "SELECT * FROM {table} WHERE {condition} ORDER BY id LIMIT 1 FOR {mode}{policy}"
            ),
            _ => format!("SELECT * FROM {table} WHERE {condition} FOR {mode}{policy}"),
        }
    }

    fn update(&mut self) -> String {
        let (n, m) = (self.number(), self.number());
        let (condition, returning) = (self.condition(), self.returning());
        match self.draw.within(0..12) {
            0 => format!("UPDATE a SET k = {m} WHERE {condition}{returning}"),
            1 => format!("UPDATE a SET id = {m} WHERE id = {n}{returning}"),
            2 if !self.serializable => {
                format!("UPDATE a SET v = a.v + b.v FROM b WHERE b.aid = a.id AND a.{condition}")
                    .replace("a.true", "true")
            }
            3 if !self.serializable => format!(
                "UPDATE a SET v = (SELECT count(*) FROM b WHERE b.aid = a.id) WHERE {condition}"
            ),
            4 => format!("UPDATE b SET v = v + 1, aid = {m} WHERE {condition}{returning}"),
            5 => format!("UPDATE a SET v = v - 10 WHERE id = {n} AND v >= 10{returning}"),
            6 if !self.serializable => format!(
                "UPDATE a SET v = {} WHERE id IN (SELECT aid FROM b)",
                10 * m
            ),
            _ => {
                let table = self.table();
                format!("UPDATE {table} SET v = v + {n} WHERE {condition}{returning}")
            }
        }
    }

    fn delete(&mut self) -> String {
        let (table, condition) = (self.table(), self.condition());
        let returning = self.returning();
        match self.draw.within(0..6) {
            0 if !self.serializable => {
                "DELETE FROM b USING a WHERE b.aid = a.id AND a.v > 20".to_owned()
            }
            1 if !self.serializable => {
                "DELETE FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.aid = a.id)".to_owned()
            }
            _ => format!("DELETE FROM {table} WHERE {condition}{returning}"),
        }
    }

    fn insert(&mut self) -> String {
        let (n, m, returning) = (self.number(), self.number(), self.returning());
        match self.draw.within(0..6) {
            0 if !self.serializable => {
                format!("INSERT INTO b SELECT id + {n}, id, v FROM a WHERE id < 3{returning}")
            }
            1 => format!("INSERT INTO a VALUES ({n}, {m}, 5), ({m}, {n}, 6){returning}"),
            2 => format!("INSERT INTO b VALUES ({n}, {m}, {n}){returning}"),
            3 => format!("INSERT INTO a VALUES ({n}, NULL, NULL){returning}"),
            _ => format!("INSERT INTO a VALUES ({n}, {m}, {}){returning}", 10 * n),
        }
    }

    fn upsert(&mut self) -> String {
        let (n, m, returning) = (self.number(), self.number(), self.returning());
        let row = format!("INSERT INTO a AS old VALUES ({n}, {m}, {})", 10 * m);
        match self.draw.within(0..6) {
            0 => format!("{row} ON CONFLICT DO NOTHING{returning}"),
            1 => format!("{row} ON CONFLICT (id) DO NOTHING{returning}"),
            2 => format!(
                "{row} ON CONFLICT (id) DO UPDATE SET v = excluded.v WHERE old.v < 30{returning}"
            ),
            3 => format!("{row} ON CONFLICT (id) DO UPDATE SET k = excluded.k{returning}"),
            _ => format!("{row} ON CONFLICT (id) DO UPDATE SET v = old.v + excluded.v{returning}"),
        }
        .replace("RETURNING id, v", "RETURNING old.id, old.v")
    }

    fn join(&mut self) -> String {
        match self.draw.within(0..4) {
            0 => "SELECT a.id, b.id FROM a LEFT JOIN b ON b.aid = a.id ORDER BY 1, 2",
            1 => "SELECT a.id, (SELECT sum(v) FROM b WHERE aid = a.id) FROM a ORDER BY 1",
            2 => "SELECT id FROM a WHERE id IN (SELECT aid FROM b) ORDER BY id",
            _ => "SELECT sum(a.v * b.v) FROM a JOIN b ON a.id = b.aid",
        }
        .to_owned()
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
        format!("SELECT {function}({key})")
    }
}
