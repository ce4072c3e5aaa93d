//! What a key can hold.

mod compact;
mod hash;
mod set;
mod sorted_set;
mod stream;
mod table;

use std::collections::VecDeque;

use bytes::Bytes;

use super::reply::Reply;
pub(super) use compact::Compact;
pub(super) use hash::Hash;
pub(super) use set::Set;
pub(super) use sorted_set::SortedSet;
pub(super) use stream::{
    Consumer, Entry, Group, Keep, NODE_BYTES_MAX, Node, NodeLimits, Pending, Stream, StreamId,
};
pub(super) use table::Table;

/// The elements of a list, head first.
pub(super) type List = VecDeque<Bytes>;

/// How a string came about, which its encoding shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// Given as a whole, as SET does.
    Whole,
    /// Written to in place, as APPEND and SETBIT do.
    InPlace,
    /// A sum that INCRBYFLOAT wrote.
    Sum,
}

/// What a key holds.
#[derive(Debug, Clone)]
pub(super) enum Value {
    String(Bytes, Made),
    Hash(Box<Hash>),
    List(List),
    Set(Box<Set>),
    SortedSet(Box<SortedSet>),
    Stream(Box<Stream>),
}

impl Value {
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Value::String(..) => "string",
            Value::Hash(_) => "hash",
            Value::List(_) => "list",
            Value::Set(_) => "set",
            Value::SortedSet(_) => "zset",
            Value::Stream(_) => "stream",
        }
    }

    pub(super) fn as_string(&self) -> Result<Bytes, Reply> {
        match self {
            Value::String(bytes, _) => Ok(bytes.clone()),
            _ => Err(Reply::WRONG_TYPE),
        }
    }

    /// What an observer is told of it.
    pub(super) fn as_text(&self) -> &[u8] {
        match self {
            Value::String(bytes, _) => bytes,
            _ => b"",
        }
    }

    /// A key with such a value does not exist. Streams may be empty.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Value::String(..) | Value::Stream(_) => false,
            Value::Hash(hash) => hash.fields().is_empty(),
            Value::List(list) => list.is_empty(),
            Value::Set(set) => set.is_empty(),
            Value::SortedSet(set) => set.is_empty(),
        }
    }
}

/// A type of value that starts empty and is changed in place.
pub(super) trait Kind: Default {
    fn of(value: &Value) -> Option<&Self>;
    fn of_mut(value: &mut Value) -> Option<&mut Self>;
    fn wrap(self) -> Value;
}

macro_rules! kind {
    ($type:ty, $variant:ident, $wrap:expr) => {
        impl Kind for $type {
            fn of(value: &Value) -> Option<&Self> {
                match value {
                    Value::$variant(inner) => Some(inner),
                    _ => None,
                }
            }

            fn of_mut(value: &mut Value) -> Option<&mut Self> {
                match value {
                    Value::$variant(inner) => Some(inner),
                    _ => None,
                }
            }

            fn wrap(self) -> Value {
                Value::$variant($wrap(self))
            }
        }
    };
}

kind!(Hash, Hash, Box::new);
kind!(Set, Set, Box::new);
kind!(SortedSet, SortedSet, Box::new);
kind!(Stream, Stream, Box::new);
kind!(List, List, std::convert::identity);

/// How a change in place went.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edit<T> {
    pub(super) output: T,
    /// Whether anything is different now, as Redis sees it: that ends a
    /// transaction's WATCH, and is what replicas are told.
    pub(super) changed: bool,
}

impl<T> Edit<T> {
    pub(super) fn changed(output: T) -> Edit<T> {
        Edit::when(true, output)
    }

    pub(super) fn unchanged(output: T) -> Edit<T> {
        Edit::when(false, output)
    }

    pub(super) fn when(changed: bool, output: T) -> Edit<T> {
        Edit { output, changed }
    }
}
