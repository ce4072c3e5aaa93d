SELECT to_char(t, 'YYYY-MM-DD HH24:MI:SS.MS'), to_char(t, 'Dy, DD Mon YYYY'), to_char(t, 'FMDay, FMDDth FMMonth YYYY'), to_char(t, 'HH12:MI am'), to_char(t, 'Day|DAY|day|Month|MONTH|month|') FROM (VALUES (timestamp '2024-03-05 17:08:09.123456'), ('0044-03-15 00:00:00 BC'), ('2021-01-01 12:00')) v (t) ORDER BY t;
SELECT to_char(t, 'Y,YYY YYY YY Y IYYY IYY IY I CC Q WW IW W DDD IDDD D ID J'), to_char(t, 'US FF1 FF2 FF3 FF4 FF5 FF6 SSSS SSSSS'), to_char(t, 'AD bc A.D. p.m. RM rm') FROM (VALUES (timestamp '2024-12-30 23:59:59.987654'), ('2000-02-29 00:00'), ('0001-01-01 BC')) v (t) ORDER BY t;
SELECT to_char(timestamptz '2024-03-05 17:08:09+00', 'TZ tz TZH:TZM OF'), to_char(timestamp '2024-03-05', 'TZ|OF'), to_char(date '2024-03-05', 'yyyymmdd');
SELECT to_char(timestamp '2024-03-01', '"Day" DD "of ""x" \"q\" FMMM FMDD'), to_char(timestamp '2024-03-01', ''), to_char(timestamp 'infinity', 'YYYY'), to_char(timestamp '2024-03-01', 'DDTH DDth FX TMMonth');
SELECT to_char(interval '15 h 2 m 12 s', 'HH24:MI:SS'), to_char(interval '-3 h', 'HH24:MI'), to_char(interval '14 months 3 days', 'YYYY-MM-DD'), to_char(interval '36 h', 'HH12 HH24 AM');
SELECT to_char(interval '1 day', 'Month');
SELECT x, to_char(x, '9,999.99'), to_char(x, 'FM9,990.00'), to_char(x, 'S0000.0'), to_char(x, '999D9MI'), to_char(x, 'FM999.999'), to_char(x, '9G999PR'), to_char(x, 'L99th'), to_char(x, 'SG9.9PL'), to_char(x, '0.99'), to_char(x, 'FM.99'), to_char(x, '"n: "99') FROM (VALUES (0::numeric), (0.5), (-0.05), (12.345), (-1234.5), (99999.995)) v (x) ORDER BY x;
SELECT to_char(1234567, '9,999,999'), to_char(-5, '00PR'), to_char(12::bigint, 'FM999'), to_char(3.14159::float8, '9.9999'), to_char(1e20::float8, '9'), to_char(0.1::float4, '9.99999999'), to_char(485, 'FM9TH'), to_char(3, '9th'), to_char(12, '99TH'), to_char(5, '');
SELECT to_char(1, '9S9S');
SELECT to_char(1, '9.9.9');
SELECT to_char(1, 'PR9');
SELECT extract(julian FROM timestamp '2024-03-05 12:00'), extract(julian FROM date '2024-03-05'), extract(timezone FROM timestamptz '2024-03-05 00:00+00'), date_part('julian', timestamp '2000-01-01 06:00');
SELECT extract(timezone FROM timestamp '2024-03-05');
SELECT to_date('20240105', 'YYYYMMDD'), to_date('05/01/2024', 'DD/MM/YYYY'), to_timestamp('2024-01-05T10:20:30.250', 'YYYY-MM-DD"T"HH24:MI:SS.MS'), to_timestamp('2024-01-05 10:20', 'YYYY-MM-DD HH24:MI');
SELECT to_date('2024-02-30', 'YYYY-MM-DD');
SELECT to_timestamp('2024-01-01 25:00', 'YYYY-MM-DD HH24:MI');
SELECT timestamptz '2024-01-01 00:00+00' AT TIME ZONE 'EST', timestamp '2024-01-01 00:00' AT TIME ZONE 'pst', timestamptz '2024-01-01 00:00+00' AT TIME ZONE interval '-02:30', timestamp '2024-01-01' AT TIME ZONE interval '2 hours', timestamptz '2024-07-01 00:00+00' AT TIME ZONE 'CEST', timestamp 'infinity' AT TIME ZONE 'EST';
SELECT timestamp '2024-01-01' AT TIME ZONE interval '1 day';
-- refused
SELECT to_date('2024-1-5', 'YYYY-MM-DD');
-- refused
SELECT to_date('5 Jan 2024', 'DD Mon YYYY');
SELECT date_bin('15 min', timestamp '2024-03-05 17:08:09', timestamp '2024-01-01'), date_bin('2 days', timestamp '2023-12-30', timestamp '2024-01-02');
SELECT date_bin('1 month', timestamp '2024-03-05', timestamp '2024-01-01');
SELECT date_bin('0 s', timestamp '2024-03-05', timestamp '2024-01-01');
SELECT isfinite(date 'infinity'), isfinite(timestamp '2024-01-01'), isfinite(interval '1 day'), make_time(8, 20, 1.5), make_timestamp(2014, 12, 28, 6, 30, 45.887), make_timestamptz(2014, 1, 2, 3, 4, 5);
SELECT make_time(25, 0, 0);
SELECT make_timestamp(0, 7, 15, 12, 30, 15);
SELECT age(current_date::timestamp) = interval '0', current_timestamp(0) = now()::timestamptz(0), localtime(3) = now()::time(3), date(now()) = current_date;
SELECT format('%1$s %3$s %2$s', 1, 2, 3), format('>%10s<', 'a'), format('>%-10s<', 'a'), format('>%*s<', 5, 'b'), format('>%2$*1$L<', 8, 'c'), format('%s %1$s %s', 'x', 'y'), format('%%');
SELECT format('%0$s', 1);
SELECT format('%1$', 1);
SELECT format('%x', 1);
SELECT format('%s %s', 1);
SELECT overlay('abcdef' placing '45' from 4), overlay('yabadoo' placing 'daba' from 5 for 0), overlay('babosa' placing 'ubb' from 2 for 4);
SELECT overlay('abc' placing 'x' from 0);
SELECT md5(''), md5('abc'), md5('The quick brown fox jumps over the lazy dog, twice around the block at that'), encode(sha256('abc'), 'hex'), encode(sha512(''), 'base64');
SELECT encode('\x0001027f80ff5c', 'escape'), encode('hello', 'base64'), decode('aGVsbG8=', 'base64'), decode('a\\b\001', 'escape'), encode(decode(repeat('ab', 60), 'hex'), 'base64');
SELECT encode('a', 'rot13');
SELECT 'h%' LIKE 'h#%' ESCAPE '#', 'hx' LIKE 'h#%' ESCAPE '#', 'a\b' LIKE 'a\b' ESCAPE '', 'A_c' ILIKE 'a!_c' ESCAPE '!', 'x' NOT LIKE '_' ESCAPE '!';
SELECT 'a' LIKE 'a' ESCAPE 'ab';
SELECT 'foo' LIKE ANY (ARRAY['%a', '%o']), 'foo' NOT LIKE ANY (ARRAY['f%', NULL]), 'Foo' ILIKE ANY (ARRAY['x', 'F_O']), 'foo' LIKE ANY (ARRAY['x', NULL]);
CREATE TABLE sized (a numeric(5, 2), b char(3), c varchar(4), d timestamp(0));
CREATE VIEW unsized AS SELECT a::numeric, b::bpchar, c::varchar, d::timestamp, a::numeric(3, 1) AS e FROM sized;
SELECT pg_get_viewdef('unsized');
SELECT g, sum(g) OVER (PARTITION BY g % 3 ORDER BY g DESC), row_number() OVER (PARTITION BY g % 3 ORDER BY g DESC) FROM generate_series(1, 6) g;
SELECT max(g) FILTER (WHERE count(*) > 0) FROM generate_series(1, 2) g;
SELECT g, lag(g, 1, 0.5) OVER (ORDER BY g), lead(g, 1, '7') OVER (ORDER BY g), sum(sum(g)) OVER () FROM generate_series(1, 3) g GROUP BY g ORDER BY g;
SELECT lag(1, 1, 'x'::text) OVER ();
SELECT rank() OVER (ORDER BY rank() OVER ());
SELECT sum(rank() OVER ()) OVER ();
SELECT count(*) OVER w FROM generate_series(1, 2) WINDOW w AS (), w AS ();
SHOW vacuum_cost_delay;
-- refused
SELECT rank(3) WITHIN GROUP (ORDER BY g) FROM generate_series(1, 5) g;
-- refused
SELECT g FROM generate_series(1, 3) g GROUP BY g HAVING EXISTS (SELECT 1 WHERE sum(g) > 1);
SELECT 'first'
 ' second'
 ' third';
