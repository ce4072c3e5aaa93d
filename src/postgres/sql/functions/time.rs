//! Functions of dates and times. The session's zone is UTC.

use std::sync::Arc;

use super::{Builtin, Kind, int, text};
use crate::postgres::cost::KEPT;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::{Context, current_timestamp};
use crate::postgres::types::{
    Field, Interval, MICROS_PER_DAY, Numeric, Reading, Type, Value, cast, date_of, extract,
    fixed_zone, in_range, is_infinite, midnight, truncate,
};

use Type::{Bool, Date, Float8, Int4, Numeric as Num, Text, Time, Timestamp, Timestamptz};

pub(super) const FUNCTIONS: &[Builtin] = &[
    Builtin::new("now", &[], Timestamptz, |_, c| {
        Ok(Value::Timestamp(c.session()?.transaction_start))
    }),
    Builtin::new("transaction_timestamp", &[], Timestamptz, |_, c| {
        Ok(Value::Timestamp(c.session()?.transaction_start))
    }),
    Builtin::new("current_timestamp", &[], Timestamptz, |_, c| {
        Ok(Value::Timestamp(c.session()?.transaction_start))
    }),
    Builtin::new("localtimestamp", &[], Timestamp, |_, c| {
        Ok(Value::Local(c.session()?.transaction_start))
    }),
    Builtin::new("current_date", &[], Date, |_, c| of_now(Date, c)),
    Builtin::new("localtime", &[], Time, |_, c| of_now(Time, c)),
    Builtin::new("statement_timestamp", &[], Timestamptz, |_, c| {
        Ok(Value::Timestamp(c.session()?.statement_start))
    }),
    Builtin::new("clock_timestamp", &[], Timestamptz, |_, _| {
        Ok(Value::Timestamp(current_timestamp()))
    })
    .volatile(),
    Builtin::new("extract", &[Text, Timestamptz], Num, |a, _| part(a)),
    Builtin::new("extract", &[Text, Timestamp], Num, |a, _| part(a)),
    Builtin::new("extract", &[Text, Date], Num, |a, _| part(a)),
    Builtin::new("extract", &[Text, Time], Num, |a, _| part(a)),
    Builtin::new("extract", &[Text, Type::Interval], Num, |a, _| part(a)),
    Builtin::new("date_part", &[Text, Timestamptz], Float8, |a, _| {
        cast(&part(a)?, Num, Float8, &Reading::default())
    }),
    Builtin::new("date_part", &[Text, Timestamp], Float8, |a, _| {
        cast(&part(a)?, Num, Float8, &Reading::default())
    }),
    Builtin::new("date_part", &[Text, Type::Interval], Float8, |a, _| {
        cast(&part(a)?, Num, Float8, &Reading::default())
    }),
    Builtin::new("date_part", &[Text, Date], Float8, |a, _| {
        cast(&part(a)?, Num, Float8, &Reading::default())
    }),
    Builtin::new("date_part", &[Text, Time], Float8, |a, _| {
        cast(&part(a)?, Num, Float8, &Reading::default())
    }),
    Builtin::new(
        "date_trunc",
        &[Text, Type::Interval],
        Type::Interval,
        |a, _| span_trunc(text(&a[0])?, span(&a[1])?),
    ),
    Builtin::new("date_trunc", &[Text, Timestamptz], Timestamptz, date_trunc),
    Builtin::new("date_trunc", &[Text, Timestamp], Timestamp, date_trunc),
    Builtin::new("to_timestamp", &[Float8], Timestamptz, to_timestamp),
    Builtin::new("make_date", &[Int4, Int4, Int4], Date, |a, _| {
        let (year, month, day) = (int(&a[0])?, int(&a[1])?, int(&a[2])?);
        date_of(year, month, day).map(Value::Date).ok_or_else(|| {
            let message = format!("date field value out of range: {year}-{month:02}-{day:02}");
            Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message)
        })
    }),
    Builtin::new("make_time", &[Int4, Int4, Float8], Time, |a, _| {
        clock(a).map(Value::Time)
    }),
    Builtin::new(
        "make_timestamp",
        &[Int4, Int4, Int4, Int4, Int4, Float8],
        Timestamp,
        |a, _| make_timestamp(a).map(Value::Local),
    ),
    Builtin::new(
        "make_timestamptz",
        &[Int4, Int4, Int4, Int4, Int4, Float8],
        Timestamptz,
        |a, _| make_timestamp(a).map(Value::Timestamp),
    ),
    Builtin::new("isfinite", &[Date], Bool, |a, _| {
        Ok(Value::Bool(!matches!(
            &a[0],
            Value::Date(i32::MAX | i32::MIN)
        )))
    }),
    Builtin::new("isfinite", &[Timestamp], Bool, |a, _| {
        Ok(Value::Bool(!is_infinite(micros(&a[0])?)))
    }),
    Builtin::new("isfinite", &[Timestamptz], Bool, |a, _| {
        Ok(Value::Bool(!is_infinite(micros(&a[0])?)))
    }),
    Builtin::new("isfinite", &[Type::Interval], Bool, |_, _| {
        Ok(Value::Bool(true))
    }),
    Builtin::new(
        "justify_hours",
        &[Type::Interval],
        Type::Interval,
        |a, _| interval(span(&a[0])?.justify_hours()),
    ),
    Builtin::new("justify_days", &[Type::Interval], Type::Interval, |a, _| {
        interval(span(&a[0])?.justify_days())
    }),
    Builtin::new(
        "justify_interval",
        &[Type::Interval],
        Type::Interval,
        |a, _| interval(span(&a[0])?.justify()),
    ),
    Builtin::new(
        "date_bin",
        &[Type::Interval, Timestamptz, Timestamptz],
        Timestamptz,
        |a, _| date_bin(a).map(Value::Timestamp),
    ),
    Builtin::new(
        "date_bin",
        &[Type::Interval, Timestamp, Timestamp],
        Timestamp,
        |a, _| date_bin(a).map(Value::Local),
    ),
    Builtin::new("age", &[Timestamptz], Type::Interval, |a, c| {
        age(&midnight_now(c)?, &a[0])
    }),
    Builtin::new("age", &[Timestamp], Type::Interval, |a, c| {
        age(&midnight_now(c)?, &a[0])
    }),
    Builtin::new(
        "make_interval",
        &[Int4, Int4, Int4, Int4, Int4, Int4, Float8],
        Type::Interval,
        make_interval,
    ),
    Builtin::new(
        "age",
        &[Timestamptz, Timestamptz],
        Type::Interval,
        |a, _| age(&a[0], &a[1]),
    ),
    Builtin::new("age", &[Timestamp, Timestamp], Type::Interval, |a, _| {
        age(&a[0], &a[1])
    }),
    Builtin::new(
        "timezone",
        &[Type::Interval, Timestamptz],
        Timestamp,
        |a, _| shift(a, true),
    ),
    Builtin::new(
        "timezone",
        &[Type::Interval, Timestamp],
        Timestamptz,
        |a, _| shift(a, false),
    ),
    Builtin::new("timezone", &[Text, Timestamptz], Timestamp, |a, _| {
        shift(a, true)
    }),
    Builtin::new("timezone", &[Text, Timestamp], Timestamptz, |a, _| {
        shift(a, false)
    }),
    Builtin::new(
        "generate_series",
        &[Timestamptz, Timestamptz, Type::Interval],
        Timestamptz,
        series,
    )
    .with(Kind::Set),
    Builtin::new(
        "generate_series",
        &[Timestamp, Timestamp, Type::Interval],
        Timestamp,
        series,
    )
    .with(Kind::Set),
];

