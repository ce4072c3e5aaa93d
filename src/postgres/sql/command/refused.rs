//! The statements of PostgreSQL 15 that this server does not run. They are
//! known by their first words; what follows is not read.

use sqlparser::parser::Parser;

use super::{peek_word, reindex, relation, sequence};

/// Statements by their first words, other than CREATE, ALTER and DROP.
const STATEMENTS: &[&str] = &[
    "CALL",
    "CLUSTER",
    "COMMENT",
    "COMMIT PREPARED",
    "DO",
    "GRANT",
    "IMPORT FOREIGN SCHEMA",
    "LOAD",
    "MERGE",
    "PREPARE TRANSACTION",
    "REASSIGN OWNED",
    "REFRESH MATERIALIZED VIEW",
    "REINDEX",
    "RESET ROLE",
    "RESET SESSION AUTHORIZATION",
    "REVOKE",
    "ROLLBACK PREPARED",
    "SECURITY LABEL",
    "SET LOCAL ROLE",
    "SET LOCAL SESSION AUTHORIZATION",
    "SET ROLE",
    "SET SESSION AUTHORIZATION",
    "SET SESSION ROLE",
    "ALTER DEFAULT PRIVILEGES",
    "ALTER INDEX",
    "ALTER LARGE OBJECT",
    "ALTER SEQUENCE",
    "ALTER SYSTEM",
    "ALTER VIEW",
    "CREATE UNLOGGED SEQUENCE",
    "DROP OWNED",
];

/// What COMMENT may be about.
const COMMENTED: &[&str] = &[
    "COMMENT ON COLUMN",
    "COMMENT ON INDEX",
    "COMMENT ON SEQUENCE",
    "COMMENT ON TABLE",
    "COMMENT ON VIEW",
];

/// What CREATE, ALTER and DROP may be about and are not here.
const OBJECTS: &[&str] = &[
    "ACCESS METHOD",
    "AGGREGATE",
    "CAST",
    "COLLATION",
    "CONVERSION",
    "DATABASE",
    "DOMAIN",
    "EVENT TRIGGER",
    "EXTENSION",
    "FOREIGN DATA WRAPPER",
    "FOREIGN TABLE",
    "FUNCTION",
    "GROUP",
    "LANGUAGE",
    "MATERIALIZED VIEW",
    "OPERATOR CLASS",
    "OPERATOR FAMILY",
    "OPERATOR",
    "POLICY",
    "PROCEDURE",
    "PUBLICATION",
    "ROLE",
    "ROUTINE",
    "RULE",
    "SCHEMA",
    "SERVER",
    "STATISTICS",
    "SUBSCRIPTION",
    "TABLESPACE",
    "TEXT SEARCH CONFIGURATION",
    "TEXT SEARCH DICTIONARY",
    "TEXT SEARCH PARSER",
    "TEXT SEARCH TEMPLATE",
    "TRANSFORM",
    "TRIGGER",
    "TYPE",
    "USER MAPPING",
    "USER",
];

/// What may stand between the verb and its object.
const BETWEEN: &[&str] = &[
    "OR",
    "REPLACE",
    "TRUSTED",
    "PROCEDURAL",
    "CONSTRAINT",
    "DEFAULT",
];

/// The name of the statement that is next, if it is one of these.
pub(super) fn name(parser: &Parser<'_>) -> Option<String> {
    let starts = |words: &str, at: usize| {
        let mut words = words.split(' ').enumerate();
        words.all(|(nth, word)| peek_word(parser, at + nth, word))
    };
    if COMMENTED.iter().any(|words| starts(words, 0)) {
        return None;
    }
    if let Some(statement) = STATEMENTS.iter().find(|words| starts(words, 0)) {
        let runs =
            reindex::is_next(parser) || sequence::is_next(parser) || relation::is_next(parser);
        return (!runs).then(|| (*statement).to_owned());
    }
    let verbs = ["CREATE", "ALTER", "DROP"];
    let verb = verbs.into_iter().find(|verb| starts(verb, 0))?;
    let mut at = 1;
    while BETWEEN.iter().any(|word| starts(word, at)) {
        at += 1;
    }
    let object = OBJECTS.iter().find(|words| starts(words, at))?;
    Some(format!("{verb} {object}"))
}
