//! From a value to bytes.

use super::kind;
use crate::redis::listpack::{self, Listpack};
use crate::redis::number::{format_double, parse_integer};
use crate::redis::values::{
    Consumer, Group, Hash, List, Node, Set, SortedSet, Stream, StreamId, Value,
};

/// `list-max-listpack-size -2`: what a node of a list may take.
const LIST_NODE_BYTES: usize = 8 * 1024;
/// What an element is taken to need in a node beside its text.
const ENTRY_OVERHEAD: usize = 8;

/// The type of a value, and what it holds.
pub(super) fn value(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    match value {
        Value::String(text, _) => {
            out.push(kind::STRING);
            string(text, &mut out);
        }
        Value::List(elements) => list(elements, &mut out),
        Value::Set(members) => set(members, &mut out),
        Value::Hash(fields) => hash(fields, &mut out),
        Value::SortedSet(members) => sorted_set(members, &mut out),
        Value::Stream(entries) => stream(entries, &mut out),
    }
    out
}

/// A length in one, two, five or nine bytes.
fn length(length: u64, out: &mut Vec<u8>) {
    let bytes = length.to_be_bytes();
    match length {
        0..64 => out.push(bytes[7]),
        64..16_384 => out.extend([0x40 | bytes[6], bytes[7]]),
        16_384..=0xFFFF_FFFF => {
            out.push(0x80);
            out.extend(&bytes[4..]);
        }
        _ => {
            out.push(0x81);
            out.extend(bytes);
        }
    }
}

pub(super) fn count(count: usize, out: &mut Vec<u8>) {
    length(count as u64, out);
}

/// A string, as an integer if it is a small one.
pub(super) fn string(text: &[u8], out: &mut Vec<u8>) {
    let number = (text.len() <= 11).then(|| parse_integer(text)).flatten();
    let bytes = number.map(i64::to_le_bytes);
    match (number, bytes) {
        (Some(-128..=127), Some(bytes)) => out.extend([0xC0, bytes[0]]),
        (Some(-32_768..=32_767), Some(bytes)) => out.extend([0xC1, bytes[0], bytes[1]]),
        (Some(-2_147_483_648..=2_147_483_647), Some(bytes)) => {
            out.push(0xC2);
            out.extend(&bytes[..4]);
        }
        _ => raw(text, out),
    }
}

fn raw(text: &[u8], out: &mut Vec<u8>) {
    count(text.len(), out);
    out.extend(text);
}

/// Filled from the head, as pushes to the tail fill it.
fn list(elements: &List, out: &mut Vec<u8>) {
    const PACKED: u64 = 2;
    let mut nodes = Vec::new();
    let (mut packed, mut size) = (Listpack::new(), listpack::EMPTY_LEN);
    for element in elements {
        let estimate = size + element.len() + ENTRY_OVERHEAD;
        if estimate > LIST_NODE_BYTES && size > listpack::EMPTY_LEN {
            nodes.push(std::mem::replace(&mut packed, Listpack::new()).finish());
            size = listpack::EMPTY_LEN;
        }
        packed.push(element);
        size += listpack::entry_len(element);
    }
    nodes.push(packed.finish());
    out.push(kind::LIST_QUICKLIST_2);
    count(nodes.len(), out);
    for node in nodes {
        length(PACKED, out);
        string(&node, out);
    }
}

fn set(members: &Set, out: &mut Vec<u8>) {
    match members {
        Set::Integers(integers) => {
            out.push(kind::SET_INTSET);
            string(&intset(integers), out);
        }
        Set::Members(_) => {
            out.push(kind::SET);
            count(members.len(), out);
            members.iter().for_each(|member| string(&member, out));
        }
    }
}

/// All integers in as many bytes as the longest takes.
fn intset(integers: &[i64]) -> Vec<u8> {
    let fits = |width: usize| {
        let bits = 8 * width - 1;
        let mut all = integers.iter();
        all.all(|number| number >> bits == 0 || number >> bits == -1)
    };
    let width = [2, 4].into_iter().find(|width| fits(*width)).unwrap_or(8);
    let mut out = Vec::new();
    for header in [width, integers.len()] {
        let header = u32::try_from(header).unwrap_or(u32::MAX);
        out.extend(header.to_le_bytes());
    }
    for number in integers {
        out.extend(&number.to_le_bytes()[..width]);
    }
    out
}

