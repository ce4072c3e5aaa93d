//! Function calls, and the constructs that sqlparser reads as such.

use sqlparser::ast::{
    Expr as Ast, Function as Call, FunctionArg, FunctionArgExpr, FunctionArguments,
};

use super::{Analyser, Typed, object_name};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::expr::{Expr, Function};
use crate::postgres::sql::system;
use crate::postgres::types::Type;

impl Analyser<'_> {
    pub(super) fn function(&mut self, call: &Call) -> Result<Typed> {
        if call.over.is_some() {
            return Err(Error::unsupported("a window function"));
        }
        let name = object_name(&call.name)?;
        if let Some(aggregate) = self.aggregate(&name, call)? {
            return Ok(aggregate);
        }
        let mut arguments = Vec::new();
        for argument in plain_arguments(call)? {
            arguments.push(self.expr(argument)?);
        }
        match (name.as_str(), arguments.len()) {
            ("coalesce", 1..) => {
                let (list, ty) = self.unify(arguments, "COALESCE")?;
                return Ok(Typed::new(Expr::Coalesce(list), ty));
            }
            ("greatest", 1..) => return self.extreme(Function::Greatest, arguments, "GREATEST"),
            ("least", 1..) => return self.extreme(Function::Least, arguments, "LEAST"),
            ("nullif", 2) => return self.null_if(arguments),
            ("abs", 1) => {
                let argument = arguments.remove(0);
                if argument.ty.is_number() {
                    let ty = argument.ty;
                    return Ok(Typed::new(
                        Expr::Call(Function::Abs, vec![argument.expr]),
                        ty,
                    ));
                }
                arguments.push(argument);
            }
            _ => {}
        }
        let Some((function, wanted, ty)) = signature(&name, arguments.len()) else {
            return Err(no_function(&name, &arguments));
        };
        let acceptable = |from: Type, to: Type| {
            from == to
                || from == Type::Unknown
                || super::convertible(from, to, super::Coercion::Implicit)
        };
        if !arguments
            .iter()
            .zip(wanted)
            .all(|(argument, to)| acceptable(argument.ty, *to))
        {
            return Err(no_function(&name, &arguments));
        }
        let arguments = arguments
            .into_iter()
            .zip(wanted)
            .map(|(argument, to)| self.implicit(argument, *to))
            .collect::<Result<_>>()?;
        Ok(Typed::new(Expr::Call(function, arguments), ty))
    }

    fn extreme(&mut self, function: Function, arguments: Vec<Typed>, what: &str) -> Result<Typed> {
        let (list, ty) = self.unify(arguments, what)?;
        Ok(Typed::new(Expr::Call(function, list), ty))
    }

    fn null_if(&mut self, mut arguments: Vec<Typed>) -> Result<Typed> {
        let (right, left) = (arguments.pop(), arguments.pop());
        let (Some(left), Some(right)) = (left, right) else {
            return Err(no_function("nullif", &[]));
        };
        let (left, right, ty) = self.meet(left, right, "=")?;
        Ok(Typed::new(
            Expr::Call(Function::NullIf, vec![left, right]),
            ty,
        ))
    }
}

/// The arguments of a call that is a plain list of expressions.
pub(super) fn plain_arguments(call: &Call) -> Result<Vec<&Ast>> {
    let list = match &call.args {
        FunctionArguments::None => return Ok(Vec::new()),
        FunctionArguments::List(list) => list,
        FunctionArguments::Subquery(_) => {
            return Err(Error::unsupported("a subquery in an expression"));
        }
    };
    list.args
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Ok(expr),
            other => Err(Error::unsupported(format!("the argument {other}"))),
        })
        .collect()
}

/// What a function of this name takes and gives.
fn signature(name: &str, arguments: usize) -> Option<(Function, &'static [Type], Type)> {
    Some(match (name, arguments) {
        ("now" | "transaction_timestamp" | "current_timestamp", 0) => {
            (Function::Now, &[], Type::Timestamptz)
        }
        ("statement_timestamp", 0) => (Function::StatementTimestamp, &[], Type::Timestamptz),
        ("clock_timestamp", 0) => (Function::ClockTimestamp, &[], Type::Timestamptz),
        ("pg_backend_pid", 0) => (Function::BackendPid, &[], Type::Int4),
        ("gen_random_uuid", 0) => (Function::RandomUuid, &[], Type::Uuid),
        ("lower", 1) => (Function::Lower, &[Type::Text], Type::Text),
        ("upper", 1) => (Function::Upper, &[Type::Text], Type::Text),
        ("length" | "char_length" | "character_length", 1) => {
            (Function::Length, &[Type::Text], Type::Int4)
        }
        ("version", 0) => (Function::Version, &[], Type::Text),
        ("current_setting", 1) => (Function::CurrentSetting, &[Type::Text], Type::Text),
        ("current_user" | "session_user" | "user", 0) => (Function::CurrentUser, &[], Type::Text),
        ("current_database", 0) => (Function::CurrentDatabase, &[], Type::Text),
        ("pg_current_xact_id_if_assigned", 0) => (Function::CurrentXid, &[], Type::Text),
        _ => {
            let (system, wanted, ty) = system::signature(name, arguments)?;
            (Function::System(system), wanted, ty)
        }
    })
}

fn no_function(name: &str, arguments: &[Typed]) -> Error {
    let types: Vec<&str> = arguments
        .iter()
        .map(|argument| argument.ty.name())
        .collect();
    Error::new(
        SqlState::UNDEFINED_FUNCTION,
        format!("function {name}({}) does not exist", types.join(", ")),
    )
    .hint("No function matches the given name and argument types. You might need to add explicit type casts.")
}
