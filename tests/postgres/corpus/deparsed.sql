-- Definitions, and how they are shown again.
CREATE TABLE p (id serial PRIMARY KEY, code varchar(10) UNIQUE NOT NULL, x int, y int, UNIQUE (x, y));
CREATE TABLE q (id bigint GENERATED ALWAYS AS IDENTITY, n2 smallint DEFAULT 5, n22 smallint DEFAULT '5', n4 int DEFAULT -1, n8 bigint DEFAULT 0, n8b bigint DEFAULT '12', n8c bigint DEFAULT 10000000000, dd numeric(8,2) DEFAULT 1.5 CHECK (dd > 0), de numeric DEFAULT 3, df numeric(5,2) DEFAULT '1.25', f float8 DEFAULT 1.5, f2 float8 DEFAULT '2', r real DEFAULT 1,
 t text DEFAULT 'it''s', t2 text DEFAULT E'a\\b', v varchar(10) DEFAULT 'abc', v2 varchar DEFAULT 'x' NOT NULL, c char(3) DEFAULT 'ab', b bool DEFAULT true, b2 bool DEFAULT 'f', ts timestamptz DEFAULT now(), ts2 timestamptz DEFAULT CURRENT_TIMESTAMP, ts3 timestamp DEFAULT localtimestamp, ts4 timestamp(3) DEFAULT '2020-01-01', d date DEFAULT CURRENT_DATE, d2 date DEFAULT '2020-02-03', iv interval DEFAULT '1 day', iv2 interval DEFAULT interval '2 hours', u uuid DEFAULT gen_random_uuid(), j jsonb DEFAULT '{}', j2 jsonb DEFAULT '{"a": [1]}'::jsonb, js json DEFAULT '[]', a int[] DEFAULT '{}', a2 int[] DEFAULT ARRAY[1,2], a3 text[] DEFAULT ARRAY[]::text[], nn int DEFAULT NULL, vn varchar(5) DEFAULT NULL, usr text DEFAULT current_user, e int DEFAULT 1+2, e2 int DEFAULT (1+2)*3, e3 text DEFAULT 'a' || 'b', e4 timestamptz DEFAULT now() + interval '1 day', e5 text DEFAULT upper('x'), e6 int DEFAULT '3'::int, e7 int DEFAULT 3::smallint, bt bytea DEFAULT '\x00ff', tm time DEFAULT '10:00');
