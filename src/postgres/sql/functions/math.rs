//! Functions of numbers, and the operators on their bits.

use std::sync::Arc;

use super::{Builtin, Kind, int};
use crate::postgres::cost::KEPT;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::{Arithmetic, Context, arithmetic};
use crate::postgres::types::{Numeric, Type, Value, fit, out_of_range};
use crate::rt;

use Type::{Float4, Float8, Int2, Int4, Int8, Numeric as Num};

pub(super) const FUNCTIONS: &[Builtin] = &[
    Builtin::new("abs", &[Int2], Int2, |a, _| {
        fit(Int2, absolute(&a[0], Int2)?)
    }),
    Builtin::new("abs", &[Int4], Int4, |a, _| {
        fit(Int4, absolute(&a[0], Int4)?)
    }),
    Builtin::new("abs", &[Int8], Int8, |a, _| {
        fit(Int8, absolute(&a[0], Int8)?)
    }),
    Builtin::new("abs", &[Num], Num, |a, _| {
        numeric(a, |n| {
            Ok(if n < Numeric::from_int(0) {
                n.negate()
            } else {
                n
            })
        })
    }),
    Builtin::new("abs", &[Float4], Float4, |a, _| match &a[0] {
        Value::Real(number) => Ok(Value::Real(number.abs())),
        _ => Err(super::unexpected()),
    }),
    Builtin::new("abs", &[Float8], Float8, |a, _| float(a, f64::abs)),
    Builtin::new("sign", &[Num], Num, |a, _| numeric(a, |n| Ok(n.sign()))),
    Builtin::new("sign", &[Float8], Float8, |a, _| {
        float(a, |x| if x == 0.0 { 0.0 } else { x.signum() })
    }),
    Builtin::new("round", &[Num], Num, |a, _| numeric(a, |n| n.round(0))),
    Builtin::new("round", &[Float8], Float8, |a, _| {
        float(a, f64::round_ties_even)
    }),
    Builtin::new("round", &[Num, Int4], Num, |a, _| {
        to_places(a, Numeric::round)
    }),
    Builtin::new("trunc", &[Num], Num, |a, _| numeric(a, |n| n.truncate(0))),
    Builtin::new("trunc", &[Float8], Float8, |a, _| float(a, f64::trunc)),
    Builtin::new("trunc", &[Num, Int4], Num, |a, _| {
        to_places(a, Numeric::truncate)
    }),
    Builtin::new("ceil", &[Num], Num, |a, _| numeric(a, ceiling)),
    Builtin::new("ceil", &[Float8], Float8, |a, _| float(a, f64::ceil)),
    Builtin::new("ceiling", &[Num], Num, |a, _| numeric(a, ceiling)),
    Builtin::new("ceiling", &[Float8], Float8, |a, _| float(a, f64::ceil)),
    Builtin::new("floor", &[Num], Num, |a, _| {
        numeric(a, |n| Ok(ceiling(n.negate())?.negate()))
    }),
    Builtin::new("floor", &[Float8], Float8, |a, _| float(a, f64::floor)),
    Builtin::new("mod", &[Int2, Int2], Int2, |a, _| {
        arithmetic(Arithmetic::Modulo, Int2, &a[0], &a[1])
    }),
    Builtin::new("mod", &[Int4, Int4], Int4, |a, _| {
        arithmetic(Arithmetic::Modulo, Int4, &a[0], &a[1])
    }),
    Builtin::new("mod", &[Int8, Int8], Int8, |a, _| {
        arithmetic(Arithmetic::Modulo, Int8, &a[0], &a[1])
    }),
    Builtin::new("mod", &[Num, Num], Num, |a, _| {
        arithmetic(Arithmetic::Modulo, Num, &a[0], &a[1])
    }),
    Builtin::new("div", &[Num, Num], Num, |a, _| match a {
        // What has no digits has no fraction either.
        [Value::Numeric(a), Value::Numeric(b)]
            if a.decimals().is_none() || b.decimals().is_none() =>
        {
            Ok(Value::Numeric(Arc::new(a.divide(**b)?)))
        }
        [Value::Numeric(a), Value::Numeric(b)] => {
            let rest = a.remainder(**b)?;
            let whole = a.add(rest.negate())?.divide(**b)?;
            Ok(Value::Numeric(Arc::new(whole.truncate(0)?)))
        }
        _ => Err(super::unexpected()),
    }),
    Builtin::new("sqrt", &[Num], Num, |a, _| {
        numeric(a, |n| n.square_root()?.ok_or_else(negative_root))
    }),
    Builtin::new("sqrt", &[Float8], Float8, |a, _| match &a[0] {
        Value::Float(x) if *x < 0.0 => Err(negative_root()),
        _ => float(a, f64::sqrt),
    }),
    Builtin::new("gcd", &[Int4, Int4], Int4, |a, _| {
        within(Int4, gcd(int(&a[0])?, int(&a[1])?))
    }),
    Builtin::new("gcd", &[Int8, Int8], Int8, |a, _| {
        within(Int8, gcd(int(&a[0])?, int(&a[1])?))
    }),
    Builtin::new("lcm", &[Int4, Int4], Int4, |a, _| {
        within(Int4, lcm(int(&a[0])?, int(&a[1])?))
    }),
    Builtin::new("lcm", &[Int8, Int8], Int8, |a, _| {
        within(Int8, lcm(int(&a[0])?, int(&a[1])?))
    }),
    Builtin::new("random", &[], Float8, |_, _| {
        // As PostgreSQL: 52 bits below 1.
        #[expect(clippy::cast_precision_loss, reason = "52 bits fit a double")]
        let value = (rt::random_u64() >> 12) as f64 / (1u64 << 52) as f64;
        Ok(Value::Float(value))
    })
    .volatile(),
    Builtin::new("scale", &[Num], Int4, |a, _| match &a[0] {
        Value::Numeric(number) => Ok(number
            .decimals()
            .map_or(Value::Null, |scale| Value::Int(scale.into()))),
        _ => Err(super::unexpected()),
    }),
    Builtin::new("~", &[Int2], Int2, |a, _| Ok(Value::Int(!int(&a[0])?))),
    Builtin::new("~", &[Int4], Int4, |a, _| Ok(Value::Int(!int(&a[0])?))),
    Builtin::new("~", &[Int8], Int8, |a, _| Ok(Value::Int(!int(&a[0])?))),
    Builtin::new("<<", &[Int2, Int4], Int2, |a, _| {
        shift(Int2, int(&a[0])?, int(&a[1])?, true)
    }),
    Builtin::new("<<", &[Int4, Int4], Int4, |a, _| {
        shift(Int4, int(&a[0])?, int(&a[1])?, true)
    }),
    Builtin::new("<<", &[Int8, Int4], Int8, |a, _| {
        shift(Int8, int(&a[0])?, int(&a[1])?, true)
    }),
    Builtin::new(">>", &[Int2, Int4], Int2, |a, _| {
        shift(Int2, int(&a[0])?, int(&a[1])?, false)
    }),
    Builtin::new(">>", &[Int4, Int4], Int4, |a, _| {
        shift(Int4, int(&a[0])?, int(&a[1])?, false)
    }),
    Builtin::new(">>", &[Int8, Int4], Int8, |a, _| {
        shift(Int8, int(&a[0])?, int(&a[1])?, false)
    }),
    Builtin::new("&", &[Int2, Int2], Int2, |a, _| {
        Ok(Value::Int(int(&a[0])? & int(&a[1])?))
    }),
    Builtin::new("&", &[Int4, Int4], Int4, |a, _| {
        Ok(Value::Int(int(&a[0])? & int(&a[1])?))
    }),
    Builtin::new("&", &[Int8, Int8], Int8, |a, _| {
        Ok(Value::Int(int(&a[0])? & int(&a[1])?))
    }),
    Builtin::new("|", &[Int4, Int4], Int4, |a, _| {
        Ok(Value::Int(int(&a[0])? | int(&a[1])?))
    }),
    Builtin::new("|", &[Int8, Int8], Int8, |a, _| {
        Ok(Value::Int(int(&a[0])? | int(&a[1])?))
    }),
    Builtin::new("#", &[Int4, Int4], Int4, |a, _| {
        Ok(Value::Int(int(&a[0])? ^ int(&a[1])?))
    }),
    Builtin::new("#", &[Int8, Int8], Int8, |a, _| {
        Ok(Value::Int(int(&a[0])? ^ int(&a[1])?))
    }),
    Builtin::new("generate_series", &[Int4, Int4], Int4, |a, context| {
        series(int(&a[0])?, int(&a[1])?, 1, context)
    })
    .with(Kind::Set),
    Builtin::new(
        "generate_series",
        &[Int4, Int4, Int4],
        Int4,
        |a, context| series(int(&a[0])?, int(&a[1])?, int(&a[2])?, context),
    )
    .with(Kind::Set),
    Builtin::new("generate_series", &[Int8, Int8], Int8, |a, context| {
        series(int(&a[0])?, int(&a[1])?, 1, context)
    })
    .with(Kind::Set),
    Builtin::new(
        "generate_series",
        &[Int8, Int8, Int8],
        Int8,
        |a, context| series(int(&a[0])?, int(&a[1])?, int(&a[2])?, context),
    )
    .with(Kind::Set),
    Builtin::new("generate_series", &[Num, Num], Num, numeric_series).with(Kind::Set),
    Builtin::new("generate_series", &[Num, Num, Num], Num, numeric_series).with(Kind::Set),
];

