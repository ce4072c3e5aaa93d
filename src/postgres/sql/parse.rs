//! Parsing, and the one cache of parsed statements that a process keeps.
//!
//! Parsing costs more than running most statements, and it is pure: the cache
//! is only ever looked up by text, so no run can tell whether it was warm.
//! sqlparser knows two of PostgreSQL's four row-lock strengths and takes one
//! table after OF; the tokens of a locking clause are rewritten to one form
//! that carries all of it. DEFERRABLE as a transaction mode it does not know
//! either.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use parking_lot::RwLock;
use sqlparser::ast::Statement;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword as Word;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::client::{rewrite_client_statements, rewrite_current_of};
use super::command::{self, Command, Next, Refused, is_lenient};
use super::depth::{check_depth, too_deep};
use super::grammar::{self, Grammar};
use super::like::rewrite_likes;
use super::literal::{join_texts, rewrite_interval_literals};
use super::numbers::check_numbers;
use super::options::sort_sequence_options;
use super::overriding::rewrite_overriding;
use super::reserved::{make_names, mark};
use super::target::rewrite_conflict_targets;
use crate::postgres::error::{Error, Result, SqlState};

/// The text of one query message: its statements.
#[derive(Debug)]
pub(in crate::postgres) struct Parsed {
    pub(in crate::postgres) statements: Vec<Command>,
}

/// One statement of a parsed text.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Source {
    parsed: Arc<Parsed>,
    index: usize,
}

impl Source {
    pub(in crate::postgres) fn all(parsed: &Arc<Parsed>) -> impl Iterator<Item = Source> {
        let parsed = parsed.clone();
        (0..parsed.statements.len()).map(move |index| Source {
            parsed: parsed.clone(),
            index,
        })
    }

    /// A statement that has no text of its own.
    pub(in crate::postgres) fn of(statement: Statement) -> Source {
        let statements = vec![Command::Sql(Box::new(statement))];
        Source {
            parsed: Arc::new(Parsed { statements }),
            index: 0,
        }
    }

    pub(in crate::postgres) fn command(&self) -> &Command {
        &self.parsed.statements[self.index]
    }

    pub(in crate::postgres) fn keyword(&self) -> Keyword {
        Keyword::of(self.command())
    }
}

/// What a statement does, for labels and for what may run where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum Keyword {
    Begin,
    Commit,
    Rollback,
    Select,
    Insert,
    Update,
    Delete,
    Other,
}

impl Keyword {
    /// Every keyword that has a label of its own.
    pub(in crate::postgres) const ALL: [Keyword; 8] = [
        Keyword::Begin,
        Keyword::Commit,
        Keyword::Rollback,
        Keyword::Select,
        Keyword::Insert,
        Keyword::Update,
        Keyword::Delete,
        Keyword::Other,
    ];

    fn of(command: &Command) -> Keyword {
        let Some(statement) = command.as_sql() else {
            return Keyword::Other;
        };
        match statement {
            Statement::StartTransaction { .. } => Keyword::Begin,
            Statement::Commit { .. } => Keyword::Commit,
            Statement::Rollback { .. } => Keyword::Rollback,
            Statement::Query(_) => Keyword::Select,
            Statement::Insert(_) => Keyword::Insert,
            Statement::Update(_) => Keyword::Update,
            Statement::Delete(_) => Keyword::Delete,
            _ => Keyword::Other,
        }
    }

    /// The keyword that a text starts with.
    pub(in crate::postgres) fn first(sql: &str) -> Keyword {
        let word = sql.trim_start();
        let end = word
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(word.len());
        let is = |keyword: &str| word[..end].eq_ignore_ascii_case(keyword);
        match () {
            () if is("begin") || is("start") => Keyword::Begin,
            () if is("commit") || is("end") => Keyword::Commit,
            () if is("rollback") || is("abort") => Keyword::Rollback,
            () if is("select") => Keyword::Select,
            () if is("insert") => Keyword::Insert,
            () if is("update") => Keyword::Update,
            () if is("delete") => Keyword::Delete,
            () => Keyword::Other,
        }
    }

