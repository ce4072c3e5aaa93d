//! The functions and operators that are tables of signatures: one file for
//! each family, one line for each signature.
//!
//! What is called is chosen as PostgreSQL chooses: an exact match first, then
//! the signature that most arguments match, then the preferred types.

mod array;
mod bytes;
mod catalog;
mod from_char;
mod json;
mod json_text;
mod math;
mod pattern;
pub(super) mod sequence;
mod system;
mod text;
mod time;
mod to_char;
mod to_char_number;

use std::fmt;

use super::eval::Context;
use crate::postgres::cost::effort_of_bytes;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::types::{Type, Value};

pub(in crate::postgres) use json::{key as json_key, to_json};
pub(in crate::postgres) use json_text::{pair as json_pair, shown as json_text};
pub(in crate::postgres) use pattern::like;
pub(in crate::postgres) use system::not_immutable;
pub(in crate::postgres) use text::append;
pub(in crate::postgres) use text::quote_ident;

/// A function, or an operator under its own sign.
pub(in crate::postgres) struct Builtin {
    pub(in crate::postgres) name: &'static str,
    pub(in crate::postgres) arguments: &'static [Type],
    pub(in crate::postgres) result: Type,
    pub(in crate::postgres) kind: Kind,
    /// NULL for a NULL argument, without being called.
    pub(in crate::postgres) strict: bool,
    /// May give something else each time, or does something.
    pub(in crate::postgres) volatile: bool,
    pub(in crate::postgres) run: Run,
}

/// What a function does with its arguments.
pub(in crate::postgres) type Run = fn(&[Value], &Context<'_>) -> Result<Value>;

/// What a call gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum Kind {
    /// One value.
    Value,
    /// One value, from any number of arguments of the last type.
    Variadic,
    /// A set: an array of its values.
    Set,
    /// A set of rows of these columns: an array of arrays.
    Rows(&'static [(&'static str, Type)]),
}

impl fmt::Debug for Builtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Builtin {
    fn eq(&self, other: &Builtin) -> bool {
        self.name == other.name && self.arguments == other.arguments
    }
}

impl Builtin {
    /// A strict function of one value that depends on its arguments alone.
    const fn new(
        name: &'static str,
        arguments: &'static [Type],
        result: Type,
        run: Run,
    ) -> Builtin {
        Builtin {
            name,
            arguments,
            result,
            kind: Kind::Value,
            strict: true,
            volatile: false,
            run,
        }
    }

    const fn with(mut self, kind: Kind) -> Builtin {
        self.kind = kind;
        self
    }

    /// Called for NULLs too.
    const fn for_nulls(mut self) -> Builtin {
        self.strict = false;
        self
    }

    const fn volatile(mut self) -> Builtin {
        self.volatile = true;
        self
    }

    /// True if it gives a set of rows.
    pub(in crate::postgres) fn gives_set(&self) -> bool {
        matches!(self.kind, Kind::Set | Kind::Rows(_))
    }

    /// True if its value depends on its arguments alone.
    pub(in crate::postgres) fn is_immutable(&self) -> bool {
        let of_session = matches!(
            self.name,
            "now"
                | "transaction_timestamp"
                | "statement_timestamp"
                | "current_timestamp"
                | "current_date"
                | "localtimestamp"
                | "localtime"
                | "current_user"
                | "session_user"
                | "current_setting"
        );
        !self.volatile && !of_session
    }

    /// Calls it.
    pub(in crate::postgres) fn call(
        &self,
        arguments: &[Value],
        context: &Context<'_>,
    ) -> Result<Value> {
        if self.strict && arguments.iter().any(Value::is_null) {
            return Ok(if self.gives_set() {
                Value::Array([].into())
            } else {
                Value::Null
            });
        }
        let value = (self.run)(arguments, context)?;
        if let Some(text) = value.as_str() {
            context.spend(effort_of_bytes(text.len()))?;
        }
        Ok(value)
    }

    /// True if it is called by a sign.
    pub(in crate::postgres) fn is_operator(&self) -> bool {
        !self
            .name
            .starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '[')
    }

    /// The type that it takes as argument `index`.
    pub(in crate::postgres) fn argument(&self, index: usize) -> Type {
        let last = self.arguments.len().saturating_sub(1);
        self.arguments
            .get(index.min(last))
            .copied()
            .unwrap_or(Type::Any)
    }

    fn takes(&self, count: usize) -> bool {
        match self.kind {
            Kind::Variadic => count >= self.arguments.len(),
            _ => count == self.arguments.len(),
        }
    }
}

/// The signatures of a name.
fn named(name: &str) -> impl Iterator<Item = &'static Builtin> {
    let families = [
        text::FUNCTIONS,
        bytes::FUNCTIONS,
        math::FUNCTIONS,
        time::FUNCTIONS,
        to_char::FUNCTIONS,
        from_char::FUNCTIONS,
        to_char_number::FUNCTIONS,
        json::FUNCTIONS,
        json_text::FUNCTIONS,
        array::FUNCTIONS,
        catalog::FUNCTIONS,
        pattern::FUNCTIONS,
        sequence::FUNCTIONS,
        system::FUNCTIONS,
    ];
    families
        .into_iter()
        .flatten()
        .filter(move |builtin| builtin.name == name)
}

