//! Type names.

use sqlparser::ast::{
    ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, IntervalFields, TimezoneInfo,
};

use super::object_name;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::types::{Limits, MODIFIER_HEADER, Type};

/// The type that a name stands for, and its modifier.
pub(in crate::postgres) fn column_type(name: &DataType) -> Result<(Type, i32)> {
    let ty = match name {
        DataType::Int2(None) | DataType::SmallInt(None) => Type::Int2,
        DataType::Int(None) | DataType::Int4(None) | DataType::Integer(None) => Type::Int4,
        DataType::Int8(None) | DataType::BigInt(None) => Type::Int8,
        DataType::Bool | DataType::Boolean => Type::Bool,
        DataType::Float4 | DataType::Real => Type::Float4,
        DataType::Float8 | DataType::DoublePrecision | DataType::Double(ExactNumberInfo::None) => {
            Type::Float8
        }
        DataType::Float(info) => float(info)?,
        DataType::Text => Type::Text,
        DataType::Uuid => Type::Uuid,
        DataType::JSON => Type::Json,
        DataType::JSONB => Type::Jsonb,
        DataType::Bytea => Type::Bytea,
        DataType::Date => Type::Date,
        DataType::Regclass => Type::Regclass,
        DataType::Interval { fields, precision } => {
            return Ok((
                Type::Interval,
                interval_modifier(fields.as_ref(), *precision)?,
            ));
        }
        DataType::Timestamp(precision, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => {
            return Ok((Type::Timestamptz, time_modifier(*precision)));
        }
        DataType::Timestamp(precision, _) => {
            return Ok((Type::Timestamp, time_modifier(*precision)));
        }
        DataType::Time(precision, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            return Ok((Type::Time, time_modifier(*precision)));
        }
        DataType::Varchar(length)
        | DataType::CharacterVarying(length)
        | DataType::CharVarying(length) => {
            return Ok((Type::Varchar, length_modifier(length.as_ref(), "varchar")?));
        }
        DataType::Char(length) | DataType::Character(length) => {
            let modifier = match length_modifier(length.as_ref(), "char")? {
                -1 => 1 + MODIFIER_HEADER,
                modifier => modifier,
            };
            return Ok((Type::Bpchar, modifier));
        }
        DataType::Numeric(info) | DataType::Decimal(info) | DataType::Dec(info) => {
            return Ok((Type::Numeric, numeric_modifier(info)?));
        }
        DataType::Array(
            ArrayElemTypeDef::SquareBracket(element, _) | ArrayElemTypeDef::AngleBracket(element),
        ) => {
            let (element, modifier) = column_type(element)?;
            // int[][] is int[].
            let ty = match element {
                array @ Type::Array(_) => Some(array),
                element => element.array(),
            };
            let ty = ty.ok_or_else(|| Error::unsupported(format!("type {element}[]")))?;
            return Ok((ty, modifier));
        }
        DataType::Custom(name, modifiers) => {
            return custom(&object_name(name)?, modifiers);
        }
        other => {
            let name = other.to_string().to_lowercase();
            return Err(Error::unsupported(format!("type {name}")));
        }
    };
    Ok((ty, -1))
}

fn custom(name: &str, modifiers: &[String]) -> Result<(Type, i32)> {
    // "char" in quotes is a type of its own; _int4 is int4[].
    let named = |name: &str| Type::all().find(|ty| ty.catalog_name() == name);
    let ty = named(name).filter(|ty| !ty.is_pseudo());
    let Some(ty) = ty else {
        if matches!(
            name,
            "inet" | "cidr" | "point" | "xml" | "money" | "tsvector" | "int4range"
        ) {
            return Err(Error::unsupported(format!("type {name}")));
        }
        return Err(Error::new(
            SqlState::UNDEFINED_OBJECT,
            format!("type \"{name}\" does not exist"),
        ));
    };
    let size = modifiers.first().and_then(|text| text.parse::<i32>().ok());
    let modifier = match (ty, size) {
        (_, None) => -1,
        (Type::Timestamp | Type::Timestamptz | Type::Time, Some(digits)) => digits.min(6),
        (Type::Varchar | Type::Bpchar, Some(length)) => length + MODIFIER_HEADER,
        _ => return Err(Error::unsupported(format!("type {name} with a modifier"))),
    };
    Ok((ty, modifier))
}

fn float(info: &ExactNumberInfo) -> Result<Type> {
    match info {
        ExactNumberInfo::None => Ok(Type::Float8),
        ExactNumberInfo::Precision(1..=24) => Ok(Type::Float4),
        ExactNumberInfo::Precision(25..=53) => Ok(Type::Float8),
        ExactNumberInfo::Precision(0) => Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            "precision for type float must be at least 1 bit",
        )),
        _ => Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            "precision for type float must be less than 54 bits",
        )),
    }
}

fn time_modifier(precision: Option<u64>) -> i32 {
    precision.map_or(-1, |digits| i32::try_from(digits.min(6)).unwrap_or(6))
}

fn interval_modifier(fields: Option<&IntervalFields>, precision: Option<u64>) -> Result<i32> {
    let words = fields.map(|fields| fields.to_string().to_lowercase());
    let has_seconds = words.as_ref().is_none_or(|words| words.ends_with("second"));
    if precision.is_some() && !has_seconds {
        return Err(Error::new(
            SqlState::SYNTAX_ERROR,
            "syntax error at or near \"(\"",
        ));
    }
    let decimals = precision.map(|digits| i32::try_from(digits.min(6)).unwrap_or(6));
    Ok(Limits::named(words.as_deref(), decimals).modifier())
}

fn length_modifier(length: Option<&CharacterLength>, name: &str) -> Result<i32> {
    match length {
        None => Ok(-1),
        Some(CharacterLength::IntegerLength { length, unit: None }) => {
            match i32::try_from(*length) {
                Ok(0) => Err(Error::new(
                    SqlState::INVALID_PARAMETER_VALUE,
                    format!("length for type {name} must be at least 1"),
                )),
                Ok(length) if length <= 10_485_760 => Ok(length + MODIFIER_HEADER),
                _ => Err(Error::new(
                    SqlState::INVALID_PARAMETER_VALUE,
                    format!("length for type {name} cannot exceed 10485760"),
                )),
            }
        }
        Some(other) => Err(Error::unsupported(format!("{name}({other})"))),
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
    if !(-1000..=1000).contains(&scale) {
        return Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("NUMERIC scale {scale} must be between -1000 and 1000"),
        ));
    }
    match (i32::try_from(precision), i32::try_from(scale)) {
        // A numeric has no room for more decimals.
        (Ok(precision), Ok(scale @ ..=38)) => {
            Ok((precision << 16 | scale & 0x7ff) + MODIFIER_HEADER)
        }
        _ => Err(Error::unsupported(format!("numeric({precision},{scale})"))),
    }
}
