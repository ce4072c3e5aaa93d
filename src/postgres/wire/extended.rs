//! The extended protocol: prepared statements and portals.

use std::sync::Arc;

use super::backend::{BINARY, format_of};
use super::frontend::{Message, Named, Params, lossy};
use super::{Conversation, Stop};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::session::{Block, Prepared, Tag};
use crate::postgres::sql::{Keyword, Source, parse};
use crate::postgres::types::{Type, Value, from_binary, from_text, valid_text};
use crate::postgres::utility::{Formats, Portal, not_prepared};

impl Conversation<'_> {
    pub(super) async fn extended_message(
        &mut self,
        message: Message<'_>,
    ) -> std::result::Result<(), Stop> {
        match message {
            Message::Parse { name, sql, types } => self.parse(name, sql, &types).await?,
            Message::Bind {
                portal,
                statement,
                formats,
                params,
                result_formats,
            } => {
                self.bind(portal, statement, &formats, &params, result_formats)
                    .await?;
            }
            Message::Describe(named) => self.describe(&named)?,
            Message::Execute { portal, max_rows } => self.execute(portal, max_rows).await?,
            Message::Close(named) => {
                match named {
                    Named::Statement(name) => {
                        drop(self.session.statements.remove(valid_text(name)?))
                    }
                    Named::Portal(name) => drop(self.session.close_portal(valid_text(name)?)),
                }
                self.connection.out.close_complete();
            }
            _ => {}
        }
        Ok(())
    }

    async fn parse(&mut self, name: &[u8], sql: &[u8], types: &[u32]) -> Result<()> {
        let (name, sql) = (valid_text(name)?, valid_text(sql)?);
        let text: Arc<str> = sql.into();
        self.session.begin_activity(&text);
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
        let mut prepared = self.session.prepare_and_lock(source, sql, &types).await?;
        prepared.described = true;
        prepared.text = Some(text);
        self.session.keep_statement(name, prepared)?;
        self.connection.out.parse_complete();
        Ok(())
    }

    fn statement(&self, name: &[u8]) -> Result<&Arc<Prepared>> {
        let name = valid_text(name)?;
        let found = self.session.statements.get(name);
        found.ok_or_else(|| not_prepared(name))
    }

    async fn bind(
        &mut self,
        portal: &[u8],
        statement: &[u8],
        formats: &[i16],
        params: &Params<'_>,
        result_formats: Formats,
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
        let reading = self.session.reading();
        let mut values = Vec::with_capacity(types.len());
        for (index, (param, ty)) in params.iter().zip(types).enumerate() {
            values.push(match param {
                None => Value::Null,
                Some(bytes) if format_of(formats, index) == BINARY => {
                    from_binary(*ty, bytes, index)?
                }
                Some(bytes) => from_text(*ty, valid_text(bytes)?, &reading)?,
            });
        }
        let name = valid_text(portal)?;
        if !name.is_empty() && self.session.portals.get(name).is_some() {
            return Err(Error::new(
                SqlState::DUPLICATE_CURSOR,
                format!("cursor \"{name}\" already exists"),
            ));
        }
        // It takes the place of the one without a name.
        self.session.close_portal(name);
        let bound = self.session.bind(&prepared).await?;
        let portal = Portal::new(&self.session, prepared, bound, values, result_formats);
        self.session.portals.insert(name, portal);
        self.connection.out.bind_complete();
        Ok(())
    }

    fn describe(&mut self, named: &Named<'_>) -> Result<()> {
        let (prepared, formats) = match named {
            Named::Statement(name) => {
                let prepared = self.statement(name)?.clone();
                self.connection.out.parameters(prepared.params());
                (prepared, Formats::new())
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

    fn portal(&self, name: &[u8]) -> Result<&Portal> {
        let name = valid_text(name)?;
        let found = self.session.portals.get(name);
        found.ok_or_else(|| no_portal(name))
    }

    async fn execute(&mut self, name: &[u8], max_rows: i32) -> std::result::Result<(), Stop> {
        let name = valid_text(name)?;
        // Taken out while it runs: COMMIT ends all portals, this one too.
        let portal = self.session.portals.remove(name);
        let mut portal = portal.ok_or_else(|| no_portal(name))?;
        if let Some(text) = &portal.prepared.text {
            self.session.begin_activity(text);
        }
        let keyword = portal.prepared.keyword();
        self.connection.labels.push(keyword.answer());
        if portal.prepared.source.is_none() {
            self.connection.out.empty_query();
        } else if portal.has_run() && !portal.prepared.gives_rows() {
            return Err(Stop::Sql(Error::new(
                SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("portal \"{name}\" cannot be run"),
            )));
        } else {
            let limit = usize::try_from(max_rows).ok().filter(|rows| *rows > 0);
            let limit = limit.unwrap_or(usize::MAX);
            if let Some(lacking) = portal.lacks(limit) {
                let prepared = portal.prepared.clone();
                let bound = portal.bound.as_mut().map(|bound| (bound, lacking));
                let answer = self.run_statement(&prepared, bound, &portal.params);
                let answer = answer.await?;
                self.session.leave_snapshot(&mut portal);
                for notice in portal.take(answer) {
                    self.tell(&notice);
                }
            }
            self.send(&mut portal, limit)?;
        }
        let ended = matches!(keyword, Keyword::Commit | Keyword::Rollback);
        if !(ended && self.session.block == Block::None) {
            self.session.portals.insert(name, portal);
        }
        Ok(())
    }

    /// Sends the next rows of a portal.
    fn send(&mut self, portal: &mut Portal, limit: usize) -> Result<()> {
        let out = &mut self.connection.out;
        out.style = self.session.settings.style;
        let batch = portal.advance(true, limit)?;
        let sent = batch.len() as u64;
        let gives_rows = portal.prepared.gives_rows();
        if gives_rows {
            for row in &portal.rows[batch] {
                out.data_row(portal.prepared.output(), row, &portal.formats);
            }
        }
        // A full batch is not known to be the last.
        if !portal.at_end {
            out.portal_suspended();
            return Ok(());
        }
        out.command_complete(match portal.tag {
            Tag::Count(word @ "SELECT", _) if gives_rows => Tag::Count(word, sent),
            tag => tag,
        });
        Ok(())
    }
}

fn no_portal(name: &str) -> Error {
    Error::new(
        SqlState::INVALID_CURSOR_NAME,
        format!("portal \"{name}\" does not exist"),
    )
}
