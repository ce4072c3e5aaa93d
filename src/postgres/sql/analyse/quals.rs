//! In which order the conditions of one place are asked.
//!
//! As in PostgreSQL the cheapest comes first, by the number of functions and
//! operators that it calls; a subquery that has to be run for each row costs
//! more than any of them. Of those that cost the same the order of the text
//! counts, but for equalities: PostgreSQL gathers what is equal first, and
//! puts it back behind the others.

use crate::postgres::sql::expr::{Comparison, Expr, Sublink};
use crate::postgres::sql::plan::{Query, SubPlan};
use crate::postgres::storage::table::TableDef;
use crate::postgres::types::{Type, Value};

/// What a function or an operator costs.
const CALL: u64 = 2;
/// A row of a query without tables.
const ROW: u64 = 4 * CALL;
/// A subquery that reads tables, for each row.
const SCAN: u64 = 1 << 32;
/// One that PostgreSQL makes into a join: it is asked after all others.
const JOIN: u64 = 1 << 33;
/// So many constants are looked up by hash.
const HASHED: usize = 9;
/// How many elements an array is taken to have.
const ELEMENTS: u64 = 10;

/// Puts conditions in order; the columns of `table`, in its slot, are known.
pub(super) fn order(conditions: &mut [Expr], table: Option<(usize, &TableDef)>) {
    if conditions.len() < 2 {
        return;
    }
    let costs = Costs { table };
    conditions.sort_by_cached_key(|condition| {
        let cost = costs.of_condition(condition);
        (cost, is_equality(condition))
    });
}

/// True for what PostgreSQL takes out of the conditions, to see what follows
/// from it.
fn is_equality(condition: &Expr) -> bool {
    matches!(condition, Expr::Compare(Comparison::Equal, ..))
        && bare(condition).is_none()
        && !condition.is_volatile()
}

/// What is compared with TRUE or FALSE.
fn bare(condition: &Expr) -> Option<&Expr> {
    match condition {
        Expr::Compare(Comparison::Equal | Comparison::NotEqual, left, right) => {
            match (&**left, &**right) {
                (operand, Expr::Const(Value::Bool(_))) | (Expr::Const(Value::Bool(_)), operand) => {
                    Some(operand)
                }
                _ => None,
            }
        }
        _ => None,
    }
}

struct Costs<'a> {
    table: Option<(usize, &'a TableDef)>,
}

