//! DECLARE, FETCH, MOVE, CLOSE: cursors, which are portals with a query's
//! rows, and the portals of the extended protocol beside them.
//!
//! A cursor takes all its rows when it is declared: it sees the database as of
//! then, as PostgreSQL's do. One that locks rows as it goes is refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use smallvec::SmallVec;
use sqlparser::ast::{CloseCursor, Declare, FetchDirection, Ident, Statement};

use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::session::{Answer, Bound, Prepared, Session, Tag};
use crate::postgres::sql::{Direction, Source, fold, is_move_only};
use crate::postgres::storage::table::TableId;
use crate::postgres::types::{Row, Value};

/// The formats of columns or parameters, as a message lists them.
pub(in crate::postgres) type Formats = SmallVec<[i16; 4]>;

/// A statement bound to its parameters, or a cursor.
pub(in crate::postgres) struct Portal {
    pub(in crate::postgres) prepared: Arc<Prepared>,
    pub(in crate::postgres) params: Vec<Value>,
    /// What it is to run, if that is planned.
    pub(in crate::postgres) bound: Option<Bound>,
    /// The formats of the columns that the client wants.
    pub(in crate::postgres) formats: Formats,
    /// What running it gave.
    pub(in crate::postgres) answer: Option<Answer>,
    /// The row it stands on, from 1; 0 is before the first, one more than
    /// there are is after the last.
    pub(in crate::postgres) position: usize,
    scroll: Option<bool>,
    /// An error has ended it, though its name is still taken.
    failed: bool,
    /// It outlives its transaction.
    hold: bool,
    /// The savepoints that there were when it was made.
    depth: usize,
}

/// The portals of a session: the one without a name, which statements come
/// through one after the other, and those with one.
#[derive(Default)]
pub(in crate::postgres) struct Portals {
    unnamed: Option<Portal>,
    named: BTreeMap<String, Portal>,
}

impl Portals {
    pub(in crate::postgres) fn get(&self, name: &str) -> Option<&Portal> {
        match name {
            "" => self.unnamed.as_ref(),
            name => self.named.get(name),
        }
    }

    pub(in crate::postgres) fn insert(&mut self, name: &str, portal: Portal) {
        match name {
            "" => self.unnamed = Some(portal),
            name => drop(self.named.insert(name.to_owned(), portal)),
        }
    }

    pub(in crate::postgres) fn remove(&mut self, name: &str) -> Option<Portal> {
        match name {
            "" => self.unnamed.take(),
            name => self.named.remove(name),
        }
    }

    pub(in crate::postgres) fn clear(&mut self) {
        *self = Portals::default();
    }

    fn all(&self) -> impl Iterator<Item = &Portal> {
        self.unnamed.iter().chain(self.named.values())
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Portal> {
        self.unnamed.iter_mut().chain(self.named.values_mut())
    }

    fn keep(&mut self, kept: impl Fn(&Portal) -> bool) {
        self.unnamed.take_if(|portal| !kept(portal));
        self.named.retain(|_, portal| kept(portal));
    }

    /// The tables that are read by what belongs to the running transaction.
    pub(in crate::postgres) fn tables(&self) -> Vec<TableId> {
        let live = self.all().filter(|portal| portal.depth != SETTLED);
        let plans = live.filter_map(|portal| portal.prepared.plan.as_ref());
        plans
            .flat_map(|plan| &plan.tables)
            .map(|(id, _)| *id)
            .collect()
    }

    /// What is not WITH HOLD ends with its transaction. After a commit what
    /// is, is of no transaction any more.
    pub(in crate::postgres) fn end_transaction(&mut self, committed: bool) {
        self.keep(|portal| portal.hold && (committed || portal.depth == SETTLED));
        for portal in self.all_mut() {
            portal.depth = SETTLED;
        }
    }

    /// ROLLBACK TO SAVEPOINT: what was made since is gone.
    pub(in crate::postgres) fn return_to(&mut self, depth: usize) {
        self.keep(|portal| portal.depth == SETTLED || portal.depth < depth);
    }

    /// RELEASE SAVEPOINT: what was made since is of the level around it.
    pub(in crate::postgres) fn released_to(&mut self, depth: usize) {
        for portal in self.all_mut() {
            if portal.depth != SETTLED {
                portal.depth = portal.depth.min(depth);
            }
        }
    }
}

/// The depth of a cursor whose transaction has committed.
const SETTLED: usize = usize::MAX;

impl Portal {
    /// A statement with its parameters, which has not run.
    pub(in crate::postgres) fn new(
        session: &Session,
        prepared: Arc<Prepared>,
        params: Vec<Value>,
        formats: Formats,
    ) -> Portal {
        let transaction = session.transaction.as_ref();
        Portal {
            prepared,
            params,
            bound: None,
            formats,
            answer: None,
            position: 0,
            scroll: None,
            failed: false,
            hold: false,
            depth: transaction.map_or(0, |transaction| transaction.depth()),
        }
    }

    /// True if PostgreSQL would run the query backwards or anew: also where
    /// that gives no row.
    fn goes_back(&self, direction: Direction) -> bool {
        let last = self.answer.as_ref().map_or(0, |answer| answer.rows.len());
        let (at_start, at_end) = (self.position == 0 || last == 0, self.position > last);
        let rewinds = !at_start || at_end;
        match direction {
            Direction::Forward(count) if count == -i64::MAX => rewinds,
            Direction::Forward(0) | Direction::Relative(0) => !at_start && !at_end,
            Direction::Forward(count) | Direction::Relative(count) => count < 0,
            Direction::Absolute(0) => rewinds,
            Direction::Absolute(row) => {
                let before = signed(self.position.min(last));
                row < 0 || (row <= before || row - 1 <= before / 2) && rewinds
            }
        }
    }

