//! The system catalog: its tables and views, one in each file, and whom they
//! show what.
//!
//! A table here is its columns and a function that makes its rows from what
//! the server is at the moment. As in PostgreSQL no snapshot is asked: what a
//! transaction has defined it sees itself, and others once it is committed.

mod activity;
mod counts;
mod information_schema;
mod never;
mod pg_am;
mod pg_attrdef;
mod pg_attribute;
mod pg_class;
mod pg_collation;
mod pg_constraint;
mod pg_database;
mod pg_depend;
mod pg_description;
mod pg_index;
mod pg_indexes;
mod pg_locks;
mod pg_namespace;
mod pg_roles;
mod pg_sequence;
mod pg_settings;
mod pg_stat_activity;
mod pg_stat_replication;
mod pg_tables;
mod pg_tablespace;
mod pg_type;
mod ruleutils;
mod size;
mod support;

use std::fmt;
use std::sync::{Arc, LazyLock};

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::engine::{Engine, Shared};
use super::settings::Settings;
use super::storage::clog::Xid;
use super::storage::table::TableDef;
use super::types::{Row, Type, Value};

pub(super) use activity::{Activity, State, WaitEvent};
pub(super) use counts::{Counted, count_rows, is_rather_scanned};
pub(super) use pg_description::initial_description;
pub(super) use pg_namespace::{schema_name, schema_number};
pub(super) use pg_roles::{role_name, role_number};
pub(super) use ruleutils::{Shown, show, show_view};
pub(super) use size::{Measured, database_size, size};
pub(super) use support::{support_function, support_function_name};

/// A table or view of the system catalog.
pub(super) struct SystemTable {
    pub(super) name: &'static str,
    pub(super) oid: u32,
    pub(super) columns: &'static [(&'static str, Type)],
    /// What is locked with it: its indexes, and what a view reads, by number
    /// and name.
    pub(super) with: &'static [(u32, &'static str)],
    pub(super) rows: fn(&Sight<'_>) -> Vec<Row>,
}

impl fmt::Debug for SystemTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for SystemTable {
    fn eq(&self, other: &SystemTable) -> bool {
        self.oid == other.oid
    }
}

/// What initdb makes of SQL has numbers from this.
const FIRST_VIEW: u32 = 12_000;

impl SystemTable {
    pub(super) fn is_view(&self) -> bool {
        self.oid >= FIRST_VIEW
    }

    /// True if a column is NOT NULL: what varies in length may be NULL, but
    /// for a few.
    fn is_filled(&self, column: &str, ty: Type) -> bool {
        let may_be_null = ty.width() == -1 && !matches!(ty, Type::Int2vector | Type::Oidvector);
        let filled = matches!(column, "datcollate" | "datctype" | "description" | "prosrc");
        !self.is_view() && (!may_be_null || filled)
    }
}

/// Who looks at the catalog, and at what.
pub(super) struct Sight<'a> {
    pub(super) shared: &'a Shared,
    pub(super) engine: &'a Engine,
    pub(super) settings: &'a Settings,
    /// The transaction that looks.
    pub(super) top: Xid,
}

impl Sight<'_> {
    /// The tables that are seen.
    fn tables(&self) -> impl Iterator<Item = Arc<TableDef>> {
        tables(self.engine, self.top)
    }
}

/// The definitions of the tables that the transaction `top` sees.
fn tables(engine: &Engine, top: Xid) -> impl Iterator<Item = Arc<TableDef>> {
    let tables = engine.catalog.tables();
    let seen = tables.filter(move |table| table.presence.seen(&engine.clog, top));
    seen.map(move |table| table.seen_by(&engine.clog, top))
}

/// Every table of the catalog that there is.
fn all() -> impl Iterator<Item = &'static SystemTable> {
    let single = [
        &pg_am::TABLE,
        &pg_attrdef::TABLE,
        &pg_attribute::TABLE,
        &pg_class::TABLE,
        &pg_collation::TABLE,
        &pg_constraint::TABLE,
        &pg_database::TABLE,
        &pg_depend::TABLE,
        &pg_description::TABLE,
        &pg_index::TABLE,
        &pg_indexes::TABLE,
        &pg_locks::TABLE,
        &pg_namespace::TABLE,
        &pg_roles::TABLE,
        &pg_roles::AUTHID,
        &pg_roles::USERS,
        &pg_sequence::TABLE,
        &pg_settings::TABLE,
        &pg_stat_activity::TABLE,
        &pg_stat_replication::TABLE,
        &pg_tables::TABLE,
        &pg_tablespace::TABLE,
        &pg_type::TABLE,
    ];
    let standard = information_schema::TABLES.iter().copied();
    single.into_iter().chain(standard).chain(never::TABLES)
}

/// The table of the catalog of this name.
pub(super) fn system_table(name: &str) -> Option<&'static SystemTable> {
    static BY_NAME: LazyLock<IndexMap<&str, &SystemTable, FxBuildHasher>> =
        LazyLock::new(|| all().map(|table| (table.name, table)).collect());
    BY_NAME.get(name).copied()
}

/// The name of the catalog's table or index of this number.
pub(super) fn system_name(oid: u32) -> Option<&'static str> {
    let named = all().flat_map(|table| table.with.iter().copied().chain([(table.oid, table.name)]));
    let mut named = named.filter(|(other, _)| *other == oid);
    named.next().map(|(_, name)| name)
}

/// The numbers of the schemas that there are.
const PG_CATALOG: i64 = 11;
const PUBLIC: i64 = 2200;
const INFORMATION_SCHEMA: i64 = 13_207;

/// The number of the database that there is.
pub(super) const DATABASE: u32 = 5;

fn int(value: impl Into<i64>) -> Value {
    Value::Int(value.into())
}

fn text(value: &str) -> Value {
    Value::text(value)
}

/// A number of columns or keys.
fn count(number: usize) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}
