//! In which order to join, and how to find the rows of each table.
//!
//! Conditions go to the first place at which all their columns are at hand.
//! Of the tables that could be next, the one comes first whose rows an index
//! finds: the longest prefix of keys that conditions fix wins, a unique index
//! before another; a range of an index is better than all rows; what no index
//! finds but an equality joins is looked up by hash.

use std::sync::Arc;

use super::from::Tree;
use super::implied::is_implied;
use super::quals;
use crate::postgres::sql::expr::{Comparison, Expr};
use crate::postgres::sql::plan::{Access, Join, JoinKind, Node, Range, Rows, Scan};
use crate::postgres::storage::table::{IndexDef, TableDef};

/// More key values than this from IN lists are not looked up one by one.
const KEYS_MAX: usize = 1_000;

/// A scan of a table's rows that meet conditions on its columns, which are in
/// slot 0.
pub(in crate::postgres) fn find_rows(table: &Arc<TableDef>, conditions: Vec<Expr>) -> Node {
    let scan = Scan {
        slot: 0,
        table: table.clone(),
        access: Access::Sequential,
        filter: Vec::new(),
        system: false,
    };
    restrict(Node::Scan(scan), conditions, 0)
}

/// How good an access path is: greater is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Score {
    /// One row at most.
    unique: bool,
    columns: usize,
    range: bool,
    hash: bool,
}

pub(super) fn slots(node: &Node) -> u64 {
    node.slots()
        .iter()
        .fold(0, |set, (slot, _)| set | 1 << slot)
}

/// What a node needs to be at hand before its rows can be computed.
fn needs(node: &Node) -> u64 {
    match node {
        Node::Scan(_) => 0,
        Node::Rows(source) => match &source.rows {
            Rows::Query(plan) => plan.query.slots() & ((1 << plan.base) - 1),
            Rows::Function(call) => call.slots(),
            Rows::Zipped(calls) => calls.iter().fold(0, |set, call| set | call.slots()),
            Rows::Cte(_) | Rows::Catalog(_) | Rows::Sequence(_) => 0,
        },
        Node::Join(join) => {
            let on = join.on.iter().fold(0, |set, expr| set | expr.slots());
            (needs(&join.left) | needs(&join.right) | on) & !slots(node)
        }
    }
}

/// True for a condition that depends on no row and has to be asked of each.
fn is_for_each_row(condition: &Expr) -> bool {
    condition.slots() == 0 && condition.is_volatile()
}

/// Takes those conditions out of a list that need no more than `known`.
fn take_ready(conditions: &mut Vec<Expr>, known: u64) -> Vec<Expr> {
    conditions
        .extract_if(.., |condition| condition.slots() & !known == 0)
        .collect()
}

/// An outer join of two trees. What ON asks of the right side alone, or of it
/// with the left side's rows, is asked where the right side's rows are found.
pub(super) fn outer_join(
    kind: JoinKind,
    left: Tree,
    mut right: Tree,
    mut on: Vec<Expr>,
    outer: u64,
) -> Node {
    let left = plan_whole(left, outer);
    let mut known = outer;
    if kind == JoinKind::Left {
        known |= slots(&left);
        let within = right
            .nodes
            .iter()
            .fold(known, |set, node| set | slots(node));
        right.conditions.extend(take_ready(&mut on, within));
    }
    let right = plan_whole(right, known);
    Node::Join(Box::new(Join {
        kind,
        left,
        right,
        on,
        filter: Vec::new(),
    }))
}

/// A tree with all of its conditions.
fn plan_whole(tree: Tree, known: u64) -> Node {
    let (node, rest) = plan_joins(tree, known);
    restrict(node, rest, known)
}

