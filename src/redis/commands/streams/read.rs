//! XREAD and XREADGROUP: new entries, as they come.

use std::time::Duration;

use bytes::Bytes;

use super::{entry_reply, id, id_reply, no_group};
use crate::redis::blocked::{Attempt, Wait};
use crate::redis::commands::args::{is, timeout_milliseconds};
use crate::redis::context::{Caller, Context};
use crate::redis::number::integer_argument;
use crate::redis::reply::{Reply, Resp};
use crate::redis::values::{Edit, Entry, Pending, Stream, StreamId};
use crate::redis::wall_clock_ms;

/// How many entries a client gets that waited and named no number.
const COUNT_AFTER_WAIT: usize = 1000;

/// What is read.
struct Reading<'a> {
    /// As the client wrote it.
    command: &'a [u8],
    reader: Option<Reader<'a>>,
    /// Waits for so long if there is nothing; the inner none is for ever.
    block: Option<Option<Duration>>,
    most: Option<usize>,
    keys: &'a [&'a [u8]],
    after: &'a [&'a [u8]],
}

/// On whose behalf XREADGROUP reads.
#[derive(Clone, Copy)]
struct Reader<'a> {
    group: &'a [u8],
    consumer: &'a [u8],
    /// What is delivered is taken to be acknowledged.
    no_ack: bool,
}

/// From where one stream is read.
#[derive(Clone, Copy)]
enum After {
    /// After this entry, or of a reader's own pending ones.
    Id(StreamId),
    /// `>`: what the group has not been given.
    New,
}

pub(super) fn xread(context: &mut Context<'_>, args: &[&[u8]], ready: Option<&[u8]>) -> Attempt {
    Attempt::or_error(read(context, args, false, ready))
}

pub(super) fn xreadgroup(
    context: &mut Context<'_>,
    args: &[&[u8]],
    ready: Option<&[u8]>,
) -> Attempt {
    Attempt::or_error(read(context, args, true, ready))
}

fn read(
    context: &mut Context<'_>,
    args: &[&[u8]],
    for_group: bool,
    ready: Option<&[u8]>,
) -> Result<Attempt, Reply> {
    let reading = Reading::parse(context, args, for_group)?;
    context.propagate_nothing();
    let found = match ready {
        Some(key) => reading.after_wait(context, key)?,
        None => reading.at_once(context)?,
    };
    if ready.is_some() && found.is_empty() {
        let goes_on = Wait::for_keys(reading.keys, None, Reply::NullArray);
        return Ok(Attempt::Wait(goes_on));
    }
    Ok(match (found.is_empty(), reading.block) {
        (false, _) => Attempt::Done(reading.reply(found, context.client.resp)),
        (true, None) => Attempt::Done(Reply::NullArray),
        (true, Some(timeout)) => Attempt::Wait(reading.wait(context, timeout)?),
    })
}

