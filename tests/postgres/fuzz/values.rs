//! Values of every type in the binary format, right and broken, and
//! expressions that do something with them.

use doublebuy::draw::Draw;

use crate::fuzzed::{index, pick};

/// A type: its name, its number, its array's number.
pub type Named = (&'static str, u32, u32);

pub const TYPES: &[Named] = &[
    ("bool", 16, 1000),
    ("bytea", 17, 1001),
    ("int8", 20, 1016),
    ("int2", 21, 1005),
    ("int4", 23, 1007),
    ("text", 25, 1009),
    ("oid", 26, 1028),
    ("tid", 27, 1010),
    ("json", 114, 199),
    ("float4", 700, 1021),
    ("float8", 701, 1022),
    ("char(3)", 1042, 1014),
    ("varchar(3)", 1043, 1015),
    ("date", 1082, 1182),
    ("time", 1083, 1183),
    ("timestamp", 1114, 1115),
    ("timestamptz", 1184, 1185),
    ("interval", 1186, 1187),
    ("numeric", 1700, 1231),
    ("numeric(10,2)", 1700, 1231),
    ("uuid", 2950, 2951),
    ("jsonb", 3802, 3807),
];

/// Statements about parameters of a type, T, and of another, U.
pub const TYPED: &[&str] = &[
    "SELECT $1::T",
    "SELECT $1::T[]",
    "SELECT $1::T::text, $1::T::U, $1::text::T",
    "SELECT $1::T = $2::T, $1::T < $2::T, greatest($1::T, $2::T)",
    "SELECT $1::T + $2::T, $1::T - $2::T",
    "SELECT $1::T * 3, $1::T / 7, -$1::T, $1::T % $2::T",
    "SELECT $1::T + $2::U, $1::T - $2::U",
    "SELECT $1::T || $2::U",
    "SELECT abs($1::T), round($1::T), trunc($1::T), floor($1::T)",
    "SELECT extract(epoch FROM $1::T), extract(year FROM $1::T), date_part('dow', $1::T)",
    "SELECT date_trunc('month', $1::T), date_trunc('hour', $2::T)",
    "SELECT $1::T AT TIME ZONE 'UTC', age($1::T, $2::T)",
    "SELECT to_char($1::T, 'YYYY-MM-DD HH24:MI:SS.US TZ')",
    "SELECT to_jsonb($1::T), json_build_object('k', $1::T), row_to_json(v) FROM (SELECT $2::T) v",
    "SELECT length($1::T), upper($1::T::text), md5($1::T::text)",
    "SELECT min(v), max(v), count(DISTINCT v), array_agg(v) FROM (VALUES ($1::T), ($2::T)) t(v)",
    "SELECT sum(v), avg(v) FROM (VALUES ($1::T), ($2::T)) t(v)",
    "SELECT v FROM (VALUES ($1::T), ($2::T), (NULL)) t(v) ORDER BY v DESC",
    "SELECT v, count(*) OVER (PARTITION BY v) FROM unnest(ARRAY[$1::T, $2::T]) t(v)",
    "SELECT $1::T = ANY ($2::T[]), cardinality($2::T[]), array_append($2::T[], $1::T)",
    "SELECT $1::jsonb -> 'a', $1::jsonb #>> '{a,b}', $1::jsonb @> $2::jsonb, jsonb_pretty($1::jsonb)",
    "SELECT * FROM generate_series($1::T, $1::T + $2::U, $2::U) LIMIT 3",
    "INSERT INTO typed (v) VALUES ($1::T::text) RETURNING v::T, v::U",
    "SELECT CASE WHEN $1::T IS NULL THEN $2::T END, coalesce($1::T, $2::T), nullif($1::T, $2::T)",
    "SELECT $1::T IN ($2::T, NULL), $1::T BETWEEN $2::T AND $2::T, $1::T IS DISTINCT FROM $2::T",
    "SELECT 1 LIMIT $1::T OFFSET $2::T",
];

/// A statement about a type, and the type.
pub fn statement(draw: &mut Draw) -> (String, Named) {
    let (ty, other) = (*pick(draw, TYPES), *pick(draw, TYPES));
    let sql = pick(draw, TYPED).replace("::T", &format!("::{}", ty.0));
    (sql.replace("::U", &format!("::{}", other.0)), ty)
}

fn bytes(draw: &mut Draw, count: u64) -> Vec<u8> {
    (0..count).map(|_| (draw.u64() & 0xff) as u8).collect()
}

/// A whole number of some bytes: an end, near one, or any.
fn whole(draw: &mut Draw, width: usize) -> Vec<u8> {
    let shift = 64 - 8 * width;
    let near = draw.within(0..3);
    let value = match draw.number(0..6) {
        0 => near,
        1 => near.wrapping_neg(),
        2 => (u64::MAX >> 1 >> shift).wrapping_sub(near),
        3 => (1 << 63 >> shift) + near,
        4 => draw.within(0..100_000),
        _ => draw.u64(),
    };
    value.to_be_bytes()[8 - width..].to_vec()
}

/// Microseconds or days, with the ends of what PostgreSQL takes.
fn moment(draw: &mut Draw, width: usize) -> Vec<u8> {
    let ends: &[i64] = if width == 8 {
        &[
            -211_813_488_000_000_000,
            9_223_371_331_200_000_000,
            86_400_000_000,
            820_454_400_000_000,
        ]
    } else {
        &[-2_451_545, 2_145_031_949, 106_741_034, 10_000]
    };
    if draw.percent(40) {
        return whole(draw, width);
    }
    let value = draw.pick(ends) + draw.pick(&[-1, 0, 1]);
    value.to_be_bytes()[8 - width..].to_vec()
}

fn number(draw: &mut Draw) -> Vec<u8> {
    let count = draw.pick(&[0_u16, 1, 2, 5, 9, 40, 2_000]);
    let weight = draw.pick(&[0_i16, -1, 1, 3, 8, 9, 100, i16::MAX, i16::MIN]);
    let sign = draw.pick(&[0_u16, 0, 0x4000, 0xc000, 0xd000, 0xf000, 1]);
    let scale = draw.pick(&[0_u16, 2, 20, 38, 1_000, 16_383, 0xffff]);
    let mut out = Vec::new();
    for word in [count, weight.cast_unsigned(), sign, scale] {
        out.extend(word.to_be_bytes());
    }
    for _ in 0..count {
        let digits = draw.pick(&[0_u16, 1, 9_999, 5_000, 1_234, 10_000]);
        // A group that is none is to be rare.
        out.extend(digits.min(9_999 + u16::from(draw.percent(2))).to_be_bytes());
    }
    out
}

fn json(draw: &mut Draw) -> Vec<u8> {
    let text = draw.pick(&[
        "{\"a\": {\"b\": [1, 2.50, null]}}",
        "[]",
        "null",
        "\"\\u00e9\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\u0000\"",
        "1e400",
        "-0.0",
        "123456789012345678901234567890",
        "{\"a\": 1, \"a\": 2}",
        "{\"a\" 1}",
        "[1,",
        " ",
    ]);
    let depth = draw.pick(&[0, 0, 0, 3, 100, 10_000]);
    [&"[".repeat(depth), text, &"]".repeat(depth)]
        .concat()
        .into_bytes()
}

fn array(draw: &mut Draw, element: Named) -> Vec<u8> {
    let dimensions = draw.pick(&[0_i32, 1, 1, 1, 1, 2, 7, -1]);
    let number = if draw.percent(5) { 25 } else { element.1 };
    let mut out = [dimensions, draw.pick(&[0, 1, 2])]
        .map(i32::to_be_bytes)
        .concat();
    out.extend(number.to_be_bytes());
    let count = draw.pick(&[0_i32, 1, 2, 5]);
    for _ in 0..dimensions.clamp(0, 7) {
        let told = draw.pick(&[count, count, count, count, -1, i32::MAX]);
        let from = draw.pick(&[1, 1, 0, i32::MAX, i32::MIN]);
        out.extend([told, from].map(i32::to_be_bytes).concat());
    }
    for _ in 0..count {
        if draw.percent(20) {
            out.extend(draw.pick(&[-1_i32, -2]).to_be_bytes());
            continue;
        }
        let value = binary(draw, element);
        out.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        out.extend(value);
    }
    out
}

/// A value of a type as it should be.
fn whole_value(draw: &mut Draw, ty: Named) -> Vec<u8> {
    match ty.1 {
        16 => draw.pick(&[[0], [1], [2]]).to_vec(),
        21 => whole(draw, 2),
        23 | 26 => whole(draw, 4),
        20 => whole(draw, 8),
        27 => whole(draw, 6),
        700 => {
            let one = f32::from_bits((draw.u64() & 0xffff_ffff) as u32);
            let value = draw.pick(&[one, -0.0, f32::NAN, f32::INFINITY, f32::MAX, 1e-45, 0.1]);
            value.to_be_bytes().to_vec()
        }
        701 => {
            let one = f64::from_bits(draw.u64());
            let ends = [
                one,
                -0.0,
                f64::NAN,
                f64::NEG_INFINITY,
                f64::MIN,
                5e-324,
                0.1,
                1e15,
            ];
            draw.pick(&ends).to_be_bytes().to_vec()
        }
        1700 => number(draw),
        1082 => moment(draw, 4),
        1083 | 1114 | 1184 => moment(draw, 8),
        1186 => [moment(draw, 8), whole(draw, 4), whole(draw, 4)].concat(),
        2950 => bytes(draw, 16),
        114 => json(draw),
        3802 => [vec![draw.pick(&[1, 1, 1, 0, 2])], json(draw)].concat(),
        17 => {
            let count = draw.within(0..20);
            bytes(draw, count)
        }
        _ => {
            let text = draw.pick(&[
                "",
                "x",
                "abcd ",
                "   ",
                "\u{e9}\u{1f600}",
                "1",
                "2024-02-29",
            ]);
            text.as_bytes().to_vec()
        }
    }
}

/// A value of a type in its binary format, or nearly one.
pub fn binary(draw: &mut Draw, ty: Named) -> Vec<u8> {
    let mut value = whole_value(draw, ty);
    match draw.number(0..24) {
        0 => value.truncate(draw.number(0..9) as usize),
        1 => value.push(0),
        2 if !value.is_empty() => {
            let at = index(draw, value.len());
            value[at] ^= 1 << draw.number(0..8);
        }
        _ => {}
    }
    value
}

/// As [`binary`], or an array of such values.
pub fn parameter(draw: &mut Draw, ty: Named, sql: &str, index: usize) -> Vec<u8> {
    let is_array = sql.contains(&format!("${}::{}[]", index + 1, ty.0));
    if is_array {
        array(draw, ty)
    } else {
        binary(draw, ty)
    }
}
