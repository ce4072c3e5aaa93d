//! Operators: comparisons, arithmetic, and those that are functions.

use sqlparser::ast::{BinaryOperator, Expr as Ast, UnaryOperator, Value as Literal};

use super::coerce::Coercion;
use super::subquery::comparison;
use super::{Analyser, Typed};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::expr::{Arithmetic, Comparison, Expr};
use crate::postgres::sql::functions::Resolved;
use crate::postgres::types::{Type, Value};

impl Analyser<'_> {
    pub(super) fn binary(&mut self, left: &Ast, op: &BinaryOperator, right: &Ast) -> Result<Typed> {
        if let BinaryOperator::PGCustomBinaryOperator(name) = op {
            return self.binary(left, &named(name)?, right);
        }
        if matches!(op, BinaryOperator::And | BinaryOperator::Or) {
            return self.connect(left, op, right);
        }
        if let Some(comparison) = comparison(op) {
            if let (Some(left), Some(right)) = (row(left), row(right)) {
                return self.compare_rows(comparison, &op.to_string(), left, right);
            }
            if let (Some(row), Ast::Subquery(query)) = (row(left), right) {
                let operand = Ast::Tuple(row.to_vec());
                return self.quantified(&operand, comparison, &op.to_string(), query, false);
            }
        }
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        let at = left.at;
        let value = self.operate(op, left, right)?;
        Ok(Typed { at, ..value })
    }

    pub(super) fn operate(
        &mut self,
        op: &BinaryOperator,
        left: Typed,
        right: Typed,
    ) -> Result<Typed> {
        if let Some(comparison) = comparison(op) {
            return self.compare(comparison, left, right);
        }
        let arithmetic = match op {
            BinaryOperator::Plus => Arithmetic::Add,
            BinaryOperator::Minus => Arithmetic::Subtract,
            BinaryOperator::Multiply => Arithmetic::Multiply,
            BinaryOperator::Divide => Arithmetic::Divide,
            BinaryOperator::Modulo => Arithmetic::Modulo,
            BinaryOperator::StringConcat => return self.concat(left, right),
            BinaryOperator::PGLikeMatch => return self.like_of(left, right, false, false),
            BinaryOperator::PGILikeMatch => return self.like_of(left, right, false, true),
            BinaryOperator::PGNotLikeMatch => return self.like_of(left, right, true, false),
            BinaryOperator::PGNotILikeMatch => return self.like_of(left, right, true, true),
            other => return self.custom(&sign(other), left, right),
        };
        self.arithmetic(arithmetic, op, left, right)
    }

    pub(super) fn compare(
        &mut self,
        comparison: Comparison,
        left: Typed,
        right: Typed,
    ) -> Result<Typed> {
        let sign = comparison.sign();
        let (left, right, ty) = self.meet(left, right, sign)?;
        if matches!(ty, Type::Json | Type::Void | Type::Record) {
            return Err(no_operator(ty, sign, ty));
        }
        let expr = Expr::Compare(comparison, Box::new(left), Box::new(right));
        Ok(Typed::boolean(expr))
    }

    /// `(a, b) < (c, d)`: the first pair that differs decides.
    fn compare_rows(
        &mut self,
        comparison: Comparison,
        sign: &str,
        left: &[Ast],
        right: &[Ast],
    ) -> Result<Typed> {
        if left.len() != right.len() {
            return Err(Error::new(
                SqlState::SYNTAX_ERROR,
                "unequal number of entries in row expressions",
            ));
        }
        let mut pairs = Vec::new();
        for (left, right) in left.iter().zip(right) {
            let (left, right) = (self.expr(left)?, self.expr(right)?);
            let (left, right, _) = self.meet(left, right, sign)?;
            pairs.push((left, right));
        }
        let one = |comparison: Comparison, pair: &(Expr, Expr)| {
            Expr::Compare(
                comparison,
                Box::new(pair.0.clone()),
                Box::new(pair.1.clone()),
            )
        };
        let all = |comparison: Comparison| pairs.iter().map(move |pair| one(comparison, pair));
        let expr = match comparison {
            Comparison::Equal => Expr::And(all(comparison).collect()),
            Comparison::NotEqual => Expr::Or(all(comparison).collect()),
            _ => {
                let strict = match comparison {
                    Comparison::LessOrEqual => Comparison::Less,
                    Comparison::GreaterOrEqual => Comparison::Greater,
                    other => other,
                };
                let mut expr: Option<Expr> = None;
                for pair in pairs.iter().rev() {
                    expr = Some(match expr {
                        None => one(comparison, pair),
                        Some(rest) => Expr::Or(vec![
                            one(strict, pair),
                            Expr::And(vec![one(Comparison::Equal, pair), rest]),
                        ]),
                    });
                }
                expr.unwrap_or(Expr::Const(Value::Bool(true)))
            }
        };
        Ok(Typed::boolean(expr))
    }

    fn connect(&mut self, left: &Ast, op: &BinaryOperator, right: &Ast) -> Result<Typed> {
        let name = format!("argument of {op}");
        // Chains of one operator are as long as their text: no recursion.
        let mut sides = vec![right];
        let mut rest = match self.as_written {
            true => bare(left),
            false => left,
        };
        while let Ast::BinaryOp {
            left,
            op: inner,
            right,
        } = rest
            && inner == op
        {
            sides.push(right);
            rest = match self.as_written {
                true => bare(left),
                false => left,
            };
        }
        sides.push(rest);
        let mut parts = Vec::new();
        for side in sides.into_iter().rev() {
            let value = self.expr(side)?;
            let part = self.boolean(value, &name)?;
            match (part, op) {
                (part, _) if self.as_written => parts.push(part),
                (Expr::And(inner), BinaryOperator::And) => parts.extend(inner),
                (Expr::Or(inner), BinaryOperator::Or) => parts.extend(inner),
                (part, _) => parts.push(part),
            }
        }
        Ok(Typed::boolean(if *op == BinaryOperator::And {
            Expr::And(parts)
        } else {
            Expr::Or(parts)
        }))
    }

    /// Brings two operands to one type.
    pub(super) fn meet(
        &mut self,
        left: Typed,
        right: Typed,
        operator: &str,
    ) -> Result<(Expr, Expr, Type)> {
        let ty = match Analyser::common(left.ty, right.ty) {
            // varchar has no operators of its own.
            Some(Type::Unknown | Type::Varchar) => Type::Text,
            Some(Type::Array(Type::Unknown)) => Type::Array(&Type::Text),
            Some(ty) => ty,
            None => return Err(no_operator(left.ty, operator, right.ty)),
        };
        if ty == Type::Xid && !matches!(operator, "=" | "<>") {
            return Err(no_operator(left.ty, operator, right.ty));
        }
        let own = |side: &Typed| match self.meets_as_it_is(side.ty, ty) {
            true => side.ty,
            // What is no float meets a real as double precision.
            false if self.as_written && ty == Type::Float4 && side.ty != Type::Unknown => {
                Type::Float8
            }
            false => ty,
        };
        let (left_ty, right_ty) = (own(&left), own(&right));
        let left = self.coerce(left, left_ty, Coercion::Implicit)?;
        let right = self.coerce(right, right_ty, Coercion::Implicit)?;
        Ok((left, right, ty))
    }

    /// True if an operator takes this type beside another, of which `common`
    /// has come.
    pub(super) fn meets_as_it_is(&self, own: Type, common: Type) -> bool {
        let float = |ty: Type| matches!(ty, Type::Float4 | Type::Float8);
        // Integers of any width compare as they are.
        let integers = own.is_integer() && (common.is_integer() || common == Type::Xid);
        let written = (own.is_time() && common.is_time()) || (float(own) && float(common));
        let name = own == Type::Name && common.is_string();
        integers || (self.as_written && (written || name))
    }

    fn concat(&mut self, left: Typed, right: Typed) -> Result<Typed> {
        let types = [left.ty, right.ty];
        let of_its_own = |ty: &Type| matches!(ty, Type::Array(_) | Type::Jsonb | Type::Bytea);
        if types.iter().any(of_its_own) {
            return self.custom("||", left, right);
        }
        if !types.iter().any(|ty| ty.is_string()) {
            return Err(no_operator(left.ty, "||", right.ty));
        }
        let left = self.concatenated(left)?;
        let right = self.concatenated(right)?;
        self.custom(
            "||",
            Typed::new(left, Type::Text),
            Typed::new(right, Type::Text),
        )
    }

    /// One side of `||`, which takes any type beside a text.
    fn concatenated(&mut self, side: Typed) -> Result<Expr> {
        if self.as_written && side.ty != Type::Unknown {
            return match side.ty.is_string() {
                true => self.implicit(side, Type::Text),
                false => Ok(side.expr),
            };
        }
        self.coerce(side, Type::Text, Coercion::Explicit)
    }

    fn arithmetic(
        &mut self,
        arithmetic: Arithmetic,
        op: &BinaryOperator,
        left: Typed,
        right: Typed,
    ) -> Result<Typed> {
        if let Some((left_ty, right_ty, ty)) = time_result(arithmetic, left.ty, right.ty) {
            let left = self.implicit(left, left_ty)?;
            let right = self.implicit(right, right_ty)?;
            let expr = Expr::Arithmetic(arithmetic, ty, Box::new(left), Box::new(right));
            return Ok(Typed::new(expr, ty));
        }
        if left.ty == Type::Jsonb {
            return self.custom(&op.to_string(), left, right);
        }
        let numbers = |ty: Type| ty.is_number() || ty == Type::Unknown;
        if !numbers(left.ty) || !numbers(right.ty) {
            return Err(no_operator(left.ty, &op.to_string(), right.ty));
        }
        if left.ty == Type::Unknown && right.ty == Type::Unknown {
            return Err(not_unique(left.ty, &op.to_string(), right.ty));
        }
        let (left, right) = match arithmetic == Arithmetic::Modulo && self.as_written {
            // It wants integers of one width.
            true => {
                let (both, ty) = self.unify(vec![left, right], "%")?;
                let mut both = both.into_iter().map(|side| Typed::new(side, ty));
                both.next()
                    .zip(both.next())
                    .ok_or_else(|| no_operator(ty, "%", ty))?
            }
            false => (left, right),
        };
        let (left, right, ty) = self.meet(left, right, &op.to_string())?;
        if arithmetic == Arithmetic::Modulo && matches!(ty, Type::Float4 | Type::Float8) {
            return Err(no_operator(ty, "%", ty));
        }
        let expr = Expr::Arithmetic(arithmetic, ty, Box::new(left), Box::new(right));
        Ok(Typed::new(expr, ty))
    }

    /// An operator that is a function under its sign.
    fn custom(&mut self, sign: &str, left: Typed, right: Typed) -> Result<Typed> {
        let types = [left.ty, right.ty];
        match self.resolve(sign, &types) {
            Resolved::One(builtin) => self.apply(builtin, vec![left, right]),
            Resolved::None => Err(no_operator(types[0], sign, types[1])),
            Resolved::Ambiguous => Err(not_unique(types[0], sign, types[1])),
        }
    }

    pub(super) fn unary(&mut self, op: &UnaryOperator, operand: &Ast) -> Result<Typed> {
        match op {
            UnaryOperator::Not => {
                let operand = self.condition(operand, "NOT")?;
                Ok(Typed::boolean(Expr::Not(Box::new(operand))))
            }
            UnaryOperator::Minus => {
                if let Ast::Value(value) = operand
                    && let Literal::Number(digits, _) = &value.value
                {
                    return super::expr::number(&format!("-{digits}"));
                }
                let operand = self.expr(operand)?;
                if operand.ty == Type::Unknown {
                    return Err(Error::new(
                        SqlState("42725"),
                        "operator is not unique: - unknown",
                    )
                    .hint("Could not choose a best candidate operator. You might need to add explicit type casts."));
                }
                if !operand.ty.is_number() && operand.ty != Type::Interval {
                    return Err(Error::new(
                        SqlState::UNDEFINED_FUNCTION,
                        format!("operator does not exist: - {}", operand.ty),
                    )
                    .hint("No operator matches the given name and argument type. You might need to add an explicit type cast."));
                }
                let ty = operand.ty;
                Ok(Typed::new(Expr::Negate(ty, Box::new(operand.expr)), ty))
            }
            UnaryOperator::Plus => Ok(Typed {
                at: 0,
                ..self.expr(operand)?
            }),
            UnaryOperator::BitwiseNot | UnaryOperator::PGAbs if !self.as_written => {
                let operand = self.expr(operand)?;
                let name = match op {
                    UnaryOperator::PGAbs => "abs",
                    _ => "~",
                };
                self.call(name, vec![operand])
            }
            other => Err(Error::unsupported(format!("the operator {other}"))),
        }
    }
}

