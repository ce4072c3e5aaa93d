//! Evaluation of expressions over the rows at hand.

use std::cmp::Ordering;
use std::sync::Arc;

use parking_lot::Mutex;

use super::expr::{Arithmetic, Comparison, Expr, Sublink, Truth};
use super::functions::{like, sequence};
use super::plan::SubPlan;
use super::registry::Registry;
use super::system::Calls;
use crate::postgres::catalog::{Measured, Shown};
use crate::postgres::cost::Effort;
use crate::postgres::engine::Shared;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::Pid;
use crate::postgres::settings::{Settings, Style};
use crate::postgres::storage::clog::Xid;
use crate::postgres::storage::sequence::{SequenceId, Sequences};
use crate::postgres::types::{
    Interval, Limits, MICROS_PER_DAY, MODIFIER_HEADER, Numeric, Reading, Row, Type, Value, cast,
    fit, from_unix, is_infinite, midnight, numeric_size, out_of_range, write_styled_text,
};
use crate::rt;

/// What an expression may look at besides rows.
#[derive(Clone, Copy)]
pub(in crate::postgres) struct Context<'a> {
    pub(in crate::postgres) params: &'a [Value],
    /// None where only what never changes may be asked: index expressions.
    pub(in crate::postgres) session: Option<&'a SessionView<'a>>,
    pub(in crate::postgres) database: Option<&'a dyn Database>,
    /// How many rows of a set are enough.
    pub(in crate::postgres) rows_wanted: usize,
    /// What the CASE around it tests.
    pub(in crate::postgres) case_test: Option<&'a Value>,
}

/// The session and transaction in which an expression is evaluated.
pub(in crate::postgres) struct SessionView<'a> {
    pub(in crate::postgres) pid: Pid,
    pub(in crate::postgres) xid: Xid,
    /// When the transaction and the statement began.
    pub(in crate::postgres) transaction_start: i64,
    pub(in crate::postgres) statement_start: i64,
    pub(in crate::postgres) settings: &'a Settings,
    pub(in crate::postgres) sequences: &'a Mutex<Sequences>,
    pub(in crate::postgres) calls: &'a Calls,
    pub(in crate::postgres) read_only: bool,
    pub(in crate::postgres) effort: &'a Effort,
    pub(in crate::postgres) server: &'a Shared,
}

impl SessionView<'_> {
    /// Refuses a command in a transaction that only reads.
    pub(in crate::postgres) fn may_write(&self, command: &str) -> Result<()> {
        match self.read_only {
            false => Ok(()),
            true => Err(Error::read_only(command)),
        }
    }
}

/// What expressions ask of the tables.
pub(in crate::postgres) trait Database {
    /// The rows of a subquery, of which the first `at_most` are enough; `rows`
    /// are those of the queries around it.
    fn subquery(&self, plan: &SubPlan, rows: &[Row], at_most: usize) -> Result<Arc<Vec<Row>>>;

    /// True if a sequence may be used: nobody is altering it.
    fn may_use(&self, sequence: SequenceId) -> bool;

    /// The name of the sequence that a column owns.
    fn owned_sequence(&self, table: &str, column: &str) -> Result<Option<String>>;

    /// The text of a definition, if there is one.
    fn definition(&self, what: Shown<'_>, pretty: bool) -> Option<String>;

    /// The text of a view's query, if there is one.
    fn view(&self, id: u32, pretty: bool) -> Result<Option<String>>;

    /// How many bytes a relation would take, if it is there.
    fn size(&self, relation: u32, what: Measured) -> Option<usize>;

    /// How many bytes all of them would take.
    fn database_size(&self) -> usize;

    /// The objects that have names.
    fn registry(&self) -> Registry<'_>;
}

impl<'a> Context<'a> {
    /// For what depends on nothing but a row.
    pub(in crate::postgres) const IMMUTABLE: Context<'static> = Context {
        params: &[],
        session: None,
        database: None,
        rows_wanted: usize::MAX,
        case_test: None,
    };

