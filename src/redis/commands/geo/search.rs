//! GEOSEARCH and the older GEORADIUS: what lies around a place.

use bytes::Bytes;

use super::{coordinates, distance, position, unit};
use crate::redis::commands::args::{answer, double, is};
use crate::redis::context::Context;
use crate::redis::events::Class;
use crate::redis::geo::{Position, Shape};
use crate::redis::number::integer_argument;
use crate::redis::reply::Reply;
use crate::redis::values::SortedSet;

/// A command of this file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Radius,
    Member,
    Search,
    /// Its first key is where the result goes.
    SearchStore,
}

impl Kind {
    fn is_search(self) -> bool {
        matches!(self, Kind::Search | Kind::SearchStore)
    }
}

/// What is asked for.
#[derive(Debug, Default)]
struct Query<'a> {
    centre: Option<Position>,
    /// The centre is a member, which has no place if its set is not there.
    from_member: bool,
    shape: Option<Shape>,
    /// Metres in the unit of the answer.
    metres: f64,
    with_distance: bool,
    with_hash: bool,
    with_coordinates: bool,
    any: bool,
    count: Option<usize>,
    order: Option<Order>,
    store: Option<&'a [u8]>,
    store_distance: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Nearest,
    Farthest,
}

/// One that was found.
#[derive(Debug)]
struct Found {
    member: Bytes,
    score: f64,
    position: Position,
    distance: f64,
}

pub(super) fn georadius(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(search(context, args, Kind::Radius, true))
}

pub(super) fn georadius_ro(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(search(context, args, Kind::Radius, false))
}

pub(super) fn by_member(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(search(context, args, Kind::Member, true))
}

pub(super) fn by_member_ro(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(search(context, args, Kind::Member, false))
}

pub(super) fn geosearch(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(search(context, args, Kind::Search, false))
}

pub(super) fn geosearchstore(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(search(context, args, Kind::SearchStore, false))
}

fn search(
    context: &mut Context<'_>,
    args: &[&[u8]],
    kind: Kind,
    may_store: bool,
) -> Result<Reply, Reply> {
    let key = args[if kind == Kind::SearchStore { 2 } else { 1 }];
    let set = context.read::<SortedSet>(key)?;
    let query = Query::parse(args, kind, may_store, set)?;
    query.check(kind, args[0])?;
    let found = set.map(|set| query.find(set)).unwrap_or_default();
    Ok(match query.store {
        Some(target) => store(context, target, kind, &query, found),
        None => Reply::Array(found.into_iter().map(|one| query.describe(one)).collect()),
    })
}

/// Puts what was found in the place of a key.
fn store(
    context: &mut Context<'_>,
    target: &[u8],
    kind: Kind,
    query: &Query<'_>,
    found: Vec<Found>,
) -> Reply {
    let compact = context.server.config.compact;
    let mut set = SortedSet::default();
    for one in &found {
        let score = match query.store_distance {
            true => one.distance / query.metres,
            false => one.score,
        };
        set.set(&one.member, score, &compact);
    }
    let event = match kind.is_search() {
        true => "geosearchstore",
        false => "georadiusstore",
    };
    context.store(target, set, found.len(), Class::ZSET, event);
    Reply::count(found.len())
}

fn member_of(set: &SortedSet, member: &[u8]) -> Result<Position, Reply> {
    let score = set
        .score(member)
        .ok_or(Reply::error("ERR could not decode requested zset member"))?;
    Ok(Position::of_score(score))
}

/// A radius and its unit.
fn circle(radius: &[u8], name: &[u8]) -> Result<(Shape, f64), Reply> {
    let radius = double(radius).map_err(|_| Reply::error("ERR need numeric radius"))?;
    if radius < 0.0 {
        return Err(Reply::error("ERR radius cannot be negative"));
    }
    let metres = unit(name)?;
    let radius = radius * metres;
    Ok((Shape::Circle { radius }, metres))
}

fn rectangle(width: &[u8], height: &[u8], name: &[u8]) -> Result<(Shape, f64), Reply> {
    let width = double(width).map_err(|_| Reply::error("ERR need numeric width"))?;
    let height = double(height).map_err(|_| Reply::error("ERR need numeric height"))?;
    if width < 0.0 || height < 0.0 {
        return Err(Reply::error("ERR height or width cannot be negative"));
    }
    let metres = unit(name)?;
    let (width, height) = (width * metres, height * metres);
    Ok((Shape::Box { width, height }, metres))
}

impl<'a> Query<'a> {
    fn parse(
        args: &[&'a [u8]],
        kind: Kind,
        may_store: bool,
        set: Option<&SortedSet>,
    ) -> Result<Query<'a>, Reply> {
        let mut query = Query {
            metres: 1.0,
            ..Query::default()
        };
        let options = match kind {
            Kind::Radius => {
                query.centre = Some(position(args[2], args[3])?);
                query.search_within(circle(args[4], args[5])?);
                6
            }
            Kind::Member => {
                if let Some(set) = set {
                    query.centre = Some(member_of(set, args[2])?);
                    query.search_within(circle(args[3], args[4])?);
                }
                5
            }
            Kind::Search => 2,
            Kind::SearchStore => {
                query.store = Some(args[1]);
                3
            }
        };
        let mut rest = &args[options..];
        while !rest.is_empty() {
            rest = query.take_option(rest, kind, may_store, set)?;
        }
        Ok(query)
    }

    fn search_within(&mut self, (shape, metres): (Shape, f64)) {
        (self.shape, self.metres) = (Some(shape), metres);
    }