impl<'a> Reading<'a> {
    fn parse(
        context: &Context<'_>,
        args: &'a [&'a [u8]],
        for_group: bool,
    ) -> Result<Reading<'a>, Reply> {
        let mut reading = Reading {
            command: args[0],
            reader: None,
            block: None,
            most: None,
            keys: &[],
            after: &[],
        };
        let mut no_ack = false;
        let mut rest = &args[1..];
        while let Some((option, after)) = rest.split_first() {
            rest = match after {
                [timeout, after @ ..] if is(option, "BLOCK") => {
                    if context.caller == Caller::Script {
                        let text = b" command is not allowed with BLOCK option from scripts";
                        return Err(Reply::error_from([b"ERR ", args[0], text].concat()));
                    }
                    reading.block = Some(timeout_milliseconds(timeout)?);
                    after
                }
                [most, after @ ..] if is(option, "COUNT") => {
                    let most = usize::try_from(integer_argument(most)?).unwrap_or(0);
                    reading.most = Some(most).filter(|most| *most > 0);
                    after
                }
                [_, ..] if is(option, "STREAMS") => {
                    reading.streams(after)?;
                    break;
                }
                [group, consumer, after @ ..] if is(option, "GROUP") => {
                    only_for_group(for_group, "GROUP")?;
                    reading.reader = Some(Reader {
                        group,
                        consumer,
                        no_ack: false,
                    });
                    after
                }
                _ if is(option, "NOACK") => {
                    only_for_group(for_group, "NOACK")?;
                    no_ack = true;
                    after
                }
                _ => return Err(Reply::SYNTAX),
            };
        }
        if reading.keys.is_empty() {
            return Err(Reply::SYNTAX);
        }
        match &mut reading.reader {
            Some(reader) => reader.no_ack = no_ack,
            None if for_group => {
                return Err(Reply::error("ERR Missing GROUP option for XREADGROUP"));
            }
            None => {}
        }
        Ok(reading)
    }

    fn streams(&mut self, rest: &'a [&'a [u8]]) -> Result<(), Reply> {
        if !rest.len().is_multiple_of(2) {
            return Err(Reply::error(
                "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be \
                 specified.",
            ));
        }
        (self.keys, self.after) = rest.split_at(rest.len() / 2);
        Ok(())
    }

    /// From where each stream is read, if that makes sense for all of them.
    fn places(&self, context: &mut Context<'_>) -> Result<Vec<After>, Reply> {
        let streams = self.keys.iter().zip(self.after);
        let places = streams.map(|(key, after)| self.place(context, key, after));
        places.collect()
    }

    fn place(&self, context: &mut Context<'_>, key: &[u8], after: &[u8]) -> Result<After, Reply> {
        let stream = context.read::<Stream>(key)?;
        if let Some(reader) = self.reader
            && !stream.is_some_and(|stream| stream.groups.contains_key(reader.group))
        {
            return Err(no_group(&[
                b"NOGROUP No such key '",
                key,
                b"' or consumer group '",
                reader.group,
                b"' in XREADGROUP with GROUP option",
            ]));
        }
        match (after, self.reader) {
            (b"$", None) => {
                let last = stream.map(|stream| stream.last_id);
                Ok(After::Id(last.unwrap_or(StreamId::MIN)))
            }
            (b"$", Some(_)) => Err(Reply::error(
                "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the \
                 history of this consumer by specifying a proper ID, or use the > ID to get new \
                 messages. The $ ID would just return an empty result set.",
            )),
            (b">", Some(_)) => Ok(After::New),
            (b">", None) => Err(Reply::error(
                "ERR The > ID can be specified only when calling XREADGROUP using the GROUP \
                 <group> <consumer> option.",
            )),
            _ => Ok(After::Id(id(after)?)),
        }
    }

    /// What there is now.
    fn at_once(&self, context: &mut Context<'_>) -> Result<Vec<(Bytes, Reply)>, Reply> {
        let places = self.places(context)?;
        let mut found = Vec::new();
        for (key, after) in self.keys.iter().zip(places) {
            let Some(stream) = context.read::<Stream>(key)? else {
                continue;
            };
            let top = stream.top();
            let entries = match (self.reader, after) {
                (None, After::Id(id)) if top > Some(id) => self.entries(stream, id, self.most),
                (Some(reader), After::Id(id)) => {
                    context.see_reader(key, reader)?;
                    self.history(context, key, reader, id)?
                }
                (Some(reader), After::New) => {
                    let group = stream.groups.get(reader.group);
                    if top <= group.map(|group| group.last_id) {
                        continue;
                    }
                    context.see_reader(key, reader)?;
                    context.deliver(key, reader, self.most)?
                }
                _ => continue,
            };
            if self.reader.is_some() {
                context.keyspace.count_change();
            }
            found.push((Bytes::copy_from_slice(key), entries));
        }
        Ok(found)
    }

    /// What there is in a stream for which a client waited.
    fn after_wait(
        &self,
        context: &mut Context<'_>,
        key: &[u8],
    ) -> Result<Vec<(Bytes, Reply)>, Reply> {
        let most = Some(self.most.unwrap_or(COUNT_AFTER_WAIT));
        let name = Bytes::copy_from_slice(key);
        let Some(reader) = self.reader else {
            let index = self.keys.iter().position(|other| *other == key);
            let after = index.and_then(|index| id(self.after[index]).ok());
            let Ok(Some(stream)) = context.read::<Stream>(key) else {
                return Ok(Vec::new());
            };
            return Ok(match after.filter(|after| stream.last_id > *after) {
                Some(after) => vec![(name, self.entries(stream, after, most))],
                None => Vec::new(),
            });
        };
        let Ok(Some(stream)) = context.read::<Stream>(key) else {
            return Err(Reply::error("UNBLOCKED the stream key no longer exists"));
        };
        let Some(group) = stream.groups.get(reader.group) else {
            return Err(Reply::error(
                "NOGROUP the consumer group this client was blocked on no longer exists",
            ));
        };
        if stream.last_id <= group.last_id {
            return Ok(Vec::new());
        }
        context.see_reader(key, reader)?;
        let entries = context.deliver(key, reader, most)?;
        context.keyspace.count_change();
        Ok(vec![(name, entries)])
    }

    fn entries(&self, stream: &Stream, after: StreamId, most: Option<usize>) -> Reply {
        let start = after.next().unwrap_or(StreamId::MAX);
        let entries = stream.range(start..=StreamId::MAX);
        let entries = entries.take(most.unwrap_or(usize::MAX));
        Reply::Array(entries.map(entry_reply).collect())
    }

    /// What a consumer was given before and has not acknowledged.
    fn history(
        &self,
        context: &mut Context<'_>,
        key: &[u8],
        reader: Reader<'_>,
        after: StreamId,
    ) -> Result<Reply, Reply> {
        let now = wall_clock_ms();
        let start = after.next().unwrap_or(StreamId::MAX);
        let most = self.most.unwrap_or(usize::MAX);
        context.edit(key, |stream: &mut Stream| {
            let group = stream.groups.get(reader.group);
            let consumer = group.and_then(|group| group.consumers().get(reader.consumer));
            let pending = consumer.map(|consumer| consumer.pending.range(start..).take(most));
            let pending: Vec<StreamId> = pending.into_iter().flatten().copied().collect();
            let mut replies = Vec::new();
            for id in pending {
                let entry = stream.get(id).map(entry_reply);
                if let Some(group) = stream.groups.get_mut(reader.group)
                    && entry.is_some()
                {
                    group.deliver_again(id, now);
                }
                let gone = || Reply::Array(vec![id_reply(id), Reply::NullArray]);
                replies.push(entry.unwrap_or_else(gone));
            }
            Edit::unchanged(Reply::Array(replies))
        })
    }

    fn reply(&self, found: Vec<(Bytes, Reply)>, resp: Resp) -> Reply {
        let found = found
            .into_iter()
            .map(|(key, entries)| (Reply::Bulk(key), entries));
        match resp {
            Resp::V3 => Reply::Map(found.collect()),
            Resp::V2 => {
                let pairs = found.map(|(key, entries)| Reply::Array(vec![key, entries]));
                Reply::Array(pairs.collect())
            }
        }
    }

    /// What to try again once a stream has something: the same, with `$` as
    /// the entry that it means now.
    fn wait(&self, context: &mut Context<'_>, timeout: Option<Duration>) -> Result<Wait, Reply> {
        let places = self.places(context)?;
        let mut retry: Vec<Bytes> = vec![Bytes::copy_from_slice(self.command)];
        let mut say = |word: &[u8]| retry.push(Bytes::copy_from_slice(word));
        if let Some(reader) = self.reader {
            say(b"GROUP");
            say(reader.group);
            say(reader.consumer);
            if reader.no_ack {
                say(b"NOACK");
            }
        }
        say(b"BLOCK");
        say(b"0");
        if let Some(most) = self.most {
            say(b"COUNT");
            say(most.to_string().as_bytes());
        }
        say(b"STREAMS");
        self.keys.iter().for_each(|key| say(key));
        for place in places {
            match place {
                After::Id(id) => say(id.to_string().as_bytes()),
                After::New => say(b">"),
            }
        }
        Ok(Wait {
            retry: Some(retry),
            ..Wait::for_keys(self.keys, timeout, Reply::NullArray)
        })
    }
}

