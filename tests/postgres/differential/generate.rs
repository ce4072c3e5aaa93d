//! Random schedules: a few sessions on two small tables that refer to each
//! other, with statements that meet each other.

use doublebuy::draw::Draw;

use super::statements::Statements;

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
    /// By the extended protocol, where a step is one statement.
    pub extended: bool,
    pub steps: Vec<Step>,
}

/// The steps of one session.
struct Script<'a> {
    statements: Statements<'a>,
    steps: Vec<String>,
    savepoints: usize,
}

const SESSIONS_MAX: u64 = 4;

/// Stands for a time that is shorter than `deadlock_timeout` is.
pub const TIMEOUT: &str = "short";

/// The schedule of a seed.
pub fn schedule(seed: u64) -> Schedule {
    let mut draw = Draw::new(seed, "schedule");
    // What SERIALIZABLE transactions have read depends on the plan: there,
    // every statement has one table and one way to find its rows.
    let serializable = draw.percent(25);
    let setup = setup(&mut draw, serializable);
    let sessions = 2 + usize::try_from(draw.within(0..SESSIONS_MAX - 1)).unwrap();
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
        extended: draw.percent(30),
        steps,
    }
}

/// Tables that refer to each other or do not, with some of these indexes.
const INDEXES: &[&str] = &[
    "CREATE UNIQUE INDEX a_big ON a (k) WHERE v > 20;",
    "CREATE UNIQUE INDEX a_sum ON a ((k + v));",
    "CREATE INDEX a_text ON a (lower(k::text));",
    "CREATE UNIQUE INDEX b_both ON b (aid, v);",
    "CREATE INDEX b_known ON b (v) WHERE aid IS NOT NULL;",
    "CREATE INDEX a_kv ON a (k, v);",
];

const REFERENCES: &[&str] = &[
    "",
    "",
    "",
    "",
    " REFERENCES a",
    " REFERENCES a",
    " REFERENCES a ON DELETE CASCADE",
    " REFERENCES a ON DELETE SET NULL",
    " REFERENCES a ON UPDATE CASCADE ON DELETE CASCADE",
    " REFERENCES a DEFERRABLE INITIALLY DEFERRED",
    " REFERENCES a DEFERRABLE",
    " DEFAULT 1 REFERENCES a ON DELETE SET DEFAULT",
    " REFERENCES a ON UPDATE SET NULL ON DELETE RESTRICT",
];

fn setup(draw: &mut Draw, serializable: bool) -> String {
    let unique = if draw.percent(40) { " UNIQUE" } else { "" };
    let check = if draw.percent(20) {
        " CHECK (v >= 0)"
    } else {
        ""
    };
    let references = draw.pick(REFERENCES);
    let mut sql = format!(
        "CREATE TABLE a (id int PRIMARY KEY, k int{unique}, v int NOT NULL{check});\
         CREATE TABLE b (id int PRIMARY KEY, aid int{references}, v int NOT NULL);\
         CREATE SEQUENCE s;\
         NOTIFY before;"
    );
    if draw.percent(25) {
        sql.push_str("CREATE INDEX b_aid ON b (aid);");
    }
    if !serializable && draw.percent(30) {
        sql.push_str(draw.pick(INDEXES));
    }
    let rows = draw.within(1..5);
    for id in 1..=rows {
        sql += &format!("INSERT INTO a VALUES ({id}, {id}, {});", 10 * id);
    }
    for id in 1..=draw.within(0..4) {
        let aid = draw.within(1..if references.is_empty() { 5 } else { rows + 1 });
        sql += &format!("INSERT INTO b VALUES ({id}, {aid}, {});", 10 * id);
    }
    sql
}

fn script(draw: &mut Draw, serializable: bool) -> Vec<String> {
    let mut script = Script {
        statements: Statements { draw, serializable },
        steps: Vec::new(),
        savepoints: 0,
    };
    if script.draw().percent(5) {
        script
            .steps
            .push(format!("SET statement_timeout = '{TIMEOUT}'"));
    }
    for _ in 0..1 + script.draw().within(0..2) {
        if script.draw().percent(80) {
            script.block();
        } else {
            script.say();
        }
    }
    script.steps
}

impl Script<'_> {
    fn draw(&mut self) -> &mut Draw {
        self.statements.draw
    }

    fn say(&mut self) {
        let sql = self.statements.any();
        self.steps.push(sql);
    }

    fn block(&mut self) {
        let serializable = self.statements.serializable;
        let level = if serializable && self.draw().percent(85) {
            " ISOLATION LEVEL SERIALIZABLE"
        } else {
            let levels = ["", "", "", " ISOLATION LEVEL REPEATABLE READ"];
            self.draw().pick(&levels)
        };
        let mode = match self.draw().within(0..100) {
            0..4 => " READ ONLY",
            4..9 if serializable => " READ ONLY DEFERRABLE",
            _ => "",
        };
        self.steps.push(format!("BEGIN{level}{mode}"));
        self.savepoints = 0;
        if self.draw().percent(8) {
            let limit = self.draw().pick(&["1ms", "1ms", "0"]);
            self.steps
                .push(format!("SET LOCAL lock_timeout = '{limit}'"));
        }
        for _ in 0..1 + self.draw().within(0..4) {
            let sql = match self.draw().within(0..100) {
                0..15 => self.savepoint(),
                15..22 if !serializable => self.statements.in_block(),
                _ => self.statements.any(),
            };
            self.steps.push(sql);
        }
        let ends = ["COMMIT", "COMMIT", "COMMIT", "ROLLBACK"];
        let end = self.draw().pick(&ends);
        let chained = self.draw().percent(4);
        let chain = if chained { " AND CHAIN" } else { "" };
        self.steps.push(format!("{end}{chain}"));
        if chained {
            self.say();
            self.steps.push("COMMIT".to_owned());
        }
    }

    fn savepoint(&mut self) -> String {
        let name = |number: u64| ["s", "t"][usize::from(number.is_multiple_of(2))];
        if self.savepoints == 0 || self.draw().percent(40) {
            self.savepoints += 1;
            return format!("SAVEPOINT {}", name(self.draw().within(0..4)));
        }
        let name = name(self.draw().within(0..4));
        if self.draw().percent(70) {
            format!("ROLLBACK TO {name}")
        } else {
            format!("RELEASE {name}")
        }
    }
}
