//! Which type becomes which, and when it is told to.

use super::{Analyser, Typed, placed};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::expr::Expr;
use crate::postgres::sql::registry::Registry;
use crate::postgres::storage::table::Column;
use crate::postgres::types::{Type, Value, cast, from_text, read_interval};

/// A text as what it reads as when the statement runs.
fn from_words(text: Expr, to: Type) -> Expr {
    Expr::Cast {
        operand: Box::new(text),
        from: Type::Text,
        to,
    }
}

/// True for what is converted anew whenever the statement runs.
fn varies(from: Type, to: Type) -> bool {
    let element = |ty: Type| ty.element().unwrap_or(ty);
    let time = |ty: Type| ty.is_time() || ty == Type::Interval;
    let (of, into) = (element(from), element(to));
    time(of) && into.is_string() || of.is_string() && time(into) || to.names_objects()
}

/// Where a conversion is asked for: a written cast may do more than an
/// assignment, and that more than an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Coercion {
    Implicit,
    Assignment,
    Explicit,
}

impl Analyser<'_> {
    /// Converts for an operator, an argument, a comparison.
    pub(super) fn implicit(&mut self, value: Typed, to: Type) -> Result<Expr> {
        self.coerce(value, to, Coercion::Implicit)
    }

    pub(super) fn coerce(&mut self, value: Typed, to: Type, how: Coercion) -> Result<Expr> {
        // A conversion goes beneath COLLATE.
        if let Expr::Collate(operand, collation) = value.expr {
            let operand = Typed {
                expr: *operand,
                ..value
            };
            let converted = self.coerce(operand, to, how)?;
            return Ok(match to.is_string() {
                true => Expr::Collate(Box::new(converted), collation),
                false => converted,
            });
        }
        let from = value.ty;
        if from == to {
            return Ok(value.expr);
        }
        let (expr, at) = (value.expr, value.at);
        if to.names_objects() && (from.is_string() || from == Type::Array(&Type::Unknown)) {
            let object = self.object(expr, from, to, how);
            return object.map_err(|error| placed(error, at));
        }
        if from == Type::Unknown {
            let decided = self.decide(expr, to);
            return decided.map_err(|error| placed(error, at));
        }
        // An array of what is still unknown.
        if let (Expr::Array(list), Type::Array(element)) = (&expr, to)
            && from == Type::Array(&Type::Unknown)
        {
            let list = list
                .clone()
                .into_iter()
                .map(|item| self.decide(item, *element));
            return Ok(Expr::Array(list.collect::<Result<_>>()?));
        }
        if !convertible(from, to, how) {
            return Err(Error::new(
                SqlState::CANNOT_COERCE,
                format!("cannot cast type {from} to {to}"),
            ));
        }
        if self.as_written {
            let cast = Box::new(Expr::Cast {
                operand: Box::new(expr),
                from,
                to,
            });
            return Ok(match how {
                Coercion::Explicit => Expr::Written(cast),
                _ => *cast,
            });
        }
        Ok(match expr {
            // All integers and most strings are stored alike; a cast that is
            // written keeps an index from being used.
            expr if from.is_integer()
                && to.is_integer()
                && from < to
                && how != Coercion::Explicit =>
            {
                expr
            }
            expr if from.is_string()
                && to.is_string()
                && from != Type::Bpchar
                && to != Type::Bpchar =>
            {
                expr
            }
            expr if from.is_integer() && to.is_catalog_number() && how == Coercion::Implicit => {
                expr
            }
            // How a date reads, and what reads as one, is the session's to say.
            Expr::Const(value) if !varies(from, to) => {
                Expr::Const(cast(&value, from, to, &self.reading)?)
            }
            expr => Expr::Cast {
                operand: Box::new(expr),
                from,
                to,
            },
        })
    }

    /// Converts for a type of such a size. A literal is read as an interval of
    /// its type's fields.
    pub(super) fn fitted(
        &mut self,
        value: Typed,
        ty: Type,
        modifier: i32,
        how: Coercion,
    ) -> Result<Expr> {
        if let (Expr::Const(Value::Text(text)), Type::Unknown) = (&value.expr, value.ty)
            && ty == Type::Interval
            && modifier >= 0
        {
            let read = read_interval(text, modifier, &self.reading);
            let read = Expr::Const(read.map_err(|error| placed(error, value.at))?);
            return Ok(match self.as_written {
                true => with_limit(literal(read, ty), ty, modifier, true),
                false => read,
            });
        }
        let expr = self.coerce(value, ty, how)?;
        Ok(with_limit(expr, ty, modifier, how == Coercion::Explicit))
    }

    /// Gives a literal or parameter the type that its context wants.
    pub(super) fn decide(&mut self, mut expr: Expr, to: Type) -> Result<Expr> {
        match &mut expr {
            Expr::Const(value) => {
                if let Value::Text(text) = value {
                    match from_text(to, text, &self.reading) {
                        Ok(read) => *value = read,
                        // The transaction in which it is now has yet to begin.
                        Err(_) if self.reading.lacked_clock() => return Ok(from_words(expr, to)),
                        Err(error) => return Err(error),
                    }
                }
                if self.as_written {
                    return Ok(literal(expr, to));
                }
            }
            Expr::Param(index) => self.deduce(*index, to)?,
            _ if matches!(to, Type::Text | Type::Unknown) => {}
            _ => {
                return Ok(from_words(expr, to));
            }
        }
        Ok(expr)
    }

    /// A parameter without a type gets its first context's; a second context
    /// has to agree.
    fn deduce(&mut self, index: usize, to: Type) -> Result<()> {
        let had = self.param(index);
        if had == Type::Unknown {
            self.params[index] = to;
        } else if had != to {
            let message = format!("inconsistent types deduced for parameter ${}", index + 1);
            return Err(Error::new(SqlState::AMBIGUOUS_PARAMETER, message)
                .detail(format!("{had} versus {to}")));
        }
        Ok(())
    }

    /// An object by name: what is written must exist.
    fn object(&mut self, expr: Expr, from: Type, to: Type, how: Coercion) -> Result<Expr> {
        match expr {
            Expr::Const(value) if from == Type::Unknown => {
                let registry = Registry {
                    catalog: self.catalog,
                    clog: self.clog,
                    top: self.top,
                };
                let object = Expr::Const(registry.convert(&value, to)?);
                Ok(match self.as_written {
                    true => literal(object, to),
                    false => object,
                })
            }
            Expr::Param(index) if from == Type::Unknown => {
                self.deduce(index, to)?;
                Ok(named(Expr::Param(index), to))
            }
            expr if from == Type::Unknown || convertible(from, to, how) => Ok(named(expr, to)),
            _ => Err(Error::new(
                SqlState::CANNOT_COERCE,
                format!("cannot cast type {from} to {to}"),
            )),
        }
    }

    /// What stays unknown is text.
    pub(super) fn settle(&mut self, value: Typed) -> Result<Typed> {
        if value.ty == Type::Array(&Type::Unknown) {
            let ty = Type::Array(&Type::Text);
            return Ok(Typed::new(self.coerce(value, ty, Coercion::Implicit)?, ty));
        }
        if value.ty != Type::Unknown {
            return Ok(value);
        }
        Ok(Typed::new(self.decide(value.expr, Type::Text)?, Type::Text))
    }

    /// Where any type will do, a parameter without one is left so.
    pub(super) fn any(&mut self, value: Typed) -> Result<Typed> {
        if let (Expr::Param(index), Type::Unknown) = (&value.expr, value.ty) {
            self.untyped.push(*index);
            return Ok(value);
        }
        if self.as_written && value.ty == Type::Unknown {
            return Ok(value);
        }
        self.settle(value)
    }

    /// The type in which two operands meet, if there is one.
    pub(super) fn common(left: Type, right: Type) -> Option<Type> {
        match (left, right) {
            _ if left == right => Some(left),
            (Type::Unknown, other) | (other, Type::Unknown) => Some(other),
            (Type::Array(Type::Unknown), other @ Type::Array(_))
            | (other @ Type::Array(_), Type::Array(Type::Unknown)) => Some(other),
            _ if left.is_number() && right.is_number() => Some(wider(left, right)),
            _ if left.is_string() && right.is_string() => Some(Type::Text),
            _ if left.is_time() && right.is_time() => Some(left.max(right)),
            (Type::Oid, other) | (other, Type::Oid) if other.is_integer() || other.is_named() => {
                Some(Type::Oid)
            }
            _ if left.is_named() && (right.is_named() || right.is_integer()) => Some(Type::Oid),
            _ if right.is_named() && left.is_integer() => Some(Type::Oid),
            (Type::Xid, other) | (other, Type::Xid)
                if other <= Type::Int4 && other.is_integer() =>
            {
                Some(Type::Xid)
            }
            (Type::Array(left), Type::Array(right)) => {
                Analyser::common(*left, *right).and_then(Type::array)
            }
            _ => None,
        }
    }

    /// Brings the alternatives of a construct to one type.
    pub(super) fn unify(&mut self, values: Vec<Typed>, what: &str) -> Result<(Vec<Expr>, Type)> {
        let mut ty = Type::Unknown;
        for value in &values {
            // Of text and varchar the first stays.
            if ty == Type::Varchar && value.ty == Type::Text {
                continue;
            }
            ty = Analyser::common(ty, value.ty).ok_or_else(|| {
                let message = format!("{what} types {ty} and {} cannot be matched", value.ty);
                placed(Error::new(SqlState::DATATYPE_MISMATCH, message), value.at)
            })?;
        }
        if ty == Type::Unknown {
            ty = Type::Text;
        }
        let exprs = values
            .into_iter()
            .map(|value| self.implicit(value, ty))
            .collect::<Result<_>>()?;
        Ok((exprs, ty))
    }

    /// Converts a value for a column.
    pub(super) fn assign(&mut self, mut value: Typed, column: &Column, what: &str) -> Result<Expr> {
        // An interval is kept as one of any fields, if its column is.
        if let (Expr::Limit { operand, ty, .. }, ..0) = (&value.expr, column.modifier)
            && self.as_written
            && matches!((*ty, &**operand), (Type::Interval, Expr::Cast { .. }))
            && column.ty == Type::Interval
        {
            value.expr = (**operand).clone();
        }
        let (from, to) = (value.ty, column.ty);
        if !matches!(from, Type::Unknown | Type::Array(Type::Unknown))
            && from != to
            && !convertible(from, to, Coercion::Assignment)
        {
            let error = Error::new(
                SqlState::DATATYPE_MISMATCH,
                format!(
                    "column \"{}\" is of type {to} but {what} is of type {from}",
                    column.name
                ),
            );
            let hint = "You will need to rewrite or cast the expression.";
            return Err(placed(error, value.at).hint(hint));
        }
        let same = from == to && value.modifier == column.modifier;
        match same {
            true => self.coerce(value, to, Coercion::Assignment),
            false => self.fitted(value, to, column.modifier, Coercion::Assignment),
        }
    }
}

