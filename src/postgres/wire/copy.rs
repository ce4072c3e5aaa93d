//! COPY in conversation: rows from the client, rows to the client.

use std::time::Duration;

use super::frontend::{Message, lossy};
use super::{Conversation, Stop};
use crate::postgres::error::{Error, SqlState};
use crate::postgres::session::{Answer, Bound, Prepared, Tag};
use crate::postgres::sql::{Command, Source};
use crate::postgres::types::Value;
use crate::postgres::utility::{Copy, CopyIn, Format, Rows, Writer};
use crate::rt;

/// Answers are sent once they fill so much.
const SEND_BYTES: usize = 64 * 1024;

impl Conversation<'_> {
    /// Runs a statement, COPY among them.
    pub(super) async fn run_statement(
        &mut self,
        prepared: &Prepared,
        bound: Option<(&mut Bound, usize)>,
        params: &[Value],
    ) -> Result<Answer, Stop> {
        let copy = match prepared.source.as_ref().map(Source::command) {
            Some(Command::Copy(copy)) => Some(self.session.prepare_copy(copy)?),
            _ => None,
        };
        match copy {
            None => Ok(self.session.run_bound(prepared, bound, params).await?),
            Some(Copy::In(copy)) => {
                // Its rows are one statement.
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
        let columns = query.output().iter();
        let writer = Writer {
            format,
            columns: columns
                .map(|column| (column.name.as_str(), column.ty))
                .collect(),
            style: self.session.settings.style,
        };
        let out = &mut self.connection.out;
        out.copy_response(b'H', writer.columns.len(), format.is_binary());
        out.copy_data(|out| writer.header(out));
        let rows = answer.rows.iter().map(|row| Some(&row[..]));
        for (index, row) in rows.chain([None]).enumerate() {
            let out = &mut self.connection.out;
            out.copy_data(|out| writer.row(index == 0, row, out));
            if out.bytes.len() >= SEND_BYTES {
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
        let out = &mut self.connection.out;
        out.copy_response(b'G', columns, copy.is_binary());
        self.connection.flush().await?;
        let mut rows = copy.rows(self.session.reading());
        let mut count = 0;
        loop {
            let (kind, body) = self.connection.message().await?;
            match Message::decode(kind, &body) {
                Ok(Message::CopyData(data)) => rows.feed(data),
                Ok(Message::CopyDone) => break,
                Ok(Message::CopyFail(why)) => return Err(failed(why).into()),
                // The driver may have sent them along with the statement.
                Ok(Message::Sync | Message::Flush) => continue,
                Err(error) => return Err(error.into()),
                Ok(_) => return Err(unexpected(kind).into()),
            }
            count += self.insert_rows(&mut rows, copy, false).await?;
        }
        count += self.insert_rows(&mut rows, copy, true).await?;
        Ok(Answer {
            tag: Tag::Count("COPY", count),
            ..Answer::default()
        })
    }

    /// Inserts the rows that are there as a whole.
    async fn insert_rows(
        &mut self,
        rows: &mut Rows<'_>,
        copy: &CopyIn,
        last: bool,
    ) -> Result<u64, Stop> {
        let mut count = 0;
        while let Some(values) = rows.next(last)? {
            let inserted = self.session.run(&copy.insert, &values).await;
            inserted.map_err(|error| rows.refused(error))?;
            count += 1;
        }
        Ok(count)
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
