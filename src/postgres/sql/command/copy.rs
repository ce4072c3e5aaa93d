//! COPY: between a table or a query and the client, its options in both of
//! their spellings: in parentheses, or the old words in any order. What an
//! option means is not looked at here.

use sqlparser::ast::{Ident, ObjectName, Statement};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::{Parsing, at_end, is_marked, parse_name, peek_word, take_word, take_words, unmarked};
use crate::postgres::sql::fold;
use crate::postgres::sql::parse::column;

/// A COPY as it is written.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Copy {
    pub(in crate::postgres) source: CopySource,
    pub(in crate::postgres) to: bool,
    pub(in crate::postgres) target: CopyTarget,
    pub(in crate::postgres) options: Vec<CopyOption>,
    /// Where WHERE is, if there is one.
    pub(in crate::postgres) filter: Option<usize>,
}

#[derive(Debug, Clone)]
pub(in crate::postgres) enum CopySource {
    Table {
        name: ObjectName,
        columns: Vec<Ident>,
    },
    Query(Box<Statement>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum CopyTarget {
    Client,
    /// A file of the server.
    File,
    Program,
}

/// An option, and where in the text it is, from 1.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct CopyOption {
    pub(in crate::postgres) name: String,
    pub(in crate::postgres) value: Option<CopyValue>,
    pub(in crate::postgres) position: usize,
}

#[derive(Debug, Clone)]
pub(in crate::postgres) enum CopyValue {
    /// A string, a word or a number.
    Text(String),
    Star,
    List(Vec<String>),
}

impl Copy {
    /// True if a marked word has become a name.
    pub(super) fn is_marked(&self) -> bool {
        match &self.source {
            CopySource::Query(statement) => is_marked(&statement.to_string()),
            CopySource::Table { name, columns } => {
                let mut columns = columns.iter();
                is_marked(&name.to_string()) || columns.any(|column| is_marked(&column.value))
            }
        }
    }
}

/// Reads a COPY; None if the next statement is none.
pub(super) fn parse(parser: &mut Parser<'_>) -> Parsing<Option<Copy>> {
    if !take_word(parser, "copy") {
        return Ok(None);
    }
    let mut options = Vec::new();
    let source = if parser.consume_token(&Token::LParen) {
        let statement = parser.parse_statement()?;
        parser.expect_token(&Token::RParen)?;
        CopySource::Query(Box::new(statement))
    } else {
        let position = position(parser);
        if take_word(parser, "binary") {
            options.push(text("format", "binary", position));
        }
        let name = parser.parse_object_name(false)?;
        let columns = match parser.peek_token_ref().token {
            Token::LParen => names_in_parentheses(parser)?,
            _ => Vec::new(),
        };
        CopySource::Table { name, columns }
    };
    let is_table = matches!(source, CopySource::Table { .. });
    let from = is_table && take_word(parser, "from");
    if !from && !take_word(parser, "to") {
        return parser.expected_ref("a direction", parser.peek_token_ref());
    }
    let target = parse_target(parser)?;
    let at = position(parser);
    if is_table && (take_words(parser, &["using", "delimiters"]) || take_word(parser, "delimiters"))
    {
        options.push(text("delimiter", &parse_string(parser)?, at));
    }
    take_word(parser, "with");
    if parser.consume_token(&Token::LParen) {
        options.extend(parser.parse_comma_separated(parse_option)?);
        parser.expect_token(&Token::RParen)?;
    } else {
        while !at_end(parser) && !peek_word(parser, 0, "where") {
            options.push(parse_old_option(parser)?);
        }
    }
    let at = position(parser);
    let filter = (is_table && take_word(parser, "where")).then_some(at);
    if filter.is_some() {
        parser.parse_expr()?;
    }
    Ok(Some(Copy {
        source,
        to: !from,
        target,
        options,
        filter,
    }))
}

fn position(parser: &Parser<'_>) -> usize {
    column(parser.peek_token_ref().span.start)
}

fn text(name: &str, value: &str, position: usize) -> CopyOption {
    CopyOption {
        name: name.to_owned(),
        value: Some(CopyValue::Text(value.to_owned())),
        position,
    }
}

fn names_in_parentheses(parser: &mut Parser<'_>) -> Parsing<Vec<Ident>> {
    parser.expect_token(&Token::LParen)?;
    let names = parser.parse_comma_separated(parse_name)?;
    parser.expect_token(&Token::RParen)?;
    Ok(names)
}

fn parse_target(parser: &mut Parser<'_>) -> Parsing<CopyTarget> {
    if take_word(parser, "program") {
        parse_string(parser)?;
        return Ok(CopyTarget::Program);
    }
    if take_word(parser, "stdin") || take_word(parser, "stdout") {
        return Ok(CopyTarget::Client);
    }
    parse_string(parser)?;
    Ok(CopyTarget::File)
}

/// `name [value]`
fn parse_option(parser: &mut Parser<'_>) -> Parsing<CopyOption> {
    let position = position(parser);
    let name = fold(&parse_name(parser)?);
    let value = if parser.consume_token(&Token::LParen) {
        let list = parser.parse_comma_separated(parse_word_or_string)?;
        parser.expect_token(&Token::RParen)?;
        Some(CopyValue::List(list))
    } else if parser.consume_token(&Token::Mul) {
        Some(CopyValue::Star)
    } else if matches!(
        parser.peek_token_ref().token,
        Token::Comma | Token::RParen | Token::EOF
    ) {
        None
    } else {
        Some(CopyValue::Text(parse_word_or_string(parser)?))
    };
    Ok(CopyOption {
        name: unmarked(&name).to_owned(),
        value,
        position,
    })
}

fn parse_word_or_string(parser: &mut Parser<'_>) -> Parsing<String> {
    match &parser.peek_token_ref().token {
        Token::Word(_) => {
            let word = fold(&parse_name(parser)?);
            Ok(unmarked(&word).to_owned())
        }
        Token::Number(..) | Token::Plus | Token::Minus => {
            let negative = parser.consume_token(&Token::Minus);
            let _plus = !negative && parser.consume_token(&Token::Plus);
            match parser.next_token().token {
                Token::Number(digits, _) if negative => Ok(format!("-{digits}")),
                Token::Number(digits, _) => Ok(digits),
                _ => parser.expected_ref("a number", parser.peek_token_ref()),
            }
        }
        _ => parse_string(parser),
    }
}

fn parse_string(parser: &mut Parser<'_>) -> Parsing<String> {
    match &parser.peek_token_ref().token {
        Token::SingleQuotedString(_)
        | Token::EscapedStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::DollarQuotedString(_) => parser.parse_literal_string(),
        _ => parser.expected_ref("a string", parser.peek_token_ref()),
    }
}

/// An option of the old spelling.
fn parse_old_option(parser: &mut Parser<'_>) -> Parsing<CopyOption> {
    let position = position(parser);
    for (word, name, value) in [
        ("binary", "format", "binary"),
        ("csv", "format", "csv"),
        ("freeze", "freeze", "true"),
        ("header", "header", "true"),
    ] {
        if take_word(parser, word) {
            return Ok(text(name, value, position));
        }
    }
    for word in ["delimiter", "null", "quote", "escape", "encoding"] {
        if take_word(parser, word) {
            if word != "encoding" {
                take_word(parser, "as");
            }
            return Ok(text(word, &parse_string(parser)?, position));
        }
    }
    for (words, name) in [
        (&["force", "quote"][..], "force_quote"),
        (&["force", "not", "null"], "force_not_null"),
        (&["force", "null"], "force_null"),
    ] {
        if take_words(parser, words) {
            let value = if name == "force_quote" && parser.consume_token(&Token::Mul) {
                CopyValue::Star
            } else {
                let columns = parser.parse_comma_separated(parse_name)?;
                CopyValue::List(columns.iter().map(fold).collect())
            };
            return Ok(CopyOption {
                name: name.to_owned(),
                value: Some(value),
                position,
            });
        }
    }
    parser.expected_ref("an option of COPY", parser.peek_token_ref())
}
