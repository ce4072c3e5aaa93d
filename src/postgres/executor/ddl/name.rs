//! The names of relations: tables, views, indexes and sequences share them.
//!
//! As the unique indexes of pg_class and pg_type have it: a name that
//! somebody else has made and not committed is not seen, so there is no
//! relation of it yet; but whoever makes a second one waits for the end of
//! that transaction, and fails if it commits.

use parking_lot::MutexGuard;

use super::super::{limits, wait};
use super::{Work, already_exists};
use crate::postgres::engine::Engine;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::{NAME_MAX, clipped};
use crate::postgres::storage::Xid;
use crate::postgres::storage::catalog::Claim;

/// What kind of relation is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A table or view: its rows are a type of this name too, made first.
    WithRowType,
    /// An index or sequence.
    Plain,
}

/// Another transaction is about to make a relation of the same name.
#[derive(Debug)]
struct Rival {
    xid: Xid,
    name: String,
    kind: Kind,
}

impl<'a> Work<'a> {
    /// True if a relation has this name; with IF NOT EXISTS that is a notice,
    /// without it an error.
    pub(super) fn taken(&mut self, name: &str, if_not_exists: bool) -> Result<bool> {
        if !self.exists(name) {
            return Ok(false);
        }
        if !if_not_exists {
            return Err(already_exists(name));
        }
        let message = format!("relation \"{name}\" already exists, skipping");
        self.notice(SqlState::DUPLICATE_TABLE, message);
        Ok(true)
    }

    fn exists(&self, name: &str) -> bool {
        let engine = self.shared.lock();
        let top = self.transaction.xid;
        engine.catalog.has_relation(name, &engine.clog, top)
    }

    /// Locks the engine at a moment when nobody else is about to make a
    /// relation of one of these names, which [`Work::taken`] found to be free.
    pub(super) async fn claim(
        &mut self,
        names: &[(String, Kind)],
    ) -> Result<MutexGuard<'a, Engine>> {
        loop {
            let rival = {
                let engine = self.shared.lock();
                let mut names = names.iter();
                match names.find_map(|(name, kind)| self.rival(&engine, name, *kind)) {
                    Some(rival) => rival,
                    None => return Ok(engine),
                }
            };
            self.outwait(rival).await?;
        }
    }

    /// Who else is about to make a relation of this name.
    fn rival(&self, engine: &Engine, name: &str, kind: Kind) -> Option<Rival> {
        let top = self.transaction.xid;
        let Claim { xid, row_type } = engine.catalog.claim(name, &engine.clog, top)?;
        Some(Rival {
            xid,
            name: name.to_owned(),
            kind: if row_type { kind } else { Kind::Plain },
        })
    }

    /// Waits for the end of a rival: an error if it has made its relation.
    async fn outwait(&mut self, rival: Rival) -> Result<()> {
        let (relation, index, columns) = match rival.kind {
            Kind::WithRowType => (
                "pg_type",
                "pg_type_typname_nsp_index",
                "typname, typnamespace",
            ),
            Kind::Plain => (
                "pg_class",
                "pg_class_relname_nsp_index",
                "relname, relnamespace",
            ),
        };
        let (shared, pid) = (self.shared, self.transaction.pid);
        let waits = shared.await_end(&mut shared.lock(), pid, rival.xid, relation);
        if let Some(id) = waits {
            wait(self.shared, pid, id, limits(self.settings)).await?;
        }
        if !self.exists(&rival.name) {
            return Ok(());
        }
        Err(Error::new(
            SqlState::UNIQUE_VIOLATION,
            format!("duplicate key value violates unique constraint \"{index}\""),
        )
        .detail(format!(
            "Key ({columns})=({}, 2200) already exists.",
            rival.name
        ))
        .table(relation)
        .constraint(index))
    }
}

/// A name for what belongs to a table: the table's, that of the columns if
/// there are some, and what it is, with a number if that is taken. Of the
/// longer name as much is left as fits.
pub(super) fn made_name(
    table: &str,
    columns: &str,
    label: &str,
    taken: impl Fn(&str) -> bool,
) -> String {
    let mut number = 0;
    loop {
        let label = match number {
            0 => label.to_owned(),
            number => format!("{label}{number}"),
        };
        let between = if columns.is_empty() { 1 } else { 2 };
        let room = NAME_MAX.saturating_sub(label.len() + between);
        let (mut first, mut second) = (table.len(), columns.len());
        while first + second > room {
            *if first > second {
                &mut first
            } else {
                &mut second
            } -= 1;
        }
        let (table, columns) = (clipped(table, first), clipped(columns, second));
        let name = match columns {
            "" => format!("{table}_{label}"),
            columns => format!("{table}_{columns}_{label}"),
        };
        if !taken(&name) {
            return name;
        }
        number += 1;
    }
}
