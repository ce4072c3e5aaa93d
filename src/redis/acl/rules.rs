//! The words of ACL SETUSER: `on`, `>secret`, `~orders:*`, `+@read`.

use bytes::Bytes;

use super::selector::KeyPattern;
use super::{Selector, User, hash};
use crate::redis::commands::{Handler, by_full_name};
use crate::redis::reply::Reply;
use crate::redis::wire::is_space;

const SYNTAX: &str = "Syntax error";
const UNKNOWN: &str = "Unknown command or category name in ACL";
const ALL_KEYS: &str = "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid \
                        and does not have any effect. Try 'resetkeys' to start with an empty list \
                        of patterns";
const ALL_CHANNELS: &str = "Adding a pattern after the * pattern (or the 'allchannels' flag) is \
                            not valid and does not have any effect. Try 'resetchannels' to start \
                            with an empty list of channels";
const NO_SUCH_PASSWORD: &str = "The password you are trying to remove from the user does not exist";
const BAD_HASH: &str = "The password hash must be exactly 64 characters and contain only \
                        lowercase hexadecimal characters";
const FIRST_ARG: &str = "Allowing first-arg of a subcommand is not supported";

type Checked = Result<(), &'static str>;

/// Applies rules one after the other. `all_channels` is whether selectors begin
/// with all of them.
pub(super) fn apply(user: &mut User, rules: &[&[u8]], all_channels: bool) -> Result<(), Reply> {
    for rule in joined(rules)? {
        change(user, &rule, all_channels).map_err(|why| {
            let start = [b"ERR Error in ACL SETUSER modifier '", &rule[..], b"': "];
            Reply::error_from([&start.concat()[..], why.as_bytes()].concat())
        })?;
    }
    Ok(())
}

/// The rules, with those of a selector, which stand in brackets, as one.
fn joined(rules: &[&[u8]]) -> Result<Vec<Vec<u8>>, Reply> {
    let mut joined: Vec<Vec<u8>> = Vec::new();
    let mut open: Option<Vec<u8>> = None;
    for rule in rules {
        match open.take() {
            Some(mut selector) => {
                selector.push(b' ');
                selector.extend_from_slice(rule);
                open = Some(selector);
            }
            None if rule.starts_with(b"(") => open = Some(rule.to_vec()),
            None => joined.push(rule.to_vec()),
        }
        if let Some(selector) = open.take_if(|selector| selector.ends_with(b")")) {
            joined.push(selector);
        }
    }
    match open {
        None => Ok(joined),
        Some(selector) => {
            let text = b"ERR Unmatched parenthesis in acl selector starting at '";
            Err(Reply::error_from([&text[..], &selector, b"'."].concat()))
        }
    }
}

fn change(user: &mut User, rule: &[u8], all_channels: bool) -> Checked {
    match (rule.to_ascii_lowercase().as_slice(), rule) {
        (b"", _) => {}
        (b"on", _) => user.enabled = true,
        (b"off", _) => user.enabled = false,
        (b"skip-sanitize-payload", _) => user.sanitizing = Some(false),
        (b"sanitize-payload", _) => user.sanitizing = Some(true),
        (b"nopass", _) => {
            user.no_password = true;
            user.passwords.clear();
        }
        (b"resetpass", _) => {
            user.no_password = false;
            user.passwords.clear();
        }
        (_, [b'>', password @ ..]) => add_password(user, hash(password)),
        (_, [b'#', digest @ ..]) => add_password(user, checked_hash(digest)?),
        (_, [b'<', password @ ..]) => remove_password(user, &hash(password))?,
        (_, [b'!', digest @ ..]) => remove_password(user, &checked_hash(digest)?)?,
        (_, [b'(', inside @ .., b')']) => {
            let mut selector = Selector::nothing_but(all_channels);
            let words = inside.split(u8::is_ascii_whitespace);
            for word in words.filter(|word| !word.is_empty()) {
                change_selector(&mut selector, word)?;
            }
            user.selectors.push(selector);
        }
        (b"clearselectors", _) => user.selectors.clear(),
        (b"reset", _) => {
            *user = User {
                sanitizing: Some(true),
                root: Selector::nothing_but(all_channels),
                ..User::default()
            };
        }
        _ => change_selector(&mut user.root, rule)?,
    }
    Ok(())
}

fn add_password(user: &mut User, digest: String) {
    if !user.passwords.contains(&digest) {
        user.passwords.push(digest);
    }
    user.no_password = false;
}

fn remove_password(user: &mut User, digest: &str) -> Checked {
    let at = user.passwords.iter().position(|known| known == digest);
    user.passwords.remove(at.ok_or(NO_SUCH_PASSWORD)?);
    Ok(())
}

