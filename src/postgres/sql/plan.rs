//! What a statement will do, with nothing left to look up.
//!
//! Every relation of a statement has a slot of its own in the frame of rows
//! that expressions read. The slots of a subquery come after those of the
//! queries around it, so a correlated subquery finds the rows of the outer
//! query where its own analysis put them.

use std::sync::Arc;

use super::expr::Expr;
use crate::postgres::catalog::SystemTable;
use crate::postgres::error::{Error, Result};
use crate::postgres::locks::LockMode;
use crate::postgres::storage::RowLockMode;
use crate::postgres::storage::sequence::SequenceId;
use crate::postgres::storage::table::{IndexDef, IndexKey, TableDef, TableId};
use crate::postgres::types::Type;

/// A statement that reads or writes rows.
#[derive(Debug)]
pub(in crate::postgres) struct Plan {
    pub(in crate::postgres) action: Action,
    /// What WITH names, and what must be run once before the rest.
    pub(in crate::postgres) ctes: Vec<Cte>,
    pub(in crate::postgres) params: Vec<Type>,
    pub(in crate::postgres) output: Vec<OutputColumn>,
    /// The locks to hold before it runs.
    pub(in crate::postgres) tables: Vec<(TableId, LockMode)>,
    /// The cursors on whose rows it works, each with the table.
    pub(in crate::postgres) cursors: Vec<(Arc<str>, TableId)>,
    /// The catalog that it was made for.
    pub(in crate::postgres) catalog_version: u64,
    /// True if a query may do something, or give something else the next time.
    pub(in crate::postgres) volatile: bool,
    /// What PostgreSQL finds when it plans the statement: it can be prepared,
    /// and not be run.
    pub(in crate::postgres) refused: Option<Error>,
}

impl Plan {
    /// Refuses what cannot be planned.
    pub(in crate::postgres) fn refuse_if_unplanned(&self) -> Result<()> {
        self.refused.clone().map_or(Ok(()), Err)
    }

    /// The command that a read-only transaction must not run. What a query of
    /// WITH writes is refused in the name of the whole.
    pub(in crate::postgres) fn writes(&self) -> Option<&'static str> {
        let within = self.ctes.iter().filter_map(|cte| match &cte.body {
            CteBody::Action(action) => action.writes(),
            CteBody::Recursive(_) => None,
        });
        let within = within.map(|command| match command {
            "INSERT" | "UPDATE" | "DELETE" => "SELECT",
            locking => locking,
        });
        self.action.writes().or_else(|| within.max())
    }

    /// True if it changes no row, though it may lock some.
    pub(in crate::postgres) fn is_query(&self) -> bool {
        let changes = |cte: &Cte| match &cte.body {
            CteBody::Action(action) => !matches!(**action, Action::Select(_)),
            CteBody::Recursive(_) => false,
        };
        matches!(self.action, Action::Select(_)) && !self.ctes.iter().any(changes)
    }
}

impl Plan {
    /// True if the rows of a query can be had backwards at no cost: where a
    /// cursor may then scroll without being told to.
    pub(in crate::postgres) fn goes_backward(&self) -> bool {
        matches!(&self.action, Action::Select(query) if query.goes_backward())
    }

    /// The locks that a query takes on rows.
    pub(in crate::postgres) fn locks(&self) -> &[RowLock] {
        match &self.action {
            Action::Select(Query::Select(select)) => &select.locks,
            _ => &[],
        }
    }

    /// The slot of a table whose rows a query gives one by one as a scan finds
    /// them: WHERE CURRENT OF its cursor means that one. (PostgreSQL decides
    /// by its plan; here an order that an index has is taken from there.)
    pub(in crate::postgres) fn scanned_slot(&self, table: TableId) -> Option<usize> {
        match &self.action {
            Action::Select(query) => query.scanned_slot(table),
            _ => None,
        }
    }

    /// True if all that it does with a table is to add rows.
    pub(in crate::postgres) fn inserts_into(&self, table: TableId) -> bool {
        matches!(&self.action, Action::Insert(insert)
            if insert.conflict.is_none() && insert.table.id == table)
    }
}

impl Action {
    fn writes(&self) -> Option<&'static str> {
        match self {
            Action::Select(Query::Select(select)) => {
                select.locks.first().map(|lock| match lock.mode {
                    RowLockMode::KeyShare => "SELECT FOR KEY SHARE",
                    RowLockMode::Share => "SELECT FOR SHARE",
                    RowLockMode::NoKeyUpdate => "SELECT FOR NO KEY UPDATE",
                    RowLockMode::Update => "SELECT FOR UPDATE",
                })
            }
            Action::Select(_) => None,
            Action::Insert(_) => Some("INSERT"),
            Action::Update(_) => Some("UPDATE"),
            Action::Delete(_) => Some("DELETE"),
        }
    }
}

