//! Window functions.

use sqlparser::ast::{
    Function as Call, WindowFrameBound, WindowFrameUnits, WindowSpec, WindowType,
};

use super::aggregate::by_name;
use super::call::{plain_arguments, undefined};
use super::{Analyser, Typed, first_character, fold, placed};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::expr::Expr;
use crate::postgres::sql::plan::{Frame, WindowCall, WindowFunction};
use crate::postgres::types::{Type, Value};

/// What is being read while the arguments of a window function are.
const CALL: &str = "window function calls";

impl Analyser<'_> {
    /// A call with OVER: a column of the windows' slot.
    pub(super) fn window(&mut self, name: &str, call: &Call, over: &WindowType) -> Result<Typed> {
        let scope = self.scope();
        let clause = scope.clause;
        let Some(mut calls) = scope.windows.take() else {
            let message = match clause {
                CALL => "window function calls cannot be nested".to_owned(),
                clause => format!("window functions are not allowed in {clause}"),
            };
            let error = Error::new(SqlState("42P20"), message);
            return Err(placed(error, first_character(&call.name)));
        };
        let spec = match over {
            WindowType::WindowSpec(spec) => spec.clone(),
            WindowType::NamedWindow(name) => self.named_window(&fold(name))?,
        };
        let analysed = self.window_call(name, call, &spec);
        self.scope().clause = clause;
        if self.scope().window_slot.is_none() {
            let slot = self.new_slot()?;
            self.scope().window_slot = Some(slot);
        }
        let (call, ty) = match analysed {
            Ok(analysed) => analysed,
            Err(error) => {
                self.scope().windows = Some(calls);
                return Err(error);
            }
        };
        let column = match calls.iter().position(|other| *other == call) {
            Some(column) => column,
            None => {
                calls.push(call);
                calls.len() - 1
            }
        };
        let scope = self.scope();
        scope.windows = Some(calls);
        let slot = scope.window_slot.unwrap_or_default();
        Ok(Typed::new(Expr::Column { slot, column }, ty))
    }

    fn named_window(&mut self, name: &str) -> Result<WindowSpec> {
        let windows = &self.scope().named_windows;
        let found = windows.iter().find(|(other, _)| other == name);
        found.map(|(_, spec)| spec.clone()).ok_or_else(|| {
            Error::new(
                SqlState::UNDEFINED_OBJECT,
                format!("window \"{name}\" does not exist"),
            )
        })
    }

    fn window_call(
        &mut self,
        name: &str,
        call: &Call,
        spec: &WindowSpec,
    ) -> Result<(WindowCall, Type)> {
        if spec.window_name.is_some() {
            return Err(Error::unsupported("a window that names another"));
        }
        self.scope().clause = CALL;
        let (function, ty) = self.window_function(name, call)?;
        self.scope().clause = "window definitions";
        let mut partition = Vec::new();
        for ast in &spec.partition_by {
            let value = self.expr(ast)?;
            partition.push(self.settle(value)?.expr);
        }
        let order = self.sort_keys(&spec.order_by)?;
        let frame = frame(spec, order.is_empty())?;
        let call = WindowCall {
            function,
            partition,
            order,
            frame,
        };
        Ok((call, ty))
    }

    fn window_function(&mut self, name: &str, call: &Call) -> Result<(WindowFunction, Type)> {
        if let Some(function) = by_name(name) {
            let aggregate = self.aggregate_call(function, name, call)?;
            if aggregate.distinct {
                return Err(Error::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "DISTINCT is not implemented for window functions",
                ));
            }
            let ty = aggregate.ty;
            return Ok((WindowFunction::Aggregate(aggregate), ty));
        }
        let mut arguments = Vec::new();
        for (index, ast) in plain_arguments(call)?.into_iter().enumerate() {
            let value = self.expr(ast)?;
            // The third takes the type of the first.
            let value = if index < 2 {
                self.settle(value)?
            } else {
                value
            };
            arguments.push(value);
        }
        let ty = arguments.first().map_or(Type::Int8, |argument| argument.ty);
        let mut arguments = arguments.into_iter();
        let (first, second, third) = (arguments.next(), arguments.next(), arguments.next());
        Ok(match (name, first, second, third) {
            ("row_number", None, ..) => (WindowFunction::RowNumber, Type::Int8),
            ("rank", None, ..) => (WindowFunction::Rank, Type::Int8),
            ("dense_rank", None, ..) => (WindowFunction::DenseRank, Type::Int8),
            ("first_value", Some(value), None, _) => (WindowFunction::FirstValue(value.expr), ty),
            ("last_value", Some(value), None, _) => (WindowFunction::LastValue(value.expr), ty),
            ("lag" | "lead", Some(value), offset, default) => {
                let offset = match offset {
                    Some(offset) => self.implicit(offset, Type::Int4)?,
                    None => Expr::Const(Value::Int(1)),
                };
                // What is given in place of a row may have a wider type.
                let other = default.as_ref().map_or(ty, |default| default.ty);
                let types = [ty, Type::Int4, other];
                let ty = Analyser::common(ty, other);
                let ty = ty.ok_or_else(|| undefined(name, &types))?;
                let default = match default {
                    Some(default) => self.implicit(default, ty)?,
                    None => Expr::Const(Value::Null),
                };
                let lag = WindowFunction::Lag {
                    value: self.implicit(value, ty)?,
                    offset,
                    default,
                    forward: name == "lead",
                };
                (lag, ty)
            }
            _ => return Err(Error::unsupported(format!("the window function {name}"))),
        })
    }
}

/// The frame of a window: from its start, to where it says.
fn frame(spec: &WindowSpec, unordered: bool) -> Result<Frame> {
    let Some(frame) = &spec.window_frame else {
        return Ok(if unordered {
            Frame::Partition
        } else {
            Frame::Range
        });
    };
    let unsupported = || Error::unsupported("this frame of a window");
    if !matches!(frame.start_bound, WindowFrameBound::Preceding(None)) {
        return Err(unsupported());
    }
    match (&frame.end_bound, frame.units) {
        (Some(WindowFrameBound::Following(None)), _) => Ok(Frame::Partition),
        (None | Some(WindowFrameBound::CurrentRow), WindowFrameUnits::Rows) => Ok(Frame::Rows),
        (None | Some(WindowFrameBound::CurrentRow), WindowFrameUnits::Range) => Ok(if unordered {
            Frame::Partition
        } else {
            Frame::Range
        }),
        _ => Err(unsupported()),
    }
}
