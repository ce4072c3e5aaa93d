//! How much memory the data takes, and which of it goes when that is too much.
//!
//! The size of a value is modelled, so that it is the same on every machine:
//! what Redis 7.0 allocates for it on 64 bits, each allocation rounded up as
//! jemalloc does. A key costs its name, an entry of the table and an object; a
//! deadline costs a second entry. Small collections are one block of their
//! elements, large ones an entry and a string each. What the server takes
//! besides is [`SERVER`]: clients, scripts and buffers are not counted.
//!
//! Sizes are kept only while there is a `maxmemory`, and a changed value is
//! then measured again as a whole.

use super::values::{Made, Set, Value};

/// What a server without data takes.
pub(super) const SERVER: usize = 876_224;

/// An entry of a hash table and its place in it, of which a table has half as
/// many again.
pub(super) const ENTRY: usize = 32 + 12;
/// An object's header.
const OBJECT: usize = 16;
/// A listpack's header and end, and what each element has besides its bytes.
const LISTPACK: usize = 7;
const LISTPACK_ELEMENT: usize = 2;
/// A node of a skiplist, with the levels that it has on average.
const SKIPLIST_NODE: usize = 48;
/// A score as text in a listpack.
const SCORE: usize = 9;
/// What a table, a list or a skiplist has besides its entries.
const CONTAINER: usize = 56;

/// Rounded up to sixteens, and above 128 bytes to an eighth of the next power
/// of two.
fn allocated(bytes: usize) -> usize {
    match bytes {
        0..=8 => 8,
        9..=128 => bytes.next_multiple_of(16),
        _ => bytes.next_multiple_of(bytes.next_power_of_two() / 8),
    }
}

/// A string with its header and its end.
fn string(length: usize) -> usize {
    let header = if length < 32 { 1 } else { 3 };
    allocated(length + header + 1)
}

/// What a key and its value take, with or without a deadline.
pub(super) fn size(key: &[u8], value: &Value, has_deadline: bool) -> usize {
    let deadline = if has_deadline { ENTRY } else { 0 };
    ENTRY + string(key.len()) + deadline + OBJECT + content(value)
}

fn content(value: &Value) -> usize {
    let packed =
        |bytes: usize, elements: usize| allocated(LISTPACK + bytes + elements * LISTPACK_ELEMENT);
    match value {
        Value::String(text, Made::Whole) if super::number::parse_integer(text).is_some() => 0,
        Value::String(text, _) => string(text.len()),
        Value::List(list) => {
            let bytes = list.iter().map(|element| element.len()).sum();
            CONTAINER + packed(bytes, list.len())
        }
        Value::Hash(hash) => {
            let fields = hash.fields();
            let pairs = || {
                fields
                    .iter()
                    .map(|(field, value)| (field.len(), value.len()))
            };
            if hash.is_small() {
                packed(pairs().map(|(f, v)| f + v).sum(), 2 * fields.len())
            } else {
                let each = |(field, value)| ENTRY + string(field) + string(value);
                CONTAINER + pairs().map(each).sum::<usize>()
            }
        }
        Value::Set(set) => match &**set {
            Set::Integers(integers) => allocated(8 + 8 * integers.len()),
            Set::Members(_) => {
                let each = |member: bytes::Bytes| ENTRY + string(member.len());
                CONTAINER + set.iter().map(each).sum::<usize>()
            }
        },
        Value::Stream(stream) => {
            let nodes = stream.nodes.values();
            let each = nodes.map(|node| CONTAINER + allocated(node.size()));
            CONTAINER + each.sum::<usize>()
        }
        Value::SortedSet(set) => {
            let members = set.iter().map(|(member, _)| member.len());
            if set.is_small() {
                packed(members.map(|bytes| bytes + SCORE).sum(), 2 * set.len())
            } else {
                let each = |bytes| ENTRY + SKIPLIST_NODE + string(bytes);
                CONTAINER + members.map(each).sum::<usize>()
            }
        }
    }
}
