//! The constructs of expressions that have a syntax of their own.

use sqlparser::ast::{
    AccessExpr, BinaryOperator, CaseWhen, CeilFloorKind, DataType, DateTimeField, Expr as Ast,
    ObjectName, Subscript, TrimWhereField,
};

use super::coerce::Coercion;
use super::operator::{no_operator, row};
use super::{Analyser, Typed, column_type};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::expr::{Comparison, Expr};
use crate::postgres::types::{Type, Value};

impl Analyser<'_> {
    pub(super) fn construct(&mut self, ast: &Ast) -> Result<Typed> {
        match ast {
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
            Ast::Case {
                operand,
                conditions,
                else_result,
                ..
            } => self.case(operand.as_deref(), conditions, else_result.as_deref()),
            Ast::Array(array) => self.array(&array.elem),
            Ast::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain),
            Ast::Extract { field, expr, .. } => self.extract(field, expr),
            Ast::Ceil {
                expr,
                field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime),
            } => self.named("ceil", &[&**expr]),
            Ast::Floor {
                expr,
                field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime),
            } => self.named("floor", &[&**expr]),
            Ast::Position { expr, r#in } => {
                let value = self.named("position", &[&**r#in, &**expr])?;
                Ok(self.written(value))
            }
            Ast::Substring {
                expr,
                substring_from,
                substring_for,
                special,
                shorthand,
            } => {
                let (from, length) = (substring_from.as_deref(), substring_for.as_deref());
                let name = if *shorthand { "substr" } else { "substring" };
                let value = self.substring(name, expr, from, length)?;
                Ok(if *special { value } else { self.written(value) })
            }
            Ast::Overlay {
                expr,
                overlay_what,
                overlay_from,
                overlay_for,
            } => {
                let mut arguments = vec![&**expr, &**overlay_what, &**overlay_from];
                arguments.extend(overlay_for.as_deref());
                let value = self.named("overlay", &arguments)?;
                Ok(self.written(value))
            }
            Ast::Trim {
                trim_where,
                trim_what,
                expr,
                trim_characters,
            } => {
                let listed = trim_characters.as_ref().and_then(|list| list.first());
                let mut arguments: Vec<&Ast> = vec![&**expr];
                arguments.extend(trim_what.as_deref().or(listed));
                let value = self.named(trim_name(*trim_where), &arguments)?;
                Ok(self.written(value))
            }
            Ast::AtTimeZone {
                timestamp,
                time_zone,
            } => {
                let value = self.named("timezone", &[&**time_zone, &**timestamp])?;
                Ok(self.written(value))
            }
            Ast::Collate { expr, collation } => self.collate(expr, collation),
            other => Err(Error::unsupported(format!("the expression {other}"))),
        }
    }

    /// There is one collation, that of bytes.
    fn collate(&mut self, expr: &Ast, collation: &ObjectName) -> Result<Typed> {
        let name = collation.to_string();
        let name = match name.strip_prefix("pg_catalog.").unwrap_or(&name) {
            "\"C\"" => "\"C\"",
            "\"POSIX\"" => "\"POSIX\"",
            "\"default\"" | "default" => "\"default\"",
            _ => return Err(Error::unsupported(format!("the collation {name}"))),
        };
        let value = self.expr(expr)?;
        let value = self.settle(value)?;
        let element = match value.ty {
            Type::Array(element) => *element,
            ty => ty,
        };
        if !element.is_string() {
            return Err(Error::new(
                SqlState::DATATYPE_MISMATCH,
                format!("collations are not supported by type {}", value.ty),
            ));
        }
        Ok(match self.as_written {
            true => Typed {
                expr: Expr::Collate(Box::new(value.expr), name),
                ..value
            },
            false => value,
        })
    }

    fn named(&mut self, name: &str, arguments: &[&Ast]) -> Result<Typed> {
        let arguments = arguments.iter().map(|ast| self.expr(ast));
        let arguments = arguments.collect::<Result<_>>()?;
        self.call(name, arguments)
    }

    fn extract(&mut self, field: &DateTimeField, expr: &Ast) -> Result<Typed> {
        let name = field.to_string().to_lowercase();
        let name = name.trim_matches('\'').to_owned();
        let from = self.expr(expr)?;
        let field = Typed::new(Expr::Const(Value::text(&name)), Type::Text);
        let value = self.call("extract", vec![field, from])?;
        Ok(self.written(value))
    }

    /// Notes that something was written in a form of its own.
    pub(super) fn written(&self, value: Typed) -> Typed {
        match self.as_written {
            true => Typed {
                expr: Expr::Written(Box::new(value.expr)),
                ..value
            },
            false => value,
        }
    }

    fn substring(
        &mut self,
        name: &str,
        expr: &Ast,
        from: Option<&Ast>,
        length: Option<&Ast>,
    ) -> Result<Typed> {
        let mut arguments = vec![self.expr(expr)?];
        arguments.push(match from {
            Some(from) => self.expr(from)?,
            None => Typed::new(Expr::Const(Value::Int(1)), Type::Int4),
        });
        if let Some(length) = length {
            arguments.push(self.expr(length)?);
        }
        self.call(name, arguments)
    }

    fn in_list(&mut self, operand: &Ast, list: &[Ast], negated: bool) -> Result<Typed> {
        if row(operand).is_some() {
            // Rows are compared one by one.
            let operator = match negated {
                true => BinaryOperator::NotEq,
                false => BinaryOperator::Eq,
            };
            let one = |item: &Ast| Ok(self.binary(operand, &operator, item)?.expr);
            let parts = list.iter().map(one).collect::<Result<_>>()?;
            return Ok(Typed::boolean(match negated {
                true => Expr::And(parts),
                false => Expr::Or(parts),
            }));
        }
        let operand = self.expr(operand)?;
        if self.as_written {
            return self.in_written(operand, list, negated);
        }
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
        let operand_ty = if operand.ty.is_integer() && ty.is_integer() {
            operand.ty
        } else {
            ty
        };
        let operand = self.implicit(operand, operand_ty)?;
        let list = items
            .into_iter()
            .map(|item| self.implicit(item, ty))
            .collect::<Result<_>>()?;
        Ok(Typed::boolean(Expr::In {
            operand: Box::new(operand),
            list,
            negated,
        }))
    }

    /// IN as it is kept: a comparison with an array of what is the same for
    /// all rows, if there are several, and with each of the others.
    fn in_written(&mut self, operand: Typed, list: &[Ast], negated: bool) -> Result<Typed> {
        let items = list.iter().map(|item| self.expr(item));
        let items = items.collect::<Result<Vec<Typed>>>()?;
        let comparison = match negated {
            true => Comparison::NotEqual,
            false => Comparison::Equal,
        };
        let mut parts = Vec::new();
        let reads = |item: &Typed| !item.expr.columns().is_empty();
        let (mut others, constants): (Vec<_>, Vec<_>) = items.iter().cloned().partition(reads);
        if constants.len() > 1 {
            let own = operand.clone();
            let (mut list, ty) = self.unify([vec![own], constants].concat(), "IN")?;
            list.remove(0);
            let array = ty.array();
            let array = array.ok_or_else(|| Error::unsupported("a list of arrays"))?;
            let array = Typed::new(Expr::Array(list), array);
            let part = self.quantified_by(operand.clone(), comparison, array, negated)?;
            parts.push(part.expr);
        } else {
            others = items;
        }
        for item in others {
            parts.push(self.compare(comparison, operand.clone(), item)?.expr);
        }
        Ok(Typed::boolean(match parts.len() {
            1 => parts.remove(0),
            _ if negated => Expr::And(parts),
            _ => Expr::Or(parts),
        }))
    }

    fn between(&mut self, operand: &Ast, negated: bool, low: &Ast, high: &Ast) -> Result<Typed> {
        let (above, below) = match negated {
            true => (BinaryOperator::Lt, BinaryOperator::Gt),
            false => (BinaryOperator::GtEq, BinaryOperator::LtEq),
        };
        let low = self.binary(operand, &above, low)?.expr;
        let high = self.binary(operand, &below, high)?.expr;
        Ok(Typed::boolean(match negated {
            true => Expr::Or(vec![low, high]),
            false => Expr::And(vec![low, high]),
        }))
    }

    pub(super) fn cast(&mut self, operand: &Ast, to: &DataType) -> Result<Typed> {
        let (ty, modifier) = column_type(to)?;
        // '{1,2}'::int[] and ARRAY[]::int[] take their type from the cast.
        if let (Ast::Array(array), Type::Array(_)) = (operand, ty)
            && array.elem.is_empty()
        {
            let empty = Typed::new(Expr::Array(Vec::new()), ty);
            return Ok(match self.as_written {
                true => Typed::new(super::coerce::literal(empty.expr, ty), ty),
                false => empty,
            });
        }
        // So do the elements of one that is not empty.
        if let (Ast::Array(array), Type::Array(element)) = (operand, ty)
            && !self.as_written
        {
            let mut list = Vec::new();
            for item in &array.elem {
                let item = self.expr(item)?;
                list.push(self.fitted(item, *element, modifier, Coercion::Explicit)?);
            }
            return Ok(Typed {
                modifier,
                ..Typed::new(Expr::Array(list), ty)
            });
        }
        let operand = self.expr(operand)?;
        // A cast to the same type of any size changes nothing, but is kept.
        let relabelled = self.as_written && operand.ty == ty && operand.modifier >= 0;
        let mut expr = self.fitted(operand, ty, modifier, Coercion::Explicit)?;
        if relabelled && modifier < 0 {
            expr = Expr::Written(Box::new(Expr::Cast {
                operand: Box::new(expr),
                from: ty,
                to: ty,
            }));
        }
        Ok(Typed {
            modifier,
            ..Typed::new(expr, ty)
        })
    }

    fn case(
        &mut self,
        operand: Option<&Ast>,
        conditions: &[CaseWhen],
        otherwise: Option<&Ast>,
    ) -> Result<Typed> {
        let mut tests = Vec::new();
        let mut results = Vec::new();
        // Without a type, what is tested is text before it is compared.
        let subject = match operand {
            Some(operand) if super::operator::row(operand).is_none() => {
                let subject = self.expr(operand)?;
                Some(self.settle(subject)?)
            }
            _ => None,
        };
        // What costs nothing is looked at where it is.
        let tested = subject.as_ref().filter(|subject| {
            let free = matches!(
                subject.expr,
                Expr::Column { .. } | Expr::Const(_) | Expr::Param(_)
            );
            !self.as_written && !free
        });
        let test = match tested {
            Some(subject) => Some(Typed {
                expr: Expr::CaseTest,
                ..subject.clone()
            }),
            None => subject.clone(),
        };
        for CaseWhen { condition, result } in conditions {
            tests.push(match (&test, operand) {
                (Some(test), _) => {
                    let value = self.expr(condition)?;
                    self.operate(&BinaryOperator::Eq, test.clone(), value)?.expr
                }
                (None, Some(row)) => self.binary(row, &BinaryOperator::Eq, condition)?.expr,
                (None, None) => self.condition(condition, "CASE/WHEN")?,
            });
            results.push(self.expr(result)?);
        }
        // ELSE comes first where the types are brought together.
        let otherwise = match otherwise {
            Some(otherwise) => self.expr(otherwise)?,
            None => Typed::new(Expr::Const(Value::Null), Type::Unknown),
        };
        results.insert(0, otherwise);
        let (mut results, ty) = self.unify(results, "CASE")?;
        let otherwise = results.remove(0);
        let expr = Expr::Case {
            arms: tests.into_iter().zip(results).collect(),
            otherwise: Box::new(otherwise),
        };
        let expr = match tested {
            Some(subject) => Expr::Tested(Box::new(subject.expr.clone()), Box::new(expr)),
            None => expr,
        };
        let value = Typed::new(expr, ty);
        Ok(match operand {
            Some(_) => self.written(value),
            None => value,
        })
    }

    fn array(&mut self, elements: &[Ast]) -> Result<Typed> {
        if elements.is_empty() {
            return Err(Error::new(
                SqlState::INDETERMINATE_DATATYPE,
                "cannot determine type of empty array",
            )
            .hint("Explicitly cast to the desired type, for example ARRAY[]::integer[]."));
        }
        let values: Vec<Typed> = elements
            .iter()
            .map(|ast| self.expr(ast))
            .collect::<Result<_>>()?;
        let (list, ty) = self.unify(values, "ARRAY")?;
        let array = ty
            .array()
            .ok_or_else(|| Error::unsupported("an array of several dimensions"))?;
        Ok(Typed::new(Expr::Array(list), array))
    }

    /// `(r).x`
    fn field(&mut self, record: Typed, name: &str) -> Result<Typed> {
        if !matches!(name, "x" | "n") {
            let message = format!("could not identify column \"{name}\" in record data type");
            return Err(Error::new(SqlState::UNDEFINED_COLUMN, message));
        }
        self.call(&format!(".{name}"), vec![record])
    }

    /// `a[1:3]`
    fn slice(&mut self, array: Typed, bounds: (Option<&Ast>, Option<&Ast>)) -> Result<Typed> {
        let open = |at: i64| Typed::new(Expr::Const(Value::Int(at)), Type::Int4);
        let from = bounds
            .0
            .map_or_else(|| Ok(open(i32::MIN.into())), |from| self.expr(from))?;
        let to = bounds
            .1
            .map_or_else(|| Ok(open(i32::MAX.into())), |to| self.expr(to))?;
        self.call("[:]", vec![array, from, to])
    }

    /// `a[1]`
    fn access(&mut self, root: &Ast, chain: &[AccessExpr]) -> Result<Typed> {
        let (mut value, chain) = match (root, chain) {
            // The parser takes the table of a column for what is accessed.
            (Ast::Identifier(table), [AccessExpr::Dot(Ast::Identifier(column)), rest @ ..]) => {
                (self.column(Some(table), column)?, rest)
            }
            _ => (self.expr(root)?, chain),
        };
        for access in chain {
            if let (AccessExpr::Dot(Ast::Identifier(name)), Type::Record) = (access, value.ty) {
                value = self.field(value, &super::fold(name))?;
                continue;
            }
            let index = match access {
                AccessExpr::Subscript(Subscript::Index { index }) => index,
                AccessExpr::Subscript(Subscript::Slice {
                    lower_bound,
                    upper_bound,
                    stride: None,
                }) if matches!(value.ty, Type::Array(_))
                    && chain.len() == 1
                    && !self.as_written =>
                {
                    let bounds = (lower_bound.as_ref(), upper_bound.as_ref());
                    return self.slice(value, bounds);
                }
                _ => return Err(Error::unsupported(format!("the subscript {access}"))),
            };
            // There are arrays of one dimension alone.
            if chain.len() > 1 && value.ty.element().is_some() {
                return Err(Error::unsupported("an array of several dimensions"));
            }
            let index = self.expr(index)?;
            value = match value.ty {
                ty if ty.element().is_some() => {
                    if !index.ty.is_number() && index.ty != Type::Unknown {
                        return Err(Error::new(
                            SqlState::DATATYPE_MISMATCH,
                            "array subscript must have type integer",
                        ));
                    }
                    self.call("[]", vec![value, index])?
                }
                Type::Jsonb => {
                    if !index.ty.is_integer() && !index.ty.is_string() {
                        let message = format!("subscript type {} is not supported", index.ty);
                        let hint = "jsonb subscript must be coercible to either integer or text.";
                        let error = Error::new(SqlState::DATATYPE_MISMATCH, message);
                        return Err(super::placed(error.hint(hint), index.at));
                    }
                    // A subscript is a step of a path, whether it is a number or not.
                    let step = self.coerce(index, Type::Text, Coercion::Assignment)?;
                    let path = Typed::new(Expr::Array(vec![step]), Type::Array(&Type::Text));
                    self.operate(&BinaryOperator::HashArrow, value, path)?
                }
                ty => {
                    return Err(Error::new(
                        SqlState::DATATYPE_MISMATCH,
                        format!(
                            "cannot subscript type {ty} because it does not support subscripting"
                        ),
                    ));
                }
            };
        }
        Ok(value)
    }
}

/// The function that a form of TRIM is.
pub(super) fn trim_name(place: Option<TrimWhereField>) -> &'static str {
    match place {
        None | Some(TrimWhereField::Both) => "btrim",
        Some(TrimWhereField::Leading) => "ltrim",
        Some(TrimWhereField::Trailing) => "rtrim",
    }
}
