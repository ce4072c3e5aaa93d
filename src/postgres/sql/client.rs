//! What has to do with cursors and sqlparser knows in part, or not: FETCH and
//! MOVE in all their directions, and WHERE CURRENT OF. Their tokens are
//! rewritten to a form that it takes.

use sqlparser::ast::{
    Expr, FetchDirection, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Statement, Value,
    ValueWithSpan,
};
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

/// The function whose argument is the cursor of a WHERE CURRENT OF.
const CURRENT_OF: &str = "\0CURRENT OF";

/// Turns the `WHERE CURRENT OF c` of an UPDATE or DELETE into the call of a
/// function that nobody else can name.
pub(super) fn rewrite_current_of(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if !tokens.iter().any(|token| is_word(token, Word::CURRENT)) {
        return tokens;
    }
    let significant = |token: &TokenWithSpan| !matches!(token.token, Token::Whitespace(_));
    let tokens: Vec<_> = tokens.into_iter().filter(significant).collect();
    let mut out = Vec::with_capacity(tokens.len() + 2);
    // Whether an UPDATE or DELETE has begun, in each of the parentheses.
    let mut changes = vec![false];
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        out.push(token.clone());
        match &token.token {
            Token::SemiColon => changes = vec![false],
            Token::LParen => changes.push(false),
            Token::RParen if changes.len() > 1 => drop(changes.pop()),
            Token::Word(word) => {
                if let Some(now) = changes.last_mut() {
                    let begins = [Word::UPDATE, Word::DELETE].contains(&word.keyword);
                    *now = begins || *now && word.keyword != Word::SELECT;
                }
            }
            _ => {}
        }
        let rest = &tokens[at..];
        if is_word(token, Word::WHERE)
            && changes.last() == Some(&true)
            && let [current, of, cursor, after @ ..] = rest
            && is_word(current, Word::CURRENT)
            && is_word(of, Word::OF)
            && ends_clause(after.first())
        {
            let name = Token::make_word(CURRENT_OF, Some('"'));
            let mut push = |token: Token| {
                let span = cursor.span;
                out.push(TokenWithSpan { token, span });
            };
            push(name);
            push(Token::LParen);
            push(cursor.token.clone());
            push(Token::RParen);
            at += 3;
        }
    }
    out
}

fn ends_clause(token: Option<&TokenWithSpan>) -> bool {
    token.is_none_or(|token| {
        let ends = [Token::SemiColon, Token::RParen, Token::EOF].contains(&token.token);
        ends || is_word(token, Word::RETURNING)
    })
}

/// The cursor of a WHERE that says CURRENT OF.
pub(super) fn current_of(condition: &Expr) -> Option<&Ident> {
    let Expr::Function(call) = condition else {
        return None;
    };
    let name = call.name.0.first().and_then(|part| part.as_ident());
    let FunctionArguments::List(list) = &call.args else {
        return None;
    };
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(cursor)))]
            if name.is_some_and(|name| name.value == CURRENT_OF) =>
        {
            Some(cursor)
        }
        _ => None,
    }
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
