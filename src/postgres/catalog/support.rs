//! The functions that types and access methods are made of, by number and
//! name. pg_proc does not list them, nor those that a query calls.

use crate::postgres::types::{Type, Value};

/// How a type is read and written: as text, and in binary.
const FORMATS: [&str; 4] = ["in", "out", "recv", "send"];

/// What the names of a type's functions begin with, and their numbers.
const OF_TYPES: &[(Type, &str, [u32; 4])] = &[
    (Type::Bool, "bool", [1242, 1243, 2436, 2437]),
    (Type::Int2, "int2", [38, 39, 2404, 2405]),
    (Type::Int4, "int4", [42, 43, 2406, 2407]),
    (Type::Int8, "int8", [460, 461, 2408, 2409]),
    (Type::Float4, "float4", [200, 201, 2424, 2425]),
    (Type::Float8, "float8", [214, 215, 2426, 2427]),
    (Type::Numeric, "numeric_", [1701, 1702, 2460, 2461]),
    (Type::Text, "text", [46, 47, 2414, 2415]),
    (Type::Varchar, "varchar", [1046, 1047, 2432, 2433]),
    (Type::Bpchar, "bpchar", [1044, 1045, 2430, 2431]),
    (Type::Name, "name", [34, 35, 2422, 2423]),
    (Type::Char, "char", [1245, 33, 2434, 2435]),
    (Type::Date, "date_", [1084, 1085, 2468, 2469]),
    (Type::Time, "time_", [1143, 1144, 2470, 2471]),
    (Type::Timestamp, "timestamp_", [1312, 1313, 2474, 2475]),
    (Type::Timestamptz, "timestamptz_", [1150, 1151, 2476, 2477]),
    (Type::Interval, "interval_", [1160, 1161, 2478, 2479]),
    (Type::Uuid, "uuid_", [2952, 2953, 2961, 2962]),
    (Type::Json, "json_", [321, 322, 323, 324]),
    (Type::Jsonb, "jsonb_", [3806, 3804, 3805, 3803]),
    (Type::Bytea, "bytea", [1244, 31, 2412, 2413]),
    (Type::Oid, "oid", [1798, 1799, 2418, 2419]),
    (Type::Xid, "xid", [50, 51, 2440, 2441]),
    (Type::Cid, "cid", [52, 53, 2442, 2443]),
    (Type::Tid, "tid", [48, 49, 2438, 2439]),
    (Type::Regclass, "regclass", [2218, 2219, 2452, 2453]),
    (Type::Regtype, "regtype", [2220, 2221, 2454, 2455]),
    (Type::Regproc, "regproc", [44, 45, 2444, 2445]),
    (Type::Regnamespace, "regnamespace", [4084, 4085, 4087, 4088]),
    (Type::Regrole, "regrole", [4098, 4092, 4094, 4095]),
    (Type::Int2vector, "int2vector", [40, 41, 2410, 2411]),
    (Type::Oidvector, "oidvector", [54, 55, 2420, 2421]),
    (Type::PgNodeTree, "pg_node_tree_", [195, 196, 197, 198]),
    (Type::Aclitem, "aclitem", [1031, 1032, 0, 0]),
    (Type::Void, "void_", [2298, 2299, 3120, 3121]),
    (Type::Record, "record_", [2290, 2291, 2402, 2403]),
    (Type::AnyArray, "anyarray_", [2296, 2297, 2502, 2503]),
    (Type::AnyElement, "anyelement_", [2312, 2313, 0, 0]),
    (Type::Any, "any_", [2294, 2295, 0, 0]),
    (Type::Unknown, "unknown", [109, 110, 2416, 2417]),
];

/// How the modifier of a type is read and written.
const OF_MODIFIERS: &[(Type, &str, [u32; 2])] = &[
    (Type::Numeric, "numeric", [2917, 2918]),
    (Type::Varchar, "varchar", [2915, 2916]),
    (Type::Bpchar, "bpchar", [2913, 2914]),
    (Type::Time, "time", [2909, 2910]),
    (Type::Timestamp, "timestamp", [2905, 2906]),
    (Type::Timestamptz, "timestamptz", [2907, 2908]),
    (Type::Interval, "interval", [2903, 2904]),
];

/// What all arrays share, how some types are subscripted, and the access
/// methods.
const OTHERS: &[(u32, &str)] = &[
    (750, "array_in"),
    (751, "array_out"),
    (2400, "array_recv"),
    (2401, "array_send"),
    (3816, "array_typanalyze"),
    (6179, "array_subscript_handler"),
    (6180, "raw_array_subscript_handler"),
    (6098, "jsonb_subscript_handler"),
    (3, "heap_tableam_handler"),
    (330, "bthandler"),
    (331, "hashhandler"),
    (332, "gisthandler"),
    (333, "ginhandler"),
    (334, "spghandler"),
    (335, "brinhandler"),
];

fn functions() -> impl Iterator<Item = (u32, String)> {
    let of_types = OF_TYPES.iter().flat_map(|(_, name, numbers)| {
        let named = numbers.iter().zip(FORMATS);
        named.map(move |(number, format)| (*number, format!("{name}{format}")))
    });
    let of_modifiers = OF_MODIFIERS.iter().flat_map(|(_, name, numbers)| {
        let named = numbers.iter().zip(FORMATS);
        named.map(move |(number, format)| (*number, format!("{name}typmod{format}")))
    });
    let others = OTHERS
        .iter()
        .map(|(number, name)| (*number, (*name).to_owned()));
    let all = of_types.chain(of_modifiers).chain(others);
    all.filter(|(number, _)| *number != 0)
}

/// A function of this name.
pub(super) fn named(name: &str) -> Value {
    let number = support_function(name).unwrap_or(0);
    Value::object(number, if number == 0 { "-" } else { name })
}

/// The number of a function of a type.
pub(in crate::postgres) fn support_function(name: &str) -> Option<u32> {
    let found = functions().find(|(_, other)| other == name);
    found.map(|(number, _)| number)
}

/// The name of a function of a type.
pub(in crate::postgres) fn support_function_name(number: u32) -> Option<String> {
    let found = functions().find(|(other, _)| *other == number);
    found.map(|(_, name)| name)
}

/// The functions that read and write a type, as pg_type has them.
pub(super) fn formats(ty: Type) -> [Value; 4] {
    if matches!(ty, Type::Array(_)) {
        return FORMATS.map(|format| named(&format!("array_{format}")));
    }
    let mut types = OF_TYPES.iter();
    let found = types.find(|(other, ..)| *other == ty);
    let (name, numbers) = found.map_or(("", [0; 4]), |(_, name, numbers)| (*name, *numbers));
    let mut numbers = numbers.into_iter();
    FORMATS.map(|format| match numbers.next() {
        None | Some(0) => Value::object(0, "-"),
        Some(number) => Value::object(number, &format!("{name}{format}")),
    })
}

/// The functions that read and write a type's modifier.
pub(super) fn modifiers(ty: Type) -> [Value; 2] {
    let ty = match ty {
        Type::Array(element) => *element,
        ty => ty,
    };
    let found = OF_MODIFIERS.iter().find(|(other, ..)| *other == ty);
    match found {
        None => [Value::object(0, "-"), Value::object(0, "-")],
        Some((_, name, [reads, writes])) => [
            Value::object(*reads, &format!("{name}typmodin")),
            Value::object(*writes, &format!("{name}typmodout")),
        ],
    }
}
