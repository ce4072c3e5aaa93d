//! The first line of a script, if it starts with `#!`.

use crate::redis::reply::Reply;

/// What the line says.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Header {
    pub(super) no_writes: bool,
}

/// The header, and the rest with its line break, so that line numbers stay.
pub(super) fn split(text: &[u8]) -> Result<(Header, &[u8]), Reply> {
    let mut header = Header::default();
    if text.len() <= 2 || !text.starts_with(b"#!") {
        return Ok((header, text));
    }
    let end = text.iter().position(|byte| *byte == b'\n');
    let end = end.ok_or(Reply::error("ERR Invalid script shebang"))?;
    let mut words = text[..end]
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let engine = words.next().unwrap_or_default();
    if engine != b"#!lua" {
        return Err(refuse(b"Unexpected engine in script shebang: ", engine));
    }
    for word in words {
        let Some(flags) = word.strip_prefix(b"flags=") else {
            return Err(refuse(b"Unknown lua shebang option: ", word));
        };
        for flag in flags.split(|byte| *byte == b',') {
            match flag {
                b"no-writes" => header.no_writes = true,
                b"allow-oom" | b"allow-stale" | b"no-cluster" | b"allow-cross-slot-keys" => {}
                _ => return Err(refuse(b"Unexpected flag in script shebang: ", flag)),
            }
        }
    }
    Ok((header, &text[end..]))
}

fn refuse(what: &[u8], word: &[u8]) -> Reply {
    Reply::error_from([b"ERR ", what, word].concat())
}
