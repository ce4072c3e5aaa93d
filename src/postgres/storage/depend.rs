//! What needs what, as pg_depend has it: what goes with an object unasked,
//! and what keeps it from being dropped.

use super::catalog::{Catalog, View};
use super::clog::{Clog, Xid};
use super::sequence::SequenceDef;
use super::table::{Column, ForeignKey, Generated, IndexDef, TableDef, TableId};
use crate::postgres::sql::Expr;
use crate::postgres::types::Value;

/// Something that may be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum Object {
    /// A table, index, view or sequence.
    Relation(u32),
    /// A relation's column, from 1.
    Column(u32, usize),
    Constraint(u32),
    /// What a column of a table has for a default, or is computed from.
    Default(TableId, usize),
    /// The rule that makes a view what it is.
    Rule(u32),
}

impl Object {
    /// The number that tells its age: that of its relation, if it has none.
    pub(in crate::postgres) fn number(self) -> u32 {
        match self {
            Object::Relation(id)
            | Object::Column(id, _)
            | Object::Constraint(id)
            | Object::Default(TableId(id), _)
            | Object::Rule(id) => id,
        }
    }

    /// True if it is the other, or a column of it.
    pub(in crate::postgres) fn is_within(self, whole: Object) -> bool {
        let of_whole = match self {
            Object::Column(id, _) => whole == Object::Relation(id),
            _ => false,
        };
        self == whole || of_whole
    }

    fn needs(self, on: Object, need: Need) -> Dependency {
        Dependency {
            object: self,
            on,
            need,
        }
    }
}

/// How much one needs the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum Need {
    /// The other stays while this is there.
    Normal,
    /// This goes with the other.
    Auto,
    /// This is a part of the other, and goes with it only.
    Internal,
}

/// One object needs another.
#[derive(Debug, Clone, Copy)]
pub(in crate::postgres) struct Dependency {
    pub(in crate::postgres) object: Object,
    pub(in crate::postgres) on: Object,
    pub(in crate::postgres) need: Need,
}

fn column(table: TableId, index: usize) -> Object {
    Object::Column(table.0, index + 1)
}

/// All that the transaction `top` sees.
pub(in crate::postgres) fn dependencies(
    catalog: &Catalog,
    clog: &Clog,
    top: Xid,
) -> Vec<Dependency> {
    let sequences: Vec<&SequenceDef> = catalog.sequences(clog, top).collect();
    let seen = catalog.tables();
    let seen = seen.filter(|table| table.presence.seen(clog, top));
    let tables: Vec<_> = seen.map(|table| table.seen_by(clog, top)).collect();
    let mut all = Vec::new();
    for def in &tables {
        let owned = sequences.iter();
        all.extend(owned.filter_map(|sequence| of_sequence(def, sequence)));
        all.extend(of_defaults(def));
        for check in &def.checks {
            let columns = check.condition.columns();
            all.extend(of_columns(def, Object::Constraint(check.id), &columns));
        }
        all.extend(def.indexes.iter().flat_map(|index| of_index(def, index)));
        for key in &def.foreign_keys {
            let parent = tables.iter().find(|table| table.id == key.parent);
            all.extend(of_reference(def, key, parent.map(|parent| &**parent)));
        }
    }
    for (id, view) in catalog.views(clog, top) {
        all.extend(of_view(catalog, id, view));
    }
    all
}

/// What goes with the columns that it looks at, or with the table if it looks
/// at none.
fn of_columns(def: &TableDef, object: Object, columns: &[usize]) -> Vec<Dependency> {
    if columns.is_empty() {
        return vec![object.needs(Object::Relation(def.id.0), Need::Auto)];
    }
    let columns = columns.iter();
    columns
        .map(|index| object.needs(column(def.id, *index), Need::Auto))
        .collect()
}

fn of_sequence(def: &TableDef, sequence: &SequenceDef) -> Option<Dependency> {
    let owner = sequence.owner.as_ref();
    owner.filter(|(owner, _)| *owner == def.id)?;
    let mut columns = def.columns.iter();
    let index = columns.position(|column| sequence.is_of(column))?;
    let (own, owner) = (Object::Relation(sequence.id.0), column(def.id, index));
    Some(match def.columns[index].identity {
        true => own.needs(owner, Need::Internal),
        false => own.needs(owner, Need::Auto),
    })
}

fn of_defaults(def: &TableDef) -> Vec<Dependency> {
    let columns = def.columns.iter().enumerate();
    let given = columns.filter(|(_, column)| column.has_default());
    given
        .flat_map(|(index, column)| of_default(def, index, column))
        .collect()
}

fn of_default(def: &TableDef, index: usize, given: &Column) -> Vec<Dependency> {
    let (own, owner) = (Object::Default(def.id, index + 1), column(def.id, index));
    let Some(default) = &given.default else {
        return Vec::new();
    };
    if given.generated == Some(Generated::Stored) {
        let from = default.columns().into_iter();
        let from = from.map(|from| own.needs(column(def.id, from), Need::Normal));
        return std::iter::once(own.needs(owner, Need::Internal))
            .chain(from)
            .collect();
    }
    let mut all = vec![own.needs(owner, Need::Auto)];
    default.any(&mut |part| {
        let named = match part {
            Expr::NextValue(sequence) => Some(sequence.0),
            Expr::Const(Value::Object(object)) => Some(object.oid),
            _ => None,
        };
        all.extend(named.map(|id| own.needs(Object::Relation(id), Need::Normal)));
        false
    });
    all
}

fn of_index(def: &TableDef, index: &IndexDef) -> Vec<Dependency> {
    let own = Object::Relation(index.id);
    let keys = index.keys.iter().flat_map(|key| key.expr.columns());
    let mut columns: Vec<usize> = keys.chain(index.include.iter().copied()).collect();
    if let Some(predicate) = &index.predicate {
        columns.extend(predicate.columns());
    }
    let (object, mut all) = match index.is_constraint() {
        true => {
            let constraint = Object::Constraint(index.id);
            (constraint, vec![own.needs(constraint, Need::Internal)])
        }
        false => (own, Vec::new()),
    };
    all.extend(of_columns(def, object, &columns));
    all
}

fn of_reference(def: &TableDef, key: &ForeignKey, parent: Option<&TableDef>) -> Vec<Dependency> {
    let object = Object::Constraint(key.id);
    let own = key.columns.iter();
    let own = own.map(|index| object.needs(column(def.id, *index), Need::Auto));
    let referred = key.parent_columns.iter();
    let referred = referred.map(|index| object.needs(column(key.parent, *index), Need::Normal));
    let index = parent.and_then(|parent| parent.referred_index(&key.parent_columns));
    let index = index.map(|index| object.needs(Object::Relation(index.id), Need::Normal));
    own.chain(referred).chain(index).collect()
}

fn of_view(catalog: &Catalog, id: u32, view: &View) -> Vec<Dependency> {
    let rule = Object::Rule(id);
    let needs = view.needs.iter();
    let needs = needs.map(|(relation, name)| {
        let column = name.as_ref();
        let number = column.and_then(|name| catalog.column_number(*relation, name));
        let on = match number {
            Some(number) => Object::Column(relation.0, number),
            None => Object::Relation(relation.0),
        };
        rule.needs(on, Need::Normal)
    });
    std::iter::once(rule.needs(Object::Relation(id), Need::Internal))
        .chain(needs)
        .collect()
}
