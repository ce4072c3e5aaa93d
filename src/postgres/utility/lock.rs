//! LOCK TABLE, of a table or of a view with all that it reads.

use sqlparser::ast::{Lock, Statement};

use crate::postgres::engine::{Engine, Shared};
use crate::postgres::error::{Error, Result, SqlState, not_supported_for};
use crate::postgres::executor::{identify, lock_relation};
use crate::postgres::locks::{Indexes, LockMode, LockTag};
use crate::postgres::session::{Answer, Session};
use crate::postgres::settings::Settings;
use crate::postgres::sql::object_name;
use crate::postgres::storage::Xid;
use crate::postgres::storage::catalog::Relation;
use crate::postgres::storage::table::TableId;
use crate::postgres::transaction::Transaction;

/// Runs a LOCK TABLE; None for other statements.
pub(in crate::postgres) async fn lock_tables(
    session: &mut Session,
    statement: &Statement,
) -> Result<Option<Answer>> {
    let Statement::Lock(lock) = statement else {
        return Ok(None);
    };
    if lock_mode(lock)? > LockMode::RowExclusive {
        session.prevent_in_recovery("LOCK TABLE")?;
    }
    if !session.goes_on() {
        return Err(Error::new(
            SqlState::NO_ACTIVE_SQL_TRANSACTION,
            "LOCK TABLE can only be used in transaction blocks",
        ));
    }
    let (shared, transaction, settings) = session.in_transaction()?;
    lock_each(shared, transaction, settings, lock).await?;
    Ok(Some(Answer::word("LOCK TABLE")))
}

fn lock_mode(lock: &Lock) -> Result<LockMode> {
    match &lock.lock_mode {
        None => Ok(LockMode::AccessExclusive),
        Some(mode) => LockMode::named(&mode.to_string())
            .ok_or_else(|| Error::unsupported(format!("LOCK IN {mode} MODE"))),
    }
}

async fn lock_each(
    shared: &Shared,
    transaction: &mut Transaction,
    settings: &Settings,
    lock: &Lock,
) -> Result<()> {
    let mode = lock_mode(lock)?;
    for target in &lock.tables {
        let name = object_name(&target.name)?;
        let mut id = find(&shared.lock(), transaction.xid, &name)?;
        loop {
            lock_one(shared, transaction, settings, (id, mode), lock, &name).await?;
            // Whoever had it may have dropped it.
            let found = find(&shared.lock(), transaction.xid, &name)?;
            if found == id {
                break;
            }
            id = found;
        }
        let mut rest = read_by(&shared.lock(), id);
        rest.reverse();
        while let Some((id, name)) = rest.pop() {
            lock_one(shared, transaction, settings, (id, mode), lock, &name).await?;
            rest.extend(read_by(&shared.lock(), id).into_iter().rev());
        }
    }
    Ok(())
}

/// The number of a table or view.
fn find(engine: &Engine, top: Xid, name: &str) -> Result<TableId> {
    match engine.catalog.relation(name, &engine.clog, top) {
        Some(Relation::Table(id)) => Ok(id),
        Some(Relation::View(id)) => Ok(TableId(id)),
        Some(Relation::Sequence(_)) => Err(not_supported_for("lock", name, "sequence")),
        Some(Relation::Index(..)) => Err(not_supported_for("lock", name, "index")),
        None => Err(Error::new(
            SqlState::UNDEFINED_TABLE,
            format!("relation \"{name}\" does not exist"),
        )),
    }
}

/// What a view reads, which is locked with it.
fn read_by(engine: &Engine, id: TableId) -> Vec<(TableId, String)> {
    let needs = engine.catalog.view_by_id(id.0).map(|view| &view.needs);
    let mut read: Vec<(TableId, String)> = Vec::new();
    for (needed, _) in needs.into_iter().flatten() {
        let name = engine.relation_name(*needed);
        if let Ok(name) = name
            && read.iter().all(|(other, _)| other != needed)
        {
            read.push((*needed, name.to_string()));
        }
    }
    read
}

async fn lock_one(
    shared: &Shared,
    transaction: &mut Transaction,
    settings: &Settings,
    (table, mode): (TableId, LockMode),
    lock: &Lock,
    name: &str,
) -> Result<()> {
    let tag = LockTag::Relation(table);
    if transaction.holds(tag, mode) {
        return Ok(());
    }
    if lock.nowait {
        if mode == LockMode::AccessExclusive {
            identify(shared, transaction);
        }
        if !shared.lock().locks.try_acquire(tag, mode, transaction.pid) {
            return Err(Error::new(
                SqlState::LOCK_NOT_AVAILABLE,
                format!("could not obtain lock on relation \"{name}\""),
            ));
        }
        transaction.keep_lock(tag, mode);
    }
    lock_relation(shared, transaction, settings, tag, mode, name).await?;
    let locks = &mut shared.lock().locks;
    locks.set_indexes(tag, mode, transaction.pid, Indexes::No);
    transaction.bare_locks = true;
    Ok(())
}
