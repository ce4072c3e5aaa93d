//! What begins, ends and divides transactions.

use sqlparser::ast::{
    Ident, Statement, TransactionAccessMode, TransactionIsolationLevel, TransactionMode,
};

use super::unsupported;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::session::{Answer, Block, Session};
use crate::postgres::sql::fold;
use crate::postgres::transaction::{Isolation, Modes, no_savepoint};

/// The isolation level of this name.
pub(super) fn isolation(name: &str) -> Result<Isolation> {
    Isolation::ALL
        .into_iter()
        .find(|level| level.name() == name)
        .ok_or_else(|| {
            Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("invalid value for parameter \"transaction_isolation\": \"{name}\""),
            )
            .hint(
                "Available values: serializable, repeatable read, read committed, read uncommitted.",
            )
        })
}

/// What a list of transaction modes asks for.
pub(super) fn wanted(modes: &[TransactionMode]) -> Modes {
    let mut wanted = Modes::default();
    for mode in modes {
        match mode {
            // DEFERRABLE as the parser takes it; twice for NOT DEFERRABLE.
            TransactionMode::IsolationLevel(TransactionIsolationLevel::Snapshot) => {
                wanted.deferrable = Some(wanted.deferrable.is_none());
            }
            TransactionMode::IsolationLevel(level) => wanted.isolation = level_of(*level),
            TransactionMode::AccessMode(access) => {
                wanted.read_only = Some(*access == TransactionAccessMode::ReadOnly);
            }
        }
    }
    wanted
}

fn level_of(level: TransactionIsolationLevel) -> Option<Isolation> {
    Some(match level {
        TransactionIsolationLevel::ReadUncommitted => Isolation::ReadUncommitted,
        TransactionIsolationLevel::ReadCommitted => Isolation::ReadCommitted,
        TransactionIsolationLevel::RepeatableRead => Isolation::RepeatableRead,
        TransactionIsolationLevel::Serializable => Isolation::Serializable,
        TransactionIsolationLevel::Snapshot => return None,
    })
}

impl Session {
    /// Runs what begins, ends or divides a transaction; None for other
    /// statements.
    pub(in crate::postgres) async fn control(
        &mut self,
        statement: &Statement,
    ) -> Result<Option<Answer>> {
        let result = match statement {
            Statement::StartTransaction {
                modes, statements, ..
            } if statements.is_empty() => self.begin(modes),
            Statement::Commit { chain, .. } => self.commit_block(*chain).await,
            Statement::Rollback {
                chain,
                savepoint: None,
            } => self.roll_back_block(*chain),
            Statement::Rollback {
                savepoint: Some(name),
                ..
            } => self.roll_back_to(name),
            Statement::Savepoint { name } => self.savepoint(name),
            Statement::ReleaseSavepoint { name } => self.release(name),
            Statement::StartTransaction { .. } => Err(unsupported(statement)),
            _ => return Ok(None),
        };
        if let Err(error) = &result {
            self.fail(Some(error.code()));
        }
        result.map(Some)
    }

    fn begin(&mut self, modes: &[TransactionMode]) -> Result<Answer> {
        let mut answer = Answer::word("BEGIN");
        if self.block == Block::Open {
            answer.notices.push(Error::new(
                SqlState::ACTIVE_SQL_TRANSACTION,
                "there is already a transaction in progress",
            ));
        }
        if self.block == Block::None {
            self.chained = None;
        }
        self.set_modes(wanted(modes))?;
        self.block = Block::Open;
        Ok(answer)
    }

    async fn commit_block(&mut self, chain: bool) -> Result<Answer> {
        self.need_block_to_chain(chain, "COMMIT")?;
        let modes = self.modes();
        let answer = match self.block {
            Block::Failed => {
                self.roll_back();
                Answer::word("ROLLBACK")
            }
            Block::Open => {
                self.commit().await?;
                Answer::word("COMMIT")
            }
            Block::None => {
                self.commit().await?;
                let mut answer = Answer::word("COMMIT");
                answer.notices.push(no_transaction());
                answer
            }
        };
        self.chain(chain, modes)?;
        Ok(answer)
    }

    fn roll_back_block(&mut self, chain: bool) -> Result<Answer> {
        self.need_block_to_chain(chain, "ROLLBACK")?;
        let modes = self.outer_modes();
        let mut answer = Answer::word("ROLLBACK");
        if self.block == Block::None {
            answer.notices.push(no_transaction());
        }
        self.roll_back();
        self.chain(chain, modes)?;
        Ok(answer)
    }

    fn need_block_to_chain(&self, chain: bool, what: &str) -> Result<()> {
        if chain && self.block == Block::None {
            return Err(only_in_blocks(&format!("{what} AND CHAIN")));
        }
        Ok(())
    }

    /// AND CHAIN: the next transaction begins at once, in the same modes.
    fn chain(&mut self, chain: bool, modes: Modes) -> Result<()> {
        self.chained = chain.then_some(modes);
        if chain {
            self.set_modes(modes)?;
            self.block = Block::Open;
        }
        Ok(())
    }

    fn savepoint(&mut self, name: &Ident) -> Result<Answer> {
        if self.block == Block::None {
            return Err(only_in_blocks("SAVEPOINT"));
        }
        let mark = self.settings.mark();
        self.ensure_transaction()?.savepoint(&fold(name), mark);
        Ok(Answer::word("SAVEPOINT"))
    }

    fn release(&mut self, name: &Ident) -> Result<Answer> {
        if self.block == Block::None {
            return Err(only_in_blocks("RELEASE SAVEPOINT"));
        }
        let transaction = self.ensure_transaction()?;
        transaction.release(&fold(name))?;
        let depth = transaction.depth();
        self.portals.released_to(depth);
        self.show_modes();
        Ok(Answer::word("RELEASE"))
    }

    fn roll_back_to(&mut self, name: &Ident) -> Result<Answer> {
        if self.block == Block::None {
            return Err(only_in_blocks("ROLLBACK TO SAVEPOINT"));
        }
        let name = fold(name);
        let Some(transaction) = &mut self.transaction else {
            return Err(no_savepoint(&name));
        };
        let mark = transaction.roll_back_to(&self.shared, &name)?;
        let depth = transaction.depth();
        self.portals.return_to(depth);
        self.drop_portal_snapshots();
        self.settings.return_to(mark);
        self.show_modes();
        self.block = Block::Open;
        Ok(Answer::word("ROLLBACK"))
    }
}

fn no_transaction() -> Error {
    Error::new(
        SqlState::NO_ACTIVE_SQL_TRANSACTION,
        "there is no transaction in progress",
    )
}

pub(super) fn only_in_blocks(what: &str) -> Error {
    Error::new(
        SqlState::NO_ACTIVE_SQL_TRANSACTION,
        format!("{what} can only be used in transaction blocks"),
    )
}