/// The bits of a number moved: as many times as the machine does, which looks
/// at the last five bits of the count alone, or six.
fn shift(ty: Type, value: i64, count: i64, left: bool) -> Result<Value> {
    let bits = u32::try_from(count & if ty == Int8 { 63 } else { 31 }).unwrap_or(0);
    let moved = if left { value << bits } else { value >> bits };
    #[expect(clippy::cast_possible_truncation, reason = "what is moved out is lost")]
    Ok(Value::Int(match ty {
        Int2 => (moved as i16).into(),
        Int4 => (moved as i32).into(),
        _ => moved,
    }))
}

fn negative_root() -> Error {
    Error::new(
        SqlState("2201F"),
        "cannot take square root of a negative number",
    )
}

fn absolute(value: &Value, ty: Type) -> Result<i64> {
    int(value)?.checked_abs().ok_or_else(|| {
        Error::new(
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            format!("{ty} out of range"),
        )
    })
}

fn numeric(a: &[Value], change: impl FnOnce(Numeric) -> Result<Numeric>) -> Result<Value> {
    match &a[0] {
        Value::Numeric(number) => Ok(Value::Numeric(Arc::new(change(**number)?))),
        _ => Err(super::unexpected()),
    }
}

fn float(a: &[Value], change: impl FnOnce(f64) -> f64) -> Result<Value> {
    match &a[0] {
        Value::Float(number) => Ok(Value::Float(change(*number))),
        _ => Err(super::unexpected()),
    }
}

