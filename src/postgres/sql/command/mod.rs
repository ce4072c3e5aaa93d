//! A statement as it was parsed: one of sqlparser's, or one of those that it
//! does not know, or knows as another product has them. These are read here
//! from the same tokens.

mod alter_constraint;
mod altered;
mod concurrently;
mod constraints;
mod copy;
mod create_as;
mod lenient;
mod maintenance;
mod refused;
mod reindex;
mod relation;
mod sequence;

use sqlparser::ast::{Ident, Statement};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Word};

pub(in crate::postgres) use alter_constraint::AlterConstraint;
pub(in crate::postgres) use constraints::SetConstraints;
pub(in crate::postgres) use copy::{Copy, CopyOption, CopySource, CopyTarget, CopyValue};
pub(super) use lenient::is_lenient;
pub(in crate::postgres) use maintenance::{Maintenance, MaintenanceOption};
pub(in crate::postgres) use reindex::Reindex;
pub(in crate::postgres) use relation::{AlterRelation, RelationChange, RelationKind};
pub(in crate::postgres) use sequence::{AlterSequence, SequenceOf, SequenceOption};

use super::reserved::{is_marked, unmarked};
use crate::postgres::error::Error;

/// One statement of a text.
#[derive(Debug, Clone)]
pub(in crate::postgres) enum Command {
    /// As sqlparser knows it.
    Sql(Box<Statement>),
    /// VACUUM or ANALYZE.
    Maintenance(Maintenance),
    Reindex(Reindex),
    Copy(Box<Copy>),
    SetConstraints(SetConstraints),
    AlterSequence(Box<AlterSequence>),
    AlterRelation(Box<AlterRelation>),
    AlterConstraint(Box<AlterConstraint>),
    Checkpoint,
    /// DROP INDEX CONCURRENTLY.
    DropConcurrently(Box<Statement>),
    /// A statement of PostgreSQL's that this server does not run.
    Refused(Refused),
}

/// What is not supported, and where in the text it is, from 1.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Refused {
    pub(super) what: String,
    pub(super) position: usize,
}

impl Refused {
    pub(in crate::postgres) fn error(&self) -> Error {
        Error::unsupported(&self.what).position(self.position)
    }
}

impl Command {
    /// True if a marked word has become a name.
    pub(super) fn is_marked(&self) -> bool {
        match self {
            Command::Sql(statement) | Command::DropConcurrently(statement) => {
                is_marked(&statement.to_string())
            }
            Command::SetConstraints(set) => {
                let mut names = set.names.iter().flatten();
                names.any(|name| is_marked(&name.to_string()))
            }
            Command::Maintenance(maintenance) => maintenance.is_marked(),
            Command::Copy(copy) => copy.is_marked(),
            Command::Reindex(reindex) => is_marked(&reindex.name.to_string()),
            Command::AlterSequence(alter) => alter.is_marked(),
            Command::AlterRelation(alter) => alter.is_marked(),
            Command::AlterConstraint(alter) => alter.is_marked(),
            Command::Checkpoint | Command::Refused(_) => false,
        }
    }

    pub(in crate::postgres) fn as_sql(&self) -> Option<&Statement> {
        match self {
            Command::Sql(statement) => Some(statement),
            _ => None,
        }
    }
}

type Parsing<T> = Result<T, ParserError>;

/// What the next statement is.
pub(super) enum Next {
    Command(Command),
    /// One that is refused by its name; it is still to be read.
    Named(String),
    /// The end of the text.
    None,
}

/// Reads the next statement, up to a semicolon or the end of the tokens.
pub(super) fn next(parser: &mut Parser<'_>) -> Parsing<Next> {
    while parser.consume_token(&Token::SemiColon) {}
    if parser.peek_token_ref().token == Token::EOF {
        return Ok(Next::None);
    }
    if let Some(name) = refused::name(parser) {
        return Ok(Next::Named(name));
    }
    let command = parse_command(parser)?;
    match at_end(parser) {
        true => Ok(Next::Command(command)),
        false => parser.expected_ref("end of statement", parser.peek_token_ref()),
    }
}

