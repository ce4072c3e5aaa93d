//! SQL types and values.
//!
//! A plan knows the type of every expression, so a value carries only what
//! its bytes mean: all integers are one variant, all character types another.
//! Values of one type have one total order, which indexes and ORDER BY share:
//! text compares by bytes (collation "C"), NULL sorts last.

mod array;
mod binary;
mod cast;
mod datetime;
mod interval;
mod json;
mod numeric;
mod reading;
mod style;
mod text;

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

pub use interval::Interval;
pub use json::Json;
pub(super) use json::{Parts, parts};
pub use numeric::Numeric;

pub(super) use binary::{from_binary, to_binary, valid_text};
pub(super) use cast::{cast, fit, out_of_range};
pub(super) use datetime::{
    Field, MICROS_PER_DAY, date_of, extract, from_unix, in_range, is_infinite, midnight, truncate,
    weekday,
};
pub(super) use interval::Limits;
pub(super) use reading::{Reading, UTC, fixed_zone};
pub(super) use text::{from_text, read_interval, write_styled_text, write_text};

/// Defines the scalar types in one table: variant, meaning, name in messages,
/// OID, width on the wire, OID and name of the array.
macro_rules! types {
    ($($(#[$doc:meta])* $variant:ident $name:literal $oid:literal $width:literal $array:literal;)*) => {
        /// The type of a column or expression.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Type {
            $($(#[$doc])* $variant,)*
            /// A literal or parameter whose context has not said what it is.
            Unknown,
            /// An array of such elements.
            Array(&'static Type),
        }

        impl Type {
            const SCALARS: &'static [Type] = &[$(Type::$variant),*];

            /// PostgreSQL's name for it, as its messages use it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Type::$variant => $name,)*
                    Type::Unknown => "unknown",
                    $(Type::Array(Type::$variant) => concat!($name, "[]"),)*
                    Type::Array(_) => "anyarray",
                }
            }

            /// Its number in pg_type.
            pub fn oid(self) -> u32 {
                match self {
                    $(Type::$variant => $oid,)*
                    Type::Unknown => 705,
                    $(Type::Array(Type::$variant) => $array,)*
                    Type::Array(_) => 0,
                }
            }

            /// The width that RowDescription states: -1 for what varies.
            pub(super) fn width(self) -> i16 {
                match self {
                    $(Type::$variant => $width,)*
                    Type::Unknown => -2,
                    Type::Array(_) => -1,
                }
            }

            /// The type of arrays of this.
            pub(super) fn array(self) -> Option<Type> {
                match self {
                    $(Type::$variant => Some(Type::Array(&Type::$variant)).filter(|_| $array != 0),)*
                    Type::Unknown => Some(Type::Array(&Type::Text)),
                    Type::Array(_) => None,
                }
            }
        }
    };
}

types! {
    /// boolean
    Bool "boolean" 16 1 1000;
    /// smallint
    Int2 "smallint" 21 2 1005;
    /// integer
    Int4 "integer" 23 4 1007;
    /// bigint
    Int8 "bigint" 20 8 1016;
    /// real
    Float4 "real" 700 4 1021;
    /// double precision
    Float8 "double precision" 701 8 1022;
    /// numeric
    Numeric "numeric" 1700 -1 1231;
    /// text
    Text "text" 25 -1 1009;
    /// character varying
    Varchar "character varying" 1043 -1 1015;
    /// character: blank-padded
    Bpchar "character" 1042 -1 1014;
    /// name: of an object of the database
    Name "name" 19 64 1003;
    /// "char": one byte, in the system catalog
    Char "\"char\"" 18 1 1002;
    /// date
    Date "date" 1082 4 1182;
    /// time without time zone
    Time "time without time zone" 1083 8 1183;
    /// timestamp without time zone
    Timestamp "timestamp without time zone" 1114 8 1115;
    /// timestamp with time zone
    Timestamptz "timestamp with time zone" 1184 8 1185;
    /// interval
    Interval "interval" 1186 16 1187;
    /// uuid
    Uuid "uuid" 2950 16 2951;
    /// json: kept as written
    Json "json" 114 -1 199;
    /// jsonb: kept by meaning
    Jsonb "jsonb" 3802 -1 3807;
    /// bytea
    Bytea "bytea" 17 -1 1001;
    /// oid: the number of an object
    Oid "oid" 26 4 1028;
    /// xid: a transaction's number
    Xid "xid" 28 4 1011;
    /// cid: a command's number
    Cid "cid" 29 4 1012;
    /// tid: a version's place in its table
    Tid "tid" 27 6 1010;
    /// regclass: a relation by name
    Regclass "regclass" 2205 4 2210;
    /// regtype: a type by name
    Regtype "regtype" 2206 4 2211;
    /// regproc: a function by name
    Regproc "regproc" 24 4 1008;
    /// regnamespace: a schema by name
    Regnamespace "regnamespace" 4089 4 4090;
    /// regrole: a role by name
    Regrole "regrole" 4096 4 4097;
    /// int2vector: numbers of columns, counted from 0
    Int2vector "int2vector" 22 -1 1006;
    /// oidvector: numbers of objects, counted from 0
    Oidvector "oidvector" 30 -1 1013;
    /// pg_node_tree: an expression in the system catalog
    PgNodeTree "pg_node_tree" 194 -1 0;
    /// aclitem: who may do what
    Aclitem "aclitem" 1033 12 1034;
    /// What pg_sleep returns.
    Void "void" 2278 4 0;
    /// record: a row without a named type
    Record "record" 2249 -1 2287;
    /// anyarray: what a function takes that takes any array
    AnyArray "anyarray" 2277 -1 0;
    /// anyelement: what goes with such an array
    AnyElement "anyelement" 2283 4 0;
    /// "any": what a function takes that takes anything
    Any "\"any\"" 2276 4 0;
}

/// What a modifier adds to itself before it is stored in the catalog.
pub(super) const MODIFIER_HEADER: i32 = 4;

/// The precision and the scale that a modifier of numeric says: of the scale
/// there are eleven bits, one of them for its sign.
pub(super) fn numeric_size(modifier: i32) -> (i32, i32) {
    let size = modifier - MODIFIER_HEADER;
    (size >> 16, ((size & 0x7ff) ^ 0x400) - 0x400)
}

impl Type {
    pub(super) fn from_oid(oid: u32) -> Option<Type> {
        let all = Type::all().chain([Type::Unknown]);
        all.into_iter().find(|ty| ty.oid() == oid)
    }

    /// Every type that a column can have, and the pseudo-types.
    pub(super) fn all() -> impl Iterator<Item = Type> {
        let scalars = Type::SCALARS.iter().copied();
        scalars.clone().chain(scalars.filter_map(Type::array))
    }

    /// Its name in pg_type.
    pub(super) fn catalog_name(self) -> String {
        match self {
            Type::Array(element) => format!("_{}", element.catalog_name()),
            Type::Bool => "bool".to_owned(),
            Type::Int2 => "int2".to_owned(),
            Type::Int4 => "int4".to_owned(),
            Type::Int8 => "int8".to_owned(),
            Type::Float4 => "float4".to_owned(),
            Type::Float8 => "float8".to_owned(),
            Type::Varchar => "varchar".to_owned(),
            Type::Bpchar => "bpchar".to_owned(),
            Type::Char => "char".to_owned(),
            Type::Time => "time".to_owned(),
            Type::Timestamp => "timestamp".to_owned(),
            Type::Timestamptz => "timestamptz".to_owned(),
            Type::Any => "any".to_owned(),
            other => other.name().to_owned(),
        }
    }

    pub(super) fn is_integer(self) -> bool {
        matches!(self, Type::Int2 | Type::Int4 | Type::Int8)
    }

    pub(super) fn is_number(self) -> bool {
        self.is_integer() || matches!(self, Type::Float4 | Type::Float8 | Type::Numeric)
    }

    /// True for the numbers of objects that read and write as their names.
    pub(super) fn is_named(self) -> bool {
        use Type::{Regclass, Regnamespace, Regproc, Regrole, Regtype};
        matches!(self, Regclass | Regtype | Regproc | Regnamespace | Regrole)
    }

    /// True for these and arrays of them.
    pub(super) fn names_objects(self) -> bool {
        match self {
            Type::Array(element) => element.is_named(),
            ty => ty.is_named(),
        }
    }

    /// What an array or a vector is of.
    pub(super) fn element(self) -> Option<Type> {
        match self {
            Type::Array(element) => Some(*element),
            Type::Int2vector => Some(Type::Int2),
            Type::Oidvector => Some(Type::Oid),
            _ => None,
        }
    }

    /// True for what only functions and their results are of.
    pub(super) fn is_pseudo(self) -> bool {
        use Type::{Any, AnyArray, AnyElement, Record, Void};
        matches!(self, Void | Record | Any | AnyArray | AnyElement)
    }

    /// Its name with the size that a modifier says, as format_type has it.
    pub(super) fn with_modifier(self, modifier: i32) -> String {
        let (element, suffix) = match self {
            Type::Array(element) => (*element, "[]"),
            own => (own, ""),
        };
        let size = modifier.saturating_sub(MODIFIER_HEADER);
        let named = match (element, modifier) {
            (Type::Bpchar, ..=-1) => "bpchar".to_owned(),
            (_, ..=-1) => element.name().to_owned(),
            (Type::Numeric, _) => {
                let (precision, scale) = numeric_size(modifier);
                format!("numeric({precision},{scale})")
            }
            (Type::Varchar | Type::Bpchar, _) => format!("{}({size})", element.name()),
            (Type::Interval, _) => format!("interval{}", Limits::of(modifier)),
            (Type::Timestamp | Type::Timestamptz | Type::Time, _) => {
                let name = element.name();
                let (name, zone) = name.split_once(' ').unwrap_or((name, ""));
                format!("{name}({modifier}) {zone}")
            }
            _ => element.name().to_owned(),
        };
        named + suffix
    }

    /// True for the numbers of the catalog, which are integers of their own.
    pub(super) fn is_catalog_number(self) -> bool {
        matches!(self, Type::Oid | Type::Xid | Type::Cid)
    }

    pub(super) fn is_string(self) -> bool {
        use Type::{Bpchar, Char, Name, Text, Unknown, Varchar};
        matches!(self, Text | Varchar | Bpchar | Name | Char | Unknown)
    }

    /// True for what is a point in time.
    pub(super) fn is_time(self) -> bool {
        matches!(self, Type::Date | Type::Timestamp | Type::Timestamptz)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One value.
#[derive(Debug, Clone)]
pub enum Value {
    /// No value.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer of any width.
    Int(i64),
    /// A double.
    Float(f64),
    /// A float of half the size.
    Real(f32),
    /// An exact decimal.
    Numeric(Arc<Numeric>),
    /// A string of any character type but the blank-padded one.
    Text(Arc<str>),
    /// A blank-padded string: trailing blanks do not count.
    Padded(Arc<str>),
    /// Microseconds since 2000-01-01 00:00:00 UTC.
    Timestamp(i64),
    /// Microseconds since 2000-01-01 00:00:00 in no particular zone.
    Local(i64),
    /// Days since 2000-01-01.
    Date(i32),
    /// Microseconds since midnight.
    Time(i64),
    /// Months, days and microseconds.
    Interval(Arc<Interval>),
    /// A UUID's bytes.
    Uuid([u8; 16]),
    /// A JSON document.
    Json(Arc<Json>),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// An array of one dimension, counted from 1.
    Array(Row),
    /// An array counted from 0, which the system catalog has.
    Vector(Row),
    /// An object's number, with its name.
    Object(Arc<Object>),
}

/// The number of an object, and how it is written.
#[derive(Debug, Clone)]
pub struct Object {
    /// What it is known by.
    pub oid: u32,
    /// Its name as it is to be written.
    pub name: Arc<str>,
}

/// The values of a row, in column order.
pub type Row = Arc<[Value]>;

impl Value {
    /// The integer, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(value) | Value::Padded(value) => Some(value),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// True for NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    pub(super) fn text(value: &str) -> Value {
        Value::Text(value.into())
    }

    /// An object by its number and its name.
    pub(super) fn object(oid: u32, name: &str) -> Value {
        let name = name.into();
        Value::Object(Arc::new(Object { oid, name }))
    }

    fn rank(&self) -> u8 {
        match self {
            Value::Bool(_) => 0,
            Value::Int(_) => 1,
            Value::Float(_) => 2,
            Value::Real(_) => 3,
            Value::Numeric(_) => 4,
            Value::Text(_) => 5,
            Value::Padded(_) => 6,
            Value::Timestamp(_) => 7,
            Value::Local(_) => 8,
            Value::Date(_) => 9,
            Value::Time(_) => 10,
            Value::Interval(_) => 11,
            Value::Uuid(_) => 12,
            Value::Json(_) => 13,
            Value::Bytes(_) => 14,
            Value::Array(_) => 15,
            Value::Vector(_) => 16,
            Value::Object(_) => 17,
            Value::Null => 18,
        }
    }
}

/// PostgreSQL's order of doubles: zeros are equal, NaN equals itself and is
/// the greatest.
fn compare_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b)
        .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

impl Ord for Value {
    #[inline]
    fn cmp(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            _ => self.cmp_any(other),
        }
    }
}

impl Value {
    fn cmp_any(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            (Value::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Float(a), Value::Float(b)) => compare_floats(*a, *b),
            (Value::Numeric(a), Value::Numeric(b)) => a.cmp(b),
            (Value::Timestamp(a), Value::Timestamp(b)) => a.cmp(b),
            (Value::Interval(a), Value::Interval(b)) => a.cmp(b),
            (Value::Uuid(a), Value::Uuid(b)) => a.cmp(b),
            (Value::Local(a), Value::Local(b)) | (Value::Time(a), Value::Time(b)) => a.cmp(b),
            (Value::Date(a), Value::Date(b)) => a.cmp(b),
            (Value::Real(a), Value::Real(b)) => compare_floats((*a).into(), (*b).into()),
            (Value::Padded(a), Value::Padded(b)) => {
                let significant = |text: &str| text.trim_end_matches(' ').as_bytes().to_vec();
                significant(a).cmp(&significant(b))
            }
            (Value::Json(a), Value::Json(b)) => a.cmp(b),
            (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
            (Value::Array(a) | Value::Vector(a), Value::Array(b) | Value::Vector(b)) => a.cmp(b),
            (Value::Object(a), Value::Object(b)) => a.oid.cmp(&b.oid),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Value {}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_null() {
            return f.write_str("null");
        }
        let mut out = Vec::new();
        write_text(self, &mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}
