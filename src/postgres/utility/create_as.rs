//! CREATE TABLE AS, and SELECT INTO, which is the same: a table with the columns
//! of a query, filled by an INSERT of it.

use std::sync::Arc;

use sqlparser::ast::{ColumnDef, CreateTable, Expr as Ast, ObjectName, Query, SetExpr, Statement};

use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::executor::define_for;
use crate::postgres::session::{Answer, Session, Tag};
use crate::postgres::sql::{Action, Command, OutputColumn, Plan, Source, fold, object_name, parse};
use crate::postgres::storage::table::Column;

/// What is to be made.
struct CreateAs {
    name: String,
    /// The names of the first columns, where the query's are not wanted.
    columns: Vec<String>,
    query: Query,
    if_not_exists: bool,
    with_data: bool,
    /// As errors name the statement.
    statement: &'static str,
}

impl CreateAs {
    /// None for another statement.
    fn of(statement: &Statement) -> Result<Option<CreateAs>> {
        match statement {
            Statement::CreateTable(create) => match &create.query {
                Some(query) => CreateAs::of_create(create, query).map(Some),
                None => Ok(None),
            },
            Statement::Query(query) => CreateAs::of_query(query),
            _ => Ok(None),
        }
    }

    fn of_create(create: &CreateTable, query: &Query) -> Result<CreateAs> {
        if create.temporary {
            return Err(Error::unsupported("CREATE TEMPORARY TABLE"));
        }
        let names = create.columns.iter();
        Ok(CreateAs {
            name: object_name(&create.name)?,
            columns: names.map(|ColumnDef { name, .. }| fold(name)).collect(),
            query: query.clone(),
            if_not_exists: create.if_not_exists,
            with_data: create.with_data.as_ref().is_none_or(|with| with.data),
            statement: "CREATE TABLE AS",
        })
    }

    fn of_query(query: &Query) -> Result<Option<CreateAs>> {
        let mut query = query.clone();
        let SetExpr::Select(select) = &mut *query.body else {
            return Ok(None);
        };
        let Some(into) = select.into.take() else {
            return Ok(None);
        };
        if into.temporary {
            return Err(Error::unsupported("SELECT INTO TEMPORARY"));
        }
        let name = match into.targets.as_slice() {
            [Ast::Identifier(name)] => ObjectName::from(vec![name.clone()]),
            [Ast::CompoundIdentifier(parts)] => ObjectName::from(parts.clone()),
            _ => return Err(Error::unsupported("SELECT INTO several targets")),
        };
        Ok(Some(CreateAs {
            name: object_name(&name)?,
            columns: Vec::new(),
            query,
            if_not_exists: false,
            with_data: true,
            statement: "SELECT INTO",
        }))
    }

    /// The table's columns, from those of the query.
    fn table_columns(&self, output: &[OutputColumn]) -> Result<Vec<Column>> {
        if self.columns.len() > output.len() {
            return Err(Error::new(
                SqlState::SYNTAX_ERROR,
                "too many column names were specified",
            ));
        }
        let names = self.columns.iter().map(Some);
        let names = names.chain(std::iter::repeat(None));
        let columns = output.iter().zip(names).map(|(output, name)| Column {
            name: name.unwrap_or(&output.name).as_str().into(),
            ty: output.ty,
            modifier: output.modifier,
            not_null: false,
            default: None,
            generated: None,
            identity: false,
            sequence: None,
        });
        Ok(columns.collect())
    }

    fn query(&self) -> Source {
        Source::of(Statement::Query(Box::new(self.query.clone())))
    }

    fn insert(&self) -> Result<Source> {
        let name = self.name.replace('"', "\"\"");
        let parsed = parse(&format!("INSERT INTO \"{name}\" SELECT 1"))?;
        match parsed.statements.first().and_then(Command::as_sql).cloned() {
            Some(Statement::Insert(mut insert)) => {
                insert.source = Some(Box::new(self.query.clone()));
                Ok(Source::of(Statement::Insert(insert)))
            }
            _ => Err(Error::unsupported(self.statement)),
        }
    }
}

/// The query whose rows a statement makes into a table.
pub(super) fn query(statement: &Statement) -> Result<Option<Source>> {
    Ok(CreateAs::of(statement)?.map(|create| create.query()))
}

impl Session {
    /// Runs a CREATE TABLE AS or a SELECT INTO; None for another statement.
    pub(in crate::postgres) async fn create_table_as(
        &mut self,
        statement: &Statement,
    ) -> Result<Option<Answer>> {
        let Some(create) = CreateAs::of(statement)? else {
            return Ok(None);
        };
        self.prevent_where_read_only(create.statement)?;
        let query = self.prepare(Some(create.query()), None, &[])?;
        let columns = create.table_columns(query.output())?;
        let (shared, transaction, settings) = self.in_transaction()?;
        let (made, notices) = define_for(
            shared,
            transaction,
            settings,
            &create.name,
            columns,
            create.if_not_exists,
        )
        .await?;
        let mut answer = Answer {
            notices,
            ..Answer::word("CREATE TABLE AS")
        };
        if made && create.with_data {
            answer.tag = Tag::Count("SELECT", self.fill(&create).await?);
        }
        Ok(Some(answer))
    }

    /// Puts the rows of the query into the table: how many.
    async fn fill(&mut self, create: &CreateAs) -> Result<u64> {
        let source = create.insert()?;
        let mut prepared = self.prepare(Some(source.clone()), None, &[])?;
        let Some(plan) = &mut prepared.plan else {
            return Err(Error::unsupported(create.statement));
        };
        // Nobody else knows of the table yet: there is no lock to take on it.
        if let Some(Plan { action, tables, .. }) = Arc::get_mut(plan)
            && let Action::Insert(insert) = action
        {
            tables.retain(|(id, _)| *id != insert.table.id);
        }
        let answer = self.run_plan(plan, &source, &[], false).await?;
        match answer.tag {
            Tag::Count(_, rows) => Ok(rows),
            Tag::Word(_) => Ok(0),
        }
    }
}
