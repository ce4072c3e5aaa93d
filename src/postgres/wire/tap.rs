//! What a client writes, seen before the network measures it.
//!
//! tokio-postgres names statements and portals from counters of the whole
//! process, so the same conversation has other lengths in another run. The
//! tap gives every name a fixed width in the order of first use on its
//! connection, and labels the segment that asks for a statement to be run
//! with what that statement does. Whatever it does not understand it passes
//! on as it is.

use bytes::{Buf, BufMut, BytesMut};
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::postgres::sql::Keyword;
use crate::rt::{ClientTap, Label};

/// A tap for one connection.
pub(in crate::postgres) fn new_tap() -> Box<dyn ClientTap> {
    Box::<Tap>::default()
}

#[derive(Default, PartialEq, Eq)]
enum Phase {
    /// Packets without a type, up to the one that starts a session.
    #[default]
    Startup,
    Messages,
    /// Something was not understood: all bytes pass.
    Blind,
}

#[derive(Default)]
struct Tap {
    phase: Phase,
    /// The beginning of a message that has not come as a whole.
    pending: Vec<u8>,
    statements: Names,
    portals: Names,
    /// How many names there have been.
    count: u32,
}

/// The names in use.
type Names = IndexMap<Vec<u8>, Named, FxBuildHasher>;

/// What has a name.
struct Named {
    /// What it is called instead.
    alias: String,
    /// What its statement does.
    keyword: Keyword,
}

/// A message longer than this is passed on as it comes.
const KEPT_MAX: usize = 64 * 1024 * 1024;
/// The code of a session's startup packet: protocol 3.
const PROTOCOL: [u8; 2] = [0, 3];

/// What has that name, which may be new.
fn named<'n>(names: &'n mut Names, count: &mut u32, kind: char, name: &[u8]) -> &'n mut Named {
    let known = names.get_index_of(name).unwrap_or_else(|| {
        let mut alias = String::new();
        if !name.is_empty() {
            *count += 1;
            alias = format!("{kind}{count:09}");
        }
        let keyword = Keyword::Other;
        let named = Named { alias, keyword };
        names.insert_full(name.to_vec(), named).0
    });
    &mut names[known]
}

impl ClientTap for Tap {
    fn pass(&mut self, bytes: &[u8], out: &mut BytesMut, labels: &mut Vec<Label>) {
        let mut pending = std::mem::take(&mut self.pending);
        let mut rest = bytes;
        if !pending.is_empty() {
            pending.extend_from_slice(bytes);
            rest = &pending;
        }
        while let Some(message) = self.take(&mut rest) {
            let rewritten = match self.phase {
                Phase::Messages => self.rewrite(message, out, labels),
                Phase::Startup | Phase::Blind => None,
            };
            if rewritten.is_none() {
                out.extend_from_slice(message);
            }
            if self.phase == Phase::Startup && message.get(4..6) == Some(&PROTOCOL[..]) {
                self.phase = Phase::Messages;
            }
        }
        let left = rest.len();
        if pending.is_empty() {
            pending.extend_from_slice(&bytes[bytes.len() - left..]);
        } else {
            pending.drain(..pending.len() - left);
        }
        self.pending = pending;
    }
}

impl Tap {
    fn statement(&mut self, name: &[u8]) -> &mut Named {
        named(&mut self.statements, &mut self.count, 's', name)
    }

    fn portal(&mut self, name: &[u8]) -> &mut Named {
        named(&mut self.portals, &mut self.count, 'p', name)
    }

