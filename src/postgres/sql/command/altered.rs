//! What a statement alters: the head of ALTER TABLE, and names of relations.

use sqlparser::ast::ObjectName;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::{Parsing, at_end, peek_word, peek_words, take_word, take_words};

/// Where ALTER TABLE goes on after the name of its table; None if it is not
/// next.
pub(super) fn after_table(parser: &Parser<'_>) -> Option<usize> {
    if !peek_words(parser, 0, &["alter", "table"]) {
        return None;
    }
    let mut at = 2;
    if peek_words(parser, at, &["if", "exists"]) {
        at += 2;
    }
    if peek_word(parser, at, "only") {
        at += 1;
    }
    Some(after_name(parser, at))
}

/// Reads as far: whether the table may be missing, and its name.
pub(super) fn take_table(parser: &mut Parser<'_>) -> Parsing<(bool, ObjectName)> {
    take_words(parser, &["alter", "table"]);
    let if_exists = take_words(parser, &["if", "exists"]);
    take_word(parser, "only");
    Ok((if_exists, object_name(parser)?))
}

pub(super) fn after_name(parser: &Parser<'_>, mut at: usize) -> usize {
    while parser.peek_nth_token_ref(at + 1).token == Token::Period {
        at += 2;
    }
    at + 1
}

pub(super) fn object_name(parser: &mut Parser<'_>) -> Parsing<ObjectName> {
    if at_end(parser) {
        return parser.expected_ref("a name", parser.peek_token_ref());
    }
    parser.parse_object_name(false)
}