    /// How the session reads dates and times.
    pub(in crate::postgres) fn reading(&self) -> Reading {
        self.session.map_or_else(Reading::default, |session| {
            Reading::new(session.settings.style, Some(session.transaction_start))
        })
    }

    /// How the session writes dates and intervals.
    pub(in crate::postgres) fn style(&self) -> Style {
        self.session
            .map_or_else(Style::default, |session| session.settings.style)
    }

    /// A value as a function of any type shows it.
    pub(in crate::postgres) fn shown(&self, value: &Value) -> String {
        let mut out = Vec::new();
        write_styled_text(value, self.style(), &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    pub(in crate::postgres) fn session(&self) -> Result<&'a SessionView<'a>> {
        self.session.ok_or_else(super::functions::not_immutable)
    }

    /// Counts what the statement does, which may be too much.
    pub(in crate::postgres) fn spend(&self, effort: u64) -> Result<()> {
        match self.session {
            Some(session) => session.effort.spend(effort),
            None => Effort::default().spend(effort),
        }
    }

    pub(in crate::postgres) fn database(&self) -> Result<&'a dyn Database> {
        self.database.ok_or_else(super::functions::not_immutable)
    }
}

/// Evaluates `expr`; column references pick from `rows`.
pub(in crate::postgres) fn eval(expr: &Expr, rows: &[Row], context: &Context<'_>) -> Result<Value> {
    Ok(match expr {
        Expr::Const(value) => value.clone(),
        Expr::Param(index) => match context.params.get(*index) {
            Some(value) => value.clone(),
            None => return Err(no_parameter(*index)),
        },
        Expr::Column { slot, column } => rows[*slot][*column].clone(),
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
            compare(*comparison, &left, &right)
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
                like(&text.to_ascii_lowercase(), &pattern.to_ascii_lowercase())?
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
        Expr::Quantified {
            comparison,
            operand,
            array,
            all,
        } => {
            let (operand, array) = (eval(operand, rows, context)?, eval(array, rows, context)?);
            match array {
                Value::Array(values) | Value::Vector(values) => quantified(
                    values
                        .iter()
                        .map(|value| compare(*comparison, &operand, value)),
                    *all,
                ),
                _ => Value::Null,
            }
        }
        Expr::Case { arms, otherwise } => {
            for (condition, result) in arms {
                if holds(condition, rows, context)? {
                    return eval(result, rows, context);
                }
            }
            eval(otherwise, rows, context)?
        }
        Expr::Tested(operand, case) => {
            let value = eval(operand, rows, context)?;
            let context = Context {
                case_test: Some(&value),
                ..*context
            };
            return eval(case, rows, &context);
        }
        Expr::CaseTest => context.case_test.cloned().unwrap_or(Value::Null),
        Expr::Coalesce(list) => {
            for expr in list {
                let value = eval(expr, rows, context)?;
                if !value.is_null() {
                    return Ok(value);
                }
            }
            Value::Null
        }
        Expr::Extreme(wanted, list) => extreme(*wanted, &eval_all(list, rows, context)?),
        Expr::NullIf(left, right) => {
            let (left, right) = (eval(left, rows, context)?, eval(right, rows, context)?);
            if !right.is_null() && left == right {
                Value::Null
            } else {
                left
            }
        }
        Expr::Cast { operand, from, to } => {
            let value = eval(operand, rows, context)?;
            if to.names_objects() {
                context.database()?.registry().convert(&value, *to)?
            } else {
                cast(&value, *from, *to, &context.reading())?
            }
        }
        Expr::Limit {
            operand,
            ty,
            modifier,
            explicit,
        } => limit(eval(operand, rows, context)?, *ty, *modifier, *explicit)?,
        Expr::Array(list) => Value::Array(eval_all(list, rows, context)?.into()),
        Expr::Call(builtin, arguments) => {
            let arguments = eval_all(arguments, rows, context)?;
            match context.session.filter(|_| builtin.volatile) {
                Some(session) => session.calls.once(|| builtin.call(&arguments, context))?,
                None => builtin.call(&arguments, context)?,
            }
        }
        Expr::System(function, arguments) => {
            let arguments = eval_all(arguments, rows, context)?;
            context.session()?.calls.call(*function, arguments)?
        }
        Expr::NextValue(id) => {
            let calls = context.session()?.calls;
            calls.once(|| sequence::next(*id, context))?
        }
        Expr::Written(inner) | Expr::Collate(inner, _) => eval(inner, rows, context)?,
        Expr::Subquery(plan, link) => subquery(plan, link, rows, context)?,
        _ => Value::Null,
    })
}

/// A parameter that nobody has given a value.
fn no_parameter(index: usize) -> Error {
    Error::new(
        SqlState::UNDEFINED_PARAMETER,
        format!("there is no parameter ${}", index + 1),
    )
}

/// Evaluates a list.
pub(in crate::postgres) fn eval_all(
    list: &[Expr],
    rows: &[Row],
    context: &Context<'_>,
) -> Result<Vec<Value>> {
    list.iter().map(|expr| eval(expr, rows, context)).collect()
}

/// Evaluates expressions as a row.
pub(in crate::postgres) fn eval_row(
    list: &[Expr],
    rows: &[Row],
    context: &Context<'_>,
) -> Result<Row> {
    let mut row: Row = list.iter().map(|_| Value::Null).collect();
    for (value, expr) in Arc::make_mut(&mut row).iter_mut().zip(list) {
        *value = eval(expr, rows, context)?;
    }
    Ok(row)
}

fn subquery(plan: &SubPlan, link: &Sublink, rows: &[Row], context: &Context<'_>) -> Result<Value> {
    let at_most = match link {
        Sublink::Exists => 1,
        // A second row is one too many.
        Sublink::Scalar => 2,
        Sublink::Array | Sublink::Quantified { .. } => usize::MAX,
    };
    let found = context.database()?.subquery(plan, rows, at_most)?;
    Ok(match link {
        Sublink::Exists => Value::Bool(!found.is_empty()),
        Sublink::Array => Value::Array(found.iter().map(|row| row[0].clone()).collect()),
        Sublink::Scalar => match found.as_slice() {
            [] => Value::Null,
            [row] => row[0].clone(),
            _ => {
                return Err(Error::new(
                    SqlState::CARDINALITY_VIOLATION,
                    "more than one row returned by a subquery used as an expression",
                ));
            }
        },
        Sublink::Quantified {
            comparison,
            operands,
            all,
        } => {
            let operands = eval_all(operands, rows, context)?;
            let one = |row: &Row| compare_rows(*comparison, &operands, row);
            quantified(found.iter().map(one), *all)
        }
    })
}

/// The greatest or least of some values; NULLs do not count.
fn extreme(wanted: Comparison, values: &[Value]) -> Value {
    let mut best = Value::Null;
    for value in values.iter().filter(|value| !value.is_null()) {
        if best.is_null() || wanted.holds(value.cmp(&best)) {
            best = value.clone();
        }
    }
    best
}

/// ANY (or, with `all`, ALL) of these truths.
fn quantified(truths: impl Iterator<Item = Value>, all: bool) -> Value {
    let mut unknown = false;
    for truth in truths {
        match truth {
            Value::Bool(truth) if truth != all => return Value::Bool(truth),
            Value::Bool(_) => {}
            _ => unknown = true,
        }
    }
    if unknown {
        Value::Null
    } else {
        Value::Bool(all)
    }
}

fn compare(comparison: Comparison, left: &Value, right: &Value) -> Value {
    if left.is_null() || right.is_null() {
        return Value::Null;
    }
    Value::Bool(comparison.holds(left.cmp(right)))
}

/// `=` and `<>` of rows: every pair counts, and NULLs only where the others
/// leave it open.
fn compare_rows(comparison: Comparison, left: &[Value], right: &[Value]) -> Value {
    let pairs = left.iter().zip(right);
    match comparison {
        Comparison::NotEqual => quantified(pairs.map(|(l, r)| compare(comparison, l, r)), false),
        _ => quantified(pairs.map(|(l, r)| compare(comparison, l, r)), true),
    }
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
        (Value::Timestamp(a), Value::Timestamp(b)) | (Value::Local(a), Value::Local(b)) => {
            interval(Interval::between(*b, *a))
        }
        (Value::Local(at), Value::Interval(by)) => by_interval(*at, operator, **by),
        (Value::Interval(by), Value::Local(at)) => by_interval(*at, operator, **by),
        (Value::Date(at), Value::Interval(by)) | (Value::Interval(by), Value::Date(at)) => {
            let at = midnight(*at).ok_or_else(timestamp_out_of_range)?;
            by_interval(at, operator, **by)
        }
        (Value::Date(a), Value::Date(b)) => Ok(Value::Int(i64::from(*a) - i64::from(*b))),
        (Value::Date(at @ (i32::MAX | i32::MIN)), Value::Int(_)) => Ok(Value::Date(*at)),
        (Value::Date(at), Value::Int(by)) | (Value::Int(by), Value::Date(at)) => {
            let by = if operator == Arithmetic::Subtract {
                -by
            } else {
                *by
            };
            let days = i64::from(*at)
                .checked_add(by)
                .and_then(|d| i32::try_from(d).ok());
            days.map(Value::Date)
                .ok_or_else(|| Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "date out of range"))
        }
        (Value::Date(date), Value::Time(time)) | (Value::Time(time), Value::Date(date)) => {
            let at = Interval {
                micros: *time,
                ..Interval::default()
            };
            let at = midnight(*date).and_then(|date| at.after(date));
            at.map(Value::Local).ok_or_else(timestamp_out_of_range)
        }
        (Value::Time(a), Value::Time(b)) => interval(Some(Interval {
            micros: a - b,
            ..Interval::default()
        })),
        (Value::Time(at), Value::Interval(by)) | (Value::Interval(by), Value::Time(at)) => {
            let micros = by.micros.rem_euclid(MICROS_PER_DAY);
            let moved = match operator {
                Arithmetic::Subtract => at - micros,
                _ => at + micros,
            };
            Ok(Value::Time(moved.rem_euclid(MICROS_PER_DAY)))
        }
        (Value::Interval(by), Value::Float(factor))
        | (Value::Float(factor), Value::Interval(by)) => interval(match operator {
            Arithmetic::Divide if *factor == 0.0 => return Err(division_by_zero()),
            Arithmetic::Divide => by.scale(|part| part / factor),
            _ => by.scale(|part| part * factor),
        }),
        (Value::Real(a), Value::Real(b)) => reals(operator, *a, *b),
        (Value::Interval(a), Value::Interval(b)) => interval(match operator {
            Arithmetic::Subtract => b.negate().and_then(|b| a.add(b)),
            _ => a.add(**b),
        }),
        _ => Ok(Value::Null),
    }
}

