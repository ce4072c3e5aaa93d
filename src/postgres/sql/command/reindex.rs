//! REINDEX of a table or of an index.

use sqlparser::ast::ObjectName;
use sqlparser::parser::Parser;

use super::{Parsing, at_end, peek_word, take_word};

/// REINDEX TABLE, or REINDEX INDEX.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Reindex {
    /// True if it is one index, not all of a table.
    pub(in crate::postgres) index: bool,
    pub(in crate::postgres) name: ObjectName,
    pub(in crate::postgres) concurrently: bool,
}

/// Reads one; None if the next statement is another, or a REINDEX of another
/// kind.
pub(super) fn parse(parser: &mut Parser<'_>) -> Parsing<Option<Reindex>> {
    if !is_next(parser) {
        return Ok(None);
    }
    let index = peek_word(parser, 1, "index");
    parser.next_token();
    parser.next_token();
    let concurrently = take_word(parser, "concurrently");
    if at_end(parser) {
        return parser.expected_ref("a name", parser.peek_token_ref());
    }
    let name = parser.parse_object_name(false)?;
    Ok(Some(Reindex {
        index,
        name,
        concurrently,
    }))
}

/// True if a REINDEX of a kind that is run is next.
pub(super) fn is_next(parser: &Parser<'_>) -> bool {
    let kind = peek_word(parser, 1, "index") || peek_word(parser, 1, "table");
    peek_word(parser, 0, "reindex") && kind
}
