-- What asyncpg asks of the types that it meets.
WITH RECURSIVE typeinfo_tree( oid, ns, name, kind, basetype, elemtype, elemdelim, range_subtype, attrtypoids, attrnames, depth) AS ( SELECT ti.oid, ti.ns, ti.name, ti.kind, ti.basetype, ti.elemtype, ti.elemdelim, ti.range_subtype, ti.attrtypoids, ti.attrnames, 0 FROM ( SELECT t.oid AS oid, ns.nspname AS ns, t.typname AS name, t.typtype AS kind, (CASE WHEN t.typtype = 'd' THEN (WITH RECURSIVE typebases(oid, depth) AS ( SELECT t2.typbasetype AS oid, 0 AS depth FROM pg_type t2 WHERE t2.oid = t.oid UNION ALL SELECT t2.typbasetype AS oid, tb.depth + 1 AS depth FROM pg_type t2, typebases tb WHERE tb.oid = t2.oid AND t2.typbasetype != 0 ) SELECT oid FROM typebases ORDER BY depth DESC LIMIT 1) ELSE NULL END) AS basetype, t.typelem AS elemtype, elem_t.typdelim AS elemdelim, COALESCE( range_t.rngsubtype, multirange_t.rngsubtype) AS range_subtype, (CASE WHEN t.typtype = 'c' THEN (SELECT array_agg(ia.atttypid ORDER BY ia.attnum) FROM pg_attribute ia INNER JOIN pg_class c ON (ia.attrelid = c.oid) WHERE ia.attnum > 0 AND NOT ia.attisdropped AND c.reltype = t.oid) ELSE NULL END) AS attrtypoids, (CASE WHEN t.typtype = 'c' THEN (SELECT array_agg(ia.attname::text ORDER BY ia.attnum) FROM pg_attribute ia INNER JOIN pg_class c ON (ia.attrelid = c.oid) WHERE ia.attnum > 0 AND NOT ia.attisdropped AND c.reltype = t.oid) ELSE NULL END) AS attrnames FROM pg_catalog.pg_type AS t INNER JOIN pg_catalog.pg_namespace ns ON ( ns.oid = t.typnamespace) LEFT JOIN pg_type elem_t ON ( t.typlen = -1 AND t.typelem != 0 AND t.typelem = elem_t.oid ) LEFT JOIN pg_range range_t ON ( t.oid = range_t.rngtypid ) LEFT JOIN pg_range multirange_t ON ( t.oid = multirange_t.rngmultitypid ) ) AS ti WHERE ti.oid = any('{1007,1009,2951,23,1015}'::oid[]) UNION ALL SELECT ti.oid, ti.ns, ti.name, ti.kind, ti.basetype, ti.elemtype, ti.elemdelim, ti.range_subtype, ti.attrtypoids, ti.attrnames, tt.depth + 1 FROM ( SELECT t.oid AS oid, ns.nspname AS ns, t.typname AS name, t.typtype AS kind, (CASE WHEN t.typtype = 'd' THEN (WITH RECURSIVE typebases(oid, depth) AS ( SELECT t2.typbasetype AS oid, 0 AS depth FROM pg_type t2 WHERE t2.oid = t.oid UNION ALL SELECT t2.typbasetype AS oid, tb.depth + 1 AS depth FROM pg_type t2, typebases tb WHERE tb.oid = t2.oid AND t2.typbasetype != 0 ) SELECT oid FROM typebases ORDER BY depth DESC LIMIT 1) ELSE NULL END) AS basetype, t.typelem AS elemtype, elem_t.typdelim AS elemdelim, COALESCE( range_t.rngsubtype, multirange_t.rngsubtype) AS range_subtype, (CASE WHEN t.typtype = 'c' THEN (SELECT array_agg(ia.atttypid ORDER BY ia.attnum) FROM pg_attribute ia INNER JOIN pg_class c ON (ia.attrelid = c.oid) WHERE ia.attnum > 0 AND NOT ia.attisdropped AND c.reltype = t.oid) ELSE NULL END) AS attrtypoids, (CASE WHEN t.typtype = 'c' THEN (SELECT array_agg(ia.attname::text ORDER BY ia.attnum) FROM pg_attribute ia INNER JOIN pg_class c ON (ia.attrelid = c.oid) WHERE ia.attnum > 0 AND NOT ia.attisdropped AND c.reltype = t.oid) ELSE NULL END) AS attrnames FROM pg_catalog.pg_type AS t INNER JOIN pg_catalog.pg_namespace ns ON ( ns.oid = t.typnamespace) LEFT JOIN pg_type elem_t ON ( t.typlen = -1 AND t.typelem != 0 AND t.typelem = elem_t.oid ) LEFT JOIN pg_range range_t ON ( t.oid = range_t.rngtypid ) LEFT JOIN pg_range multirange_t ON ( t.oid = multirange_t.rngmultitypid ) ) ti, typeinfo_tree tt WHERE (tt.elemtype IS NOT NULL AND ti.oid = tt.elemtype) OR (tt.attrtypoids IS NOT NULL AND ti.oid = any(tt.attrtypoids)) OR (tt.range_subtype IS NOT NULL AND ti.oid = tt.range_subtype) OR (tt.basetype IS NOT NULL AND ti.oid = tt.basetype) ) SELECT DISTINCT *, basetype::regtype::text AS basetype_name, elemtype::regtype::text AS elemtype_name, range_subtype::regtype::text AS range_subtype_name FROM typeinfo_tree ORDER BY depth DESC, oid;
SELECT t.oid, t.typelem AS elemtype, t.typtype AS kind FROM pg_catalog.pg_type AS t INNER JOIN pg_catalog.pg_namespace ns ON (ns.oid = t.typnamespace) WHERE t.typname = 'jsonb' AND ns.nspname = 'pg_catalog';
-- A query of WITH that depends on the query around it.
SELECT n, (WITH RECURSIVE t(i, k) AS (SELECT 0, n UNION ALL SELECT i + 1, k * 2 FROM t WHERE i < n) SELECT max(k) FROM t) FROM generate_series(0, 3) n ORDER BY n;
SELECT n, (WITH a AS (SELECT n * 2 AS m), b AS (SELECT m + 1 AS m FROM a) SELECT sum(m) FROM (SELECT m FROM a UNION ALL SELECT m FROM b) x) FROM generate_series(1, 3) n ORDER BY n;
SELECT n, (WITH a AS (SELECT n AS m) SELECT (WITH b AS (SELECT m + 10 AS m FROM a) SELECT m FROM b) FROM a) FROM generate_series(1, 3) n ORDER BY n;
SELECT n, x.m FROM generate_series(1, 2) n, LATERAL (WITH RECURSIVE t(i) AS (SELECT n UNION SELECT i - 1 FROM t WHERE i > 0) SELECT count(*) AS m FROM t) x ORDER BY n;
-- Types.
SELECT oid, typname, typlen, typbyval, typtype, typcategory, typispreferred, typisdefined, typdelim, typrelid, typsubscript, typelem, typarray, typinput, typoutput, typreceive, typsend, typmodin, typmodout, typanalyze, typalign, typstorage, typnotnull, typbasetype, typtypmod, typndims, typcollation, typdefaultbin, typdefault FROM pg_type WHERE oid IN (16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,114,194,700,701,705,1000,1002,1003,1005,1007,1009,1015,1033,1042,1043,1082,1083,1114,1115,1184,1186,1231,1700,2205,2206,2249,2276,2277,2278,2283,2287,2950,3802,4089,4096) ORDER BY oid;
SELECT typname FROM pg_type WHERE typinput = 'array_in'::regproc AND oid IN (1007, 23, 1009) ORDER BY 1;
-- Numbers that read and write as names.
SELECT 'int4'::regtype, 'varchar'::regtype, '_int4'::regtype, 'numeric(10,2)'::regtype, 'timestamp with time zone[]'::regtype, '23'::regtype, '-'::regtype, 0::regtype, 99999::regtype;
SELECT 'pg_class'::regclass, 'information_schema.tables'::regclass, 'pg_catalog.pg_type'::regclass::oid, 1259::regclass, 1259::oid::regclass::text;
SELECT 'pg_class'::regclass::int4, 'pg_class'::regclass::int8, 'pg_class'::regclass = 1259, 'pg_class'::regclass < 2000, 'int4'::regtype = 'pg_class'::regclass;
SELECT 'postgres'::regrole, 'public'::regnamespace, 'pg_monitor'::regrole::oid, 'array_in'::regproc, 750::regproc;
SELECT ARRAY['int4'::regtype], '{int4,text}'::regtype[], ARRAY[23, 25]::oid[]::regtype[]::text, '{23}'::regtype[]::text[];
SELECT to_regtype('int4'), to_regtype('nothing'), to_regclass('pg_class'), to_regclass('nothing'), to_regnamespace('public'), to_regrole('nobody');
SELECT pg_typeof(1), pg_typeof(pg_typeof(1)), pg_typeof(ARRAY['a'::text]), pg_typeof(1) = 'integer'::regtype;
SELECT 'nothing'::regtype;
SELECT 'nothing'::regclass;
SELECT 'nothing.at_all'::regclass;
SELECT 'nothing'::regproc;
SELECT 'nothing'::regrole;
SELECT 'nothing'::regnamespace;
SELECT 'int4'::regtype::regclass;
SELECT 'a'::text = 'pg_class'::regclass;
SELECT nextval(99999::regclass);
SELECT nextval('pg_class');
CREATE SEQUENCE "Odd one";
SELECT nextval('"Odd one"'), currval('"Odd one"'::regclass), '"Odd one"'::regclass;
-- Vectors.
SELECT '1 2 3'::int2vector, ('1 2 3'::int2vector)[0], ('1 2 3'::int2vector)[3], 2 = ANY('1 2 3'::int2vector), array_lower('1 2'::int2vector, 1), array_upper('1 2'::int2vector, 1), array_length('1 2'::int2vector, 1);
SELECT unnest('1 2'::int2vector), generate_subscripts('1 2'::int2vector, 1), array_to_string('4 5'::oidvector, ',');
-- Relations and their columns.
CREATE TABLE thing (id serial PRIMARY KEY, name varchar(20) NOT NULL CHECK (name <> ''), tags text[], price numeric(8,2) DEFAULT 0, at timestamp(3), n bigint GENERATED ALWAYS AS IDENTITY, twice int GENERATED ALWAYS AS (2 * 3) STORED);
CREATE TABLE part (thing int REFERENCES thing, UNIQUE (thing));
CREATE VIEW cheap AS SELECT id, name FROM thing WHERE price < 5;
SELECT c.relname, n.nspname, c.reloftype, r.rolname, a.amname, c.reltablespace, c.reltuples, c.relhasindex, c.relisshared, c.relpersistence, c.relkind, c.relnatts, c.relchecks, c.relhasrules, c.relhastriggers, c.relhassubclass, c.relrowsecurity, c.relforcerowsecurity, c.relispopulated, c.relreplident, c.relispartition, c.relrewrite, c.relacl, c.reloptions, c.relpartbound FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner LEFT JOIN pg_am a ON a.oid = c.relam WHERE n.nspname = 'public' ORDER BY 1;
SELECT c.relname, a.attname, a.atttypid::regtype, a.attlen, a.attnum, a.attndims, a.atttypmod, a.attbyval, a.attalign, a.attstorage, a.attcompression, a.attnotnull, a.atthasdef, a.atthasmissing, a.attidentity, a.attgenerated, a.attisdropped, a.attislocal, a.attinhcount, a.attcollation, a.attacl, a.attfdwoptions, a.attmissingval FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace AND c.relkind <> 'i' ORDER BY 1, a.attnum;
SELECT a.attname, a.attnum, a.atttypid::regtype, a.attnotnull, a.attcollation FROM pg_attribute a WHERE a.attrelid IN ('pg_class'::regclass, 'pg_type'::regclass, 'pg_database'::regclass) AND a.attnum > 0 ORDER BY a.attrelid, a.attnum;
SELECT relname, relkind, relnatts, relnamespace::regnamespace FROM pg_class WHERE relname IN ('pg_class', 'pg_roles', 'pg_description') ORDER BY 1;
SELECT nspname, nspowner::regrole, nspacl FROM pg_namespace WHERE nspname <> 'public' ORDER BY 1;
SELECT oid, rolname, rolsuper, rolcanlogin, rolbypassrls, rolpassword FROM pg_roles ORDER BY 1;
SELECT rolname, rolpassword FROM pg_authid WHERE oid = 10;
SELECT usename, usesuper FROM pg_user;
SELECT oid, amname, amhandler, amtype FROM pg_am ORDER BY 1;
SELECT * FROM pg_tablespace ORDER BY 1;
SELECT * FROM pg_collation WHERE oid < 1000 ORDER BY 1;
SELECT oid, datname, datdba, encoding, datlocprovider, datistemplate, datallowconn, datconnlimit, dattablespace, datcollate, datctype, daticulocale, datacl FROM pg_database WHERE datname = current_database();
SELECT format_type(23, -1), format_type(1043, 24), format_type(1043, NULL), format_type(1042, -1), format_type(1042, NULL), format_type(1042, 9), format_type(1700, 655366), format_type(1114, 3), format_type(1184, 0), format_type(1083, 2), format_type(1015, 9), format_type(1014, -1), format_type(18, -1), format_type(0, -1), format_type(999999, -1), format_type(NULL, -1);
CREATE OR REPLACE VIEW cheap AS SELECT id, name::varchar(30) FROM thing;
-- Sets side by side.
SELECT * FROM unnest(ARRAY[1, 2, 3], ARRAY['a', 'b']) AS t(n, s) ORDER BY n;
SELECT * FROM unnest('{1,2}'::int[], '{}'::text[]) ORDER BY 1;
SELECT u.* FROM (VALUES (1, ARRAY[1, 2])) v(a, b), LATERAL unnest(v.b, ARRAY[v.a]) u(x, y) ORDER BY 1;
SELECT generate_series(1, 3) AS a, unnest(ARRAY['x', 'y']) AS b, 7 AS c ORDER BY a;
SELECT n, generate_series(1, n), generate_series(n, 3) FROM generate_series(1, 2) n ORDER BY 1, 2, 3;
SELECT unnest(NULL::int[], ARRAY[1]);
-- What psql and drivers ask besides.
SELECT current_schemas(true), current_schemas(false);
SELECT pg_size_pretty(0::bigint), pg_size_pretty(10239::bigint), pg_size_pretty(10240::bigint), pg_size_pretty(1234567::bigint), pg_size_pretty(20971519::bigint), pg_size_pretty(-11000::bigint), pg_size_pretty(123456789012::bigint);
SELECT pg_relation_is_publishable('thing'), pg_relation_is_publishable('cheap'), pg_relation_is_publishable('pg_class');
SELECT has_table_privilege('thing', 'SELECT'), has_schema_privilege('public', 'USAGE'), has_database_privilege(current_database(), 'CONNECT');
SELECT * FROM pg_partition_ancestors('thing');
SELECT count(*) FROM pg_policy;
SELECT count(*) FROM pg_inherits;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'cheap'::regclass;
SELECT subname FROM pg_subscription;
SELECT p.pubname FROM pg_publication p JOIN pg_publication_rel r ON p.oid = r.prpubid WHERE r.prrelid = 'thing'::regclass;
SELECT stxname FROM pg_statistic_ext WHERE stxrelid = 'thing'::regclass;
SELECT a.attname, a.attnum FROM pg_attribute a WHERE a.attrelid = 'pg_policy'::regclass AND a.attnum > 0 ORDER BY 2;
SELECT * FROM unnest(ARRAY['a', 'b']) WITH ORDINALITY AS t(x, n) ORDER BY n;
SELECT x, ordinality FROM unnest('7 8'::int2vector) WITH ORDINALITY x ORDER BY 2;
SELECT getdatabaseencoding();
SELECT 1 WHERE 1 IN (SELECT pg_partition_ancestors('thing')::oid);
-- How much room there would be.
CREATE TABLE narrow (a int, b varchar(100));
CREATE TABLE wide (a int PRIMARY KEY, b text, c numeric(200,5));
CREATE INDEX wide_b ON wide (b) INCLUDE (c);
SELECT pg_relation_size('narrow'), pg_table_size('narrow'), pg_indexes_size('narrow'), pg_total_relation_size('narrow');
SELECT pg_relation_size('wide'), pg_table_size('wide'), pg_indexes_size('wide'), pg_total_relation_size('wide');
INSERT INTO narrow VALUES (1, 'x');
INSERT INTO wide VALUES (1, 'x', 1.5), (2, NULL, NULL);
SELECT pg_relation_size('narrow'), pg_table_size('narrow'), pg_indexes_size('narrow'), pg_total_relation_size('narrow');
SELECT pg_relation_size('wide'), pg_table_size('wide'), pg_indexes_size('wide'), pg_total_relation_size('wide');
SELECT pg_relation_size('wide_pkey'), pg_table_size('wide_b'), pg_total_relation_size('wide_b'), pg_indexes_size('wide_b'), pg_relation_size('thing_id_seq'), pg_relation_size('cheap'), pg_relation_size('wide', 'main'), pg_relation_size('wide', 'vm'), pg_relation_size(99999::regclass);
SELECT pg_relation_size('wide', 'nothing');
INSERT INTO narrow SELECT i, repeat('x', i % 60) FROM generate_series(1, 5000) i;
INSERT INTO wide SELECT i, CASE WHEN i % 3 > 0 THEN repeat('y', i % 200) END, i * 1.5 FROM generate_series(3, 3000) i;
SELECT pg_relation_size('narrow'), pg_relation_size('wide');
SELECT pg_relation_size('wide_pkey');
-- Which table of the catalog a row is of.
SELECT DISTINCT c.tableoid::regclass, n.tableoid::regclass FROM pg_class c LEFT JOIN pg_namespace n ON n.oid = c.oid AND n.oid < 100;
SELECT pg_roles.tableoid FROM pg_roles;
SELECT obj_description(11, 'pg_namespace'), obj_description(23, 'pg_type'), obj_description(23, 'nothing'), shobj_description(5, 'pg_database'), shobj_description(5, 'pg_class');
SELECT classoid::regclass, objoid, objsubid, description FROM pg_description WHERE classoid IN ('pg_am'::regclass, 'pg_namespace'::regclass) AND objoid <> 2200 ORDER BY 1, 2;
SELECT pg_table_is_visible('pg_class'::regclass), pg_table_is_visible('information_schema.tables'::regclass), pg_table_is_visible('thing'::regclass);
SELECT pg_has_role('postgres', 'USAGE'), pg_has_role(10, 'USAGE');
-- What indexes call their keys.
CREATE INDEX ON wide (lower(b), lower(b || 'x'), (a + 1), (b::varchar), (CASE WHEN a > 1 THEN 1 END), a);
CREATE INDEX ON wide ((a::text || b), coalesce(b, ''), a, a);
ALTER TABLE wide RENAME a TO first;
SELECT c.relname, a.attnum, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_index i ON i.indexrelid = c.oid WHERE i.indrelid = 'wide'::regclass ORDER BY 1, 2;
