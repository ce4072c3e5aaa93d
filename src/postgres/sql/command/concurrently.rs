//! DROP INDEX CONCURRENTLY, which sqlparser does not know.

use sqlparser::ast::{ObjectType, Statement};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::{Parsing, peek_word, take_word};

/// Reads one, as a DROP INDEX; None if the next statement is another.
pub(super) fn parse(parser: &mut Parser<'_>) -> Parsing<Option<Statement>> {
    let words = ["drop", "index", "concurrently"];
    let mut nth = words.iter().enumerate();
    if !nth.all(|(nth, word)| peek_word(parser, nth, word)) {
        return Ok(None);
    }
    for _ in words {
        parser.next_token();
    }
    let if_exists = peek_word(parser, 0, "if") && peek_word(parser, 1, "exists");
    if if_exists {
        parser.next_token();
        parser.next_token();
    }
    if matches!(parser.peek_token_ref().token, Token::EOF | Token::SemiColon) {
        return parser.expected_ref("a name", parser.peek_token_ref());
    }
    let names = parser.parse_comma_separated(|parser| parser.parse_object_name(false))?;
    let cascade = take_word(parser, "cascade");
    let restrict = !cascade && take_word(parser, "restrict");
    Ok(Some(Statement::Drop {
        object_type: ObjectType::Index,
        if_exists,
        names,
        cascade,
        restrict,
        purge: false,
        temporary: false,
        table: None,
    }))
}
