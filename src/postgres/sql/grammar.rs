//! PostgreSQL's own grammar, asked about what the parser cannot read.
//!
//! A text that sqlparser does not take may be wrong, or right and not of this
//! server's SQL. `postgresql-cst-parser` has the tables of PostgreSQL's grammar
//! and tells the two apart: a syntax error is where PostgreSQL reports it, and
//! of a right statement it says which word is not supported.
//!
//! It costs some fifty microseconds, and it makes a hash map, so what has
//! asked is not kept in the cache of parsed texts: every run asks again and
//! draws the same hash keys.

use std::ops::Range;

use postgresql_cst_parser::syntax_kind::SyntaxKind;
use postgresql_cst_parser::{ParserError, ResolvedNode, ResolvedToken};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::postgres::error::{Error, Result, SqlState};

/// Its trees are as deep as lists are long, and are walked by recursion.
const TOKENS_MAX: usize = 4_000;

/// The tree of a text that PostgreSQL takes.
pub(super) struct Grammar {
    tree: ResolvedNode,
    skeleton: String,
}

impl Grammar {
    /// Reads a text, of which these are the tokens; the error is PostgreSQL's.
    /// None if the text is too long to ask, or has what the grammar's scanner
    /// does not take and the parser does.
    pub(super) fn read(sql: &str, tokens: &[TokenWithSpan]) -> Result<Option<Grammar>> {
        if tokens.len() > TOKENS_MAX {
            return Ok(None);
        }
        if let Err(error) = check_foreign(sql, tokens) {
            return Err(first_error(sql, tokens, error));
        }
        let skeleton = skeleton(sql, tokens);
        match postgresql_cst_parser::parse(&skeleton) {
            Ok(tree) => Ok(Some(Grammar { tree, skeleton })),
            Err(ParserError::ParseError {
                start_byte_pos,
                end_byte_pos,
                ..
            }) => {
                let start = characters(&skeleton[..start_byte_pos]);
                let end = characters(&skeleton[..end_byte_pos]);
                Err(syntax_error_at(sql, start..end))
            }
            Err(ParserError::ScanReport(_) | ParserError::ScanError { .. }) => Ok(None),
        }
    }

    /// What is not supported of the statement at this character, from 1; and
    /// the character after the statement.
    pub(super) fn unsupported(&self, position: usize) -> (String, usize) {
        let at = byte_of(&self.skeleton, position);
        let mut statements = self
            .tree
            .descendants()
            .filter(|node| node.kind() == SyntaxKind::toplevel_stmt);
        let Some(statement) = statements.find(|node| bytes(node).end >= at) else {
            return ("this statement".to_owned(), position);
        };
        let end = bytes(statement).end;
        (what(statement, at), characters(&self.skeleton[..end]) + 1)
    }
}

/// `CLUSTER in ALTER TABLE`: the keyword at a place, or the last one before it.
fn what(statement: &ResolvedNode, at: usize) -> String {
    let mut keywords = Vec::new();
    for token in statement
        .descendants_with_tokens()
        .filter_map(|element| element.into_token())
    {
        if is_keyword(token) {
            keywords.push(token.text().to_uppercase());
        }
        if usize::from(token.text_range().end()) > at && token.kind() != SyntaxKind::Whitespace {
            break;
        }
    }
    let name = name(&keywords);
    match keywords.last() {
        Some(word) if !name.split(' ').any(|of_name| of_name == word) => {
            format!("{word} in {name}")
        }
        _ => format!("this form of {name}"),
    }
}

/// Words between CREATE and what is created.
const BETWEEN: &[&str] = &[
    "OR",
    "REPLACE",
    "TEMP",
    "TEMPORARY",
    "UNLOGGED",
    "UNIQUE",
    "RECURSIVE",
    "LOCAL",
    "GLOBAL",
];

/// What a statement is called, by its keywords.
fn name(keywords: &[String]) -> String {
    let mut words = keywords
        .iter()
        .filter(|word| !BETWEEN.contains(&word.as_str()));
    let verb = words.next().map_or("this statement", String::as_str);
    match (verb, words.next()) {
        ("CREATE" | "ALTER" | "DROP", Some(object)) => format!("{verb} {object}"),
        _ => verb.to_owned(),
    }
}

/// True for a keyword that does not serve as a name.
fn is_keyword(token: &ResolvedToken) -> bool {
    let letters = |c: char| c.is_ascii_alphabetic() || c == '_';
    let name = matches!(
        token.parent().kind(),
        SyntaxKind::unreserved_keyword
            | SyntaxKind::col_name_keyword
            | SyntaxKind::type_func_name_keyword
            | SyntaxKind::bare_label_keyword
            | SyntaxKind::reserved_keyword
    );
    token.kind() != SyntaxKind::IDENT && !name && token.text().chars().all(letters)
}

fn bytes(node: &ResolvedNode) -> Range<usize> {
    let range = node.text_range();
    usize::from(range.start())..usize::from(range.end())
}

fn characters(text: &str) -> usize {
    text.chars().count()
}

/// Where the character `position`, from 1, begins.
pub(super) fn byte_of(text: &str, position: usize) -> usize {
    let nth = text.char_indices().nth(position.saturating_sub(1));
    nth.map_or(text.len(), |(at, _)| at)
}

