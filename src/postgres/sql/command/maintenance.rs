//! VACUUM and ANALYZE, in both of their spellings: options in parentheses, or
//! the old words in their fixed order.

use sqlparser::ast::{Ident, ObjectName};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::{Parsing, at_end, is_marked, parse_name, peek_word, take_word, unmarked};

/// VACUUM or ANALYZE.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Maintenance {
    /// False for ANALYZE.
    pub(in crate::postgres) vacuum: bool,
    pub(in crate::postgres) options: Vec<MaintenanceOption>,
    /// Every table if there is none.
    pub(in crate::postgres) targets: Vec<Target>,
}

/// An option with its value, as written.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct MaintenanceOption {
    pub(in crate::postgres) name: Ident,
    pub(in crate::postgres) value: Option<String>,
}

/// A table, and the columns to look at if not all of them.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Target {
    pub(in crate::postgres) table: ObjectName,
    pub(in crate::postgres) columns: Vec<Ident>,
}

impl Maintenance {
    /// True if a marked word has become a name.
    pub(super) fn is_marked(&self) -> bool {
        self.targets.iter().any(|target| {
            let mut columns = target.columns.iter();
            is_marked(&target.table.to_string()) || columns.any(|name| is_marked(&name.value))
        })
    }
}

/// Reads a VACUUM or an ANALYZE; None if the next statement is neither.
pub(super) fn parse(parser: &mut Parser<'_>) -> Parsing<Option<Maintenance>> {
    let vacuum = peek_word(parser, 0, "vacuum");
    if !vacuum && !peek_word(parser, 0, "analyze") && !peek_word(parser, 0, "analyse") {
        return Ok(None);
    }
    parser.next_token();
    let options = if parser.consume_token(&Token::LParen) {
        let options = parser.parse_comma_separated(parse_option)?;
        parser.expect_token(&Token::RParen)?;
        options
    } else if vacuum {
        words(parser, &["full", "freeze", "verbose", "analyze"])?
    } else {
        words(parser, &["verbose"])?
    };
    let targets = if at_end(parser) {
        Vec::new()
    } else {
        parser.parse_comma_separated(parse_target)?
    };
    Ok(Some(Maintenance {
        vacuum,
        options,
        targets,
    }))
}

/// The words that are there, in this order.
fn words(parser: &mut Parser<'_>, known: &[&str]) -> Parsing<Vec<MaintenanceOption>> {
    let mut options = Vec::new();
    for word in known {
        let spelt_otherwise = *word == "analyze" && peek_word(parser, 0, "analyse");
        if peek_word(parser, 0, word) || spelt_otherwise {
            parser.next_token();
            let name = Ident::new(*word);
            options.push(MaintenanceOption { name, value: None });
        }
    }
    Ok(options)
}

fn parse_option(parser: &mut Parser<'_>) -> Parsing<MaintenanceOption> {
    let mut name = parse_name(parser)?;
    name.value = unmarked(&name.value).to_owned();
    let negative = parser.consume_token(&Token::Minus);
    let sign = if negative { "-" } else { "" };
    let value = match &parser.peek_token_ref().token {
        Token::Comma | Token::RParen => None,
        Token::Number(text, _) => Some(format!("{sign}{text}")),
        Token::Word(word) => Some(unmarked(&word.value).to_owned()),
        Token::SingleQuotedString(text) => Some(text.clone()),
        _ => return parser.expected_ref("a value", parser.peek_token_ref()),
    };
    if value.is_some() {
        parser.next_token();
    }
    Ok(MaintenanceOption { name, value })
}

/// Words of the old spelling, which cannot name a table.
const RESERVED: &[&str] = &["full", "freeze", "verbose", "analyze", "analyse"];

fn parse_target(parser: &mut Parser<'_>) -> Parsing<Target> {
    take_word(parser, "only");
    if RESERVED.iter().any(|word| peek_word(parser, 0, word)) {
        return parser.expected_ref("a table", parser.peek_token_ref());
    }
    let table = parser.parse_object_name(false)?;
    let columns = if parser.consume_token(&Token::LParen) {
        let columns = parser.parse_comma_separated(parse_name)?;
        parser.expect_token(&Token::RParen)?;
        columns
    } else {
        Vec::new()
    };
    Ok(Target { table, columns })
}
