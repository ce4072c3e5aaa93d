//! SET CONSTRAINTS.

use std::sync::Arc;

use super::control::only_in_blocks;
use crate::postgres::engine::Engine;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::executor::check_due;
use crate::postgres::session::{Answer, Session};
use crate::postgres::sql::{SetConstraints, object_name};
use crate::postgres::storage::Xid;
use crate::postgres::storage::table::TableId;

impl Session {
    /// Sets when constraints are checked, and checks at once what need not
    /// wait any more.
    pub(in crate::postgres) async fn set_constraints(
        &mut self,
        command: &SetConstraints,
    ) -> Result<Answer> {
        let mut answer = Answer::word("SET CONSTRAINTS");
        if !self.goes_on() {
            answer.notices.push(only_in_blocks("SET CONSTRAINTS"));
        }
        self.ensure_transaction()?;
        let (shared, transaction, settings) = self.in_transaction()?;
        let mut timing = transaction.timing.clone();
        match &command.names {
            None => timing.set_all(command.deferred),
            Some(names) => {
                for name in names {
                    let name = object_name(name)?;
                    let keys = find(&shared.lock(), transaction.xid, &name, command.deferred)?;
                    for (child, name) in keys {
                        timing.set(child, name, command.deferred);
                    }
                }
            }
        }
        transaction.timing = timing;
        if !command.deferred {
            check_due(shared, transaction, settings).await?;
        }
        Ok(answer)
    }
}

/// The foreign keys of a name that can wait, each with its table. Those that
/// cannot may be set to be checked at once, which they are.
fn find(engine: &Engine, top: Xid, name: &str, deferred: bool) -> Result<Vec<(TableId, Arc<str>)>> {
    let (mut keys, mut fixed) = (Vec::new(), false);
    let tables = engine.catalog.tables();
    for table in tables.filter(|table| table.presence.seen(&engine.clog, top)) {
        let def = &table.def;
        for key in def.foreign_keys.iter().filter(|key| *key.name == *name) {
            match key.deferrable {
                true => keys.push((def.id, key.name.clone())),
                false => fixed = true,
            }
        }
        let mut indexes = def.indexes.iter();
        fixed |= def.checks.iter().any(|check| *check.name == *name);
        fixed |= indexes.any(|index| index.is_constraint() && *index.name == *name);
    }
    if fixed && deferred {
        return Err(Error::new(
            SqlState("42809"),
            format!("constraint \"{name}\" is not deferrable"),
        ));
    }
    if keys.is_empty() && !fixed {
        return Err(Error::new(
            SqlState::UNDEFINED_OBJECT,
            format!("constraint \"{name}\" does not exist"),
        ));
    }
    Ok(keys)
}
