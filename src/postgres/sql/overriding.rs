//! OVERRIDING of an INSERT, which sqlparser does not know: its tokens become
//! one more name in the list of columns.

use sqlparser::ast::ObjectName;
use sqlparser::tokenizer::{Token, TokenWithSpan};

/// Whose values identity columns get, if that is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overriding {
    /// Those that are given, even where the column is GENERATED ALWAYS.
    SystemValue,
    /// Those of the sequence, whatever is given.
    UserValue,
}

/// Stands before the word in the list of columns.
const OVERRIDING_MARK: &str = "\u{1}OVERRIDING ";

impl Overriding {
    /// Takes it out of a list of columns.
    pub(super) fn of(columns: &[ObjectName]) -> (&[ObjectName], Option<Overriding>) {
        let Some((last, columns_before)) = columns.split_last() else {
            return (columns, None);
        };
        let name = last.0.first().and_then(|part| part.as_ident());
        let word = name.and_then(|name| name.value.strip_prefix(OVERRIDING_MARK));
        match word {
            Some("SYSTEM") => (columns_before, Some(Overriding::SystemValue)),
            Some(_) => (columns_before, Some(Overriding::UserValue)),
            None => (columns, None),
        }
    }
}

/// Turns `INSERT INTO t (a) OVERRIDING SYSTEM VALUE` into `INSERT INTO t (a, "...")`.
pub(super) fn rewrite_overriding(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if !tokens.iter().any(|token| is(token, "overriding")) {
        return tokens;
    }
    let significant = |token: &TokenWithSpan| !matches!(token.token, Token::Whitespace(_));
    let tokens: Vec<_> = tokens.into_iter().filter(significant).collect();
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len() + 3);
    let mut rest = tokens.as_slice();
    while let Some((token, after)) = rest.split_first() {
        let (word, left) = match after {
            [word, value, left @ ..] if is(token, "overriding") && is(value, "value") => {
                (word, left)
            }
            _ => {
                out.push(token.clone());
                rest = after;
                continue;
            }
        };
        let kind = match (is(word, "system"), is(word, "user")) {
            (true, _) => "SYSTEM",
            (_, true) => "USER",
            _ => {
                out.push(token.clone());
                rest = after;
                continue;
            }
        };
        let span = token.span;
        let closed = out.pop_if(|last| last.token == Token::RParen).is_some();
        let mark = Token::make_word(&format!("{OVERRIDING_MARK}{kind}"), Some('"'));
        let opens = if closed { Token::Comma } else { Token::LParen };
        let tokens = [opens, mark, Token::RParen];
        out.extend(tokens.map(|token| TokenWithSpan { token, span }));
        rest = left;
    }
    out
}

fn is(token: &TokenWithSpan, word: &str) -> bool {
    matches!(&token.token, Token::Word(found)
        if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
}