/// True if a query, or one of its WITH, may do something, or give something
/// else the next time.
pub(in crate::postgres) fn is_volatile(action: &Action, ctes: &[Cte]) -> bool {
    let own = match action {
        Action::Select(query) => Some(query),
        _ => None,
    };
    let queries = ctes.iter().flat_map(|cte| cte.body.queries());
    queries.chain(own).any(Query::is_volatile)
}

/// A column of the result.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct OutputColumn {
    pub(in crate::postgres) name: String,
    pub(in crate::postgres) ty: Type,
    pub(in crate::postgres) modifier: i32,
    /// The table column that it shows: table and column number.
    pub(in crate::postgres) origin: Option<(TableId, i16)>,
}

#[derive(Debug)]
pub(in crate::postgres) enum Action {
    Select(Query),
    Insert(Insert),
    Update(Update),
    Delete(Delete),
}

/// One query of WITH.
#[derive(Debug)]
pub(in crate::postgres) struct Cte {
    pub(in crate::postgres) body: CteBody,
    /// True once something reads it. A SELECT that nothing reads is not run;
    /// a change that nothing reads is made after the main statement.
    pub(in crate::postgres) read: bool,
}

#[derive(Debug)]
pub(in crate::postgres) enum CteBody {
    Action(Box<Action>),
    Recursive(Recursion),
}

/// What gives rows.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) enum Query {
    Select(Box<Select>),
    Values(Vec<Vec<Expr>>),
    Set(Box<SetOperation>),
    With(Box<WithQuery>),
}

impl CteBody {
    fn queries(&self) -> impl Iterator<Item = &Query> {
        let (one, other) = match self {
            CteBody::Action(action) => match &**action {
                Action::Select(query) => (Some(query), None),
                _ => (None, None),
            },
            CteBody::Recursive(recursion) => (Some(&recursion.first), Some(&recursion.step)),
        };
        one.into_iter().chain(other)
    }
}

impl Query {
    fn is_volatile(&self) -> bool {
        let mut volatile = false;
        self.visit(&mut |expr| volatile |= expr.is_volatile());
        volatile
    }

    fn goes_backward(&self) -> bool {
        match self {
            Query::Values(_) => true,
            Query::With(with) => with.query.goes_backward(),
            Query::Set(set) => {
                let appends = set.kind == SetKind::Union && set.all;
                appends && set.left.goes_backward() && set.right.goes_backward()
            }
            Query::Select(select) if !select.locks.is_empty() => false,
            Query::Select(select) if select.distinct != Distinct::No => false,
            Query::Select(select) if !select.streams() => !select.order.is_empty(),
            Query::Select(select) => match &select.from {
                Some(Node::Rows(source)) => match &source.rows {
                    Rows::Query(plan) => plan.query.goes_backward(),
                    _ => true,
                },
                from => matches!(from, Some(Node::Scan(_))),
            },
        }
    }

