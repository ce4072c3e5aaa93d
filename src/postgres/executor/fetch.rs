//! Running a query as its rows are fetched: what a portal does.
//!
//! Between two fetches the session runs other statements, and others run
//! theirs. The query sees none of it: it goes on with the snapshot that it
//! began with, from the row that it had come to.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::collect::{Origin, Slots};
use super::select::{QueryWork, Stage};
use super::{Execution, Mark, run_ctes};
use crate::postgres::error::{Error, Result};
use crate::postgres::sql::{Action, Plan, Query};
use crate::postgres::types::Row;

/// A query, as far as it has been run.
#[derive(Debug, Clone, Default)]
pub(in crate::postgres) struct Fetching {
    stage: Stage,
    /// What its WITH gave, and the subqueries that stay the same.
    ctes: Vec<Option<Arc<Vec<Row>>>>,
    cached: BTreeMap<usize, Arc<Vec<Row>>>,
    /// Of every row that it gave: what it was made of.
    pub(in crate::postgres) origins: Vec<Slots<Origin>>,
}

impl Fetching {
    /// True if it has no more rows.
    pub(in crate::postgres) fn has_ended(&self) -> bool {
        matches!(self.stage, Stage::End)
    }
}

/// The next rows of a query, no more than `wanted`: it has ended if there are
/// fewer. Its relations are locked.
pub(in crate::postgres) async fn fetch(
    run: &mut Execution<'_>,
    plan: &Plan,
    fetching: &mut Fetching,
    wanted: usize,
) -> Result<Vec<Row>> {
    let Action::Select(query) = &plan.action else {
        return Err(Error::unsupported("to fetch from this statement"));
    };
    let repeats = plan.volatile;
    loop {
        let mark = Mark::of(run);
        let before = repeats.then(|| fetching.clone());
        let attempt = attempt(run, plan, query, fetching, wanted).await;
        if !mark.begins_again(run, &attempt).await? {
            return attempt;
        }
        *fetching = before.unwrap_or_default();
    }
}

async fn attempt(
    run: &mut Execution<'_>,
    plan: &Plan,
    query: &Query,
    fetching: &mut Fetching,
    wanted: usize,
) -> Result<Vec<Row>> {
    if matches!(fetching.stage, Stage::Start) {
        run_ctes(run, plan).await?;
    } else {
        *run.ctes.get_mut() = std::mem::take(&mut fetching.ctes);
        *run.cached.get_mut() = std::mem::take(&mut fetching.cached);
    }
    let stage = std::mem::take(&mut fetching.stage);
    let mut work = QueryWork::from_stage(query, stage, wanted);
    let outcome = run.run(&mut work).await?;
    fetching.stage = work.stage;
    fetching
        .origins
        .extend(work.taken.origins.into_iter().flatten());
    fetching.ctes = std::mem::take(run.ctes.get_mut());
    fetching.cached = std::mem::take(run.cached.get_mut());
    Ok(outcome.rows)
}
