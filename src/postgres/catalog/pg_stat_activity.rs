//! pg_stat_activity: what every session does.
//!
//! The processes that PostgreSQL keeps beside its sessions are no processes
//! here, and are not listed.

use super::pg_roles::SUPERUSER;
use super::{Activity, DATABASE, Sight, State, SystemTable, WaitEvent, int, text};
use crate::postgres::locks::{LockTag, Pid};
use crate::postgres::storage::clog::Xid;
use crate::postgres::types::Type::{Int4, Int8, Name, Oid, Text, Timestamptz, Xid as XidType};
use crate::postgres::types::{Row, Value};

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_stat_activity",
    oid: 12_222,
    columns: &[
        ("datid", Oid),
        ("datname", Name),
        ("pid", Int4),
        ("leader_pid", Int4),
        ("usesysid", Oid),
        ("usename", Name),
        ("application_name", Text),
        ("client_addr", Text),
        ("client_hostname", Text),
        ("client_port", Int4),
        ("backend_start", Timestamptz),
        ("xact_start", Timestamptz),
        ("query_start", Timestamptz),
        ("state_change", Timestamptz),
        ("wait_event_type", Text),
        ("wait_event", Text),
        ("state", Text),
        ("backend_xid", XidType),
        ("backend_xmin", XidType),
        ("query_id", Int8),
        ("query", Text),
        ("backend_type", Text),
    ],
    with: &[
        (1260, "pg_authid"),
        (2676, "pg_authid_rolname_index"),
        (2677, "pg_authid_oid_index"),
        (1262, "pg_database"),
        (2671, "pg_database_datname_index"),
        (2672, "pg_database_oid_index"),
    ],
    rows: |sight| {
        let activities = sight.engine.backends.activities();
        activities.map(|(pid, one)| row(sight, pid, one)).collect()
    },
};

fn row(sight: &Sight<'_>, pid: Pid, one: &Activity) -> Row {
    let engine = sight.engine;
    let time = |at: Option<i64>| at.map_or(Value::Null, Value::Timestamp);
    let number = |xid: Xid| Value::Int(i64::try_from(xid.0).unwrap_or(i64::MAX));
    let mut owners = engine.owners.iter();
    let xid = owners
        .find(|(_, owner)| **owner == pid)
        .map(|(xid, _)| *xid);
    let (kind, event) = waits(sight, pid, one).unzip();
    [
        int(DATABASE),
        text(&one.database),
        int(pid),
        Value::Null,
        int(SUPERUSER),
        text(&one.user),
        text(&one.application),
        Value::Null,
        Value::Null,
        Value::Null,
        time(Some(one.connected)),
        time(one.transaction),
        time(one.query_start),
        time(Some(one.changed)),
        kind.map_or(Value::Null, text),
        event.map_or(Value::Null, text),
        text(one.state.name()),
        xid.map_or(Value::Null, number),
        engine.backends.xmin(pid).map_or(Value::Null, number),
        Value::Null,
        text(&one.query),
        text("client backend"),
    ]
    .into()
}

fn waits(sight: &Sight<'_>, pid: Pid, one: &Activity) -> WaitEvent {
    if one.state != State::Active {
        return Some(("Client", "ClientRead"));
    }
    if let Some(tag) = sight.engine.locks.waited_for(pid) {
        let event = match tag {
            LockTag::Relation(_) => "relation",
            LockTag::Tuple(..) => "tuple",
            LockTag::Transaction(_) => "transactionid",
            LockTag::Virtual(..) => "virtualxid",
            LockTag::Advisory(_) => "advisory",
        };
        return Some(("Lock", event));
    }
    if sight.engine.ssi.waits_for_safety(pid) {
        return Some(("IPC", "SafeSnapshot"));
    }
    one.waits_for
}
