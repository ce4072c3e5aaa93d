//! The extended protocol: prepared statements and portals.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::Conversation;
use super::backend::{BINARY, format_of};
use super::frontend::{Message, Named, lossy};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::session::{Answer, Block, Prepared, Tag};
use crate::postgres::sql::{Keyword, Source, parse};
use crate::postgres::types::{Type, Value, from_binary, from_text};

/// A statement bound to its parameters.
struct Portal {
    prepared: Arc<Prepared>,
    params: Vec<Value>,
    formats: Vec<i16>,
    /// What running it gave, and how many rows of that were sent.
    result: Option<(Answer, usize)>,
}

/// What a connection has prepared.
#[derive(Default)]
pub(super) struct Extended {
    statements: BTreeMap<Bytes, Arc<Prepared>>,
    portals: BTreeMap<Bytes, Portal>,
}

impl Extended {
    /// Portals live no longer than their transaction.
    pub(super) fn transaction_ended(&mut self) {
        self.portals.clear();
    }

    /// A simple query takes the place of the unnamed statement.
    pub(super) fn forget_unnamed(&mut self) {
        self.statements.remove(&b""[..]);
        self.portals.remove(&b""[..]);
    }
}

/// A query's text.
pub(super) fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let byte = bytes.get(error.valid_up_to()).copied().unwrap_or(0);
        Error::new(
            SqlState::CHARACTER_NOT_IN_REPERTOIRE,
            format!("invalid byte sequence for encoding \"UTF8\": 0x{byte:02x}"),
        )
    })
}

