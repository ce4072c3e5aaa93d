//! Type names.

use sqlparser::ast::{CharacterLength, DataType, ExactNumberInfo, TimezoneInfo};

use super::object_name;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::eval::MODIFIER_HEADER;
use crate::postgres::types::Type;

/// The type that a name stands for, and its modifier.
pub(in crate::postgres) fn column_type(name: &DataType) -> Result<(Type, i32)> {
    let ty = match name {
        DataType::Int2(None) | DataType::SmallInt(None) => Type::Int2,
        DataType::Int(None) | DataType::Int4(None) | DataType::Integer(None) => Type::Int4,
        DataType::Int8(None) | DataType::BigInt(None) => Type::Int8,
        DataType::Bool | DataType::Boolean => Type::Bool,
        DataType::Float8 | DataType::DoublePrecision => Type::Float8,
        DataType::Text => Type::Text,
        DataType::Uuid => Type::Uuid,
        DataType::Interval {
            fields: None,
            precision: None,
        } => Type::Interval,
        DataType::Timestamp(None, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => {
            Type::Timestamptz
        }
        DataType::Varchar(length) | DataType::CharacterVarying(length) => {
            return Ok((Type::Varchar, length_modifier(length.as_ref())?));
        }
        DataType::Numeric(info) | DataType::Decimal(info) => {
            return Ok((Type::Numeric, numeric_modifier(info)?));
        }
        DataType::Custom(name, modifiers) if modifiers.is_empty() => {
            return custom(&object_name(name)?).map(|ty| (ty, -1));
        }
        other => {
            let name = other.to_string().to_lowercase();
            return Err(Error::unsupported(format!("type {name}")));
        }
    };
    Ok((ty, -1))
}

fn custom(name: &str) -> Result<Type> {
    Ok(match name {
        "timestamptz" => Type::Timestamptz,
        "varchar" => Type::Varchar,
        "int2" => Type::Int2,
        "int4" => Type::Int4,
        "int8" => Type::Int8,
        "float8" => Type::Float8,
        "bool" => Type::Bool,
        "name" | "regclass" | "jsonb" | "json" | "bytea" | "date" | "timestamp" | "oid"
        | "char" | "bpchar" | "time" | "inet" | "point" => {
            return Err(Error::unsupported(format!("type {name}")));
        }
        _ => {
            return Err(Error::new(
                SqlState::UNDEFINED_OBJECT,
                format!("type \"{name}\" does not exist"),
            ));
        }
    })
}

fn length_modifier(length: Option<&CharacterLength>) -> Result<i32> {
    match length {
        None => Ok(-1),
        Some(CharacterLength::IntegerLength { length, unit: None }) => {
            match i32::try_from(*length) {
                Ok(0) => Err(Error::new(
                    SqlState::INVALID_PARAMETER_VALUE,
                    "length for type varchar must be at least 1",
                )),
                Ok(length) if length <= 10_485_760 => Ok(length + MODIFIER_HEADER),
                _ => Err(Error::new(
                    SqlState::INVALID_PARAMETER_VALUE,
                    "length for type varchar cannot exceed 10485760",
                )),
            }
        }
        Some(other) => Err(Error::unsupported(format!("varchar({other})"))),
    }
}

fn numeric_modifier(info: &ExactNumberInfo) -> Result<i32> {
    let (precision, scale) = match info {
        ExactNumberInfo::None => return Ok(-1),
        ExactNumberInfo::Precision(precision) => (*precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, *scale),
    };
    if !(1..=1000).contains(&precision) {
        return Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("NUMERIC precision {precision} must be between 1 and 1000"),
        ));
    }
    // PostgreSQL 15 takes other scales too; none that fits 38 digits is lost.
    match (i32::try_from(precision), i32::try_from(scale)) {
        (Ok(precision), Ok(scale)) if (0..=precision.min(38)).contains(&scale) => {
            Ok((precision << 16 | scale) + MODIFIER_HEADER)
        }
        _ => Err(Error::unsupported(format!("numeric({precision},{scale})"))),
    }
}
