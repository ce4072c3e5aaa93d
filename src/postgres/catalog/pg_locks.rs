//! pg_locks: who holds which locks, and who waits for one.
//!
//! The lock manager knows less than PostgreSQL's: a transaction's locks on
//! itself, and those on the indexes of the tables that it reads and writes,
//! follow from what it is and does, and are made up here.

use std::collections::BTreeMap;

use super::{DATABASE, Sight, SystemTable, int, text};
use crate::postgres::locks::{Indexes, Listed, LockMode, LockTag, Pid};
use crate::postgres::ssi::Target;
use crate::postgres::storage::clog::{Status, Xid};
use crate::postgres::storage::heap::RowId;
use crate::postgres::storage::table::TableId;
use crate::postgres::types::Type::{
    Bool, Int2, Int4, Oid, Text, Timestamptz, Xid as TransactionId,
};
use crate::postgres::types::{Row, Value};

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_locks",
    oid: 12_073,
    columns: &[
        ("locktype", Text),
        ("database", Oid),
        ("relation", Oid),
        ("page", Int4),
        ("tuple", Int2),
        ("virtualxid", Text),
        ("transactionid", TransactionId),
        ("classid", Oid),
        ("objid", Oid),
        ("objsubid", Int2),
        ("virtualtransaction", Text),
        ("pid", Int4),
        ("mode", Text),
        ("granted", Bool),
        ("fastpath", Bool),
        ("waitstart", Timestamptz),
    ],
    with: &[],
    rows,
};

/// What a lock is on, in the columns of the view.
#[derive(Default)]
struct Object {
    kind: &'static str,
    relation: Option<u32>,
    page: Option<u64>,
    tuple: Option<u64>,
    virtual_transaction: Option<String>,
    transaction: Option<Xid>,
    /// Class, object and sub-object of an advisory lock.
    advisory: Option<[u32; 3]>,
}

/// Databases share the catalogs of roles and of databases.
const SHARED: [u32; 8] = [1260, 1261, 1262, 2671, 2672, 2676, 2677, 2694];

impl Object {
    fn relation(id: u32) -> Object {
        Object {
            kind: "relation",
            relation: Some(id),
            ..Object::default()
        }
    }

    fn transaction(xid: Xid) -> Object {
        Object {
            kind: "transactionid",
            transaction: Some(xid),
            ..Object::default()
        }
    }

    fn virtual_transaction(name: String) -> Object {
        Object {
            kind: "virtualxid",
            virtual_transaction: Some(name),
            ..Object::default()
        }
    }

    fn place(id: u32, page: u64, tuple: Option<u64>) -> Object {
        Object {
            kind: if tuple.is_some() { "tuple" } else { "page" },
            relation: Some(id),
            page: Some(page),
            tuple,
            ..Object::default()
        }
    }

    fn is_shared(&self) -> bool {
        self.relation.is_some_and(|id| SHARED.contains(&id))
    }

    /// The number of its database, if it is in one.
    fn database(&self) -> Option<u32> {
        let inside = self.relation.is_some() || self.advisory.is_some();
        inside.then_some(if self.is_shared() { 0 } else { DATABASE })
    }
}

/// Who holds it or waits for it, and how.
struct Holder {
    pid: Pid,
    mode: String,
    fast: bool,
    waits_since: Option<i64>,
}

impl Holder {
    fn of(lock: &Listed) -> Holder {
        Holder {
            pid: lock.pid,
            mode: lock.mode.to_string(),
            fast: lock.fast,
            waits_since: lock.waits_since,
        }
    }

    fn on_itself(pid: Pid, fast: bool) -> Holder {
        Holder {
            pid,
            mode: LockMode::Exclusive.to_string(),
            fast,
            waits_since: None,
        }
    }
}

fn rows(sight: &Sight<'_>) -> Vec<Row> {
    let names = virtual_transactions(sight);
    let row = |object: Object, holder: Holder| {
        let name = names.get(&holder.pid);
        let name = name.map_or_else(|| "-1/0".to_owned(), |(name, _)| name.clone());
        row(&object, &name, &holder)
    };
    let mut rows = Vec::new();
    for lock in sight.engine.locks.listed() {
        let held = lock.waits_since.is_none();
        match lock.tag {
            tag if held && tag.is_transaction() => continue,
            LockTag::Relation(id) if held => {
                for index in indexes(sight, id, &lock) {
                    rows.push(row(Object::relation(index), Holder::of(&lock)));
                }
            }
            _ => {}
        }
        rows.push(row(object(sight, lock.tag), Holder::of(&lock)));
    }
    for (pid, (name, runs)) in &names {
        if *runs {
            let object = Object::virtual_transaction(name.clone());
            rows.push(row(object, Holder::on_itself(*pid, true)));
        }
    }
    for (xid, pid) in transactions(sight) {
        rows.push(row(Object::transaction(xid), Holder::on_itself(pid, false)));
    }
    for (pid, sequence) in sight.shared.sequences.lock().unlisted() {
        let holder = Holder {
            pid,
            mode: LockMode::RowExclusive.to_string(),
            fast: true,
            waits_since: None,
        };
        rows.push(row(Object::relation(sequence.0), holder));
    }
    for (pid, target) in sight.engine.ssi.listed() {
        let holder = Holder {
            pid,
            mode: "SIReadLock".to_owned(),
            fast: false,
            waits_since: None,
        };
        rows.push(row(read(target), holder));
    }
    rows
}