/// The date or the time of day at which the transaction began.
fn of_now(ty: Type, context: &Context<'_>) -> Result<Value> {
    let now = Value::Timestamp(context.session()?.transaction_start);
    cast(&now, Timestamptz, ty, &context.reading())
}

/// PostgreSQL's epoch, 2000-01-01, in microseconds of the Unix epoch.
const EPOCH_MICROS: i64 = 946_684_800_000_000;
const EPOCH_SECONDS: f64 = 946_684_800.0;

/// The timestamp so many seconds after 1970.
fn to_timestamp(a: &[Value], _: &Context<'_>) -> Result<Value> {
    let Value::Float(seconds) = &a[0] else {
        return Err(super::unexpected());
    };
    let error = |message| Err(Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message));
    if seconds.is_nan() {
        return error("timestamp cannot be NaN".to_owned());
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is too large saturates"
    )]
    let micros = ((seconds - EPOCH_SECONDS) * 1e6).round_ties_even() as i64;
    match in_range(micros) {
        Some(at) if is_infinite(at) == seconds.is_infinite() => Ok(Value::Timestamp(at)),
        _ => error(format!("timestamp out of range: \"{}\"", a[0])),
    }
}

fn micros(value: &Value) -> Result<i64> {
    match value {
        Value::Timestamp(micros) | Value::Local(micros) | Value::Time(micros) => Ok(*micros),
        Value::Date(days) => midnight(*days).ok_or_else(|| {
            let message = "date out of range for timestamp";
            Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message)
        }),
        _ => Err(super::unexpected()),
    }
}

