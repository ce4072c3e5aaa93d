//! Conversations about COPY's formats, in the notation of `conversations`.

pub const CONVERSATIONS: &[(&str, &str)] = &[
    (
        "CSV to the client",
        r#"Q CREATE TABLE t (id int, name text, at date); INSERT INTO t VALUES (1, E'a,b', '2026-01-02'), (2, NULL, NULL), (3, '', '2026-03-04'), (4, E'say "hi"\\nto', NULL), (5, E'c\\rd\\\\.', NULL), (6, '\\.', NULL), (7, ' x ', NULL)
         Q COPY t TO STDOUT WITH CSV HEADER
         Q COPY t TO STDOUT (FORMAT csv, HEADER, DELIMITER ';', NULL 'nil', FORCE_QUOTE *)
         Q COPY t (name, id) TO STDOUT (FORMAT 'csv', HEADER 1, FORCE_QUOTE (name), QUOTE '''', ESCAPE '\\')
         Q COPY (SELECT name FROM t ORDER BY id) TO STDOUT (FORMAT csv)
         Q COPY (SELECT name AS "the, name" FROM t WHERE id < 3 ORDER BY id) TO STDOUT CSV HEADER NULL AS ''
         Q COPY t TO STDOUT (HEADER true)
         Q SET DateStyle = 'German'; COPY (SELECT at, at::timestamp FROM t WHERE id = 1) TO STDOUT CSV
         Q COPY (DELETE FROM t WHERE id > 5 RETURNING id) TO STDOUT CSV
         Q COPY (DELETE FROM t WHERE id > 5) TO STDOUT CSV
         Q COPY (INSERT INTO t VALUES (9) RETURNING *) TO STDOUT CSV FORCE QUOTE id, name
         Q COPY t TO STDOUT USING DELIMITERS '|'
         Q COPY t TO STDOUT WITH DELIMITER AS '|' NULL AS 'x' CSV QUOTE AS '#' ESCAPE AS '!' FORCE QUOTE *"#,
    ),
    (
        "CSV from the client",
        r#"Q CREATE TABLE t (id int PRIMARY KEY, name text, n numeric)
         Q COPY t FROM STDIN CSV
         d 1,"a,b",1.5\n2,,\n3,"",\n4,"say ""hi""\n
         d to, you",2\n5,a"b"c,"3"\n
         c
         Q SELECT * FROM t ORDER BY id; DELETE FROM t
         Q COPY t (name, id) FROM STDIN (FORMAT csv, HEADER, DELIMITER ';', NULL 'nil', FORCE_NOT_NULL (name))
         d not a name;nor this\nnil;1\n"nil";2\n;3
         c
         Q COPY t (name, id) FROM STDIN (FORMAT csv, NULL 'nil', FORCE_NULL (name), QUOTE '''', ESCAPE '\\')
         d 'nil',4\n'it\\'s \\\\ \\x',5\nnil,6\n
         c
         Q SELECT * FROM t ORDER BY id; DELETE FROM t
         Q COPY t FROM STDIN (FORMAT csv, HEADER match)
         d id,name,n\n1,a,2\n
         c
         Q COPY t FROM STDIN (FORMAT csv, HEADER match)
         d id,name\n1,a,2\n
         c
         Q COPY t FROM STDIN (FORMAT csv, HEADER match)
         d id,,n\n1,a,2\n
         c
         Q COPY t FROM STDIN (FORMAT csv, HEADER match)
         d id,Name,n\n1,a,2\n
         c
         Q COPY t FROM STDIN (HEADER match)
         d id\tname\tn\n7\tseven\t7\n
         c
         Q COPY t FROM STDIN (HEADER)
         c
         Q COPY t FROM STDIN CSV
         d 8,"open\n9,x,y\n
         c
         Q COPY t FROM STDIN CSV
         d 8,eight\n
         c
         Q COPY t FROM STDIN CSV
         d 8,"a\nb",8,8\n
         c
         Q COPY t FROM STDIN CSV
         d 8,"a\nb",8\n1,"c\nd",x\n
         c
         Q COPY t FROM STDIN CSV
         d 8,"a\nb",8\n8,"c\nd",9\n
         c
         Q COPY t FROM STDIN CSV
         d 8,\\.,8\n9,9,9\n\\.\n10,10,10\n
         c
         Q COPY t (name) FROM STDIN CSV
         d \\. and more\n
         c
         Q SELECT * FROM t ORDER BY id"#,
    ),
    (
        "how lines end",
        r#"Q CREATE TABLE t (name text)
         Q COPY t FROM STDIN
         d one\r\ntwo\r
         d \nthree\r\n\\.\r\nfour\r\n
         c
         Q COPY t FROM STDIN
         d five\rsix\r\\.\rseven\r
         c
         Q COPY t FROM STDIN
         d a\r\nb\nc\r\n
         c
         Q COPY t FROM STDIN
         d a\nb\rc\n
         c
         Q COPY t FROM STDIN
         d a\r\nb\rc\r\n
         c
         Q COPY t FROM STDIN
         d a\n\\.\r\nb\n
         c
         Q COPY t FROM STDIN
         d a\n\\.b\n
         c
         Q COPY t FROM STDIN
         d before\\.\nb\n
         c
         Q COPY t FROM STDIN
         d last\\.
         c
         Q COPY t FROM STDIN
         d last\\
         c
         Q COPY t FROM STDIN CSV
         d a\r\n"b\nc"\r\nd\ne\r\n
         c
         Q COPY t FROM STDIN CSV
         d a\n"b\r\nc"\nd\re\n
         c
         Q COPY t FROM STDIN CSV
         d a\r\n\\.\nb\r\n
         c
         Q COPY t FROM STDIN CSV
         d a\r"b\rc"\r\\.\rb\r
         c
         Q SELECT * FROM t"#,
    ),
    (
        "binary to the client and back",
        r#"Q CREATE TABLE t (id int, name text, n numeric, at timestamptz); INSERT INTO t VALUES (1, 'a', 1.5, '2026-01-02'), (2, NULL, NULL, NULL)
         Q COPY t TO STDOUT (FORMAT binary)
         Q COPY BINARY t (id) TO STDOUT
         Q COPY (VALUES (0.00), (0), (-0.1), (0.00001), (10000.00000), (-12345678901234567890123456789012345.678), (99999999999999999999999999999999999999), (0.00000000000000000000000000000000000001), (1234.5678), (100000000)) TO STDOUT BINARY
         Q COPY (SELECT 1 WHERE false) TO STDOUT BINARY
         Q COPY t (id, name) FROM STDIN BINARY
         b 5047434f50590aff0d0a000000000000000000
         b 0002000000040000000300000003616263
         b 0002000000040000
         b 0004ffffffffffff
         c
         Q SELECT * FROM t ORDER BY id
         Q COPY t (id) FROM STDIN BINARY
         b 5047434f50590aff0d0a0000000000000000020000
         b 00010000000400000007
         c
         Q COPY t (id) FROM STDIN BINARY
         b 5047434f50590aff0d0a00
         c
         Q COPY t (id) FROM STDIN BINARY
         d not it at all, and long enough
         c
         Q COPY t (id) FROM STDIN BINARY
         c
         Q COPY t (id) FROM STDIN BINARY
         b 5047434f50590aff0d0a000001000000000000
         c
         Q COPY t (id) FROM STDIN BINARY
         b 5047434f50590aff0d0a008000000000000000
         c
         Q COPY t (id) FROM STDIN BINARY
         b 5047434f50590aff0d0a0000000000000000ff00
         c
         Q COPY t (id) FROM STDIN BINARY
         b 5047434f50590aff0d0a000000000000000000000200000004
         c
         Q COPY t (id) FROM STDIN BINARY
         b 5047434f50590aff0d0a000000000000000000000100000008000000000000000100010000000400000001
         c
         Q COPY t (id) FROM STDIN BINARY
         b 5047434f50590aff0d0a000000000000000000000100000004000000
         c
         Q COPY t (id) FROM STDIN BINARY
         b 5047434f50590aff0d0a0000000000000000000001fffffffe
         c
         Q COPY t (id) FROM STDIN BINARY
         b 5047434f50590aff0d0a000000000000000000ffff00
         c
         Q COPY t (name) FROM STDIN BINARY
         b 5047434f50590aff0d0a000000000000000000000100000001ff
         c
         Q SELECT id FROM t ORDER BY id"#,
    ),
    (
        "options of COPY",
        r#"Q CREATE TABLE t (id int, name text); CREATE VIEW v AS SELECT 1 AS x; CREATE TABLE nil ()
         Q COPY t TO STDOUT (FORMAT csv, FORMAT csv)
         Q COPY t TO STDOUT (FORMAT xml)
         Q COPY t TO STDOUT (FORMAT)
         Q COPY t TO STDOUT (nothing 1)
         Q COPY t TO STDOUT (DELIMITER 'ab')
         Q COPY t TO STDOUT (DELIMITER '')
         Q COPY t TO STDOUT (DELIMITER 'a')
         Q COPY t TO STDOUT (DELIMITER '\\')
         Q COPY t TO STDOUT (DELIMITER E'\\n')
         Q COPY t TO STDOUT (NULL E'\\n')
         Q COPY t TO STDOUT (NULL E'a\\tb')
         Q COPY t TO STDOUT (QUOTE '"')
         Q COPY t TO STDOUT (ESCAPE '"')
         Q COPY t TO STDOUT (FORCE_QUOTE *)
         Q COPY t FROM STDIN (FORCE_NOT_NULL (id))
         Q COPY t FROM STDIN (FORCE_NULL (id))
         Q COPY t TO STDOUT CSV QUOTE 'ab'
         Q COPY t TO STDOUT CSV QUOTE ','
         Q COPY t TO STDOUT CSV ESCAPE 'ab'
         Q COPY t TO STDOUT CSV NULL '"'
         Q COPY t TO STDOUT CSV FORCE NOT NULL id
         Q COPY t TO STDOUT CSV FORCE NULL id
         Q COPY t FROM STDIN CSV FORCE QUOTE id
         Q COPY t (id) TO STDOUT CSV FORCE QUOTE name
         Q COPY t (id) FROM STDIN CSV FORCE NOT NULL name
         Q COPY t (id) FROM STDIN CSV FORCE NULL name
         Q COPY t FROM STDIN (FORMAT csv, FORCE_NULL *)
         Q COPY t TO STDOUT (FORMAT csv, FORCE_QUOTE id)
         Q COPY t TO STDOUT (FORMAT binary, HEADER)
         Q COPY t TO STDOUT (FORMAT binary, DELIMITER ',')
         Q COPY t TO STDOUT (FORMAT binary, NULL '')
         Q COPY t TO STDOUT (HEADER match)
         Q COPY t TO STDOUT (HEADER maybe)
         Q COPY t TO STDOUT (HEADER 2)
         Q COPY t TO STDOUT (FREEZE maybe)
         Q COPY t TO STDOUT (ENCODING 'utf-8')
         Q COPY t TO STDOUT WHERE id > 1
         Q COPY t (id, id) TO STDOUT
         Q COPY t (nothing) TO STDOUT (FORMAT xml)
         Q COPY nowhere TO STDOUT (FORMAT xml)
         Q COPY v TO STDOUT
         Q COPY (SELECT nothing) TO STDOUT (FORMAT xml)
         Q COPY (SELECT 1) FROM STDIN
         Q COPY t TO STDOUT CSV nothing
         Q COPY t TO STDOUT CSV HEADER HEADER
         Q COPY t
         Q COPY t FROM
         Q COPY t FROM STDIN STDIN
         Q COPY nil TO STDOUT
         Q COPY nil FROM STDIN
         d \n
         c
         Q COPY nil FROM STDIN
         d x\n
         c"#,
    ),
];
