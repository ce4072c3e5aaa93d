//! From bytes to a value. Nothing is taken on trust: what is not there, left
//! over or contradictory makes the whole no value.

use bytes::Bytes;

use super::{kind, lzf};
use crate::redis::listpack;
use crate::redis::number::{parse_double, parse_integer};
use crate::redis::values::{
    Compact, Group, Hash, List, Made, Node, Pending, Set, SortedSet, Stream, StreamId, Value,
};

/// Reads a value with its type; all of the bytes.
pub(super) fn value(bytes: &[u8], compact: &Compact) -> Option<Value> {
    let (kind, rest) = bytes.split_first()?;
    let mut input = Input(rest);
    let value = input.value(*kind, compact)?;
    let sound = match &value {
        Value::String(..) | Value::Stream(_) => true,
        collection => !collection.is_empty(),
    };
    (input.0.is_empty() && sound).then_some(value)
}

/// What has not been read.
pub(super) struct Input<'a>(pub(super) &'a [u8]);

/// A length, or how a string is encoded that has none.
enum Length {
    Of(u64),
    Encoded(u8),
}

impl<'a> Input<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn length_or_encoding(&mut self) -> Option<Length> {
        let [first] = self.array()?;
        Some(match first >> 6 {
            0 => Length::Of(u64::from(first)),
            1 => {
                let [low] = self.array()?;
                Length::Of(u64::from(u16::from_be_bytes([first & 0x3F, low])))
            }
            3 => Length::Encoded(first & 0x3F),
            _ => match first {
                0x80 => Length::Of(u64::from(u32::from_be_bytes(self.array()?))),
                0x81 => Length::Of(u64::from_be_bytes(self.array()?)),
                _ => return None,
            },
        })
    }

    pub(super) fn length(&mut self) -> Option<u64> {
        match self.length_or_encoding()? {
            Length::Of(length) => Some(length),
            Length::Encoded(_) => None,
        }
    }

    pub(super) fn count(&mut self) -> Option<usize> {
        usize::try_from(self.length()?).ok()
    }

    pub(super) fn string(&mut self) -> Option<Bytes> {
        let number = match self.length_or_encoding()? {
            Length::Of(length) => {
                let text = self.bytes(usize::try_from(length).ok()?)?;
                return Some(Bytes::copy_from_slice(text));
            }
            Length::Encoded(0) => i64::from(i8::from_le_bytes(self.array()?)),
            Length::Encoded(1) => i64::from(i16::from_le_bytes(self.array()?)),
            Length::Encoded(2) => i64::from(i32::from_le_bytes(self.array()?)),
            Length::Encoded(3) => {
                let (compressed, length) = (self.count()?, self.count()?);
                return lzf::decompress(self.bytes(compressed)?, length).map(Bytes::from);
            }
            Length::Encoded(_) => return None,
        };
        Some(number.to_string().into())
    }

    fn listpack(&mut self) -> Option<Vec<Vec<u8>>> {
        listpack::decode(&self.string()?)
    }

    pub(super) fn value(&mut self, kind: u8, compact: &Compact) -> Option<Value> {
        Some(match kind {
            kind::STRING => Value::String(self.string()?, Made::Whole),
            kind::LIST => Value::List(self.strings()?.into()),
            kind::LIST_QUICKLIST_2 => Value::List(self.quicklist()?),
            kind::SET => {
                let members = self.strings()?;
                let members = members.iter().map(|member| &member[..]);
                Value::Set(Box::new(set(members, compact)?))
            }
            kind::SET_INTSET => Value::Set(Box::new(self.intset(compact)?)),
            kind::HASH => {
                let texts = self.strings_of(2)?;
                Value::Hash(Box::new(hash(texts.iter().map(|text| &text[..]), compact)?))
            }
            kind::HASH_LISTPACK => {
                let texts = self.listpack()?;
                Value::Hash(Box::new(hash(texts.iter().map(|text| &text[..]), compact)?))
            }
            kind::ZSET | kind::ZSET_2 => {
                Value::SortedSet(Box::new(self.sorted_set(kind == kind::ZSET_2, compact)?))
            }
            kind::ZSET_LISTPACK => Value::SortedSet(Box::new(self.small_sorted_set(compact)?)),
            kind::STREAM_LISTPACKS | kind::STREAM_LISTPACKS_2 => {
                Value::Stream(Box::new(self.stream(kind == kind::STREAM_LISTPACKS_2)?))
            }
            _ => return None,
        })
    }

    fn strings(&mut self) -> Option<Vec<Bytes>> {
        self.strings_of(1)
    }

    /// As many strings as a count says, or a multiple.
    fn strings_of(&mut self, each: usize) -> Option<Vec<Bytes>> {
        let count = self.count()?.checked_mul(each)?;
        let mut strings = Vec::new();
        for _ in 0..count {
            strings.push(self.string()?);
        }
        Some(strings)
    }

    fn quicklist(&mut self) -> Option<List> {
        const PLAIN: u64 = 1;
        let mut list = List::new();
        for _ in 0..self.count()? {
            if self.length()? == PLAIN {
                list.push_back(self.string()?);
            } else {
                list.extend(self.listpack()?.into_iter().map(Bytes::from));
            }
        }
        Some(list)
    }

    fn intset(&mut self, compact: &Compact) -> Option<Set> {
        let blob = self.string()?;
        let mut input = Input(&blob);
        let width = usize::try_from(u32::from_le_bytes(input.array()?)).ok()?;
        let count = usize::try_from(u32::from_le_bytes(input.array()?)).ok()?;
        let fits = matches!(width, 2 | 4 | 8) && input.0.len() == width.checked_mul(count)?;
        if !fits {
            return None;
        }
        let mut set = Set::default();
        for number in input.0.chunks_exact(width) {
            let sign = if number[width - 1] & 0x80 == 0 {
                0
            } else {
                0xFF
            };
            let mut whole = [sign; 8];
            whole[..width].copy_from_slice(number);
            let number = i64::from_le_bytes(whole).to_string();
            set.insert(number.as_bytes(), compact).then_some(())?;
        }
        Some(set)
    }

    fn sorted_set(&mut self, binary: bool, compact: &Compact) -> Option<SortedSet> {
        let mut set = SortedSet::default();
        for _ in 0..self.count()? {
            let member = self.string()?;
            let score = if binary {
                f64::from_le_bytes(self.array()?)
            } else {
                self.written_score()?
            };
            add_scored(&mut set, &member, score, compact)?;
        }
        Some(set)
    }

    /// A score in decimal, as version 1 of sorted sets has it.
    fn written_score(&mut self) -> Option<f64> {
        let [length] = self.array()?;
        match length {
            253 => None,
            254 => Some(f64::INFINITY),
            255 => Some(f64::NEG_INFINITY),
            length => parse_double(self.bytes(usize::from(length))?),
        }
    }

    fn small_sorted_set(&mut self, compact: &Compact) -> Option<SortedSet> {
        let mut set = SortedSet::default();
        for pair in self.listpack()?.chunks(2) {
            let [member, score] = pair else {
                return None;
            };
            add_scored(&mut set, member, parse_double(score)?, compact)?;
        }
        Some(set)
    }

    fn raw_id(&mut self) -> Option<StreamId> {
        let ms = u64::from_be_bytes(self.array()?);
        let seq = u64::from_be_bytes(self.array()?);
        Some(StreamId { ms, seq })
    }

    fn id(&mut self) -> Option<StreamId> {
        let (ms, seq) = (self.length()?, self.length()?);
        Some(StreamId { ms, seq })
    }

    fn stream(&mut self, second: bool) -> Option<Stream> {
        let mut stream = Stream::default();
        for _ in 0..self.count()? {
            let key = self.string()?;
            let master = Input(&key).raw_id().filter(|_| key.len() == 16)?;
            let node = stream_node(master, self.listpack()?)?;
            stream.length += node.live;
            stream.nodes.insert(master, node);
        }
        if self.count()? != stream.length {
            return None;
        }
        stream.last_id = self.id()?;
        if second {
            stream.first_id = self.id()?;
            stream.max_deleted_id = self.id()?;
            stream.entries_added = self.length()?;
        } else {
            stream.find_first();
            stream.entries_added = stream.length as u64;
        }
        for _ in 0..self.count()? {
            let name = self.string()?;
            let last_id = self.id()?;
            let read = if second {
                Some(self.length()?).filter(|read| *read != u64::MAX)
            } else {
                stream.distance_to(last_id)
            };
            let group = self.group(Group::new(last_id, read))?;
            stream.groups.insert(name, group).is_none().then_some(())?;
        }
        Some(stream)
    }

    fn group(&mut self, mut group: Group) -> Option<Group> {
        let mut pending = std::collections::BTreeMap::new();
        for _ in 0..self.count()? {
            let id = self.raw_id()?;
            let delivered_at = i64::from_le_bytes(self.array()?);
            pending.insert(id, (delivered_at, self.length()?));
        }
        for _ in 0..self.count()? {
            let consumer = self.string()?;
            let seen_at = i64::from_le_bytes(self.array()?);
            group.create(&consumer, seen_at).then_some(())?;
            for _ in 0..self.count()? {
                let id = self.raw_id()?;
                let (delivered_at, deliveries) = pending.remove(&id)?;
                let consumer = consumer.clone();
                group.assign(
                    id,
                    Pending {
                        consumer,
                        delivered_at,
                        deliveries,
                    },
                );
            }
        }
        pending.is_empty().then_some(group)
    }
}

