//! Sets: sorted while they hold only a few integers, as in Redis's intset,
//! and in no order once they have held anything else.

use bytes::Bytes;

use super::{Compact, Table};
use crate::redis::number::parse_integer;

/// The members of a set.
#[derive(Debug, Clone)]
pub(in crate::redis) enum Set {
    /// In ascending order.
    Integers(Vec<i64>),
    Members(Table<()>),
}

impl Default for Set {
    fn default() -> Set {
        Set::Integers(Vec::new())
    }
}

impl Set {
    pub(in crate::redis) fn len(&self) -> usize {
        match self {
            Set::Integers(integers) => integers.len(),
            Set::Members(members) => members.len(),
        }
    }

    pub(in crate::redis) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(in crate::redis) fn contains(&self, member: &[u8]) -> bool {
        match self {
            Set::Integers(integers) => {
                parse_integer(member).is_some_and(|number| integers.binary_search(&number).is_ok())
            }
            Set::Members(members) => members.contains(member),
        }
    }

    /// True if the member is new.
    pub(in crate::redis) fn insert(&mut self, member: &[u8], compact: &Compact) -> bool {
        if let Set::Integers(integers) = self
            && let Some(number) = parse_integer(member)
        {
            let Err(place) = integers.binary_search(&number) else {
                return false;
            };
            integers.insert(place, number);
            if integers.len() > compact.set_integers {
                self.members();
            }
            return true;
        }
        let members = self.members();
        let new = !members.contains(member);
        if new {
            members.insert(Bytes::copy_from_slice(member), ());
        }
        new
    }

    /// The set as a table, which it stays from now on.
    fn members(&mut self) -> &mut Table<()> {
        if let Set::Integers(_) = self {
            let mut members = Table::default();
            for member in self.iter() {
                members.insert(member, ());
            }
            *self = Set::Members(members);
        }
        match self {
            Set::Members(members) => members,
            Set::Integers(_) => unreachable!("integers have just become members"),
        }
    }

    /// True if the member was there.
    pub(in crate::redis) fn remove(&mut self, member: &[u8]) -> bool {
        match self {
            Set::Integers(integers) => {
                let place = parse_integer(member).and_then(|n| integers.binary_search(&n).ok());
                place.map(|place| integers.remove(place)).is_some()
            }
            Set::Members(members) => members.take(member).is_some(),
        }
    }

    /// By position, which a removal can change.
    pub(in crate::redis) fn at(&self, index: usize) -> Option<Bytes> {
        match self {
            Set::Integers(integers) => integers.get(index).map(|n| n.to_string().into()),
            Set::Members(members) => members.at(index).map(|(member, ())| member.clone()),
        }
    }

    pub(in crate::redis) fn iter(&self) -> impl Iterator<Item = Bytes> {
        (0..self.len()).filter_map(|index| self.at(index))
    }

    /// As [`Table::scan`]; integers come all at once.
    pub(in crate::redis) fn scan(&mut self, cursor: u64, count: usize) -> (u64, Vec<Bytes>) {
        match self {
            Set::Integers(_) => (0, self.iter().collect()),
            Set::Members(members) => members.scan(cursor, count),
        }
    }
}
