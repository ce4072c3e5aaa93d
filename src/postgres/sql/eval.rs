//! Evaluation of expressions over the rows at hand.

use std::cmp::Ordering;
use std::sync::Arc;

use parking_lot::Mutex;

use super::expr::{Arithmetic, Comparison, Expr, Function, Truth};
use super::system::Calls;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::Pid;
use crate::postgres::settings::Settings;
use crate::postgres::storage::clog::Xid;
use crate::postgres::storage::sequence::Sequences;
use crate::postgres::types::{Interval, Numeric, Row, Type, Value, cast, fit, from_unix};
use crate::rt;

/// What an expression may look at besides rows.
pub(in crate::postgres) struct Context<'a> {
    pub(in crate::postgres) params: &'a [Value],
    pub(in crate::postgres) pid: Pid,
    pub(in crate::postgres) xid: Xid,
    /// When the transaction and the statement began.
    pub(in crate::postgres) transaction_start: i64,
    pub(in crate::postgres) statement_start: i64,
    pub(in crate::postgres) settings: &'a Settings,
    pub(in crate::postgres) sequences: &'a Mutex<Sequences>,
    pub(in crate::postgres) calls: &'a Calls,
}

/// Evaluates `expr`; column references pick from `rows`.
pub(in crate::postgres) fn eval(expr: &Expr, rows: &[Row], context: &Context<'_>) -> Result<Value> {
    Ok(match expr {
        Expr::Const(value) => value.clone(),
        Expr::Param(index) => context.params[*index].clone(),
        Expr::Column { relation, column } => rows[*relation][*column].clone(),
        Expr::Not(operand) => match eval(operand, rows, context)? {
            Value::Bool(value) => Value::Bool(!value),
            other => other,
        },
        Expr::And(list) => connect(list, false, rows, context)?,
        Expr::Or(list) => connect(list, true, rows, context)?,
        Expr::Is {
            operand,
            truth,
            negated,
        } => {
            let value = eval(operand, rows, context)?;
            let holds = match truth {
                Truth::Null => value.is_null(),
                Truth::True => value.as_bool() == Some(true),
                Truth::False => value.as_bool() == Some(false),
            };
            Value::Bool(holds != *negated)
        }
        Expr::Compare(comparison, left, right) => {
            let (left, right) = (eval(left, rows, context)?, eval(right, rows, context)?);
            if left.is_null() || right.is_null() {
                return Ok(Value::Null);
            }
            Value::Bool(comparison.holds(left.cmp(&right)))
        }
        Expr::Distinct {
            left,
            right,
            negated,
        } => {
            let same = eval(left, rows, context)? == eval(right, rows, context)?;
            Value::Bool(same == *negated)
        }
        Expr::Arithmetic(operator, ty, left, right) => {
            let (left, right) = (eval(left, rows, context)?, eval(right, rows, context)?);
            arithmetic(*operator, *ty, &left, &right)?
        }
        Expr::Negate(ty, operand) => negate(*ty, &eval(operand, rows, context)?)?,
        construct => eval_construct(construct, rows, context)?,
    })
}

/// What is more than an operator.
fn eval_construct(expr: &Expr, rows: &[Row], context: &Context<'_>) -> Result<Value> {
    Ok(match expr {
        Expr::Concat(left, right) => {
            match (eval(left, rows, context)?, eval(right, rows, context)?) {
                (Value::Text(left), Value::Text(right)) => {
                    Value::Text([&*left, &*right].concat().into())
                }
                _ => Value::Null,
            }
        }
        Expr::Like {
            operand,
            pattern,
            ignore_case,
            negated,
        } => {
            let (operand, pattern) = (eval(operand, rows, context)?, eval(pattern, rows, context)?);
            let (Some(text), Some(pattern)) = (operand.as_str(), pattern.as_str()) else {
                return Ok(Value::Null);
            };
            let matches = if *ignore_case {
                like(&text.to_lowercase(), &pattern.to_lowercase())?
            } else {
                like(text, pattern)?
            };
            Value::Bool(matches != *negated)
        }
        Expr::In {
            operand,
            list,
            negated,
        } => contained(operand, list, *negated, rows, context)?,
        Expr::Case { arms, otherwise } => {
            for (condition, result) in arms {
                if holds(condition, rows, context)? {
                    return eval(result, rows, context);
                }
            }
            eval(otherwise, rows, context)?
        }
        Expr::Coalesce(list) => {
            for expr in list {
                let value = eval(expr, rows, context)?;
                if !value.is_null() {
                    return Ok(value);
                }
            }
            Value::Null
        }
        Expr::Cast { operand, from, to } => cast(&eval(operand, rows, context)?, *from, *to)?,
        Expr::Limit {
            operand,
            ty,
            modifier,
            explicit,
        } => limit(eval(operand, rows, context)?, *ty, *modifier, *explicit)?,
        Expr::Call(function, arguments) => call(function, arguments, rows, context)?,
        _ => Value::Null,
    })
}