fn field(name: &str, ty: &str) -> Result<Field> {
    Field::named(name).ok_or_else(|| {
        Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("unit \"{name}\" not recognized for type {ty}"),
        )
    })
}

fn decimal(value: impl Into<i128>, scale: u8) -> Value {
    Value::Numeric(Arc::new(Numeric::scaled(value.into(), scale)))
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Timestamp(_) => Timestamptz.name(),
        Value::Local(_) => Timestamp.name(),
        Value::Date(_) => Date.name(),
        Value::Time(_) => Time.name(),
        _ => Type::Interval.name(),
    }
}

fn part(a: &[Value]) -> Result<Value> {
    let name = text(&a[0])?.to_lowercase();
    let ty = type_of(&a[1]);
    let field = field(&name, ty)?;
    let unsupported = || {
        Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("unit \"{name}\" not supported for type {ty}"),
        )
    };
    let within_day = matches!(
        field,
        Field::Microseconds | Field::Milliseconds | Field::Second | Field::Minute | Field::Hour
    );
    let of_zone = matches!(
        field,
        Field::Timezone | Field::TimezoneHour | Field::TimezoneMinute
    );
    match &a[1] {
        Value::Interval(span) => return interval_part(field, **span).ok_or_else(unsupported),
        Value::Date(_) if within_day => return Err(unsupported()),
        Value::Date(days @ (i32::MAX | i32::MIN)) => return Ok(infinite_part(field, *days < 0)),
        Value::Timestamp(at) | Value::Local(at) if is_infinite(*at) => {
            return Ok(infinite_part(field, *at < 0));
        }
        Value::Timestamp(_) => {}
        _ if of_zone => return Err(unsupported()),
        Value::Date(days) if field == Field::Epoch => {
            return Ok(decimal(
                i64::from(*days) * 86_400 + EPOCH_MICROS / 1_000_000,
                0,
            ));
        }
        Value::Time(micros) if field == Field::Epoch => return Ok(decimal(*micros, 6)),
        Value::Time(_) if !within_day => return Err(unsupported()),
        _ => {}
    }
    let (value, scale) = extract(field, micros(&a[1])?);
    if let (Field::Julian, Value::Timestamp(at) | Value::Local(at)) = (field, &a[1]) {
        let time = Numeric::from_int(at.rem_euclid(MICROS_PER_DAY));
        let part = time.divide(Numeric::from_int(MICROS_PER_DAY))?;
        let day = Numeric::scaled(value, scale).add(part)?;
        return Ok(Value::Numeric(Arc::new(day)));
    }
    Ok(decimal(value, scale))
}

/// Of an infinite time only what grows without end is known.
fn infinite_part(field: Field, negative: bool) -> Value {
    match field {
        Field::Year
        | Field::Decade
        | Field::Century
        | Field::Millennium
        | Field::IsoYear
        | Field::Julian
        | Field::Epoch => Value::Numeric(Arc::new(Numeric::infinity(negative))),
        _ => Value::Null,
    }
}

