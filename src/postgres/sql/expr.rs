//! Expressions after analysis: names resolved, types known, casts explicit.

use std::sync::Arc;

use super::functions::Builtin;
use super::plan::{
    Access, Aggregate, Distinct, LocalCte, Node, Query, Rows, Select, SubPlan, WindowCall,
    WindowFunction,
};
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
        slot: usize,
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
    /// A comparison with the elements of an array: ANY, or ALL.
    Quantified {
        comparison: Comparison,
        operand: Box<Expr>,
        array: Box<Expr>,
        all: bool,
    },
    Case {
        /// Conditions with their results.
        arms: Vec<(Expr, Expr)>,
        otherwise: Box<Expr>,
    },
    /// A CASE with an operand, which comes first, evaluated once.
    Tested(Box<Expr>, Box<Expr>),
    /// The value of the operand of the CASE around it.
    CaseTest,
    Coalesce(Vec<Expr>),
    /// GREATEST, or LEAST.
    Extreme(Comparison, Vec<Expr>),
    NullIf(Box<Expr>, Box<Expr>),
    Cast {
        operand: Box<Expr>,
        from: Type,
        to: Type,
    },
    /// Cuts, pads or checks a value for a column of limited size.
    Limit {
        operand: Box<Expr>,
        ty: Type,
        modifier: i32,
        /// An explicit cast cuts; an assignment complains.
        explicit: bool,
    },
    Array(Vec<Expr>),
    Call(&'static Builtin, Vec<Expr>),
    /// A function that does something, or looks at the server.
    System(System, Vec<Expr>),
    NextValue(SequenceId),
    /// In a text of its own: a cast that somebody wrote, a call with words
    /// between its arguments, a CASE with an operand. Of no other meaning than
    /// what it is around.
    Written(Box<Expr>),
    /// COLLATE, in what is shown: it changes nothing, as all compare bytes.
    Collate(Box<Expr>, &'static str),
    Subquery(Arc<SubPlan>, Sublink),
}

/// What is asked of a subquery.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) enum Sublink {
    /// Its only value.
    Scalar,
    Exists,
    /// An array of its values.
    Array,
    /// A comparison of these with its rows: ANY, or ALL.
    Quantified {
        comparison: Comparison,
        operands: Vec<Expr>,
        all: bool,
    },
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

impl Comparison {
    /// As it is written.
    pub(in crate::postgres) fn sign(self) -> &'static str {
        match self {
            Comparison::Equal => "=",
            Comparison::NotEqual => "<>",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        }
    }

    /// The comparison with its sides exchanged.
    pub(in crate::postgres) fn flip(self) -> Comparison {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
            same => same,
        }
    }
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

impl Arithmetic {
    /// As it is written.
    pub(in crate::postgres) fn sign(self) -> &'static str {
        match self {
            Arithmetic::Add => "+",
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
            Arithmetic::Divide => "/",
            Arithmetic::Modulo => "%",
        }
    }
}

/// Calls `$visit` with every direct part of an expression, subqueries left
/// out. One list for both ways of borrowing.
macro_rules! for_each_part {
    ($expr:expr, $visit:expr) => {{
        let mut visit = $visit;
        match $expr {
            Expr::Const(_)
            | Expr::Param(_)
            | Expr::Column { .. }
            | Expr::CaseTest
            | Expr::NextValue(_) => {}
            Expr::Not(operand)
            | Expr::Negate(_, operand)
            | Expr::Written(operand)
            | Expr::Collate(operand, _)
            | Expr::Is { operand, .. }
            | Expr::Cast { operand, .. }
            | Expr::Limit { operand, .. } => visit(operand),
            Expr::And(list)
            | Expr::Or(list)
            | Expr::Coalesce(list)
            | Expr::Array(list)
            | Expr::Extreme(_, list)
            | Expr::System(_, list)
            | Expr::Call(_, list) => {
                for part in list {
                    visit(part);
                }
            }
            Expr::Compare(_, left, right)
            | Expr::Distinct { left, right, .. }
            | Expr::Arithmetic(_, _, left, right)
            | Expr::NullIf(left, right)
            | Expr::Tested(left, right)
            | Expr::Quantified {
                operand: left,
                array: right,
                ..
            }
            | Expr::Like {
                operand: left,
                pattern: right,
                ..
            } => {
                visit(left);
                visit(right);
            }
            Expr::In { operand, list, .. } => {
                visit(operand);
                for part in list {
                    visit(part);
                }
            }
            Expr::Case { arms, otherwise } => {
                for (condition, result) in arms {
                    visit(condition);
                    visit(result);
                }
                visit(otherwise);
            }
            Expr::Subquery(_, link) => {
                if let Sublink::Quantified { operands, .. } = link {
                    for part in operands {
                        visit(part);
                    }
                }
            }
        }
    }};
}

