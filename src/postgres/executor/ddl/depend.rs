//! Dropping objects with what depends on them, as PostgreSQL's
//! performMultipleDeletions: what goes with them goes unasked; what needs them
//! keeps them, or goes too with CASCADE and is told of.
//!
//! A relation is locked when it is found; the tables of a foreign key when
//! that goes, for it has triggers on both.

use std::cmp::Reverse;

use super::Work;
use crate::postgres::engine::Engine;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::LockMode;
use crate::postgres::storage::Xid;
use crate::postgres::storage::depend::{Dependency, Need, Object, dependencies};
use crate::postgres::storage::sequence::SequenceId;
use crate::postgres::storage::table::{TableDef, TableId};
use crate::postgres::transaction::Definition;

/// What PostgreSQL names in one message.
const REPORTED_MAX: usize = 100;

/// An object that is to go.
#[derive(Clone, Copy)]
struct Doomed {
    object: Object,
    /// The statement names it.
    original: bool,
    /// It goes with another unasked.
    silent: bool,
    /// What it was found by.
    needs: Option<Object>,
}

/// The way through the dependencies, which ends with those on whom nothing
/// depends: they go first.
struct Search<'a> {
    all: Vec<Dependency>,
    targets: &'a [Object],
    way: Vec<Doomed>,
    doomed: Vec<Doomed>,
    /// The relations that were found, in that order.
    locks: Vec<(TableId, LockMode)>,
}

/// An object is a part of another, and does not go alone.
struct PartOf(Object, Object);

type Visited = std::result::Result<(), PartOf>;

impl Search<'_> {
    fn visit(&mut self, object: Object, original: bool, silent: bool) -> Visited {
        let met = self.way.iter_mut().chain(&mut self.doomed);
        if let Some(found) = met.into_iter().find(|found| object.is_within(found.object)) {
            if found.object == object {
                found.silent |= silent;
                found.original |= original;
            }
            return Ok(());
        }
        if let Some(owner) = self.owner(object) {
            if !self.way.is_empty() {
                return self.visit_owner(owner, object, silent);
            }
            let goes = self.targets.iter().any(|target| owner.is_within(*target));
            return if goes {
                Ok(())
            } else {
                Err(PartOf(object, owner))
            };
        }
        let step = Doomed {
            object,
            original,
            silent,
            needs: self.way.last().map(|step| step.object),
        };
        self.way.push(step);
        for (next, silent) in self.dependents(object) {
            self.visit(next, false, silent)?;
        }
        self.doomed.extend(self.way.pop());
        Ok(())
    }

    /// What an object is a part of, unless we have come from there.
    fn owner(&self, object: Object) -> Option<Object> {
        let mut all = self.all.iter();
        let part = all.find(|found| found.object == object && found.need == Need::Internal)?;
        let mut way = self.way.iter();
        let passed = way.any(|step| part.on.is_within(step.object));
        (!passed).then_some(part.on)
    }

    /// A part is found: its owner goes, with all its parts.
    fn visit_owner(&mut self, owner: Object, part: Object, silent: bool) -> Visited {
        self.lock(owner);
        self.visit(owner, false, false)?;
        let found = self.doomed.iter_mut().find(|found| found.object == part);
        if let Some(found) = found {
            found.silent |= silent;
        }
        Ok(())
    }

    /// What needs an object or a column of it, the newest first, and whether
    /// it goes unasked.
    fn dependents(&mut self, object: Object) -> Vec<(Object, bool)> {
        let all = self.all.iter();
        let needing = all.filter(|found| found.on.is_within(object));
        let others = needing.filter(|found| !found.object.is_within(object));
        let mut found: Vec<(Object, bool)> = others
            .map(|found| (found.object, found.need != Need::Normal))
            .collect();
        found.iter().for_each(|(object, _)| self.lock(*object));
        found.sort_by_key(|(object, _)| match object {
            Object::Column(id, column) => (Reverse(*id), *column),
            Object::Default(id, column) => (Reverse(id.0), usize::MAX - column),
            other => (Reverse(other.number()), 0),
        });
        found
    }

    fn lock(&mut self, object: Object) {
        if let Object::Relation(id) | Object::Column(id, _) = object {
            self.locks.push((TableId(id), LockMode::AccessExclusive));
        }
    }
}

