//! Numbers and parameters that run into a name.
//!
//! sqlparser would take `123abc` for a number and its alias; PostgreSQL 15
//! refuses it, with the hexadecimal numbers and the underscores of later
//! versions.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::parse::{column, from_position};
use crate::postgres::error::{Error, Result, SqlState};

/// Refuses what follows a number without a space.
pub(super) fn check_numbers(sql: &str, tokens: &[TokenWithSpan]) -> Result<()> {
    for (index, token) in tokens.iter().enumerate() {
        let next = tokens.get(index + 1);
        let touches = || next.is_some_and(|next| next.span.start == token.span.end);
        let word = || matches!(next.map(|next| &next.token), Some(Token::Word(word)) if word.quote_style.is_none());
        let after = match &token.token {
            Token::Number(text, _) if text.contains('_') || (word() && touches()) => {
                "numeric literal"
            }
            Token::HexStringLiteral(_) if !text_begins(sql, token, &['x', 'X']) => {
                "numeric literal"
            }
            Token::Placeholder(text) if has_digits_and_more(&text[1..]) => "parameter",
            _ => continue,
        };
        let position = column(token.span.start);
        let rest = from_position(sql, position);
        return Err(junk(rest, after).position(position));
    }
    Ok(())
}

fn text_begins(sql: &str, token: &TokenWithSpan, with: &[char]) -> bool {
    from_position(sql, column(token.span.start)).starts_with(with)
}

fn has_digits_and_more(text: &str) -> bool {
    let digit = |c: char| c.is_ascii_digit();
    text.starts_with(digit) && !text.chars().all(digit)
}

fn junk(rest: &str, after: &str) -> Error {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.');
    let end = rest.find(|c| !part(c)).unwrap_or(rest.len());
    let end = match &rest[..end] {
        // An exponent with a sign and no digits.
        run if run.ends_with(['e', 'E']) && rest[end..].starts_with(['+', '-']) => end + 1,
        _ => end,
    };
    Error::new(
        SqlState::SYNTAX_ERROR,
        format!(
            "trailing junk after {after} at or near \"{}\"",
            &rest[..end]
        ),
    )
}
