//! COPY between a table and the client.
//!
//! COPY FROM STDIN runs an INSERT for each row; COPY TO STDOUT is a query
//! whose rows are written. The conversation itself is `wire`'s.

mod binary;
mod csv;
mod format;
mod lines;
mod rows;
mod text;

use sqlparser::ast::Ident;

pub(in crate::postgres) use format::{Format, Writer};
pub(in crate::postgres) use rows::Rows;

use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::session::{Prepared, Session};
use crate::postgres::sql::{
    Copy as Statement, CopySource, CopyTarget, Keyword, Source, fold, object_name, parse,
};
use crate::postgres::types::Reading;

/// A COPY that is ready to run.
pub(in crate::postgres) enum Copy {
    /// From the client.
    In(CopyIn),
    /// To the client: a query.
    Out(Prepared, Format),
}

/// COPY FROM: what each row's values are given to.
pub(in crate::postgres) struct CopyIn {
    pub(in crate::postgres) insert: Prepared,
    table: String,
    columns: Vec<String>,
    format: Format,
}

impl CopyIn {
    pub(in crate::postgres) fn is_binary(&self) -> bool {
        self.format.is_binary()
    }

    pub(in crate::postgres) fn rows(&self, reading: Reading) -> Rows<'_> {
        Rows::new(self, reading)
    }
}

impl Session {
    pub(in crate::postgres) fn prepare_copy(&self, statement: &Statement) -> Result<Copy> {
        self.refuse_if_failed(Keyword::Other)?;
        if let (true, Some(position)) = (statement.to, statement.filter) {
            let message = "WHERE clause not allowed with COPY TO";
            return Err(Error::new(SqlState::SYNTAX_ERROR, message).position(position));
        }
        match statement.target {
            CopyTarget::Client => {}
            CopyTarget::File => return Err(not_the_client("a file of the server")),
            CopyTarget::Program => return Err(not_the_client("a program")),
        }
        match &statement.source {
            CopySource::Query(query) => {
                let format = Format::of(&statement.options, true)?;
                let query = self.prepare(Some(Source::of((**query).clone())), None, &[])?;
                if !query.gives_rows() {
                    return Err(Error::new(
                        SqlState::FEATURE_NOT_SUPPORTED,
                        "COPY query must have a RETURNING clause",
                    ));
                }
                let columns: Vec<&str> = query.output().iter().map(|c| c.name.as_str()).collect();
                check_forced(&format, &columns)?;
                Ok(Copy::Out(query, format))
            }
            CopySource::Table { name, columns } => {
                self.prepare_table(statement, &object_name(name)?, columns)
            }
        }
    }

    fn prepare_table(&self, statement: &Statement, table: &str, named: &[Ident]) -> Result<Copy> {
        let columns = self.copied_columns(statement.to, table, named)?;
        let format = Format::of(&statement.options, statement.to)?;
        let names: Vec<&str> = columns.iter().map(String::as_str).collect();
        check_forced(&format, &names)?;
        if statement.filter.is_some() {
            return Err(Error::unsupported("COPY with WHERE"));
        }
        let parsed = |sql: &str| -> Result<Prepared> {
            let parsed = parse(sql)?;
            let source = Source::all(&parsed).next();
            self.prepare(source, None, &[])
        };
        let names: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
        let (target, list) = (quoted(table), names.join(", "));
        if statement.to {
            let query = parsed(&format!("SELECT {list} FROM {target}"))?;
            return Ok(Copy::Out(query, format));
        }
        let sql = if columns.is_empty() {
            format!("INSERT INTO {target} DEFAULT VALUES")
        } else {
            let values: Vec<String> = (1..=columns.len()).map(|n| format!("${n}")).collect();
            let values = values.join(", ");
            format!("INSERT INTO {target} ({list}) OVERRIDING SYSTEM VALUE VALUES ({values})")
        };
        Ok(Copy::In(CopyIn {
            insert: parsed(&sql)?,
            table: table.to_owned(),
            columns,
            format,
        }))
    }

    /// The columns that are named, or all of the table.
    fn copied_columns(&self, to: bool, name: &str, named: &[Ident]) -> Result<Vec<String>> {
        let engine = self.shared.lock();
        let (catalog, clog) = (&engine.catalog, &engine.clog);
        let Some(table) = catalog.find(name, clog, self.top()) else {
            if catalog.view(name, clog, self.top()).is_some() {
                return Err(of_view(to, name));
            }
            return Err(Error::new(
                SqlState::UNDEFINED_TABLE,
                format!("relation \"{name}\" does not exist"),
            ));
        };
        let def = &table.def;
        if named.is_empty() {
            let columns = def.columns.iter().filter(|c| c.computed().is_none());
            return Ok(columns.map(|column| column.name.to_string()).collect());
        }
        let mut columns = Vec::new();
        for column in named {
            let column = fold(column);
            let Some(index) = def.column(&column) else {
                return Err(Error::new(
                    SqlState::UNDEFINED_COLUMN,
                    format!("column \"{column}\" of relation \"{name}\" does not exist"),
                ));
            };
            if def.columns[index].computed().is_some() {
                return Err(Error::new(
                    SqlState::INVALID_COLUMN_REFERENCE,
                    format!("column \"{column}\" is a generated column"),
                )
                .detail("Generated columns cannot be used in COPY."));
            }
            if columns.contains(&column) {
                return Err(Error::new(
                    SqlState::DUPLICATE_COLUMN,
                    format!("column \"{column}\" specified more than once"),
                ));
            }
            columns.push(column);
        }
        Ok(columns)
    }
}

fn of_view(to: bool, name: &str) -> Error {
    let (way, hint) = match to {
        true => ("from", "Try the COPY (SELECT ...) TO variant."),
        false => (
            "to",
            "To enable copying to a view, provide an INSTEAD OF INSERT trigger.",
        ),
    };
    let message = format!("cannot copy {way} view \"{name}\"");
    Error::new(SqlState("42809"), message).hint(hint)
}

/// The columns that options name must be among those that are copied.
fn check_forced(format: &Format, columns: &[&str]) -> Result<()> {
    let Some(csv) = format.csv() else {
        return Ok(());
    };
    for (forced, option) in [
        (&csv.force_quote, "FORCE_QUOTE"),
        (&csv.force_not_null, "FORCE_NOT_NULL"),
        (&csv.force_null, "FORCE_NULL"),
    ] {
        let unknown = |name: &&String| !columns.contains(&name.as_str());
        if let Some(name) = forced.named().iter().find(unknown) {
            return Err(Error::new(
                SqlState::INVALID_COLUMN_REFERENCE,
                format!("{option} column \"{name}\" not referenced by COPY"),
            ));
        }
    }
    Ok(())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn not_the_client(what: &str) -> Error {
    Error::unsupported(format!("COPY with {what}")).hint("COPY from STDIN or to STDOUT instead.")
}
