//! Definitions as text: what pg_get_expr, pg_get_indexdef,
//! pg_get_constraintdef and pg_get_viewdef show.

use super::tables;
use crate::postgres::engine::Engine;
use crate::postgres::error::Result;
use crate::postgres::sql::{Analyser, Deparser, Expr, Names, quote_ident};
use crate::postgres::storage::catalog::Catalog;
use crate::postgres::storage::clog::Xid;
use crate::postgres::storage::sequence::SequenceId;
use crate::postgres::storage::table::{
    Check, Column, ForeignKey, Formula, IndexDef, KeyConstraint, Referential, TableDef, TableId,
};
use crate::postgres::types::Reading;

/// What is to be shown.
#[derive(Debug, Clone, Copy)]
pub(in crate::postgres) enum Shown<'a> {
    /// What a column of type pg_node_tree holds.
    Node(&'a str),
    /// An index by number: all of it, or a key of it from 1.
    Index(u32, usize),
    /// A constraint by number.
    Constraint(u32),
}

/// What stands for an expression in the catalog: where it is kept.
#[derive(Debug, Clone, Copy)]
pub(super) enum Node {
    /// The default of a table's column, from 1.
    Default(u32, usize),
    Check(u32),
    /// The keys of an index that are no columns.
    Keys(u32),
    Predicate(u32),
}

impl Node {
    pub(super) fn text(self) -> String {
        match self {
            Node::Default(table, column) => format!("{{DEFAULT {table} {column}}}"),
            Node::Check(id) => format!("{{CHECK {id}}}"),
            Node::Keys(id) => format!("{{KEYS {id}}}"),
            Node::Predicate(id) => format!("{{PREDICATE {id}}}"),
        }
    }

    fn read(text: &str) -> Option<Node> {
        let inner = text.strip_prefix('{')?.strip_suffix('}')?;
        let words: Vec<&str> = inner.split(' ').collect();
        Some(match words.as_slice() {
            ["DEFAULT", table, column] => Node::Default(table.parse().ok()?, column.parse().ok()?),
            ["CHECK", id] => Node::Check(id.parse().ok()?),
            ["KEYS", id] => Node::Keys(id.parse().ok()?),
            ["PREDICATE", id] => Node::Predicate(id.parse().ok()?),
            _ => return None,
        })
    }
}

/// Shows what the transaction `top` sees; None if it sees nothing of it.
pub(in crate::postgres) fn show(
    engine: &Engine,
    top: Xid,
    what: Shown<'_>,
    pretty: bool,
) -> Option<String> {
    Ruleutils {
        engine,
        top,
        pretty,
    }
    .show(what)
}

/// The query of a view by number.
pub(in crate::postgres) fn show_view(
    engine: &Engine,
    top: Xid,
    id: u32,
    pretty: bool,
) -> Result<Option<String>> {
    let mut views = engine.catalog.views(&engine.clog, top);
    let Some((_, view)) = views.find(|(other, _)| *other == id) else {
        return Ok(None);
    };
    let analyser = Analyser::new(&engine.catalog, &engine.clog, top, Reading::default(), &[]);
    let text = analyser.view_text(&view.query, &view.columns, pretty);
    text.map(Some)
}

/// The columns of a table, and the sequences that there are.
struct OfTable<'a>(&'a [Column], &'a Catalog);

impl Names for OfTable<'_> {
    fn column(&self, slot: usize, column: usize) -> String {
        self.0.column(slot, column)
    }

    fn sequence(&self, id: SequenceId) -> String {
        let def = self.1.sequence(id);
        def.map_or(String::new(), |def| quote_ident(&def.name))
    }
}

struct Ruleutils<'a> {
    engine: &'a Engine,
    top: Xid,
    pretty: bool,
}

