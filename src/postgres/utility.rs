//! Statements that touch no rows: transaction control, SET and SHOW, LOCK.

use sqlparser::ast::{
    ContextModifier, Expr as Ast, Reset, Set, Statement, TransactionAccessMode,
    TransactionIsolationLevel, TransactionMode, Value as Literal,
};

use super::engine::Shared;
use super::error::{Error, Result, SqlState};
use super::executor::lock_relation;
use super::locks::{LockMode, LockTag};
use super::session::{Answer, Block, Session};
use super::settings::{Scope, Settings};
use super::sql::{OutputColumn, object_name};
use super::transaction::{Isolation, Transaction};
use super::types::{Type, Value};

/// The isolation level of this name.
pub(super) fn isolation(name: &str) -> Result<Isolation> {
    match name {
        "read uncommitted" => Ok(Isolation::ReadUncommitted),
        "read committed" => Ok(Isolation::ReadCommitted),
        "repeatable read" => Ok(Isolation::RepeatableRead),
        other => Err(Error::unsupported(format!(
            "isolation level {}",
            other.to_uppercase()
        ))),
    }
}

pub(super) fn unsupported(statement: &Statement) -> Error {
    let text = statement.to_string();
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    Error::unsupported(words.join(" "))
}

/// The columns of a statement that is not planned.
pub(super) fn columns(statement: &Statement) -> Result<Vec<OutputColumn>> {
    let Statement::ShowVariable { variable } = statement else {
        return Ok(Vec::new());
    };
    let name = shown_name(variable);
    let name = match name.as_str() {
        "transaction_isolation" => "transaction_isolation",
        other => Settings::canonical(other)?,
    };
    Ok(vec![OutputColumn {
        name: name.to_owned(),
        ty: Type::Text,
        modifier: -1,
        origin: None,
    }])
}

fn shown_name(variable: &[sqlparser::ast::Ident]) -> String {
    let words: Vec<&str> = variable.iter().map(|ident| ident.value.as_str()).collect();
    let name = words.join(" ").to_lowercase();
    match name.as_str() {
        "transaction isolation level" => "transaction_isolation".to_owned(),
        "time zone" => "TimeZone".to_owned(),
        _ => name,
    }
}

fn warning(code: SqlState, message: &'static str) -> Error {
    Error::new(code, message)
}

impl Session {
    /// Runs what begins or ends a transaction; None for other statements.
    pub(super) async fn control(&mut self, statement: &Statement) -> Result<Option<Answer>> {
        let answer = match statement {
            Statement::StartTransaction {
                modes, statements, ..
            } if statements.is_empty() => self.begin(modes)?,
            Statement::Commit { chain: false, .. } => self.commit_block().await,
            Statement::Rollback {
                chain: false,
                savepoint: None,
            } => self.roll_back_block(),
            Statement::Commit { .. } | Statement::Rollback { .. } => {
                let error = unsupported(statement);
                self.fail(Some(error.code()));
                return Err(error);
            }
            _ => return Ok(None),
        };
        Ok(Some(answer))
    }

    fn begin(&mut self, modes: &[TransactionMode]) -> Result<Answer> {
        let mut answer = Answer::word("BEGIN");
        if self.block == Block::Open {
            answer.notices.push(warning(
                SqlState::ACTIVE_SQL_TRANSACTION,
                "there is already a transaction in progress",
            ));
        }
        let begun = self.ensure_transaction().map(|_| ());
        if let Err(error) = begun.and_then(|()| self.apply_modes(modes)) {
            self.fail(Some(error.code()));
            return Err(error);
        }
        self.block = Block::Open;
        Ok(answer)
    }

    fn apply_modes(&mut self, modes: &[TransactionMode]) -> Result<()> {
        for mode in modes {
            match mode {
                TransactionMode::IsolationLevel(level) => {
                    let isolation = isolation(level_name(*level))?;
                    self.set_isolation(isolation)?;
                }
                TransactionMode::AccessMode(access) => {
                    let read_only = *access == TransactionAccessMode::ReadOnly;
                    self.ensure_transaction()?.read_only = read_only;
                }
            }
        }
        Ok(())
    }

    async fn commit_block(&mut self) -> Answer {
        match self.block {
            Block::Failed => {
                self.roll_back();
                Answer::word("ROLLBACK")
            }
            Block::Open => {
                self.commit().await;
                Answer::word("COMMIT")
            }
            Block::None => {
                self.commit().await;
                let mut answer = Answer::word("COMMIT");
                answer.notices.push(no_transaction());
                answer
            }
        }
    }

    fn roll_back_block(&mut self) -> Answer {
        let mut answer = Answer::word("ROLLBACK");
        if self.block == Block::None {
            answer.notices.push(no_transaction());
        }
        self.roll_back();
        answer
    }
}

fn no_transaction() -> Error {
    warning(
        SqlState::NO_ACTIVE_SQL_TRANSACTION,
        "there is no transaction in progress",
    )
}

fn level_name(level: TransactionIsolationLevel) -> &'static str {
    match level {
        TransactionIsolationLevel::ReadUncommitted => "read uncommitted",
        TransactionIsolationLevel::ReadCommitted => "read committed",
        TransactionIsolationLevel::RepeatableRead => "repeatable read",
        TransactionIsolationLevel::Serializable => "serializable",
        TransactionIsolationLevel::Snapshot => "snapshot",
    }
}

