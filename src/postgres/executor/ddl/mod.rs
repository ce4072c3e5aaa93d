//! DDL: one file for each kind of definition.
//!
//! A definition takes effect inside its transaction at once, under a lock
//! that keeps everybody else away from the table until the end, and is undone
//! by a rollback.

mod alter;
mod comment;
mod constraint;
mod depend;
mod drop;
mod index;
mod like;
mod name;
mod relation;
mod retype;
mod sequence;
mod table;
mod truncate;
mod verify;
mod view;

use sqlparser::ast::Statement;

use super::{Outlasting, lock_relation};
use crate::postgres::engine::{Engine, Shared};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::{LockMode, LockTag};
use crate::postgres::settings::Settings;
use crate::postgres::sql::{AlterConstraint, AlterRelation, AlterSequence, Analyser, SequenceOf};
use crate::postgres::storage::Xid;
use crate::postgres::storage::clog::Clog;
use crate::postgres::storage::table::{Column, ForeignKey, Table, TableDef, TableId};
use crate::postgres::transaction::Transaction;
use crate::postgres::types::{Reading, Row};

/// What a definition gives back: its tag, and perhaps notices.
pub(in crate::postgres) struct Defined {
    pub(in crate::postgres) tag: &'static str,
    pub(in crate::postgres) notices: Vec<Error>,
}

/// Why a relation is left alone that a cursor of the session has open.
pub(in crate::postgres) const BEING_USED: &str =
    "it is being used by active queries in this session";

pub(in crate::postgres) fn object_in_use(what: &str, name: &str, why: &str) -> Error {
    Error::new(
        SqlState("55006"),
        format!("cannot {what} \"{name}\" because {why}"),
    )
}

/// What a definition works with.
pub(super) struct Work<'a> {
    shared: &'a Shared,
    transaction: &'a mut Transaction,
    settings: &'a Settings,
    /// The relations that the session's own cursors have open.
    in_use: &'a [u32],
    /// CONCURRENTLY: nobody is kept from the rows meanwhile.
    concurrently: bool,
    notices: Vec<Error>,
}

impl<'a> Work<'a> {
    fn new(
        shared: &'a Shared,
        transaction: &'a mut Transaction,
        settings: &'a Settings,
    ) -> Work<'a> {
        Work {
            shared,
            transaction,
            settings,
            in_use: &[],
            concurrently: false,
            notices: Vec::new(),
        }
    }
}

/// Runs a statement that defines something; None if it is of another kind. If
/// it fails, its notices are told before.
pub(in crate::postgres) async fn define(
    shared: &Shared,
    transaction: &mut Transaction,
    settings: &Settings,
    in_use: &[u32],
    statement: &Statement,
    concurrently: bool,
    told: &mut Vec<Error>,
) -> Result<Option<Defined>> {
    let Some(tag) = tag(statement)? else {
        return Ok(None);
    };
    may_define(transaction, tag)?;
    let mut work = Work {
        in_use,
        concurrently,
        ..Work::new(shared, transaction, settings)
    };
    let defined = define_one(&mut work, statement).await;
    let notices = work.notices;
    if let Err(error) = defined {
        told.extend(notices);
        return Err(error);
    }
    Ok(Some(Defined { tag, notices }))
}

async fn define_one(work: &mut Work<'_>, statement: &Statement) -> Result<()> {
    match statement {
        Statement::CreateTable(create) => work.create_table(create).await?,
        Statement::CreateIndex(create) => work.create_index(create).await?,
        Statement::CreateView(create) => work.create_view(create).await?,
        Statement::CreateSequence {
            temporary: false,
            if_not_exists,
            name,
            data_type,
            sequence_options,
            owned_by,
        } => {
            let options = sequence_options.as_slice();
            let ty = data_type.as_ref();
            work.create_sequence(name, *if_not_exists, ty, options, owned_by.as_ref())
                .await?;
        }
        Statement::AlterTable(alter) => work.alter_table(alter).await?,
        Statement::Drop {
            object_type,
            if_exists,
            names,
            cascade,
            ..
        } => {
            if work.concurrently {
                drop::drops_one(names, *cascade)?;
            }
            work.drop_objects(object_type, names, *if_exists, *cascade)
                .await?;
        }
        Statement::Comment {
            object_type,
            object_name,
            comment,
            if_exists: false,
        } => {
            work.comment(*object_type, object_name, comment.as_deref())
                .await?;
        }
        Statement::Truncate(truncate) => work.truncate(truncate).await?,
        other => return Err(Error::unsupported(first_words(other))),
    }
    Ok(())
}