    fn scanned_slot(&self, table: TableId) -> Option<usize> {
        match self {
            Query::Select(select) if select.is_plain() => match &select.from {
                Some(Node::Scan(scan)) if scan.table.id == table => (select.streams()
                    || scan.sorted_by(&select.order).is_some())
                .then_some(scan.slot),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Scan {
    /// The index that has the rows in this order: PostgreSQL takes those of a
    /// cursor from there, and does not sort.
    pub(in crate::postgres) fn sorted_by(&self, order: &[SortKey]) -> Option<&IndexDef> {
        let follows = |key: &IndexKey, wanted: &SortKey, backward: bool| {
            let column = match wanted.expr {
                Expr::Column { slot, column } if slot == self.slot => Some(column),
                _ => None,
            };
            column.is_some()
                && key.column() == column
                && (key.descending != backward) == wanted.descending
                && (key.nulls_first != backward) == wanted.nulls_first
        };
        let mut indexes = self.table.indexes.iter();
        indexes.find(|index| {
            let along = |backward| {
                let mut pairs = index.keys.iter().zip(order);
                pairs.all(|(key, wanted)| follows(key, wanted, backward))
            };
            let sorts = !order.is_empty() && index.keys.len() >= order.len();
            let whole = index.predicate.is_none() && sorts;
            whole && (along(false) || along(true))
        })
    }
}

/// A query with a WITH that depends on the query around it, and so is run
/// with it each time.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) struct WithQuery {
    /// What WITH names, by number.
    pub(in crate::postgres) ctes: Vec<(usize, LocalCte)>,
    pub(in crate::postgres) query: Query,
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) enum LocalCte {
    Query(Query),
    Recursive(Recursion),
}

/// WITH RECURSIVE: the first rows, and what follows from the last ones.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) struct Recursion {
    pub(in crate::postgres) first: Query,
    pub(in crate::postgres) step: Query,
    /// UNION ALL keeps duplicates.
    pub(in crate::postgres) all: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) struct SetOperation {
    pub(in crate::postgres) kind: SetKind,
    pub(in crate::postgres) all: bool,
    pub(in crate::postgres) left: Query,
    pub(in crate::postgres) right: Query,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum SetKind {
    Union,
    Intersect,
    Except,
}

/// A query inside an expression.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) struct SubPlan {
    /// Tells it from the others of its statement.
    pub(in crate::postgres) id: usize,
    /// Its first slot: the frame around it is cut here.
    pub(in crate::postgres) base: usize,
    /// False if its result is the same every time.
    pub(in crate::postgres) correlated: bool,
    pub(in crate::postgres) query: Query,
}

/// A part of FROM.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) enum Node {
    Scan(Scan),
    Rows(RowSource),
    Join(Box<Join>),
}

/// A table, and how to find its rows. Rows of what stands to the left of it
/// in the joins around it are at hand.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Scan {
    pub(in crate::postgres) slot: usize,
    pub(in crate::postgres) table: Arc<TableDef>,
    pub(in crate::postgres) access: Access,
    /// What is asked of a row.
    pub(in crate::postgres) filter: Vec<Expr>,
    /// True if ctid, xmin and their kin are appended to the row.
    pub(in crate::postgres) system: bool,
}

impl PartialEq for Scan {
    fn eq(&self, other: &Scan) -> bool {
        self.slot == other.slot && self.table.id == other.table.id && self.filter == other.filter
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) enum Access {
    /// All rows, in physical order.
    Sequential,
    /// Rows whose leading key columns have one of these lists of values, the
    /// next one within bounds.
    Index {
        index: usize,
        keys: Vec<Vec<Expr>>,
        range: Range,
        /// In which order of its keys they come, one by one; None for the
        /// physical order, after all of them are known.
        direction: Option<ScanDirection>,
    },
    /// Rows by these columns' values, in a table of the statement's own: a
    /// hash join.
    Hash { columns: Vec<usize>, key: Vec<Expr> },
    /// The row on which a cursor stands.
    Current(Arc<str>),
}

/// Which way an index is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum ScanDirection {
    Forward,
    Backward,
}

/// Bounds of one index column: each with whether it belongs to the range.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::postgres) struct Range {
    pub(in crate::postgres) low: Option<(Expr, bool)>,
    pub(in crate::postgres) high: Option<(Expr, bool)>,
}

/// Rows that are no table's.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) struct RowSource {
    pub(in crate::postgres) slot: usize,
    pub(in crate::postgres) width: usize,
    pub(in crate::postgres) rows: Rows,
    pub(in crate::postgres) filter: Vec<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) enum Rows {
    Query(SubPlan),
    /// A set-returning function: each of its values is a row.
    Function(Expr),
    /// Such functions side by side: NULLs go on where one ends before others.
    Zipped(Vec<Expr>),
    /// The result of a query of WITH.
    Cte(usize),
    /// A table of the system catalog.
    Catalog(&'static SystemTable),
    /// What a sequence has in the place of a row.
    Sequence(SequenceId),
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) struct Join {
    pub(in crate::postgres) kind: JoinKind,
    pub(in crate::postgres) left: Node,
    pub(in crate::postgres) right: Node,
    /// What makes rows of both sides match.
    pub(in crate::postgres) on: Vec<Expr>,
    /// What is asked of the joined row after that.
    pub(in crate::postgres) filter: Vec<Expr>,
}

/// A right join is a left join the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum JoinKind {
    Inner,
    Left,
    Full,
}

impl Node {
    /// The slots that it fills, with the widths of their rows.
    pub(in crate::postgres) fn slots(&self) -> Vec<(usize, usize)> {
        match self {
            Node::Scan(scan) => vec![(scan.slot, scan.width())],
            Node::Rows(source) => vec![(source.slot, source.width)],
            Node::Join(join) => {
                let mut slots = join.left.slots();
                slots.extend(join.right.slots());
                slots
            }
        }
    }

    /// The slot after the last that it fills.
    pub(in crate::postgres) fn end(&self) -> usize {
        match self {
            Node::Scan(scan) => scan.slot + 1,
            Node::Rows(source) => source.slot + 1,
            Node::Join(join) => join.left.end().max(join.right.end()),
        }
    }