/// What a transaction sees of the catalog.
struct Seen<'e> {
    engine: &'e Engine,
    top: Xid,
}

impl Seen<'_> {
    fn search<'t>(&self, targets: &'t [Object]) -> Result<Search<'t>> {
        let (catalog, clog) = (&self.engine.catalog, &self.engine.clog);
        let mut search = Search {
            all: dependencies(catalog, clog, self.top),
            targets,
            way: Vec::new(),
            doomed: Vec::new(),
            locks: Vec::new(),
        };
        for target in targets {
            let visited = search.visit(*target, true, false);
            visited.map_err(|PartOf(object, owner)| {
                let (object, owner) = (self.describe(object), self.describe(owner));
                Error::new(
                    SqlState("2BP01"),
                    format!("cannot drop {object} because {owner} requires it"),
                )
                .hint(format!("You can drop {owner} instead."))
            })?;
        }
        Ok(search)
    }

    /// Complains of what goes with the targets and was not asked for, or with
    /// CASCADE tells of it.
    fn report(&self, search: &Search<'_>, cascade: bool) -> Result<Option<Error>> {
        let doomed = &search.doomed;
        let asked = |found: &Doomed| {
            let mut others = doomed.iter().filter(|other| other.object != found.object);
            let part = others.any(|other| found.object.is_within(other.object));
            found.original || found.silent || part
        };
        let rest: Vec<&Doomed> = doomed.iter().rev().filter(|found| !asked(found)).collect();
        if rest.is_empty() {
            return Ok(None);
        }
        let line = |found: &&Doomed| {
            let object = self.describe(found.object);
            match (cascade, found.needs) {
                (false, Some(on)) => format!("{object} depends on {}", self.describe(on)),
                _ => format!("drop cascades to {object}"),
            }
        };
        let mut lines: Vec<String> = rest.iter().take(REPORTED_MAX).map(line).collect();
        if rest.len() > REPORTED_MAX {
            let more = rest.len() - REPORTED_MAX;
            let objects = if more == 1 { "object" } else { "objects" };
            lines.push(format!(
                "and {more} other {objects} (see server log for list)"
            ));
        }
        let detail = lines.join("\n");
        if cascade {
            let code = SqlState::SUCCESSFUL_COMPLETION;
            return Ok(Some(match rest.len() {
                1 => Error::new(code, detail),
                several => Error::new(code, format!("drop cascades to {several} other objects"))
                    .detail(detail),
            }));
        }
        let message = match search.targets {
            [one] => format!(
                "cannot drop {} because other objects depend on it",
                self.describe(*one)
            ),
            _ => "cannot drop desired object(s) because other objects depend on them".to_owned(),
        };
        Err(Error::new(SqlState("2BP01"), message)
            .detail(detail)
            .hint("Use DROP ... CASCADE to drop the dependent objects too."))
    }

    /// An object as messages name it.
    fn describe(&self, object: Object) -> String {
        let catalog = &self.engine.catalog;
        let relation = |id: u32| {
            let name = self.engine.relation_name(TableId(id));
            let name = name.map_or_else(|_| String::new(), |name| name.to_string());
            let kind = if catalog.view_by_id(id).is_some() {
                "view"
            } else if catalog.sequence(SequenceId(id)).is_some() {
                "sequence"
            } else {
                "table"
            };
            format!("{kind} {name}")
        };
        let column = |id: u32, number: usize| {
            let name = catalog.column_name(TableId(id), number);
            let name = name.unwrap_or_default();
            format!("column {name} of {}", relation(id))
        };
        match object {
            Object::Relation(id) => match self.find(|def| def.index(id)) {
                Some((def, index)) => format!("index {}", def.indexes[index].name),
                None => relation(id),
            },
            Object::Column(id, number) => column(id, number),
            Object::Default(id, number) => format!("default value for {}", column(id.0, number)),
            Object::Rule(id) => format!("rule _RETURN on {}", relation(id)),
            Object::Constraint(id) => {
                let found = self.find(|def| {
                    let mut constraints = def.constraints();
                    constraints.find_map(|(other, name)| (other == id).then(|| name.clone()))
                });
                found.map_or_else(String::new, |(def, name)| {
                    format!("constraint {name} on table {}", def.name)
                })
            }
        }
    }

    /// The table in which something is found.
    fn find<T>(&self, what: impl Fn(&TableDef) -> Option<T>) -> Option<(&TableDef, T)> {
        let (catalog, clog) = (&self.engine.catalog, &self.engine.clog);
        let tables = catalog.tables();
        let mut tables = tables.filter(|table| table.presence.seen(clog, self.top));
        tables.find_map(|table| Some((&*table.def, what(&table.def)?)))
    }

    /// What has to be done about an object; None for what goes with another.
    fn going(&self, object: Object) -> Option<Going> {
        let catalog = &self.engine.catalog;
        match object {
            Object::Relation(id) => Some(if catalog.table(TableId(id)).is_some() {
                Going::Table(TableId(id))
            } else if catalog.view_by_id(id).is_some() {
                Going::View(id)
            } else if catalog.sequence(SequenceId(id)).is_some() {
                Going::Sequence(SequenceId(id))
            } else {
                Going::Index(self.find(|def| def.index(id))?.0.id, id)
            }),
            Object::Column(id, number) => {
                let table = TableId(id);
                let name = catalog.column_name(table, number)?;
                Some(Going::Column(table, name.to_string()))
            }
            Object::Default(table, number) => {
                let name = catalog.column_name(table, number)?;
                Some(Going::Default(table, name.to_string()))
            }
            Object::Constraint(id) => {
                let (def, parent) = self.find(|def| {
                    let key = def.foreign_keys.iter().find(|key| key.id == id);
                    let check = def.checks.iter().any(|check| check.id == id);
                    key.map(|key| Some(key.parent)).or(check.then_some(None))
                })?;
                Some(match parent {
                    Some(parent) => Going::Reference(def.id, id, parent),
                    None => Going::Check(def.id, id),
                })
            }
            Object::Rule(_) => None,
        }
    }
}