/// A constant that says of what type it is.
pub(super) fn literal(constant: Expr, ty: Type) -> Expr {
    Expr::Cast {
        operand: Box::new(constant),
        from: Type::Unknown,
        to: ty,
    }
}

/// Looks up what is a name, or a number, if an object is wanted.
pub(super) fn named(expr: Expr, to: Type) -> Expr {
    if !to.names_objects() {
        return expr;
    }
    Expr::Cast {
        operand: Box::new(expr),
        from: Type::Text,
        to,
    }
}

/// Holds a value to the size of its type.
pub(super) fn with_limit(expr: Expr, ty: Type, modifier: i32, explicit: bool) -> Expr {
    if modifier < 0 {
        return expr;
    }
    Expr::Limit {
        operand: Box::new(expr),
        ty,
        modifier,
        explicit,
    }
}

fn wider(left: Type, right: Type) -> Type {
    let rank = |ty: Type| match ty {
        Type::Int2 => 0,
        Type::Int4 => 1,
        Type::Int8 => 2,
        Type::Numeric => 3,
        Type::Float4 => 4,
        _ => 5,
    };
    if rank(left) >= rank(right) {
        left
    } else {
        right
    }
}

/// True if there is such a conversion in such a place.
pub(super) fn convertible(from: Type, to: Type, how: Coercion) -> bool {
    use Type::{
        Array, Bool, Bytea, Date, Int4, Int8, Interval, Json, Jsonb, Oid, Regclass, Time,
        Timestamp, Timestamptz, Varchar, Xid,
    };
    if from == to || (from.is_string() && to.is_string()) {
        return true;
    }
    if from.is_number() && to.is_number() {
        return wider(from, to) == to || how >= Coercion::Assignment;
    }
    match (from, to) {
        (Array(from), Array(to)) => convertible(*from, *to, how),
        (Date, Timestamp | Timestamptz) | (Timestamp, Timestamptz) | (Time, Interval) => true,
        (Timestamp | Timestamptz, Date | Time)
        | (Timestamptz, Timestamp)
        | (Interval, Time)
        | (Json, Jsonb)
        | (Jsonb, Json) => how >= Coercion::Assignment,
        (from, to) if from.is_integer() && (to == Oid || to.is_named()) => true,
        (from, Oid) if from.is_named() => true,
        (Oid, to) if to.is_named() => true,
        (Type::Text | Varchar, Regclass) => true,
        (from, Int4 | Int8) if from == Oid || from.is_named() => how >= Coercion::Assignment,
        (from, Array(to)) if !matches!(from, Array(_)) && from.element() == Some(*to) => true,
        (from, Xid) if from.is_integer() => how == Coercion::Explicit,
        (Int4, Bool) | (Bool, Int4) => how == Coercion::Explicit,
        (Jsonb, to) if to.is_number() || to == Bool => how == Coercion::Explicit,
        (Bytea, _) | (_, Bytea) if !from.is_string() && !to.is_string() => false,
        (_, to) if to.is_string() => how >= Coercion::Assignment,
        (from, _) if from.is_string() => how == Coercion::Explicit,
        _ => false,
    }
}