/// Puts the nodes of a tree in order, with its conditions where they belong;
/// `known` is at hand before the first. What is left over needs no node.
pub(super) fn plan_joins(tree: Tree, mut known: u64) -> (Node, Vec<Expr>) {
    let Tree {
        nodes,
        mut conditions,
    } = tree;
    let for_each_row: Vec<Expr> = conditions.extract_if(.., |c| is_for_each_row(c)).collect();
    let mut rest = take_ready(&mut conditions, known);
    let outer = known;
    let mut waiting: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
    let mut planned: Option<Node> = None;
    while let Some(next) = choose(&waiting, &conditions, known) {
        let Some(node) = waiting[next].take() else {
            break;
        };
        let ready = take_ready(&mut conditions, known | slots(&node));
        let outer_known = known;
        known |= slots(&node);
        planned = Some(match planned {
            None => restrict(node, ready, outer_known),
            Some(left) => Node::Join(Box::new(Join {
                kind: JoinKind::Inner,
                left,
                right: restrict(node, ready, outer_known),
                on: Vec::new(),
                filter: Vec::new(),
            })),
        });
    }
    rest.extend(conditions);
    quals::order(&mut rest, None);
    let node = planned.unwrap_or_else(nothing);
    let node = match for_each_row.is_empty() {
        true => node,
        false => restrict(node, for_each_row, outer),
    };
    (node, rest)
}

/// A FROM of no tables gives one empty row.
fn nothing() -> Node {
    Node::Rows(crate::postgres::sql::plan::RowSource {
        slot: 0,
        width: 0,
        rows: Rows::Function(Expr::Array(vec![Expr::Const(
            crate::postgres::types::Value::Null,
        )])),
        filter: Vec::new(),
    })
}

/// The node to join next: whose needs are met, and whose rows are found best.
fn choose(waiting: &[Option<Node>], conditions: &[Expr], known: u64) -> Option<usize> {
    let only = waiting.iter().flatten().count() == 1;
    let mut best: Option<(usize, Score)> = None;
    for (index, node) in waiting.iter().enumerate() {
        let Some(node) = node else {
            continue;
        };
        if needs(node) & !known != 0 {
            continue;
        }
        let score = match node {
            Node::Scan(scan) if !only => {
                let usable = |c: &&Expr| c.slots() & !(known | 1 << scan.slot) == 0;
                let usable: Vec<&Expr> = conditions.iter().filter(usable).collect();
                access(scan, &usable, known).1
            }
            _ => Score::default(),
        };
        if best.is_none_or(|(_, other)| score > other) {
            best = Some((index, score));
        }
    }
    best.map(|(index, _)| index)
}

/// Asks conditions of a node, `known` being at hand.
pub(super) fn restrict(node: Node, conditions: Vec<Expr>, known: u64) -> Node {
    match node {
        Node::Scan(mut scan) => {
            scan.filter.extend(conditions);
            let own = Some((scan.slot, &*scan.table));
            quals::order(&mut scan.filter, own);
            let all: Vec<&Expr> = scan.filter.iter().collect();
            scan.access = access(&scan, &all, known).0;
            Node::Scan(scan)
        }
        Node::Rows(mut source) => {
            source.filter.extend(conditions);
            quals::order(&mut source.filter, None);
            Node::Rows(source)
        }
        Node::Join(mut join) => {
            // What may differ from row to row is asked of every row.
            let (volatile, mut conditions): (Vec<_>, Vec<_>) =
                conditions.into_iter().partition(is_for_each_row);
            // What concerns the side that is kept whole is asked there first.
            if join.kind != JoinKind::Full {
                let left = take_ready(&mut conditions, known | slots(&join.left));
                join.left = restrict(join.left, left, known);
            }
            if join.kind == JoinKind::Inner {
                let known = known | slots(&join.left);
                let right = take_ready(&mut conditions, known | slots(&join.right));
                join.right = restrict(join.right, right, known);
            }
            join.filter.extend(conditions);
            join.filter.extend(volatile);
            quals::order(&mut join.filter, None);
            Node::Join(join)
        }
    }
}

/// The best way to find the rows of a scan that meet conditions.
fn access(scan: &Scan, conditions: &[&Expr], known: u64) -> (Access, Score) {
    let mut best = Access::Sequential;
    let mut best_score = Score::default();
    for (index, def) in scan.table.indexes.iter().enumerate() {
        if !covers(def, scan.slot, conditions) {
            continue;
        }
        let (keys, range) = index_keys(def, scan.slot, conditions, known);
        let columns = keys.first().map_or(0, Vec::len);
        let score = Score {
            unique: def.unique && columns == def.keys.len(),
            columns,
            range: range != Range::default(),
            hash: false,
        };
        if score > best_score {
            best_score = score;
            best = Access::Index {
                index,
                keys,
                range,
                direction: None,
            };
        }
    }
    if best_score == Score::default()
        && let Some(hash) = hash(scan, conditions)
    {
        best_score.hash = true;
        best = hash;
    }
    (best, best_score)
}