/// The words that a statement of PostgreSQL's may start with. The parser knows
/// those of other products too.
const FIRST_WORDS: &[&str] = &[
    "abort",
    "alter",
    "begin",
    "close",
    "comment",
    "commit",
    "copy",
    "create",
    "deallocate",
    "declare",
    "delete",
    "discard",
    "drop",
    "end",
    "execute",
    "explain",
    "fetch",
    "insert",
    "listen",
    "lock",
    "merge",
    "notify",
    "prepare",
    "release",
    "reset",
    "rollback",
    "savepoint",
    "select",
    "set",
    "show",
    "start",
    "table",
    "truncate",
    "unlisten",
    "update",
    "values",
    "with",
];

fn parse_command(parser: &mut Parser<'_>) -> Parsing<Command> {
    if let Some(maintenance) = maintenance::parse(parser)? {
        return Ok(Command::Maintenance(maintenance));
    }
    if let Some(reindex) = reindex::parse(parser)? {
        return Ok(Command::Reindex(reindex));
    }
    if let Some(copy) = copy::parse(parser)? {
        return Ok(Command::Copy(Box::new(copy)));
    }
    if let Some(alter) = alter_constraint::parse(parser)? {
        return Ok(Command::AlterConstraint(Box::new(alter)));
    }
    if let Some(alter) = relation::parse(parser)? {
        return Ok(Command::AlterRelation(Box::new(alter)));
    }
    if take_word(parser, "checkpoint") {
        return Ok(Command::Checkpoint);
    }
    if let Some(alter) = sequence::parse(parser)? {
        return Ok(Command::AlterSequence(Box::new(alter)));
    }
    if let Some(set) = constraints::parse(parser)? {
        return Ok(Command::SetConstraints(set));
    }
    if let Some(drop) = concurrently::parse(parser)? {
        return Ok(Command::DropConcurrently(Box::new(drop)));
    }
    if let Some(show) = lenient::parse_show(parser)? {
        return Ok(Command::Sql(Box::new(show)));
    }
    if let Some(create) = create_as::parse(parser)? {
        return Ok(Command::Sql(Box::new(create)));
    }
    let first = &parser.peek_token_ref().token;
    let known = |word: &Word| FIRST_WORDS.iter().any(|first| is_unquoted(word, first));
    match first {
        Token::Word(word) if is_unquoted(word, "table") => {
            let query = parser.parse_query()?;
            Ok(Command::Sql(Box::new(Statement::Query(query))))
        }
        Token::Word(word) if !known(word) => {
            parser.expected_ref("an SQL statement", parser.peek_token_ref())
        }
        _ => Ok(Command::Sql(Box::new(parser.parse_statement()?))),
    }
}

pub(super) fn at_end(parser: &Parser<'_>) -> bool {
    matches!(parser.peek_token_ref().token, Token::SemiColon | Token::EOF)
}

fn is_unquoted(found: &Word, word: &str) -> bool {
    found.quote_style.is_none() && unmarked(&found.value).eq_ignore_ascii_case(word)
}

/// True if the token `nth` from here is this word.
fn peek_word(parser: &Parser<'_>, nth: usize, word: &str) -> bool {
    matches!(&parser.peek_nth_token_ref(nth).token, Token::Word(found) if is_unquoted(found, word))
}

/// True if the tokens from the `nth` from here on are these words.
fn peek_words(parser: &Parser<'_>, nth: usize, words: &[&str]) -> bool {
    let mut words = words.iter().enumerate();
    words.all(|(after, word)| peek_word(parser, nth + after, word))
}

/// Takes these words if all of them are next.
fn take_words(parser: &mut Parser<'_>, words: &[&str]) -> bool {
    let found = peek_words(parser, 0, words);
    if found {
        for _ in words {
            parser.next_token();
        }
    }
    found
}

/// Takes this word if it is next.
fn take_word(parser: &mut Parser<'_>, word: &str) -> bool {
    take_words(parser, &[word])
}

/// A name that is no other word's: of an option, or of a column.
fn parse_name(parser: &mut Parser<'_>) -> Parsing<Ident> {
    match parser.peek_token_ref().token {
        Token::Word(_) => parser.parse_identifier(),
        _ => parser.expected_ref("a name", parser.peek_token_ref()),
    }
}
