//! Foreign keys: what a change of a row asks of the rows that it refers to,
//! and of those that refer to it.
//!
//! As PostgreSQL's triggers do it: after the statement has made its changes,
//! with a query of its own for each, which takes KEY SHARE on the row that it
//! finds and so waits for whoever is about to take that row away. What is
//! deferred is asked at the end of the transaction, or when it sets its
//! constraints to be immediate.

use std::sync::Arc;

use super::collect::Origin;
use super::{Execution, lock_relation, run_action};
use crate::postgres::engine::{Engine, Shared};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::{LockMode, LockTag};
use crate::postgres::settings::Settings;
use crate::postgres::sql::{
    Action, Comparison, Delete, Distinct, Expr, Matching, Query, RowLock, Select, Update,
    WaitPolicy, current_timestamp, find_rows,
};
use crate::postgres::storage::RowLockMode;
use crate::postgres::storage::clog::Snapshot;
use crate::postgres::storage::table::{ForeignKey, Referential, TableDef, TableId};
use crate::postgres::transaction::Transaction;
use crate::postgres::types::{Reading, Row, Value, cast};

/// The foreign keys of a table, and those that refer to it.
#[derive(Debug)]
pub(in crate::postgres) struct References {
    own: Vec<Arc<ForeignKey>>,
    by: Vec<(TableId, Arc<ForeignKey>)>,
}

/// Something to look after.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Event {
    key: Arc<ForeignKey>,
    /// The table that refers.
    child: TableId,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    /// A row that refers is new, or refers to something else now.
    Refers { place: Origin, row: Row },
    /// A row that may be referred to is gone, or has another key.
    Leaves { old: Row, new: Option<Row> },
}

impl Event {
    /// The table whose row was changed.
    pub(in crate::postgres) fn table(&self) -> TableId {
        match self.what {
            What::Refers { .. } => self.child,
            What::Leaves { .. } => self.key.parent,
        }
    }
}

impl Execution<'_> {
    /// Notes what a change of a row means for foreign keys. `place` is that of
    /// the new version; `own` is true if this transaction made the old one,
    /// which is then looked after in the new one alone.
    pub(super) fn note_references(
        &mut self,
        engine: &Engine,
        table: TableId,
        place: Origin,
        old: Option<&Row>,
        own: bool,
        new: Option<&Row>,
    ) {
        let Some(references) = self.references(engine, table) else {
            return;
        };
        // What refers to the row follows it first: then the row may refer to
        // itself.
        for (child, key) in &references.by {
            let Some(old) = old else {
                continue;
            };
            let columns = &key.parent_columns;
            let same = |new: &Row| columns.iter().all(|c| old[*c] == new[*c]);
            if columns.iter().any(|c| old[*c].is_null()) || new.is_some_and(same) {
                continue;
            }
            self.events.push(Event {
                key: key.clone(),
                child: *child,
                what: What::Leaves {
                    old: old.clone(),
                    new: new.cloned(),
                },
            });
        }
        for key in &references.own {
            let Some(row) = new else {
                continue;
            };
            let changed = |old: &Row| key.columns.iter().any(|c| old[*c] != row[*c]);
            if own || old.is_none_or(changed) {
                self.events.push(Event {
                    key: key.clone(),
                    child: table,
                    what: What::Refers {
                        place,
                        row: row.clone(),
                    },
                });
            }
        }
    }

    /// None if there are no foreign keys to know.
    fn references(&mut self, engine: &Engine, table: TableId) -> Option<Arc<References>> {
        let mut all = self.references.iter();
        if let Some((_, known)) = all.find(|(known, _)| *known == table) {
            return known.clone();
        }
        let own = engine.catalog.table(table);
        let own = own.map_or(&[][..], |table| &table.def.foreign_keys);
        let top = self.transaction.xid;
        let by = engine.catalog.references(table, &engine.clog, top);
        let references = (!own.is_empty() || !by.is_empty()).then(|| {
            let by = by.into_iter().map(|(child, key)| (child, Arc::new(key)));
            Arc::new(References {
                own: own.iter().cloned().map(Arc::new).collect(),
                by: by.collect(),
            })
        });
        self.references.push((table, references.clone()));
        references
    }
}