fn only_for_group(for_group: bool, option: &str) -> Result<(), Reply> {
    if for_group {
        return Ok(());
    }
    let text = format!(
        "ERR The {option} option is only supported by XREADGROUP. You called XREAD instead."
    );
    Err(Reply::error_from(text.into()))
}

impl Context<'_> {
    /// Notes that a consumer reads, which makes it if it is new.
    fn see_reader(&mut self, key: &[u8], reader: Reader<'_>) -> Result<(), Reply> {
        let new = self.see_consumer(key, reader.group, reader.consumer)?;
        if new && reader.no_ack {
            let create: [&[u8]; 5] = [
                b"XGROUP",
                b"CREATECONSUMER",
                key,
                reader.group,
                reader.consumer,
            ];
            self.propagate_as(&create);
        }
        Ok(())
    }

    /// Gives a consumer what its group was not given yet.
    fn deliver(
        &mut self,
        key: &[u8],
        reader: Reader<'_>,
        most: Option<usize>,
    ) -> Result<Reply, Reply> {
        let now = wall_clock_ms();
        let ids: Vec<StreamId> = self.edit(key, |stream: &mut Stream| {
            let last = stream.groups.get(reader.group).map(|group| group.last_id);
            let start = last.and_then(StreamId::next).unwrap_or(StreamId::MAX);
            let entries = stream.range(start..=StreamId::MAX);
            let entries = entries.take(most.unwrap_or(usize::MAX));
            let ids: Vec<StreamId> = entries.map(|entry| entry.id).collect();
            for id in &ids {
                stream.count_read(reader.group, *id);
            }
            Edit::unchanged(ids)
        })?;
        for id in &ids {
            if !reader.no_ack {
                let pending = Pending {
                    consumer: Bytes::copy_from_slice(reader.consumer),
                    delivered_at: now,
                    deliveries: 1,
                };
                self.edit_group(key, reader.group, |group| group.assign(*id, pending))?;
                self.propagate_claim(key, reader.group, *id);
            }
        }
        if reader.no_ack && !ids.is_empty() {
            self.propagate_group_id(key, reader.group);
        }
        let stream = self.known_stream(key);
        let entries = ids.iter().filter_map(|id| stream.and_then(|s| s.get(*id)));
        let entries: Vec<&Entry> = entries.collect();
        Ok(Reply::Array(entries.into_iter().map(entry_reply).collect()))
    }
}