impl Conversation<'_> {
    pub(super) async fn extended_message(&mut self, message: Message) -> Result<()> {
        match message {
            Message::Parse { name, sql, types } => self.parse(name, &sql, &types),
            Message::Bind {
                portal,
                statement,
                formats,
                params,
                result_formats,
            } => self.bind(portal, &statement, &formats, &params, result_formats),
            Message::Describe(named) => self.describe(&named),
            Message::Execute { portal, max_rows } => self.execute(&portal, max_rows).await,
            Message::Close(named) => {
                match named {
                    Named::Statement(name) => drop(self.extended.statements.remove(&name)),
                    Named::Portal(name) => drop(self.extended.portals.remove(&name)),
                }
                self.connection.out.close_complete();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn parse(&mut self, name: Bytes, sql: &Bytes, types: &[u32]) -> Result<()> {
        let sql = text(sql)?;
        if !name.is_empty() && self.extended.statements.contains_key(&name) {
            return Err(Error::new(
                SqlState::DUPLICATE_PREPARED_STATEMENT,
                format!("prepared statement \"{}\" already exists", lossy(&name)),
            ));
        }
        let parsed = parse(sql)?;
        let mut sources = Source::all(&parsed);
        let source = sources.next();
        if sources.next().is_some() {
            return Err(Error::new(
                SqlState::SYNTAX_ERROR,
                "cannot insert multiple commands into a prepared statement",
            ));
        }
        let types = types
            .iter()
            .map(|oid| match oid {
                0 => Ok(Type::Unknown),
                oid => Type::from_oid(*oid)
                    .ok_or_else(|| Error::unsupported(format!("a parameter of type {oid}"))),
            })
            .collect::<Result<Vec<_>>>()?;
        let prepared = self.session.prepare(source, Some(sql), &types)?;
        self.extended.statements.insert(name, Arc::new(prepared));
        self.connection.out.parse_complete();
        Ok(())
    }

    fn statement(&self, name: &Bytes) -> Result<&Arc<Prepared>> {
        self.extended.statements.get(name).ok_or_else(|| {
            let message = if name.is_empty() {
                "unnamed prepared statement does not exist".to_owned()
            } else {
                format!("prepared statement \"{}\" does not exist", lossy(name))
            };
            Error::new(SqlState::INVALID_SQL_STATEMENT_NAME, message)
        })
    }

    fn bind(
        &mut self,
        portal: Bytes,
        statement: &Bytes,
        formats: &[i16],
        params: &[Option<Bytes>],
        result_formats: Vec<i16>,
    ) -> Result<()> {
        let prepared = self.statement(statement)?.clone();
        self.session.refuse_if_failed(prepared.keyword())?;
        let types = prepared.params();
        if params.len() != types.len() {
            return Err(Error::new(
                SqlState::PROTOCOL_VIOLATION,
                format!(
                    "bind message supplies {} parameters, but prepared statement \"{}\" requires {}",
                    params.len(),
                    lossy(statement),
                    types.len()
                ),
            ));
        }
        if formats.len() > 1 && formats.len() != params.len() {
            return Err(Error::new(
                SqlState::PROTOCOL_VIOLATION,
                format!(
                    "bind message has {} parameter formats but {} parameters",
                    formats.len(),
                    params.len()
                ),
            ));
        }
        let columns = prepared.output().len();
        if result_formats.len() > 1 && result_formats.len() != columns {
            return Err(Error::new(
                SqlState::PROTOCOL_VIOLATION,
                format!(
                    "bind message has {} result formats but query has {columns} columns",
                    result_formats.len()
                ),
            ));
        }
        let params = params
            .iter()
            .zip(types)
            .enumerate()
            .map(|(index, (param, ty))| match param {
                None => Ok(Value::Null),
                Some(bytes) if format_of(formats, index) == BINARY => {
                    from_binary(*ty, bytes, index)
                }
                Some(bytes) => from_text(*ty, text(bytes)?),
            })
            .collect::<Result<Vec<_>>>()?;
        if !portal.is_empty() && self.extended.portals.contains_key(&portal) {
            return Err(Error::new(
                SqlState::DUPLICATE_CURSOR,
                format!("portal \"{}\" already exists", lossy(&portal)),
            ));
        }
        let bound = Portal {
            prepared,
            params,
            formats: result_formats,
            result: None,
        };
        self.extended.portals.insert(portal, bound);
        self.connection.out.bind_complete();
        Ok(())
    }

    fn describe(&mut self, named: &Named) -> Result<()> {
        let (prepared, formats) = match named {
            Named::Statement(name) => {
                let prepared = self.statement(name)?.clone();
                self.connection.out.parameters(prepared.params());
                (prepared, Vec::new())
            }
            Named::Portal(name) => {
                let portal = self.portal(name)?;
                (portal.prepared.clone(), portal.formats.clone())
            }
        };
        if prepared.gives_rows() {
            self.connection
                .out
                .row_description(prepared.output(), &formats);
        } else {
            self.connection.out.no_data();
        }
        Ok(())
    }

    fn portal(&self, name: &Bytes) -> Result<&Portal> {
        self.extended
            .portals
            .get(name)
            .ok_or_else(|| no_portal(name))
    }

    async fn execute(&mut self, name: &Bytes, max_rows: i32) -> Result<()> {
        // Taken out while it runs: COMMIT ends all portals, this one too.
        let mut portal = self
            .extended
            .portals
            .remove(name)
            .ok_or_else(|| no_portal(name))?;
        let keyword = portal.prepared.keyword();
        self.connection.labels.push(keyword.answer());
        if portal.prepared.source.is_none() {
            self.connection.out.empty_query();
            return Ok(());
        }
        if portal.result.is_none() {
            let answer = self.session.run(&portal.prepared, &portal.params).await?;
            portal.result = Some((answer, 0));
        }
        self.send(&mut portal, max_rows);
        if matches!(keyword, Keyword::Commit | Keyword::Rollback)
            && self.session.block == Block::None
        {
            self.extended.transaction_ended();
        } else {
            self.extended.portals.insert(name.clone(), portal);
        }
        Ok(())
    }

    /// Sends the next rows of a portal, all of them for `max_rows` 0.
    fn send(&mut self, portal: &mut Portal, max_rows: i32) {
        let Some((answer, sent)) = &mut portal.result else {
            return;
        };
        let out = &mut self.connection.out;
        let limit = usize::try_from(max_rows).ok().filter(|rows| *rows > 0);
        let rest = answer.rows.get(*sent..).unwrap_or_default();
        let batch = &rest[..rest.len().min(limit.unwrap_or(usize::MAX))];
        if portal.prepared.gives_rows() {
            for row in batch {
                out.data_row(portal.prepared.output(), row, &portal.formats);
            }
        }
        *sent += batch.len();
        // A full batch is not known to be the last.
        if limit.is_some_and(|limit| batch.len() == limit) {
            out.portal_suspended();
            return;
        }
        if let Tag::Count(word @ "SELECT", _) = answer.tag {
            answer.tag = Tag::Count(word, batch.len() as u64);
        }
        let finished = Answer {
            rows: Vec::new(),
            ..std::mem::take(answer)
        };
        *sent = 0;
        answer.tag = finished.tag;
        self.finish(&finished);
    }
}

fn no_portal(name: &Bytes) -> Error {
    Error::new(
        SqlState::INVALID_CURSOR_NAME,
        format!("portal \"{}\" does not exist", lossy(name)),
    )
}
