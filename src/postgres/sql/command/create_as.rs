//! CREATE TABLE AS: sqlparser takes names of columns with types alone, and WITH
//! NO DATA not at all.

use sqlparser::ast::helpers::stmt_create_table::CreateTableBuilder;
use sqlparser::ast::{ColumnDef, DataType, Statement, WithData};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::{Parsing, parse_name, take_word};

/// Reads one; None, with nothing taken, if it is another statement.
pub(super) fn parse(parser: &mut Parser<'_>) -> Parsing<Option<Statement>> {
    let Some(builder) = parser.maybe_parse(parse_head)? else {
        return Ok(None);
    };
    let builder = builder.query(Some(parser.parse_query()?));
    let with_data = if take_word(parser, "with") {
        let data = !take_word(parser, "no");
        if !take_word(parser, "data") {
            return parser.expected_ref("DATA", parser.peek_token_ref());
        }
        let statistics = None;
        Some(WithData { data, statistics })
    } else {
        None
    };
    Ok(Some(builder.with_data(with_data).build().into()))
}

/// `CREATE TABLE [IF NOT EXISTS] name [(column, ...)] AS`
fn parse_head(parser: &mut Parser<'_>) -> Parsing<CreateTableBuilder> {
    let mut wanted = |words: &[&str]| match words.iter().all(|word| take_word(parser, word)) {
        true => Ok(()),
        false => Err(other()),
    };
    wanted(&["create", "table"])?;
    let if_not_exists = take_word(parser, "if");
    if if_not_exists && !(take_word(parser, "not") && take_word(parser, "exists")) {
        return Err(other());
    }
    let name = parser.parse_object_name(false)?;
    let mut names = Vec::new();
    if parser.consume_token(&Token::LParen) {
        names = parser.parse_comma_separated(parse_name)?;
        parser.expect_token(&Token::RParen)?;
    }
    if !take_word(parser, "as") {
        return Err(other());
    }
    let columns = names.into_iter().map(|name| ColumnDef {
        name,
        data_type: DataType::Unspecified,
        options: Vec::new(),
    });
    Ok(CreateTableBuilder::new(name)
        .columns(columns.collect())
        .if_not_exists(if_not_exists))
}

/// What makes it another statement.
fn other() -> ParserError {
    ParserError::ParserError("another statement".to_owned())
}
