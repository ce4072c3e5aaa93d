//! Reading a spec of PostgreSQL's isolation tester: sessions with steps of
//! SQL, and the orders in which to run them.

/// A whole spec.
#[derive(Debug, Default)]
pub struct Spec {
    pub setups: Vec<String>,
    pub teardown: Option<String>,
    pub sessions: Vec<Session>,
    permutations: Vec<Vec<Place>>,
}

#[derive(Debug, Default)]
pub struct Session {
    pub name: String,
    pub setup: Option<String>,
    pub teardown: Option<String>,
    steps: Vec<(String, String)>,
}

/// A step where it stands in a permutation.
#[derive(Debug, Clone)]
pub struct Place {
    pub step: String,
    pub markers: Vec<Marker>,
}

/// When a step is told to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Marker {
    /// Not at once, whatever the server says.
    Waits,
    /// Not while this step is active.
    While(String),
    /// Not before the session of this step has had so many notices.
    Notices(String, usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Sql(String),
    Number(usize),
    Sign(char),
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '#' => (None, rest.find('\n').unwrap_or(rest.len())),
            '{' => {
                let end = rest.find('}').expect("a block ends");
                let space = [' ', '\t', '\r'];
                let sql = rest[1..end]
                    .trim_start_matches(space)
                    .trim_end_matches(space);
                (Some(Token::Sql(sql.to_owned())), end + 1)
            }
            '"' => {
                let end = rest[1..].find('"').expect("a quoted name ends") + 1;
                (Some(Token::Word(rest[1..end].to_owned())), end + 1)
            }
            ',' | '(' | ')' | '*' => (Some(Token::Sign(first)), 1),
            c if c.is_ascii_digit() => {
                let end = rest
                    .find(|c: char| !c.is_ascii_digit())
                    .unwrap_or(rest.len());
                (Some(Token::Number(rest[..end].parse().unwrap())), end)
            }
            c if c.is_alphabetic() || c == '_' => {
                let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
                let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
                (Some(Token::Word(rest[..end].to_owned())), end)
            }
            c => {
                assert!(c.is_whitespace(), "{c:?} in a spec");
                (None, c.len_utf8())
            }
        };
        tokens.extend(token);
        rest = &rest[length..];
    }
    tokens
}

impl Spec {
    /// Reads a spec.
    pub fn parse(text: &str) -> Spec {
        let tokens = tokens(text);
        let mut spec = Spec::default();
        let mut at = 0;
        let sql = |at: usize| match tokens.get(at) {
            Some(Token::Sql(sql)) => sql.clone(),
            other => panic!("a block of SQL, not {other:?}"),
        };
        let word = |at: usize| match tokens.get(at) {
            Some(Token::Word(word)) => word.clone(),
            other => panic!("a name, not {other:?}"),
        };
        while at < tokens.len() {
            match word(at).as_str() {
                "setup" => {
                    match spec.sessions.last_mut() {
                        Some(session) => session.setup = Some(sql(at + 1)),
                        None => spec.setups.push(sql(at + 1)),
                    }
                    at += 2;
                }
                "teardown" => {
                    match spec.sessions.last_mut() {
                        Some(session) => session.teardown = Some(sql(at + 1)),
                        None => spec.teardown = Some(sql(at + 1)),
                    }
                    at += 2;
                }
                "session" => {
                    spec.sessions.push(Session {
                        name: word(at + 1),
                        ..Session::default()
                    });
                    at += 2;
                }
                "step" => {
                    let session = spec
                        .sessions
                        .last_mut()
                        .expect("a session before its steps");
                    session.steps.push((word(at + 1), sql(at + 2)));
                    at += 3;
                }
                "permutation" => {
                    let (places, next) = places(&tokens, at + 1);
                    spec.permutations.push(places);
                    at = next;
                }
                other => panic!("{other} in a spec"),
            }
        }
        spec
    }

    /// The session of a step, and its SQL.
    pub fn step(&self, name: &str) -> (usize, &str) {
        let mut all = self
            .sessions
            .iter()
            .enumerate()
            .flat_map(|(index, session)| {
                let steps = session.steps.iter();
                steps.map(move |(name, sql)| (index, name, sql))
            });
        let found = all.find(|(_, step, _)| *step == name);
        let (session, _, sql) = found.unwrap_or_else(|| panic!("no step {name}"));
        (session, sql)
    }

    /// The permutations to run: those that are given, or all there are.
    pub fn permutations(&self) -> Vec<Vec<Place>> {
        if !self.permutations.is_empty() {
            return self.permutations.clone();
        }
        let mut all = Vec::new();
        self.interleave(&mut vec![0; self.sessions.len()], &mut Vec::new(), &mut all);
        all
    }

    fn interleave(&self, taken: &mut [usize], sofar: &mut Vec<Place>, all: &mut Vec<Vec<Place>>) {
        let mut complete = true;
        for (index, session) in self.sessions.iter().enumerate() {
            if let Some((step, _)) = session.steps.get(taken[index]) {
                complete = false;
                taken[index] += 1;
                sofar.push(Place {
                    step: step.clone(),
                    markers: Vec::new(),
                });
                self.interleave(taken, sofar, all);
                sofar.pop();
                taken[index] -= 1;
            }
        }
        if complete {
            all.push(sofar.clone());
        }
    }
}

const KEYWORDS: [&str; 5] = ["setup", "teardown", "session", "step", "permutation"];

fn places(tokens: &[Token], mut at: usize) -> (Vec<Place>, usize) {
    let mut places = Vec::new();
    while let Some(Token::Word(step)) = tokens.get(at)
        && !KEYWORDS.contains(&step.as_str())
    {
        at += 1;
        let mut markers = Vec::new();
        if tokens.get(at) == Some(&Token::Sign('(')) {
            let end = at
                + tokens[at..]
                    .iter()
                    .position(|t| *t == Token::Sign(')'))
                    .unwrap();
            markers = tokens[at + 1..end]
                .split(|token| *token == Token::Sign(','))
                .map(marker)
                .collect();
            at = end + 1;
        }
        places.push(Place {
            step: step.clone(),
            markers,
        });
    }
    (places, at)
}

fn marker(tokens: &[Token]) -> Marker {
    match tokens {
        [Token::Sign('*')] => Marker::Waits,
        [Token::Word(step)] => Marker::While(step.clone()),
        [Token::Word(step), Token::Word(notices), Token::Number(n)] if notices == "notices" => {
            Marker::Notices(step.clone(), *n)
        }
        other => panic!("a marker, not {other:?}"),
    }
}