fn set<'a>(members: impl Iterator<Item = &'a [u8]>, compact: &Compact) -> Option<Set> {
    let mut set = Set::default();
    for member in members {
        set.insert(member, compact).then_some(())?;
    }
    Some(set)
}

fn hash<'a>(mut texts: impl Iterator<Item = &'a [u8]>, compact: &Compact) -> Option<Hash> {
    let mut hash = Hash::default();
    while let Some(field) = texts.next() {
        let value = Bytes::copy_from_slice(texts.next()?);
        hash.set(field, value, compact).then_some(())?;
    }
    Some(hash)
}

fn add_scored(set: &mut SortedSet, member: &[u8], score: f64, compact: &Compact) -> Option<()> {
    let new = !score.is_nan() && set.score(member).is_none();
    new.then(|| set.set(member, score, compact))
}

/// The entries of a listpack whose IDs are counted from `master`.
fn stream_node(master: StreamId, items: Vec<Vec<u8>>) -> Option<Node> {
    const DELETED: i64 = 1;
    const SAME_FIELDS: i64 = 2;
    let mut items = items.into_iter();
    let mut text = || items.next();
    let number = |text: Option<Vec<u8>>| parse_integer(&text?);
    let (live, deleted) = (number(text())?, number(text())?);
    let mut names = Vec::new();
    for _ in 0..number(text())? {
        names.push(Bytes::from(text()?));
    }
    let pairs: Vec<(Bytes, Bytes)> = names.iter().map(|n| (n.clone(), Bytes::new())).collect();
    let mut node = Node::new(master, &pairs);
    number(text()).filter(|end| *end == 0)?;
    let mut last = None;
    for _ in 0..live.checked_add(deleted)? {
        let flags = number(text())?;
        let delta = |from: u64, by: i64| from.wrapping_add(by.cast_unsigned());
        let ms = delta(master.ms, number(text())?);
        let seq = delta(master.seq, number(text())?);
        let id = StreamId { ms, seq };
        let same = flags & SAME_FIELDS != 0;
        let count = if same {
            i64::try_from(names.len()).ok()?
        } else {
            number(text())?
        };
        let mut fields = Vec::new();
        for index in 0..count {
            let name = match same {
                true => names.get(usize::try_from(index).ok()?)?.clone(),
                false => Bytes::from(text()?),
            };
            fields.push((name, Bytes::from(text()?)));
        }
        number(text())?;
        if last.replace(id).is_some_and(|last| last >= id) {
            return None;
        }
        node.push(id, fields);
        if flags & DELETED != 0 {
            node.delete(id);
        }
    }
    let whole = i64::try_from(node.live).ok()? == live && live > 0 && text().is_none();
    whole.then_some(node)
}
