//! REINDEX of a table or of an index.

use sqlparser::ast::ObjectName;
use sqlparser::parser::Parser;

use super::{Parsing, at_end, peek_word};

/// REINDEX TABLE, or REINDEX INDEX.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Reindex {
    /// True if it is one index, not all of a table.
    pub(in crate::postgres) index: bool,
    pub(in crate::postgres) name: ObjectName,
}

/// Reads one; None if the next statement is another, or a REINDEX of another
/// kind.
pub(super) fn parse(parser: &mut Parser<'_>) -> Parsing<Option<Reindex>> {
    let index = peek_word(parser, 1, "index");
    let table = peek_word(parser, 1, "table");
    if !peek_word(parser, 0, "reindex") || !(index || table) || peek_word(parser, 2, "concurrently")
    {
        return Ok(None);
    }
    parser.next_token();
    parser.next_token();
    if at_end(parser) {
        return parser.expected_ref("a name", parser.peek_token_ref());
    }
    let name = parser.parse_object_name(false)?;
    Ok(Some(Reindex { index, name }))
}
