//! Replies as trees, for those that need not be equal to the byte.

/// A reply of RESP2 or RESP3.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reply {
    /// Whatever fits on a line: `+OK`, `-ERR`, `:1`, `_`, `,1.5`.
    Line(Vec<u8>),
    Bulk(Vec<u8>),
    /// Of that kind, `*`, `~`, `%` or `>`; a map as keys and values in turn.
    Many(u8, Vec<Reply>),
}

impl Reply {
    /// Reads the reply that `bytes` are.
    pub fn parse(bytes: &[u8]) -> Reply {
        let (reply, rest) = Reply::split(bytes);
        assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(bytes));
        reply
    }

    fn split(bytes: &[u8]) -> (Reply, &[u8]) {
        let end = bytes.windows(2).position(|pair| pair == b"\r\n").unwrap();
        let (line, rest) = (&bytes[..end], &bytes[end + 2..]);
        let count = || -> Option<usize> { std::str::from_utf8(&line[1..]).ok()?.parse().ok() };
        match line[0] {
            b'$' | b'=' => match count() {
                Some(length) => (Reply::Bulk(rest[..length].to_vec()), &rest[length + 2..]),
                None => (Reply::Line(line.to_vec()), rest),
            },
            kind @ (b'*' | b'~' | b'%' | b'>') => {
                let Some(count) = count() else {
                    return (Reply::Line(line.to_vec()), rest);
                };
                let count = if kind == b'%' { count * 2 } else { count };
                let (mut items, mut rest) = (Vec::new(), rest);
                for _ in 0..count {
                    let (item, after) = Reply::split(rest);
                    items.push(item);
                    rest = after;
                }
                (Reply::Many(kind, items), rest)
            }
            _ => (Reply::Line(line.to_vec()), rest),
        }
    }

    pub fn is_error(&self) -> bool {
        matches!(self, Reply::Line(line) if line[0] == b'-')
    }

    /// Its parts, none if it has none.
    pub fn items(&self) -> &[Reply] {
        match self {
            Reply::Many(_, items) => items,
            _ => &[],
        }
    }

    /// The text of a bulk string.
    pub fn text(&self) -> &[u8] {
        match self {
            Reply::Bulk(text) | Reply::Line(text) => text,
            Reply::Many(..) => b"",
        }
    }

    /// With its parts sorted, `together` at a time.
    pub fn sorted(self, together: usize) -> Reply {
        match self {
            Reply::Many(kind, items) => {
                let mut groups: Vec<_> = items.chunks(together).map(<[Reply]>::to_vec).collect();
                groups.sort();
                Reply::Many(kind, groups.concat())
            }
            other => other,
        }
    }
}
