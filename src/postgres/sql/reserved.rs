//! Words that are names, and words that are none.
//!
//! sqlparser takes most words for a name wherever one may stand: `INSERT INTO
//! order`, `CREATE TABLE user`. The words that PostgreSQL reserves are marked
//! before parsing, in the text that only a name keeps; a mark that comes out
//! of the parser tells that one was taken for a name, and PostgreSQL's grammar
//! is asked whether it may.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

/// Words of other products' clauses, which PostgreSQL does not know: the parser
/// would read the clauses.
const NAMES: &[Keyword] = &[
    Keyword::ANTI,
    Keyword::APPLY,
    Keyword::ASOF,
    Keyword::AUTOINCREMENT,
    Keyword::AUTO_INCREMENT,
    Keyword::CHANGE,
    Keyword::DISTINCTROW,
    Keyword::DIV,
    Keyword::DUPLICATE,
    Keyword::HIGH_PRIORITY,
    Keyword::IGNORE,
    Keyword::LOW_PRIORITY,
    Keyword::MINUS,
    Keyword::MODIFY,
    Keyword::OVERWRITE,
    Keyword::PIVOT,
    Keyword::PREWHERE,
    Keyword::QUALIFY,
    Keyword::REGEXP,
    Keyword::RLIKE,
    Keyword::SEMI,
    Keyword::SETTINGS,
    Keyword::SNAPSHOT,
    Keyword::STRAIGHT_JOIN,
    Keyword::TOP,
    Keyword::UNPIVOT,
    Keyword::XOR,
];

/// Makes such words names, which they are in PostgreSQL.
pub(super) fn make_names(tokens: &mut [TokenWithSpan]) {
    for token in tokens {
        if let Token::Word(word) = &mut token.token
            && NAMES.contains(&word.keyword)
        {
            word.keyword = Keyword::NoKeyword;
        }
    }
}

/// Stands before the text of a reserved word.
const MARK: char = '\u{2}';

/// The words that PostgreSQL 15 reserves, but for those that the parser keeps
/// as a name where they are none: functions without parentheses, and values of
/// settings and columns.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "column",
    "constraint",
    "create",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "from",
    "grant",
    "group",
    "having",
    "in",
    "initially",
    "intersect",
    "into",
    "lateral",
    "leading",
    "limit",
    "not",
    "null",
    "offset",
    "only",
    "or",
    "order",
    "placing",
    "primary",
    "references",
    "returning",
    "select",
    "some",
    "symmetric",
    "table",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "when",
    "where",
    "window",
    "with",
];

/// Those that may name a function, or a type, and nothing else.
const FUNCTIONS: &[&str] = &[
    "authorization",
    "binary",
    "collation",
    "concurrently",
    "cross",
    "freeze",
    "full",
    "ilike",
    "inner",
    "is",
    "isnull",
    "join",
    "left",
    "like",
    "natural",
    "notnull",
    "outer",
    "overlaps",
    "right",
    "similar",
    "tablesample",
    "verbose",
];

/// Those that may name neither a function nor a type, only a column or table;
/// and of the reserved ones those that the parser keeps.
const OTHERS: &[&str] = &[
    "between",
    "bigint",
    "bit",
    "boolean",
    "char",
    "character",
    "coalesce",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "exists",
    "extract",
    "float",
    "greatest",
    "grouping",
    "inout",
    "int",
    "integer",
    "interval",
    "least",
    "localtime",
    "localtimestamp",
    "national",
    "nchar",
    "none",
    "normalize",
    "nullif",
    "numeric",
    "on",
    "out",
    "overlay",
    "position",
    "precision",
    "real",
    "row",
    "session_user",
    "setof",
    "smallint",
    "substring",
    "time",
    "timestamp",
    "treat",
    "trim",
    "values",
    "varchar",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

/// True if a name of these letters has to stand in quotes to be safe.
pub(super) fn is_keyword(name: &str) -> bool {
    let lists = [RESERVED, FUNCTIONS, OTHERS];
    lists.iter().any(|list| list.binary_search(&name).is_ok())
}

/// Marks the reserved words, but for what stands after its table.
pub(super) fn mark(tokens: &mut [TokenWithSpan]) {
    let mut qualified = false;
    // The place of a word that may be a function's.
    let mut function = None;
    for index in 0..tokens.len() {
        if matches!(tokens[index].token, Token::Whitespace(_)) {
            continue;
        }
        let called = tokens[index].token == Token::LParen;
        if let Some(at) = function.take().filter(|_| !called) {
            mark_word(&mut tokens[at]);
        }
        match &tokens[index].token {
            Token::Word(word) if word.quote_style.is_none() => {
                let text = word.value.to_ascii_lowercase();
                let among = |words: &[&str]| words.binary_search(&text.as_str()).is_ok();
                let (reserved, may_be_called) = (among(RESERVED), among(FUNCTIONS));
                if reserved && !qualified {
                    mark_word(&mut tokens[index]);
                } else if may_be_called && !qualified {
                    function = Some(index);
                }
                qualified = false;
            }
            other => qualified = *other == Token::Period,
        }
    }
    if let Some(at) = function {
        mark_word(&mut tokens[at]);
    }
}

fn mark_word(token: &mut TokenWithSpan) {
    if let Token::Word(word) = &mut token.token {
        word.value.insert(0, MARK);
    }
}

/// True if a marked word has become part of what this shows.
pub(super) fn is_marked(shown: &str) -> bool {
    shown.contains(MARK)
}

/// The text of a word, marked or not.
pub(super) fn unmarked(word: &str) -> &str {
    word.strip_prefix(MARK).unwrap_or(word)
}
