//! CLIENT TRACKING and its kin: what a client caches of what it reads.

use bytes::Bytes;

use super::args::is;
use crate::redis::client::ClientId;
use crate::redis::context::Context;
use crate::redis::number::integer_argument;
use crate::redis::reply::Reply;
use crate::redis::tracking::Mode;

pub(super) fn tracking(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let asked = match asked(context, &args[3..]) {
        Ok(asked) => asked,
        Err(error) => return error,
    };
    if is(args[2], "OFF") {
        context.keyspace.tracking.disable(context.client.id);
        return Reply::OK;
    }
    if !is(args[2], "ON") {
        return Reply::SYNTAX;
    }
    let old = context.keyspace.tracking.mode(context.client.id);
    if let Some(why) = incompatible(&asked, old) {
        return why;
    }
    let collision = match collision(&asked, old) {
        Some((error, true)) => return error,
        Some((error, false)) => Some(error),
        None => None,
    };
    context.keyspace.tracking.enable(
        context.client.id,
        Mode {
            prefixes: asked.prefixes.into_iter().collect(),
            ..asked.mode
        },
    );
    match collision {
        None => Reply::OK,
        Some(error) => Reply::Several(vec![error, Reply::OK]),
    }
}

/// Options, with the prefixes in the order in which they came.
#[derive(Default)]
struct Asked {
    mode: Mode,
    prefixes: Vec<Bytes>,
}

fn asked(context: &Context<'_>, args: &[&[u8]]) -> Result<Asked, Reply> {
    let mut asked = Asked::default();
    let mut args = args.iter();
    while let Some(option) = args.next() {
        let mode = &mut asked.mode;
        if is(option, "BCAST") {
            mode.broadcast = true;
        } else if is(option, "OPTIN") {
            mode.opt_in = true;
        } else if is(option, "OPTOUT") {
            mode.opt_out = true;
        } else if is(option, "NOLOOP") {
            mode.no_loop = true;
        } else if is(option, "REDIRECT") {
            let id = args.next().ok_or(Reply::SYNTAX)?;
            if mode.redirect.is_some() {
                return Err(Reply::error(
                    "ERR A client can only redirect to a single other client",
                ));
            }
            mode.redirect = Some(connected(context, id)?);
        } else if is(option, "PREFIX") {
            let prefix = args.next().ok_or(Reply::SYNTAX)?;
            asked.prefixes.push(Bytes::copy_from_slice(prefix));
        } else {
            return Err(Reply::SYNTAX);
        }
    }
    Ok(asked)
}

fn connected(context: &Context<'_>, id: &[u8]) -> Result<ClientId, Reply> {
    let id = ClientId::try_from(integer_argument(id)?).ok();
    id.filter(|id| context.server.clients.is_connected(*id))
        .ok_or(Reply::error(
            "ERR The client ID you want redirect to does not exist",
        ))
}

/// What does not go together, or not with what the client tracks already.
fn incompatible(asked: &Asked, old: Option<&Mode>) -> Option<Reply> {
    let mode = &asked.mode;
    let why = if !mode.broadcast && !asked.prefixes.is_empty() {
        "ERR PREFIX option requires BCAST mode to be enabled"
    } else if old.is_some_and(|old| old.broadcast != mode.broadcast) {
        "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and \
         then re-enabling it with a different mode."
    } else if mode.broadcast && (mode.opt_in || mode.opt_out) {
        "ERR OPTIN and OPTOUT are not compatible with BCAST"
    } else if mode.opt_in && mode.opt_out {
        "ERR You can't specify both OPTIN mode and OPTOUT mode"
    } else if old.is_some_and(|old| mode.opt_in && old.opt_out || mode.opt_out && old.opt_in) {
        "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and \
         then re-enabling it with a different mode."
    } else {
        return None;
    };
    Some(Reply::error(why))
}

/// Two prefixes of which one begins with the other, and whether that is where
/// it ends: where it is not the first prefix, Redis says so and goes on.
fn collision(asked: &Asked, old: Option<&Mode>) -> Option<(Reply, bool)> {
    let overlap = |one: &Bytes, other: &Bytes| one.starts_with(other) || other.starts_with(one);
    for (at, prefix) in asked.prefixes.iter().enumerate() {
        let mut owned = old.into_iter().flat_map(|old| &old.prefixes);
        if let Some(other) = owned.find(|other| overlap(prefix, other)) {
            return Some((overlapping(prefix, "an existing", other), true));
        }
        let mut later = asked.prefixes[at + 1..].iter();
        if let Some(other) = later.find(|other| overlap(prefix, other)) {
            return Some((overlapping(prefix, "another provided", other), at == 0));
        }
    }
    None
}

fn overlapping(prefix: &[u8], which: &str, other: &[u8]) -> Reply {
    let text = [
        b"ERR Prefix '",
        prefix,
        b"' overlaps with ",
        which.as_bytes(),
        b" prefix '",
        other,
        b"'. Prefixes for a single client must not overlap.",
    ];
    Reply::error_from(text.concat())
}

pub(super) fn caching(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let Some(mode) = context.keyspace.tracking.mode_mut(context.client.id) else {
        return Reply::error(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN \
             or OPTOUT mode enabled",
        );
    };
    let (applies, otherwise) = match args[2] {
        word if is(word, "YES") => (
            mode.opt_in,
            "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
        ),
        word if is(word, "NO") => (
            mode.opt_out,
            "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
        ),
        _ => return Reply::SYNTAX,
    };
    if !applies {
        return Reply::error(otherwise);
    }
    mode.caching = true;
    Reply::OK
}

/// To whom a client redirects: nobody is 0, and -1 does not track.
pub(super) fn redirection(mode: Option<&Mode>) -> i64 {
    mode.map_or(-1, |mode| {
        i64::try_from(mode.redirect.unwrap_or(0)).unwrap_or(i64::MAX)
    })
}

pub(super) fn getredir(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    let mode = context.keyspace.tracking.mode(context.client.id);
    Reply::Integer(redirection(mode))
}

pub(super) fn trackinginfo(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    let mode = context.keyspace.tracking.mode(context.client.id);
    let flags = match mode {
        None => vec!["off"],
        Some(mode) => {
            let flags = [
                (true, "on"),
                (mode.broadcast, "bcast"),
                (mode.opt_in, "optin"),
                (mode.opt_in && mode.caching, "caching-yes"),
                (mode.opt_out, "optout"),
                (mode.opt_out && mode.caching, "caching-no"),
                (mode.no_loop, "noloop"),
                (mode.redirect_is_broken, "broken_redirect"),
            ];
            let set = flags.into_iter().filter(|(is_set, _)| *is_set);
            set.map(|(_, name)| name).collect()
        }
    };
    let flags = flags.into_iter().map(Reply::bulk).collect();
    let prefixes = mode.into_iter().flat_map(|mode| mode.prefixes.iter());
    let prefixes = prefixes.map(|prefix| Reply::Bulk(prefix.clone())).collect();
    Reply::Map(vec![
        (Reply::bulk("flags"), Reply::Set(flags)),
        (Reply::bulk("redirect"), Reply::Integer(redirection(mode))),
        (Reply::bulk("prefixes"), Reply::Array(prefixes)),
    ])
}
