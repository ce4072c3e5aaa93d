//! Statements between a client and its session that sqlparser knows in part:
//! FETCH and MOVE in all their directions. Their tokens are rewritten to a
//! form that it takes.

use sqlparser::ast::{FetchDirection, Statement, Value, ValueWithSpan};
use sqlparser::keywords::Keyword as Word;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::parse::is_word;

/// What a FETCH is INTO if it is a MOVE.
const MOVE: &str = "\0";

/// Rewrites statements that start with FETCH or MOVE.
pub(super) fn rewrite_client_statements(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let concerned = |token: &TokenWithSpan| is_word(token, Word::FETCH) || is_move(token);
    if !tokens.iter().any(concerned) {
        return tokens;
    }
    let mut out = Vec::with_capacity(tokens.len());
    let statements = tokens.split_inclusive(|token| token.token == Token::SemiColon);
    for statement in statements {
        let significant = |token: &&TokenWithSpan| !matches!(token.token, Token::Whitespace(_));
        let mut body: Vec<TokenWithSpan> = statement.iter().filter(significant).cloned().collect();
        let ends = |token: &TokenWithSpan| matches!(token.token, Token::SemiColon | Token::EOF);
        let end = body.iter().position(ends).map(|at| body.split_off(at));
        match body.first() {
            Some(first) if is_word(first, Word::FETCH) => out.extend(fetch(&body, false)),
            Some(first) if is_move(first) => out.extend(fetch(&body, true)),
            _ => {
                out.extend_from_slice(statement);
                continue;
            }
        }
        out.extend(end.into_iter().flatten());
    }
    out
}

fn is_move(token: &TokenWithSpan) -> bool {
    matches!(&token.token, Token::Word(word)
        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("move"))
}

/// `FETCH [direction] [FROM | IN] cursor`: a direction is spelled out, FROM
/// put in, a sign made part of its number.
fn fetch(body: &[TokenWithSpan], moves: bool) -> Vec<TokenWithSpan> {
    let Some(((first, direction), cursor)) = body
        .split_last()
        .and_then(|(cursor, rest)| Some((rest.split_first()?, cursor)))
    else {
        return body.to_vec();
    };
    let of = |token: Token| TokenWithSpan {
        token,
        span: cursor.span,
    };
    let is_from = |token: &&TokenWithSpan| is_word(token, Word::FROM) || is_word(token, Word::IN);
    let direction = match direction.split_last() {
        Some((last, rest)) if is_from(&last) => rest,
        _ => direction,
    };
    let mut out = vec![TokenWithSpan {
        token: Token::make_keyword("FETCH"),
        span: first.span,
    }];
    match direction {
        [] => out.push(of(Token::make_keyword("NEXT"))),
        [only] if is_word(only, Word::FORWARD) => out.push(of(Token::make_keyword("NEXT"))),
        [only] if is_word(only, Word::BACKWARD) => out.push(of(Token::make_keyword("PRIOR"))),
        several => {
            let mut negative = false;
            for token in several {
                match &token.token {
                    Token::Minus => negative = !negative,
                    Token::Plus => {}
                    Token::Number(digits, long) if negative => {
                        out.push(of(Token::Number(format!("-{digits}"), *long)));
                    }
                    _ => out.push(token.clone()),
                }
            }
        }
    }
    out.push(of(Token::make_keyword("FROM")));
    out.push(cursor.clone());
    if moves {
        out.push(of(Token::make_keyword("INTO")));
        out.push(of(Token::make_word(MOVE, Some('"'))));
    }
    out
}

/// True if a FETCH is a MOVE.
pub(in crate::postgres) fn is_move_only(statement: &Statement) -> bool {
    matches!(statement, Statement::Fetch { into: Some(into), .. }
        if into.0.iter().any(|part| part.as_ident().is_some_and(|ident| ident.value == MOVE)))
}

/// Where a FETCH goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum Direction {
    /// So many rows on; backwards if negative.
    Forward(i64),
    /// To the row of this number; from the end if negative.
    Absolute(i64),
    /// To the row so many on.
    Relative(i64),
}

/// All rows.
const ALL: i64 = i64::MAX;

impl Direction {
    /// None if a number is not one.
    pub(in crate::postgres) fn of(direction: &FetchDirection) -> Option<Direction> {
        let number = |limit: &ValueWithSpan| match &limit.value {
            Value::Number(digits, _) => digits.parse::<i64>().ok(),
            _ => None,
        };
        let optional = |limit: &Option<ValueWithSpan>| limit.as_ref().map_or(Some(1), number);
        Some(match direction {
            FetchDirection::Next => Direction::Forward(1),
            FetchDirection::Prior => Direction::Forward(-1),
            FetchDirection::First => Direction::Absolute(1),
            FetchDirection::Last => Direction::Absolute(-1),
            FetchDirection::Absolute { limit } => Direction::Absolute(number(limit)?),
            FetchDirection::Relative { limit } => Direction::Relative(number(limit)?),
            FetchDirection::All | FetchDirection::ForwardAll => Direction::Forward(ALL),
            FetchDirection::BackwardAll => Direction::Forward(-ALL),
            FetchDirection::Count { limit } => Direction::Forward(number(limit)?),
            FetchDirection::Forward { limit } => Direction::Forward(optional(limit)?),
            FetchDirection::Backward { limit } => {
                Direction::Forward(optional(limit)?.checked_neg()?)
            }
        })
    }
}
