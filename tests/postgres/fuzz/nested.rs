//! Statements that go deep, and statements that are long.

use doublebuy::draw::Draw;

/// What is put around an expression, again and again.
const AROUND: &[(&str, &str)] = &[
    ("(", ")"),
    ("(1 + ", ")"),
    ("- ", ""),
    ("NOT ", ""),
    ("", "::text"),
    ("", " + 1"),
    ("", " OR true"),
    ("", " || 'x'"),
    ("", " IS NULL"),
    ("", "[1]"),
    ("", " COLLATE \"C\""),
    ("abs(", ")"),
    ("coalesce(", ", 1)"),
    ("CAST(", " AS int)"),
    ("CASE WHEN true THEN ", " END"),
    ("CASE ", " WHEN 1 THEN 1 END"),
    ("(SELECT ", ")"),
    ("(SELECT x FROM (SELECT ", " AS x) t)"),
    ("EXISTS (SELECT 1 WHERE 1 = ", ")"),
    ("1 IN (", ")"),
    ("ARRAY[", "]"),
    ("ROW(", ")"),
    ("1 = ANY (ARRAY[", "])"),
    ("(WITH w AS (SELECT 1) SELECT ", " FROM w)"),
];

/// What is said again and again, with what is before and after.
const AGAIN: &[(&str, &str, &str)] = &[
    ("SELECT 1", " UNION SELECT 1", ""),
    ("SELECT 1", " UNION ALL (SELECT 1", ""),
    ("SELECT 1", ", 1", ""),
    ("SELECT 1 WHERE 1 IN (1", ", 2", ")"),
    ("SELECT count(*) FROM (VALUES (1)", ", (2)", ") v"),
    ("SELECT 1 FROM thing a", " JOIN thing USING (n)", ""),
    ("SELECT 1 FROM thing", ", thing", ""),
    ("SELECT 1 FROM ", "(SELECT 1 FROM ", "thing"),
    ("SELECT concat(1", ", 1", ")"),
    ("SELECT '", "[", "'::jsonb"),
    ("SELECT '", "{\"a\":", "'::json"),
    ("SELECT '", "{", "'::int[]"),
    ("SELECT '", "{{", "}}'::text[]"),
    ("SELECT 'a' LIKE '", "%a", "%'"),
    ("SELECT 'aaaaaaaaaaaa' ~ '", "(a*)*", "b'"),
    ("SELECT 'a' ~ '", "(", "a'"),
    ("SELECT '", "1 day ", "'::interval"),
    ("SELECT '", "9", "'::numeric"),
    ("SELECT 0.", "0", "1"),
    ("SELECT 1", "0", ""),
    ("SELECT 1 AS \"", "ab", "\""),
    ("SELECT \"", "\u{e9}", "\""),
    ("SELECT ", "ab", " FROM thing"),
    ("SELECT '", "\u{1f600}", "'"),
    ("SELECT $$", "x", "$$"),
    ("SELECT $", "t", "$1$t$"),
    ("SELECT $", "1", ""),
    ("", "/*", "SELECT 1"),
    ("", "-- x\n", "SELECT 1"),
    ("", ";", ""),
    ("", "SELECT 1;", ""),
    ("BEGIN;", "SAVEPOINT s;", "ROLLBACK"),
    ("WITH a AS (SELECT 1)", ", b AS (SELECT 1)", " SELECT 1"),
    ("CREATE TABLE ", "long", " (n int)"),
    ("CREATE TEMP TABLE w (c int", ", c int", ")"),
    ("SELECT 1 ORDER BY 1", ", 1", ""),
    ("SELECT 1 WHERE true", " AND true", ""),
    ("UPDATE thing SET n = 1", ", t = 'x'", ""),
    (
        "INSERT INTO thing VALUES (1, 'a')",
        ", (1, 'b')",
        " ON CONFLICT DO NOTHING",
    ),
    ("SELECT ", "DISTINCT ", "1"),
    ("SET search_path TO a", ", a", ""),
    ("EXPLAIN ", "EXPLAIN ", "SELECT 1"),
    ("LISTEN ", "x", ""),
    ("NOTIFY x, '", "y", "'"),
];

/// How often: where limits are, and far beyond them.
const TIMES: &[usize] = &[
    1, 2, 10, 63, 64, 100, 300, 500, 999, 1_001, 1_664, 1_665, 1_999, 2_001, 5_000, 20_000,
];

pub fn nested(draw: &mut Draw) -> String {
    let mut times = draw.pick(TIMES);
    if draw.percent(50) {
        let (before, again, after) = draw.pick(AGAIN);
        return [before, &again.repeat(times), after].concat();
    }
    let mut expression = draw
        .pick(&["1", "true", "'x'", "n", "NULL", "$1"])
        .to_owned();
    // Some of one kind, then of another around them.
    while times > 0 {
        let (before, after) = draw.pick(AROUND);
        let some = times.min(draw.pick(&[1, 20, times]));
        expression = [
            &before.repeat(some),
            expression.as_str(),
            &after.repeat(some),
        ]
        .concat();
        times -= some;
        if expression.len() > 1 << 20 {
            break;
        }
    }
    let (before, after) = draw.pick(&[
        ("SELECT ", ""),
        ("SELECT ", " FROM thing"),
        ("SELECT 1 FROM thing WHERE ", ""),
        ("SELECT 1 FROM thing ORDER BY ", ""),
        ("UPDATE thing SET n = ", ""),
        ("INSERT INTO thing VALUES (", ", 'x')"),
        ("CREATE TEMP TABLE deep AS SELECT ", ""),
        ("CREATE INDEX ON thing ((", "))"),
        ("ALTER TABLE thing ADD CHECK (", ")"),
        ("DECLARE c CURSOR FOR SELECT ", ""),
    ]);
    [before, &expression, after].concat()
}
