//! The numbers of objects that read and write as their names: regclass,
//! regtype, regproc, regnamespace, regrole.
//!
//! Such a value is made where it is read, and has its name with it from then
//! on. A number that nothing has stands for itself.

use std::sync::Arc;

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use super::analyse::column_type;
use super::functions::quote_ident;
use crate::postgres::catalog::{
    role_name, role_number, schema_name, schema_number, system_name, system_table,
};
use crate::postgres::catalog::{support_function, support_function_name};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::storage::catalog::Catalog;
use crate::postgres::storage::clog::{Clog, Xid};
use crate::postgres::storage::sequence::{SequenceDef, SequenceId};
use crate::postgres::storage::table::TableId;
use crate::postgres::types::{Reading, Type, Value, from_text};

/// The objects that a transaction sees.
#[derive(Clone, Copy)]
pub(in crate::postgres) struct Registry<'a> {
    pub(in crate::postgres) catalog: &'a Catalog,
    pub(in crate::postgres) clog: &'a Clog,
    /// The transaction that looks.
    pub(in crate::postgres) top: Xid,
}

impl<'a> Registry<'a> {
    /// A number or name, or an array of them, as a type of named numbers.
    pub(in crate::postgres) fn convert(&self, value: &Value, to: Type) -> Result<Value> {
        match (value, to) {
            (Value::Array(values) | Value::Vector(values), Type::Array(element)) => {
                let values = values.iter().map(|value| self.convert(value, *element));
                Ok(Value::Array(values.collect::<Result<_>>()?))
            }
            (Value::Text(text) | Value::Padded(text), Type::Array(_)) => self.convert(
                &from_text(Type::Array(&Type::Text), text, &Reading::default())?,
                to,
            ),
            (Value::Text(text) | Value::Padded(text), _) => {
                let text = text.trim_end_matches(' ');
                let number = match (text, text.parse::<u32>()) {
                    ("-", _) => 0,
                    (_, Ok(number)) => number,
                    _ => self.number(to, text)?.ok_or_else(|| undefined(to, text))?,
                };
                Ok(self.object(to, number))
            }
            (Value::Int(number), _) => {
                Ok(self.object(to, u32::try_from(*number).unwrap_or_default()))
            }
            (other, _) => Ok(other.clone()),
        }
    }

    /// An object by its number.
    pub(in crate::postgres) fn object(&self, ty: Type, number: u32) -> Value {
        if number == 0 {
            return Value::object(0, "-");
        }
        let name = match ty {
            Type::Regclass => self.relation_name(number).map(|name| quoted(&name)),
            Type::Regtype => Type::from_oid(number).map(|ty| ty.name().to_owned()),
            Type::Regproc => support_function_name(number),
            Type::Regnamespace => schema_name(number).map(quote_ident),
            _ => role_name(number).map(quote_ident),
        };
        Value::object(number, &name.unwrap_or_else(|| number.to_string()))
    }

    /// The number of an object of a name, if there is one.
    pub(in crate::postgres) fn number(&self, ty: Type, text: &str) -> Result<Option<u32>> {
        if ty == Type::Regtype {
            return Ok(type_number(text));
        }
        let parts = identifiers(text);
        match (ty, parts.as_slice()) {
            (Type::Regnamespace, [name]) => Ok(schema_number(name)),
            (Type::Regrole, [name]) => Ok(role_number(name)),
            (Type::Regclass | Type::Regproc, [schema, _]) if schema_number(schema).is_none() => {
                Err(Error::new(
                    SqlState("3F000"),
                    format!("schema \"{schema}\" does not exist"),
                ))
            }
            (Type::Regproc, [name] | [_, name]) => Ok(support_function(name)),
            (Type::Regclass, _) => Ok(self.relation_number(&relation_name(text))),
            _ => Ok(None),
        }
    }

    fn relation_number(&self, name: &str) -> Option<u32> {
        let own = self.catalog.relation_number(name, self.clog, self.top);
        own.or_else(|| system_table(name).map(|table| table.oid))
    }

    fn relation_name(&self, number: u32) -> Option<Arc<str>> {
        let own = self.catalog.relation_name(number, self.clog, self.top);
        own.or_else(|| system_name(number).map(Arc::from))
    }

    /// True if a table that somebody has made has this number.
    pub(in crate::postgres) fn is_table(&self, number: u32) -> bool {
        let table = self.catalog.table(TableId(number));
        table.is_some_and(|table| table.presence.seen(self.clog, self.top))
    }

    /// The sequence that a regclass is.
    pub(in crate::postgres) fn sequence(&self, value: &Value) -> Result<&'a Arc<SequenceDef>> {
        let (number, name) = match value {
            Value::Object(object) => (object.oid, &*object.name),
            _ => (0, "-"),
        };
        if let Some(def) = self.catalog.sequence(SequenceId(number)) {
            return Ok(def);
        }
        Err(match self.relation_name(number) {
            Some(_) => Error::new(SqlState("42809"), format!("\"{name}\" is not a sequence")),
            None => Error::new(
                SqlState("XX000"),
                format!("could not open relation with OID {number}"),
            ),
        })
    }

    /// What COMMENT has said of a relation, or of one of its columns.
    pub(in crate::postgres) fn comment(&self, number: u32, column: usize) -> Option<&'a Arc<str>> {
        self.catalog.comment(number, column)
    }
}

/// The error about an object that there is not.
fn undefined(ty: Type, text: &str) -> Error {
    let (code, kind) = match ty {
        Type::Regclass => (SqlState::UNDEFINED_TABLE, "relation"),
        Type::Regtype => (SqlState::UNDEFINED_OBJECT, "type"),
        Type::Regproc => (SqlState::UNDEFINED_FUNCTION, "function"),
        Type::Regnamespace => (SqlState("3F000"), "schema"),
        _ => (SqlState::UNDEFINED_OBJECT, "role"),
    };
    Error::new(code, format!("{kind} \"{text}\" does not exist"))
}

/// The type that a text names as SQL does.
fn type_number(text: &str) -> Option<u32> {
    let mut parser = Parser::new(&PostgreSqlDialect {}).try_with_sql(text).ok()?;
    let name = parser.parse_data_type().ok()?;
    let (ty, _) = column_type(&name).ok()?;
    (parser.peek_token() == sqlparser::tokenizer::Token::EOF).then(|| ty.oid())
}

/// The parts of a name as a text writes it, quoted or not.
fn identifiers(text: &str) -> Vec<String> {
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
    parts
}

/// The name of a relation as a text writes it: with or without the schema
/// that it is in anyway.
pub(in crate::postgres) fn relation_name(text: &str) -> String {
    match identifiers(text).as_slice() {
        [schema, name] if matches!(schema.as_str(), "public" | "pg_catalog") => name.clone(),
        parts => parts.join("."),
    }
}

/// A relation's name as it is to be written.
fn quoted(name: &str) -> String {
    match name.strip_prefix("information_schema.") {
        Some(rest) => format!("information_schema.{}", quote_ident(rest)),
        None => quote_ident(name),
    }
}
