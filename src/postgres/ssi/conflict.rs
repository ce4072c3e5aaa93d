//! Reads and writes that meet: rw-conflicts, and which of them are one too
//! many.

use super::target::page_of;
use super::{Read, Safety, Ssi, Sxact, SxactId, Target, failure, is_concurrent};
use crate::postgres::error::Result;
use crate::postgres::storage::clog::{Clog, Xid};
use crate::postgres::storage::heap::Tid;
use crate::postgres::storage::table::TableId;

impl Ssi {
    /// Notes what a transaction has read. True if it need not say so any
    /// more, since its snapshot has turned out to be safe.
    pub(in crate::postgres) fn read(
        &mut self,
        id: SxactId,
        reads: &[Read],
        clog: &Clog,
    ) -> Result<bool> {
        if reads.is_empty() {
            return Ok(false);
        }
        if self.get(id)?.safety == Safety::Safe {
            self.abort(id);
            return Ok(true);
        }
        for read in reads {
            if !matches!(read, Read::Lock(_)) && self.get(id)?.doomed {
                return Err(failure(
                    "identification as a pivot, during conflict out checking",
                ));
            }
            match *read {
                Read::Lock(target) => self.lock(id, target),
                Read::Version => {}
                Read::ChangedBy(xid) => self.check_out(id, xid, clog)?,
            }
        }
        Ok(false)
    }

    fn lock(&mut self, id: SxactId, target: Target) {
        let added = self
            .sxacts
            .get_mut(&id)
            .and_then(|sxact| sxact.targets.add(target));
        if let Some((taken, replaced)) = added {
            self.locks.entry(taken).or_default().insert(id);
            for finer in replaced {
                self.unlock(id, finer);
            }
        }
    }

    /// We looked at what `xid` has changed: do we conflict with it?
    fn check_out(&mut self, id: SxactId, xid: Xid, clog: &Clog) -> Result<()> {
        let top = clog.running(xid).unwrap_or(xid);
        let Some(writer_id) = self.by_xid.get(&top).copied() else {
            return Ok(());
        };
        let (me, writer) = (self.get(id)?, self.get(writer_id)?);
        if writer_id == id || writer.doomed {
            return Ok(());
        }
        // A reader appears to run before whoever committed with no conflict
        // to somebody that the reader sees.
        let harmless = me.read_only
            && writer.committed.is_some()
            && writer
                .earliest_out
                .is_none_or(|earliest| me.last_commit_before < earliest);
        if harmless || !is_concurrent(clog, me, xid) || me.out_conflicts.contains(&writer_id) {
            return Ok(());
        }
        self.flag(id, writer_id, id)
    }

    /// A transaction replaces or deletes a version of a row.
    pub(in crate::postgres) fn write(
        &mut self,
        id: SxactId,
        table: TableId,
        tid: Tid,
        in_subtransaction: bool,
    ) -> Result<()> {
        self.begin_write(id)?;
        let tuple = Target::Tuple(table, tid);
        self.check_in(id, tuple)?;
        // Who writes a row will meet whoever else writes it. A savepoint may
        // take the write back, but not what was read.
        if !in_subtransaction
            && let Some(me) = self.sxacts.get_mut(&id)
            && me.targets.remove(tuple)
        {
            self.unlock(id, tuple);
        }
        self.check_in(id, Target::Page(table, page_of(tid)))?;
        self.check_in(id, Target::Relation(table))
    }

    /// A transaction adds a row to a table.
    pub(in crate::postgres) fn insert(&mut self, id: SxactId, table: TableId) -> Result<()> {
        self.begin_write(id)?;
        self.check_in(id, Target::Relation(table))
    }

    /// A transaction adds an entry to an index.
    pub(in crate::postgres) fn insert_entry(&mut self, id: SxactId, index: u32) -> Result<()> {
        self.begin_write(id)?;
        self.check_in(id, Target::Index(index))
    }

    /// A transaction takes away a whole table: that touches every row.
    pub(in crate::postgres) fn remove_table(&mut self, id: SxactId, table: TableId) -> Result<()> {
        self.begin_write(id)?;
        let of_table = |target: &Target| match target {
            Target::Relation(other) | Target::Page(other, _) | Target::Tuple(other, _) => {
                *other == table
            }
            Target::Index(_) => false,
        };
        let targets: Vec<Target> = self.locks.keys().copied().filter(of_table).collect();
        targets
            .into_iter()
            .try_for_each(|target| self.check_in(id, target))
    }

