//! Running a spec and printing what happens, as PostgreSQL's isolation tester
//! does it: a step that does not answer is reported once the server says that
//! it waits for another session of the spec.

use std::fmt::Write;
use std::time::Duration;

use super::client::{Aside, Client, Outcome};
use super::spec::{Marker, Place, Spec};

/// How often the tester asks whether a step waits.
const LOOK: Duration = Duration::from_millis(10);
/// Looks after which a step is given up: six minutes.
const LOOKS_MAX: usize = 36_000;

struct Tester<'a> {
    spec: &'a Spec,
    control: Client,
    clients: Vec<Client>,
    /// The step that each session is at.
    active: Vec<Option<Place>>,
    notices: Vec<usize>,
    new_notice: bool,
    out: String,
}

/// How to try to complete a step.
#[derive(Clone, Copy)]
struct Try {
    /// Return once the step waits.
    may_block: bool,
    /// It has been tried before.
    again: bool,
}

/// A step that has been sent, with how many notices each of its markers asks
/// for.
#[derive(Clone)]
struct Sent {
    place: Place,
    session: usize,
    targets: Vec<usize>,
}

/// Runs a spec against a server and returns what the tester prints.
pub async fn run(address: &str, name: &str, spec: &Spec) -> String {
    let application = format!("isolation/{name}");
    let parameters = [
        ("user", "postgres"),
        ("database", "postgres"),
        ("application_name", application.as_str()),
        ("DateStyle", "Postgres, MDY"),
        ("TimeZone", "PST8PDT"),
    ];
    let control = Client::connect(address, &parameters).await;
    let mut clients = Vec::new();
    for _ in &spec.sessions {
        clients.push(Client::connect(address, &parameters).await);
    }
    let mut tester = Tester {
        spec,
        control,
        active: vec![None; clients.len()],
        notices: vec![0; clients.len()],
        clients,
        new_notice: false,
        out: format!("Parsed test spec with {} sessions\n", spec.sessions.len()),
    };
    for permutation in spec.permutations() {
        if let Err(problem) = tester.permutation(&permutation).await {
            writeln!(tester.out, "{problem}").unwrap();
            break;
        }
    }
    tester.out
}