    /// The scan of a slot, if a table stands there.
    pub(in crate::postgres) fn scan(&self, slot: usize) -> Option<&Scan> {
        match self {
            Node::Scan(scan) => (scan.slot == slot).then_some(scan),
            Node::Rows(_) => None,
            Node::Join(join) => join.left.scan(slot).or_else(|| join.right.scan(slot)),
        }
    }

    /// As [`Node::scan`], to be changed.
    pub(in crate::postgres) fn scan_mut(&mut self, slot: usize) -> Option<&mut Scan> {
        match self {
            Node::Scan(scan) => (scan.slot == slot).then_some(scan),
            Node::Rows(_) => None,
            Node::Join(join) => match join.left.scan_mut(slot) {
                Some(scan) => Some(scan),
                None => join.right.scan_mut(slot),
            },
        }
    }
}

/// The columns that every table has and no `*` shows, in the order in which
/// they are appended to a row.
pub(in crate::postgres) const SYSTEM_COLUMNS: [(&str, Type); 6] = [
    ("ctid", Type::Tid),
    ("xmin", Type::Xid),
    ("xmax", Type::Xid),
    ("cmin", Type::Cid),
    ("cmax", Type::Cid),
    ("tableoid", Type::Oid),
];

impl Scan {
    fn width(&self) -> usize {
        let system = if self.system { SYSTEM_COLUMNS.len() } else { 0 };
        self.table.columns.len() + system
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) struct Select {
    /// Its first slot.
    pub(in crate::postgres) base: usize,
    pub(in crate::postgres) from: Option<Node>,
    /// A condition without columns of FROM.
    pub(in crate::postgres) filter: Vec<Expr>,
    pub(in crate::postgres) grouping: Option<Grouping>,
    pub(in crate::postgres) windows: Option<Windows>,
    pub(in crate::postgres) output: Vec<Expr>,
    pub(in crate::postgres) distinct: Distinct,
    pub(in crate::postgres) order: Vec<SortKey>,
    /// The rows of FROM come in this order.
    pub(in crate::postgres) presorted: bool,
    pub(in crate::postgres) limit: Option<Expr>,
    /// FETCH ... WITH TIES: the limit takes in what sorts equal to its last.
    pub(in crate::postgres) with_ties: bool,
    pub(in crate::postgres) offset: Option<Expr>,
    pub(in crate::postgres) locks: Vec<RowLock>,
}

impl Select {
    /// True if each row of FROM that meets the conditions is a result row.
    pub(in crate::postgres) fn is_plain(&self) -> bool {
        self.grouping.is_none() && self.windows.is_none() && self.distinct == Distinct::No
    }

    /// True if its first rows can be had without knowing all of them.
    pub(in crate::postgres) fn streams(&self) -> bool {
        self.is_plain() && (self.order.is_empty() || self.presorted)
    }

    /// True if each row of a query of WITH makes one of its own, and it reads
    /// nothing else.
    pub(in crate::postgres) fn passes_on(&self, cte: usize) -> bool {
        let Some(Node::Rows(source)) = &self.from else {
            return false;
        };
        let mut reads_more = false;
        self.visit_select(&mut |expr| {
            reads_more |= expr.any(&mut |part| matches!(part, Expr::Subquery(..)));
        });
        let streams = self.streams() && !self.with_ties && self.filter.is_empty();
        source.rows == Rows::Cte(cte) && source.filter.is_empty() && streams && !reads_more
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) enum Distinct {
    No,
    /// Every result row once.
    Rows,
    /// The first row of each list of values.
    On(Vec<Expr>),
}

/// GROUP BY: rows become one row of keys and aggregates per group, in the
/// first slot of the query.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) struct Grouping {
    pub(in crate::postgres) keys: Vec<Expr>,
    /// Which keys count, for each grouping set; the others are NULL.
    pub(in crate::postgres) sets: Vec<Vec<usize>>,
    pub(in crate::postgres) aggregates: Vec<Aggregate>,
    pub(in crate::postgres) having: Option<Expr>,
}

impl Grouping {
    /// What a query groups by, or what it has that asks for a group.
    pub(in crate::postgres) fn clause(&self) -> &'static str {
        match self {
            Grouping { keys, .. } if !keys.is_empty() => "GROUP BY clause",
            Grouping {
                having: Some(_), ..
            } => "HAVING clause",
            _ => "aggregate functions",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) struct Aggregate {
    pub(in crate::postgres) function: AggregateFunction,
    /// None for count(*).
    pub(in crate::postgres) arguments: Vec<Expr>,
    pub(in crate::postgres) distinct: bool,
    pub(in crate::postgres) order: Vec<SortKey>,
    pub(in crate::postgres) filter: Option<Expr>,
    pub(in crate::postgres) ty: Type,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum AggregateFunction {
    Count,
    Sum,
    Avg,
    Min,
    Max,
    BoolAnd,
    BoolOr,
    StringAgg,
    ArrayAgg,
    JsonAgg,
    JsonObjectAgg,
}

/// Window functions: their values fill a slot of their own.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) struct Windows {
    pub(in crate::postgres) slot: usize,
    pub(in crate::postgres) calls: Vec<WindowCall>,
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) struct WindowCall {
    pub(in crate::postgres) function: WindowFunction,
    pub(in crate::postgres) partition: Vec<Expr>,
    pub(in crate::postgres) order: Vec<SortKey>,
    pub(in crate::postgres) frame: Frame,
}

impl WindowCall {
    /// True if its rows have to be in some order.
    pub(in crate::postgres) fn sorts(&self) -> bool {
        !self.partition.is_empty() || !self.order.is_empty()
    }

