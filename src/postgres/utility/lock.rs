//! LOCK TABLE.

use sqlparser::ast::{Lock, Statement};

use crate::postgres::engine::Shared;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::executor::lock_relation;
use crate::postgres::locks::{Indexes, LockMode, LockTag};
use crate::postgres::session::{Answer, Session};
use crate::postgres::settings::Settings;
use crate::postgres::sql::object_name;
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
        let tag = {
            let engine = shared.lock();
            let table = engine.catalog.find(&name, &engine.clog, transaction.xid);
            let table = table.ok_or_else(|| {
                Error::new(
                    SqlState::UNDEFINED_TABLE,
                    format!("relation \"{name}\" does not exist"),
                )
            })?;
            LockTag::Relation(table.def.id)
        };
        if transaction.holds(tag, mode) {
            continue;
        }
        if lock.nowait {
            if !shared.lock().locks.try_acquire(tag, mode, transaction.pid) {
                return Err(Error::new(
                    SqlState::LOCK_NOT_AVAILABLE,
                    format!("could not obtain lock on relation \"{name}\""),
                ));
            }
            transaction.keep_lock(tag, mode);
        }
        lock_relation(shared, transaction, settings, tag, mode, &name).await?;
        let locks = &mut shared.lock().locks;
        locks.set_indexes(tag, mode, transaction.pid, Indexes::No);
        transaction.bare_locks = true;
    }
    Ok(())
}