fn syntax_error_at(sql: &str, characters: Range<usize>) -> Error {
    let (start, end) = (characters.start + 1, characters.end + 1);
    syntax_error(&sql[byte_of(sql, start)..byte_of(sql, end)], start)
}

/// The error about a token, empty at the end of the text, at this character,
/// from 1.
pub(super) fn syntax_error(token: &str, position: usize) -> Error {
    let message = if token.is_empty() {
        "syntax error at end of input".to_owned()
    } else {
        format!("syntax error at or near \"{token}\"")
    };
    Error::new(SqlState::SYNTAX_ERROR, message).position(position)
}

/// An error, or the syntax error that there is before its place.
pub(super) fn first_error(sql: &str, tokens: &[TokenWithSpan], error: Error) -> Error {
    let Some(position) = error.fields().position else {
        return error;
    };
    let ends = |token: &&TokenWithSpan| span(token, usize::MAX - 1).end < position;
    let tokens: Vec<TokenWithSpan> = tokens.iter().take_while(ends).cloned().collect();
    let end = tokens
        .last()
        .map_or(0, |last| span(last, usize::MAX - 1).end);
    let before = &sql[..byte_of(sql, end + 1)];
    match Grammar::read(before, &tokens) {
        Err(earlier) if earlier.fields().position <= Some(end) => earlier,
        _ => error,
    }
}

/// Refuses characters that are none of PostgreSQL's: its grammar cannot be asked
/// about these.
pub(super) fn check_foreign(sql: &str, tokens: &[TokenWithSpan]) -> Result<()> {
    foreign(tokens).map_or(Ok(()), |characters| Err(syntax_error_at(sql, characters)))
}

fn foreign(tokens: &[TokenWithSpan]) -> Option<Range<usize>> {
    let mut period = None;
    tokens.iter().find_map(|token| {
        let range = span(token, usize::MAX - 1);
        let before = period.take();
        match &token.token {
            Token::LBrace | Token::RBrace | Token::Backslash => Some(range),
            Token::Char(c) if !c.is_alphanumeric() => Some(range),
            Token::Placeholder(text) if !text[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                Some(range.start..range.start + 1)
            }
            Token::Period if before == Some(range.start) => Some(range.start - 1..range.end),
            Token::Period => {
                period = Some(range.end);
                None
            }
            _ => None,
        }
    })
}

/// The text with nothing inside its literals, character for character: the
/// grammar is asked about syntax alone, and its scanner panics on some escapes
/// and on large numbers of parameters.
fn skeleton(sql: &str, tokens: &[TokenWithSpan]) -> String {
    let mut text: Vec<char> = sql.chars().collect();
    // What the token before was: a U& string or name, or UESCAPE after one.
    let (mut unicode, mut uescape) = (false, false);
    for (index, token) in tokens.iter().enumerate() {
        if matches!(token.token, Token::Whitespace(_)) {
            continue;
        }
        let range = span(token, text.len());
        let (after_unicode, after_uescape) = (unicode, uescape);
        (unicode, uescape) = (false, false);
        match &token.token {
            Token::SingleQuotedString(_) if after_uescape => text[range].fill(' '),
            Token::SingleQuotedString(_)
            | Token::NationalStringLiteral(_)
            | Token::EscapedStringLiteral(_)
            | Token::DollarQuotedString(_) => blank(&mut text[range]),
            Token::UnicodeStringLiteral(_) => {
                blank(&mut text[range]);
                unicode = true;
            }
            Token::Word(word) if word.quote_style.is_some() => {
                unicode = follows_unicode(&tokens[..index]);
                if unicode {
                    text[range.start - 2..range.start].fill(' ');
                }
            }
            Token::Word(word) if after_unicode && word.value.eq_ignore_ascii_case("uescape") => {
                text[range].fill(' ');
                uescape = true;
            }
            Token::Placeholder(_) => {
                text[range.start + 1..range.end].fill('0');
                text[range.end - 1] = '1';
            }
            _ => {}
        }
    }
    // Any letter will do that begins no kind of literal: its scanner takes
    // bytes for characters.
    let letter = |c: char| if c.is_ascii() { c } else { 'z' };
    text.into_iter().map(letter).collect()
}

/// True if these end with `U&`, which makes a quoted name with escapes.
fn follows_unicode(before: &[TokenWithSpan]) -> bool {
    matches!(before, [.., u, and] if and.token == Token::Ampersand
        && matches!(&u.token, Token::Word(word) if word.value.eq_ignore_ascii_case("u")))
}

/// Makes a literal of any kind a plain one: spaces, then a quoted text.
fn blank(literal: &mut [char]) {
    let is_quote = |c: &char| matches!(c, '\'' | '$');
    let start = literal.iter().position(is_quote).unwrap_or(0);
    let last = literal.len().saturating_sub(1);
    if start < last {
        literal[..start].fill(' ');
        literal[start..=last].fill('x');
        literal[start] = '\'';
        literal[last] = '\'';
    }
}

/// The characters of a token, counted from the start of the text.
fn span(token: &TokenWithSpan, length: usize) -> Range<usize> {
    let place = |column: u64| usize::try_from(column).unwrap_or(length).min(length + 1);
    let start = place(token.span.start.column).max(1) - 1;
    let end = place(token.span.end.column).max(1) - 1;
    start..end.max(start)
}
