//! DECLARE, FETCH, MOVE, CLOSE: cursors, which are portals with a query, and
//! the portals of the extended protocol beside them.
//!
//! The query of a portal is run as its rows are fetched. It sees the database
//! as of when it was declared or bound; what it may fail with, and which rows
//! it locks, comes with the rows. Those that it gave are kept, to go back to.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;
use sqlparser::ast::{CloseCursor, Declare, FetchDirection, Ident, Statement};

use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::executor::Current;
use crate::postgres::session::{Answer, Bound, BoundQuery, Prepared, Session, Tag};
use crate::postgres::sql::{Direction, Plan, Source, fold, is_move_only};
use crate::postgres::storage::RowLockMode;
use crate::postgres::storage::clog::Csn;
use crate::postgres::storage::heap::RowId;
use crate::postgres::storage::table::TableId;
use crate::postgres::types::{Row, Value};

/// The formats of columns or parameters, as a message lists them.
pub(in crate::postgres) type Formats = SmallVec<[i16; 4]>;

/// A statement bound to its parameters, or a cursor.
pub(in crate::postgres) struct Portal {
    pub(in crate::postgres) prepared: Arc<Prepared>,
    pub(in crate::postgres) params: Vec<Value>,
    /// What it is to run, if that is planned; None once all is known.
    pub(in crate::postgres) bound: Option<Bound>,
    /// The formats of the columns that the client wants.
    pub(in crate::postgres) formats: Formats,
    /// The rows that running it has given so far.
    pub(in crate::postgres) rows: Vec<Row>,
    /// What running it answered.
    pub(in crate::postgres) tag: Tag,
    has_run: bool,
    /// How many rows it has gone past: where it stands on one, that one's
    /// number.
    position: usize,
    /// It stands before the first row, or after the last.
    at_start: bool,
    pub(in crate::postgres) at_end: bool,
    scrolls: bool,
    /// An error has ended it, though its name is still taken.
    failed: bool,
    /// It outlives its transaction.
    hold: bool,
    /// What a statement that is no query, but gives rows, saw.
    held: Option<Csn>,
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

    /// The relations that what belongs to the running transaction has open.
    pub(in crate::postgres) fn opened(&self) -> Vec<u32> {
        let live = self.all().filter(|portal| portal.depth != SETTLED);
        let plans = live.filter_map(|portal| portal.prepared.plan.as_ref());
        plans.flat_map(|plan| plan.opened()).collect()
    }

    /// What they keep, even those that have given all their rows.
    fn snapshots(&self) -> Vec<Csn> {
        self.all().filter_map(Portal::snapshot).collect()
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
        bound: Option<Bound>,
        params: Vec<Value>,
        formats: Formats,
    ) -> Portal {
        let transaction = session.transaction.as_ref();
        Portal {
            prepared,
            params,
            bound,
            formats,
            rows: Vec::new(),
            tag: Tag::default(),
            has_run: false,
            position: 0,
            at_start: true,
            at_end: false,
            scrolls: false,
            failed: false,
            hold: false,
            held: None,
            depth: transaction.map_or(0, |transaction| transaction.depth()),
        }
    }

    pub(in crate::postgres) fn has_run(&self) -> bool {
        self.has_run
    }

    fn query(&self) -> Option<&BoundQuery> {
        self.bound.as_ref()?.query.as_deref()
    }

    fn snapshot(&self) -> Option<Csn> {
        let query = self.query();
        query.map_or(self.held, |query| Some(query.snapshot.csn))
    }

    /// True if there are no more rows than those that are known.
    fn is_complete(&self) -> bool {
        let query = self.query();
        self.has_run && query.is_none_or(|query| query.fetching.has_ended())
    }

    /// How many rows running it is to give, so that it can go on by so many;
    /// None if it need not be run.
    pub(in crate::postgres) fn lacks(&self, count: usize) -> Option<usize> {
        let wanted = self.position.saturating_add(count);
        let lacking = wanted.saturating_sub(self.rows.len());
        (lacking > 0 && !self.is_complete() || !self.has_run).then_some(lacking)
    }

    /// Takes what running it answered; the notices are to be told.
    pub(in crate::postgres) fn take(&mut self, answer: Answer) -> Vec<Error> {
        self.has_run = true;
        self.tag = answer.tag;
        match self.rows.is_empty() {
            true => self.rows = answer.rows,
            false => self.rows.extend(answer.rows),
        }
        answer.notices
    }