    /// The label of a request.
    pub(in crate::postgres) fn request(self) -> &'static str {
        match self {
            Keyword::Begin => "BEGIN",
            Keyword::Commit => "COMMIT",
            Keyword::Rollback => "ROLLBACK",
            Keyword::Select => "SELECT",
            Keyword::Insert => "INSERT",
            Keyword::Update => "UPDATE",
            Keyword::Delete => "DELETE",
            Keyword::Other => "SQL",
        }
    }

    /// The label of its answer.
    pub(in crate::postgres) fn answer(self) -> &'static str {
        match self {
            Keyword::Begin => "answer to BEGIN",
            Keyword::Commit => "answer to COMMIT",
            Keyword::Rollback => "answer to ROLLBACK",
            Keyword::Select => "answer to SELECT",
            Keyword::Insert => "answer to INSERT",
            Keyword::Update => "answer to UPDATE",
            Keyword::Delete => "answer to DELETE",
            Keyword::Other => "answer to SQL",
        }
    }
}

/// Texts beyond this many are parsed every time.
const CACHED_MAX: usize = 4_096;
/// Longer texts are not worth keeping.
const CACHED_LENGTH_MAX: usize = 16 * 1024;

type Cache = RwLock<BTreeMap<Box<str>, Arc<Parsed>>>;

fn cache() -> &'static Cache {
    static CACHE: OnceLock<Cache> = OnceLock::new();
    CACHE.get_or_init(Cache::default)
}

/// Parses a text of any number of statements.
pub(in crate::postgres) fn parse(sql: &str) -> Result<Arc<Parsed>> {
    if let Some(parsed) = cache().read().get(sql) {
        return Ok(parsed.clone());
    }
    let mut reading = Reading { sql, grammar: None };
    let statements = reading.read()?;
    let keep = sql.len() <= CACHED_LENGTH_MAX && reading.grammar.is_none();
    let parsed = Arc::new(Parsed { statements });
    if keep {
        let mut cache = cache().write();
        if cache.len() < CACHED_MAX {
            cache.insert(sql.into(), parsed.clone());
        }
    }
    Ok(parsed)
}

/// A text that is being parsed.
struct Reading<'a> {
    sql: &'a str,
    /// Once it has been asked: its answer, if it has one.
    grammar: Option<Option<Grammar>>,
}

impl Reading<'_> {
    fn read(&mut self) -> Result<Vec<Command>> {
        let mut tokens = self.tokens()?;
        mark(&mut tokens);
        match self.commands(tokens)? {
            Some(commands) => Ok(commands),
            // A name that PostgreSQL takes, though it is a reserved word.
            None => {
                let tokens = self.tokens()?;
                Ok(self.commands(tokens)?.unwrap_or_default())
            }
        }
    }

    /// The tokens, in the form that the parser takes.
    fn tokens(&self) -> Result<Vec<TokenWithSpan>> {
        let mut tokens = tokenize(self.sql)?;
        check_depth(&tokens)?;
        make_names(&mut tokens);
        let tokens = join_texts(tokens);
        let tokens = rewrite_deferrable(rewrite_locking_clauses(tokens));
        let tokens = rewrite_current_of(rewrite_client_statements(tokens));
        let tokens = rewrite_overriding(rewrite_likes(tokens));
        let tokens = rewrite_interval_literals(tokens);
        Ok(sort_sequence_options(rewrite_conflict_targets(tokens)))
    }

    /// The statements; None if a marked word has become a name and may.
    fn commands(&mut self, tokens: Vec<TokenWithSpan>) -> Result<Option<Vec<Command>>> {
        let dialect = PostgreSqlDialect {};
        let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens);
        let mut commands = Vec::new();
        loop {
            let refused = match command::next(&mut parser) {
                Ok(Next::None) => return Ok(Some(commands)),
                Ok(Next::Command(command)) => {
                    if command.as_sql().is_some_and(is_lenient) {
                        self.ask()?;
                    }
                    if command.is_marked() {
                        self.ask()?;
                        return Ok(None);
                    }
                    commands.push(command);
                    continue;
                }
                Ok(Next::Named(name)) => self.refuse(&mut parser, Some(name), None)?,
                Err(error) => self.refuse(&mut parser, None, Some(&error))?,
            };
            commands.push(Command::Refused(refused));
        }
    }

    /// Asks PostgreSQL's grammar, whose error counts.
    fn ask(&mut self) -> Result<Option<&Grammar>> {
        if self.grammar.is_none() {
            self.grammar = Some(Grammar::read(self.sql, &tokenize(self.sql)?)?);
        }
        Ok(self.grammar.as_ref().and_then(Option::as_ref))
    }

    /// Reads over a statement that is refused: by its name, or because of what
    /// the parser does not take, if PostgreSQL does.
    fn refuse(
        &mut self,
        parser: &mut Parser<'_>,
        name: Option<String>,
        failure: Option<&ParserError>,
    ) -> Result<Refused> {
        let position = stopped(self.sql, parser, failure)?;
        let (what, end) = match (self.ask()?, name) {
            (None, None) => {
                let token = first_token(from_position(self.sql, position));
                return Err(grammar::syntax_error(token, position));
            }
            (None, Some(name)) => (name, 0),
            (Some(grammar), name) => {
                let (what, end) = grammar.unsupported(position);
                (name.unwrap_or(what), end)
            }
        };
        skip_statement(parser, end);
        Ok(Refused { what, position })
    }
}