    /// What was read of a table's rows, if they move, and of those of its
    /// indexes that go, counts as a read of the whole table from now on.
    pub(in crate::postgres) fn coarsen(&mut self, table: TableId, rows: bool, indexes: &[u32]) {
        let concerned = |target: &Target| match target {
            Target::Page(other, _) | Target::Tuple(other, _) => rows && *other == table,
            Target::Index(index) => indexes.contains(index),
            Target::Relation(_) => false,
        };
        let targets: Vec<Target> = self.locks.keys().copied().filter(concerned).collect();
        for target in targets {
            for id in self.locks.remove(&target).unwrap_or_default() {
                if let Some(reader) = self.sxacts.get_mut(&id) {
                    reader.targets.remove(target);
                }
                self.lock(id, Target::Relation(table));
            }
        }
    }

    fn begin_write(&mut self, id: SxactId) -> Result<()> {
        if self.get(id)?.doomed {
            return Err(failure(
                "identification as a pivot, during conflict in checking",
            ));
        }
        if let Some(me) = self.sxacts.get_mut(&id) {
            me.wrote = true;
        }
        Ok(())
    }

    /// Who has read what we write now?
    fn check_in(&mut self, id: SxactId, target: Target) -> Result<()> {
        let Some(readers) = self.locks.get(&target) else {
            return Ok(());
        };
        let readers: Vec<SxactId> = readers
            .iter()
            .copied()
            .filter(|reader| *reader != id)
            .collect();
        for reader_id in readers {
            let (me, reader) = (self.get(id)?, self.get(reader_id)?);
            let over = reader
                .committed
                .is_some_and(|committed| committed <= me.last_commit_before);
            if !reader.doomed && !over && !reader.out_conflicts.contains(&id) {
                self.flag(reader_id, id, id)?;
            }
        }
        Ok(())
    }

    /// Notes a conflict, unless somebody has to give way because of it.
    fn flag(&mut self, reader_id: SxactId, writer_id: SxactId, me: SxactId) -> Result<()> {
        let (reader, writer) = (self.get(reader_id)?, self.get(writer_id)?);
        if self.is_dangerous(reader, writer) {
            if writer_id == me {
                return Err(failure("identification as a pivot, during write"));
            }
            if writer.prepared.is_some() {
                let pivot = writer.xids.first().map_or(0, |xid| xid.0);
                return Err(failure(&format!(
                    "conflict out to pivot {pivot}, during read"
                )));
            }
            self.doom(writer_id);
        }
        if let Some(reader) = self.sxacts.get_mut(&reader_id) {
            reader.out_conflicts.insert(writer_id);
        }
        if let Some(writer) = self.sxacts.get_mut(&writer_id) {
            writer.in_conflicts.insert(reader_id);
        }
        Ok(())
    }

    /// True if a conflict from `reader` to `writer` completes a dangerous
    /// structure: two conflicts in a row of which the last committed first.
    fn is_dangerous(&self, reader: &Sxact, writer: &Sxact) -> bool {
        if writer.committed.is_some() && writer.earliest_out.is_some() {
            return true;
        }
        let get = |id: &SxactId| self.sxacts.get(id);
        let writer_is_pivot = writer.out_conflicts.iter().filter_map(get).any(|last| {
            last.prepared.is_some_and(|prepared| {
                reader
                    .committed
                    .is_none_or(|committed| prepared <= committed)
                    && writer
                        .committed
                        .is_none_or(|committed| prepared <= committed)
                    && (!reader.read_only || prepared <= reader.last_commit_before)
            })
        });
        if writer_is_pivot {
            return true;
        }
        let Some(prepared) = writer.prepared.filter(|_| !reader.read_only) else {
            return false;
        };
        reader.in_conflicts.iter().filter_map(get).any(|first| {
            !first.doomed
                && first
                    .committed
                    .is_none_or(|committed| committed >= prepared)
                && (!first.read_only || first.last_commit_before >= prepared)
        })
    }
}