    /// Goes over so many rows of those that are known, all for `usize::MAX`:
    /// which ones.
    pub(in crate::postgres) fn advance(
        &mut self,
        forward: bool,
        count: usize,
    ) -> Result<Range<usize>> {
        if forward {
            let start = self.position.min(self.rows.len());
            if self.at_end || count == 0 {
                return Ok(start..start);
            }
            let passed = count.min(self.rows.len() - start);
            self.at_start &= passed == 0;
            self.at_end = passed < count;
            self.position += passed;
            return Ok(start..start + passed);
        }
        self.refuse_unless_scrolling()?;
        if self.at_start || count == 0 {
            return Ok(0..0);
        }
        let end = match self.at_end {
            true => self.position,
            false => self.position.saturating_sub(1),
        };
        let passed = count.min(end);
        self.at_end &= passed == 0;
        self.at_start = passed < count;
        self.position = match self.at_start {
            true => 0,
            false => end - passed + 1,
        };
        Ok(end - passed..end)
    }

    fn rewind(&mut self) -> Result<()> {
        if self.at_start && !self.at_end {
            return Ok(());
        }
        self.refuse_unless_scrolling()?;
        (self.position, self.at_start, self.at_end) = (0, true, false);
        Ok(())
    }

    fn refuse_unless_scrolling(&self) -> Result<()> {
        if self.scrolls {
            return Ok(());
        }
        Err(Error::new(
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            "cursor can only scan forward",
        )
        .hint("Declare it with SCROLL option to enable backward scan."))
    }

    /// How far it has to be run for a FETCH.
    fn reach(&self, direction: Direction) -> usize {
        let rows = |count: i64| usize::try_from(count).unwrap_or(usize::MAX);
        match direction {
            Direction::Forward(count) | Direction::Relative(count) if count > 0 => {
                self.position.saturating_add(rows(count))
            }
            Direction::Absolute(row) if row != 0 => rows(row),
            _ => 0,
        }
    }

    /// Goes where a FETCH or MOVE says: over which rows, and whether they are
    /// wanted the other way round.
    fn go(&mut self, direction: Direction, moves: bool) -> Result<(Range<usize>, bool)> {
        let rows = |count: i64| match count.unsigned_abs() {
            ALL => usize::MAX,
            count => usize::try_from(count).unwrap_or(usize::MAX),
        };
        let on_row = !self.at_start && !self.at_end;
        let went = match direction {
            Direction::Forward(0) | Direction::Relative(0) if moves => {
                // It tells whether there is a row.
                let here = self.position;
                here - usize::from(on_row)..here
            }
            Direction::Forward(0) | Direction::Relative(0) if on_row => {
                self.advance(false, 1)?;
                self.advance(true, 1)?
            }
            Direction::Forward(0) | Direction::Relative(0) => 0..0,
            Direction::Forward(count) if count == -i64::MAX && moves => {
                let before = self.position - usize::from(on_row);
                self.rewind()?;
                0..before
            }
            Direction::Forward(count) => {
                return Ok((self.advance(count > 0, rows(count))?, count < 0));
            }
            Direction::Relative(count) => {
                self.advance(count > 0, rows(count) - 1)?;
                self.advance(count > 0, 1)?
            }
            Direction::Absolute(0) => {
                self.rewind()?;
                0..0
            }
            Direction::Absolute(row) if row < 0 => {
                self.advance(true, usize::MAX)?;
                self.advance(false, rows(row) - 1)?;
                self.advance(false, 1)?
            }
            Direction::Absolute(row) => {
                let before = rows(row) - 1;
                if before <= self.position / 2 {
                    self.rewind()?;
                }
                let here = self.position + usize::from(self.at_end);
                match before.checked_sub(here) {
                    Some(ahead) => self.advance(true, ahead)?,
                    None => self.advance(false, here - before)?,
                };
                self.advance(true, 1)?
            }
        };
        Ok((went, false))
    }
}

/// The number of rows that stands for all.
const ALL: u64 = i64::MAX.unsigned_abs();

/// The error about a cursor that there is not.
fn no_cursor(name: &str) -> Error {
    Error::new(
        SqlState::INVALID_CURSOR_NAME,
        format!("cursor \"{name}\" does not exist"),
    )
}