/// True if an index has every row that meets the conditions.
pub(super) fn covers(def: &IndexDef, slot: usize, conditions: &[&Expr]) -> bool {
    let Some(predicate) = &def.predicate else {
        return true;
    };
    is_implied(conditions, &at_slot(predicate, slot))
}

/// An expression over a table's own row, as one over a slot.
pub(super) fn at_slot(expr: &Expr, slot: usize) -> Expr {
    let mut expr = expr.clone();
    expr.rewrite(&mut |part| match part {
        Expr::Column { column, .. } => Some(Expr::Column {
            slot,
            column: *column,
        }),
        _ => None,
    });
    expr
}

/// The lists of key values, and the bounds of the column after them.
pub(super) fn index_keys(
    def: &IndexDef,
    slot: usize,
    conditions: &[&Expr],
    known: u64,
) -> (Vec<Vec<Expr>>, Range) {
    let mut keys: Vec<Vec<Expr>> = vec![Vec::new()];
    for key in &def.keys {
        let target = at_slot(&key.expr, slot);
        let Some(values) = fixed(&target, conditions, known) else {
            return (keys, range(&target, conditions, known));
        };
        if keys.len() * values.len() > KEYS_MAX {
            break;
        }
        if let [value] = &values[..] {
            for list in &mut keys {
                list.reserve_exact(def.keys.len() - list.len());
                list.push(value.clone());
            }
            continue;
        }
        keys = keys
            .iter()
            .flat_map(|key| {
                values.iter().map(|value| {
                    let mut key = key.clone();
                    key.push(value.clone());
                    key
                })
            })
            .collect();
    }
    (keys, Range::default())
}

/// True if an expression can be had before the rows of the scan.
fn ready(expr: &Expr, known: u64) -> bool {
    expr.slots() & !known == 0 && !expr.is_volatile()
}

/// The values that conditions fix something to, if they do.
fn fixed(target: &Expr, conditions: &[&Expr], known: u64) -> Option<Vec<Expr>> {
    conditions.iter().find_map(|condition| match condition {
        Expr::Compare(Comparison::Equal, left, right) => {
            let (left, right) = (&**left, &**right);
            if left == target && ready(right, known) {
                Some(vec![right.clone()])
            } else if right == target && ready(left, known) {
                Some(vec![left.clone()])
            } else {
                None
            }
        }
        Expr::In {
            operand,
            list,
            negated: false,
        } if **operand == *target && list.iter().all(|item| ready(item, known)) => {
            Some(list.clone())
        }
        _ => None,
    })
}

/// The bounds that conditions set to something.
fn range(target: &Expr, conditions: &[&Expr], known: u64) -> Range {
    let mut range = Range::default();
    for condition in conditions {
        let Expr::Compare(comparison, left, right) = condition else {
            continue;
        };
        let (comparison, bound) = if **left == *target && ready(right, known) {
            (*comparison, right)
        } else if **right == *target && ready(left, known) {
            (comparison.flip(), left)
        } else {
            continue;
        };
        let bound = (**bound).clone();
        match comparison {
            Comparison::Greater => _ = range.low.get_or_insert((bound, false)),
            Comparison::GreaterOrEqual => _ = range.low.get_or_insert((bound, true)),
            Comparison::Less => _ = range.high.get_or_insert((bound, false)),
            Comparison::LessOrEqual => _ = range.high.get_or_insert((bound, true)),
            Comparison::Equal | Comparison::NotEqual => {}
        }
    }
    range
}

/// Equalities between columns and what is known from other tables' rows.
fn hash(scan: &Scan, conditions: &[&Expr]) -> Option<Access> {
    let mut columns = Vec::new();
    let mut key = Vec::new();
    for condition in conditions {
        let Expr::Compare(Comparison::Equal, left, right) = condition else {
            continue;
        };
        for (side, other) in [(left, right), (right, left)] {
            if let Expr::Column { slot, column } = **side
                && slot == scan.slot
                && column < scan.table.columns.len()
                && other.slots() != 0
                && other.slots() & 1 << slot == 0
                && !other.is_volatile()
            {
                columns.push(column);
                key.push((**other).clone());
                break;
            }
        }
    }
    (!columns.is_empty()).then_some(Access::Hash { columns, key })
}