/// Runs what concerns the session alone; None for other statements.
pub(super) fn run(session: &mut Session, statement: &Statement) -> Result<Option<Answer>> {
    Ok(Some(match statement {
        Statement::Set(set) => run_set(session, set)?,
        Statement::Reset(reset) => match &reset.reset {
            Reset::ALL => {
                session.settings.reset_all();
                Answer::word("RESET")
            }
            Reset::ConfigurationParameter(name) => {
                let mut answer = assign(session, &object_name(name)?, None, Scope::Session)?;
                answer.tag = Answer::word("RESET").tag;
                answer
            }
            Reset::SessionAuthorization => return Err(unsupported(statement)),
        },
        Statement::ShowVariable { variable } => {
            let name = shown_name(variable);
            let value = if name == "transaction_isolation" {
                session.isolation_name()?
            } else {
                session.settings.show(&name)?
            };
            Answer {
                rows: vec![vec![Value::text(&value)]],
                ..Answer::word("SHOW")
            }
        }
        Statement::Discard { .. } if session.block == Block::None => {
            session.settings.reset_all();
            Answer::word("DISCARD ALL")
        }
        _ => return Ok(None),
    }))
}

fn run_set(session: &mut Session, set: &Set) -> Result<Answer> {
    match set {
        Set::SingleAssignment {
            scope,
            variable,
            values,
            ..
        } => {
            let name = object_name(variable)?;
            let scope = match scope {
                Some(ContextModifier::Local) => Scope::Local,
                _ => Scope::Session,
            };
            let parts: Vec<String> = values.iter().map(setting_text).collect::<Result<_>>()?;
            let value = parts.join(", ");
            if name.eq_ignore_ascii_case("transaction_isolation") {
                session.set_isolation(isolation(&value.to_lowercase())?)?;
                return Ok(Answer::word("SET"));
            }
            let value = (!value.eq_ignore_ascii_case("default")).then_some(value);
            assign(session, &name, value.as_deref(), scope)
        }
        Set::SetTimeZone { local, value } => {
            let scope = if *local { Scope::Local } else { Scope::Session };
            let value = setting_text(value)?;
            assign(session, "TimeZone", Some(&value), scope)
        }
        Set::SetTransaction {
            modes,
            snapshot: None,
            session: for_session,
        } => set_transaction(session, modes, *for_session),
        other => Err(Error::unsupported(format!("SET {other}"))),
    }
}

fn set_transaction(
    session: &mut Session,
    modes: &[TransactionMode],
    for_session: bool,
) -> Result<Answer> {
    let mut answer = Answer::word("SET");
    if for_session {
        for mode in modes {
            let (name, value) = match mode {
                TransactionMode::IsolationLevel(level) => {
                    ("default_transaction_isolation", level_name(*level))
                }
                TransactionMode::AccessMode(TransactionAccessMode::ReadOnly) => {
                    ("default_transaction_read_only", "on")
                }
                TransactionMode::AccessMode(TransactionAccessMode::ReadWrite) => {
                    ("default_transaction_read_only", "off")
                }
            };
            assign(session, name, Some(value), Scope::Session)?;
        }
        return Ok(answer);
    }
    if session.block == Block::None {
        answer.notices.push(warning(
            SqlState::NO_ACTIVE_SQL_TRANSACTION,
            "SET TRANSACTION can only be used in transaction blocks",
        ));
        return Ok(answer);
    }
    session.apply_modes(modes)?;
    Ok(answer)
}

fn assign(session: &mut Session, name: &str, value: Option<&str>, scope: Scope) -> Result<Answer> {
    let mut answer = Answer::word("SET");
    if scope == Scope::Local && session.block == Block::None {
        answer.notices.push(warning(
            SqlState::NO_ACTIVE_SQL_TRANSACTION,
            "SET LOCAL can only be used in transaction blocks",
        ));
    }
    // A setting lives and dies with the transaction that sets it.
    session.ensure_transaction()?;
    session.settings.set(name, value, scope)?;
    let name = Settings::canonical(name)?;
    if session
        .settings
        .reported()
        .any(|(reported, _)| reported == name)
    {
        let value = session.settings.show(name)?;
        answer.reports.push((name, value));
    }
    Ok(answer)
}

fn setting_text(value: &Ast) -> Result<String> {
    Ok(match value {
        Ast::Value(value) => match &value.value {
            Literal::Number(digits, _) => digits.clone(),
            Literal::Boolean(true) => "on".to_owned(),
            Literal::Boolean(false) => "off".to_owned(),
            other => other
                .clone()
                .into_string()
                .ok_or_else(|| Error::unsupported(format!("SET to {other}")))?,
        },
        Ast::Identifier(name) => name.value.clone(),
        Ast::UnaryOp { .. } => value.to_string(),
        other => return Err(Error::unsupported(format!("SET to {other}"))),
    })
}

/// LOCK TABLE; None for other statements.
pub(super) async fn lock_tables(
    shared: &Shared,
    transaction: &mut Transaction,
    settings: &Settings,
    statement: &Statement,
) -> Result<Option<Answer>> {
    let Statement::Lock(lock) = statement else {
        return Ok(None);
    };
    let mode = match &lock.lock_mode {
        None => LockMode::AccessExclusive,
        Some(mode) => LockMode::named(&mode.to_string())
            .ok_or_else(|| Error::unsupported(format!("LOCK IN {mode} MODE")))?,
    };
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
        if lock.nowait && !transaction.holds(tag, mode) {
            if !shared.lock().locks.try_acquire(tag, mode, transaction.pid) {
                return Err(Error::new(
                    SqlState::LOCK_NOT_AVAILABLE,
                    format!("could not obtain lock on relation \"{name}\""),
                ));
            }
            transaction.keep_lock(tag, mode);
        }
        lock_relation(shared, transaction, settings, tag, mode, &name).await?;
    }
    Ok(Some(Answer::word("LOCK TABLE")))
}