/// Rounds to a number of decimals; a negative one counts to the left.
fn to_places(a: &[Value], change: fn(Numeric, u8) -> Result<Numeric>) -> Result<Value> {
    let places = int(&a[1])?;
    numeric(a, |number| match u8::try_from(places) {
        Ok(places) => change(number, places),
        Err(_) if places > 0 => Ok(number),
        Err(_) => number.at_left(places.unsigned_abs(), change),
    })
}

fn ceiling(number: Numeric) -> Result<Numeric> {
    let whole = number.truncate(0)?;
    if whole < number {
        whole.add(Numeric::from_int(1))
    } else {
        Ok(whole)
    }
}

fn within(ty: Type, value: i128) -> Result<Value> {
    fit(ty, i64::try_from(value).map_err(|_| out_of_range(ty))?)
}

fn gcd(a: i64, b: i64) -> i128 {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.into()
}

fn lcm(a: i64, b: i64) -> i128 {
    match gcd(a, b) {
        0 => 0,
        common => (i128::from(a) / common * i128::from(b)).abs(),
    }
}

fn zero_step() -> Error {
    Error::new(
        SqlState::INVALID_PARAMETER_VALUE,
        "step size cannot equal zero",
    )
}

fn series(from: i64, to: i64, step: i64, context: &Context<'_>) -> Result<Value> {
    if step == 0 {
        return Err(zero_step());
    }
    let mut values = Vec::new();
    let mut at = Some(from);
    while let Some(value) = at.filter(|at| if step > 0 { *at <= to } else { *at >= to }) {
        if values.len() >= context.rows_wanted {
            break;
        }
        context.spend(KEPT)?;
        values.push(Value::Int(value));
        at = value.checked_add(step);
    }
    Ok(Value::Array(values.into()))
}

fn numeric_series(a: &[Value], context: &Context<'_>) -> Result<Value> {
    let number = |index: usize| match a.get(index) {
        Some(Value::Numeric(number)) => Ok(**number),
        None => Ok(Numeric::from_int(1)),
        Some(_) => Err(super::unexpected()),
    };
    let (from, to, step) = (number(0)?, number(1)?, number(2)?);
    for (number, what) in [
        (from, "start value"),
        (to, "stop value"),
        (step, "step size"),
    ] {
        let wrong = match number {
            nan if nan.is_nan() => "NaN",
            end if end.is_infinite() => "infinity",
            _ => continue,
        };
        let message = format!("{what} cannot be {wrong}");
        return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
    }
    if step.is_zero() {
        return Err(zero_step());
    }
    let up = step > Numeric::from_int(0);
    let mut values = Vec::new();
    let mut at = from;
    while values.len() < context.rows_wanted && if up { at <= to } else { at >= to } {
        context.spend(KEPT)?;
        values.push(Value::Numeric(Arc::new(at)));
        at = at.add(step)?;
    }
    Ok(Value::Array(values.into()))
}
