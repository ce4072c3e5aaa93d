//! CREATE SEQUENCE.

use std::sync::Arc;

use sqlparser::ast::{
    DataType, Expr as Ast, ObjectName, SequenceOptions, UnaryOperator, Value as Literal,
};

use super::Work;
use super::name::Kind;
use crate::postgres::engine::Engine;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::{column_type, object_name};
use crate::postgres::storage::Xid;
use crate::postgres::storage::catalog::Presence;
use crate::postgres::storage::sequence::{SequenceDef, SequenceId};
use crate::postgres::transaction::Definition;
use crate::postgres::types::Type;

impl Work<'_> {
    pub(super) async fn create_sequence(
        &mut self,
        name: &ObjectName,
        if_not_exists: bool,
        data_type: Option<&DataType>,
        options: &[SequenceOptions],
        owned_by: Option<&ObjectName>,
    ) -> Result<()> {
        if owned_by.is_some_and(|owner| !owner.to_string().eq_ignore_ascii_case("none")) {
            return Err(Error::unsupported("OWNED BY"));
        }
        let name = object_name(name)?;
        if self.taken(&name, if_not_exists)? {
            return Ok(());
        }
        let ty = match data_type {
            Some(ty) => column_type(ty)?.0,
            None => Type::Int8,
        };
        if !ty.is_integer() {
            return Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                "sequence type must be smallint, integer, or bigint",
            ));
        }
        let mut engine = self.claim(&[(name.clone(), Kind::Plain)]).await?;
        let mut def = SequenceDef::new(SequenceId(engine.catalog.new_id()), &name, ty);
        apply_options(&mut def, options, ty)?;
        let xid = self.transaction.xid(&mut engine);
        self.add_sequence(&mut engine, xid, def);
        Ok(())
    }

    pub(super) fn add_sequence(&mut self, engine: &mut Engine, xid: Xid, def: SequenceDef) {
        let def = Arc::new(def);
        let id = def.id;
        self.shared.sequences.lock().create(def.clone());
        engine.catalog.add_sequence(def, Presence::since(xid));
        self.transaction
            .defined(engine, Definition::SequenceCreated(id));
    }
}

/// START, INCREMENT and so on.
pub(super) fn apply_options(
    def: &mut SequenceDef,
    options: &[SequenceOptions],
    ty: Type,
) -> Result<()> {
    let mut start = None;
    let (mut min, mut max) = (None, None);
    for option in options {
        match option {
            SequenceOptions::IncrementBy(value, _) => def.increment = number(value)?,
            SequenceOptions::MinValue(value) => {
                min = value.as_ref().map(number).transpose()?;
            }
            SequenceOptions::MaxValue(value) => {
                max = value.as_ref().map(number).transpose()?;
            }
            SequenceOptions::StartWith(value, _) => start = Some(number(value)?),
            // What is cached is handed out by one server all the same.
            SequenceOptions::Cache(_) => {}
            SequenceOptions::Cycle(no) => def.cycle = !no,
        }
    }
    if def.increment == 0 {
        return Err(invalid("INCREMENT must not be zero"));
    }
    let largest = SequenceDef::new(def.id, "", ty).max;
    if def.increment > 0 {
        def.min = min.unwrap_or(1);
        def.max = max.unwrap_or(largest);
    } else {
        def.min = min.unwrap_or(-largest - 1);
        def.max = max.unwrap_or(-1);
    }
    if def.min >= def.max {
        let message = format!(
            "MINVALUE ({}) must be less than MAXVALUE ({})",
            def.min, def.max
        );
        return Err(invalid(message));
    }
    def.start = start.unwrap_or(if def.increment > 0 { def.min } else { def.max });
    if def.start < def.min {
        let message = format!(
            "START value ({}) cannot be less than MINVALUE ({})",
            def.start, def.min
        );
        return Err(invalid(message));
    }
    if def.start > def.max {
        let message = format!(
            "START value ({}) cannot be greater than MAXVALUE ({})",
            def.start, def.max
        );
        return Err(invalid(message));
    }
    Ok(())
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message.into())
}

fn number(value: &Ast) -> Result<i64> {
    let parsed = match value {
        Ast::Value(value) => match &value.value {
            Literal::Number(digits, _) => digits.parse().ok(),
            _ => None,
        },
        Ast::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => return Ok(-number(expr)?),
        Ast::UnaryOp {
            op: UnaryOperator::Plus,
            expr,
        } => return number(expr),
        _ => None,
    };
    parsed.ok_or_else(|| Error::unsupported(format!("the sequence option {value}")))
}
