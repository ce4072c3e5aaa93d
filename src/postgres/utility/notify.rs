//! LISTEN, UNLISTEN, NOTIFY.

use sqlparser::ast::{Ident, Statement};

use crate::postgres::error::Result;
use crate::postgres::session::{Answer, Session};
use crate::postgres::sql::fold;

/// Runs one of them; None for other statements.
pub(super) fn run(session: &mut Session, statement: &Statement) -> Result<Option<Answer>> {
    let command = match statement {
        Statement::LISTEN { .. } => Some("LISTEN"),
        Statement::NOTIFY { .. } => Some("NOTIFY"),
        _ => None,
    };
    if let Some(command) = command {
        session.prevent_in_recovery(command)?;
    }
    let everything = |channel: &Ident| channel.quote_style.is_none() && channel.value == "*";
    Ok(Some(match statement {
        Statement::LISTEN { channel } => {
            session.ensure_transaction()?.listen(&fold(channel));
            Answer::word("LISTEN")
        }
        Statement::UNLISTEN { channel } => {
            let channel = (!everything(channel)).then(|| fold(channel));
            session.ensure_transaction()?.unlisten(channel.as_deref());
            Answer::word("UNLISTEN")
        }
        Statement::NOTIFY { channel, payload } => {
            let payload = payload.as_deref().unwrap_or("");
            session
                .ensure_transaction()?
                .notify(&fold(channel), payload)?;
            Answer::word("NOTIFY")
        }
        _ => return Ok(None),
    }))
}
