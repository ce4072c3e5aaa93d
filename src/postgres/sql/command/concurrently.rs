//! DROP INDEX CONCURRENTLY, which sqlparser does not know.

use sqlparser::ast::{ObjectType, Statement};
use sqlparser::parser::Parser;

use super::{Parsing, at_end, take_word, take_words};

/// Reads one, as a DROP INDEX; None if the next statement is another.
pub(super) fn parse(parser: &mut Parser<'_>) -> Parsing<Option<Statement>> {
    if !take_words(parser, &["drop", "index", "concurrently"]) {
        return Ok(None);
    }
    let if_exists = take_words(parser, &["if", "exists"]);
    if at_end(parser) {
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
