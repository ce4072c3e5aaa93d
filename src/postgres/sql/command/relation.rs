//! ALTER INDEX, SEQUENCE and VIEW with RENAME TO or OWNER TO, of which sqlparser
//! knows little.

use sqlparser::ast::{Ident, ObjectName};
use sqlparser::parser::Parser;

use super::super::reserved::is_marked;
use super::altered::{after_name, object_name};
use super::{Parsing, parse_name, peek_word, peek_words, take_word, take_words};

/// What is said of a relation.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct AlterRelation {
    pub(in crate::postgres) kind: RelationKind,
    pub(in crate::postgres) if_exists: bool,
    pub(in crate::postgres) name: ObjectName,
    pub(in crate::postgres) change: RelationChange,
}

/// What kind of relation the statement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum RelationKind {
    Index,
    Sequence,
    View,
}

#[derive(Debug, Clone)]
pub(in crate::postgres) enum RelationChange {
    RenameTo(Ident),
    OwnerTo(Ident),
}

const KINDS: [(&str, RelationKind); 3] = [
    ("index", RelationKind::Index),
    ("sequence", RelationKind::Sequence),
    ("view", RelationKind::View),
];

impl RelationKind {
    pub(in crate::postgres) fn word(self) -> &'static str {
        match self {
            RelationKind::Index => "index",
            RelationKind::Sequence => "sequence",
            RelationKind::View => "view",
        }
    }

    pub(in crate::postgres) fn tag(self) -> &'static str {
        match self {
            RelationKind::Index => "ALTER INDEX",
            RelationKind::Sequence => "ALTER SEQUENCE",
            RelationKind::View => "ALTER VIEW",
        }
    }
}

impl AlterRelation {
    /// True if a marked word has become a name.
    pub(super) fn is_marked(&self) -> bool {
        let (RelationChange::RenameTo(new) | RelationChange::OwnerTo(new)) = &self.change;
        is_marked(&self.name.to_string()) || is_marked(&new.value)
    }
}

/// Reads one; None if the next statement is another.
pub(super) fn parse(parser: &mut Parser<'_>) -> Parsing<Option<AlterRelation>> {
    let Some(kind) = next_kind(parser) else {
        return Ok(None);
    };
    take_words(parser, &["alter", kind.word()]);
    let if_exists = take_words(parser, &["if", "exists"]);
    let name = object_name(parser)?;
    let renames = take_word(parser, "rename");
    if !renames {
        take_word(parser, "owner");
    }
    take_word(parser, "to");
    let new = parse_name(parser)?;
    let change = match renames {
        true => RelationChange::RenameTo(new),
        false => RelationChange::OwnerTo(new),
    };
    Ok(Some(AlterRelation {
        kind,
        if_exists,
        name,
        change,
    }))
}

/// True if one of them is next.
pub(super) fn is_next(parser: &Parser<'_>) -> bool {
    next_kind(parser).is_some()
}

fn next_kind(parser: &Parser<'_>) -> Option<RelationKind> {
    let mut kinds = KINDS.into_iter();
    let (_, kind) =
        kinds.find(|(word, _)| peek_word(parser, 0, "alter") && peek_word(parser, 1, word))?;
    let at = match peek_words(parser, 2, &["if", "exists"]) {
        true => 4,
        false => 2,
    };
    let after = after_name(parser, at);
    let changes = [["rename", "to"], ["owner", "to"]];
    let mut changes = changes.iter();
    changes
        .any(|words| peek_words(parser, after, words))
        .then_some(kind)
}
