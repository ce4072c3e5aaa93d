//! SET, RESET, SHOW, DISCARD.

use sqlparser::ast::{
    ContextModifier, DiscardObject, Expr as Ast, Ident, ObjectName, ObjectNamePart, Reset,
    ResetStatement, Set, TransactionMode, Value as Literal,
};

use super::control::{isolation, wanted};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::session::{Answer, Session};
use crate::postgres::settings::{Scope, Settings, flag};
use crate::postgres::sql::OutputColumn;
use crate::postgres::transaction::Modes;
use crate::postgres::types::{Type, Value};

fn shown_name(variable: &[Ident]) -> String {
    let words: Vec<&str> = variable.iter().map(|ident| ident.value.as_str()).collect();
    let name = words.join(" ").to_lowercase();
    match name.as_str() {
        "transaction isolation level" => "transaction_isolation".to_owned(),
        "time zone" => "TimeZone".to_owned(),
        _ => words.join("."),
    }
}

/// The name of a setting; that of an application's own has a dot.
fn setting_name(name: &ObjectName) -> String {
    let parts = name.0.iter().filter_map(ObjectNamePart::as_ident);
    let parts: Vec<&str> = parts.map(|part| part.value.as_str()).collect();
    parts.join(".")
}

fn text_column(name: &str) -> OutputColumn {
    OutputColumn {
        name: name.to_owned(),
        ty: Type::Text,
        modifier: -1,
        origin: None,
    }
}

/// The columns that SHOW answers with.
pub(super) fn shown_columns(variable: &[Ident]) -> Result<Vec<OutputColumn>> {
    let name = shown_name(variable);
    if name == "all" {
        let names = ["name", "setting", "description"];
        return Ok(names.into_iter().map(text_column).collect());
    }
    Ok(vec![text_column(&Settings::canonical(&name)?)])
}

pub(super) fn show(session: &Session, variable: &[Ident]) -> Result<Answer> {
    let name = shown_name(variable);
    let rows = if name == "all" {
        let all = session.settings.all();
        all.map(|(name, value)| [name, &value, ""].map(Value::text).into())
            .collect()
    } else {
        vec![[Value::text(&session.settings.show(&name)?)].into()]
    };
    Ok(Answer {
        rows,
        ..Answer::word("SHOW")
    })
}

pub(super) fn set(session: &mut Session, set: &Set) -> Result<Answer> {
    match set {
        Set::SingleAssignment {
            scope,
            variable,
            values,
            ..
        } => {
            let name = setting_name(variable);
            let parts: Vec<String> = values.iter().map(setting_text).collect::<Result<_>>()?;
            let value = parts.join(", ");
            let value = (!value.eq_ignore_ascii_case("default")).then_some(value);
            let local = matches!(scope, Some(ContextModifier::Local));
            assign(session, &name, value.as_deref(), scope_of(local))
        }
        Set::SetTimeZone { local, value } => {
            let value = setting_text(value)?;
            let is_default = ["default", "local"]
                .iter()
                .any(|word| value.eq_ignore_ascii_case(word));
            let value = (!is_default).then_some(value);
            assign(session, "TimeZone", value.as_deref(), scope_of(*local))
        }
        Set::SetNames { charset_name, .. } => assign(
            session,
            "client_encoding",
            Some(&charset_name.value),
            Scope::Session,
        ),
        Set::SetTransaction {
            modes,
            snapshot: None,
            session: for_session,
        } => set_transaction(session, modes, *for_session),
        other => Err(Error::unsupported(format!("SET {other}"))),
    }
}

fn scope_of(local: bool) -> Scope {
    if local { Scope::Local } else { Scope::Session }
}

fn set_transaction(
    session: &mut Session,
    modes: &[TransactionMode],
    for_session: bool,
) -> Result<Answer> {
    let wanted = wanted(modes);
    let mut answer = Answer::word("SET");
    if for_session {
        for (name, value) in wanted.as_defaults() {
            assign(session, name, Some(value), Scope::Session)?;
        }
        return Ok(answer);
    }
    if !session.goes_on() {
        answer.notices.push(Error::new(
            SqlState::NO_ACTIVE_SQL_TRANSACTION,
            "SET TRANSACTION can only be used in transaction blocks",
        ));
    }
    session.set_modes(wanted)?;
    Ok(answer)
}

/// Settings that are those of the running transaction.
fn transaction_mode(name: &str, value: &str) -> Result<Option<Modes>> {
    let mut modes = Modes::default();
    match name.to_ascii_lowercase().as_str() {
        "transaction_isolation" => modes.isolation = Some(isolation(&value.to_lowercase())?),
        "transaction_read_only" => modes.read_only = Some(flag("transaction_read_only", value)?),
        "transaction_deferrable" => modes.deferrable = Some(flag("transaction_deferrable", value)?),
        _ => return Ok(None),
    }
    Ok(Some(modes))
}

fn assign(session: &mut Session, name: &str, value: Option<&str>, scope: Scope) -> Result<Answer> {
    let mut answer = Answer::word("SET");
    if scope == Scope::Local && !session.goes_on() {
        answer.notices.push(Error::new(
            SqlState::NO_ACTIVE_SQL_TRANSACTION,
            "SET LOCAL can only be used in transaction blocks",
        ));
    }
    // A setting lives and dies with the transaction that sets it.
    session.ensure_transaction()?;
    if let Some(value) = value
        && let Some(modes) = transaction_mode(name, value)?
    {
        session.set_modes(modes)?;
        return Ok(answer);
    }
    session.settings.set(name, value, scope)?;
    Ok(answer)
}

pub(super) fn reset(session: &mut Session, reset: &ResetStatement) -> Result<Answer> {
    match &reset.reset {
        Reset::ALL => session.settings.reset_all(),
        Reset::ConfigurationParameter(name) => {
            assign(session, &setting_name(name), None, Scope::Session)?;
        }
        Reset::SessionAuthorization => {
            return Err(Error::unsupported("RESET SESSION AUTHORIZATION"));
        }
    }
    Ok(Answer::word("RESET"))
}

pub(super) fn discard(session: &mut Session, what: DiscardObject) -> Result<Answer> {
    Ok(match what {
        DiscardObject::ALL => {
            session.prevent_in_block("DISCARD ALL")?;
            session.settings.reset_all();
            session.forget_session_state();
            Answer::word("DISCARD ALL")
        }
        // Plans are kept by text, and there are no temporary tables.
        DiscardObject::PLANS => Answer::word("DISCARD PLANS"),
        DiscardObject::SEQUENCES => {
            session.forget_sequences();
            Answer::word("DISCARD SEQUENCES")
        }
        DiscardObject::TEMP => Answer::word("DISCARD TEMP"),
    })
}

fn setting_text(value: &Ast) -> Result<String> {
    Ok(match value {
        Ast::Value(value) => match &value.value {
            Literal::Number(digits, _) => digits.clone(),
            Literal::Boolean(true) => "on".to_owned(),
            Literal::Boolean(false) => "off".to_owned(),
            other => other
                .clone()
                .into_string()
                .ok_or_else(|| Error::unsupported(format!("SET to {other}")))?,
        },
        Ast::Identifier(name) => name.value.clone(),
        Ast::UnaryOp { .. } => value.to_string(),
        other => return Err(Error::unsupported(format!("SET to {other}"))),
    })
}