/// Looks after what the statement has changed.
pub(super) async fn after_statement(run: &mut Execution<'_>) -> Result<()> {
    if run.events.is_empty() {
        return Ok(());
    }
    // The queries see what the statement did.
    run.transaction.command += 1;
    let mut next = 0;
    while let Some(event) = run.events.get(next).cloned() {
        next += 1;
        let action = match event.what {
            What::Refers { .. } => Referential::NoAction,
            What::Leaves { .. } => event.action(),
        };
        if action == Referential::NoAction && !event.is_due(run.transaction) {
            run.transaction.deferred.push(event);
        } else {
            event.look_after(run).await?;
        }
    }
    run.events.clear();
    Ok(())
}

/// Looks after what was put off to the end of the transaction.
pub(in crate::postgres) async fn check_deferred(
    shared: &Shared,
    transaction: &mut Transaction,
    settings: &mut Settings,
) -> Result<()> {
    let events = std::mem::take(&mut transaction.deferred);
    look_after(shared, transaction, settings, events).await
}

/// Looks after what was put off and need not wait any more.
pub(in crate::postgres) async fn check_due(
    shared: &Shared,
    transaction: &mut Transaction,
    settings: &mut Settings,
) -> Result<()> {
    let events = std::mem::take(&mut transaction.deferred);
    let (due, later) = events
        .into_iter()
        .partition(|event| event.is_due(transaction));
    transaction.deferred = later;
    look_after(shared, transaction, settings, due).await
}

async fn look_after(
    shared: &Shared,
    transaction: &mut Transaction,
    settings: &mut Settings,
    mut events: Vec<Event>,
) -> Result<()> {
    if !events.is_empty() {
        let engine = shared.lock();
        events.retain(|event| event.is_kept(&engine));
    }
    if events.is_empty() {
        return Ok(());
    }
    transaction.command += 1;
    let snapshot = transaction.take_snapshot(&mut shared.lock());
    let start = current_timestamp();
    let mut run = Execution::new(shared, transaction, settings, &[], start, snapshot);
    for event in events {
        event.look_after(&mut run).await?;
    }
    transaction.release_snapshot(&mut shared.lock());
    Ok(())
}

impl Event {
    /// False if the foreign key was dropped meanwhile.
    fn is_kept(&self, engine: &Engine) -> bool {
        let child = engine.catalog.table(self.child);
        let mut keys = child.iter().flat_map(|child| &child.def.foreign_keys);
        keys.any(|key| key.id == self.key.id)
    }

    /// True unless the transaction looks after it at its end.
    fn is_due(&self, transaction: &Transaction) -> bool {
        !transaction.timing.is_deferred(self.child, &self.key)
    }

    fn action(&self) -> Referential {
        match &self.what {
            What::Leaves { new: Some(_), .. } => self.key.on_update,
            _ => self.key.on_delete,
        }
    }

    async fn look_after(self, run: &mut Execution<'_>) -> Result<()> {
        match self.what.clone() {
            What::Refers { place, row } => self.check_parent(run, place, &row).await,
            What::Leaves { old, new } => self.leave(run, &old, new.as_ref()).await,
        }
    }

    /// The row must refer to one that is there.
    async fn check_parent(&self, run: &mut Execution<'_>, place: Origin, row: &Row) -> Result<()> {
        let key = &self.key;
        let nulls = key.columns.iter().filter(|c| row[**c].is_null()).count();
        let child = run.shared.lock().table(self.child)?.def.clone();
        if nulls > 0 {
            if key.full && nulls < key.columns.len() {
                return Err(refers_to_none(key, &child, MIXED_NULLS.to_owned()));
            }
            return Ok(());
        }
        let mode = LockMode::RowShare;
        let parent = lock(run, key.parent, mode).await?;
        if !is_live(run, self.child, place) {
            return Ok(());
        }
        let keys = key.columns.iter().zip(&key.parent_columns);
        let conditions = keys
            .map(|(own, other)| {
                let value = cast(
                    &row[*own],
                    child.columns[*own].ty,
                    parent.columns[*other].ty,
                    &Reading::default(),
                )?;
                Ok(equals(*other, value))
            })
            .collect::<Result<_>>()?;
        look(run, false);
        if locks_one(run, &parent, conditions).await? {
            return Ok(());
        }
        Err(refers_to_none(
            key,
            &child,
            format!(
                "Key {} is not present in table \"{}\".",
                shown(&child, &key.columns, row),
                parent.name
            ),
        ))
    }

