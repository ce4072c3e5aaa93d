//! The first line of a script, if it starts with `#!`.

use super::flags::ScriptFlags;
use crate::redis::reply::Reply;

/// The flags, none of a script without such a line, and the rest with its
/// line break, so that line numbers stay.
pub(super) fn split(text: &[u8]) -> Result<(Option<ScriptFlags>, &[u8]), Reply> {
    if !text.starts_with(b"#!") {
        return Ok((None, text));
    }
    let mut flags = ScriptFlags::default();
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
        let Some(names) = word.strip_prefix(b"flags=") else {
            return Err(refuse(b"Unknown lua shebang option: ", word));
        };
        let names = names.split(|byte| *byte == b',');
        for name in names.filter(|_| word.len() > b"flags=".len()) {
            if !flags.add(name) {
                return Err(refuse(b"Unexpected flag in script shebang: ", name));
            }
        }
    }
    Ok((Some(flags), &text[end..]))
}

fn refuse(what: &[u8], word: &[u8]) -> Reply {
    Reply::error_from([b"ERR ", what, word].concat())
}
