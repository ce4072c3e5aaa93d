//! SET CONSTRAINTS: when a transaction looks after the foreign keys that can
//! wait for its end.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::postgres::storage::table::{ForeignKey, TableId};

/// What the transaction has set; the constraints' own choice where it has not.
#[derive(Debug, Clone, Default)]
pub(in crate::postgres) struct Timing {
    /// True if all are deferred, since the last SET CONSTRAINTS ALL.
    all: Option<bool>,
    /// What was set since, by table and constraint.
    named: BTreeMap<(TableId, Arc<str>), bool>,
}

impl Timing {
    pub(in crate::postgres) fn set_all(&mut self, deferred: bool) {
        self.named.clear();
        self.all = Some(deferred);
    }

    pub(in crate::postgres) fn set(&mut self, child: TableId, name: Arc<str>, deferred: bool) {
        self.named.insert((child, name), deferred);
    }

    /// True if a foreign key of this table is looked after at the end.
    pub(in crate::postgres) fn is_deferred(&self, child: TableId, key: &ForeignKey) -> bool {
        let named = self.named.get(&(child, key.name.clone())).copied();
        key.deferrable && named.or(self.all).unwrap_or(key.deferred)
    }
}