fn by_interval(at: i64, operator: Arithmetic, by: Interval) -> Result<Value> {
    let by = match operator {
        Arithmetic::Subtract => by.negate(),
        _ => Some(by),
    };
    by.and_then(|by| by.after(at))
        .map(Value::Local)
        .ok_or_else(timestamp_out_of_range)
}

fn reals(operator: Arithmetic, a: f32, b: f32) -> Result<Value> {
    match floats(operator, a.into(), b.into())? {
        Value::Float(result) => {
            let real = &Value::Float(result);
            cast(real, Type::Float8, Type::Float4, &Reading::default())
        }
        other => Ok(other),
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
        Arithmetic::Divide if b == 0.0 && !a.is_nan() => return Err(division_by_zero()),
        Arithmetic::Divide => a / b,
        Arithmetic::Modulo => return Err(Error::unsupported("% of double precision")),
    };
    let beyond = |how| {
        let message = format!("value out of range: {how}");
        Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message))
    };
    if result.is_infinite() && a.is_finite() && b.is_finite() {
        return beyond("overflow");
    }
    let vanished = match operator {
        Arithmetic::Multiply => a != 0.0 && b != 0.0,
        Arithmetic::Divide => a != 0.0 && b.is_finite(),
        _ => false,
    };
    if result == 0.0 && vanished {
        return beyond("underflow");
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
        Value::Real(value) => Value::Real(-value),
        Value::Numeric(value) => Value::Numeric(Arc::new(value.negate())),
        Value::Interval(value) => interval(value.negate())?,
        _ => Value::Null,
    })
}

