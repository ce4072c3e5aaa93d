//! LIKE among the columns of a CREATE TABLE, which sqlparser takes alone and
//! with little else. Its tokens are rewritten to a column whose name holds the
//! options, and whose type is the table.

use sqlparser::ast::{ColumnDef, DataType, ObjectName};
use sqlparser::keywords::Keyword as Word;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::parse::is_word;

/// What of another table a new one is to have, beside its columns.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Like {
    pub(in crate::postgres) table: ObjectName,
    options: String,
}

/// Stands before the options of a LIKE.
const LIKE_MARK: &str = "\u{1}LIKE";

impl Like {
    /// The LIKE that stands in the place of a column, if it is one.
    pub(in crate::postgres) fn of(column: &ColumnDef) -> Option<Like> {
        let options = column.name.value.strip_prefix(LIKE_MARK)?.to_owned();
        let DataType::Custom(table, _) = &column.data_type else {
            return None;
        };
        let table = table.clone();
        Some(Like { table, options })
    }

    /// True if this is copied: the last word counts.
    pub(in crate::postgres) fn includes(&self, option: &str) -> bool {
        let mut words = self.options.split_ascii_whitespace().rev();
        while let (Some(what), Some(how)) = (words.next(), words.next()) {
            if what == option || what == "ALL" {
                return how == "INCLUDING";
            }
        }
        false
    }
}

const OPTIONS: &[&str] = &[
    "ALL",
    "COMMENTS",
    "COMPRESSION",
    "CONSTRAINTS",
    "DEFAULTS",
    "GENERATED",
    "IDENTITY",
    "INDEXES",
    "STATISTICS",
    "STORAGE",
];

/// Rewrites what stands between the parentheses of CREATE TABLE.
pub(super) fn rewrite_likes(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if !tokens.iter().any(|token| is_word(token, Word::LIKE)) {
        return tokens;
    }
    let significant = |token: &TokenWithSpan| !matches!(token.token, Token::Whitespace(_));
    let tokens: Vec<_> = tokens.into_iter().filter(significant).collect();
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let (mut depth, mut first) = (0_usize, 0);
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token.token {
            Token::SemiColon => (depth, first) = (0, at),
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        let begins = depth == 1 && is_word(token, Word::LIKE) && creates_table(&tokens[first..]);
        let last = out.last().map(|token| &token.token);
        if begins && matches!(last, Some(Token::LParen | Token::Comma)) {
            at += like(token, &tokens[at..], &mut out);
        } else {
            out.push(token.clone());
        }
    }
    out
}

/// `CREATE [UNLOGGED] TABLE`
fn creates_table(statement: &[TokenWithSpan]) -> bool {
    let mut words = statement.iter();
    let creates = words
        .next()
        .is_some_and(|token| is_word(token, Word::CREATE));
    creates && words.take(2).any(|token| is_word(token, Word::TABLE))
}

/// Writes a LIKE as a column: how many tokens it took.
fn like(start: &TokenWithSpan, rest: &[TokenWithSpan], out: &mut Vec<TokenWithSpan>) -> usize {
    let mut name = Vec::new();
    let mut taken = 0;
    while let Some(Token::Word(part)) = rest.get(taken).map(|token| &token.token) {
        let value = match part.quote_style {
            Some(_) => part.value.clone(),
            None => part.value.to_ascii_lowercase(),
        };
        name.push(Token::make_word(&value, Some('"')));
        taken += 1;
        if rest.get(taken).map(|token| &token.token) != Some(&Token::Period) {
            break;
        }
        name.push(Token::Period);
        taken += 1;
    }
    let mut options = String::new();
    while let [how, what, ..] = &rest[taken..] {
        let (how, what) = (word_of(how), word_of(what));
        let known = ["INCLUDING", "EXCLUDING"].contains(&how.as_str());
        if !known || !OPTIONS.contains(&what.as_str()) {
            break;
        }
        options.push_str(&format!(" {how} {what}"));
        taken += 2;
    }
    let marked = Token::make_word(&format!("{LIKE_MARK}{options}"), Some('"'));
    let span = start.span;
    let tokens = [marked].into_iter().chain(name);
    out.extend(tokens.map(|token| TokenWithSpan { token, span }));
    taken
}

/// An unquoted word, in capitals.
fn word_of(token: &TokenWithSpan) -> String {
    match &token.token {
        Token::Word(word) if word.quote_style.is_none() => word.value.to_ascii_uppercase(),
        _ => String::new(),
    }
}
