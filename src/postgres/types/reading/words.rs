//! The words of dates and times.

/// What a word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// It says nothing.
    Filler,
    Month(i64),
    Weekday,
    /// Anno Domini, or before Christ.
    Era {
        bc: bool,
    },
    HalfDay {
        afternoon: bool,
    },
    /// The number after it is of this.
    Label(Label),
    /// Daylight saving time, of the zone before it.
    Summer,
    Now,
    /// So many days after today.
    Today(i64),
    /// Midnight in Greenwich.
    AllBalls,
    Epoch,
    Infinity,
    MinusInfinity,
}

/// What a number is of, if it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Julian,
    /// `T` before a time.
    Time,
    /// What only extract knows: no number may follow.
    Never,
}

const WORDS: &[(&str, Word)] = &[
    ("-infinity", Word::MinusInfinity),
    ("infinity", Word::Infinity),
    ("epoch", Word::Epoch),
    ("now", Word::Now),
    ("today", Word::Today(0)),
    ("tomorrow", Word::Today(1)),
    ("yesterday", Word::Today(-1)),
    ("allballs", Word::AllBalls),
    ("ad", Word::Era { bc: false }),
    ("bc", Word::Era { bc: true }),
    ("am", Word::HalfDay { afternoon: false }),
    ("pm", Word::HalfDay { afternoon: true }),
    ("at", Word::Filler),
    ("on", Word::Filler),
    ("dst", Word::Summer),
    ("y", Word::Label(Label::Year)),
    ("m", Word::Label(Label::Month)),
    ("d", Word::Label(Label::Day)),
    ("h", Word::Label(Label::Hour)),
    ("mm", Word::Label(Label::Minute)),
    ("s", Word::Label(Label::Second)),
    ("j", Word::Label(Label::Julian)),
    ("jd", Word::Label(Label::Julian)),
    ("julian", Word::Label(Label::Julian)),
    ("t", Word::Label(Label::Time)),
    ("dow", Word::Label(Label::Never)),
    ("doy", Word::Label(Label::Never)),
    ("isodow", Word::Label(Label::Never)),
    ("isoyear", Word::Label(Label::Never)),
];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// Abbreviations of other lengths than three letters.
const SHORTENED: [&str; 5] = ["sept", "tues", "weds", "thur", "thurs"];

/// True for a name, its first three letters, or one of the [`SHORTENED`].
fn stands_for(word: &str, name: &str) -> bool {
    let same = name.get(..3) == word.get(..3);
    same && (word == name || word.len() == 3 || SHORTENED.contains(&word))
}

impl Word {
    /// The word that is so written, in lower case.
    pub(super) fn of(text: &str) -> Option<Word> {
        if let Some((_, word)) = WORDS.iter().find(|(word, _)| *word == text) {
            return Some(*word);
        }
        let month = (1..).zip(MONTHS).find(|(_, name)| stands_for(text, name));
        if let Some((number, _)) = month {
            return Some(Word::Month(number));
        }
        let weekday = WEEKDAYS.iter().any(|name| stands_for(text, name));
        weekday.then_some(Word::Weekday)
    }
}