    /// The rows of a FETCH, and where it leaves the cursor.
    fn fetch(&mut self, direction: Direction) -> Result<Vec<Row>> {
        let rows = self.answer.as_ref().map_or(&[][..], |answer| &answer.rows);
        let (last, here) = (signed(rows.len()), signed(self.position));
        let end = last.saturating_add(1);
        let clamped = |position: i64| position.clamp(0, end);
        let (wanted, position) = match direction {
            Direction::Forward(0) | Direction::Relative(0) => (here..here.saturating_add(1), here),
            Direction::Forward(count) if count > 0 => {
                let to = clamped(here.saturating_add(count));
                (here + 1..to.saturating_add(1), to)
            }
            Direction::Forward(count) => {
                let to = clamped(here.saturating_add(count));
                (to..here, to)
            }
            Direction::Absolute(row) => {
                let row = if row < 0 {
                    end.saturating_add(row)
                } else {
                    row
                };
                let row = clamped(row);
                (row..row + 1, row)
            }
            Direction::Relative(count) => {
                let row = clamped(here.saturating_add(count));
                (row..row + 1, row)
            }
        };
        if self.scroll == Some(false) && self.goes_back(direction) {
            self.failed = true;
            return Err(Error::new(
                SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
                "cursor can only scan forward",
            )
            .hint("Declare it with SCROLL option to enable backward scan."));
        }
        let backward = matches!(direction, Direction::Forward(count) if count < 0);
        let numbers = wanted.start.max(1)..wanted.end.min(end);
        let mut fetched: Vec<_> = numbers
            .filter_map(|number| rows.get(usize::try_from(number - 1).ok()?).cloned())
            .collect();
        if backward {
            fetched.reverse();
        }
        self.position = usize::try_from(position).unwrap_or(0);
        Ok(fetched)
    }
}

fn signed(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX - 1)
}

/// The error about a cursor that there is not.
fn no_cursor(name: &str) -> Error {
    Error::new(
        SqlState::INVALID_CURSOR_NAME,
        format!("cursor \"{name}\" does not exist"),
    )
}

/// The query of the cursor that is declared.
pub(super) fn query(declared: &[Declare]) -> Option<Source> {
    let [Declare { for_query, .. }] = declared else {
        return None;
    };
    let query = for_query.clone();
    query.map(|query| Source::of(Statement::Query(query)))
}

impl Session {
    pub(super) async fn declare(&mut self, declare: &Declare) -> Result<Answer> {
        let (Some(query), [name]) = (&declare.for_query, declare.names.as_slice()) else {
            return Err(Error::unsupported("DECLARE of this kind"));
        };
        if declare.binary == Some(true) {
            return Err(Error::unsupported("a BINARY cursor"));
        }
        let (name, hold) = (fold(name), declare.hold == Some(true));
        if !self.goes_on() && !hold {
            return Err(Error::new(
                SqlState::NO_ACTIVE_SQL_TRANSACTION,
                "DECLARE CURSOR can only be used in transaction blocks",
            ));
        }
        if self.portals.get(&name).is_some() {
            return Err(Error::new(
                SqlState::DUPLICATE_CURSOR,
                format!("cursor \"{name}\" already exists"),
            ));
        }
        let source = Source::of(Statement::Query(query.clone()));
        let prepared = self.prepare(Some(source.clone()), None, &[])?;
        let Some(plan) = prepared.plan.clone() else {
            return Err(Error::unsupported("a cursor for this statement"));
        };
        if plan.writes().is_some() {
            return Err(Error::unsupported("a cursor that locks rows"));
        }
        let answer = self.run_plan(&plan, &source, &[], true).await?;
        let mut portal = Portal::new(self, Arc::new(prepared), Vec::new(), Formats::new());
        portal.answer = Some(answer);
        portal.scroll = declare.scroll;
        portal.hold = hold;
        self.portals.insert(&name, portal);
        Ok(Answer::word("DECLARE CURSOR"))
    }

    /// FETCH or MOVE.
    pub(super) fn fetch(
        &mut self,
        statement: &Statement,
        name: &Ident,
        direction: &FetchDirection,
    ) -> Result<Answer> {
        let name = fold(name);
        let direction = Direction::of(direction).ok_or_else(|| Error::unsupported(direction))?;
        let portal = self.portals.named.get_mut(&name);
        let portal = portal.ok_or_else(|| no_cursor(&name))?;
        if portal.failed {
            return Err(Error::new(
                SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("portal \"{name}\" cannot be run"),
            ));
        }
        let rows = portal.fetch(direction)?;
        let moves = is_move_only(statement);
        let word = if moves { "MOVE" } else { "FETCH" };
        Ok(Answer {
            tag: Tag::Count(word, rows.len() as u64),
            rows: if moves { Vec::new() } else { rows },
            ..Answer::default()
        })
    }

    pub(super) fn close(&mut self, cursor: &CloseCursor) -> Result<Answer> {
        match cursor {
            CloseCursor::All => {
                self.portals.clear();
                Ok(Answer::word("CLOSE CURSOR ALL"))
            }
            CloseCursor::Specific { name } => {
                let name = fold(name);
                let closed = self.portals.remove(&name);
                closed.ok_or_else(|| no_cursor(&name))?;
                Ok(Answer::word("CLOSE CURSOR"))
            }
        }
    }
}