/// Skips what is left of a statement that ends before this character: there
/// may be semicolons in it.
fn skip_statement(parser: &mut Parser<'_>, end: usize) {
    loop {
        let next = parser.peek_token_ref();
        let inside = next.token != Token::EOF && column(next.span.start) < end;
        if !inside && command::at_end(parser) {
            return;
        }
        parser.next_token();
    }
}

/// The tokens; what cannot be scanned is an error, unless there is one before
/// it.
fn tokenize(sql: &str) -> Result<Vec<TokenWithSpan>> {
    let mut tokens = Vec::new();
    let scanned =
        Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location_into_buf(&mut tokens);
    count_from_start(sql, &mut tokens);
    let unread = scanned.err().map(|error| {
        // It begins where the last token ends.
        let start = tokens.last().map_or(1, |token| column(token.span.end));
        unterminated(sql, start, &error.message)
    });
    let checked = check_numbers(sql, &tokens).and_then(|()| grammar::check_foreign(sql, &tokens));
    let wrong = checked.err().or(unread);
    match wrong {
        None => Ok(tokens),
        Some(error) => Err(grammar::first_error(sql, &tokens, error)),
    }
}

pub(super) fn column(at: Location) -> usize {
    usize::try_from(at.column).unwrap_or(usize::MAX)
}

/// Puts all tokens on one line: errors count characters from the start of the
/// text.
fn count_from_start(sql: &str, tokens: &mut [TokenWithSpan]) {
    let mut before = 0;
    let lines: Vec<u64> = sql
        .split_inclusive('\n')
        .map(|line| {
            let start = before;
            before += line.chars().count() as u64;
            start
        })
        .collect();
    for token in tokens {
        for place in [&mut token.span.start, &mut token.span.end] {
            let line = usize::try_from(place.line).unwrap_or(0);
            if let Some(start) = line.checked_sub(1).and_then(|line| lines.get(line)) {
                place.line = 1;
                place.column += start;
            }
        }
    }
}

pub(super) fn from_position(sql: &str, position: usize) -> &str {
    &sql[grammar::byte_of(sql, position)..]
}

fn unterminated(sql: &str, position: usize, message: &str) -> Error {
    let rest = from_position(sql, position);
    let lower = message.to_ascii_lowercase();
    let what = if lower.contains("comment") {
        "unterminated /* comment"
    } else if rest.starts_with('$') {
        "unterminated dollar-quoted string"
    } else if rest.starts_with('"') {
        "unterminated quoted identifier"
    } else if rest.starts_with(['\'', 'e', 'E']) {
        "unterminated quoted string"
    } else {
        "syntax error"
    };
    Error::new(
        SqlState::SYNTAX_ERROR,
        format!("{what} at or near \"{rest}\""),
    )
    .position(position)
}

/// The character, from 1, where the parser stopped: it reports it in its
/// message; where it does not, its next token is the one.
fn stopped(sql: &str, parser: &Parser<'_>, failure: Option<&ParserError>) -> Result<usize> {
    let next = || parser.peek_token_ref().span.start;
    let location = match failure {
        None => next(),
        Some(ParserError::ParserError(message)) => located(message).unwrap_or_else(next),
        Some(_) => return Err(too_deep()),
    };
    Ok(match location.line {
        0 => sql.chars().count() + 1,
        _ => column(location),
    })
}

fn located(message: &str) -> Option<Location> {
    if message.contains("found: EOF") {
        return Some(Location { line: 0, column: 0 });
    }
    let (_, place) = message.rsplit_once(" at Line: ")?;
    let (line, column) = place.split_once(", Column: ")?;
    Some(Location {
        line: line.parse().ok()?,
        column: column.parse().ok()?,
    })
}

fn first_token(rest: &str) -> &str {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let end = match rest.chars().next() {
        None => 0,
        Some(first) if word(first) => rest.find(|c| !word(c)).unwrap_or(rest.len()),
        Some(quote @ ('\'' | '"')) => rest[1..].find(quote).map_or(rest.len(), |at| at + 2),
        Some(first) => first.len_utf8(),
    };
    &rest[..end]
}

