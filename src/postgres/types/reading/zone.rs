//! Time zones: how far each is from Greenwich.
//!
//! The server has the data of no zone; it knows the names of UTC, and those
//! abbreviations of PostgreSQL's default set that have always meant the same.

use super::Unreadable;

/// The names of UTC.
pub(in crate::postgres) const UTC: [&str; 9] = [
    "UTC",
    "GMT",
    "Etc/UTC",
    "Etc/GMT",
    "Etc/UCT",
    "Etc/Zulu",
    "UCT",
    "Universal",
    "Zulu",
];

/// What the names of zones begin with that have a history.
const AREAS: [&str; 13] = [
    "africa/",
    "america/",
    "antarctica/",
    "arctic/",
    "asia/",
    "atlantic/",
    "australia/",
    "brazil/",
    "canada/",
    "europe/",
    "indian/",
    "pacific/",
    "us/",
];

/// True for the name of a zone that PostgreSQL may know.
pub(super) fn is_elsewhere(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    AREAS.iter().any(|area| name.starts_with(area))
}

/// Seconds in a minute, and in an hour.
const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;

/// What an abbreviation stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Abbreviation {
    /// Seconds east of Greenwich.
    pub(super) offset: i64,
    pub(super) summer: bool,
}

/// The zone that is so abbreviated, in lower case.
pub(super) fn abbreviation(text: &str) -> Option<Abbreviation> {
    let find = |table: &[(&str, i64)], summer| {
        let found = table.iter().find(|(name, _)| *name == text)?;
        let offset = found.1 * MINUTE;
        Some(Abbreviation { offset, summer })
    };
    find(STANDARD, false).or_else(|| find(SUMMER, true))
}

/// Seconds east of Greenwich of a zone that has never had another distance.
pub(in crate::postgres) fn fixed(name: &str) -> Option<i64> {
    let known = abbreviation(&name.to_ascii_lowercase());
    let utc = || UTC.iter().any(|utc| utc.eq_ignore_ascii_case(name));
    known.map(|zone| zone.offset).or_else(|| utc().then_some(0))
}

/// Seconds east of Greenwich of a zone by name, or in the way of POSIX, which
/// counts to the west: `PST+8`.
pub(super) fn named(name: &str) -> Option<i64> {
    if let Some(at) = name.find(['+', '-'])
        && at >= 3
        && name[..at].bytes().all(|byte| byte.is_ascii_alphabetic())
    {
        return offset(&name[at..]).ok().map(|east| -east);
    }
    UTC.iter()
        .any(|utc| utc.eq_ignore_ascii_case(name))
        .then_some(0)
}

/// Seconds east of Greenwich of `+2`, `-0330`, `+15:59:59`.
pub(super) fn offset(text: &str) -> Result<i64, Unreadable> {
    let (sign, rest) = match text.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        _ => return Err(Unreadable::Syntax),
    };
    let (mut hours, mut rest) = leading(rest)?;
    let (mut minutes, mut seconds) = (0, 0);
    if let Some(after) = rest.strip_prefix(':') {
        (minutes, rest) = leading(after)?;
        if let Some(after) = rest.strip_prefix(':') {
            (seconds, rest) = leading(after)?;
        }
    } else if rest.is_empty() && text.len() > 3 {
        (hours, minutes) = (hours / 100, hours % 100);
    }
    if hours > 15 || minutes > 59 || seconds > 59 {
        return Err(Unreadable::Displacement);
    }
    if !rest.is_empty() {
        return Err(Unreadable::Syntax);
    }
    Ok(sign * (hours * HOUR + minutes * MINUTE + seconds))
}

/// The number that a text begins with, 0 if with none, and what follows.
fn leading(text: &str) -> Result<(i64, &str), Unreadable> {
    let end = text.find(|c: char| !c.is_ascii_digit());
    let (digits, rest) = text.split_at(end.unwrap_or(text.len()));
    if digits.is_empty() {
        return Ok((0, rest));
    }
    let number: i32 = digits.parse().map_err(|_| Unreadable::Displacement)?;
    Ok((number.into(), rest))
}

