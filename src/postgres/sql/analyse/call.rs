//! Function calls, and the constructs that sqlparser reads as such.

use sqlparser::ast::{
    BinaryOperator, Expr as Ast, Function as Call, FunctionArg, FunctionArgExpr, FunctionArguments,
};

use super::coerce::{Coercion, convertible, with_limit};
use super::{Analyser, Typed, first_character, object_name, placed};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::expr::{Comparison, Expr};
use crate::postgres::sql::functions::{Builtin, Kind, Resolved, is_missing, resolve};
use crate::postgres::sql::plan::{RowSource, Rows};
use crate::postgres::sql::system;
use crate::postgres::types::{Type, Value};

/// PostgreSQL's limit on the arguments of a function.
const ARGUMENTS_MAX: usize = 100;

impl Analyser<'_> {
    pub(super) fn function(&mut self, call: &Call) -> Result<Typed> {
        let name = object_name(&call.name)?;
        if !call.within_group.is_empty() {
            return Err(Error::unsupported("WITHIN GROUP"));
        }
        if let Some(over) = &call.over {
            return self.window(&name, call, over);
        }
        if let Some(aggregate) = self.aggregate(&name, call)? {
            return Ok(aggregate);
        }
        if let FunctionArguments::Subquery(query) = &call.args
            && name == "array"
        {
            return self.array_of(query);
        }
        let mut arguments = Vec::new();
        if name == "make_interval" {
            arguments = self.named_arguments(call, &INTERVAL_PARTS)?;
        } else {
            for argument in plain_arguments(call)? {
                let argument = self.expr(argument)?;
                if !is_result(&argument) {
                    arguments.push(argument);
                }
            }
        }
        let here = |error| placed(error, first_character(&call.name));
        let listed = matches!(name.as_str(), "coalesce" | "greatest" | "least");
        if arguments.len() > ARGUMENTS_MAX && !listed {
            return Err(here(Error::new(
                SqlState("54023"),
                format!("cannot pass more than {ARGUMENTS_MAX} arguments to a function"),
            )));
        }
        match (name.as_str(), arguments.len()) {
            ("coalesce", 1..) => {
                let (list, ty) = self.unify(arguments, "COALESCE")?;
                return Ok(Typed::new(Expr::Coalesce(list), ty));
            }
            ("greatest", 1..) => return self.extreme(arguments, Comparison::Greater, "GREATEST"),
            ("least", 1..) => return self.extreme(arguments, Comparison::Less, "LEAST"),
            ("nullif", 2) => return self.null_if(arguments),
            ("pg_typeof", 1) => {
                let ty = arguments
                    .first()
                    .map_or(Type::Unknown, |argument| argument.ty);
                let ty = Value::object(ty.oid(), ty.name());
                return Ok(Typed::new(Expr::Const(ty), Type::Regtype));
            }
            _ => {}
        }
        if let Some((function, wanted, ty)) = system::signature(&name, arguments.len()) {
            let types: Vec<Type> = arguments.iter().map(|argument| argument.ty).collect();
            let fits = |(from, to): (&Type, &Type)| {
                *from == Type::Unknown || convertible(*from, *to, Coercion::Implicit)
            };
            if !types.iter().zip(wanted).all(fits) {
                return Err(no_function(&name, &types));
            }
            let arguments = arguments.into_iter().zip(wanted);
            let arguments = arguments.map(|(argument, to)| self.implicit(argument, *to));
            let arguments = arguments.collect::<Result<_>>()?;
            return Ok(Typed::new(Expr::System(function, arguments), ty));
        }
        let builtin = match self.choose(&name, &arguments) {
            Ok(builtin) => builtin,
            Err(error) => {
                let converted = self.named_conversion(&name, arguments)?;
                return converted.ok_or_else(|| here(error));
            }
        };
        let value = self.apply(builtin, arguments)?;
        if builtin.gives_set() {
            return self.set_in_list(builtin, value).map_err(here);
        }
        Ok(value)
    }

    /// A type's name as a function converts to it; the time that it is now is
    /// rounded to so many decimals.
    fn named_conversion(&mut self, name: &str, mut arguments: Vec<Typed>) -> Result<Option<Typed>> {
        let (Some(argument), 0) = (arguments.pop(), arguments.len()) else {
            return Ok(None);
        };
        let of_now = matches!(name, "current_timestamp" | "localtimestamp" | "localtime");
        if let (true, Expr::Const(Value::Int(digits))) = (of_now, &argument.expr) {
            let digits = i32::try_from((*digits).min(6)).unwrap_or(6);
            let now = self.call(name, Vec::new())?;
            let expr = with_limit(now.expr, now.ty, digits, true);
            return Ok(Some(Typed::new(expr, now.ty)));
        }
        let named = |ty: &Type| ty.catalog_name() == name && !ty.is_pseudo();
        let Some(ty) = Type::all().find(named) else {
            return Ok(None);
        };
        let unknown = argument.ty == Type::Unknown;
        if !unknown && !convertible(argument.ty, ty, Coercion::Explicit) {
            return Ok(None);
        }
        if self.as_written {
            return Err(Error::unsupported(format!(
                "the function {name} in a definition"
            )));
        }
        let expr = self.coerce(argument, ty, Coercion::Explicit)?;
        Ok(Some(Typed::new(expr, ty)))
    }

    /// The arguments of a function that may be called by the names of its
    /// parameters, each of which is 0 if it is left out.
    fn named_arguments(&mut self, call: &Call, names: &[&str]) -> Result<Vec<Typed>> {
        let zero = || Typed::new(Expr::Const(Value::Int(0)), Type::Int4);
        let mut arguments: Vec<Typed> = names.iter().map(|_| zero()).collect();
        let FunctionArguments::List(list) = &call.args else {
            return Ok(arguments);
        };
        for (index, argument) in list.args.iter().enumerate() {
            let (name, value) = match argument {
                FunctionArg::ExprNamed {
                    name: Ast::Identifier(name),
                    arg: FunctionArgExpr::Expr(value),
                    ..
                } => (Some(name), value),
                FunctionArg::Unnamed(FunctionArgExpr::Expr(Ast::BinaryOp {
                    left,
                    op: BinaryOperator::Assignment,
                    right,
                })) if let Ast::Identifier(name) = &**left => (Some(name), &**right),
                FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => (None, value),
                other => return Err(Error::unsupported(format!("the argument {other}"))),
            };
            let place = match name {
                Some(name) => names.iter().position(|known| *known == super::fold(name)),
                None => Some(index),
            };
            let place = place.and_then(|place| arguments.get_mut(place).map(|_| place));
            let Some(place) = place else {
                return Err(Error::unsupported(format!("the argument {argument}")));
            };
            arguments[place] = self.expr(value)?;
        }
        Ok(arguments)
    }

    /// A call of a function by name, its arguments converted.
    pub(super) fn call(&mut self, name: &str, arguments: Vec<Typed>) -> Result<Typed> {
        let builtin = self.choose(name, &arguments)?;
        self.apply(builtin, arguments)
    }

    /// The function of a name that takes such arguments.
    fn choose(&mut self, name: &str, arguments: &[Typed]) -> Result<&'static Builtin> {
        let types: Vec<Type> = arguments.iter().map(|argument| argument.ty).collect();
        match self.resolve(name, &types) {
            Resolved::One(builtin) => Ok(builtin),
            Resolved::None => Err(no_function(name, &types)),
            Resolved::Ambiguous => Err(Error::new(
                SqlState("42725"),
                format!("function {name}({}) is not unique", names(&types)),
            )
            .hint("Could not choose a best candidate function. You might need to add explicit type casts.")),
        }
    }

    pub(super) fn resolve(&self, name: &str, types: &[Type]) -> Resolved {
        resolve(name, types, &|from, to| {
            convertible(from, to, Coercion::Implicit)
        })
    }

    /// Converts the arguments of a function that is chosen.
    pub(super) fn apply(
        &mut self,
        builtin: &'static Builtin,
        arguments: Vec<Typed>,
    ) -> Result<Typed> {
        // What any array or element stands for in this call.
        let mut element = Type::Unknown;
        for (index, argument) in arguments.iter().enumerate() {
            let found = match (builtin.argument(index), argument.ty) {
                (Type::AnyArray, ty) => ty.element().unwrap_or(Type::Unknown),
                (Type::AnyElement, ty) => ty,
                _ => continue,
            };
            element = Analyser::common(element, found).unwrap_or(found);
        }
        if element == Type::Unknown {
            element = Type::Text;
        }
        let concrete = |ty: Type| match ty {
            Type::AnyArray => element.array().unwrap_or(Type::Unknown),
            Type::AnyElement => element,
            ty => ty,
        };
        let mut converted = Vec::new();
        for (index, argument) in arguments.into_iter().enumerate() {
            converted.push(match builtin.argument(index) {
                Type::Any => {
                    let argument = self.any(argument)?;
                    self.as_any(argument)
                }
                // PostgreSQL has most functions of integers for every width.
                ty if self.as_written && ty.is_integer() && argument.ty.is_integer() => {
                    argument.expr
                }
                ty => self.implicit(argument, concrete(ty))?,
            });
        }
        let ty = concrete(builtin.result);
        Ok(Typed::new(Expr::Call(builtin, converted), ty))
    }

    /// For a function of any type, text that is json has to say so.
    pub(super) fn as_any(&self, argument: Typed) -> Expr {
        match argument.ty {
            Type::Json if !self.as_written => Expr::Cast {
                operand: Box::new(argument.expr),
                from: Type::Json,
                to: Type::Any,
            },
            _ => argument.expr,
        }
    }

    /// A set-returning function in the select list: one more item of FROM,
    /// which all of the list share.
    fn set_in_list(&mut self, builtin: &'static Builtin, value: Typed) -> Result<Typed> {
        let scope = self.scope();
        let clause = scope.clause;
        if clause == "functions in FROM" {
            return Ok(value);
        }
        let Some(sets) = &mut scope.sets else {
            return Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("set-returning functions are not allowed in {clause}"),
            ));
        };
        let nested = |set: &RowSource| value.expr.slots() & 1 << set.slot != 0;
        let single = matches!(builtin.kind, Kind::Set | Kind::Rows([_]));
        if !single || sets.iter().any(nested) {
            return Err(Error::unsupported(
                "such a set-returning function in a select list",
            ));
        }
        if let Some(set) = sets.first_mut() {
            let column = set.width;
            set.width += 1;
            let nothing = Rows::Zipped(Vec::new());
            let calls = match std::mem::replace(&mut set.rows, nothing) {
                Rows::Zipped(calls) => calls,
                Rows::Function(call) => vec![call],
                _ => Vec::new(),
            };
            set.rows = Rows::Zipped([calls, vec![value.expr]].concat());
            let slot = set.slot;
            return Ok(Typed::new(Expr::Column { slot, column }, value.ty));
        }
        let slot = self.new_slot()?;
        let source = RowSource {
            slot,
            width: 1,
            rows: Rows::Function(value.expr),
            filter: Vec::new(),
        };
        if let Some(sets) = &mut self.scope().sets {
            sets.push(source);
        }
        Ok(Typed::new(Expr::Column { slot, column: 0 }, value.ty))
    }

    fn extreme(&mut self, arguments: Vec<Typed>, wanted: Comparison, what: &str) -> Result<Typed> {
        let (list, ty) = self.unify(arguments, what)?;
        Ok(Typed::new(Expr::Extreme(wanted, list), ty))
    }

    fn null_if(&mut self, mut arguments: Vec<Typed>) -> Result<Typed> {
        let (right, left) = (arguments.pop(), arguments.pop());
        let (Some(left), Some(right)) = (left, right) else {
            return Err(no_function("nullif", &[]));
        };
        let ty = left.ty;
        let (left, right, common) = self.meet(left, right, "=")?;
        let ty = if ty == Type::Unknown { common } else { ty };
        Ok(Typed::new(
            Expr::NullIf(Box::new(left), Box::new(right)),
            if ty.is_integer() { ty } else { common },
        ))
    }
}

