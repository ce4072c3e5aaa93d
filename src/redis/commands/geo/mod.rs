//! GEO: sorted sets whose scores are places.

mod search;

use bytes::Bytes;

use super::args::{answer, double, is};
use super::{Command, Flags, Handler::Plain, command};
use crate::redis::context::Context;
use crate::redis::geo::Position;
use crate::redis::reply::Reply;
use crate::redis::values::SortedSet;

const READ: Flags = Flags::READONLY;
const WRITE: Flags = Flags::WRITE.and(Flags::DENY_OOM);
/// Of those whose STORE names another key.
const STORES: Flags = WRITE.and(Flags::MOVABLE_KEYS);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("geoadd", "GEOADD", -5, WRITE, (1, 1, 1), Plain(geoadd)),
    command!("geodist", "GEODIST", -4, READ, (1, 1, 1), Plain(geodist)),
    command!("geohash", "GEOHASH", -2, READ, (1, 1, 1), Plain(geohash)),
    command!("geopos", "GEOPOS", -2, READ, (1, 1, 1), Plain(geopos)),
    command!("georadius", "GEORADIUS", -6, STORES.and(Flags::READS), (1, 1, 1), Plain(search::georadius)),
    command!("georadius_ro", "GEORADIUS", -6, READ, (1, 1, 1), Plain(search::georadius_ro)),
    command!("georadiusbymember", "GEORADIUSBYMEMBER", -5, STORES.and(Flags::READS), (1, 1, 1), Plain(search::by_member)),
    command!("georadiusbymember_ro", "GEORADIUSBYMEMBER", -5, READ, (1, 1, 1), Plain(search::by_member_ro)),
    command!("geosearch", "GEOSEARCH", -7, READ, (1, 1, 1), Plain(search::geosearch)),
    command!("geosearchstore", "GEOSEARCHSTORE", -8, WRITE.and(Flags::READS), (1, 2, 1), Plain(search::geosearchstore)),
];

fn position(longitude: &[u8], latitude: &[u8]) -> Result<Position, Reply> {
    let position = Position {
        longitude: double(longitude)?,
        latitude: double(latitude)?,
    };
    if !position.is_on_the_map() {
        let Position {
            longitude,
            latitude,
        } = position;
        let text = format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}");
        return Err(Reply::error_from(text.into()));
    }
    Ok(position)
}

/// Metres in a unit.
fn unit(name: &[u8]) -> Result<f64, Reply> {
    let units = [("M", 1.0), ("KM", 1000.0), ("FT", 0.3048), ("MI", 1609.34)];
    let unit = units.into_iter().find(|(unit, _)| is(name, unit));
    unit.map(|(_, metres)| metres).ok_or(Reply::error(
        "ERR unsupported unit provided. please use M, KM, FT, MI",
    ))
}

/// A distance to four digits, as far as they fit an integer.
fn distance(value: f64) -> Reply {
    let scaled = (value * 10_000.0).round_ties_even() as i64;
    let (whole, rest) = (scaled / 10_000, scaled % 10_000);
    Reply::Bulk(format!("{whole}.{rest:04}").into())
}

/// A coordinate in up to 17 digits behind the point.
fn coordinate(value: f64) -> Reply {
    let text = format!("{value:.17}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    Reply::Decimal(Bytes::copy_from_slice(text.as_bytes()))
}

fn coordinates(position: Position) -> Reply {
    Reply::Array(vec![
        coordinate(position.longitude),
        coordinate(position.latitude),
    ])
}

/// Comes to a ZADD.
fn geoadd(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(as_zadd(args).map(|(options, scores)| {
        let mut zadd: Vec<&[u8]> = vec![b"zadd", args[1]];
        zadd.extend(options);
        for (score, member) in &scores {
            zadd.extend([score.as_bytes(), member]);
        }
        let before = context.keyspace.dirty();
        let reply = super::sorted_sets::zadd(context, &zadd);
        if context.keyspace.dirty() != before {
            context.propagate_as(&zadd);
        }
        reply
    }))
}

type Scores<'a> = Vec<(String, &'a [u8])>;

fn as_zadd<'a, 'b>(args: &'a [&'b [u8]]) -> Result<(&'a [&'b [u8]], Scores<'b>), Reply> {
    let is_option = |arg: &&[u8]| is(arg, "NX") || is(arg, "XX") || is(arg, "CH");
    let options = args[2..].iter().take_while(|arg| is_option(arg)).count();
    let (options, elements) = args[2..].split_at(options);
    let has = |name| options.iter().any(|option| is(option, name));
    let (elements, rest) = elements.as_chunks::<3>();
    if !rest.is_empty() || has("NX") && has("XX") {
        return Err(Reply::SYNTAX);
    }
    let scores = elements.iter().map(|[longitude, latitude, member]| {
        let score = position(longitude, latitude)?.score();
        Ok((score.to_string(), *member))
    });
    Ok((options, scores.collect::<Result<_, Reply>>()?))
}

fn places(
    context: &mut Context<'_>,
    args: &[&[u8]],
    tell: impl Fn(Option<Position>) -> Reply,
) -> Reply {
    answer(context.read::<SortedSet>(args[1]).map(|set| {
        let scores = args[2..].iter().map(|member| set?.score(member));
        Reply::Array(
            scores
                .map(|score| tell(score.map(Position::of_score)))
                .collect(),
        )
    }))
}

fn geohash(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    places(context, args, |place| {
        place.map_or(Reply::Null, |place| Reply::Bulk(place.geohash().into()))
    })
}

fn geopos(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    places(context, args, |place| {
        place.map_or(Reply::NullArray, coordinates)
    })
}

fn geodist(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let metres = match &args[4..] {
        [] => Ok(1.0),
        [name] => unit(name),
        _ => Err(Reply::SYNTAX),
    };
    answer(metres.and_then(|metres| {
        let set = context.read::<SortedSet>(args[1])?;
        let place = |member| Some(Position::of_score(set?.score(member)?));
        let (from, to) = (place(args[2]), place(args[3]));
        Ok(match from.zip(to) {
            Some((from, to)) => distance(from.distance(to) / metres),
            None => Reply::Null,
        })
    }))
}