fn checked_hash(digest: &[u8]) -> Result<String, &'static str> {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    match digest.len() == 64 && digest.iter().all(is_digit) {
        true => Ok(String::from_utf8_lossy(digest).into_owned()),
        false => Err(BAD_HASH),
    }
}

fn change_selector(selector: &mut Selector, rule: &[u8]) -> Checked {
    match (rule.to_ascii_lowercase().as_slice(), rule) {
        (b"allkeys" | b"~*", _) => {
            selector.all_keys = true;
            selector.keys.clear();
        }
        (b"resetkeys", _) => {
            selector.all_keys = false;
            selector.keys.clear();
        }
        (b"allchannels" | b"&*", _) => {
            selector.all_channels = true;
            selector.channels.clear();
        }
        (b"resetchannels", _) => {
            selector.all_channels = false;
            selector.channels.clear();
        }
        (b"allcommands" | b"+@all", _) => selector.allow_all(),
        (b"nocommands" | b"-@all", _) => selector.allow_none(),
        (_, [b'~', pattern @ ..]) => add_keys(selector, pattern, true, true)?,
        (_, [b'%', rest @ ..]) => {
            let (reads, writes, pattern) = key_permissions(rest)?;
            add_keys(selector, pattern, reads, writes)?;
        }
        (_, [b'&', pattern @ ..]) => add_channel(selector, pattern)?,
        (_, [sign @ (b'+' | b'-'), b'@', category @ ..]) => {
            if !selector.permit_category(category, *sign == b'+') {
                return Err(UNKNOWN);
            }
        }
        (_, [b'+', name @ ..]) => allow_command(selector, name)?,
        (_, [b'-', name @ ..]) => {
            selector.permit(by_full_name(name).ok_or(UNKNOWN)?, false);
        }
        _ => return Err(SYNTAX),
    }
    Ok(())
}

/// Whether there is what no name or pattern may have: a space or a NUL.
pub(in crate::redis) fn has_spaces(text: &[u8]) -> bool {
    text.iter().any(|byte| is_space(*byte) || *byte == 0)
}

/// What `%RW~pattern` allows.
fn key_permissions(rest: &[u8]) -> Result<(bool, bool, &[u8]), &'static str> {
    let (mut reads, mut writes) = (false, false);
    for (index, letter) in rest.iter().enumerate() {
        match letter.to_ascii_uppercase() {
            b'R' if !reads => reads = true,
            b'W' if !writes => writes = true,
            b'~' => return Ok((reads, writes, &rest[index + 1..])),
            _ => return Err(SYNTAX),
        }
    }
    Ok((reads, writes, b""))
}

fn add_keys(selector: &mut Selector, pattern: &[u8], reads: bool, writes: bool) -> Checked {
    if selector.all_keys {
        return Err(ALL_KEYS);
    }
    if has_spaces(pattern) {
        return Err(SYNTAX);
    }
    match selector
        .keys
        .iter_mut()
        .find(|known| known.pattern == pattern)
    {
        Some(known) => {
            known.reads |= reads;
            known.writes |= writes;
        }
        None => selector.keys.push(KeyPattern {
            reads,
            writes,
            pattern: Bytes::copy_from_slice(pattern),
        }),
    }
    Ok(())
}

fn add_channel(selector: &mut Selector, pattern: &[u8]) -> Checked {
    if selector.all_channels {
        return Err(ALL_CHANNELS);
    }
    if has_spaces(pattern) {
        return Err(SYNTAX);
    }
    let pattern = Bytes::copy_from_slice(pattern);
    if !selector.channels.contains(&pattern) {
        selector.channels.push(pattern);
    }
    Ok(())
}

/// `+get`, `+config|get`, or `+select|0` for a first argument.
fn allow_command(selector: &mut Selector, name: &[u8]) -> Checked {
    let Some(bar) = name.iter().rposition(|byte| *byte == b'|') else {
        selector.permit(by_full_name(name).ok_or(UNKNOWN)?, true);
        return Ok(());
    };
    let (parent, word) = (&name[..bar], &name[bar + 1..]);
    let command = by_full_name(parent).ok_or(UNKNOWN)?;
    if command.name.contains('|') {
        return Err(FIRST_ARG);
    }
    if word.is_empty() {
        return Err(SYNTAX);
    }
    if matches!(command.handler, Handler::Container(_)) {
        selector.permit(by_full_name(name).ok_or(UNKNOWN)?, true);
        return Ok(());
    }
    let word = String::from_utf8_lossy(word).into_owned();
    let words = selector.first_args.entry(command.name).or_default();
    if !words.contains(&word) {
        words.push(word);
    }
    Ok(())
}
