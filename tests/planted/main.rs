//! Bugs planted on purpose: what must catch each of them, does; and without
//! the bug the same scenario is quiet.

mod caught;
mod endings;
mod panics;

use doublebuy::scenario::Scenario;

/// A scenario with ten eager buyers, `units` in stock and a bug or none.
fn scenario(planted: Option<&str>, rest: &str) -> Scenario {
    let planted = planted
        .map(|name| format!("\"{name}\""))
        .unwrap_or_default();
    let text = format!(
        "title = \"planted\"\nabout = \"planted\"\nplanted = [{planted}]\n{rest}\n[expect]\n"
    );
    Scenario::parse("planted.toml", &text, &[]).unwrap_or_else(|error| panic!("{error}"))
}