impl Costs<'_> {
    /// The cost of what stands for itself in a WHERE.
    fn of_condition(&self, condition: &Expr) -> u64 {
        let asked = match condition {
            Expr::Not(operand) => operand,
            other => other,
        };
        let Expr::Subquery(plan, link) = asked else {
            return self.of(condition);
        };
        match link {
            Sublink::Exists if plan.correlated && reads(plan) => JOIN,
            Sublink::Quantified {
                comparison: Comparison::Equal,
                all: false,
                ..
            } if !plan.correlated && std::ptr::eq(asked, condition) => JOIN,
            _ => self.of(condition),
        }
    }

    fn of(&self, expr: &Expr) -> u64 {
        if is_known(expr) {
            return 0;
        }
        if let Some(operand) = bare(expr) {
            return self.of(operand);
        }
        let mut parts = 0;
        expr.for_each_part(&mut |part| parts += self.of(part));
        parts + self.own(expr)
    }

    /// What an expression costs beside its parts.
    fn own(&self, expr: &Expr) -> u64 {
        match expr {
            Expr::Const(_)
            | Expr::Param(_)
            | Expr::Column { .. }
            | Expr::Not(_)
            | Expr::And(_)
            | Expr::Or(_)
            | Expr::Is { .. }
            | Expr::Case { .. }
            | Expr::Tested(..)
            | Expr::CaseTest
            | Expr::Coalesce(_)
            | Expr::Array(_)
            | Expr::Written(_)
            | Expr::Collate(..) => 0,
            Expr::Compare(..)
            | Expr::Distinct { .. }
            | Expr::Arithmetic(..)
            | Expr::Negate(..)
            | Expr::Like { .. }
            | Expr::Extreme(..)
            | Expr::NullIf(..)
            | Expr::Limit { .. }
            | Expr::NextValue(_) => CALL,
            Expr::In { list, .. } => in_list(list),
            Expr::Quantified { array, .. } => any_of(array),
            Expr::Cast { from, to, .. } => cast(*from, *to),
            Expr::Call(builtin, arguments) => {
                CALL + self.widened(arguments, builtin.arguments.iter().copied())
            }
            Expr::System(function, arguments) => {
                CALL + self.widened(arguments, function.keys(arguments.len()))
            }
            Expr::Subquery(plan, link) => self.subquery(plan, link),
        }
    }

    /// The conversions of arguments that are stored alike, and are therefore
    /// not in the expression.
    fn widened(&self, arguments: &[Expr], wanted: impl IntoIterator<Item = Type>) -> u64 {
        let converted = arguments.iter().zip(wanted).filter(|(argument, wanted)| {
            let ty = self.type_of(argument);
            !is_known(argument)
                && wanted.is_integer()
                && ty.is_some_and(|ty| ty.is_integer() && ty != *wanted)
        });
        CALL * converted.count() as u64
    }

    fn type_of(&self, expr: &Expr) -> Option<Type> {
        match expr {
            Expr::Column { slot, column } => {
                let (_, table) = self.table.filter(|(own, _)| own == slot)?;
                table.columns.get(*column).map(|column| column.ty)
            }
            Expr::Arithmetic(_, ty, ..) | Expr::Negate(ty, _) => Some(*ty),
            Expr::Cast { to, .. } => Some(*to),
            Expr::Call(builtin, _) => Some(builtin.result),
            _ => None,
        }
    }

    fn subquery(&self, plan: &SubPlan, link: &Sublink) -> u64 {
        match link {
            // Run once, whatever it gives.
            Sublink::Scalar | Sublink::Exists | Sublink::Array if !plan.correlated => 0,
            // NOT IN: its rows are hashed.
            Sublink::Quantified {
                comparison: Comparison::NotEqual,
                operands,
                all: true,
            } if !plan.correlated => CALL * operands.len() as u64,
            Sublink::Quantified {
                comparison: Comparison::Equal,
                operands,
                all: false,
            } if !plan.correlated => CALL * operands.len() as u64,
            _ => match &plan.query {
                Query::Select(select) if select.from.is_none() => {
                    let computed = select.output.iter().chain(&select.filter);
                    ROW + computed.map(|expr| self.of(expr)).sum::<u64>()
                }
                _ => SCAN,
            },
        }
    }
}

/// True if PostgreSQL computes it once, while it plans.
fn is_known(expr: &Expr) -> bool {
    !expr.any(&mut |part| match part {
        Expr::Column { .. }
        | Expr::CaseTest
        | Expr::Subquery(..)
        | Expr::System(..)
        | Expr::NextValue(_) => true,
        Expr::Call(builtin, _) => !builtin.is_immutable(),
        _ => false,
    })
}

/// `IN`: columns are compared one by one, all else is an array.
fn in_list(list: &[Expr]) -> u64 {
    let columns = list.iter().filter(|item| item.slots() != 0).count();
    let known = list.len() - columns;
    let array = match known {
        0 => 0,
        1 => CALL,
        HASHED.. => 2 * CALL,
        _ => known as u64 * CALL / 2,
    };
    columns as u64 * CALL + array
}

fn any_of(array: &Expr) -> u64 {
    match array {
        Expr::Array(list) if list.len() >= HASHED && is_known(array) => 2 * CALL,
        Expr::Array(list) => list.len() as u64 * CALL / 2,
        Expr::Const(Value::Array(list)) if list.len() >= HASHED => 2 * CALL,
        Expr::Const(Value::Array(list)) => list.len() as u64 * CALL / 2,
        _ => ELEMENTS * CALL / 2,
    }
}

/// A conversion: a function, the text that one type gives the other, or
/// nothing.
fn cast(from: Type, to: Type) -> u64 {
    let catalog = |ty: Type| ty.is_catalog_number() || ty == Type::Int4;
    match (from.is_string(), to.is_string()) {
        (true, true) if from == Type::Bpchar || from == Type::Name || to == Type::Name => CALL,
        (true, true) => 0,
        (false, true) if from == Type::Bool => CALL,
        (true, false) | (false, true) => 2 * CALL,
        (false, false) if catalog(from) && catalog(to) => 0,
        (false, false) => CALL,
    }
}

/// True if a subquery reads anything.
fn reads(plan: &SubPlan) -> bool {
    !matches!(&plan.query, Query::Select(select) if select.from.is_none())
}