impl Tester<'_> {
    async fn permutation(&mut self, places: &[Place]) -> Result<(), String> {
        let names: Vec<&str> = places.iter().map(|place| place.step.as_str()).collect();
        write!(self.out, "\nstarting permutation: {}\n", names.join(" ")).unwrap();
        let spec = self.spec;
        for setup in &spec.setups {
            self.control.run(setup).await;
            let outcomes = std::mem::take(&mut self.control.outcomes);
            self.print_last(outcomes, "setup")?;
        }
        for (index, session) in spec.sessions.iter().enumerate() {
            if let Some(setup) = &session.setup {
                self.run_whole(index, setup, "setup").await?;
            }
        }
        self.steps(places).await?;
        for (index, session) in spec.sessions.iter().enumerate() {
            if let Some(teardown) = &session.teardown {
                self.run_whole(index, teardown, "teardown").await?;
            }
        }
        if let Some(teardown) = &spec.teardown {
            self.control.run(teardown).await;
            let outcomes = std::mem::take(&mut self.control.outcomes);
            self.print_last(outcomes, "teardown")?;
        }
        Ok(())
    }

    async fn run_whole(&mut self, session: usize, sql: &str, what: &str) -> Result<(), String> {
        self.clients[session].run(sql).await;
        self.hear(session);
        let outcomes = std::mem::take(&mut self.clients[session].outcomes);
        self.print_last(outcomes, what)
    }

    /// Of a set-up's results the last counts.
    fn print_last(
        &mut self,
        outcomes: impl IntoIterator<Item = Outcome>,
        what: &str,
    ) -> Result<(), String> {
        for outcome in outcomes {
            match outcome {
                Outcome::Error(error) => return Err(format!("{what} failed: {error}")),
                Outcome::Rows(names, rows) => self.out.push_str(&table(&names, &rows)),
                Outcome::Done => {}
            }
        }
        Ok(())
    }

    async fn steps(&mut self, places: &[Place]) -> Result<(), String> {
        let mut waiting: Vec<Sent> = Vec::new();
        let poll = Try {
            may_block: true,
            again: true,
        };
        for place in places {
            let (session, sql) = self.spec.step(&place.step);
            let mut tries = 0;
            while let Some(old) = self.active[session].clone() {
                let at = waiting.iter().position(|sent| sent.place.step == old.step);
                let at = at.ok_or_else(|| format!("step {} is lost", old.step))?;
                let sent = waiting[at].clone();
                let to_the_end = Try {
                    may_block: false,
                    again: true,
                };
                if !self.still_waits(&sent, to_the_end).await? {
                    waiting.remove(at);
                }
                self.complete(&mut waiting, poll).await?;
                tries += 1;
                if tries > LOOKS_MAX {
                    return Err(format!("step {} timed out", old.step));
                }
            }
            self.clients[session].send(sql).await;
            self.active[session] = Some(place.clone());
            let targets = place.markers.iter().map(|marker| match marker {
                Marker::Notices(step, n) => n + self.notices[self.spec.step(step).0],
                Marker::Waits | Marker::While(_) => 0,
            });
            let sent = Sent {
                place: place.clone(),
                session,
                targets: targets.collect(),
            };
            let first = Try {
                may_block: true,
                again: false,
            };
            let waits = self.still_waits(&sent, first).await?;
            self.complete(&mut waiting, poll).await?;
            if waits {
                waiting.push(sent);
            }
        }
        let last = Try {
            may_block: false,
            again: true,
        };
        self.complete(&mut waiting, last).await?;
        if waiting.is_empty() {
            Ok(())
        } else {
            Err("failed to complete permutation due to mutually-blocking steps".to_owned())
        }
    }

    /// Tries to complete all steps that wait.
    async fn complete(&mut self, waiting: &mut Vec<Sent>, how: Try) -> Result<(), String> {
        loop {
            self.new_notice = false;
            let before = waiting.len();
            let mut has_marker = false;
            let mut at = 0;
            while let Some(sent) = waiting.get(at).cloned() {
                if self.still_waits(&sent, how).await? {
                    has_marker |= !sent.place.markers.is_empty();
                    at += 1;
                } else {
                    waiting.remove(at);
                }
            }
            if !(has_marker && (waiting.len() < before || self.new_notice)) {
                return Ok(());
            }
        }
    }

    /// Tries to complete a step; true if it still waits.
    async fn still_waits(&mut self, sent: &Sent, how: Try) -> Result<bool, String> {
        let (step, session) = (&sent.place.step, sent.session);
        let sql = self.spec.step(step).1;
        let waits = format!("step {step}: {sql} <waiting ...>\n");
        if !how.again && sent.place.markers.contains(&Marker::Waits) {
            self.out.push_str(&waits);
            return Ok(true);
        }
        let mut looks = 0;
        while self.clients[session].busy && self.clients[session].outcomes.is_empty() {
            if self.clients[session].read_within(LOOK).await {
                self.hear(session);
                continue;
            }
            if how.may_block && self.is_blocked(session).await {
                self.clients[session].drain().await;
                self.hear(session);
                let client = &self.clients[session];
                if client.busy && client.outcomes.is_empty() {
                    if !how.again {
                        self.out.push_str(&waits);
                    }
                    return Ok(true);
                }
            }
            looks += 1;
            if looks > LOOKS_MAX {
                return Err(format!("step {step} timed out"));
            }
        }
        if self.is_held_back(sent) {
            if !how.again {
                self.out.push_str(&waits);
            }
            return Ok(true);
        }
        if how.again {
            writeln!(self.out, "step {step}: <... completed>").unwrap();
        } else {
            writeln!(self.out, "step {step}: {sql}").unwrap();
        }
        self.results(session).await;
        self.active[session] = None;
        Ok(false)
    }

    async fn results(&mut self, session: usize) {
        loop {
            while let Some(outcome) = self.clients[session].outcomes.pop_front() {
                match outcome {
                    Outcome::Done => {}
                    Outcome::Rows(names, rows) => self.out.push_str(&table(&names, &rows)),
                    Outcome::Error(error) => writeln!(self.out, "{error}").unwrap(),
                }
            }
            if !self.clients[session].busy {
                break;
            }
            self.clients[session].finish().await;
            self.hear(session);
        }
        self.clients[session].drain().await;
        self.hear(session);
        let mut asides = std::mem::take(&mut self.clients[session].asides);
        for aside in asides.drain(..) {
            let Aside::Notification {
                pid,
                channel,
                payload,
            } = aside
            else {
                continue;
            };
            let sender = self.clients.iter().position(|client| client.pid == pid);
            let sender = sender.map_or_else(
                || format!("PID {pid}"),
                |at| self.spec.sessions[at].name.clone(),
            );
            let name = &self.spec.sessions[session].name;
            writeln!(
                self.out,
                "{name}: NOTIFY \"{channel}\" with payload \"{payload}\" from {sender}"
            )
            .unwrap();
        }
    }

    /// Prints the notices that have come.
    fn hear(&mut self, session: usize) {
        let name = &self.spec.sessions[session].name;
        self.clients[session].asides.retain(|aside| {
            let Aside::Notice(notice) = aside else {
                return true;
            };
            write!(self.out, "{name}: {notice}").unwrap();
            self.notices[session] += 1;
            self.new_notice = true;
            false
        });
    }

    async fn is_blocked(&mut self, session: usize) -> bool {
        let pids: Vec<String> = self.clients.iter().map(|c| c.pid.to_string()).collect();
        let pid = &pids[session];
        let list = pids.join(",");
        let sql =
            format!("SELECT pg_catalog.pg_isolation_test_session_is_blocked({pid}, '{{{list}}}')");
        self.control.run(&sql).await;
        match self.control.outcomes.pop_front() {
            Some(Outcome::Rows(_, rows)) => rows[0][0] == "t",
            other => panic!("whether a session waits: {other:?}"),
        }
    }

    fn is_held_back(&self, sent: &Sent) -> bool {
        let mut markers = sent.place.markers.iter().zip(&sent.targets);
        markers.any(|(marker, target)| match marker {
            Marker::Waits => false,
            Marker::While(step) => {
                let active = &self.active[self.spec.step(step).0];
                active.as_ref().is_some_and(|place| place.step == *step)
            }
            Marker::Notices(step, _) => self.notices[self.spec.step(step).0] < *target,
        })
    }
}