impl Ruleutils<'_> {
    fn show(&self, what: Shown<'_>) -> Option<String> {
        match what {
            Shown::Node(text) => self.node(Node::read(text)?),
            Shown::Index(id, column) => self.index(id, |def, index| match column {
                0 => self.whole_index(def, index),
                column => self.index_column(def, index, column - 1),
            }),
            Shown::Constraint(id) => self.constraint(id),
        }
    }

    fn node(&self, node: Node) -> Option<String> {
        match node {
            Node::Default(table, column) => {
                let def = &self.engine.catalog.table(TableId(table))?.def;
                let column = def.columns.get(column.checked_sub(1)?)?;
                Some(self.formula(def, column.default.as_ref()?))
            }
            Node::Check(id) => self.tables(|def| {
                let check = def.checks.iter().find(|check| check.id == id)?;
                Some(self.formula(def, &check.condition))
            }),
            Node::Keys(id) => self.index(id, |def, index| {
                let keys = index.keys.iter().filter(|key| key.column().is_none());
                let keys: Vec<String> = keys.map(|key| self.formula(def, &key.expr)).collect();
                keys.join(", ")
            }),
            Node::Predicate(id) => self.index(id, |def, index| {
                let predicate = index.predicate.as_ref();
                predicate.map_or(String::new(), |predicate| self.formula(def, predicate))
            }),
        }
    }

    fn tables<T>(&self, find: impl Fn(&TableDef) -> Option<T>) -> Option<T> {
        tables(self.engine, self.top).find_map(|def| find(&def))
    }

    fn index<T>(&self, id: u32, show: impl Fn(&TableDef, &IndexDef) -> T) -> Option<T> {
        self.tables(|def| {
            let index = def.indexes.iter().find(|index| index.id == id)?;
            Some(show(def, index))
        })
    }

    fn formula(&self, def: &TableDef, formula: &Formula) -> String {
        self.deparse(def, |deparser| deparser.show(&formula.written))
    }

    fn deparse(&self, def: &TableDef, show: impl Fn(Deparser<'_>) -> String) -> String {
        let names = OfTable(&def.columns, &self.engine.catalog);
        show(Deparser::new(&names, self.pretty))
    }

    fn index_column(&self, def: &TableDef, index: &IndexDef, column: usize) -> String {
        if let Some(key) = index.keys.get(column) {
            return self.deparse(def, |deparser| deparser.key(&key.expr.written));
        }
        let included = index.include.get(column - index.keys.len());
        included.map_or(String::new(), |column| names(def, &[*column]))
    }

    fn whole_index(&self, def: &TableDef, index: &IndexDef) -> String {
        let unique = if index.unique { "UNIQUE " } else { "" };
        let schema = if self.pretty { "" } else { "public." };
        let keys = index.keys.iter().enumerate().map(|(at, key)| {
            let order = match (key.descending, key.nulls_first) {
                (false, false) => "",
                (false, true) => " NULLS FIRST",
                (true, true) => " DESC",
                (true, false) => " DESC NULLS LAST",
            };
            let collation = match key.expr.written {
                Expr::Collate(_, "\"default\"") => String::new(),
                Expr::Collate(_, collation) => format!(" COLLATE {collation}"),
                _ => String::new(),
            };
            let class = key.operators.as_ref();
            let class = class.map_or(String::new(), |class| format!(" {class}"));
            self.index_column(def, index, at) + &collation + &class + order
        });
        let keys: Vec<String> = keys.collect();
        let predicate = index.predicate.as_ref();
        let predicate = predicate.map(|predicate| self.formula(def, predicate));
        format!(
            "CREATE {unique}INDEX {} ON {schema}{} USING btree ({}){}{}{}",
            quote_ident(&index.name),
            quote_ident(&def.name),
            keys.join(", "),
            included(def, index),
            if index.nulls_distinct {
                ""
            } else {
                " NULLS NOT DISTINCT"
            },
            predicate.map_or(String::new(), |predicate| format!(" WHERE {predicate}")),
        )
    }

    fn constraint(&self, id: u32) -> Option<String> {
        self.tables(|def| {
            let checks = || def.checks.iter().find(|check| check.id == id);
            let keys = || def.foreign_keys.iter().find(|key| key.id == id);
            let indexes = || def.indexes.iter().find(|index| index.id == id);
            let check = checks().map(|check| self.check(def, check));
            let key = || self.foreign_key(def, keys()?);
            let index = || key_constraint(def, indexes()?);
            check.or_else(key).or_else(index)
        })
    }

    fn check(&self, def: &TableDef, check: &Check) -> String {
        let condition = self.formula(def, &check.condition);
        format!("CHECK ({condition}){}", validity(check.valid))
    }

    fn foreign_key(&self, def: &TableDef, key: &ForeignKey) -> Option<String> {
        let parent = &self.engine.catalog.table(key.parent)?.def;
        let mut shown = format!(
            "FOREIGN KEY ({}) REFERENCES {}({})",
            names(def, &key.columns),
            quote_ident(&parent.name),
            names(parent, &key.parent_columns),
        );
        shown += if key.full { " MATCH FULL" } else { "" };
        for (when, action) in [("UPDATE", key.on_update), ("DELETE", key.on_delete)] {
            if action != Referential::NoAction {
                shown += &format!(" ON {when} {}", action.words());
            }
        }
        shown += if key.deferrable { " DEFERRABLE" } else { "" };
        shown += if key.deferred {
            " INITIALLY DEFERRED"
        } else {
            ""
        };
        Some(shown + validity(key.valid))
    }
}

fn key_constraint(def: &TableDef, index: &IndexDef) -> Option<String> {
    let kind = match index.constraint? {
        KeyConstraint::Primary => "PRIMARY KEY",
        KeyConstraint::Unique if index.nulls_distinct => "UNIQUE",
        KeyConstraint::Unique => "UNIQUE NULLS NOT DISTINCT",
    };
    let keys = names(def, &index.columns()?);
    Some(format!("{kind} ({keys}){}", included(def, index)))
}

fn included(def: &TableDef, index: &IndexDef) -> String {
    match index.include.as_slice() {
        [] => String::new(),
        columns => format!(" INCLUDE ({})", names(def, columns)),
    }
}

fn validity(valid: bool) -> &'static str {
    if valid { "" } else { " NOT VALID" }
}

fn names(def: &TableDef, columns: &[usize]) -> String {
    let name = |column: &usize| quote_ident(&def.columns[*column].name);
    columns.iter().map(name).collect::<Vec<_>>().join(", ")
}
