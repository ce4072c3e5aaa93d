//! A statement as it was parsed: one of sqlparser's, or one of those that it
//! does not know, or knows as another product has them. These are read here
//! from the same tokens.

mod create_as;
mod maintenance;
mod refused;
mod reindex;

use sqlparser::ast::{Ident, Statement};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Word};

pub(in crate::postgres) use maintenance::{Maintenance, MaintenanceOption};
pub(in crate::postgres) use reindex::Reindex;

/// One statement of a text.
#[derive(Debug, Clone)]
pub(in crate::postgres) enum Command {
    /// As sqlparser knows it.
    Sql(Box<Statement>),
    /// VACUUM or ANALYZE.
    Maintenance(Maintenance),
    Reindex(Reindex),
    /// A statement of PostgreSQL's that this server does not run, by name.
    Refused(String),
}

impl Command {
    pub(in crate::postgres) fn as_sql(&self) -> Option<&Statement> {
        match self {
            Command::Sql(statement) => Some(statement),
            _ => None,
        }
    }
}

type Parsing<T> = Result<T, ParserError>;

/// Reads statements up to the end of the tokens, each ended by a semicolon.
pub(super) fn parse_commands(parser: &mut Parser<'_>) -> Parsing<Vec<Command>> {
    let mut commands = Vec::new();
    loop {
        while parser.consume_token(&Token::SemiColon) {}
        if parser.peek_token_ref().token == Token::EOF {
            return Ok(commands);
        }
        commands.push(parse_command(parser)?);
        if !at_end(parser) {
            return parser.expected_ref("end of statement", parser.peek_token_ref());
        }
    }
}

/// The words that a statement of PostgreSQL's may start with. The parser knows
/// those of other products too.
const FIRST_WORDS: &[&str] = &[
    "abort",
    "alter",
    "begin",
    "close",
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
    if let Some(name) = refused::name(parser) {
        while !at_end(parser) {
            parser.next_token();
        }
        return Ok(Command::Refused(name));
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

fn at_end(parser: &Parser<'_>) -> bool {
    matches!(parser.peek_token_ref().token, Token::SemiColon | Token::EOF)
}

fn is_unquoted(found: &Word, word: &str) -> bool {
    found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word)
}

/// True if the token `nth` from here is this word.
fn peek_word(parser: &Parser<'_>, nth: usize, word: &str) -> bool {
    matches!(&parser.peek_nth_token_ref(nth).token, Token::Word(found) if is_unquoted(found, word))
}

/// Takes this word if it is next.
fn take_word(parser: &mut Parser<'_>, word: &str) -> bool {
    let found = peek_word(parser, 0, word);
    if found {
        parser.next_token();
    }
    found
}

/// A name that is no other word's: of an option, or of a column.
fn parse_name(parser: &mut Parser<'_>) -> Parsing<Ident> {
    match parser.peek_token_ref().token {
        Token::Word(_) => parser.parse_identifier(),
        _ => parser.expected_ref("a name", parser.peek_token_ref()),
    }
}