/// What is to be done about an object.
enum Going {
    Table(TableId),
    View(u32),
    Sequence(SequenceId),
    Index(TableId, u32),
    Check(TableId, u32),
    /// A foreign key, and the table that it refers to.
    Reference(TableId, u32, TableId),
    Default(TableId, String),
    Column(TableId, String),
}

impl Going {
    /// The tables that it is a part of.
    fn of(&self) -> Vec<TableId> {
        match self {
            Going::Reference(child, _, parent) => vec![*child, *parent],
            Going::Index(table, _)
            | Going::Check(table, _)
            | Going::Default(table, _)
            | Going::Column(table, _) => vec![*table],
            Going::Table(_) | Going::View(_) | Going::Sequence(_) => Vec::new(),
        }
    }
}

impl Work<'_> {
    /// Drops objects, which are locked, with what depends on them.
    pub(super) async fn delete(&mut self, targets: &[Object], cascade: bool) -> Result<()> {
        let (going, notice) = loop {
            let (found, notice, going) = {
                let engine = self.shared.lock();
                let seen = Seen {
                    engine: &engine,
                    top: self.transaction.xid,
                };
                let search = seen.search(targets)?;
                let notice = seen.report(&search, cascade);
                let doomed = search.doomed.iter();
                let going: Vec<Going> = doomed
                    .filter_map(|found| seen.going(found.object))
                    .collect();
                (search.locks, notice, going)
            };
            if self.lock_missing(&found).await? {
                continue;
            }
            let notice = notice?;
            let parts = going.iter().filter(|_| !self.concurrently);
            let tables = parts.flat_map(Going::of);
            let tables: Vec<_> = tables.map(|id| (id, LockMode::AccessExclusive)).collect();
            if !self.lock_missing(&tables).await? {
                break (going, notice);
            }
        };
        self.notices.extend(notice);
        let _retired = match going.as_slice() {
            [Going::Index(table, index)] if self.concurrently => {
                Some(self.retire_index(*table, *index).await?)
            }
            _ => None,
        };
        for object in going {
            self.drop_one(object)?;
        }
        Ok(())
    }

    fn drop_one(&mut self, object: Going) -> Result<()> {
        match object {
            Going::Table(id) => self.drop_table(id),
            Going::View(id) => {
                self.refuse_in_use(TableId(id), "DROP VIEW")?;
                let mut engine = self.shared.lock();
                let xid = self.transaction.xid(&mut engine);
                engine.catalog.drop_view(id, xid);
                let dropped = Definition::ViewDropped(id);
                self.transaction.defined(&mut engine, dropped);
                Ok(())
            }
            Going::Sequence(id) => self.drop_sequence(id),
            Going::Index(table, index) => self.drop_index(table, index),
            Going::Check(table, id) => self.redefine(table, |def| {
                def.checks.retain(|check| check.id != id);
                Ok(())
            }),
            Going::Reference(table, id, _) => self.redefine(table, |def| {
                def.foreign_keys.retain(|key| key.id != id);
                Ok(())
            }),
            Going::Default(table, name) => self.redefine(table, |def| {
                let index = def.column(&name);
                if let Some(column) = index.map(|index| &mut def.columns[index]) {
                    column.default = None;
                }
                Ok(())
            }),
            Going::Column(table, name) => self.remove_column(table, &name),
        }
    }

    fn drop_table(&mut self, id: TableId) -> Result<()> {
        self.refuse_in_use(id, "DROP TABLE")?;
        let mut engine = self.shared.lock();
        if let Some(sxact) = self.transaction.ssi {
            engine.ssi.remove_table(sxact, id)?;
        }
        let xid = self.transaction.xid(&mut engine);
        engine.table_mut(id)?.presence.dropped_by = xid;
        let dropped = Definition::Dropped(id);
        self.transaction.defined(&mut engine, dropped);
        Ok(())
    }

    fn drop_index(&mut self, table: TableId, id: u32) -> Result<()> {
        self.refuse_in_use(TableId(id), "DROP INDEX")?;
        let mut engine = self.shared.lock();
        let before = engine.table(table)?.def.clone();
        let Some(index) = before.index(id) else {
            return Ok(());
        };
        let name = before.indexes[index].name.clone();
        let xid = self.transaction.xid(&mut engine);
        let found = engine.table_mut(table)?;
        found.dropped.push((name.clone(), xid));
        found.remove_index(id);
        let dropped = Definition::IndexDropped {
            table,
            name,
            before,
        };
        self.transaction.defined(&mut engine, dropped);
        engine.ssi.coarsen(table, false, &[id]);
        Ok(())
    }

    fn drop_sequence(&mut self, id: SequenceId) -> Result<()> {
        let owner = {
            let mut engine = self.shared.lock();
            let xid = self.transaction.xid(&mut engine);
            engine.catalog.drop_sequence(id, xid);
            let dropped = Definition::SequenceDropped(id);
            self.transaction.defined(&mut engine, dropped);
            let def = engine.catalog.sequence(id);
            def.and_then(|def| Some(def.owner.as_ref()?.0))
        };
        match owner {
            None => Ok(()),
            Some(table) => self.redefine(table, |def| {
                let mut columns = def.columns.iter_mut();
                if let Some(column) = columns.find(|column| column.sequence == Some(id)) {
                    column.sequence = None;
                }
                Ok(())
            }),
        }
    }
}