const STRENGTHS: &[&str] = &["UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE"];

/// Turns `FOR NO KEY UPDATE OF a, b` into `FOR UPDATE OF "NO KEY UPDATE".a.b`:
/// one form, which the parser takes, for every strength and any tables.
fn rewrite_locking_clauses(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if !tokens.iter().any(|token| is_word(token, Word::FOR)) {
        return tokens;
    }
    let mut significant = tokens
        .into_iter()
        .filter(|token| !matches!(token.token, Token::Whitespace(_)))
        .peekable();
    let mut out = Vec::new();
    while let Some(token) = significant.next() {
        let is_for = is_word(&token, Word::FOR);
        let span = token.span;
        out.push(token);
        if !is_for {
            continue;
        }
        let mut strength: Vec<TokenWithSpan> = Vec::new();
        let words = [Word::NO, Word::KEY, Word::UPDATE, Word::SHARE];
        while let Some(token) =
            significant.next_if(|token| words.iter().any(|word| is_word(token, *word)))
        {
            strength.push(token);
        }
        let name: Vec<String> = strength
            .iter()
            .map(|token| token.token.to_string().to_uppercase())
            .collect();
        if !STRENGTHS.contains(&name.join(" ").as_str()) {
            out.extend(strength);
            continue;
        }
        let mut push = |token: Token| out.push(TokenWithSpan { token, span });
        push(Token::make_keyword("UPDATE"));
        push(Token::make_keyword("OF"));
        push(Token::make_word(&name.join(" "), Some('"')));
        if significant
            .next_if(|token| is_word(token, Word::OF))
            .is_some()
        {
            while let Some(table) =
                significant.next_if(|token| matches!(token.token, Token::Word(_)))
            {
                push(Token::Period);
                push(table.token);
                if significant
                    .next_if(|token| token.token == Token::Comma)
                    .is_none()
                {
                    break;
                }
            }
        }
    }
    out
}

/// Turns the transaction mode DEFERRABLE into ISOLATION LEVEL SNAPSHOT, which
/// PostgreSQL does not have and the parser takes; NOT DEFERRABLE is that
/// twice.
fn rewrite_deferrable(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if !tokens.iter().any(|token| is_word(token, Word::DEFERRABLE)) {
        return tokens;
    }
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len() + 2);
    // Only statements that set modes: constraints are DEFERRABLE too.
    let mut first = true;
    let mut sets_modes = false;
    for token in tokens {
        match &token.token {
            Token::SemiColon => first = true,
            Token::Word(_) if first => {
                let starts = [Word::BEGIN, Word::START, Word::SET];
                sets_modes = starts.iter().any(|word| is_word(&token, *word));
                first = false;
            }
            _ => {}
        }
        if !(sets_modes && is_word(&token, Word::DEFERRABLE)) {
            out.push(token);
            continue;
        }
        let last = out
            .iter()
            .rposition(|token| !matches!(token.token, Token::Whitespace(_)));
        let span = token.span;
        let mut times = 1;
        if let Some(at) = last.filter(|at| is_word(&out[*at], Word::NOT)) {
            out.truncate(at);
            times = 2;
        }
        for word in ["ISOLATION", "LEVEL", "SNAPSHOT"].repeat(times) {
            let token = Token::make_keyword(word);
            out.push(TokenWithSpan { token, span });
        }
    }
    out
}

pub(super) fn is_word(token: &TokenWithSpan, word: Word) -> bool {
    matches!(&token.token, Token::Word(found) if found.keyword == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locking_clauses_keep_their_strength_and_tables() {
        let parsed = parse("SELECT 1 FROM a, b FOR NO KEY UPDATE OF a, b SKIP LOCKED").unwrap();
        let text = parsed.statements[0].as_sql().unwrap().to_string();
        assert!(
            text.ends_with("FOR UPDATE OF \"NO KEY UPDATE\".a.b SKIP LOCKED"),
            "{text}"
        );
    }

    #[test]
    fn syntax_errors_name_the_token() {
        let error = parse("SELEC 1").unwrap_err();
        assert_eq!(error.code(), SqlState::SYNTAX_ERROR);
        assert_eq!(error.fields().message, "syntax error at or near \"SELEC\"");
        assert_eq!(error.fields().position, Some(1));
        let error = parse("SELECT * FROM").unwrap_err();
        assert_eq!(error.fields().message, "syntax error at end of input");
        assert_eq!(error.fields().position, Some(14));
    }
}