fn limit(value: Value, ty: Type, modifier: i32, explicit: bool) -> Result<Value> {
    if let Type::Array(element) = ty
        && let Value::Array(values) = &value
    {
        let one = |value: &Value| limit(value.clone(), *element, modifier, explicit);
        return Ok(Value::Array(values.iter().map(one).collect::<Result<_>>()?));
    }
    if let Some(value) = limit_time(&value, ty, modifier) {
        return Ok(value);
    }
    let Ok(size) = u32::try_from(modifier - MODIFIER_HEADER) else {
        return Ok(value);
    };
    let too_long = || {
        Error::new(
            SqlState::STRING_DATA_RIGHT_TRUNCATION,
            format!("value too long for type {ty}({size})"),
        )
    };
    match (&value, ty) {
        (Value::Text(text) | Value::Padded(text), Type::Varchar | Type::Bpchar) => {
            let cut = text.char_indices().nth(size as usize).map(|(cut, _)| cut);
            let kept = match cut {
                Some(cut) if explicit || text[cut..].chars().all(|c| c == ' ') => &text[..cut],
                Some(_) => return Err(too_long()),
                None => text,
            };
            if ty == Type::Varchar {
                return Ok(if cut.is_none() {
                    value
                } else {
                    Value::text(kept)
                });
            }
            let missing = (size as usize).saturating_sub(kept.chars().count());
            Ok(Value::Padded(
                (kept.to_owned() + &" ".repeat(missing)).into(),
            ))
        }
        (Value::Numeric(number), Type::Numeric) => {
            let number = limit_numeric(**number, modifier)?;
            Ok(Value::Numeric(Arc::new(number)))
        }
        _ => Ok(value),
    }
}

