//! Expressions: literals, names, and which file reads what else.

use sqlparser::ast::{BinaryOperator, CastKind, Expr as Ast, Value as Literal};

use super::coerce::{Coercion, named};
use super::subquery::comparison;
use super::{Analyser, Typed, begins, character, column_type, placed};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::expr::{Comparison, Expr, Truth};
use crate::postgres::types::{Reading, Type, Value, from_text};

impl Analyser<'_> {
    pub(super) fn expr(&mut self, ast: &Ast) -> Result<Typed> {
        let mut value = self.anywhere(ast)?;
        if let Some(at) = begins(ast) {
            value.at = at;
        }
        Ok(value)
    }

    /// An expression: where it begins is known only if it begins with another.
    fn anywhere(&mut self, ast: &Ast) -> Result<Typed> {
        match ast {
            Ast::Nested(inner) => self.expr(inner),
            Ast::Value(value) => self.literal(&value.value),
            Ast::Identifier(name) => self.column(None, name).or_else(|error| {
                // Functions that are called without parentheses.
                match name.value.to_ascii_lowercase().as_str() {
                    called @ ("current_schema" | "current_catalog")
                        if name.quote_style.is_none() =>
                    {
                        let value = self.call(called, Vec::new())?;
                        Ok(self.written(value))
                    }
                    _ => Err(error),
                }
            }),
            Ast::CompoundIdentifier(parts) => match parts.as_slice() {
                [table, column] => self.column(Some(table), column),
                [schema, table, column] if super::fold(schema) == "public" => {
                    self.column(Some(table), column)
                }
                _ => Err(Error::unsupported(format!("the name {ast}"))),
            },
            Ast::BinaryOp { left, op, right } => self.binary(left, op, right),
            Ast::UnaryOp { op, expr } => self.unary(op, expr),
            Ast::IsNull(operand) => self.is(operand, Truth::Null, false),
            Ast::IsNotNull(operand) => self.is(operand, Truth::Null, true),
            Ast::IsTrue(operand) => self.is(operand, Truth::True, false),
            Ast::IsNotTrue(operand) => self.is(operand, Truth::True, true),
            Ast::IsFalse(operand) => self.is(operand, Truth::False, false),
            Ast::IsNotFalse(operand) => self.is(operand, Truth::False, true),
            Ast::IsUnknown(operand) => {
                let value = self.is(operand, Truth::Null, false)?;
                Ok(self.written(value))
            }
            Ast::IsNotUnknown(operand) => {
                let value = self.is(operand, Truth::Null, true)?;
                Ok(self.written(value))
            }
            Ast::IsDistinctFrom(left, right) => self.distinct_from(left, right, false),
            Ast::IsNotDistinctFrom(left, right) => self.distinct_from(left, right, true),
            Ast::Like {
                negated,
                any: false,
                expr,
                pattern,
                escape_char,
            } => self.like(expr, pattern, escape_char.as_deref(), *negated, false),
            Ast::Like {
                negated,
                any: true,
                expr,
                pattern,
                escape_char: None,
            } if !self.as_written => self.like_any(expr, pattern, *negated, false),
            Ast::ILike {
                negated,
                any: true,
                expr,
                pattern,
                escape_char: None,
            } if !self.as_written => self.like_any(expr, pattern, *negated, true),
            Ast::ILike {
                negated,
                any: false,
                expr,
                pattern,
                escape_char,
            } => self.like(expr, pattern, escape_char.as_deref(), *negated, true),
            Ast::Cast {
                kind: CastKind::Cast | CastKind::DoubleColon,
                expr,
                data_type,
                format: None,
                ..
            } => self.cast(expr, data_type),
            Ast::TypedString(typed) => {
                let (ty, modifier) = column_type(&typed.data_type)?;
                let Some(text) = typed.value.value.clone().into_string() else {
                    let message = format!("syntax error at or near \"{}\"", typed.value);
                    return Err(Error::new(SqlState::SYNTAX_ERROR, message));
                };
                let mut literal = Typed::new(Expr::Const(Value::text(&text)), Type::Unknown);
                literal.at = character(typed.value.span);
                let expr = self.fitted(literal, ty, modifier, Coercion::Explicit)?;
                Ok(Typed {
                    modifier,
                    ..Typed::new(expr, ty)
                })
            }
            Ast::Function(function) => self.function(function),
            Ast::Subquery(query) => self.scalar(query),
            Ast::Exists { subquery, negated } => self.exists(subquery, *negated),
            Ast::InSubquery {
                expr,
                subquery,
                negated,
            } => self.in_subquery(expr, subquery, *negated),
            Ast::AnyOp {
                left,
                compare_op,
                right,
                ..
            } => self.any_or_all(left, compare_op, right, false),
            Ast::AllOp {
                left,
                compare_op,
                right,
            } => self.any_or_all(left, compare_op, right, true),
            construct => self.construct(construct),
        }
    }

    fn literal(&mut self, literal: &Literal) -> Result<Typed> {
        Ok(match literal {
            Literal::Null => Typed::new(Expr::Const(Value::Null), Type::Unknown),
            Literal::Boolean(value) => Typed::boolean(Expr::Const(Value::Bool(*value))),
            Literal::Number(digits, _) => number(digits)?,
            Literal::SingleQuotedString(text)
            | Literal::EscapedStringLiteral(text)
            | Literal::UnicodeStringLiteral(text) => {
                Typed::new(Expr::Const(Value::text(text)), Type::Unknown)
            }
            Literal::DollarQuotedString(text) => {
                Typed::new(Expr::Const(Value::text(&text.value)), Type::Unknown)
            }
            Literal::Placeholder(name) => {
                let index = name
                    .strip_prefix('$')
                    .and_then(|digits| digits.parse::<u16>().ok())
                    .filter(|number| *number > 0)
                    .ok_or_else(|| {
                        Error::new(
                            SqlState::UNDEFINED_PARAMETER,
                            format!("there is no parameter {name}"),
                        )
                    })?;
                let index = usize::from(index - 1);
                let ty = self.param(index);
                Typed::new(named(Expr::Param(index), ty), ty)
            }
            other => return Err(Error::unsupported(format!("the literal {other}"))),
        })
    }

    fn is(&mut self, operand: &Ast, truth: Truth, negated: bool) -> Result<Typed> {
        if let (Some(row), Truth::Null) = (super::operator::row(operand), truth) {
            // A row is NULL if all of it is, and not NULL if none of it is.
            let parts = row
                .iter()
                .map(|part| Ok(self.is(part, truth, negated)?.expr));
            return Ok(Typed::boolean(Expr::And(parts.collect::<Result<_>>()?)));
        }
        let operand = self.expr(operand)?;
        let operand = if truth == Truth::Null {
            self.any(operand)?.expr
        } else {
            let not = if negated { "NOT " } else { "" };
            let word = if truth == Truth::True {
                "TRUE"
            } else {
                "FALSE"
            };
            self.boolean(operand, &format!("argument of IS {not}{word}"))?
        };
        Ok(Typed::boolean(Expr::Is {
            operand: Box::new(operand),
            truth,
            negated,
        }))
    }

    /// A condition: a boolean.
    pub(super) fn condition(&mut self, ast: &Ast, clause: &str) -> Result<Expr> {
        let condition = self.expr(ast)?;
        self.boolean(condition, &format!("argument of {clause}"))
    }

    pub(super) fn boolean(&mut self, value: Typed, what: &str) -> Result<Expr> {
        if !matches!(value.ty, Type::Bool | Type::Unknown) {
            let message = format!("{what} must be type boolean, not type {}", value.ty);
            return Err(placed(
                Error::new(SqlState::DATATYPE_MISMATCH, message),
                value.at,
            ));
        }
        self.implicit(value, Type::Bool)
    }

    fn distinct_from(&mut self, left: &Ast, right: &Ast, negated: bool) -> Result<Typed> {
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        let null = |side: &Typed| side.expr == Expr::Const(Value::Null);
        if self.as_written && (null(&left) || null(&right)) {
            let operand = if null(&right) { left } else { right };
            return Ok(Typed::boolean(Expr::Is {
                operand: Box::new(operand.expr),
                truth: Truth::Null,
                negated: !negated,
            }));
        }
        let (left, right, _) = self.meet(left, right, "=")?;
        Ok(Typed::boolean(Expr::Distinct {
            left: Box::new(left),
            right: Box::new(right),
            negated,
        }))
    }

    /// `a LIKE ANY (ARRAY[b, c])`: one pattern after the other.
    fn like_any(
        &mut self,
        operand: &Ast,
        patterns: &Ast,
        negated: bool,
        ignore_case: bool,
    ) -> Result<Typed> {
        let patterns = match patterns {
            Ast::Nested(inner) => &**inner,
            other => other,
        };
        let Ast::Array(patterns) = patterns else {
            return Err(Error::unsupported("LIKE ANY of what is no ARRAY[...]"));
        };
        let mut parts = Vec::new();
        for pattern in &patterns.elem {
            let part = self.like(operand, pattern, None, negated, ignore_case)?;
            parts.push(part.expr);
        }
        Ok(Typed::boolean(Expr::Or(parts)))
    }

    fn like(
        &mut self,
        operand: &Ast,
        pattern: &Ast,
        escape: Option<&Ast>,
        negated: bool,
        ignore_case: bool,
    ) -> Result<Typed> {
        let (operand, mut pattern) = (self.expr(operand)?, self.expr(pattern)?);
        if let Some(escape) = escape {
            let escape = self.expr(escape)?;
            pattern = self.call("like_escape", vec![pattern, escape])?;
        }
        self.like_of(operand, pattern, negated, ignore_case)
    }

    pub(super) fn like_of(
        &mut self,
        operand: Typed,
        pattern: Typed,
        negated: bool,
        ignore_case: bool,
    ) -> Result<Typed> {
        if !operand.ty.is_string() || !pattern.ty.is_string() {
            let operator = match (negated, ignore_case) {
                (false, false) => "~~",
                (false, true) => "~~*",
                (true, false) => "!~~",
                (true, true) => "!~~*",
            };
            return Err(super::operator::no_operator(
                operand.ty, operator, pattern.ty,
            ));
        }
        // Blanks that pad a character column count here.
        let operand = match operand.ty {
            Type::Bpchar => operand.expr,
            _ => self.implicit(operand, Type::Text)?,
        };
        Ok(Typed::boolean(Expr::Like {
            operand: Box::new(operand),
            pattern: Box::new(self.implicit(pattern, Type::Text)?),
            ignore_case,
            negated,
        }))
    }

    fn in_subquery(
        &mut self,
        operand: &Ast,
        query: &sqlparser::ast::Query,
        negated: bool,
    ) -> Result<Typed> {
        let found = self.quantified(operand, Comparison::Equal, "=", query, false)?;
        Ok(if negated {
            Typed::boolean(Expr::Not(Box::new(found.expr)))
        } else {
            found
        })
    }

    fn any_or_all(
        &mut self,
        left: &Ast,
        op: &BinaryOperator,
        right: &Ast,
        all: bool,
    ) -> Result<Typed> {
        let Some(comparison) = comparison(op) else {
            let what = if all { "ALL" } else { "ANY" };
            return Err(Error::unsupported(format!("{op} {what}")));
        };
        match right {
            Ast::Subquery(query) => {
                return self.quantified(left, comparison, &op.to_string(), query, all);
            }
            Ast::Nested(inner) => return self.any_or_all(left, op, inner, all),
            _ => {}
        }
        let (operand, array) = (self.expr(left)?, self.expr(right)?);
        self.quantified_by(operand, comparison, array, all)
    }

    /// A comparison with the elements of an array.
    pub(super) fn quantified_by(
        &mut self,
        operand: Typed,
        comparison: Comparison,
        array: Typed,
        all: bool,
    ) -> Result<Typed> {
        let element = match array.ty.element() {
            Some(element) => element,
            None if array.ty == Type::Unknown => operand.ty,
            None => {
                return Err(Error::new(
                    SqlState("42809"),
                    "op ANY/ALL (array) requires array on right side",
                ));
            }
        };
        let ty = match Analyser::common(operand.ty, element) {
            Some(Type::Unknown) => Type::Text,
            Some(Type::Varchar) if self.as_written => Type::Text,
            Some(ty) => ty,
            None => {
                let sign = comparison.sign();
                return Err(super::operator::no_operator(operand.ty, sign, element));
            }
        };
        let as_it_is = |own: Type| self.as_written && self.meets_as_it_is(own, ty);
        let own = if as_it_is(element) { element } else { ty };
        let wanted = own
            .array()
            .ok_or_else(|| Error::unsupported("this array"))?;
        let own = match as_it_is(operand.ty) {
            true => operand.ty,
            false => ty,
        };
        let operand = self.implicit(operand, own)?;
        // A vector holds integers, which compare as they are.
        let vector = matches!(array.ty, Type::Int2vector | Type::Oidvector);
        let array = match vector && (ty.is_integer() || ty == Type::Oid) {
            true => array.expr,
            false => self.implicit(array, wanted)?,
        };
        Ok(Typed::boolean(Expr::Quantified {
            comparison,
            operand: Box::new(operand),
            array: Box::new(array),
            all,
        }))
    }
}

/// An integer literal has the narrowest of integer, bigint and numeric.
pub(super) fn number(digits: &str) -> Result<Typed> {
    Ok(match digits.parse::<i64>() {
        Ok(value) if i32::try_from(value).is_ok() => {
            Typed::new(Expr::Const(Value::Int(value)), Type::Int4)
        }
        Ok(value) => Typed::new(Expr::Const(Value::Int(value)), Type::Int8),
        Err(_) => Typed::new(
            Expr::Const(from_text(Type::Numeric, digits, &Reading::default())?),
            Type::Numeric,
        ),
    })
}