/// What stands in parentheses.
fn bare(ast: &Ast) -> &Ast {
    match ast {
        Ast::Nested(inner) => bare(inner),
        other => other,
    }
}

/// The parts of a row constructor.
pub(super) fn row(ast: &Ast) -> Option<&[Ast]> {
    match ast {
        Ast::Tuple(list) if list.len() > 1 => Some(list),
        Ast::Nested(inner) => row(inner),
        _ => None,
    }
}

/// The operator of `OPERATOR(pg_catalog.=)`.
fn named(name: &[String]) -> Result<BinaryOperator> {
    let sign = match name {
        [sign] => sign,
        [schema, sign] if schema == "pg_catalog" => sign,
        _ => {
            let name = name.join(".");
            return Err(Error::unsupported(format!("the operator {name}")));
        }
    };
    Ok(match &**sign {
        "=" => BinaryOperator::Eq,
        "<>" | "!=" => BinaryOperator::NotEq,
        "<" => BinaryOperator::Lt,
        "<=" => BinaryOperator::LtEq,
        ">" => BinaryOperator::Gt,
        ">=" => BinaryOperator::GtEq,
        "+" => BinaryOperator::Plus,
        "-" => BinaryOperator::Minus,
        "*" => BinaryOperator::Multiply,
        "/" => BinaryOperator::Divide,
        "%" => BinaryOperator::Modulo,
        "||" => BinaryOperator::StringConcat,
        "~~" => BinaryOperator::PGLikeMatch,
        "~~*" => BinaryOperator::PGILikeMatch,
        "!~~" => BinaryOperator::PGNotLikeMatch,
        "!~~*" => BinaryOperator::PGNotILikeMatch,
        other => BinaryOperator::Custom(other.to_owned()),
    })
}