/// Rounds a numeric to its type's scale, and holds it to the precision.
fn limit_numeric(number: Numeric, modifier: i32) -> Result<Numeric> {
    let (precision, scale) = numeric_size(modifier);
    let overflow = |rest: String| {
        let detail = format!("A field with precision {precision}, scale {scale} {rest}");
        let message = "numeric field overflow";
        Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message).detail(detail)
    };
    if number.is_nan() {
        return Ok(number);
    }
    if number.is_infinite() {
        return Err(overflow("cannot hold an infinite value.".to_owned()));
    }
    let rounded = match u8::try_from(scale) {
        Ok(scale) => number.round(scale)?,
        Err(_) => number.at_left(scale.unsigned_abs().into(), Numeric::round)?,
    };
    let whole = precision - scale;
    if !rounded.fits(whole) {
        let limit = match whole {
            0 => "1".to_owned(),
            whole => format!("10^{whole}"),
        };
        let rest = format!("must round to an absolute value less than {limit}.");
        return Err(overflow(rest));
    }
    Ok(rounded)
}

/// Rounds a time to the decimals that its modifier allows, and an interval to
/// its fields.
fn limit_time(value: &Value, ty: Type, modifier: i32) -> Option<Value> {
    if let (Value::Interval(span), Type::Interval) = (value, ty) {
        let held = Limits::of(modifier).hold(**span);
        return Some(Value::Interval(Arc::new(held)));
    }
    if !matches!(ty, Type::Timestamp | Type::Timestamptz | Type::Time) {
        return None;
    }
    let unit = 10i64.pow(u32::try_from(6 - modifier).ok()?);
    let round = |micros: i64| match is_infinite(micros) {
        true => micros,
        false => (micros + unit / 2).div_euclid(unit) * unit,
    };
    Some(match value {
        Value::Timestamp(micros) => Value::Timestamp(round(*micros)),
        Value::Local(micros) => Value::Local(round(*micros)),
        Value::Time(micros) => Value::Time(round(*micros)),
        _ => return None,
    })
}

/// The current time as PostgreSQL counts it.
pub(in crate::postgres) fn current_timestamp() -> i64 {
    from_unix(rt::unix_time())
}
