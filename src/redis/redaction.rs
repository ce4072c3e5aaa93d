//! What MONITOR and SLOWLOG do not show of a command: passwords, and what else
//! is said of users.

use super::commands::Command;

const HIDDEN: &[u8] = b"(redacted)";

/// Parameters whose values are not shown.
const SECRETS: [&[u8]; 3] = [b"requirepass", b"masterauth", b"masteruser"];

/// The arguments as they are shown.
pub(super) fn redacted<'a, T: AsRef<[u8]>>(command: &Command, args: &'a [T]) -> Vec<&'a [u8]> {
    let mut shown: Vec<&[u8]> = args.iter().map(AsRef::as_ref).collect();
    match command.name {
        "auth" if shown.len() <= 3 => shown[1..].fill(HIDDEN),
        "acl|setuser" => shown[2..].fill(HIDDEN),
        "config|set" => {
            for pair in shown[2..].as_chunks_mut::<2>().0 {
                if SECRETS
                    .iter()
                    .any(|name| name.eq_ignore_ascii_case(pair[0]))
                {
                    pair[1] = HIDDEN;
                }
            }
        }
        "hello" => hide_after(&mut shown, 2, &[("SETNAME", 1, false), ("AUTH", 2, true)]),
        "migrate" => {
            let options = [("COPY", 0, false), ("REPLACE", 0, false)];
            let secrets = [("AUTH", 1, true), ("AUTH2", 2, true)];
            hide_after(&mut shown, 6, &[options, secrets].concat());
        }
        _ => {}
    }
    shown
}

/// Goes through options from `at` on, each with how many arguments follow it
/// and whether they are hidden, up to what is none.
fn hide_after(shown: &mut [&[u8]], mut at: usize, options: &[(&str, usize, bool)]) {
    while let Some(word) = shown.get(at) {
        let is_word =
            |(name, ..): &&(&str, usize, bool)| word.eq_ignore_ascii_case(name.as_bytes());
        let Some((_, count, hidden)) = options.iter().find(is_word) else {
            return;
        };
        let end = at + 1 + count;
        match shown.get_mut(at + 1..end) {
            Some(following) if *hidden => following.fill(HIDDEN),
            Some(_) => {}
            None => return,
        }
        at = end;
    }
}
