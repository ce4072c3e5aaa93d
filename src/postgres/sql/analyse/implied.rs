//! Whether a condition follows from others: what PostgreSQL asks before it
//! takes an index that has not every row.

use std::cmp::Ordering;

use crate::postgres::sql::expr::{Comparison, Expr, Truth};
use crate::postgres::types::Value;

/// True if whatever meets all of `given` is known to meet `wanted`.
pub(super) fn is_implied(given: &[&Expr], wanted: &Expr) -> bool {
    match wanted {
        Expr::And(list) => return list.iter().all(|part| is_implied(given, part)),
        Expr::Or(list) if list.iter().any(|part| is_implied(given, part)) => return true,
        _ => {}
    }
    given.iter().any(|given| implies(given, wanted))
}

fn implies(given: &Expr, wanted: &Expr) -> bool {
    if given == wanted {
        return true;
    }
    match given {
        Expr::And(list) => is_implied(&list.iter().collect::<Vec<_>>(), wanted),
        Expr::Or(list) => list.iter().all(|part| is_implied(&[part], wanted)),
        Expr::In {
            operand,
            list,
            negated: false,
        } => list.iter().all(|value| {
            let (operand, value) = (operand.clone(), Box::new(value.clone()));
            is_implied(&[&Expr::Compare(Comparison::Equal, operand, value)], wanted)
        }),
        given => atom_implies(given, wanted),
    }
}

fn atom_implies(given: &Expr, wanted: &Expr) -> bool {
    match (given, wanted) {
        // A strict condition on something implies that it is not NULL.
        (
            Expr::Compare(_, left, right),
            Expr::Is {
                operand,
                truth: Truth::Null,
                negated: true,
            },
        ) => left == operand || right == operand,
        (
            given,
            Expr::In {
                operand,
                list,
                negated: false,
            },
        ) => list.iter().any(|value| {
            let (operand, value) = (operand.clone(), Box::new(value.clone()));
            implies(given, &Expr::Compare(Comparison::Equal, operand, value))
        }),
        (given, wanted) => match (bound(given), bound(wanted)) {
            (Some((value, by, limit)), Some((same, wanted, other))) => {
                value == same && within(by, wanted, limit.cmp(other))
            }
            _ => false,
        },
    }
}

/// Something that is compared with a constant.
fn bound(condition: &Expr) -> Option<(&Expr, Comparison, &Value)> {
    let Expr::Compare(comparison, left, right) = condition else {
        return None;
    };
    let found = match (&**left, &**right) {
        (operand, Expr::Const(limit)) => (operand, *comparison, limit),
        (Expr::Const(limit), operand) => (operand, comparison.flip(), limit),
        _ => return None,
    };
    (!found.2.is_null()).then_some(found)
}

/// True if what is compared like this with one constant compares like that
/// with another; `order` is that of the two constants.
fn within(given: Comparison, wanted: Comparison, order: Ordering) -> bool {
    use Comparison as C;
    match (given, wanted) {
        (C::Equal, C::Equal) | (C::NotEqual, C::NotEqual) => order.is_eq(),
        (C::Equal, C::NotEqual) => order.is_ne(),
        (C::Equal | C::LessOrEqual, C::Less) => order.is_lt(),
        (C::Equal | C::Less | C::LessOrEqual, C::LessOrEqual) => order.is_le(),
        (C::Less, C::Less | C::NotEqual) => order.is_le(),
        (C::LessOrEqual, C::NotEqual) => order.is_lt(),
        (C::Equal | C::GreaterOrEqual, C::Greater) => order.is_gt(),
        (C::Equal | C::Greater | C::GreaterOrEqual, C::GreaterOrEqual) => order.is_ge(),
        (C::Greater, C::Greater | C::NotEqual) => order.is_ge(),
        (C::GreaterOrEqual, C::NotEqual) => order.is_gt(),
        _ => false,
    }
}