impl Expr {
    /// Calls `visit` on this expression and all inside it, the expressions of
    /// subqueries among them, until it says true.
    pub(in crate::postgres) fn any(&self, visit: &mut dyn FnMut(&Expr) -> bool) -> bool {
        if visit(self) {
            return true;
        }
        let mut found = false;
        for_each_part!(self, |part: &Expr| found = found || part.any(visit));
        if let Expr::Subquery(plan, _) = self
            && !found
        {
            plan.query.visit(&mut |expr| {
                found = found || expr.any(visit);
            });
        }
        found
    }

    /// Calls `visit` with every direct part, subqueries left out.
    pub(in crate::postgres) fn for_each_part(&self, visit: &mut dyn FnMut(&Expr)) {
        for_each_part!(self, |part: &Expr| visit(part));
    }

    /// The slots that it reads, as a bit set; those of subqueries inside it
    /// only as far as they are outer ones.
    pub(in crate::postgres) fn slots(&self) -> u64 {
        let mut set = 0;
        match self {
            Expr::Column { slot, .. } => set |= 1 << slot,
            Expr::Subquery(plan, _) => {
                set |= plan.query.slots() & ((1 << plan.base) - 1);
            }
            _ => {}
        }
        for_each_part!(self, |part: &Expr| set |= part.slots());
        set
    }

    /// The columns that it reads, whatever their slot.
    pub(in crate::postgres) fn columns(&self) -> Vec<usize> {
        let mut found = Vec::new();
        self.any(&mut |part| {
            if let Expr::Column { column, .. } = part {
                found.push(*column);
            }
            false
        });
        found
    }

    /// True if it may give something else each time, or does something.
    pub(in crate::postgres) fn is_volatile(&self) -> bool {
        self.any(&mut |part| match part {
            Expr::Call(builtin, _) => builtin.volatile,
            Expr::NextValue(_) | Expr::System(..) => true,
            _ => false,
        })
    }

    /// Rewrites the expression from the top, subqueries included: what
    /// `replace` answers takes the place of a part, and is not looked into.
    pub(in crate::postgres) fn rewrite(&mut self, replace: &mut dyn FnMut(&Expr) -> Option<Expr>) {
        if let Some(replacement) = replace(self) {
            *self = replacement;
            return;
        }
        for_each_part!(&mut *self, |part: &mut Expr| part.rewrite(replace));
        if let Expr::Subquery(plan, _) = self {
            let plan = Arc::make_mut(plan);
            plan.query.visit_mut(&mut |expr| expr.rewrite(replace));
        }
    }

    /// The conditions that all have to hold.
    pub(in crate::postgres) fn conjuncts(self) -> Vec<Expr> {
        match self {
            Expr::And(list) => list.into_iter().flat_map(Expr::conjuncts).collect(),
            other => vec![other],
        }
    }
}

