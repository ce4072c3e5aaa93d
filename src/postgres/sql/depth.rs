//! How deep an expression may be.
//!
//! sqlparser limits what it recurses into, but makes a chain of operators a
//! tree as deep as the chain is long, and analysis, evaluation and dropping
//! recurse into that. A stack that overflows takes every session along, so
//! such a text is refused first, as PostgreSQL refuses it at
//! `max_stack_depth`.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::postgres::error::{Error, Result, SqlState};

/// Tokens in a row, in one item of a list and those around it.
const TOKENS_MAX: usize = 2_000;

/// The error about a text that goes too deep.
pub(super) fn too_deep() -> Error {
    Error::new(SqlState("54001"), "stack depth limit exceeded").hint(
        "Increase the configuration parameter \"max_stack_depth\" (currently 2048kB), after \
         ensuring the platform's stack depth limit is adequate.",
    )
}

/// Refuses what could be nested too deeply: commas and semicolons begin anew,
/// parentheses nest.
pub(super) fn check_depth(tokens: &[TokenWithSpan]) -> Result<()> {
    let mut around = Vec::new();
    let (mut above, mut here) = (0_usize, 0_usize);
    for token in tokens {
        match &token.token {
            Token::Whitespace(_) => continue,
            Token::SemiColon => {
                around.clear();
                (above, here) = (0, 0);
            }
            Token::Comma => here = 0,
            Token::LParen | Token::LBracket => {
                around.push(here);
                above += here + 1;
                here = 0;
            }
            Token::RParen | Token::RBracket => {
                let before = around.pop().unwrap_or(0);
                above = above.saturating_sub(before + 1);
                here = before + 1;
            }
            _ => here += 1,
        }
        if above + here > TOKENS_MAX {
            return Err(too_deep());
        }
    }
    Ok(())
}