/// Runs an ALTER SEQUENCE, or an ALTER TABLE that comes to one.
pub(in crate::postgres) async fn alter_sequence(
    shared: &Shared,
    transaction: &mut Transaction,
    settings: &Settings,
    alter: &AlterSequence,
) -> Result<Defined> {
    let tag = match alter.of {
        SequenceOf::Name(_) => "ALTER SEQUENCE",
        SequenceOf::Column(..) => "ALTER TABLE",
    };
    may_define(transaction, tag)?;
    let mut work = Work::new(shared, transaction, settings);
    work.alter_sequence(alter).await?;
    Ok(Defined {
        tag,
        notices: work.notices,
    })
}

/// Runs an ALTER of an index, a sequence or a view.
pub(in crate::postgres) async fn alter_relation(
    shared: &Shared,
    transaction: &mut Transaction,
    settings: &Settings,
    alter: &AlterRelation,
) -> Result<Defined> {
    let tag = alter.kind.tag();
    may_define(transaction, tag)?;
    let mut work = Work::new(shared, transaction, settings);
    work.alter_relation(alter).await?;
    Ok(Defined {
        tag,
        notices: work.notices,
    })
}

/// Runs an ALTER TABLE that changes when a constraint is checked.
pub(in crate::postgres) async fn alter_constraint(
    shared: &Shared,
    transaction: &mut Transaction,
    settings: &Settings,
    in_use: &[u32],
    alter: &AlterConstraint,
) -> Result<Defined> {
    let tag = "ALTER TABLE";
    may_define(transaction, tag)?;
    let mut work = Work {
        in_use,
        ..Work::new(shared, transaction, settings)
    };
    work.alter_constraint(alter).await?;
    Ok(Defined {
        tag,
        notices: work.notices,
    })
}

fn may_define(transaction: &Transaction, tag: &str) -> Result<()> {
    match transaction.read_only {
        false => Ok(()),
        true => Err(Error::read_only(tag)),
    }
}

/// Makes the table of a CREATE TABLE AS: false if it was there already. A
/// notice then says so.
pub(in crate::postgres) async fn define_for(
    shared: &Shared,
    transaction: &mut Transaction,
    settings: &Settings,
    name: &str,
    columns: Vec<Column>,
    if_not_exists: bool,
) -> Result<(bool, Vec<Error>)> {
    let mut work = Work::new(shared, transaction, settings);
    let made = work.create_table_for(name, columns, if_not_exists).await?;
    Ok((made, work.notices))
}

fn tag(statement: &Statement) -> Result<Option<&'static str>> {
    use sqlparser::ast::ObjectType;
    Ok(Some(match statement {
        Statement::CreateTable(_) => "CREATE TABLE",
        Statement::CreateIndex(_) => "CREATE INDEX",
        Statement::CreateView(_) => "CREATE VIEW",
        Statement::CreateSequence { .. } => "CREATE SEQUENCE",
        Statement::AlterTable(_) => "ALTER TABLE",
        Statement::Drop { object_type, .. } => match object_type {
            ObjectType::Table => "DROP TABLE",
            ObjectType::Index => "DROP INDEX",
            ObjectType::Sequence => "DROP SEQUENCE",
            ObjectType::View => "DROP VIEW",
            other => return Err(Error::unsupported(format!("DROP {other}"))),
        },
        Statement::Comment { .. } => "COMMENT",
        Statement::Truncate(_) => "TRUNCATE TABLE",
        _ => return Ok(None),
    }))
}

fn first_words(statement: &Statement) -> String {
    let text = statement.to_string();
    text.split_whitespace()
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
}

fn no_column(def: &TableDef, name: &str) -> Error {
    Error::new(
        SqlState::UNDEFINED_COLUMN,
        format!(
            "column \"{name}\" of relation \"{}\" does not exist",
            def.name
        ),
    )
}

fn undefined_table(name: &str) -> Error {
    Error::new(
        SqlState::UNDEFINED_TABLE,
        format!("relation \"{name}\" does not exist"),
    )
}

fn already_exists(name: &str) -> Error {
    Error::new(
        SqlState::DUPLICATE_TABLE,
        format!("relation \"{name}\" already exists"),
    )
}

fn analyser<'e>(engine: &'e Engine, top: Xid, reading: &Reading) -> Analyser<'e> {
    let reading = reading.clone();
    Analyser::new(&engine.catalog, &engine.clog, top, reading, &[])
}

/// The newest state of every row: under a lock that keeps writers away it is
/// decided, or our own.
fn live_rows<'t>(table: &'t Table, clog: &'t Clog) -> impl Iterator<Item = &'t Row> {
    table.heap.live(clog).map(|version| &version.row)
}