fn interval_part(field: Field, span: Interval) -> Option<Value> {
    let months = i64::from(span.months);
    let minute = 60_000_000;
    Some(match field {
        Field::Microseconds => decimal(span.micros % minute, 0),
        Field::Milliseconds => decimal(span.micros % minute, 3),
        Field::Second => decimal(span.micros % minute, 6),
        Field::Minute => decimal(span.micros / minute % 60, 0),
        Field::Hour => decimal(span.micros / (60 * minute), 0),
        Field::Day => decimal(span.days, 0),
        Field::Month => decimal(months % 12, 0),
        Field::Quarter => decimal(months % 12 / 3 + 1, 0),
        Field::Year => decimal(months / 12, 0),
        Field::Decade => decimal(months / 120, 0),
        Field::Century => decimal(months / 1_200, 0),
        Field::Millennium => decimal(months / 12_000, 0),
        Field::Epoch => {
            // A year is 365.25 days, a month 30.
            let days = months / 12 * 1_461 + 4 * (months % 12 * 30 + i64::from(span.days));
            decimal(
                days.checked_mul(MICROS_PER_DAY / 4)?
                    .checked_add(span.micros)?,
                6,
            )
        }
        _ => return None,
    })
}

fn date_trunc(a: &[Value], _: &Context<'_>) -> Result<Value> {
    let name = text(&a[0])?.to_lowercase();
    let ty = type_of(&a[1]);
    let at = micros(&a[1])?;
    let cut = truncate(field(&name, ty)?, at).ok_or_else(|| {
        Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("unit \"{name}\" not supported for type {ty}"),
        )
    })?;
    let cut = in_range(cut).ok_or_else(|| {
        let message = "timestamp out of range";
        Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message)
    })?;
    Ok(match &a[1] {
        Value::Local(_) => Value::Local(cut),
        _ => Value::Timestamp(cut),
    })
}

fn make_interval(a: &[Value], _: &Context<'_>) -> Result<Value> {
    let number = |index: usize| int(&a[index]);
    let Value::Float(seconds) = a[6] else {
        return Err(super::unexpected());
    };
    if !seconds.is_finite() {
        return Err(interval_range());
    }
    let narrow = |value: i64| i32::try_from(value).map_err(|_| interval_range());
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is too large saturates"
    )]
    let micros = (seconds * 1e6).round_ties_even() as i64;
    let time = (number(4)? * 60 + number(5)?).checked_mul(60_000_000);
    let time = time.and_then(|time| time.checked_add(micros));
    let span = Interval {
        months: narrow(number(0)? * 12 + number(1)?)?,
        days: narrow(number(2)? * 7 + number(3)?)?,
        micros: time.ok_or_else(interval_range)?,
    };
    Ok(Value::Interval(Arc::new(span)))
}

fn span(value: &Value) -> Result<Interval> {
    match value {
        Value::Interval(span) => Ok(**span),
        _ => Err(super::unexpected()),
    }
}

fn interval(span: Option<Interval>) -> Result<Value> {
    let span = span.ok_or_else(interval_range)?;
    Ok(Value::Interval(Arc::new(span)))
}

/// The beginning of the day on which the transaction began.
fn midnight_now(context: &Context<'_>) -> Result<Value> {
    let now = context.session()?.transaction_start;
    Ok(Value::Local(now - now.rem_euclid(MICROS_PER_DAY)))
}

fn span_trunc(name: &str, span: Interval) -> Result<Value> {
    let name = name.to_lowercase();
    let unit = field(&name, Type::Interval.name())?;
    let cut = span.truncate(unit).ok_or_else(|| {
        let message = format!("unit \"{name}\" not supported for type interval");
        let error = Error::new(SqlState::FEATURE_NOT_SUPPORTED, message);
        match unit {
            Field::Week => error.detail("Months usually have fractional weeks."),
            _ => error,
        }
    })?;
    interval(Some(cut))
}

/// Hours, minutes and seconds as microseconds.
fn clock(a: &[Value]) -> Result<i64> {
    let (hours, minutes) = (int(&a[0])?, int(&a[1])?);
    let Value::Float(seconds) = a[2] else {
        return Err(super::unexpected());
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is too large is refused"
    )]
    let micros = (seconds * 1e6).round_ties_even() as i64;
    let there = (0..=24).contains(&hours) && (0..60).contains(&minutes);
    let time = (hours * 60 + minutes) * 60_000_000 + micros;
    if !there || !(0.0..=60.0).contains(&seconds) || time > MICROS_PER_DAY {
        let message = format!("time field value out of range: {hours}:{minutes:02}:{seconds:02}");
        return Err(Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message));
    }
    Ok(time)
}