/// True if a condition is true: neither false nor unknown.
pub(in crate::postgres) fn holds(
    condition: &Expr,
    rows: &[Row],
    context: &Context<'_>,
) -> Result<bool> {
    Ok(matches!(eval(condition, rows, context)?, Value::Bool(true)))
}

/// AND (`decisive` false) and OR (`decisive` true) of three-valued logic.
fn connect(list: &[Expr], decisive: bool, rows: &[Row], context: &Context<'_>) -> Result<Value> {
    let mut unknown = false;
    for expr in list {
        match eval(expr, rows, context)? {
            Value::Bool(value) if value == decisive => return Ok(Value::Bool(decisive)),
            Value::Bool(_) => {}
            _ => unknown = true,
        }
    }
    Ok(if unknown {
        Value::Null
    } else {
        Value::Bool(!decisive)
    })
}

fn contained(
    operand: &Expr,
    list: &[Expr],
    negated: bool,
    rows: &[Row],
    context: &Context<'_>,
) -> Result<Value> {
    let operand = eval(operand, rows, context)?;
    if operand.is_null() {
        return Ok(Value::Null);
    }
    let mut unknown = false;
    for expr in list {
        let value = eval(expr, rows, context)?;
        if value.is_null() {
            unknown = true;
        } else if value == operand {
            return Ok(Value::Bool(!negated));
        }
    }
    Ok(if unknown {
        Value::Null
    } else {
        Value::Bool(negated)
    })
}

impl Comparison {
    pub(in crate::postgres) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Comparison::Equal => ordering.is_eq(),
            Comparison::NotEqual => ordering.is_ne(),
            Comparison::Less => ordering.is_lt(),
            Comparison::LessOrEqual => ordering.is_le(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

fn division_by_zero() -> Error {
    Error::new(SqlState::DIVISION_BY_ZERO, "division by zero")
}

fn out_of_range(ty: Type) -> Error {
    Error::new(
        SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
        format!("{ty} out of range"),
    )
}

/// Applies an operator to two values; NULL if either is.
pub(in crate::postgres) fn arithmetic(
    operator: Arithmetic,
    ty: Type,
    left: &Value,
    right: &Value,
) -> Result<Value> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => integers(operator, ty, *a, *b),
        (Value::Float(a), Value::Float(b)) => floats(operator, *a, *b),
        (Value::Numeric(a), Value::Numeric(b)) => numerics(operator, **a, **b),
        (Value::Timestamp(at), Value::Interval(by)) => {
            let by = match operator {
                Arithmetic::Subtract => by.negate(),
                _ => Some(**by),
            };
            by.and_then(|by| by.after(*at))
                .map(Value::Timestamp)
                .ok_or_else(timestamp_out_of_range)
        }
        (Value::Interval(by), Value::Timestamp(at)) => by
            .after(*at)
            .map(Value::Timestamp)
            .ok_or_else(timestamp_out_of_range),
        (Value::Timestamp(a), Value::Timestamp(b)) => interval(Interval::between(*b, *a)),
        (Value::Interval(a), Value::Interval(b)) => interval(match operator {
            Arithmetic::Subtract => b.negate().and_then(|b| a.add(b)),
            _ => a.add(**b),
        }),
        (Value::Interval(by), Value::Int(factor)) | (Value::Int(factor), Value::Interval(by)) => {
            interval(by.times(*factor))
        }
        _ => Ok(Value::Null),
    }
}

fn timestamp_out_of_range() -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "timestamp out of range")
}