CREATE TABLE r (a int, b int, c bigint, d smallint, n numeric(10,2), f float8, s text, v varchar(20), h char(2), t timestamptz, l timestamp, dt date, iv interval, bb bool, j jsonb, js json, ar int[], tx text[],
 CHECK (a > 0), CHECK (a > 0 AND b > 0), CHECK (a > 0 OR b > 0 AND c > 0), CHECK ((a > 0 OR b > 0) AND c > 0), CHECK (NOT (a > 0)), CHECK (NOT bb), CHECK (bb), CHECK (bb IS TRUE), CHECK (bb IS NOT FALSE), CHECK (bb IS UNKNOWN), CHECK (a IS NULL), CHECK (a IS NOT NULL OR b IS NULL),
 CHECK (n > 0), CHECK (n >= 1.5), CHECK (c > 0), CHECK (c > 10000000000), CHECK (d > 0), CHECK (f > 0), CHECK (f > 1.5), CHECK (a > n), CHECK (a < c), CHECK (d < a), CHECK (f > a),
 CHECK (s = 'x'), CHECK (v = 'x'), CHECK (v = s), CHECK (h = 'ab'), CHECK (h = s), CHECK (s <> ''), CHECK (s != ''),
 CHECK (s IN ('a', 'b')), CHECK (v IN ('a', 'b', 'c')), CHECK (h IN ('a', 'b')), CHECK (a IN (1, 2, 3)), CHECK (c IN (1, 2)), CHECK (d IN (1, 2)), CHECK (n IN (1, 2)), CHECK (a IN (1)), CHECK (a NOT IN (1, 2)), CHECK (v NOT IN ('a', 'b')), CHECK (a IN (b, 1, 2)), CHECK (a IN (b, 1)), CHECK (s IN ('a', 'b') AND a > 0),
 CHECK (a BETWEEN 1 AND 10), CHECK (a NOT BETWEEN 1 AND 10), CHECK (s BETWEEN 'a' AND 'z' AND a > 1),
 CHECK (a + b > 0), CHECK (a + b * 2 - 1 > 0), CHECK ((a + b) * 2 > 0), CHECK (a - (b - 1) > 0), CHECK (a - b - 1 > 0), CHECK (a / 2 % 3 = 0), CHECK (-a < 0), CHECK (a > -5), CHECK (a * n > 1), CHECK (n * 2 > 1), CHECK (f / 2 > 1), CHECK (a + c > 1), CHECK (c * 1.5 > 1),
 CHECK (length(s) > 3), CHECK (char_length(v) < 5), CHECK (lower(s) = s), CHECK (lower(v) = 'x'), CHECK (upper(h) = 'X'), CHECK (length(h) = 2), CHECK (abs(a) < 5), CHECK (round(n) = n), CHECK (round(n, 1) = n), CHECK (octet_length(s) < 100), CHECK (trim(s) <> ''), CHECK (btrim(s) <> ''), CHECK (trim(leading 'x' from s) <> ''), CHECK (position('a' in s) > 0), CHECK (strpos(s, 'a') > 0), CHECK (substring(s, 1, 2) = 'ab'), CHECK (substring(s from 1 for 2) = 'ab'), CHECK (substring(s from 2) = 'ab'), CHECK (substr(s, 1, 2) = 'ab'), CHECK (left(s, 1) = 'a'), CHECK (starts_with(s, 'a')), CHECK (coalesce(a, b, 0) > 0), CHECK (coalesce(s, '') <> ''), CHECK (coalesce(v, '') <> ''), CHECK (greatest(a, b) > 0), CHECK (least(a, 5) > 0), CHECK (nullif(a, 0) IS NOT NULL), CHECK (nullif(s, '') IS NOT NULL), CHECK (concat(s, 'x') <> ''), CHECK (mod(a, 2) = 0), CHECK (ceil(n) > 1), CHECK (floor(f) > 1),
 CHECK (s LIKE 'a%'), CHECK (v LIKE 'a%'), CHECK (s NOT LIKE 'a%'), CHECK (s ILIKE 'a%'), CHECK (s NOT ILIKE 'a%'), CHECK (s ~ '^a'), CHECK (v ~* '^a'), CHECK (s !~ 'b'), CHECK (v ~ '^[^@]+@\w+\.com$'),
 CHECK (a IS DISTINCT FROM b), CHECK (a IS NOT DISTINCT FROM b), CHECK (s || 'x' <> 'y'), CHECK (v || 'x' <> 'y'), CHECK (s || a <> 'y'), CHECK (v || s <> ''),
 CHECK (CASE WHEN a > 0 THEN b > 0 ELSE c > 0 END), CHECK (CASE s WHEN 'a' THEN 1 WHEN 'b' THEN 2 END = 1), CHECK (CASE v WHEN 'a' THEN true ELSE false END), CHECK (a > CASE WHEN bb THEN 1 ELSE 2 END AND a < 5), CHECK (CASE WHEN bb THEN CASE WHEN a > 1 THEN 1 ELSE 2 END ELSE 3 END > 1),
 CHECK (t > '2020-01-01'), CHECK (l > '2020-01-01 10:00'), CHECK (dt > '2020-01-01'), CHECK (dt < l), CHECK (t > l), CHECK (t + interval '1 day' > t), CHECK (l - l > iv), CHECK (dt + 1 > dt), CHECK (dt - dt > 1), CHECK (iv * 2 > '1 day'), CHECK (iv / 2 > '1 hour'), CHECK (t - t < '1 day'), CHECK (l + '1 day' > l), CHECK (extract(year from dt) > 2000), CHECK (extract(dow from t at time zone 'UTC') = 1), CHECK (date_trunc('day', l) = l), CHECK (date_part('year', l) > 1), CHECK (t AT TIME ZONE 'UTC' > l), CHECK (timezone('UTC', l) > t),
 CHECK (a::text = 'x'), CHECK (s::int = 1), CHECK (a::bigint = 1), CHECK (n::int = 1), CHECK (v::text = 'x'), CHECK (s::varchar(5) = 'x'), CHECK (a::numeric(5,1) = 1), CHECK ('5'::int = a), CHECK (5::bigint = a), CHECK (cast(s AS date) = dt), CHECK ((a + 1)::text = 'x'), CHECK (t::date = dt), CHECK (a::bool), CHECK (s::varchar = v), CHECK ((a > 0)::int = 1), CHECK (1::smallint = d), CHECK ('2020-01-01'::date < dt), CHECK (date '2020-01-01' < dt), CHECK (-1::int < a), CHECK ((-1)::numeric(3,1) < n), CHECK (NULL::int IS NULL), CHECK ('x'::varchar(3) = v),
 CHECK (j ->> 'a' = 'x'), CHECK (j -> 'a' IS NOT NULL), CHECK (js ->> 'a' = 'x'), CHECK (j @> '{"a": 1}'), CHECK (j ? 'a'), CHECK ((j ->> 'n')::int > 0), CHECK (jsonb_typeof(j) = 'object'), CHECK (jsonb_array_length(j -> 'l') > 0), CHECK (j #>> '{a,b}' = 'x'),
 CHECK (a = ANY (ar)), CHECK (a = ANY ('{1,2}')), CHECK (a = ANY (ARRAY[1,2])), CHECK (a <> ALL (ar)), CHECK (ar[1] > 0), CHECK (array_length(ar, 1) > 0), CHECK (cardinality(ar) > 0), CHECK (ar @> ARRAY[1]), CHECK (ar && '{1}'), CHECK (tx @> ARRAY['a']), CHECK (v = ANY (tx)), CHECK (s = ANY (ARRAY['a', 'b'])), CHECK (s = ANY ('{a,b}'::text[])),
 CHECK (a & 1 = 0), CHECK (a | 2 > 1), CHECK ((a, b) = (1, 2)), CHECK (a = b AND (b = 1 OR b IS NULL) AND NOT (c = 1 AND d = 1)), CHECK (((a)) > ((0))), CHECK (true), CHECK (a % 2 = 0), CHECK ((a = 1) = (b = 1)), CHECK ((a IS NULL) = (b IS NULL)), CHECK ((a IS NULL) <> bb), CHECK ((a = ANY (ar)) = bb), CHECK ((a = 1) IS TRUE), CHECK ((a > 1 AND b > 1) = bb), CHECK ((s ~~ 'a') IS NOT NULL));
CREATE TABLE g (a int, b int, s text, v varchar(9), c int GENERATED ALWAYS AS (a + b) STORED, d text GENERATED ALWAYS AS (lower(s) || 'x') STORED, e numeric(8,2) GENERATED ALWAYS AS (a * 1.5) STORED, f varchar(5) GENERATED ALWAYS AS (s) STORED, h bool GENERATED ALWAYS AS (a > 0) STORED, i int GENERATED BY DEFAULT AS IDENTITY (START 10 INCREMENT 5));
CREATE INDEX g1 ON g (a);
CREATE INDEX g2 ON g (a DESC, b);
CREATE INDEX g3 ON g (a NULLS FIRST, b DESC NULLS LAST);
CREATE UNIQUE INDEX g4 ON g (lower(s));
CREATE UNIQUE INDEX g5 ON g (lower(v)) WHERE a > 0 AND v IS NOT NULL;
CREATE INDEX g6 ON g ((a + b), (s || 'x')) WHERE s IN ('a', 'b');
CREATE INDEX g7 ON g (a) INCLUDE (b, c);
CREATE UNIQUE INDEX g8 ON g (a, b) NULLS NOT DISTINCT;
CREATE INDEX g9 ON g (coalesce(s, ''), (a::text));
CREATE INDEX g10 ON g ((s::varchar(3)), date_trunc('day', '2020-01-01'::timestamp));
CREATE UNIQUE INDEX g11 ON g (b) WHERE h;
CREATE TABLE c1 (id int PRIMARY KEY, p int REFERENCES p, p2 int REFERENCES p (id) ON DELETE CASCADE, p3 int REFERENCES p ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED, code varchar(10) CONSTRAINT by_code REFERENCES p (code) ON DELETE RESTRICT DEFERRABLE, x int DEFAULT 1, y int, FOREIGN KEY (x, y) REFERENCES p (x, y) MATCH FULL ON DELETE SET DEFAULT, self int REFERENCES c1);
ALTER TABLE c1 ADD CONSTRAINT late CHECK (x > 5) NOT VALID;
ALTER TABLE c1 ADD CONSTRAINT latefk FOREIGN KEY (self) REFERENCES p NOT VALID;
CREATE TABLE k (a int, b int, c int, CONSTRAINT kp PRIMARY KEY (b, a) INCLUDE (c), CONSTRAINT ku UNIQUE NULLS NOT DISTINCT (c), "Odd Name" int CHECK ("Odd Name" > 0), "user" text, "Mixed" serial, UNIQUE ("Odd Name", "user"));
CREATE SEQUENCE sq;
CREATE SEQUENCE sq2 AS int INCREMENT BY -2 MINVALUE -100 MAXVALUE 50 START 10 CYCLE CACHE 1;
CREATE TABLE usesq (id int DEFAULT nextval('sq'), id2 int DEFAULT nextval('sq2'::regclass), k text);
ALTER SEQUENCE sq OWNED BY usesq.id;
SELECT conname, pg_get_constraintdef(oid), pg_get_constraintdef(oid, true) FROM pg_constraint WHERE conrelid = 'r'::regclass ORDER BY conname;
SELECT conname, pg_get_constraintdef(oid), pg_get_constraintdef(oid, true) FROM pg_constraint WHERE connamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'public') AND contype <> 'c' ORDER BY conname;
SELECT conname, contype, condeferrable, condeferred, convalidated, confupdtype, confdeltype, confmatchtype, conislocal, connoinherit, conkey, confkey, conindid::regclass FROM pg_constraint WHERE connamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'public') AND conrelid <> 'r'::regclass ORDER BY conname;
SELECT adrelid::regclass, adnum, pg_get_expr(adbin, adrelid), pg_get_expr(adbin, adrelid, true) FROM pg_attrdef WHERE adrelid = 'q'::regclass ORDER BY adnum;
SELECT adrelid::regclass, adnum, pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid <> 'q'::regclass ORDER BY adrelid::regclass::text, adnum;
SELECT pg_get_indexdef(i.indexrelid), pg_get_indexdef(i.indexrelid, 0, true), pg_get_indexdef(i.indexrelid, 1, false), pg_get_indexdef(i.indexrelid, 2, true), pg_get_indexdef(i.indexrelid, 9, true) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'public') ORDER BY c.relname;
SELECT pg_get_indexdef(1), pg_get_constraintdef(1), pg_get_expr(NULL, 1), pg_get_constraintdef(NULL);
ALTER TABLE g RENAME COLUMN s TO "S s";
ALTER TABLE p RENAME COLUMN id TO "order";
ALTER TABLE p RENAME TO parents;
SELECT pg_get_indexdef(i.indexrelid), pg_get_expr(i.indpred, i.indrelid), pg_get_expr(i.indexprs, i.indrelid) FROM pg_index i WHERE i.indrelid = 'g'::regclass ORDER BY i.indexrelid::regclass::text;
SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid IN ('g'::regclass, 'usesq'::regclass, 'k'::regclass) ORDER BY adrelid::regclass::text, adnum;
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'c1'::regclass ORDER BY conname;
ALTER TABLE q ALTER COLUMN n4 SET DEFAULT 7;
ALTER TABLE q ALTER COLUMN n4 TYPE bigint;
ALTER TABLE q ALTER COLUMN n8 TYPE numeric(10,2);
ALTER TABLE q ALTER COLUMN v TYPE text;
ALTER TABLE q ALTER COLUMN b SET DEFAULT NULL;
SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'q'::regclass AND adnum < 20 ORDER BY adnum;
INSERT INTO g (a, "S s") VALUES (1, 'Ab');
INSERT INTO g (b, "S s") VALUES (2, 'aB');
SELECT format_type(23, -1), format_type(1700, 524294), format_type(1043, 24), format_type(1042, 7), format_type(1042, -1), format_type(1042, NULL), format_type(1114, 3), format_type(1184, 3), format_type(1015, 9), format_type(18, -1), format_type(0, -1), format_type(99999, 4), format_type(NULL, 1);
SELECT quote_ident('user'), quote_ident('left'), quote_ident('int'), quote_ident('name'), quote_ident('values'), quote_ident('default'), quote_ident('current_user');
SELECT c.relname, i.indnatts, indnkeyatts, indisunique, indnullsnotdistinct, indisprimary, indisexclusion, indimmediate, indisclustered, indisvalid, indisready, indislive, indisreplident, indkey, indcollation, indclass, indoption FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid IN ('g'::regclass, 'k'::regclass, 'parents'::regclass) ORDER BY c.relname;
SELECT c.relname, indkey[0], indkey[1], 1 = ANY (indkey), array_length(indkey, 1), indoption[0] & 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = 'g'::regclass ORDER BY c.relname;
SELECT unnest(indkey) FROM pg_index WHERE indexrelid = 'kp'::regclass;
SELECT generate_subscripts(indkey, 1) FROM pg_index WHERE indexrelid = 'kp'::regclass ORDER BY 1;
CREATE TABLE late (a int CHECK (a > 0));
BEGIN;
ALTER TABLE late ADD COLUMN b text DEFAULT 'x' CHECK (b <> '');
ALTER TABLE late DROP COLUMN a;
ROLLBACK;
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'late'::regclass;
SELECT * FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'q' ORDER BY table_name, ordinal_position;
SELECT column_name, column_default, is_nullable, data_type, character_maximum_length, character_octet_length, numeric_precision, numeric_precision_radix, numeric_scale, datetime_precision, udt_name FROM information_schema.columns WHERE table_name = 'q' ORDER BY ordinal_position;
CREATE VIEW seen AS SELECT a, s FROM r;
SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_name = 'seen' ORDER BY ordinal_position;
SELECT table_name, table_type, is_typed FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name;
SELECT * FROM information_schema.table_constraints WHERE table_schema = 'public' AND constraint_name NOT LIKE '%_not_null' ORDER BY table_name, constraint_name;
SELECT table_name, count(*) FROM information_schema.table_constraints WHERE table_schema = 'public' AND constraint_name LIKE '%_not_null' GROUP BY table_name ORDER BY 1;
SELECT * FROM information_schema.key_column_usage WHERE table_schema = 'public' ORDER BY table_name, constraint_name, ordinal_position;
SELECT * FROM information_schema.constraint_column_usage WHERE table_schema = 'public' ORDER BY table_name, constraint_name, column_name;
SELECT * FROM information_schema.referential_constraints WHERE constraint_schema = 'public' ORDER BY constraint_name;
SELECT * FROM information_schema.check_constraints WHERE constraint_schema = 'public' AND constraint_name NOT LIKE '%_not_null' ORDER BY constraint_name;
SELECT seqrelid::regclass, seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle, format_type(seqtypid, NULL) FROM pg_sequence ORDER BY seqrelid::regclass::text;
SELECT d.objid::regclass, d.refobjid::regclass, d.refobjsubid, d.deptype FROM pg_depend d JOIN pg_sequence s ON s.seqrelid = d.objid WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass ORDER BY d.objid::regclass::text;
