//! ALTER INDEX, SEQUENCE and VIEW with RENAME or OWNER TO, of which sqlparser
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
    /// Of a view.
    RenameColumn(Ident, Ident),
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
        let names = match &self.change {
            RelationChange::RenameTo(new) | RelationChange::OwnerTo(new) => vec![new],
            RelationChange::RenameColumn(old, new) => vec![old, new],
        };
        is_marked(&self.name.to_string()) || names.iter().any(|name| is_marked(&name.value))
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
    let change = if take_words(parser, &["owner", "to"]) {
        RelationChange::OwnerTo(parse_name(parser)?)
    } else if take_words(parser, &["rename", "to"]) {
        RelationChange::RenameTo(parse_name(parser)?)
    } else {
        take_word(parser, "rename");
        take_word(parser, "column");
        let old = parse_name(parser)?;
        take_word(parser, "to");
        RelationChange::RenameColumn(old, parse_name(parser)?)
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
    let changes: &[&[&str]] = match kind {
        RelationKind::View => &[&["rename"], &["owner", "to"]],
        _ => &[&["rename", "to"], &["owner", "to"]],
    };
    let mut changes = changes.iter();
    changes
        .any(|words| peek_words(parser, after, words))
        .then_some(kind)
}