impl Work<'_> {
    /// How the session reads dates and times.
    fn reading(&self) -> Reading {
        Reading::new(self.settings.style, Some(self.transaction.start))
    }

    /// A whole table is read, and so many indexes are filled from it.
    fn reads_all(&self, table: &Table, indexes: usize) {
        let versions = table.heap.rows().map(|(_, chain)| chain.versions().len());
        let versions: usize = versions.sum();
        let touched = &self.transaction.touched;
        touched.seq_tuples.add(versions);
        touched.index_writes.add(versions * indexes);
    }

    /// A whole table is read and written anew, with its indexes.
    fn rewrites_all(&self, table: &Table) {
        self.reads_all(table, table.indexes.len());
        let rows = table.heap.rows().count();
        self.transaction.touched.writes.add(rows);
    }

    /// Waits for others who use a table, and gives up the statement's snapshot
    /// first.
    fn outlast<'w>(&'w mut self, table: TableId, name: &'w str) -> Outlasting<'w> {
        self.transaction.release_snapshot(&mut self.shared.lock());
        Outlasting {
            shared: self.shared,
            settings: self.settings,
            pid: self.transaction.pid,
            table,
            name,
        }
    }

    fn notice(&mut self, code: SqlState, message: String) {
        self.notices.push(Error::new(code, message));
    }

    /// Locks a relation of any kind.
    async fn lock(&mut self, id: TableId, mode: LockMode, name: &str) -> Result<()> {
        let (shared, settings) = (self.shared, self.settings);
        let tag = LockTag::Relation(id);
        lock_relation(shared, self.transaction, settings, tag, mode, name).await
    }

    /// Locks a relation that nobody else knows of yet.
    fn lock_new(&mut self, engine: &mut Engine, id: TableId) {
        let (tag, mode) = (LockTag::Relation(id), LockMode::AccessExclusive);
        if engine.locks.try_acquire(tag, mode, self.transaction.pid) {
            self.transaction.keep_lock(tag, mode);
        }
    }

    /// Takes the locks that are not held yet, one after the other, of those
    /// relations that are there: true if there were any.
    async fn lock_missing(&mut self, relations: &[(TableId, LockMode)]) -> Result<bool> {
        let mut taken = false;
        for (id, mode) in relations {
            if self.transaction.holds(LockTag::Relation(*id), *mode) {
                continue;
            }
            let name = self.shared.lock().relation_name(*id);
            if let Ok(name) = name {
                self.lock(*id, *mode, &name).await?;
                taken = true;
            }
        }
        Ok(taken)
    }

    /// Notes a lock beside a stronger one, which keeps away whom it would:
    /// whoever has a lock gets it once more past a queue.
    fn lock_beside(&mut self, engine: &mut Engine, id: TableId, modes: &[LockMode]) {
        let tag = LockTag::Relation(id);
        for mode in modes {
            if !self.transaction.holds(tag, *mode) {
                engine.locks.grant(tag, *mode, self.transaction.pid);
                self.transaction.keep_lock(tag, *mode);
            }
        }
    }

    /// Notes the lock in which PostgreSQL fills a table's indexes.
    fn lock_to_index(&mut self, engine: &mut Engine, id: TableId) {
        self.lock_beside(engine, id, &[LockMode::Share]);
    }

    /// Notes the locks in which it makes a foreign key, and checks it.
    fn lock_to_refer(
        &mut self,
        engine: &mut Engine,
        child: TableId,
        key: &ForeignKey,
        check: bool,
    ) {
        use LockMode::{AccessShare, RowShare, ShareRowExclusive};
        self.lock_beside(engine, child, &[ShareRowExclusive, AccessShare]);
        self.lock_beside(engine, key.parent, &[ShareRowExclusive, AccessShare]);
        if check && key.valid {
            self.lock_beside(engine, key.parent, &[RowShare]);
        }
    }

    /// Finds a table, locks it, and makes sure that it is still the one.
    async fn lock_table(&mut self, name: &str, mode: LockMode) -> Result<Option<TableId>> {
        loop {
            let top = self.transaction.xid;
            let find = |engine: &Engine| {
                let table = engine.catalog.find(name, &engine.clog, top);
                table.map(|table| table.def.id)
            };
            let found = find(&self.shared.lock());
            let Some(id) = found else {
                return Ok(None);
            };
            self.lock(id, mode, name).await?;
            if find(&self.shared.lock()) == Some(id) {
                return Ok(Some(id));
            }
        }
    }

    /// Refuses to touch a relation that a cursor of the session has open, or a
    /// table of which foreign keys are yet to be checked.
    fn refuse_in_use(&self, id: TableId, what: &str) -> Result<()> {
        let mut deferred = self.transaction.deferred.iter();
        let why = if self.in_use.contains(&id.0) {
            BEING_USED
        } else if deferred.any(|event| event.table() == id) {
            "it has pending trigger events"
        } else {
            return Ok(());
        };
        let (engine, top) = (self.shared.lock(), self.transaction.xid);
        let name = engine.catalog.relation_name(id.0, &engine.clog, top);
        Err(object_in_use(what, &name.unwrap_or_default(), why))
    }

    /// Locks a table that must be there.
    async fn existing_table(&mut self, name: &str, mode: LockMode) -> Result<TableId> {
        let found = self.lock_table(name, mode).await?;
        found.ok_or_else(|| undefined_table(name))
    }
}
