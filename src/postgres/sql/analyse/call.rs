//! Function calls, and the constructs that sqlparser reads as such.

use sqlparser::ast::{
    Expr as Ast, Function as Call, FunctionArg, FunctionArgExpr, FunctionArguments,
};

use super::coerce::{Coercion, convertible};
use super::{Analyser, Typed, first_character, object_name, placed};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::expr::{Comparison, Expr};
use crate::postgres::sql::functions::{Builtin, Kind, Resolved, exists, resolve};
use crate::postgres::sql::plan::{RowSource, Rows};
use crate::postgres::sql::system;
use crate::postgres::types::{Type, Value};

/// PostgreSQL's limit on the arguments of a function.
const ARGUMENTS_MAX: usize = 100;

impl Analyser<'_> {
    pub(super) fn function(&mut self, call: &Call) -> Result<Typed> {
        let name = object_name(&call.name)?;
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
        for argument in plain_arguments(call)? {
            let argument = self.expr(argument)?;
            if !is_result(&argument) {
                arguments.push(argument);
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
        let builtin = self.choose(&name, &arguments).map_err(here)?;
        let value = self.apply(builtin, arguments)?;
        if builtin.gives_set() {
            return self.set_in_list(builtin, value).map_err(here);
        }
        Ok(value)
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
                    // json goes to functions of any type by its meaning.
                    match argument.ty {
                        Type::Json => self.coerce(argument, Type::Jsonb, Coercion::Assignment)?,
                        _ => argument.expr,
                    }
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

/// Functions of PostgreSQL that this server knows to be missing.
const MISSING: &[&str] = &[
    "to_char",
    "to_date",
    "to_number",
    "exp",
    "ln",
    "log",
    "power",
    "pow",
    "sin",
    "cos",
    "tan",
    "md5",
    "sha256",
    "regexp_replace",
    "regexp_match",
    "regexp_matches",
    "regexp_split_to_array",
    "regexp_split_to_table",
    "row_to_json",
    "to_json",
    "jsonb_pretty",
    "jsonb_insert",
    "json_populate_record",
    "jsonb_populate_record",
    "array_dims",
    "array_ndims",
    "array_fill",
    "array_replace",
    "array_positions",
    "stddev",
    "variance",
    "corr",
    "percentile_cont",
    "percentile_disc",
    "mode",
    "ntile",
    "cume_dist",
    "percent_rank",
    "nth_value",
    "to_tsvector",
    "to_tsquery",
    "txid_current",
    "overlay",
    "age",
    "justify_days",
    "justify_hours",
    "justify_interval",
    "date_bin",
    "isfinite",
    "timeofday",
    "make_time",
    "make_timestamp",
    "make_timestamptz",
    "width_bucket",
    "setseed",
    "factorial",
    "bit_length",
    "similarity",
    "gen_random_bytes",
    "unaccent",
];

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
    if MISSING.contains(&name) && !exists(name) {
        return Error::unsupported(format!("the function {name}"));
    }
    Error::new(
        SqlState::UNDEFINED_FUNCTION,
        format!("function {name}({}) does not exist", names(types)),
    )
    .hint("No function matches the given name and argument types. You might need to add explicit type casts.")
}