fn hash(fields: &Hash, out: &mut Vec<u8>) {
    let pairs = fields.fields().iter();
    if fields.is_small() {
        let mut packed = Listpack::new();
        for (field, value) in pairs {
            packed.push(field);
            packed.push(value);
        }
        out.push(kind::HASH_LISTPACK);
        string(&packed.finish(), out);
        return;
    }
    out.push(kind::HASH);
    count(pairs.len(), out);
    for (field, value) in pairs {
        string(field, out);
        string(value, out);
    }
}

fn sorted_set(members: &SortedSet, out: &mut Vec<u8>) {
    if members.is_small() {
        let mut packed = Listpack::new();
        for (member, score) in members.iter() {
            packed.push(member);
            match integral(score) {
                Some(score) => packed.push_integer(score),
                None => packed.push(format_double(score).as_bytes()),
            }
        }
        out.push(kind::ZSET_LISTPACK);
        string(&packed.finish(), out);
        return;
    }
    out.push(kind::ZSET_2);
    count(members.len(), out);
    let members: Vec<_> = members.iter().collect();
    for (member, score) in members.into_iter().rev() {
        string(member, out);
        out.extend(score.to_le_bytes());
    }
}

/// A score that is kept as an integer.
fn integral(score: f64) -> Option<i64> {
    const EXACT: f64 = 4_503_599_627_370_496.0;
    let whole = score as i64;
    ((-EXACT..EXACT).contains(&score) && whole as f64 == score).then_some(whole)
}

fn stream(stream: &Stream, out: &mut Vec<u8>) {
    out.push(kind::STREAM_LISTPACKS_2);
    count(stream.nodes.len(), out);
    for node in stream.nodes.values() {
        string(&node.master.key(), out);
        string(&node_listpack(node), out);
    }
    count(stream.length, out);
    for id in [stream.last_id, stream.first_id, stream.max_deleted_id] {
        length(id.ms, out);
        length(id.seq, out);
    }
    length(stream.entries_added, out);
    count(stream.groups.len(), out);
    for (name, group) in &stream.groups {
        string(name, out);
        stream_group(group, out);
    }
}

fn node_listpack(node: &Node) -> Vec<u8> {
    let mut packed = Listpack::new();
    let number = |packed: &mut Listpack, number: usize| {
        packed.push_integer(i64::try_from(number).unwrap_or(i64::MAX));
    };
    number(&mut packed, node.live);
    number(&mut packed, node.entries.len() - node.live);
    number(&mut packed, node.names.len());
    node.names.iter().for_each(|name| packed.push(name));
    number(&mut packed, 0);
    for entry in &node.entries {
        let same = node.has_names_of(&entry.fields);
        number(
            &mut packed,
            usize::from(entry.deleted) + 2 * usize::from(same),
        );
        let delta = |id: u64, master: u64| id.wrapping_sub(master).cast_signed();
        packed.push_integer(delta(entry.id.ms, node.master.ms));
        packed.push_integer(delta(entry.id.seq, node.master.seq));
        let fields = entry.fields.len();
        if !same {
            number(&mut packed, fields);
        }
        for (name, value) in &entry.fields {
            if !same {
                packed.push(name);
            }
            packed.push(value);
        }
        number(&mut packed, if same { fields + 3 } else { fields * 2 + 4 });
    }
    packed.finish()
}

fn stream_group(group: &Group, out: &mut Vec<u8>) {
    length(group.last_id.ms, out);
    length(group.last_id.seq, out);
    length(group.entries_read.unwrap_or(u64::MAX), out);
    count(group.pending().len(), out);
    for (id, pending) in group.pending() {
        out.extend(id.key());
        out.extend(pending.delivered_at.to_le_bytes());
        length(pending.deliveries, out);
    }
    count(group.consumers().len(), out);
    for (name, Consumer { seen_at, pending }) in group.consumers() {
        string(name, out);
        out.extend(seen_at.to_le_bytes());
        count(pending.len(), out);
        pending
            .iter()
            .for_each(|id: &StreamId| out.extend(id.key()));
    }
}
