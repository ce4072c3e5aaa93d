//! Expressions after analysis: names resolved, types known, casts explicit.

use super::system::System;
use crate::postgres::storage::sequence::SequenceId;
use crate::postgres::types::{Type, Value};

/// An expression that can be evaluated.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) enum Expr {
    Const(Value),
    /// A parameter of the statement, from 0.
    Param(usize),
    /// A column of one of the rows at hand.
    Column {
        relation: usize,
        column: usize,
    },
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    /// IS \[NOT\] NULL, TRUE or FALSE.
    Is {
        operand: Box<Expr>,
        truth: Truth,
        negated: bool,
    },
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// IS \[NOT\] DISTINCT FROM
    Distinct {
        left: Box<Expr>,
        right: Box<Expr>,
        negated: bool,
    },
    /// Arithmetic, with the type of its result.
    Arithmetic(Arithmetic, Type, Box<Expr>, Box<Expr>),
    Negate(Type, Box<Expr>),
    Concat(Box<Expr>, Box<Expr>),
    Like {
        operand: Box<Expr>,
        pattern: Box<Expr>,
        ignore_case: bool,
        negated: bool,
    },
    In {
        operand: Box<Expr>,
        list: Vec<Expr>,
        negated: bool,
    },
    Case {
        /// Conditions with their results.
        arms: Vec<(Expr, Expr)>,
        otherwise: Box<Expr>,
    },
    Coalesce(Vec<Expr>),
    Cast {
        operand: Box<Expr>,
        from: Type,
        to: Type,
    },
    /// Cuts or checks a value for a column of limited size.
    Limit {
        operand: Box<Expr>,
        ty: Type,
        modifier: i32,
        /// An explicit cast cuts; an assignment complains.
        explicit: bool,
    },
    Call(Function, Vec<Expr>),
}

/// What IS asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum Truth {
    Null,
    True,
    False,
}

/// A comparison of two values of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// An arithmetic operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// A function that is not syntax.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::postgres) enum Function {
    Now,
    StatementTimestamp,
    ClockTimestamp,
    BackendPid,
    RandomUuid,
    NextValue(SequenceId),
    Lower,
    Upper,
    Length,
    Abs,
    Greatest,
    Least,
    NullIf,
    Version,
    CurrentSetting,
    CurrentUser,
    CurrentDatabase,
    CurrentXid,
    /// What does something, or looks at the server.
    System(System),
}

impl Expr {
    /// Calls `visit` on this expression and all inside it, until it says
    /// true.
    pub(in crate::postgres) fn any(&self, visit: &mut dyn FnMut(&Expr) -> bool) -> bool {
        visit(self) || self.children().into_iter().any(|child| child.any(visit))
    }

    fn children(&self) -> Vec<&Expr> {
        match self {
            Expr::Const(_) | Expr::Param(_) | Expr::Column { .. } => Vec::new(),
            Expr::Not(operand)
            | Expr::Negate(_, operand)
            | Expr::Is { operand, .. }
            | Expr::Cast { operand, .. }
            | Expr::Limit { operand, .. } => vec![operand],
            Expr::And(list) | Expr::Or(list) | Expr::Coalesce(list) | Expr::Call(_, list) => {
                list.iter().collect()
            }
            Expr::Compare(_, left, right)
            | Expr::Distinct { left, right, .. }
            | Expr::Arithmetic(_, _, left, right)
            | Expr::Concat(left, right)
            | Expr::Like {
                operand: left,
                pattern: right,
                ..
            } => vec![left, right],
            Expr::In { operand, list, .. } => std::iter::once(&**operand).chain(list).collect(),
            Expr::Case { arms, otherwise } => arms
                .iter()
                .flat_map(|(condition, result)| [condition, result])
                .chain([&**otherwise])
                .collect(),
        }
    }

    /// The relations whose columns it reads, as a bit set.
    pub(in crate::postgres) fn relations(&self) -> u64 {
        let mut set = 0;
        self.any(&mut |expr| {
            if let Expr::Column { relation, .. } = expr {
                set |= 1 << relation;
            }
            false
        });
        set
    }

    /// Rewrites the expression from the top: what `replace` answers takes the
    /// place of a part, and is not looked into.
    pub(in crate::postgres) fn rewrite(&mut self, replace: &mut dyn FnMut(&Expr) -> Option<Expr>) {
        if let Some(replacement) = replace(self) {
            *self = replacement;
            return;
        }
        match self {
            Expr::Const(_) | Expr::Param(_) | Expr::Column { .. } => {}
            Expr::Not(operand)
            | Expr::Negate(_, operand)
            | Expr::Is { operand, .. }
            | Expr::Cast { operand, .. }
            | Expr::Limit { operand, .. } => operand.rewrite(replace),
            Expr::And(list) | Expr::Or(list) | Expr::Coalesce(list) | Expr::Call(_, list) => {
                list.iter_mut().for_each(|part| part.rewrite(replace));
            }
            Expr::Compare(_, left, right)
            | Expr::Distinct { left, right, .. }
            | Expr::Arithmetic(_, _, left, right)
            | Expr::Concat(left, right)
            | Expr::Like {
                operand: left,
                pattern: right,
                ..
            } => {
                left.rewrite(replace);
                right.rewrite(replace);
            }
            Expr::In { operand, list, .. } => {
                operand.rewrite(replace);
                list.iter_mut().for_each(|part| part.rewrite(replace));
            }
            Expr::Case { arms, otherwise } => {
                for (condition, result) in arms {
                    condition.rewrite(replace);
                    result.rewrite(replace);
                }
                otherwise.rewrite(replace);
            }
        }
    }
}