fn sign(op: &BinaryOperator) -> String {
    match op {
        BinaryOperator::BitwiseXor | BinaryOperator::PGBitwiseXor => "#".to_owned(),
        other => other.to_string(),
    }
}

/// Arithmetic with times: operand types and result.
fn time_result(op: Arithmetic, left: Type, right: Type) -> Option<(Type, Type, Type)> {
    use Type::{Date, Float8, Int2, Int4, Interval, Time, Timestamp, Timestamptz, Unknown};
    let scales = matches!(op, Arithmetic::Multiply | Arithmetic::Divide);
    let is_factor = |ty: Type| ty.is_number() || ty == Unknown;
    let (add, subtract) = (op == Arithmetic::Add, op == Arithmetic::Subtract);
    let either = add || subtract;
    Some(match (left, right) {
        (Timestamptz | Timestamp, Interval) if either => (left, Interval, left),
        (Timestamptz | Timestamp, Unknown) if add => (left, Interval, left),
        (Interval | Unknown, Timestamptz | Timestamp) if add => (Interval, right, right),
        (Timestamptz, Timestamptz | Timestamp | Date) if subtract => {
            (Timestamptz, Timestamptz, Interval)
        }
        (Timestamp | Date, Timestamptz) if subtract => (Timestamptz, Timestamptz, Interval),
        (Timestamp, Timestamp | Date) | (Date, Timestamp) if subtract => {
            (Timestamp, Timestamp, Interval)
        }
        (Timestamptz | Timestamp, Unknown) | (Unknown, Timestamptz | Timestamp) if subtract => {
            let ty = if left == Unknown { right } else { left };
            (ty, ty, Interval)
        }
        (Date, Int2 | Int4) if either => (Date, right, Date),
        (Int2 | Int4, Date) if add => (left, Date, Date),
        (Date, Date | Unknown) | (Unknown, Date) if subtract => (Date, Date, Int4),
        (Date, Interval) if either => (Date, Interval, Timestamp),
        (Interval, Date) if add => (Interval, Date, Timestamp),
        (Date, Time) if add => (Date, Time, Timestamp),
        (Time, Date) if add => (Time, Date, Timestamp),
        (Time, Interval) if either => (Time, Interval, Time),
        (Interval, Time) if add => (Interval, Time, Time),
        (Time, Time) if subtract => (Time, Time, Interval),
        (Interval, Interval | Unknown) | (Unknown, Interval) if either => {
            (Interval, Interval, Interval)
        }
        (Interval, ty) if scales && is_factor(ty) => (Interval, Float8, Interval),
        (ty, Interval) if op == Arithmetic::Multiply && is_factor(ty) => {
            (Float8, Interval, Interval)
        }
        _ => return None,
    })
}

const NO_OPERATOR_HINT: &str = "No operator matches the given name and argument types. You might need to add explicit type casts.";

/// Operators of PostgreSQL on types that there are, which this server has not.
const MISSING: [&str; 9] = ["^", "@@", "@?", "~<~", "~<=~", "~>~", "~>=~", "<->", "?-"];

pub(super) fn no_operator(left: Type, operator: &str, right: Type) -> Error {
    let of_bytes = left == Type::Bytea && matches!(operator, "~~" | "!~~");
    if of_bytes || MISSING.contains(&operator) {
        return Error::unsupported(format!("the operator {operator}"));
    }
    Error::new(
        SqlState::UNDEFINED_FUNCTION,
        format!("operator does not exist: {left} {operator} {right}"),
    )
    .hint(NO_OPERATOR_HINT)
}

fn not_unique(left: Type, operator: &str, right: Type) -> Error {
    Error::new(
        SqlState("42725"),
        format!("operator is not unique: {left} {operator} {right}"),
    )
    .hint("Could not choose a best candidate operator. You might need to add explicit type casts.")
}