/// Minutes east of Greenwich.
const STANDARD: &[(&str, i64)] = &[
    ("acst", 570),
    ("act", -300),
    ("acwst", 525),
    ("aest", 600),
    ("aft", 270),
    ("akst", -540),
    ("almt", 360),
    ("amt", -240),
    ("ast", -240),
    ("awst", 480),
    ("azot", -60),
    ("bdt", 360),
    ("bnt", 480),
    ("bort", 480),
    ("bot", -240),
    ("bra", -180),
    ("brt", -180),
    ("btt", 360),
    ("cast", 570),
    ("cct", 480),
    ("cet", 60),
    ("chast", 765),
    ("chut", 600),
    ("cot", -300),
    ("cst", -360),
    ("cxt", 420),
    ("ddut", 600),
    ("eat", 180),
    ("eet", 120),
    ("egt", -60),
    ("est", -300),
    ("fet", 180),
    ("fjt", 720),
    ("fnt", -120),
    ("galt", -360),
    ("gamt", -540),
    ("gft", -180),
    ("gilt", 720),
    ("gmt", 0),
    ("hkt", 480),
    ("hst", -600),
    ("ict", 420),
    ("irt", 210),
    ("ist", 120),
    ("jayt", 540),
    ("jst", 540),
    ("kst", 540),
    ("lhst", 630),
    ("ligt", 600),
    ("mart", -570),
    ("met", 60),
    ("mez", 60),
    ("mht", 720),
    ("mmt", 390),
    ("mpt", 600),
    ("mst", -420),
    ("mut", 240),
    ("mvt", 300),
    ("myt", 480),
    ("nft", -210),
    ("npt", 345),
    ("nst", -210),
    ("nzst", 720),
    ("nzt", 720),
    ("pet", -300),
    ("pgt", 600),
    ("pht", 480),
    ("pkt", 300),
    ("pmst", -180),
    ("pont", 660),
    ("pst", -480),
    ("pwt", 540),
    ("ret", 240),
    ("sast", 120),
    ("sct", 240),
    ("taht", -600),
    ("tft", 300),
    ("tjt", 300),
    ("tot", 780),
    ("trut", 600),
    ("tvt", 720),
    ("uct", 0),
    ("ut", 0),
    ("utc", 0),
    ("uyt", -180),
    ("uzt", 300),
    ("vut", 660),
    ("wakt", 720),
    ("wast", 420),
    ("wat", 60),
    ("wet", 0),
    ("wft", 720),
    ("wgt", -180),
    ("xjt", 360),
    ("yapt", 600),
    ("z", 0),
    ("zulu", 0),
];

/// The same of daylight saving times.
const SUMMER: &[(&str, i64)] = &[
    ("acdt", 630),
    ("acsst", 630),
    ("adt", -180),
    ("aedt", 660),
    ("aesst", 660),
    ("akdt", -480),
    ("almst", 420),
    ("awsst", 540),
    ("azost", 0),
    ("bdst", 120),
    ("brst", -120),
    ("bst", 60),
    ("cadt", 630),
    ("cdt", -300),
    ("cest", 120),
    ("cetdst", 120),
    ("chadt", 825),
    ("clst", -180),
    ("edt", -240),
    ("eest", 180),
    ("eetdst", 180),
    ("egst", 0),
    ("fjst", 780),
    ("fnst", -60),
    ("idt", 180),
    ("kdt", 600),
    ("kgst", 360),
    ("mdt", -360),
    ("mest", 120),
    ("mesz", 120),
    ("metdst", 120),
    ("msd", 240),
    ("must", 300),
    ("ndt", -150),
    ("nzdt", 780),
    ("pdt", -420),
    ("pkst", 360),
    ("pmdt", -120),
    ("pyst", -180),
    ("sadt", 630),
    ("ulast", 540),
    ("uyst", -120),
    ("uzst", 360),
    ("wadt", 480),
    ("wdt", 540),
    ("wetdst", 60),
    ("wgst", -120),
    ("yekst", 360),
];
