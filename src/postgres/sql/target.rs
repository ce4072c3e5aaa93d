//! The target of ON CONFLICT, where it is more than a list of columns.
//!
//! sqlparser takes nothing but column names there. Tokens of a target with
//! expressions or a predicate are rewritten to one quoted name that holds the
//! text of a SELECT of them, and read from there.

use sqlparser::ast::{Expr, Ident, SelectItem, Statement};
use sqlparser::keywords::Keyword as Word;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::command::Command;
use super::parse::{is_word, parse};
use crate::postgres::error::{Error, Result};

/// The keys and the predicate that infer an index in ON CONFLICT.
#[derive(Debug)]
pub(in crate::postgres) struct InferredTarget {
    pub(in crate::postgres) keys: Vec<Expr>,
    pub(in crate::postgres) predicate: Option<Expr>,
}

/// Stands before the text of a target that is more than a list of columns.
const TARGET_MARK: char = '\u{1}';

impl InferredTarget {
    /// Reads what the parser has left of a target.
    pub(in crate::postgres) fn read(names: &[Ident]) -> Result<InferredTarget> {
        let text = match names {
            [one] => one.value.strip_prefix(TARGET_MARK),
            _ => None,
        };
        let Some(text) = text else {
            return Ok(InferredTarget {
                keys: names.iter().cloned().map(Expr::Identifier).collect(),
                predicate: None,
            });
        };
        let parsed = parse(text)?;
        let select = match parsed.statements.first().and_then(Command::as_sql) {
            Some(Statement::Query(query)) => query.body.as_select(),
            _ => None,
        };
        let select = select.ok_or_else(|| Error::unsupported("this ON CONFLICT target"))?;
        let keys = select.projection.iter().map(|item| match item {
            SelectItem::UnnamedExpr(expr) => Ok(expr.clone()),
            other => Err(Error::unsupported(format!(
                "the ON CONFLICT target {other}"
            ))),
        });
        Ok(InferredTarget {
            keys: keys.collect::<Result<_>>()?,
            predicate: select.selection.clone(),
        })
    }
}

/// Turns `ON CONFLICT (lower(a)) WHERE b DO` into `ON CONFLICT ("...") DO`,
/// whose one name is the text of a SELECT of those expressions: the parser
/// takes nothing but column names there.
pub(super) fn rewrite_conflict_targets(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if !tokens.iter().any(|token| is_word(token, Word::CONFLICT)) {
        return tokens;
    }
    let mut tokens = tokens
        .into_iter()
        .filter(|token| !matches!(token.token, Token::Whitespace(_)))
        .peekable();
    let mut out: Vec<TokenWithSpan> = Vec::new();
    while let Some(token) = tokens.next() {
        let opens = token.token == Token::LParen
            && out.last().is_some_and(|last| is_word(last, Word::CONFLICT));
        let span = token.span;
        out.push(token);
        if !opens {
            continue;
        }
        let mut target = Vec::new();
        let mut depth = 0;
        for token in tokens.by_ref() {
            match token.token {
                Token::LParen => depth += 1,
                Token::RParen if depth == 0 => break,
                Token::RParen => depth -= 1,
                _ => {}
            }
            target.push(token);
        }
        let plain = |token: &TokenWithSpan| matches!(token.token, Token::Word(_) | Token::Comma);
        let filtered = tokens
            .peek()
            .is_some_and(|token| is_word(token, Word::WHERE));
        let end = TokenWithSpan {
            token: Token::RParen,
            span,
        };
        if target.iter().all(plain) && !filtered {
            out.extend(target);
            out.push(end);
            continue;
        }
        if filtered {
            while let Some(token) = tokens.next_if(|token| !is_word(token, Word::DO)) {
                target.push(token);
            }
        }
        let words: Vec<String> = target.iter().map(|token| token.token.to_string()).collect();
        let text = format!("{TARGET_MARK}SELECT {}", words.join(" "));
        let token = Token::make_word(&text, Some('"'));
        out.push(TokenWithSpan { token, span });
        out.push(end);
    }
    out
}
