//! COPY in conversation: lines from the client, lines to the client.

use std::time::Duration;

use super::frontend::{Message, lossy};
use super::{Conversation, Stop};
use crate::postgres::error::{Error, SqlState};
use crate::postgres::session::{Answer, Bound, Prepared, Tag};
use crate::postgres::sql::{Command, Source};
use crate::postgres::types::Value;
use crate::postgres::utility::{Copy, CopyIn, Format};
use crate::rt;

/// Answers are sent once they fill so much.
const SEND_BYTES: usize = 64 * 1024;

impl Conversation<'_> {
    /// Runs a statement, COPY among them.
    pub(super) async fn run_statement(
        &mut self,
        prepared: &Prepared,
        bound: Option<&Bound>,
        params: &[Value],
    ) -> Result<Answer, Stop> {
        let command = prepared.source.as_ref().map(Source::command);
        let statement = command.and_then(Command::as_sql);
        let copy = match statement {
            Some(statement) => self.session.prepare_copy(statement)?,
            None => None,
        };
        match copy {
            None => Ok(self.session.run_bound(prepared, bound, params).await?),
            Some(Copy::In(copy)) => {
                // Its lines are one statement.
                let statement_ns = std::mem::take(&mut self.session.cost.statement_ns);
                rt::work(Duration::from_nanos(statement_ns)).await;
                let copied = self.copy_in(&copy).await;
                self.session.cost.statement_ns = statement_ns;
                copied
            }
            Some(Copy::Out(query, format)) => self.copy_out(&query, &format).await,
        }
    }

    async fn copy_out(&mut self, query: &Prepared, format: &Format) -> Result<Answer, Stop> {
        let answer = self.session.run(query, &[]).await?;
        self.connection
            .out
            .copy_response(b'H', query.output().len());
        for row in &answer.rows {
            self.connection.out.copy_data(|out| format.write(row, out));
            if self.connection.out.bytes.len() >= SEND_BYTES {
                self.connection.flush().await?;
            }
        }
        self.connection.out.copy_done();
        Ok(Answer {
            tag: Tag::Count("COPY", answer.rows.len() as u64),
            ..Answer::default()
        })
    }

    async fn copy_in(&mut self, copy: &CopyIn) -> Result<Answer, Stop> {
        let columns = copy.insert.params().len();
        self.connection.out.copy_response(b'G', columns);
        self.connection.flush().await?;
        let mut lines = Lines::default();
        let mut count = 0;
        loop {
            let (kind, body) = self.connection.message().await?;
            match Message::decode(kind, &body) {
                Ok(Message::CopyData(data)) => lines.rest.extend_from_slice(data),
                Ok(Message::CopyDone) => break,
                Ok(Message::CopyFail(why)) => return Err(failed(why).into()),
                // The driver may have sent them along with the statement.
                Ok(Message::Sync | Message::Flush) => continue,
                Err(error) => return Err(error.into()),
                Ok(_) => return Err(unexpected(kind).into()),
            }
            count += self.insert_lines(&mut lines, copy, false).await?;
        }
        count += self.insert_lines(&mut lines, copy, true).await?;
        Ok(Answer {
            tag: Tag::Count("COPY", count),
            ..Answer::default()
        })
    }

    /// Inserts the lines that are there as a whole; the last as well if it is.
    async fn insert_lines(
        &mut self,
        lines: &mut Lines,
        copy: &CopyIn,
        last: bool,
    ) -> Result<u64, Stop> {
        let mut count = 0;
        let mut at = 0;
        while let Some((line, next)) = lines.line(at, last) {
            at = next;
            if lines.ended {
                continue;
            }
            lines.number += 1;
            let (text, number) = (&lines.rest[line], lines.number);
            match copy.read(text, number)? {
                None => lines.ended = true,
                Some(values) => {
                    let inserted = self.session.run(&copy.insert, &values).await;
                    inserted.map_err(|error| copy.refused(error, text, number))?;
                    count += 1;
                }
            }
        }
        lines.rest.drain(..at);
        Ok(count)
    }
}

/// What the client has sent and is not dealt with yet.
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
    /// How many lines there were.
    number: u64,
    /// The data has ended inside the data.
    ended: bool,
}

impl Lines {
    /// The line at a place, and where the next one begins.
    fn line(&self, at: usize, last: bool) -> Option<(std::ops::Range<usize>, usize)> {
        let rest = &self.rest[at..];
        match rest.iter().position(|byte| *byte == b'\n') {
            Some(length) => Some((at..at + length, at + length + 1)),
            None if last && !rest.is_empty() => Some((at..self.rest.len(), self.rest.len())),
            None => None,
        }
    }
}

fn failed(why: &[u8]) -> Error {
    Error::new(
        SqlState::QUERY_CANCELED,
        format!("COPY from stdin failed: {}", lossy(why)),
    )
}

fn unexpected(kind: u8) -> Error {
    Error::new(
        SqlState::PROTOCOL_VIOLATION,
        format!("unexpected message type 0x{kind:02X} during COPY from stdin"),
    )
    .fatal()
}
