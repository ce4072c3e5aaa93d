//! What a statement will do, with nothing left to look up.

use std::sync::Arc;

use super::expr::Expr;
use crate::postgres::locks::LockMode;
use crate::postgres::storage::RowLockMode;
use crate::postgres::storage::table::{TableDef, TableId};
use crate::postgres::types::Type;

/// A statement that reads or writes rows.
#[derive(Debug)]
pub(in crate::postgres) struct Plan {
    pub(in crate::postgres) action: Action,
    pub(in crate::postgres) params: Vec<Type>,
    pub(in crate::postgres) output: Vec<OutputColumn>,
    /// The locks to hold before it runs.
    pub(in crate::postgres) tables: Vec<(TableId, LockMode)>,
    /// The catalog that it was made for.
    pub(in crate::postgres) catalog_version: u64,
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
    Select(Select),
    Insert(Insert),
    Update(Update),
    Delete(Delete),
}

/// One table of FROM, and how to find its rows. Rows of the tables before it
/// are at hand.
#[derive(Debug)]
pub(in crate::postgres) struct Scan {
    pub(in crate::postgres) table: Arc<TableDef>,
    pub(in crate::postgres) access: Access,
    /// LEFT JOIN: without a match, a row of NULLs.
    pub(in crate::postgres) outer: bool,
    /// What makes a row match.
    pub(in crate::postgres) matches: Vec<Expr>,
    /// What is asked of the joined row after that.
    pub(in crate::postgres) filter: Vec<Expr>,
}

#[derive(Debug)]
pub(in crate::postgres) enum Access {
    /// All rows, in physical order.
    Sequential,
    /// Rows whose leading key columns have one of these lists of values.
    Index { index: usize, keys: Vec<Vec<Expr>> },
}

#[derive(Debug)]
pub(in crate::postgres) struct Select {
    pub(in crate::postgres) from: Vec<Scan>,
    /// A condition without columns, or one on no table.
    pub(in crate::postgres) filter: Vec<Expr>,
    pub(in crate::postgres) grouping: Option<Grouping>,
    pub(in crate::postgres) output: Vec<Expr>,
    pub(in crate::postgres) distinct: bool,
    pub(in crate::postgres) order: Vec<SortKey>,
    pub(in crate::postgres) limit: Option<Expr>,
    pub(in crate::postgres) offset: Option<Expr>,
    pub(in crate::postgres) locks: Vec<RowLock>,
    /// VALUES: these rows instead of a FROM.
    pub(in crate::postgres) values: Option<Vec<Vec<Expr>>>,
}

/// GROUP BY: rows become one row of keys and aggregates per group.
#[derive(Debug)]
pub(in crate::postgres) struct Grouping {
    pub(in crate::postgres) keys: Vec<Expr>,
    pub(in crate::postgres) aggregates: Vec<Aggregate>,
    pub(in crate::postgres) having: Option<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) struct Aggregate {
    pub(in crate::postgres) function: AggregateFunction,
    /// None for count(*).
    pub(in crate::postgres) argument: Option<Expr>,
    pub(in crate::postgres) distinct: bool,
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
}

#[derive(Debug)]
pub(in crate::postgres) struct SortKey {
    pub(in crate::postgres) expr: Expr,
    pub(in crate::postgres) descending: bool,
    pub(in crate::postgres) nulls_first: bool,
}

/// FOR UPDATE and its kin, on one table of FROM.
#[derive(Debug, Clone, Copy)]
pub(in crate::postgres) struct RowLock {
    pub(in crate::postgres) relation: usize,
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
}

#[derive(Debug)]
pub(in crate::postgres) enum InsertSource {
    /// Whole rows.
    Values(Vec<Vec<Expr>>),
    /// A query, and the whole row made from each of its rows.
    Query(Box<Select>, Vec<Expr>),
}

#[derive(Debug)]
pub(in crate::postgres) struct OnConflict {
    /// The unique indexes that count: all of them if none is named.
    pub(in crate::postgres) arbiters: Vec<usize>,
    pub(in crate::postgres) update: Option<ConflictUpdate>,
}

/// DO UPDATE. The existing row is relation 0, EXCLUDED is relation 1.
#[derive(Debug)]
pub(in crate::postgres) struct ConflictUpdate {
    pub(in crate::postgres) assignments: Vec<(usize, Expr)>,
    pub(in crate::postgres) filter: Option<Expr>,
}

/// The target is the first table of `from`.
#[derive(Debug)]
pub(in crate::postgres) struct Update {
    pub(in crate::postgres) from: Vec<Scan>,
    pub(in crate::postgres) assignments: Vec<(usize, Expr)>,
    pub(in crate::postgres) returning: Option<Vec<Expr>>,
}

#[derive(Debug)]
pub(in crate::postgres) struct Delete {
    pub(in crate::postgres) from: Vec<Scan>,
    pub(in crate::postgres) returning: Option<Vec<Expr>>,
}