fn interval(value: Option<Interval>) -> Result<Value> {
    value
        .map(|value| Value::Interval(Arc::new(value)))
        .ok_or_else(|| Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "interval out of range"))
}

fn integers(operator: Arithmetic, ty: Type, a: i64, b: i64) -> Result<Value> {
    let result = match operator {
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Subtract => a.checked_sub(b),
        Arithmetic::Multiply => a.checked_mul(b),
        Arithmetic::Divide | Arithmetic::Modulo if b == 0 => return Err(division_by_zero()),
        Arithmetic::Divide => a.checked_div(b),
        Arithmetic::Modulo => Some(a.wrapping_rem(b)),
    };
    fit(ty, result.ok_or_else(|| out_of_range(ty))?)
}

fn floats(operator: Arithmetic, a: f64, b: f64) -> Result<Value> {
    let result = match operator {
        Arithmetic::Add => a + b,
        Arithmetic::Subtract => a - b,
        Arithmetic::Multiply => a * b,
        Arithmetic::Divide if b == 0.0 => return Err(division_by_zero()),
        Arithmetic::Divide => a / b,
        Arithmetic::Modulo => return Err(Error::unsupported("% of double precision")),
    };
    if result.is_infinite() && a.is_finite() && b.is_finite() {
        return Err(Error::new(
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            "value out of range: overflow",
        ));
    }
    Ok(Value::Float(result))
}

fn numerics(operator: Arithmetic, a: Numeric, b: Numeric) -> Result<Value> {
    let result = match operator {
        Arithmetic::Add => a.add(b),
        Arithmetic::Subtract => a.add(b.negate()),
        Arithmetic::Multiply => a.multiply(b),
        Arithmetic::Divide => a.divide(b),
        Arithmetic::Modulo => a.remainder(b),
    };
    Ok(Value::Numeric(Arc::new(result?)))
}

fn negate(ty: Type, value: &Value) -> Result<Value> {
    Ok(match value {
        Value::Int(value) => fit(ty, value.checked_neg().ok_or_else(|| out_of_range(ty))?)?,
        Value::Float(value) => Value::Float(-value),
        Value::Numeric(value) => Value::Numeric(Arc::new(value.negate())),
        Value::Interval(value) => interval(value.negate())?,
        _ => Value::Null,
    })
}

