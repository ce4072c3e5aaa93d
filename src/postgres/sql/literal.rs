//! Literals of intervals, and texts on several lines.
//!
//! sqlparser takes fields and decimals behind the name of the type, and in a
//! literal not all that PostgreSQL does: the tokens of a literal are rewritten
//! to a cast of its text, which is the same.

use sqlparser::keywords::Keyword as Word;
use sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace};

use super::parse::is_word;

/// Makes one text of several that nothing but space with the end of a line
/// stands between.
pub(super) fn join_texts(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    // The text that more may be added to, and whether a line has ended since.
    let (mut open, mut ended) = (None, false);
    for token in tokens {
        match &token.token {
            Token::Whitespace(Whitespace::MultiLineComment(_)) => open = None,
            Token::Whitespace(space) => {
                ended |= matches!(
                    space,
                    Whitespace::Newline | Whitespace::SingleLineComment { .. }
                );
            }
            Token::SingleQuotedString(more) => {
                let joined = open.filter(|_| ended).and_then(|at: usize| out.get_mut(at));
                if let Some(first) = joined
                    && let Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) =
                        &mut first.token
                {
                    text.push_str(more);
                    ended = false;
                    continue;
                }
                (open, ended) = (Some(out.len()), false);
            }
            Token::EscapedStringLiteral(_) => (open, ended) = (Some(out.len()), false),
            _ => open = None,
        }
        out.push(token);
    }
    out
}

/// Turns `INTERVAL '1' DAY TO HOUR` into `'1'::INTERVAL DAY TO HOUR`, and
/// `INTERVAL (3) '1'` into `'1'::INTERVAL (3)`.
pub(super) fn rewrite_interval_literals(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if !tokens.iter().any(|token| is_word(token, Word::INTERVAL)) {
        return tokens;
    }
    let mut out = Vec::with_capacity(tokens.len() + 1);
    let mut rest = tokens.as_slice();
    while let Some((first, after)) = rest.split_first() {
        let name = name_length(rest).filter(|_| is_word(first, Word::INTERVAL));
        let text = name.map(|name| text_length(&rest[name..]));
        let (Some(name), Some(text @ 1..)) = (name, text) else {
            out.push(first.clone());
            rest = after;
            continue;
        };
        let (name, more) = rest.split_at(name);
        let (text, more) = more.split_at(text);
        out.extend_from_slice(text);
        out.push(TokenWithSpan {
            token: Token::DoubleColon,
            span: first.span,
        });
        out.extend_from_slice(name);
        rest = more;
    }
    out
}

fn is_space(token: &TokenWithSpan) -> bool {
    matches!(token.token, Token::Whitespace(_))
}

/// How many tokens the name of the type is: one, or with `(3)` after it.
fn name_length(tokens: &[TokenWithSpan]) -> Option<usize> {
    let significant = tokens
        .iter()
        .enumerate()
        .filter(|(_, token)| !is_space(token));
    let mut next = significant.skip(1);
    let (second, token) = next.next()?;
    if token.token != Token::LParen {
        return Some(second);
    }
    let (_, number) = next.next()?;
    let (last, close) = next.next()?;
    let counts = matches!(number.token, Token::Number(..)) && close.token == Token::RParen;
    counts.then_some(last + 1)
}

/// How many tokens a text is: strings with nothing but space between them.
fn text_length(tokens: &[TokenWithSpan]) -> usize {
    let is_text = |token: &TokenWithSpan| {
        matches!(
            token.token,
            Token::SingleQuotedString(_)
                | Token::EscapedStringLiteral(_)
                | Token::UnicodeStringLiteral(_)
                | Token::DollarQuotedString(_)
        )
    };
    let run = tokens
        .iter()
        .take_while(|token| is_text(token) || is_space(token));
    let last = run.enumerate().filter(|(_, token)| is_text(token)).last();
    last.map_or(0, |(index, _)| index + 1)
}