    /// Reads one option and gives what follows.
    fn take_option<'b>(
        &mut self,
        args: &'b [&'a [u8]],
        kind: Kind,
        may_store: bool,
        set: Option<&SortedSet>,
    ) -> Result<&'b [&'a [u8]], Reply> {
        let (option, rest) = args.split_first().ok_or(Reply::SYNTAX)?;
        let flag = match option {
            word if is(word, "WITHDIST") => Some(&mut self.with_distance),
            word if is(word, "WITHHASH") => Some(&mut self.with_hash),
            word if is(word, "WITHCOORD") => Some(&mut self.with_coordinates),
            word if is(word, "ANY") => Some(&mut self.any),
            word if is(word, "STOREDIST") && kind == Kind::SearchStore => {
                Some(&mut self.store_distance)
            }
            _ => None,
        };
        if let Some(flag) = flag {
            *flag = true;
            return Ok(rest);
        }
        match rest {
            _ if is(option, "ASC") => self.order = Some(Order::Nearest),
            _ if is(option, "DESC") => self.order = Some(Order::Farthest),
            [count, rest @ ..] if is(option, "COUNT") => {
                let count = usize::try_from(integer_argument(count)?).ok();
                let count = count.filter(|count| *count > 0);
                self.count = Some(count.ok_or(Reply::error("ERR COUNT must be > 0"))?);
                return Ok(rest);
            }
            [key, rest @ ..] if may_store && (is(option, "STORE") || is(option, "STOREDIST")) => {
                self.store = Some(key);
                self.store_distance = is(option, "STOREDIST");
                return Ok(rest);
            }
            _ if kind.is_search() => return self.take_place(option, rest, set),
            _ => return Err(Reply::SYNTAX),
        }
        Ok(rest)
    }

    /// Reads where GEOSEARCH looks.
    fn take_place<'b>(
        &mut self,
        option: &[u8],
        rest: &'b [&'a [u8]],
        set: Option<&SortedSet>,
    ) -> Result<&'b [&'a [u8]], Reply> {
        match rest {
            [member, rest @ ..] if is(option, "FROMMEMBER") && !self.is_from_point() => {
                self.centre = set.map(|set| member_of(set, member)).transpose()?;
                self.from_member = true;
                Ok(rest)
            }
            [longitude, latitude, rest @ ..] if is(option, "FROMLONLAT") && !self.from_member => {
                self.centre = Some(position(longitude, latitude)?);
                Ok(rest)
            }
            [radius, name, rest @ ..]
                if is(option, "BYRADIUS") && !matches!(self.shape, Some(Shape::Box { .. })) =>
            {
                self.search_within(circle(radius, name)?);
                Ok(rest)
            }
            [width, height, name, rest @ ..]
                if is(option, "BYBOX") && !matches!(self.shape, Some(Shape::Circle { .. })) =>
            {
                self.search_within(rectangle(width, height, name)?);
                Ok(rest)
            }
            _ => Err(Reply::SYNTAX),
        }
    }

    fn is_from_point(&self) -> bool {
        self.centre.is_some() && !self.from_member
    }

    /// Refuses what does not go together.
    fn check(&self, kind: Kind, name: &[u8]) -> Result<(), Reply> {
        let name = String::from_utf8_lossy(name);
        let refuse = |text: String| Err(Reply::error_from(format!("ERR {text}").into()));
        if self.store.is_some() && (self.with_distance || self.with_hash || self.with_coordinates) {
            let what = match kind {
                Kind::SearchStore => "GEOSEARCHSTORE",
                _ => "STORE option in GEORADIUS",
            };
            return refuse(format!(
                "{what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            ));
        }
        if kind.is_search() && self.centre.is_none() && !self.from_member {
            return refuse(format!(
                "exactly one of FROMMEMBER or FROMLONLAT can be specified for {name}"
            ));
        }
        if kind.is_search() && self.shape.is_none() {
            return refuse(format!(
                "exactly one of BYRADIUS and BYBOX can be specified for {name}"
            ));
        }
        match self.any && self.count.is_none() {
            true => refuse("the ANY argument requires COUNT argument".to_owned()),
            false => Ok(()),
        }
    }

    /// What lies there, in the order and up to the number that is asked for.
    fn find(&self, set: &SortedSet) -> Vec<Found> {
        let (Some(centre), Some(shape)) = (self.centre, self.shape) else {
            return Vec::new();
        };
        let enough = self.count.filter(|_| self.any).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        for (first, end) in shape.ranges(centre) {
            let start = set.partition_point(|score, _| score < first as f64);
            let places = (start..).map_while(|rank| set.at(rank));
            for (member, score) in places.take_while(|(_, score)| *score < end as f64) {
                if found.len() >= enough {
                    break;
                }
                let position = Position::of_score(score);
                if let Some(distance) = shape.distance_within(centre, position) {
                    found.push(Found {
                        member: member.clone(),
                        score,
                        position,
                        distance,
                    });
                }
            }
        }
        // The first of something are its nearest, unless any will do.
        let counts = self.count.is_some() && !self.any;
        match self.order.or(counts.then_some(Order::Nearest)) {
            Some(Order::Nearest) => found.sort_by(|a, b| a.distance.total_cmp(&b.distance)),
            Some(Order::Farthest) => found.sort_by(|a, b| b.distance.total_cmp(&a.distance)),
            None => {}
        }
        found.truncate(self.count.unwrap_or(usize::MAX));
        found
    }

    fn describe(&self, found: Found) -> Reply {
        let member = Reply::Bulk(found.member);
        if !(self.with_distance || self.with_hash || self.with_coordinates) {
            return member;
        }
        let mut parts = vec![member];
        if self.with_distance {
            parts.push(distance(found.distance / self.metres));
        }
        if self.with_hash {
            parts.push(Reply::Integer(found.score as i64));
        }
        if self.with_coordinates {
            parts.push(coordinates(found.position));
        }
        Reply::Array(parts)
    }
}