/// The arguments of a call that is a plain list of expressions.
pub(super) fn plain_arguments(call: &Call) -> Result<Vec<&Ast>> {
    let list = match &call.args {
        FunctionArguments::None => return Ok(Vec::new()),
        FunctionArguments::List(list) => list,
        FunctionArguments::Subquery(_) => {
            return Err(Error::unsupported(
                "a subquery as the argument of a function",
            ));
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

fn names(types: &[Type]) -> String {
    let names: Vec<&str> = types.iter().map(|ty| ty.name()).collect();
    names.join(", ")
}

/// The parameters of make_interval.
const INTERVAL_PARTS: [&str; 7] = ["years", "months", "weeks", "days", "hours", "mins", "secs"];

const WINDOW_ONLY: &[&str] = &[
    "row_number",
    "rank",
    "dense_rank",
    "lag",
    "lead",
    "first_value",
    "last_value",
    "ntile",
];

/// True for a parameter by which a driver declares the result of the function
/// that it calls: it is no argument.
pub(super) fn is_result(argument: &Typed) -> bool {
    argument.ty == Type::Void && matches!(argument.expr, Expr::Param(_))
}

fn no_function(name: &str, types: &[Type]) -> Error {
    if WINDOW_ONLY.contains(&name) {
        return Error::new(
            SqlState("42809"),
            format!("window function {name} requires an OVER clause"),
        );
    }
    let is_form = matches!(name, "row" | "all" | "any" | "some");
    let here = system::signature(name, types.len()).is_some();
    if is_form || !here && is_missing(name, types.len()) {
        return Error::unsupported(format!("the function {name}"));
    }
    undefined(name, types)
}

pub(super) fn undefined(name: &str, types: &[Type]) -> Error {
    Error::new(
        SqlState::UNDEFINED_FUNCTION,
        format!("function {name}({}) does not exist", names(types)),
    )
    .hint("No function matches the given name and argument types. You might need to add explicit type casts.")
}