/// Refuses what no cursor can be.
fn refuse_declaration(declare: &Declare, plan: &Plan) -> Result<()> {
    if !plan.is_query() {
        return Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "DECLARE CURSOR must not contain data-modifying statements in WITH",
        ));
    }
    let Some(lock) = plan.locks().first() else {
        return Ok(());
    };
    let strength = match lock.mode {
        RowLockMode::KeyShare => "FOR KEY SHARE",
        RowLockMode::Share => "FOR SHARE",
        RowLockMode::NoKeyUpdate => "FOR NO KEY UPDATE",
        RowLockMode::Update => "FOR UPDATE",
    };
    let refused = |state, kind: &str, cursors: &str, verdict: &str| {
        let message = format!("{kind} ... {strength} is not {verdict}");
        let detail = format!("{cursors} cursors must be READ ONLY.");
        Err(Error::new(state, message).detail(detail))
    };
    let unsupported = SqlState::FEATURE_NOT_SUPPORTED;
    if declare.hold == Some(true) {
        return refused(
            unsupported,
            "DECLARE CURSOR WITH HOLD",
            "Holdable",
            "supported",
        );
    }
    if declare.scroll == Some(true) {
        return refused(
            unsupported,
            "DECLARE SCROLL CURSOR",
            "Scrollable",
            "supported",
        );
    }
    if declare.sensitive == Some(true) {
        let invalid = SqlState::INVALID_CURSOR_DEFINITION;
        return refused(
            invalid,
            "DECLARE INSENSITIVE CURSOR",
            "Insensitive",
            "valid",
        );
    }
    Ok(())
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
        let source = Source::of(Statement::Query(query.clone()));
        let mut prepared = self.prepare(Some(source.clone()), None, &[])?;
        let Some(plan) = prepared.plan.take() else {
            return Err(Error::unsupported("a cursor for this statement"));
        };
        refuse_declaration(declare, &plan)?;
        if !self.goes_on() && !hold {
            return Err(Error::new(
                SqlState::NO_ACTIVE_SQL_TRANSACTION,
                "DECLARE CURSOR can only be used in transaction blocks",
            ));
        }
        let plan = self.begin_plan(&plan, &source, false).await?;
        if self.portals.get(&name).is_some() {
            return Err(Error::new(
                SqlState::DUPLICATE_CURSOR,
                format!("cursor \"{name}\" already exists"),
            ));
        }
        let bound = self.bind_plan(plan.clone())?;
        prepared.plan = Some(plan.clone());
        let (prepared, params, formats) = (Arc::new(prepared), Vec::new(), Formats::new());
        let mut portal = Portal::new(self, prepared, Some(bound), params, formats);
        portal.scrolls = declare.scroll.unwrap_or_else(|| plan.goes_backward());
        portal.hold = hold;
        self.portals.insert(&name, portal);
        Ok(Answer::word("DECLARE CURSOR"))
    }

    /// FETCH or MOVE.
    pub(super) async fn fetch(
        &mut self,
        statement: &Statement,
        name: &Ident,
        direction: &FetchDirection,
    ) -> Result<Answer> {
        let name = fold(name);
        let direction = Direction::of(direction).ok_or_else(|| Error::unsupported(direction))?;
        let portal = self.portals.named.get(&name);
        let portal = portal.ok_or_else(|| no_cursor(&name))?;
        if portal.failed {
            return Err(Error::new(
                SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("portal \"{name}\" cannot be run"),
            ));
        }
        let ahead = portal.reach(direction).saturating_sub(portal.position);
        let notices = self.run_ahead(&name, ahead).await?;
        let portal = self.portals.named.get_mut(&name);
        let portal = portal.ok_or_else(|| no_cursor(&name))?;
        let moves = is_move_only(statement);
        portal.failed = true;
        let (went, backward) = portal.go(direction, moves)?;
        portal.failed = false;
        let word = if moves { "MOVE" } else { "FETCH" };
        let tag = Tag::Count(word, went.len() as u64);
        let mut rows = match moves {
            true => Vec::new(),
            false => portal.rows[went].to_vec(),
        };
        if backward {
            rows.reverse();
        }
        Ok(Answer {
            rows,
            tag,
            notices,
            replanned: None,
        })
    }

    /// Runs the query of a cursor so far that it can go on by so many rows. It
    /// is lost if that ends with an error, or is interrupted.
    async fn run_ahead(&mut self, name: &str, count: usize) -> Result<Vec<Error>> {
        let portal = self.portals.named.get_mut(name);
        let Some((portal, lacking)) = portal.and_then(|p| p.lacks(count).map(|n| (p, n))) else {
            return Ok(Vec::new());
        };
        let Some(mut bound) = portal.bound.take_if(|bound| bound.query.is_some()) else {
            return Err(Error::unsupported("FETCH from a portal of this statement"));
        };
        portal.failed = true;
        let params = std::mem::take(&mut portal.params);
        let answer = self.fetch_rows(&mut bound, &params, lacking).await?;
        let portal = self.portals.named.get_mut(name);
        let portal = portal.ok_or_else(|| no_cursor(name))?;
        portal.bound = Some(bound);
        portal.params = params;
        portal.failed = false;
        Ok(portal.take(answer))
    }

    /// Has cursors that outlive their transaction give all their rows before
    /// it commits.
    pub(in crate::postgres) async fn keep_held_cursors(&mut self) -> Result<()> {
        let named = self.portals.named.iter();
        let held = named.filter(|(_, portal)| portal.hold && !portal.failed);
        let names: Vec<String> = held.map(|(name, _)| name.clone()).collect();
        for name in names {
            self.run_ahead(&name, usize::MAX).await?;
            if let Some(portal) = self.portals.named.get_mut(&name) {
                portal.bound = None;
            }
        }
        Ok(())
    }

    /// The rows on which the cursors stand that a plan names.
    pub(in crate::postgres) fn currents(&self, plan: &Plan) -> Result<Vec<Current>> {
        let mut currents = Vec::new();
        for (cursor, table) in &plan.cursors {
            let row = self.current_row(cursor, *table)?;
            currents.extend(row.map(|row| Current {
                cursor: cursor.clone(),
                table: *table,
                row,
            }));
        }
        Ok(currents)
    }

    /// The row of a table on which a cursor stands.
    fn current_row(&self, cursor: &str, table: TableId) -> Result<Option<RowId>> {
        let wrong = |what: String| {
            let message = format!("cursor \"{cursor}\" {what}");
            Err(Error::new(SqlState::INVALID_CURSOR_STATE, message))
        };
        let portal = self.portals.get(cursor).ok_or_else(|| no_cursor(cursor))?;
        if portal.depth == SETTLED {
            return wrong("is held from a previous transaction".to_owned());
        }
        let bound = portal.bound.as_ref();
        let Some((plan, query)) = bound.and_then(|b| Some((&b.plan, b.query.as_ref()?))) else {
            return wrong("is not a SELECT query".to_owned());
        };
        let name = self.shared.lock().relation_name(table)?;
        let mut locks = plan.locks().iter().filter(|lock| lock.table == table);
        let slot = match (locks.next(), locks.next()) {
            (Some(_), Some(_)) => {
                return wrong(format!(
                    "has multiple FOR UPDATE/SHARE references to table \"{name}\""
                ));
            }
            (Some(lock), None) => Some(lock.slot),
            (None, _) if !plan.locks().is_empty() => {
                return wrong(format!(
                    "does not have a FOR UPDATE/SHARE reference to table \"{name}\""
                ));
            }
            (None, _) => plan.scanned_slot(table),
        };
        let Some(slot) = slot else {
            return wrong(format!(
                "is not a simply updatable scan of table \"{name}\""
            ));
        };
        if portal.at_start || portal.at_end {
            return wrong("is not positioned on a row".to_owned());
        }
        let origins = query.fetching.origins.get(portal.position - 1);
        let origin = origins.and_then(|origins| origins.get(slot).copied().flatten());
        Ok(origin.map(|(row, _)| row))
    }

    /// Gives back what portals saw that are closed.
    pub(super) fn drop_portal_snapshots(&mut self) {
        if let Some(transaction) = &mut self.transaction {
            let needed = self.portals.snapshots();
            transaction.keep_portal_snapshots(&mut self.shared.lock(), needed);
        }
    }

    /// What the statement saw that a portal has run is kept by it, if it gives
    /// rows.
    pub(in crate::postgres) fn leave_snapshot(&mut self, portal: &mut Portal) {
        match &mut self.transaction {
            Some(transaction) if portal.prepared.gives_rows() => {
                portal.held = portal.held.or(transaction.hand_over_snapshot());
            }
            _ => self.release_snapshot(),
        }
    }

    /// Closes a portal: what it saw is given back.
    pub(in crate::postgres) fn close_portal(&mut self, name: &str) -> Option<Portal> {
        let closed = self.portals.remove(name)?;
        self.drop_portal_snapshots();
        Some(closed)
    }

    pub(super) fn close(&mut self, cursor: &CloseCursor) -> Result<Answer> {
        match cursor {
            CloseCursor::All => {
                self.portals.clear();
                self.drop_portal_snapshots();
                Ok(Answer::word("CLOSE CURSOR ALL"))
            }
            CloseCursor::Specific { name } => {
                let name = fold(name);
                let closed = self.close_portal(&name);
                closed.ok_or_else(|| no_cursor(&name))?;
                Ok(Answer::word("CLOSE CURSOR"))
            }
        }
    }
}
