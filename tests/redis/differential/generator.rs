//! Commands from templates.
//!
//! A template is a line of words. `{name}` stands for a word drawn from the
//! pool of that name, `?` behind it makes it optional, and `*` has it up to
//! three times. `{9:a#,b}` stands for `a0 b a1 b` and so on, nine times. Keys
//! come from small pools, one a type, so that commands meet; now and then a
//! key is of another type, an argument is left out, or one comes twice.

use std::sync::LazyLock;

use doublebuy::draw::Draw;

use super::agree::name;
use super::play::{CLIENTS, Step, may_wait};
use super::words::{KEYS, choices, pool};

/// The templates, one a line, under `# family weight`.
const TEMPLATES: &str = include_str!("templates.txt");
/// The scripts that are called with what comes, one a line.
const SCRIPTS: &str = include_str!("calls.txt");

/// A family's weight and its templates.
type Family = (u64, Vec<&'static str>);

static FAMILIES: LazyLock<Vec<Family>> = LazyLock::new(|| {
    let mut families: Vec<Family> = Vec::new();
    for line in TEMPLATES.lines() {
        match line.strip_prefix("# ") {
            Some(heading) => {
                let weight = heading.rsplit(' ').next().unwrap();
                families.push((weight.parse().unwrap(), Vec::new()));
            }
            None => families.last_mut().unwrap().1.push(line),
        }
    }
    families
});

/// The commands of a seed, of clients that speak RESP2 or RESP3.
pub fn sequence(seed: u64, length: u64) -> Vec<Step> {
    let mut draw = Draw::new(seed, "redis/differential");
    let hello = |client| Step {
        client,
        args: vec![b"HELLO".to_vec(), b"3".to_vec()],
    };
    let mut sequence = Vec::new();
    for client in 0..CLIENTS {
        if draw.percent(40) {
            sequence.push(hello(client));
        }
    }
    let families = some_families(&mut draw);
    while sequence.len() < usize::try_from(length).unwrap() {
        let args = command(&mut draw, &families);
        // Who listens or waits can do little else; the first client does not.
        let idles = name(&args).ends_with("SUBSCRIBE") || may_wait(&args);
        let client = if idles || draw.percent(30) { 1 } else { 0 };
        sequence.push(Step { client, args });
    }
    sequence
}

/// About half of the families: the fewer there are, the more often what one
/// command leaves is met by another.
fn some_families(draw: &mut Draw) -> Vec<&'static Family> {
    let mut families: Vec<&Family> = FAMILIES.iter().collect();
    families.retain(|_| draw.percent(50));
    match families.is_empty() {
        true => FAMILIES.iter().collect(),
        false => families,
    }
}

/// One command, as its arguments.
fn command(draw: &mut Draw, families: &[&'static Family]) -> Vec<Vec<u8>> {
    let total = families.iter().map(|(weight, _)| weight).sum();
    let mut left = draw.within(0..total);
    let mut family = &families[0].1;
    for (weight, templates) in families {
        family = templates;
        if left < *weight {
            break;
        }
        left -= weight;
    }
    if draw.percent(4) {
        let words = script(draw);
        return words.into_iter().map(String::into_bytes).collect();
    }
    let mut words = Vec::new();
    for word in draw.pick(family).split(' ') {
        expand(draw, word, &mut words);
    }
    if draw.percent(2) && words.len() > 1 {
        words.pop();
    }
    if draw.percent(1) {
        let last = words[words.len() - 1].clone();
        words.push(last);
    }
    words.iter().map(|word| unescaped(word)).collect()
}

/// A word with `\xNN` for the byte NN.
fn unescaped(word: &str) -> Vec<u8> {
    let mut parts = word.split("\\x");
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).unwrap());
        bytes.extend(rest.bytes());
    }
    bytes
}

fn expand(draw: &mut Draw, word: &str, words: &mut Vec<String>) {
    let Some(inner) = word.strip_prefix('{').and_then(|w| w.strip_suffix('}')) else {
        words.push(word.to_owned());
        return;
    };
    if let Some((times, words_of_each)) = inner.split_once(':') {
        for number in 0..times.parse::<u32>().unwrap() {
            let each = words_of_each.replace('#', &number.to_string());
            words.extend(each.split(',').map(str::to_owned));
        }
        return;
    }
    let (name, times) = match inner.as_bytes()[inner.len() - 1] {
        b'?' => (&inner[..inner.len() - 1], draw.within(0..2)),
        b'*' => (
            &inner[..inner.len() - 1],
            draw.within(0..5).saturating_sub(1),
        ),
        _ => (inner, 1),
    };
    for _ in 0..times {
        let stray = draw.percent(3) && matches!(name, "k" | "l" | "h" | "s" | "z" | "x");
        let from = match choices(name) {
            _ if stray => KEYS,
            Some(from) => from,
            None => pool(name),
        };
        words.extend(draw.pick(from).split(' ').map(str::to_owned));
    }
}

/// The script of that digest.
pub fn script_of(sha: &[u8]) -> Option<&'static str> {
    SCRIPTS.lines().find(|text| {
        let digest = sha1_smol::Sha1::from(text).digest().to_string();
        digest.as_bytes().eq_ignore_ascii_case(sha)
    })
}

/// What runs a script, or loads it.
fn script(draw: &mut Draw) -> Vec<String> {
    let scripts: Vec<&str> = SCRIPTS.lines().collect();
    let text = draw.pick(&scripts).to_owned();
    let sha = || sha1_smol::Sha1::from(&text).digest().to_string();
    let mut args = match draw.number(0..10) {
        0 => return ["SCRIPT", "LOAD", &text].map(str::to_owned).to_vec(),
        1 => return vec!["SCRIPT".to_owned(), "EXISTS".to_owned(), sha()],
        2 => vec!["EVAL_RO".to_owned(), text],
        3 => vec!["EVALSHA".to_owned(), sha()],
        4 => vec!["EVALSHA_RO".to_owned(), sha().to_uppercase()],
        _ => vec!["EVAL".to_owned(), text],
    };
    let tail = draw.pick(&[
        "1 a 1",
        "1 h1 x",
        "1 n 41",
        "0",
        "2 a",
        "x",
        "1 b -3",
        "1 z1 1.5",
        "1 l1 {\"a\":[1,2.5,null]}",
        "1 c [[],{},1e3]",
        "1 s1 [1,",
        "1 x1 9007199254740993",
    ]);
    args.extend(tail.split(' ').map(str::to_owned));
    args
}