fn make_timestamp(a: &[Value]) -> Result<i64> {
    let (year, month, day) = (int(&a[0])?, int(&a[1])?, int(&a[2])?);
    let date = date_of(year, month, day).ok_or_else(|| {
        let message = format!("date field value out of range: {year}-{month:02}-{day:02}");
        Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message)
    })?;
    let time = clock(&a[3..])?;
    let at = i64::from(date).checked_mul(MICROS_PER_DAY);
    let at = at.and_then(|at| in_range(at.checked_add(time)?));
    at.ok_or_else(|| {
        let (hour, minute, second) = (&a[3], &a[4], &a[5]);
        let message = format!(
            "timestamp out of range: {year}-{month:02}-{day:02} {hour}:{minute:0>2}:{second:0>2}"
        );
        Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message)
    })
}

/// The beginning of the stride in which a time lies.
fn date_bin(a: &[Value]) -> Result<i64> {
    let out_of_range = |message| Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message);
    let (stride, at, origin) = (span(&a[0])?, micros(&a[1])?, micros(&a[2])?);
    if is_infinite(at) {
        return Ok(at);
    }
    if is_infinite(origin) {
        return Err(out_of_range("origin out of range"));
    }
    if stride.months != 0 {
        let message = "timestamps cannot be binned into intervals containing months or years";
        return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    let length = i64::from(stride.days).checked_mul(MICROS_PER_DAY);
    let length = length.and_then(|days| days.checked_add(stride.micros));
    let length = length.ok_or_else(interval_range)?;
    if length <= 0 {
        return Err(out_of_range("stride must be greater than zero"));
    }
    let since = at.checked_sub(origin).ok_or_else(interval_range)?;
    let start = at.checked_sub(since.rem_euclid(length));
    start
        .and_then(in_range)
        .ok_or_else(|| out_of_range("timestamp out of range"))
}

fn interval_range() -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "interval out of range")
}

fn age(later: &Value, earlier: &Value) -> Result<Value> {
    let span = Interval::age(micros(later)?, micros(earlier)?)
        .ok_or_else(|| Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "timestamp out of range"))?;
    Ok(Value::Interval(Arc::new(span)))
}

/// AT TIME ZONE.
fn shift(a: &[Value], to_local: bool) -> Result<Value> {
    let at = micros(&a[1])?;
    let offset = match &a[0] {
        Value::Interval(span) if span.months != 0 || span.days != 0 => {
            let message = format!("interval time zone \"{span}\" must not include months or days");
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
        }
        // Whole seconds count.
        Value::Interval(span) => span.micros / 1_000_000,
        zone => {
            let zone = text(zone)?;
            let known = fixed_zone(zone).or((zone == "+00").then_some(0));
            known.ok_or_else(|| Error::unsupported(format!("the time zone \"{zone}\"")))?
        }
    };
    let offset = offset.saturating_mul(1_000_000);
    let shifted = match (is_infinite(at), to_local) {
        (true, _) => Some(at),
        (false, true) => at.checked_add(offset),
        (false, false) => at.checked_sub(offset),
    };
    let shifted = shifted.and_then(in_range).ok_or_else(|| {
        let message = "timestamp out of range";
        Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message)
    })?;
    Ok(if to_local {
        Value::Local(shifted)
    } else {
        Value::Timestamp(shifted)
    })
}

fn series(a: &[Value], context: &Context<'_>) -> Result<Value> {
    let (from, to) = (micros(&a[0])?, micros(&a[1])?);
    let Value::Interval(step) = &a[2] else {
        return Err(super::unexpected());
    };
    let zero = Interval::default();
    if **step == zero {
        return Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            "step size cannot equal zero",
        ));
    }
    let up = **step > zero;
    let mut values = Vec::new();
    let mut at = Some(from);
    while let Some(value) = at.filter(|at| if up { *at <= to } else { *at >= to }) {
        if values.len() >= context.rows_wanted {
            break;
        }
        context.spend(KEPT)?;
        values.push(match &a[0] {
            Value::Local(_) => Value::Local(value),
            _ => Value::Timestamp(value),
        });
        at = step.after(value);
    }
    Ok(Value::Array(values.into()))
}