    /// Rows that refer to the old row forbid the change, or follow it.
    async fn leave(self, run: &mut Execution<'_>, old: &Row, new: Option<&Row>) -> Result<()> {
        let action = self.action();
        let changes = matches!(
            action,
            Referential::Cascade | Referential::SetNull | Referential::SetDefault
        );
        if changes {
            self.follow(run, action, old, new).await?;
        }
        // A row whose default is its old key has not been changed, and is
        // not looked at otherwise.
        if !changes || action == Referential::SetDefault {
            self.forbid(run, action, old).await?;
        }
        Ok(())
    }

    /// Conditions on the rows that refer to the old row.
    fn referring(&self, child: &TableDef, parent: &TableDef, old: &Row) -> Result<Vec<Expr>> {
        let keys = self.key.columns.iter().zip(&self.key.parent_columns);
        let conditions = keys.map(|(own, other)| {
            let (from, to) = (parent.columns[*other].ty, child.columns[*own].ty);
            Ok(equals(
                *own,
                cast(&old[*other], from, to, &Reading::default())?,
            ))
        });
        conditions.collect()
    }

    /// An error if a row still refers to the old row.
    async fn forbid(&self, run: &mut Execution<'_>, action: Referential, old: &Row) -> Result<()> {
        let child = lock(run, self.child, LockMode::RowShare).await?;
        let parent = run.shared.lock().table(self.key.parent)?.def.clone();
        if action != Referential::Restrict && self.has_successor(run, &parent, old).await? {
            return Ok(());
        }
        let conditions = self.referring(&child, &parent, old)?;
        look(run, true);
        if !locks_one(run, &child, conditions).await? {
            return Ok(());
        }
        Err(violation(
            &self.key,
            &child,
            format!(
                "update or delete on table \"{}\" violates foreign key constraint \"{}\" on table \"{}\"",
                parent.name, self.key.name, child.name
            ),
            format!(
                "Key {} is still referenced from table \"{}\".",
                shown(&parent, &self.key.parent_columns, old),
                child.name
            ),
        ))
    }

    /// Deletes or changes the rows that refer to the old row.
    async fn follow(
        &self,
        run: &mut Execution<'_>,
        action: Referential,
        old: &Row,
        new: Option<&Row>,
    ) -> Result<()> {
        let child = lock(run, self.child, LockMode::RowExclusive).await?;
        let parent = run.shared.lock().table(self.key.parent)?.def.clone();
        let source = Matching {
            from: find_rows(&child, self.referring(&child, &parent, old)?),
            filter: Vec::new(),
        };
        look(run, true);
        let follow = match (action, new) {
            (Referential::Cascade, None) => Action::Delete(Delete {
                table: child.clone(),
                source,
                returning: None,
            }),
            (action, new) => {
                let keys = self.key.columns.iter().zip(&self.key.parent_columns);
                let assignments = keys.map(|(own, other)| {
                    let expr = match (action, new) {
                        (Referential::Cascade, Some(new)) => {
                            let (from, to) = (parent.columns[*other].ty, child.columns[*own].ty);
                            Expr::Const(cast(&new[*other], from, to, &Reading::default())?)
                        }
                        (Referential::SetDefault, _) => child.columns[*own]
                            .default
                            .as_deref()
                            .cloned()
                            .unwrap_or(Expr::Const(Value::Null)),
                        _ => Expr::Const(Value::Null),
                    };
                    Ok((*own, expr))
                });
                Action::Update(Update {
                    assignments: assignments.collect::<Result<_>>()?,
                    table: child.clone(),
                    source,
                    returning: None,
                })
            }
        };
        // A transaction that keeps its snapshot may not change what is newer.
        let snapshot = run.snapshot;
        let kept = run.transaction.snapshot;
        run.crosscheck = kept.map(|csn| Snapshot { csn, ..snapshot });
        let followed = run_action(run, &follow).await;
        run.crosscheck = None;
        followed?;
        run.transaction.command += 1;
        Ok(())
    }

