//! PREPARE, EXECUTE, DEALLOCATE: prepared statements, the same ones that the
//! extended protocol knows by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use sqlparser::ast::{DataType, Expr as Ast, Ident, ObjectName, SelectItem, SetExpr, Statement};

use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::session::{Answer, Prepared, Session};
use crate::postgres::sql::{Command, Source, column_type, fold, object_name, parse};
use crate::postgres::types::{Type, Value};

/// The statements of a session, by name.
pub(in crate::postgres) type Statements = BTreeMap<String, Arc<Prepared>>;

/// The error about a name that nothing has.
pub(in crate::postgres) fn not_prepared(name: &str) -> Error {
    let message = if name.is_empty() {
        "unnamed prepared statement does not exist".to_owned()
    } else {
        format!("prepared statement \"{name}\" does not exist")
    };
    Error::new(SqlState::INVALID_SQL_STATEMENT_NAME, message)
}

impl Session {
    /// The statement that an EXECUTE names.
    pub(in crate::postgres) fn executed(&self, name: &ObjectName) -> Result<Arc<Prepared>> {
        let name = object_name(name)?;
        let found = self.statements.get(&name).cloned();
        found.ok_or_else(|| not_prepared(&name))
    }

    pub(super) async fn prepare_statement(
        &mut self,
        name: &Ident,
        types: &[DataType],
        statement: &Statement,
    ) -> Result<Answer> {
        let types = types
            .iter()
            .map(|ty| column_type(ty).map(|(ty, _)| ty))
            .collect::<Result<Vec<_>>>()?;
        let source = Source::of(statement.clone());
        let mut prepared = self.prepare(Some(source.clone()), None, &types)?;
        // Its tables are locked as it is analysed, until the transaction ends.
        if let Some(plan) = &prepared.plan {
            prepared.plan = Some(self.begin_plan(plan, &source, false).await?);
        }
        self.keep_statement(&fold(name), prepared)?;
        Ok(Answer::word("PREPARE"))
    }

    /// Keeps a statement under its name: only now, when it has been analysed
    /// and its tables are locked, is it told that the name is taken.
    pub(in crate::postgres) fn keep_statement(
        &mut self,
        name: &str,
        prepared: Prepared,
    ) -> Result<()> {
        if !name.is_empty() && self.statements.contains_key(name) {
            return Err(Error::new(
                SqlState::DUPLICATE_PREPARED_STATEMENT,
                format!("prepared statement \"{name}\" already exists"),
            ));
        }
        self.statements.insert(name.to_owned(), Arc::new(prepared));
        Ok(())
    }

    pub(super) fn deallocate(&mut self, name: &Ident) -> Result<Answer> {
        if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("all") {
            self.statements.clear();
            return Ok(Answer::word("DEALLOCATE ALL"));
        }
        let name = fold(name);
        let removed = self.statements.remove(&name);
        removed.ok_or_else(|| not_prepared(&name))?;
        Ok(Answer::word("DEALLOCATE"))
    }

    pub(super) async fn execute(&mut self, name: &ObjectName, given: &[Ast]) -> Result<Answer> {
        let prepared = self.executed(name)?;
        let (Some(source), Some(plan)) = (&prepared.source, &prepared.plan) else {
            return Err(Error::unsupported("EXECUTE of this statement"));
        };
        let types = prepared.params();
        if given.len() != types.len() {
            return Err(Error::new(
                SqlState::SYNTAX_ERROR,
                format!(
                    "wrong number of parameters for prepared statement \"{}\"",
                    object_name(name)?
                ),
            )
            .detail(format!(
                "Expected {} parameters but got {}.",
                types.len(),
                given.len()
            )));
        }
        let params = self.arguments(given, types).await?;
        self.run_plan(plan, source, &params, true).await
    }

    /// Evaluates expressions without columns as values of these types.
    async fn arguments(&mut self, given: &[Ast], types: &[Type]) -> Result<Vec<Value>> {
        if given.is_empty() {
            return Ok(Vec::new());
        }
        let source = Source::of(casts(given, types)?);
        let prepared = self.prepare(Some(source.clone()), None, &[])?;
        let Some(plan) = &prepared.plan else {
            return Err(Error::unsupported("these parameters"));
        };
        let answer = self.run_plan(plan, &source, &[], true).await?;
        let row = answer.rows.first();
        Ok(row.map_or_else(Vec::new, |row| row.to_vec()))
    }
}

/// `SELECT given[0]::types[0], ...`
fn casts(given: &[Ast], types: &[Type]) -> Result<Statement> {
    // A parameter has no length: `character` alone would be one of 1.
    let null = |ty: &Type| match ty {
        Type::Bpchar => "NULL::bpchar".to_owned(),
        ty => format!("NULL::{ty}"),
    };
    let items: Vec<String> = types.iter().map(null).collect();
    let parsed = parse(&format!("SELECT {}", items.join(", ")))?;
    let mut statement = parsed.statements.first().and_then(Command::as_sql).cloned();
    if let Some(Statement::Query(query)) = &mut statement
        && let SetExpr::Select(select) = &mut *query.body
    {
        for (item, given) in select.projection.iter_mut().zip(given) {
            if let SelectItem::UnnamedExpr(Ast::Cast { expr, .. }) = item {
                **expr = Ast::Nested(Box::new(given.clone()));
            }
        }
    }
    statement.ok_or_else(|| Error::unsupported("these parameters"))
}