    /// Takes a whole message off; its length stands after its kind, if it has
    /// one. If there can be none, the tap goes blind: all there is passes.
    fn take<'b>(&mut self, rest: &mut &'b [u8]) -> Option<&'b [u8]> {
        let kind = usize::from(self.phase == Phase::Messages);
        let mut total = rest.len();
        if self.phase != Phase::Blind {
            let mut length = rest.get(kind..kind + 4)?;
            let length = length.get_u32() as usize;
            if (4..KEPT_MAX).contains(&length) {
                total = length + kind;
            } else {
                self.phase = Phase::Blind;
            }
        }
        rest.split_off(..total)
            .filter(|message| !message.is_empty())
    }

    /// Writes a message with its names replaced; None if it has none, or is
    /// not what it seems.
    fn rewrite(
        &mut self,
        message: &[u8],
        out: &mut BytesMut,
        labels: &mut Vec<Label>,
    ) -> Option<()> {
        let (kind, body) = (*message.first()?, message.get(5..)?);
        match kind {
            b'Q' => {
                let (sql, _) = cstring(body)?;
                labels.push(first_keyword(sql).request());
                None
            }
            b'P' => {
                let (name, rest) = cstring(body)?;
                let (sql, _) = cstring(rest)?;
                let statement = self.statement(name);
                statement.keyword = first_keyword(sql);
                put(out, kind, &[statement.alias.as_bytes(), b"\0", rest]);
                Some(())
            }
            b'B' => {
                let (portal, rest) = cstring(body)?;
                let (statement, rest) = cstring(rest)?;
                let portal = named(&mut self.portals, &mut self.count, 'p', portal);
                let statement = named(&mut self.statements, &mut self.count, 's', statement);
                portal.keyword = statement.keyword;
                let (portal, statement) = (portal.alias.as_bytes(), statement.alias.as_bytes());
                put(out, kind, &[portal, b"\0", statement, b"\0", rest]);
                Some(())
            }
            b'E' => {
                let (portal, rest) = cstring(body)?;
                let portal = self.portal(portal);
                labels.push(portal.keyword.request());
                put(out, kind, &[portal.alias.as_bytes(), b"\0", rest]);
                Some(())
            }
            b'D' | b'C' => self.rewrite_named(kind, body, out),
            _ => None,
        }
    }

    /// Describe and Close. A closed name may come again for something else,
    /// and is then a new one.
    fn rewrite_named(&mut self, kind: u8, body: &[u8], out: &mut BytesMut) -> Option<()> {
        let (target, rest) = body.split_first()?;
        let (name, rest) = cstring(rest)?;
        let (names, first) = match target {
            b'S' => (&mut self.statements, 's'),
            b'P' => (&mut self.portals, 'p'),
            _ => return None,
        };
        let alias = &named(names, &mut self.count, first, name).alias;
        put(out, kind, &[&[*target], alias.as_bytes(), b"\0", rest]);
        if kind == b'C' {
            names.swap_remove(name);
        }
        Some(())
    }
}

fn first_keyword(sql: &[u8]) -> Keyword {
    std::str::from_utf8(sql).map_or(Keyword::Other, Keyword::first)
}

fn cstring(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

fn put(out: &mut BytesMut, kind: u8, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.put_u8(kind);
    out.put_u32(u32::try_from(length + 4).unwrap_or(u32::MAX));
    for part in parts {
        out.put_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn startup() -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, 14, 0, 3, 0, 0];
        bytes.extend_from_slice(b"user\0\0");
        bytes
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut out = BytesMut::new();
        put(&mut out, kind, &[body]);
        out.to_vec()
    }

    fn conversation(statement: &str, portal: &str) -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, 8, 4, 210, 22, 47];
        bytes.extend(startup());
        bytes.extend(message(
            b'P',
            format!("{statement}\0UPDATE t SET a = 1\0\0\0").as_bytes(),
        ));
        bytes.extend(message(b'D', format!("S{statement}\0").as_bytes()));
        bytes.extend(message(
            b'B',
            format!("{portal}\0{statement}\0\0\0\0\0\0\0").as_bytes(),
        ));
        bytes.extend(message(b'E', format!("{portal}\0\0\0\0\0").as_bytes()));
        bytes.extend(message(b'C', format!("S{statement}\0").as_bytes()));
        bytes.extend(message(b'S', b""));
        bytes.extend(message(b'Q', b"commit\0"));
        bytes
    }

    fn passed(bytes: &[u8], cut: usize) -> (Vec<u8>, Vec<Label>) {
        let mut tap = Tap::default();
        let (mut out, mut labels) = (BytesMut::new(), Vec::new());
        for part in bytes.chunks(cut) {
            tap.pass(part, &mut out, &mut labels);
        }
        (out.to_vec(), labels)
    }

    #[test]
    fn names_are_the_same_in_every_run_however_cut() {
        let (reference, labels) = passed(&conversation("s7", "p9"), usize::MAX);
        assert_eq!(labels, ["UPDATE", "COMMIT"]);
        for cut in [1, 2, 3, 5, 7, 11, 64] {
            let (out, labels) = passed(&conversation("s12345", "p678901"), cut);
            assert_eq!(out, reference);
            assert_eq!(labels, ["UPDATE", "COMMIT"]);
        }
    }

    #[test]
    fn what_is_not_understood_passes_unchanged() {
        let mut broken = startup();
        broken.extend(message(b'P', b"no end of string"));
        broken.extend([b'Q', 0, 0, 0, 1, 1, 2, 3]);
        for cut in [1, 4, 1000] {
            let (out, labels) = passed(&broken, cut);
            assert_eq!(out, broken);
            assert!(labels.is_empty());
        }
    }
}