/// What a name and argument types stand for.
pub(in crate::postgres) enum Resolved {
    One(&'static Builtin),
    None,
    Ambiguous,
}

/// Chooses the signature to call; `castable` says whether a type becomes
/// another without being told to.
pub(in crate::postgres) fn resolve(
    name: &str,
    arguments: &[Type],
    castable: &dyn Fn(Type, Type) -> bool,
) -> Resolved {
    let fits = |from: Type, to: Type| match to {
        _ if from == to || from == Type::Unknown => true,
        Type::Any => true,
        Type::AnyElement => !matches!(from, Type::Array(_)),
        Type::AnyArray => from.element().is_some(),
        _ => castable(from, to),
    };
    let all_fit = |builtin: &&Builtin| {
        builtin.takes(arguments.len())
            && arguments
                .iter()
                .enumerate()
                .all(|(index, ty)| fits(*ty, builtin.argument(index)))
    };
    // Arrays and elements of one call must go together.
    let consistent = |builtin: &&Builtin| {
        let mut elements = arguments.iter().enumerate().filter_map(|(index, ty)| {
            match (builtin.argument(index), *ty) {
                (Type::AnyArray, Type::Array(of)) if *of != Type::Unknown => Some(*of),
                (Type::AnyArray, vector) => vector.element(),
                (Type::AnyElement, ty) if ty != Type::Unknown => Some(ty),
                _ => None,
            }
        });
        let first = elements.next();
        let alike = |a: Type, b: Type| a == b || castable(a, b) || castable(b, a);
        first.is_none_or(|first| elements.all(|other| alike(first, other)))
    };
    let fitting = named(name).filter(all_fit).filter(consistent);
    let mut candidates: Vec<&'static Builtin> = fitting.collect();
    let matches = |builtin: &Builtin, good: &dyn Fn(Type, Type) -> bool| {
        let pairs = arguments.iter().enumerate();
        pairs
            .filter(|(index, ty)| good(**ty, builtin.argument(*index)))
            .count()
    };
    // Exact matches, then preferred types, then strings for what is unknown.
    let rounds: [&dyn Fn(Type, Type) -> bool; 5] = [
        &|from, to| from == to || (from.is_string() && from != Type::Unknown && to == Type::Text),
        &|from, to| from == to || (from != Type::Unknown && is_preferred(to)),
        &|from, to| from == Type::Unknown && to.is_string(),
        &|from, to| from == Type::Unknown && to == Type::Text,
        &|from, to| from == Type::Unknown && is_preferred(to),
    ];
    for good in rounds {
        if candidates.len() < 2 {
            break;
        }
        let best = candidates
            .iter()
            .map(|b| matches(b, good))
            .max()
            .unwrap_or(0);
        candidates.retain(|builtin| matches(builtin, good) == best);
    }
    match candidates.as_slice() {
        [] => Resolved::None,
        [one] => Resolved::One(one),
        // What is unknown has the type of the other side.
        [first, rest @ ..] => {
            let known = arguments.iter().find(|ty| **ty != Type::Unknown);
            let same = |builtin: &Builtin| {
                known.is_some_and(|known| builtin.arguments.iter().all(|ty| ty == known))
            };
            match std::iter::once(first)
                .chain(rest)
                .find(|builtin| same(builtin))
            {
                Some(builtin) => Resolved::One(builtin),
                None => Resolved::Ambiguous,
            }
        }
    }
}

/// Of several types of one kind, the one that PostgreSQL likes best.
fn is_preferred(ty: Type) -> bool {
    matches!(
        ty,
        Type::Float8 | Type::Text | Type::Timestamptz | Type::Bool | Type::Interval | Type::Oid
    )
}

/// PostgreSQL's functions: a name, and how many arguments it takes at least
/// and at most.
const KNOWN: &str = include_str!("known.txt");

/// True if PostgreSQL has a function of this name for so many arguments, and
/// this server has not.
pub(in crate::postgres) fn is_missing(name: &str, arguments: usize) -> bool {
    let known = KNOWN.lines().find_map(|line| {
        let (least, most) = line
            .strip_prefix(name)?
            .strip_prefix(' ')?
            .split_once(' ')?;
        Some(least.parse().ok()?..=most.parse().ok()?)
    });
    known.is_some_and(|known| known.contains(&arguments))
        && !named(name).any(|builtin| builtin.takes(arguments))
}

/// A plan gave a function what it does not take.
fn unexpected() -> Error {
    Error::new(
        SqlState("XX000"),
        "a function was given a value of another type",
    )
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().ok_or_else(unexpected)
}

fn int(value: &Value) -> Result<i64> {
    value.as_int().ok_or_else(unexpected)
}

fn elements(value: &Value) -> Result<&[Value]> {
    match value {
        Value::Array(values) | Value::Vector(values) => Ok(values),
        _ => Err(unexpected()),
    }
}

/// A count as SQL has it.
fn count(number: usize) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}