/// The two ways of walking a query's expressions share their list.
macro_rules! walk {
    (
        $visit_query:ident, $visit_select:ident, $visit_aggregate:ident, $visit_call:ident,
        $visit_node:ident, $iter:ident $(, $mutable:tt)?
    ) => {
        impl Query {
            pub(in crate::postgres) fn $visit_query(
                &$($mutable)? self,
                visit: &mut dyn FnMut(&$($mutable)? Expr),
            ) {
                match self {
                    Query::Select(select) => select.$visit_select(visit),
                    Query::Values(rows) => rows.$iter().flatten().for_each(visit),
                    Query::Set(operation) => {
                        operation.left.$visit_query(visit);
                        operation.right.$visit_query(visit);
                    }
                    Query::With(with) => {
                        for (_, cte) in with.ctes.$iter() {
                            match cte {
                                LocalCte::Query(query) => query.$visit_query(visit),
                                LocalCte::Recursive(recursion) => {
                                    recursion.first.$visit_query(visit);
                                    recursion.step.$visit_query(visit);
                                }
                            }
                        }
                        with.query.$visit_query(visit);
                    }
                }
            }
        }

        impl Select {
            pub(in crate::postgres) fn $visit_select(
                &$($mutable)? self,
                visit: &mut dyn FnMut(&$($mutable)? Expr),
            ) {
                if let Some(from) = &$($mutable)? self.from {
                    from.$visit_node(visit);
                }
                self.filter.$iter().for_each(&mut *visit);
                if let Some(grouping) = &$($mutable)? self.grouping {
                    grouping.keys.$iter().for_each(&mut *visit);
                    for aggregate in grouping.aggregates.$iter() {
                        aggregate.$visit_aggregate(visit);
                    }
                    grouping.having.$iter().for_each(&mut *visit);
                }
                if let Some(windows) = &$($mutable)? self.windows {
                    for call in windows.calls.$iter() {
                        call.$visit_call(visit);
                    }
                }
                if let Distinct::On(exprs) = &$($mutable)? self.distinct {
                    exprs.$iter().for_each(&mut *visit);
                }
                self.output.$iter().for_each(&mut *visit);
                let keys = self.order.$iter();
                keys.map(|key| &$($mutable)? key.expr).for_each(&mut *visit);
                self.limit.$iter().for_each(&mut *visit);
                self.offset.$iter().for_each(&mut *visit);
            }
        }

        impl Aggregate {
            fn $visit_aggregate(&$($mutable)? self, visit: &mut dyn FnMut(&$($mutable)? Expr)) {
                self.arguments.$iter().for_each(&mut *visit);
                self.filter.$iter().for_each(&mut *visit);
                let keys = self.order.$iter();
                keys.map(|key| &$($mutable)? key.expr).for_each(visit);
            }
        }

        impl WindowCall {
            /// Every expression that the call is made of.
            pub(in crate::postgres) fn $visit_call(
                &$($mutable)? self,
                visit: &mut dyn FnMut(&$($mutable)? Expr),
            ) {
                match &$($mutable)? self.function {
                    WindowFunction::Aggregate(aggregate) => aggregate.$visit_aggregate(visit),
                    WindowFunction::RowNumber
                    | WindowFunction::Rank
                    | WindowFunction::DenseRank => {}
                    WindowFunction::Lag { value, offset, default, .. } => {
                        visit(value);
                        visit(offset);
                        visit(default);
                    }
                    WindowFunction::FirstValue(value) | WindowFunction::LastValue(value) => {
                        visit(value);
                    }
                }
                self.partition.$iter().for_each(&mut *visit);
                let keys = self.order.$iter();
                keys.map(|key| &$($mutable)? key.expr).for_each(visit);
            }
        }

        impl Node {
            pub(in crate::postgres) fn $visit_node(
                &$($mutable)? self,
                visit: &mut dyn FnMut(&$($mutable)? Expr),
            ) {
                match self {
                    Node::Scan(scan) => {
                        match &$($mutable)? scan.access {
                            Access::Sequential | Access::Current(_) => {}
                            Access::Index { keys, range, .. } => {
                                keys.$iter().flatten().for_each(&mut *visit);
                                let bounds = range.low.$iter().chain(range.high.$iter());
                                bounds.map(|(bound, _)| bound).for_each(&mut *visit);
                            }
                            Access::Hash { key, .. } => key.$iter().for_each(&mut *visit),
                        }
                        scan.filter.$iter().for_each(visit);
                    }
                    Node::Rows(source) => {
                        match &$($mutable)? source.rows {
                            Rows::Query(plan) => plan.query.$visit_query(visit),
                            Rows::Function(call) => visit(call),
                            Rows::Zipped(calls) => calls.$iter().for_each(&mut *visit),
                            Rows::Cte(_) | Rows::Catalog(_) | Rows::Sequence(_) => {}
                        }
                        source.filter.$iter().for_each(visit);
                    }
                    Node::Join(join) => {
                        join.left.$visit_node(visit);
                        join.right.$visit_node(visit);
                        join.on.$iter().for_each(&mut *visit);
                        join.filter.$iter().for_each(visit);
                    }
                }
            }
        }
    };
}

walk!(
    visit,
    visit_select,
    visit_aggregate,
    visit_call,
    visit_node,
    iter
);
walk!(
    visit_mut,
    visit_select_mut,
    visit_aggregate_mut,
    visit_call_mut,
    visit_node_mut,
    iter_mut,
    mut
);

impl Query {
    /// The slots that it reads, its own among them.
    pub(in crate::postgres) fn slots(&self) -> u64 {
        let mut set = 0;
        self.visit(&mut |expr| set |= expr.slots());
        set
    }
}