/// LIKE: `%` is any string, `_` any character, a backslash takes the next one
/// literally.
fn like(text: &str, pattern: &str) -> Result<bool> {
    let Some(first) = pattern.chars().next() else {
        return Ok(text.is_empty());
    };
    let rest = &pattern[first.len_utf8()..];
    let after_one = |text: &str| text.chars().next().map(char::len_utf8);
    match first {
        '%' => {
            let starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            for at in starts {
                if like(&text[at..], rest)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        '_' => match after_one(text) {
            Some(length) => like(&text[length..], rest),
            None => Ok(false),
        },
        '\\' => {
            let Some(literal) = rest.chars().next() else {
                return Err(Error::new(
                    SqlState("22025"),
                    "LIKE pattern must not end with escape character",
                ));
            };
            match text.strip_prefix(literal) {
                Some(text) => like(text, &rest[literal.len_utf8()..]),
                None => Ok(false),
            }
        }
        literal => match text.strip_prefix(literal) {
            Some(text) => like(text, rest),
            None => Ok(false),
        },
    }
}

/// What a type modifier adds to itself before it is stored in the catalog.
pub(in crate::postgres) const MODIFIER_HEADER: i32 = 4;

fn limit(value: Value, ty: Type, modifier: i32, explicit: bool) -> Result<Value> {
    let Ok(size) = u32::try_from(modifier - MODIFIER_HEADER) else {
        return Ok(value);
    };
    match (&value, ty) {
        (Value::Text(text), Type::Varchar) => {
            let Some((cut, _)) = text.char_indices().nth(size as usize) else {
                return Ok(value);
            };
            if explicit || text[cut..].chars().all(|c| c == ' ') {
                return Ok(Value::text(&text[..cut]));
            }
            Err(Error::new(
                SqlState::STRING_DATA_RIGHT_TRUNCATION,
                format!("value too long for type character varying({size})"),
            ))
        }
        (Value::Numeric(number), Type::Numeric) => {
            let (precision, scale) = (size >> 16, size & 0xffff);
            let scale = u8::try_from(scale).unwrap_or(u8::MAX);
            let number = number.round(scale)?;
            let whole = precision.saturating_sub(scale.into());
            if !number.fits(whole) {
                let detail = format!(
                    "A field with precision {precision}, scale {scale} must round to an absolute value less than 10^{whole}."
                );
                return Err(Error::new(
                    SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                    "numeric field overflow",
                )
                .detail(detail));
            }
            Ok(Value::Numeric(Arc::new(number)))
        }
        _ => Ok(value),
    }
}

fn call(
    function: &Function,
    arguments: &[Expr],
    rows: &[Row],
    context: &Context<'_>,
) -> Result<Value> {
    let argument = |index: usize| eval(&arguments[index], rows, context);
    Ok(match function {
        Function::Now => Value::Timestamp(context.transaction_start),
        Function::StatementTimestamp => Value::Timestamp(context.statement_start),
        Function::ClockTimestamp => Value::Timestamp(from_unix(rt::unix_time())),
        Function::BackendPid => Value::Int(context.pid.into()),
        Function::RandomUuid => random_uuid(),
        Function::NextValue(id) => Value::Int(context.sequences.lock().next(*id)?),
        Function::Version => Value::text(super::VERSION),
        Function::CurrentUser => Value::text(&context.settings.user),
        Function::CurrentDatabase => Value::text(&context.settings.database),
        Function::CurrentXid if context.xid.is_some() => {
            Value::Text(context.xid.0.to_string().into())
        }
        Function::CurrentXid => Value::Null,
        Function::CurrentSetting => match argument(0)? {
            Value::Text(name) => Value::Text(context.settings.show(&name)?.into()),
            _ => Value::Null,
        },
        Function::System(system) => {
            let values = (0..arguments.len()).map(argument);
            context
                .calls
                .call(*system, values.collect::<Result<_>>()?)?
        }
        Function::Lower => map_text(&argument(0)?, |text| {
            Value::Text(text.to_lowercase().into())
        }),
        Function::Upper => map_text(&argument(0)?, |text| {
            Value::Text(text.to_uppercase().into())
        }),
        Function::Length => map_text(&argument(0)?, |text| {
            Value::Int(i64::try_from(text.chars().count()).unwrap_or(i64::MAX))
        }),
        Function::Abs => match argument(0)? {
            Value::Int(value) => Value::Int(
                value
                    .checked_abs()
                    .ok_or_else(|| out_of_range(Type::Int8))?,
            ),
            Value::Float(value) => Value::Float(value.abs()),
            Value::Numeric(value) if *value < Numeric::from_int(0) => {
                Value::Numeric(Arc::new(value.negate()))
            }
            other => other,
        },
        Function::Greatest => extreme(arguments, Ordering::Greater, rows, context)?,
        Function::Least => extreme(arguments, Ordering::Less, rows, context)?,
        Function::NullIf => {
            let (left, right) = (argument(0)?, argument(1)?);
            if !right.is_null() && left == right {
                Value::Null
            } else {
                left
            }
        }
    })
}

fn map_text(value: &Value, map: impl FnOnce(&str) -> Value) -> Value {
    value.as_str().map_or(Value::Null, map)
}

fn extreme(
    arguments: &[Expr],
    wanted: Ordering,
    rows: &[Row],
    context: &Context<'_>,
) -> Result<Value> {
    let mut best = Value::Null;
    for argument in arguments {
        let value = eval(argument, rows, context)?;
        if !value.is_null() && (best.is_null() || value.cmp(&best) == wanted) {
            best = value;
        }
    }
    Ok(best)
}

/// A version 4 UUID from the node's own randomness.
fn random_uuid() -> Value {
    let mut bytes = [0u8; 16];
    bytes[..8].copy_from_slice(&rt::random_u64().to_be_bytes());
    bytes[8..].copy_from_slice(&rt::random_u64().to_be_bytes());
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Value::Uuid(bytes)
}

/// The current time as PostgreSQL counts it.
pub(in crate::postgres) fn current_timestamp() -> i64 {
    from_unix(rt::unix_time())
}
