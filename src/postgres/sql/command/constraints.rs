//! SET CONSTRAINTS, which sqlparser does not know.

use sqlparser::ast::ObjectName;
use sqlparser::parser::Parser;

use super::{Parsing, take_word, take_words};

/// When constraints are checked, for the rest of a transaction.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct SetConstraints {
    /// None for ALL.
    pub(in crate::postgres) names: Option<Vec<ObjectName>>,
    pub(in crate::postgres) deferred: bool,
}

/// Reads one; None if the next statement is another.
pub(super) fn parse(parser: &mut Parser<'_>) -> Parsing<Option<SetConstraints>> {
    if !take_words(parser, &["set", "constraints"]) {
        return Ok(None);
    }
    let names = match take_word(parser, "all") {
        true => None,
        false => Some(parser.parse_comma_separated(|parser| parser.parse_object_name(false))?),
    };
    let deferred = take_word(parser, "deferred");
    if !deferred && !take_word(parser, "immediate") {
        return parser.expected_ref("DEFERRED or IMMEDIATE", parser.peek_token_ref());
    }
    Ok(Some(SetConstraints { names, deferred }))
}