    /// True if another row has taken over the key.
    async fn has_successor(
        &self,
        run: &mut Execution<'_>,
        parent: &Arc<TableDef>,
        old: &Row,
    ) -> Result<bool> {
        look(run, true);
        let columns = self.key.parent_columns.iter();
        let conditions = columns.map(|column| equals(*column, old[*column].clone()));
        locks_one(run, parent, conditions.collect()).await
    }
}

pub(super) const MIXED_NULLS: &str =
    "MATCH FULL does not allow mixing of null and nonnull key values.";

/// The error about a row that refers to none, or to half of one.
pub(super) fn refers_to_none(key: &ForeignKey, child: &TableDef, detail: String) -> Error {
    let (table, name) = (&child.name, &key.name);
    let message =
        format!("insert or update on table \"{table}\" violates foreign key constraint \"{name}\"");
    violation(key, child, message, detail)
}

fn violation(key: &ForeignKey, child: &TableDef, message: String, detail: String) -> Error {
    Error::new(SqlState("23503"), message)
        .detail(detail)
        .table(&child.name)
        .constraint(&key.name)
}

/// Locks a table, and returns its definition.
async fn lock(run: &mut Execution<'_>, table: TableId, mode: LockMode) -> Result<Arc<TableDef>> {
    let def = run.shared.lock().table(table)?.def.clone();
    let tag = LockTag::Relation(table);
    lock_relation(
        run.shared,
        run.transaction,
        run.settings,
        tag,
        mode,
        &def.name,
    )
    .await?;
    Ok(run.shared.lock().table(table)?.def.clone())
}

/// True if a version is still the newest of its row.
fn is_live(run: &Execution<'_>, table: TableId, place: Origin) -> bool {
    let Some((row, tid)) = place else {
        return false;
    };
    let engine = run.shared.lock();
    let chain = engine
        .catalog
        .table(table)
        .map(|table| table.heap.chain(row));
    let newest = chain.and_then(|chain| chain.newest());
    newest.is_some_and(|newest| newest.tid == tid && !newest.xmax.is_some())
}

/// The next query looks at what is there now; at what the transaction's
/// snapshot sees if it keeps one and `latest` is not asked for.
fn look(run: &mut Execution<'_>, latest: bool) {
    let engine = run.shared.lock();
    run.snapshot.csn = match run.transaction.snapshot {
        Some(kept) if !latest => kept,
        _ => engine.clog.latest(),
    };
    run.snapshot.top = run.transaction.xid;
    run.snapshot.command = run.transaction.command;
}

fn equals(column: usize, value: Value) -> Expr {
    let column = Expr::Column { slot: 0, column };
    Expr::Compare(
        Comparison::Equal,
        Box::new(column),
        Box::new(Expr::Const(value)),
    )
}

/// True if there is such a row, which is locked: not by a transaction that has
/// been told meanwhile to only read.
async fn locks_one(
    run: &mut Execution<'_>,
    table: &Arc<TableDef>,
    conditions: Vec<Expr>,
) -> Result<bool> {
    if run.transaction.read_only {
        return Err(Error::read_only("SELECT FOR KEY SHARE"));
    }
    let query = locking(table, conditions);
    let found = run_action(run, &Action::Select(query)).await?;
    Ok(!found.rows.is_empty())
}

/// `SELECT 1 FROM table WHERE ... FOR KEY SHARE`, of which one row is enough.
fn locking(table: &Arc<TableDef>, conditions: Vec<Expr>) -> Query {
    Query::Select(Box::new(Select {
        base: 0,
        from: Some(find_rows(table, conditions)),
        filter: Vec::new(),
        grouping: None,
        windows: None,
        output: vec![Expr::Const(Value::Int(1))],
        distinct: Distinct::No,
        order: Vec::new(),
        presorted: false,
        limit: Some(Expr::Const(Value::Int(1))),
        with_ties: false,
        offset: None,
        locks: vec![RowLock {
            slot: 0,
            table: table.id,
            mode: RowLockMode::KeyShare,
            policy: WaitPolicy::Block,
        }],
    }))
}

fn shown(table: &TableDef, columns: &[usize], row: &Row) -> String {
    let names: Vec<&str> = columns.iter().map(|c| &*table.columns[*c].name).collect();
    let values: Vec<String> = columns.iter().map(|c| row[*c].to_string()).collect();
    format!("({})=({})", names.join(", "), values.join(", "))
}