    /// True if it is over the same rows, in the same order.
    pub(in crate::postgres) fn is_over_same(&self, other: &WindowCall) -> bool {
        self.partition == other.partition && self.order == other.order
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) enum WindowFunction {
    Aggregate(Aggregate),
    RowNumber,
    Rank,
    DenseRank,
    /// A value of the row this many before (or, if negative, after) it, or
    /// the default.
    Lag {
        value: Expr,
        offset: Expr,
        default: Expr,
        forward: bool,
    },
    FirstValue(Expr),
    LastValue(Expr),
}

/// Which rows of its partition a window function sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum Frame {
    /// All of the partition.
    Partition,
    /// From its start to the last peer of the current row.
    Range,
    /// From its start to the current row.
    Rows,
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) struct SortKey {
    pub(in crate::postgres) expr: Expr,
    pub(in crate::postgres) descending: bool,
    pub(in crate::postgres) nulls_first: bool,
}

/// FOR UPDATE and its kin, on one table of FROM.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::postgres) struct RowLock {
    pub(in crate::postgres) slot: usize,
    pub(in crate::postgres) table: TableId,
    pub(in crate::postgres) mode: RowLockMode,
    pub(in crate::postgres) policy: WaitPolicy,
}

/// What to do about a row that somebody else holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum WaitPolicy {
    Block,
    Error,
    Skip,
}

#[derive(Debug)]
pub(in crate::postgres) struct Insert {
    pub(in crate::postgres) table: Arc<TableDef>,
    pub(in crate::postgres) source: InsertSource,
    pub(in crate::postgres) conflict: Option<OnConflict>,
    pub(in crate::postgres) returning: Option<Vec<Expr>>,
    /// True if system columns are asked for.
    pub(in crate::postgres) system: bool,
}

#[derive(Debug)]
pub(in crate::postgres) enum InsertSource {
    /// Whole rows.
    Values(Vec<Vec<Expr>>),
    /// A query, and the whole row made from each of its rows.
    Query(Query, Vec<Expr>),
}

#[derive(Debug)]
pub(in crate::postgres) struct OnConflict {
    /// The numbers of the unique indexes that count: all of them if none is
    /// named.
    pub(in crate::postgres) arbiters: Vec<u32>,
    pub(in crate::postgres) update: Option<ConflictUpdate>,
}

/// DO UPDATE. The existing row is in slot 0, EXCLUDED in slot 1.
#[derive(Debug)]
pub(in crate::postgres) struct ConflictUpdate {
    pub(in crate::postgres) assignments: Vec<(usize, Expr)>,
    pub(in crate::postgres) filter: Option<Expr>,
}

/// The target is in slot 0.
#[derive(Debug)]
pub(in crate::postgres) struct Update {
    pub(in crate::postgres) table: Arc<TableDef>,
    pub(in crate::postgres) source: Matching,
    pub(in crate::postgres) assignments: Vec<(usize, Expr)>,
    pub(in crate::postgres) returning: Option<Vec<Expr>>,
}

/// The target is in slot 0.
#[derive(Debug)]
pub(in crate::postgres) struct Delete {
    pub(in crate::postgres) table: Arc<TableDef>,
    pub(in crate::postgres) source: Matching,
    pub(in crate::postgres) returning: Option<Vec<Expr>>,
}

/// The rows that UPDATE or DELETE is about, joined with those of the other
/// tables.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) struct Matching {
    pub(in crate::postgres) from: Node,
    /// A condition without columns.
    pub(in crate::postgres) filter: Vec<Expr>,
}
