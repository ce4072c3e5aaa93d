//! ALTER TABLE ... ALTER CONSTRAINT, which sqlparser does not know.

use sqlparser::ast::{Ident, ObjectName};
use sqlparser::parser::Parser;

use super::super::reserved::is_marked;
use super::altered::{after_table, take_table};
use super::{Parsing, at_end, parse_name, peek_words, take_word, take_words};

/// Whether the check of a foreign key may be put off from now on, and is.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct AlterConstraint {
    pub(in crate::postgres) table: ObjectName,
    pub(in crate::postgres) if_exists: bool,
    pub(in crate::postgres) name: Ident,
    /// None where nothing is said.
    pub(in crate::postgres) deferrable: Option<bool>,
    pub(in crate::postgres) deferred: Option<bool>,
}

impl AlterConstraint {
    /// True if a marked word has become a name.
    pub(super) fn is_marked(&self) -> bool {
        is_marked(&self.table.to_string()) || is_marked(&self.name.value)
    }
}

/// Reads one; None if the next statement is another.
pub(super) fn parse(parser: &mut Parser<'_>) -> Parsing<Option<AlterConstraint>> {
    if !is_next(parser) {
        return Ok(None);
    }
    let (if_exists, table) = take_table(parser)?;
    take_words(parser, &["alter", "constraint"]);
    let name = parse_name(parser)?;
    let (mut deferrable, mut deferred) = (None, None);
    while !at_end(parser) {
        // What is said twice has to be the same.
        let contradicts = |before: Option<bool>, now: bool| before.is_some_and(|b| b != now);
        let wrong = if take_words(parser, &["not", "deferrable"]) {
            contradicts(deferrable.replace(false), false)
        } else if take_word(parser, "deferrable") {
            contradicts(deferrable.replace(true), true)
        } else if take_words(parser, &["initially", "deferred"]) {
            contradicts(deferred.replace(true), true)
        } else if take_words(parser, &["initially", "immediate"]) {
            contradicts(deferred.replace(false), false)
        } else {
            true
        };
        if wrong {
            return parser.expected_ref("end of statement", parser.peek_token_ref());
        }
    }
    Ok(Some(AlterConstraint {
        table,
        if_exists,
        name,
        deferrable,
        deferred,
    }))
}

fn is_next(parser: &Parser<'_>) -> bool {
    let after = after_table(parser);
    after.is_some_and(|at| peek_words(parser, at, &["alter", "constraint"]))
}
