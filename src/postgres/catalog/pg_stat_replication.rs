//! pg_stat_replication: the standbys, and how far they are.

use super::{SystemTable, int, text};
use crate::postgres::locks::Pid;
use crate::postgres::replication::Sender;
use crate::postgres::types::Row;
use crate::postgres::types::Type::{Int4, Name, Text};
use crate::postgres::wal::Lsn;

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_stat_replication",
    oid: 12_227,
    columns: &[
        ("pid", Int4),
        ("usename", Name),
        ("application_name", Text),
        ("state", Text),
        ("sent_lsn", Text),
        ("write_lsn", Text),
        ("flush_lsn", Text),
        ("replay_lsn", Text),
        ("sync_priority", Int4),
        ("sync_state", Text),
    ],
    with: &[],
    rows: |sight| {
        let senders = sight.shared.replication.senders();
        let senders = senders.iter();
        senders.map(|(pid, one)| standby(*pid, one)).collect()
    },
};

fn standby(pid: Pid, one: &Sender) -> Row {
    let lsn = |lsn: Lsn| text(&lsn.to_string());
    let (priority, state) = if one.synchronous {
        (1, "sync")
    } else {
        (0, "async")
    };
    [
        int(pid),
        text("postgres"),
        text(&one.name),
        text("streaming"),
        lsn(one.sent),
        lsn(one.standby.write),
        lsn(one.standby.flush),
        lsn(one.standby.apply),
        int(priority),
        text(state),
    ]
    .into()
}