/// What each session's transaction is called, and whether one runs.
fn virtual_transactions(sight: &Sight<'_>) -> BTreeMap<Pid, (String, bool)> {
    let activities = sight.engine.backends.activities();
    let named = activities.map(|(pid, one)| {
        let runs = one.transaction.is_some();
        (pid, (one.virtual_transaction(), runs))
    });
    named.collect()
}

/// The transactions and subtransactions that have an id, with their sessions.
fn transactions(sight: &Sight<'_>) -> Vec<(Xid, Pid)> {
    let engine = sight.engine;
    let Some(first) = engine.owners.keys().next() else {
        return Vec::new();
    };
    let running = engine.clog.running_from(*first);
    let owned = running.filter_map(|(xid, top)| Some((xid, *engine.owners.get(&top)?)));
    owned.collect()
}

/// The indexes that are locked with their table.
fn indexes(sight: &Sight<'_>, table: TableId, lock: &Listed) -> Vec<u32> {
    // Whoever else runs while others look has stopped to wait.
    let waits = || sight.engine.locks.waited_for(lock.pid).is_some();
    let too = match lock.indexes {
        Indexes::Held => lock.mode <= LockMode::RowExclusive,
        Indexes::Within => waits(),
        Indexes::No => false,
    };
    let table = sight.engine.catalog.table(table).filter(|_| too);
    let indexes = table.map(|table| table.def.indexes.iter());
    indexes
        .into_iter()
        .flatten()
        .map(|index| index.id)
        .collect()
}

fn object(sight: &Sight<'_>, tag: LockTag) -> Object {
    match tag {
        LockTag::Relation(id) => Object::relation(id.0),
        LockTag::Tuple(table, row) => {
            let (page, item) = held_version(sight, table, row);
            Object::place(table.0, page, Some(item))
        }
        LockTag::Transaction(xid) => Object::transaction(xid),
        LockTag::Virtual(backend, local) => {
            Object::virtual_transaction(format!("{backend}/{local}"))
        }
        LockTag::Advisory(key) => {
            let [_, class, object, kind] = key.fields();
            Object {
                kind: "advisory",
                advisory: Some([class, object, kind]),
                ..Object::default()
            }
        }
    }
}

/// The place of the version that those in a row's line wait for: the newest
/// that is committed.
fn held_version(sight: &Sight<'_>, table: TableId, row: RowId) -> (u64, u64) {
    let table = sight.engine.catalog.table(table);
    let versions = table.map_or(&[][..], |table| table.heap.chain(row).versions());
    let committed = |xid: Xid| matches!(sight.engine.clog.status(xid), Status::Committed(_));
    let newest = versions.iter().rfind(|version| committed(version.xmin));
    newest
        .or(versions.first())
        .map_or((0, 0), |version| version.tid.place())
}

fn read(target: Target) -> Object {
    match target {
        Target::Relation(table) => Object::relation(table.0),
        Target::Page(table, page) => Object::place(table.0, page, None),
        Target::Tuple(table, tid) => {
            let (page, item) = tid.place();
            Object::place(table.0, page, Some(item))
        }
        // The first page of an index tells where the others are.
        Target::Index(index) => Object::place(index, 1, None),
    }
}

fn row(object: &Object, virtual_transaction: &str, holder: &Holder) -> Row {
    let number = |value: Option<u64>| {
        let value = value.and_then(|value| i64::try_from(value).ok());
        value.map_or(Value::Null, Value::Int)
    };
    let advisory = |at: usize| number(object.advisory.map(|fields| fields[at].into()));
    let name = object.virtual_transaction.as_deref();
    [
        text(object.kind),
        number(object.database().map(u64::from)),
        number(object.relation.map(u64::from)),
        number(object.page),
        number(object.tuple),
        name.map_or(Value::Null, text),
        number(object.transaction.map(|xid| xid.0)),
        advisory(0),
        advisory(1),
        advisory(2),
        text(virtual_transaction),
        int(holder.pid),
        text(&holder.mode),
        Value::Bool(holder.waits_since.is_none()),
        Value::Bool(holder.fast && !object.is_shared()),
        holder.waits_since.map_or(Value::Null, Value::Timestamp),
    ]
    .into()
}
