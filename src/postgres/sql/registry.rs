//! regclass: the number of a relation that reads and writes as its name.
//!
//! Its values are the names, as they are to be written; a number that no
//! relation has stands for itself.

use super::eval::{Context, Database};
use super::functions::quote_ident;
use crate::postgres::catalog::{system_name, system_table};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::types::{Type, Value};

/// Converts to or from regclass; None if the cast is neither.
pub(super) fn cast_name(
    value: &Value,
    from: Type,
    to: Type,
    context: &Context<'_>,
) -> Option<Result<Value>> {
    let ((Type::Regclass, other) | (other, Type::Regclass)) = (from, to) else {
        return None;
    };
    if value.is_null() || other.is_string() && to != Type::Regclass {
        return Some(Ok(value.clone()));
    }
    let database = match context.database() {
        Ok(database) => database,
        Err(error) => return Some(Err(error)),
    };
    Some(match (value, to) {
        (Value::Int(oid), _) => Ok(name_of(*oid, database)),
        (Value::Text(text) | Value::Padded(text), Type::Regclass) => {
            named(text.trim_end_matches(' '), database)
        }
        (Value::Text(text), _) => number_of(text, database).map(Value::Int),
        (other, _) => Ok(other.clone()),
    })
}

fn name_of(oid: i64, database: &dyn Database) -> Value {
    let known = u32::try_from(oid).ok().and_then(|oid| {
        let system = system_name(oid).map(str::to_owned);
        database.relation_name(oid).or(system)
    });
    match (oid, known) {
        (0, _) => Value::text("-"),
        (_, Some(name)) => Value::Text(quote_ident(&name).into()),
        (number, None) => Value::Text(number.to_string().into()),
    }
}

fn named(text: &str, database: &dyn Database) -> Result<Value> {
    let number = number_of(text, database)?;
    Ok(name_of(number, database))
}

fn number_of(text: &str, database: &dyn Database) -> Result<i64> {
    if text == "-" {
        return Ok(0);
    }
    if let Ok(number) = text.parse::<u32>() {
        return Ok(number.into());
    }
    let name = relation_name(text);
    let system = || system_table(&name).map(|table| table.oid);
    let number = database.relation_number(&name).or_else(system);
    number.map(i64::from).ok_or_else(|| {
        Error::new(
            SqlState::UNDEFINED_TABLE,
            format!("relation \"{text}\" does not exist"),
        )
    })
}

/// The name of a relation as a text writes it: quoted or not, with or without
/// the schema that it is in anyway.
pub(in crate::postgres) fn relation_name(text: &str) -> String {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let last = parts.len() - 1;
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                parts[last].push('"');
            }
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(String::new()),
            letter if quoted => parts[last].push(letter),
            letter => parts[last].extend(letter.to_lowercase()),
        }
    }
    match parts.as_slice() {
        [schema, name] if matches!(schema.as_str(), "public" | "pg_catalog") => name.clone(),
        parts => parts.join("."),
    }
}