/// A result as libpq prints it: columns of numbers to the right.
fn table(names: &[String], rows: &[Vec<String>]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let numeric = |text: &String| {
        let inside = |c: char| c.is_ascii_digit() || ".Ee -".contains(c);
        text.chars().all(inside)
            && !text.starts_with(['E', 'e'])
            && text.ends_with(|c: char| c.is_ascii_digit())
    };
    let columns: Vec<(usize, bool)> = (0..names.len())
        .map(|at| {
            let values = rows.iter().map(|row| &row[at]);
            let width = values.clone().map(String::len).max().unwrap_or(0);
            let right = values.filter(|value| !value.is_empty()).all(numeric);
            (width.max(names[at].len()), right)
        })
        .collect();
    let line = |values: &[String]| {
        let cells = values.iter().zip(&columns).map(|(value, (width, right))| {
            let space = " ".repeat(width.saturating_sub(value.len()));
            if *right {
                format!("{space}{value}")
            } else {
                format!("{value}{space}")
            }
        });
        cells.collect::<Vec<_>>().join("|") + "\n"
    };
    let border: Vec<String> = columns
        .iter()
        .map(|(width, _)| "-".repeat(*width))
        .collect();
    let mut out = line(names) + &border.join("+") + "\n";
    for row in rows {
        out.push_str(&line(row));
    }
    let s = if rows.len() == 1 { "" } else { "s" };
    out + &format!("({} row{s})\n\n", rows.len())
}
