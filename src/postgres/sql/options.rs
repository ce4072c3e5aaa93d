//! The options of a sequence, in any order.
//!
//! sqlparser takes them in one order alone; their tokens are put into it.

use sqlparser::keywords::Keyword as Word;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::parse::is_word;

/// The words that begin an option, in the parser's order; NO goes with the
/// word after it.
const ORDER: [Word; 7] = [
    Word::INCREMENT,
    Word::MINVALUE,
    Word::MAXVALUE,
    Word::START,
    Word::CACHE,
    Word::CYCLE,
    Word::OWNED,
];

fn rank(token: &TokenWithSpan) -> Option<usize> {
    ORDER.iter().position(|word| is_word(token, *word))
}

/// Sorts the options of CREATE SEQUENCE, and of GENERATED ... AS IDENTITY.
pub(super) fn sort_sequence_options(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let concerned =
        |token: &TokenWithSpan| is_word(token, Word::SEQUENCE) || is_word(token, Word::IDENTITY);
    if !tokens.iter().any(concerned) {
        return tokens;
    }
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut options: Vec<(usize, Vec<TokenWithSpan>)> = Vec::new();
    let mut inside = false;
    let mut tokens = tokens
        .into_iter()
        .filter(|token| !matches!(token.token, Token::Whitespace(_)))
        .peekable();
    while let Some(token) = tokens.next() {
        inside |= concerned(&token);
        let ends = matches!(token.token, Token::RParen | Token::SemiColon | Token::EOF);
        if inside && ends {
            flush(&mut options, &mut out);
            inside = false;
        }
        let begins = match rank(&token) {
            None if is_word(&token, Word::NO) => tokens.peek().and_then(rank),
            // After NO the option has begun.
            found => found.filter(|_| {
                let last = options.last().and_then(|(_, option)| option.last());
                !last.is_some_and(|last| is_word(last, Word::NO))
            }),
        };
        match begins.filter(|_| inside) {
            Some(rank) => options.push((rank, vec![token])),
            None => match options.last_mut() {
                Some((_, option)) => option.push(token),
                None => out.push(token),
            },
        }
    }
    flush(&mut options, &mut out);
    out
}

fn flush(options: &mut Vec<(usize, Vec<TokenWithSpan>)>, out: &mut Vec<TokenWithSpan>) {
    options.sort_by_key(|(rank, _)| *rank);
    out.extend(options.drain(..).flat_map(|(_, option)| option));
}