SELECT 'first' -- and
 ' second';
SELECT 'first'
 ' second' /* no */
 ' third';
SELECT abs('-1004.3'::float4), @ '-0.5'::float4, abs(-2::int2), pg_typeof(abs('-1'::float4));
SELECT array_positions(ARRAY[1, 2, 1], 1), array_replace(ARRAY[1, 2, 1], 1, 9), array_dims(ARRAY[1, 2]), array_ndims(ARRAY[1]), array_dims('{}'::int[]), trim_array(ARRAY[1, 2, 3], 1), array_position(ARRAY[1, 2, 1], 1, 2), array_replace(ARRAY[1, NULL], NULL, 5);
SELECT trim_array(ARRAY[1], 2);
SELECT (ARRAY[1, 2, 3])[2:3], (ARRAY[1, 2, 3])[:2], (ARRAY[1, 2, 3])[2:], (ARRAY[1, 2, 3])[5:6], (ARRAY[1, 2, 3])[NULL:2];
SELECT string_to_array('a,b,', ',', ''), string_to_array('abc', NULL), string_to_array('', ','), string_to_array(NULL, ','), array_to_string(ARRAY[1, NULL, 3], ',', '*'), array_to_string(ARRAY[1, NULL, 3], ',');
SELECT ARRAY[1, 2.5, '3']::text[], ARRAY['1', 'NaN']::float8[], ARRAY[1, 2]::bigint[];
SELECT string_agg(x, '\xee'::bytea ORDER BY x), string_agg(x, NULL ORDER BY x) FROM (VALUES ('\xaa'::bytea), ('\xbb'), (NULL)) v (x);
-- refused
SELECT substring('foobar' from 'o(.)b');
-- refused
SELECT regexp_replace('a', 'b', 'c');
-- refused
SELECT timestamptz '2024-01-01 00:00 Europe/Berlin';
-- refused
SELECT '[0:1]={1,2}'::int[];
-- refused
SET bytea_output = 'escape';
