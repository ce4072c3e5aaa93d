//! ALTER SEQUENCE, and ALTER TABLE of an identity column's sequence: sqlparser
//! knows neither.

use sqlparser::ast::{DataType, Expr as Ast, Ident, ObjectName, SequenceOptions};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::super::reserved::is_marked;
use super::altered::{after_name, after_table, object_name, take_table};
use super::{Parsing, at_end, parse_name, peek_word, peek_words, take_word, take_words};

/// One of them.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct AlterSequence {
    pub(in crate::postgres) of: SequenceOf,
    pub(in crate::postgres) if_exists: bool,
    pub(in crate::postgres) options: Vec<SequenceOption>,
}

/// Which sequence is meant.
#[derive(Debug, Clone)]
pub(in crate::postgres) enum SequenceOf {
    Name(ObjectName),
    /// That of an identity column.
    Column(ObjectName, Ident),
}

/// What is said of a sequence. A number is as it was written.
#[derive(Debug, Clone)]
pub(in crate::postgres) enum SequenceOption {
    As(DataType),
    Increment(String),
    /// None for NO MINVALUE.
    MinValue(Option<String>),
    MaxValue(Option<String>),
    Start(String),
    /// None for where it started.
    Restart(Option<String>),
    Cache(String),
    Cycle(bool),
    /// None for NONE.
    OwnedBy(Option<ObjectName>),
    /// Whether an identity column is GENERATED ALWAYS.
    Generated(bool),
}

impl AlterSequence {
    /// True if a marked word has become a name.
    pub(super) fn is_marked(&self) -> bool {
        let owner = self.options.iter().find_map(|option| match option {
            SequenceOption::OwnedBy(owner) => owner.as_ref(),
            _ => None,
        });
        let of = match &self.of {
            SequenceOf::Name(name) => name.to_string(),
            SequenceOf::Column(table, column) => format!("{table}.{column}"),
        };
        is_marked(&of) || owner.is_some_and(|owner| is_marked(&owner.to_string()))
    }
}

impl SequenceOption {
    /// An option of CREATE SEQUENCE.
    pub(in crate::postgres) fn of(option: &SequenceOptions) -> SequenceOption {
        let number = |value: &Ast| value.to_string();
        match option {
            SequenceOptions::IncrementBy(value, _) => SequenceOption::Increment(number(value)),
            SequenceOptions::MinValue(value) => {
                SequenceOption::MinValue(value.as_ref().map(number))
            }
            SequenceOptions::MaxValue(value) => {
                SequenceOption::MaxValue(value.as_ref().map(number))
            }
            SequenceOptions::StartWith(value, _) => SequenceOption::Start(number(value)),
            SequenceOptions::Cache(value) => SequenceOption::Cache(number(value)),
            SequenceOptions::Cycle(no) => SequenceOption::Cycle(!no),
        }
    }
}

/// Reads one; None if the next statement is another.
pub(super) fn parse(parser: &mut Parser<'_>) -> Parsing<Option<AlterSequence>> {
    let (of, if_exists) = if is_next(parser) {
        take_words(parser, &["alter", "sequence"]);
        let if_exists = take_words(parser, &["if", "exists"]);
        (SequenceOf::Name(object_name(parser)?), if_exists)
    } else if is_of_column(parser) {
        let (if_exists, table) = take_table(parser)?;
        take_word(parser, "alter");
        take_word(parser, "column");
        (SequenceOf::Column(table, parse_name(parser)?), if_exists)
    } else {
        return Ok(None);
    };
    let of_column = matches!(of, SequenceOf::Column(..));
    let mut options = Vec::new();
    while options.is_empty() || !at_end(parser) {
        options.push(option(parser, of_column)?);
    }
    Ok(Some(AlterSequence {
        of,
        if_exists,
        options,
    }))
}

/// True if an ALTER SEQUENCE of its options is next.
pub(super) fn is_next(parser: &Parser<'_>) -> bool {
    if !peek_words(parser, 0, &["alter", "sequence"]) {
        return false;
    }
    let at = if peek_words(parser, 2, &["if", "exists"]) {
        4
    } else {
        2
    };
    let after = after_name(parser, at);
    let others = ["rename", "owner", "set"];
    !others.iter().any(|word| peek_word(parser, after, word))
}

/// True if options of an identity column's sequence are next.
fn is_of_column(parser: &Parser<'_>) -> bool {
    let Some(mut at) = after_table(parser) else {
        return false;
    };
    if !peek_word(parser, at, "alter") {
        return false;
    }
    at += 1;
    if peek_word(parser, at, "column") {
        at += 1;
    }
    at += 1;
    let set = [
        "generated",
        "increment",
        "minvalue",
        "maxvalue",
        "no",
        "start",
        "cache",
        "cycle",
        "restart",
    ];
    let sets = |words: &[&str]| words.iter().any(|word| peek_word(parser, at + 1, word));
    peek_word(parser, at, "restart") || peek_word(parser, at, "set") && sets(&set)
}

fn option(parser: &mut Parser<'_>, of_column: bool) -> Parsing<SequenceOption> {
    if take_word(parser, "restart") {
        take_word(parser, "with");
        let number = matches!(
            parser.peek_token_ref().token,
            Token::Number(..) | Token::Minus | Token::Plus
        );
        let number = number.then(|| self::number(parser)).transpose()?;
        return Ok(SequenceOption::Restart(number));
    }
    if of_column && !take_word(parser, "set") {
        return parser.expected_ref("SET or RESTART", parser.peek_token_ref());
    }
    if of_column && take_word(parser, "generated") {
        let always = take_word(parser, "always");
        if !always && !take_words(parser, &["by", "default"]) {
            return parser.expected_ref("ALWAYS or BY DEFAULT", parser.peek_token_ref());
        }
        return Ok(SequenceOption::Generated(always));
    }
    plain_option(parser)
}

fn plain_option(parser: &mut Parser<'_>) -> Parsing<SequenceOption> {
    let no = take_word(parser, "no");
    Ok(if take_word(parser, "minvalue") {
        SequenceOption::MinValue(if no { None } else { Some(number(parser)?) })
    } else if take_word(parser, "maxvalue") {
        SequenceOption::MaxValue(if no { None } else { Some(number(parser)?) })
    } else if take_word(parser, "cycle") {
        SequenceOption::Cycle(!no)
    } else if no {
        return parser.expected_ref("an option", parser.peek_token_ref());
    } else if take_word(parser, "as") {
        SequenceOption::As(parser.parse_data_type()?)
    } else if take_word(parser, "increment") {
        take_word(parser, "by");
        SequenceOption::Increment(number(parser)?)
    } else if take_word(parser, "start") {
        take_word(parser, "with");
        SequenceOption::Start(number(parser)?)
    } else if take_word(parser, "cache") {
        SequenceOption::Cache(number(parser)?)
    } else if take_words(parser, &["owned", "by"]) {
        SequenceOption::OwnedBy(if take_word(parser, "none") {
            None
        } else {
            Some(object_name(parser)?)
        })
    } else {
        return parser.expected_ref("an option", parser.peek_token_ref());
    })
}

fn number(parser: &mut Parser<'_>) -> Parsing<String> {
    let minus = parser.consume_token(&Token::Minus);
    let _plus = !minus && parser.consume_token(&Token::Plus);
    match parser.peek_token_ref().token.clone() {
        Token::Number(digits, _) => {
            parser.next_token();
            Ok(if minus { format!("-{digits}") } else { digits })
        }
        _ => parser.expected_ref("a number", parser.peek_token_ref()),
    }
}
