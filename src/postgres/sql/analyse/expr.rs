//! Expressions: operators, literals, names.

use sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, Expr as Ast, Ident, UnaryOperator, Value as Literal,
};

use super::{Analyser, Coercion, Typed, column_type, fold, located};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::expr::{Arithmetic, Comparison, Expr, Truth};
use crate::postgres::storage::table::Column;
use crate::postgres::types::{Type, Value, from_text};

impl Analyser<'_> {
    pub(super) fn expr(&mut self, ast: &Ast) -> Result<Typed> {
        match ast {
            Ast::Nested(inner) => self.expr(inner),
            Ast::Value(value) => self.literal(&value.value),
            Ast::Identifier(name) => self.column(None, name),
            Ast::CompoundIdentifier(parts) => match parts.as_slice() {
                [table, column] => self.column(Some(table), column),
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
            Ast::IsUnknown(operand) => self.is(operand, Truth::Null, false),
            Ast::IsNotUnknown(operand) => self.is(operand, Truth::Null, true),
            Ast::IsDistinctFrom(left, right) => self.distinct(left, right, false),
            Ast::IsNotDistinctFrom(left, right) => self.distinct(left, right, true),
            Ast::InList {
                expr,
                list,
                negated,
            } => self.in_list(expr, list, *negated),
            Ast::Between {
                expr,
                negated,
                low,
                high,
            } => self.between(expr, *negated, low, high),
            Ast::Like {
                negated,
                any: false,
                expr,
                pattern,
                escape_char: None,
            } => self.like(expr, pattern, *negated, false),
            Ast::ILike {
                negated,
                any: false,
                expr,
                pattern,
                escape_char: None,
            } => self.like(expr, pattern, *negated, true),
            Ast::Cast {
                kind: CastKind::Cast | CastKind::DoubleColon,
                expr,
                data_type,
                format: None,
            } => self.cast(expr, data_type),
            Ast::TypedString(typed) => {
                let (ty, _) = column_type(&typed.data_type)?;
                let text = typed.value.value.clone().into_string().unwrap_or_default();
                Ok(Typed::new(Expr::Const(from_text(ty, &text)?), ty))
            }
            Ast::Interval(interval) => self.interval(interval),
            Ast::Case {
                operand,
                conditions,
                else_result,
                ..
            } => self.case(operand.as_deref(), conditions, else_result.as_deref()),
            Ast::Function(function) => self.function(function),
            Ast::Subquery(_) | Ast::Exists { .. } | Ast::InSubquery { .. } => {
                Err(Error::unsupported("a subquery in an expression"))
            }
            other => Err(Error::unsupported(format!("the expression {other}"))),
        }
    }

    fn literal(&mut self, literal: &Literal) -> Result<Typed> {
        Ok(match literal {
            Literal::Null => Typed::new(Expr::Const(Value::Null), Type::Unknown),
            Literal::Boolean(value) => Typed::new(Expr::Const(Value::Bool(*value)), Type::Bool),
            Literal::Number(digits, _) => number(digits)?,
            Literal::SingleQuotedString(text) | Literal::EscapedStringLiteral(text) => {
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
                Typed::new(Expr::Param(index), ty)
            }
            other => return Err(Error::unsupported(format!("the literal {other}"))),
        })
    }

    pub(super) fn column(&mut self, table: Option<&Ident>, name: &Ident) -> Result<Typed> {
        let column_name = fold(name);
        let table_name = table.map(fold);
        let mut found = None;
        for (relation, candidate) in self.relations.iter().enumerate() {
            if table_name.as_ref().is_some_and(|t| *t != candidate.name) {
                continue;
            }
            if let Some(column) = candidate.table.column(&column_name) {
                if found.is_some() {
                    let error = Error::new(
                        SqlState::AMBIGUOUS_COLUMN,
                        format!("column reference \"{column_name}\" is ambiguous"),
                    );
                    return Err(located(error, Some(name)));
                }
                found = Some((relation, column));
            }
        }
        if let Some((relation, column)) = found {
            let def = &self.relations[relation].table.columns[column];
            return Ok(Typed {
                expr: Expr::Column { relation, column },
                ty: def.ty,
                modifier: def.modifier,
            });
        }
        Err(self.no_column(table, table_name, name, &column_name))
    }

    fn no_column(
        &self,
        table: Option<&Ident>,
        table_name: Option<String>,
        name: &Ident,
        column_name: &str,
    ) -> Error {
        match table_name {
            Some(table_name) if !self.relations.iter().any(|r| r.name == table_name) => {
                let error = Error::new(
                    SqlState::UNDEFINED_TABLE,
                    format!("missing FROM-clause entry for table \"{table_name}\""),
                );
                located(error, table)
            }
            Some(table_name) => {
                let error = Error::new(
                    SqlState::UNDEFINED_COLUMN,
                    format!("column {table_name}.{column_name} does not exist"),
                );
                located(error, table)
            }
            None => {
                let error = Error::new(
                    SqlState::UNDEFINED_COLUMN,
                    format!("column \"{column_name}\" does not exist"),
                );
                located(error, Some(name))
            }
        }
    }

    fn is(&mut self, operand: &Ast, truth: Truth, negated: bool) -> Result<Typed> {
        let operand = self.expr(operand)?;
        let operand = if truth == Truth::Null {
            self.settle(operand)?.expr
        } else {
            self.implicit(operand, Type::Bool)?
        };
        let expr = Expr::Is {
            operand: Box::new(operand),
            truth,
            negated,
        };
        Ok(Typed::new(expr, Type::Bool))
    }

    /// A condition: a boolean.
    pub(super) fn condition(&mut self, ast: &Ast, clause: &str) -> Result<Expr> {
        let condition = self.expr(ast)?;
        self.boolean(condition, &format!("argument of {clause}"))
    }

    fn boolean(&mut self, value: Typed, what: &str) -> Result<Expr> {
        if !matches!(value.ty, Type::Bool | Type::Unknown) {
            return Err(Error::new(
                SqlState::DATATYPE_MISMATCH,
                format!("{what} must be type boolean, not type {}", value.ty),
            ));
        }
        self.implicit(value, Type::Bool)
    }

    fn binary(&mut self, left: &Ast, op: &BinaryOperator, right: &Ast) -> Result<Typed> {
        let comparison = match op {
            BinaryOperator::And | BinaryOperator::Or => return self.connect(left, op, right),
            BinaryOperator::Eq => Comparison::Equal,
            BinaryOperator::NotEq => Comparison::NotEqual,
            BinaryOperator::Lt => Comparison::Less,
            BinaryOperator::LtEq => Comparison::LessOrEqual,
            BinaryOperator::Gt => Comparison::Greater,
            BinaryOperator::GtEq => Comparison::GreaterOrEqual,
            BinaryOperator::Plus => return self.arithmetic(Arithmetic::Add, left, op, right),
            BinaryOperator::Minus => return self.arithmetic(Arithmetic::Subtract, left, op, right),
            BinaryOperator::Multiply => {
                return self.arithmetic(Arithmetic::Multiply, left, op, right);
            }
            BinaryOperator::Divide => return self.arithmetic(Arithmetic::Divide, left, op, right),
            BinaryOperator::Modulo => return self.arithmetic(Arithmetic::Modulo, left, op, right),
            BinaryOperator::StringConcat => return self.concat(left, right),
            other => return Err(Error::unsupported(format!("the operator {other}"))),
        };
        if let (Ast::Tuple(left), Ast::Tuple(right)) = (left, right) {
            return self.compare_rows(comparison, left, right);
        }
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        let (left, right, _) = self.meet(left, right, &op.to_string())?;
        let expr = Expr::Compare(comparison, Box::new(left), Box::new(right));
        Ok(Typed::new(expr, Type::Bool))
    }

    /// `(a, b) = (1, 2)`.
    fn compare_rows(&mut self, op: Comparison, left: &[Ast], right: &[Ast]) -> Result<Typed> {
        if op != Comparison::Equal || left.len() != right.len() {
            return Err(Error::unsupported("this comparison of rows"));
        }
        let mut parts = Vec::new();
        for (left, right) in left.iter().zip(right) {
            parts.push(self.binary(left, &BinaryOperator::Eq, right)?.expr);
        }
        Ok(Typed::new(Expr::And(parts), Type::Bool))
    }

    fn connect(&mut self, left: &Ast, op: &BinaryOperator, right: &Ast) -> Result<Typed> {
        let name = format!("argument of {op}");
        let mut parts = Vec::new();
        for side in [left, right] {
            let value = self.expr(side)?;
            let part = self.boolean(value, &name)?;
            match (part, op) {
                (Expr::And(inner), BinaryOperator::And) => parts.extend(inner),
                (Expr::Or(inner), BinaryOperator::Or) => parts.extend(inner),
                (part, _) => parts.push(part),
            }
        }
        let expr = if *op == BinaryOperator::And {
            Expr::And(parts)
        } else {
            Expr::Or(parts)
        };
        Ok(Typed::new(expr, Type::Bool))
    }

    /// Brings two operands to one type.
    pub(super) fn meet(
        &mut self,
        left: Typed,
        right: Typed,
        operator: &str,
    ) -> Result<(Expr, Expr, Type)> {
        let ty = match Analyser::common(left.ty, right.ty) {
            Some(Type::Unknown) => Type::Text,
            Some(ty) => ty,
            None => return Err(no_operator(left.ty, operator, right.ty)),
        };
        // Integers of any width compare as they are.
        let ty_of = |side: &Typed| {
            if side.ty.is_integer() && ty.is_integer() {
                side.ty
            } else {
                ty
            }
        };
        let (left_ty, right_ty) = (ty_of(&left), ty_of(&right));
        let left = self.implicit(left, left_ty)?;
        let right = self.implicit(right, right_ty)?;
        Ok((left, right, ty))
    }

    fn distinct(&mut self, left: &Ast, right: &Ast, negated: bool) -> Result<Typed> {
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        let (left, right, _) = self.meet(left, right, "=")?;
        let expr = Expr::Distinct {
            left: Box::new(left),
            right: Box::new(right),
            negated,
        };
        Ok(Typed::new(expr, Type::Bool))
    }

    fn in_list(&mut self, operand: &Ast, list: &[Ast], negated: bool) -> Result<Typed> {
        let operand = self.expr(operand)?;
        let mut items = Vec::new();
        let mut ty = operand.ty;
        for item in list {
            let item = self.expr(item)?;
            ty = Analyser::common(ty, item.ty)
                .ok_or_else(|| no_operator(operand.ty, "=", item.ty))?;
            items.push(item);
        }
        if ty == Type::Unknown {
            ty = Type::Text;
        }
        let operand = self.implicit(operand, ty)?;
        let list = items
            .into_iter()
            .map(|item| self.implicit(item, ty))
            .collect::<Result<_>>()?;
        let expr = Expr::In {
            operand: Box::new(operand),
            list,
            negated,
        };
        Ok(Typed::new(expr, Type::Bool))
    }

    fn between(&mut self, operand: &Ast, negated: bool, low: &Ast, high: &Ast) -> Result<Typed> {
        let low = self.binary(operand, &BinaryOperator::GtEq, low)?.expr;
        let high = self.binary(operand, &BinaryOperator::LtEq, high)?.expr;
        let both = Expr::And(vec![low, high]);
        let expr = if negated {
            Expr::Not(Box::new(both))
        } else {
            both
        };
        Ok(Typed::new(expr, Type::Bool))
    }

    fn like(
        &mut self,
        operand: &Ast,
        pattern: &Ast,
        negated: bool,
        ignore_case: bool,
    ) -> Result<Typed> {
        let (operand, pattern) = (self.expr(operand)?, self.expr(pattern)?);
        if !operand.ty.is_string() || !pattern.ty.is_string() {
            let operator = if ignore_case { "~~*" } else { "~~" };
            return Err(no_operator(operand.ty, operator, pattern.ty));
        }
        let expr = Expr::Like {
            operand: Box::new(self.implicit(operand, Type::Text)?),
            pattern: Box::new(self.implicit(pattern, Type::Text)?),
            ignore_case,
            negated,
        };
        Ok(Typed::new(expr, Type::Bool))
    }

    fn concat(&mut self, left: &Ast, right: &Ast) -> Result<Typed> {
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        if !left.ty.is_string() && !right.ty.is_string() {
            return Err(no_operator(left.ty, "||", right.ty));
        }
        let left = self.coerce(left, Type::Text, Coercion::Explicit)?;
        let right = self.coerce(right, Type::Text, Coercion::Explicit)?;
        let expr = Expr::Concat(Box::new(left), Box::new(right));
        Ok(Typed::new(expr, Type::Text))
    }

    fn arithmetic(
        &mut self,
        arithmetic: Arithmetic,
        left: &Ast,
        op: &BinaryOperator,
        right: &Ast,
    ) -> Result<Typed> {
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        if let Some(result) = time_result(arithmetic, left.ty, right.ty) {
            let (left_ty, right_ty, ty) = result;
            let left = self.implicit(left, left_ty)?;
            let right = self.implicit(right, right_ty)?;
            let expr = Expr::Arithmetic(arithmetic, ty, Box::new(left), Box::new(right));
            return Ok(Typed::new(expr, ty));
        }
        let numbers = |ty: Type| ty.is_number() || ty == Type::Unknown;
        if !numbers(left.ty) || !numbers(right.ty) {
            return Err(no_operator(left.ty, &op.to_string(), right.ty));
        }
        if left.ty == Type::Unknown && right.ty == Type::Unknown {
            return Err(Error::new(
                SqlState("42725"),
                format!("operator is not unique: unknown {op} unknown"),
            )
            .hint("Could not choose a best candidate operator. You might need to add explicit type casts."));
        }
        let (left, right, ty) = self.meet(left, right, &op.to_string())?;
        let expr = Expr::Arithmetic(arithmetic, ty, Box::new(left), Box::new(right));
        Ok(Typed::new(expr, ty))
    }

    fn unary(&mut self, op: &UnaryOperator, operand: &Ast) -> Result<Typed> {
        match op {
            UnaryOperator::Not => {
                let operand = self.condition(operand, "NOT")?;
                Ok(Typed::new(Expr::Not(Box::new(operand)), Type::Bool))
            }
            UnaryOperator::Minus => {
                if let Ast::Value(value) = operand
                    && let Literal::Number(digits, _) = &value.value
                {
                    return number(&format!("-{digits}"));
                }
                let operand = self.expr(operand)?;
                if !operand.ty.is_number() && operand.ty != Type::Interval {
                    return Err(Error::new(
                        SqlState::UNDEFINED_FUNCTION,
                        format!("operator does not exist: - {}", operand.ty),
                    )
                    .hint(NO_OPERATOR_HINT));
                }
                let ty = operand.ty;
                Ok(Typed::new(Expr::Negate(ty, Box::new(operand.expr)), ty))
            }
            UnaryOperator::Plus => self.expr(operand),
            other => Err(Error::unsupported(format!("the operator {other}"))),
        }
    }

    fn cast(&mut self, operand: &Ast, to: &sqlparser::ast::DataType) -> Result<Typed> {
        let (ty, modifier) = column_type(to)?;
        let operand = self.expr(operand)?;
        let expr = self.coerce(operand, ty, Coercion::Explicit)?;
        let expr = with_limit(expr, ty, modifier, true);
        Ok(Typed { expr, ty, modifier })
    }

    fn interval(&mut self, interval: &sqlparser::ast::Interval) -> Result<Typed> {
        let value = match &*interval.value {
            Ast::Value(value) => value.value.clone().into_string(),
            _ => None,
        };
        let Some(text) = value else {
            return Err(Error::unsupported(format!("{interval}")));
        };
        let text = match &interval.leading_field {
            Some(field) => format!("{text} {field}"),
            None => text,
        };
        let value = from_text(Type::Interval, &text)?;
        Ok(Typed::new(Expr::Const(value), Type::Interval))
    }

    fn case(
        &mut self,
        operand: Option<&Ast>,
        conditions: &[CaseWhen],
        otherwise: Option<&Ast>,
    ) -> Result<Typed> {
        let mut tests = Vec::new();
        let mut results = Vec::new();
        for CaseWhen { condition, result } in conditions {
            tests.push(match operand {
                Some(operand) => self.binary(operand, &BinaryOperator::Eq, condition)?.expr,
                None => self.condition(condition, "CASE/WHEN")?,
            });
            results.push(self.expr(result)?);
        }
        results.push(match otherwise {
            Some(otherwise) => self.expr(otherwise)?,
            None => Typed::new(Expr::Const(Value::Null), Type::Unknown),
        });
        let (mut results, ty) = self.unify(results, "CASE")?;
        let otherwise = results.pop().unwrap_or(Expr::Const(Value::Null));
        let expr = Expr::Case {
            arms: tests.into_iter().zip(results).collect(),
            otherwise: Box::new(otherwise),
        };
        Ok(Typed::new(expr, ty))
    }

    /// Brings the alternatives of a construct to one type.
    pub(super) fn unify(&mut self, values: Vec<Typed>, what: &str) -> Result<(Vec<Expr>, Type)> {
        let mut ty = Type::Unknown;
        for value in &values {
            ty = Analyser::common(ty, value.ty).ok_or_else(|| {
                Error::new(
                    SqlState::DATATYPE_MISMATCH,
                    format!("{what} types {ty} and {} cannot be matched", value.ty),
                )
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
    pub(super) fn assign(&mut self, value: Typed, column: &Column, what: &str) -> Result<Expr> {
        let (from, to) = (value.ty, column.ty);
        if from != Type::Unknown
            && from != to
            && !super::convertible(from, to, Coercion::Assignment)
        {
            return Err(Error::new(
                SqlState::DATATYPE_MISMATCH,
                format!(
                    "column \"{}\" is of type {to} but {what} is of type {from}",
                    column.name
                ),
            )
            .hint("You will need to rewrite or cast the expression."));
        }
        let same = from == to && value.modifier == column.modifier;
        let expr = self.coerce(value, to, Coercion::Assignment)?;
        Ok(if same {
            expr
        } else {
            with_limit(expr, to, column.modifier, false)
        })
    }
}

fn with_limit(expr: Expr, ty: Type, modifier: i32, explicit: bool) -> Expr {
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

/// An integer literal has the narrowest of integer, bigint and numeric.
fn number(digits: &str) -> Result<Typed> {
    Ok(match digits.parse::<i64>() {
        Ok(value) if i32::try_from(value).is_ok() => {
            Typed::new(Expr::Const(Value::Int(value)), Type::Int4)
        }
        Ok(value) => Typed::new(Expr::Const(Value::Int(value)), Type::Int8),
        Err(_) => Typed::new(
            Expr::Const(from_text(Type::Numeric, digits)?),
            Type::Numeric,
        ),
    })
}

/// Arithmetic with times: operand types and result.
fn time_result(op: Arithmetic, left: Type, right: Type) -> Option<(Type, Type, Type)> {
    use Type::{Int4, Int8, Interval, Timestamptz, Unknown};
    Some(match (op, left, right) {
        (Arithmetic::Add | Arithmetic::Subtract, Timestamptz, Interval)
        | (Arithmetic::Add, Timestamptz, Unknown) => (Timestamptz, Interval, Timestamptz),
        (Arithmetic::Add, Interval, Timestamptz) => (Interval, Timestamptz, Timestamptz),
        (Arithmetic::Subtract, Timestamptz, Timestamptz | Unknown)
        | (Arithmetic::Subtract, Unknown, Timestamptz) => (Timestamptz, Timestamptz, Interval),
        (Arithmetic::Add | Arithmetic::Subtract, Interval, Interval | Unknown)
        | (Arithmetic::Add | Arithmetic::Subtract, Unknown, Interval) => {
            (Interval, Interval, Interval)
        }
        (Arithmetic::Multiply, Interval, Int4 | Int8) => (Interval, right, Interval),
        (Arithmetic::Multiply, Int4 | Int8, Interval) => (left, Interval, Interval),
        _ => return None,
    })
}

const NO_OPERATOR_HINT: &str = "No operator matches the given name and argument types. You might need to add explicit type casts.";

fn no_operator(left: Type, operator: &str, right: Type) -> Error {
    Error::new(
        SqlState::UNDEFINED_FUNCTION,
        format!("operator does not exist: {left} {operator} {right}"),
    )
    .hint(NO_OPERATOR_HINT)
}
