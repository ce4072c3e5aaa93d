//! SQL types and values.
//!
//! A plan knows the type of every expression, so a value carries only what
//! its bytes mean: all integers are one variant, all character types another.
//! Values of one type have one total order, which indexes and ORDER BY share:
//! text compares by bytes (collation "C"), NULL sorts last.

mod binary;
mod cast;
mod datetime;
mod numeric;
mod text;

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

pub use datetime::Interval;
pub use numeric::Numeric;

pub(super) use binary::{from_binary, to_binary};
pub(super) use cast::{cast, fit};
pub(super) use datetime::from_unix;
pub(super) use text::{from_text, write_text};

/// The type of a column or expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Type {
    /// boolean
    Bool,
    /// smallint
    Int2,
    /// integer
    Int4,
    /// bigint
    Int8,
    /// double precision
    Float8,
    /// numeric
    Numeric,
    /// text
    Text,
    /// character varying
    Varchar,
    /// timestamp with time zone
    Timestamptz,
    /// interval
    Interval,
    /// uuid
    Uuid,
    /// What pg_sleep returns.
    Void,
    /// A literal or parameter whose context has not said what it is.
    Unknown,
}

impl Type {
    /// PostgreSQL's name for it, as its messages use it.
    pub fn name(self) -> &'static str {
        match self {
            Type::Bool => "boolean",
            Type::Int2 => "smallint",
            Type::Int4 => "integer",
            Type::Int8 => "bigint",
            Type::Float8 => "double precision",
            Type::Numeric => "numeric",
            Type::Text => "text",
            Type::Varchar => "character varying",
            Type::Timestamptz => "timestamp with time zone",
            Type::Interval => "interval",
            Type::Uuid => "uuid",
            Type::Void => "void",
            Type::Unknown => "unknown",
        }
    }

    /// Its number in pg_type.
    pub fn oid(self) -> u32 {
        match self {
            Type::Bool => 16,
            Type::Int8 => 20,
            Type::Int2 => 21,
            Type::Int4 => 23,
            Type::Text => 25,
            Type::Float8 => 701,
            Type::Varchar => 1043,
            Type::Timestamptz => 1184,
            Type::Interval => 1186,
            Type::Numeric => 1700,
            Type::Void => 2278,
            Type::Uuid => 2950,
            Type::Unknown => 705,
        }
    }

    pub(super) fn from_oid(oid: u32) -> Option<Type> {
        Some(match oid {
            16 => Type::Bool,
            20 => Type::Int8,
            21 => Type::Int2,
            23 => Type::Int4,
            25 => Type::Text,
            701 => Type::Float8,
            1043 => Type::Varchar,
            1184 => Type::Timestamptz,
            1186 => Type::Interval,
            1700 => Type::Numeric,
            2278 => Type::Void,
            2950 => Type::Uuid,
            705 => Type::Unknown,
            _ => return None,
        })
    }

    /// The width that RowDescription states: -1 for what varies.
    pub(super) fn width(self) -> i16 {
        match self {
            Type::Bool => 1,
            Type::Int2 => 2,
            Type::Int4 | Type::Void => 4,
            Type::Int8 | Type::Float8 | Type::Timestamptz => 8,
            Type::Interval | Type::Uuid => 16,
            Type::Unknown => -2,
            Type::Numeric | Type::Text | Type::Varchar => -1,
        }
    }

    pub(super) fn is_integer(self) -> bool {
        matches!(self, Type::Int2 | Type::Int4 | Type::Int8)
    }

    pub(super) fn is_number(self) -> bool {
        self.is_integer() || matches!(self, Type::Float8 | Type::Numeric)
    }

    pub(super) fn is_string(self) -> bool {
        matches!(self, Type::Text | Type::Varchar | Type::Unknown)
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
    /// An exact decimal.
    Numeric(Arc<Numeric>),
    /// A string of any character type.
    Text(Arc<str>),
    /// Microseconds since 2000-01-01 00:00:00 UTC.
    Timestamp(i64),
    /// Months, days and microseconds.
    Interval(Arc<Interval>),
    /// A UUID's bytes.
    Uuid([u8; 16]),
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
            Value::Text(value) => Some(value),
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

    fn rank(&self) -> u8 {
        match self {
            Value::Bool(_) => 0,
            Value::Int(_) => 1,
            Value::Float(_) => 2,
            Value::Numeric(_) => 3,
            Value::Text(_) => 4,
            Value::Timestamp(_) => 5,
            Value::Interval(_) => 6,
            Value::Uuid(_) => 7,
            Value::Null => 8,
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
    fn cmp(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            (Value::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Float(a), Value::Float(b)) => compare_floats(*a, *b),
            (Value::Numeric(a), Value::Numeric(b)) => a.cmp(b),
            (Value::Timestamp(a), Value::Timestamp(b)) => a.cmp(b),
            (Value::Interval(a), Value::Interval(b)) => a.cmp(b),
            (Value::Uuid(a), Value::Uuid(b)) => a.cmp(b),
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
