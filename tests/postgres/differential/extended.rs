//! A step by the extended protocol: the statement is parsed and described,
//! then bound and executed, with results in binary.

use std::error::Error;
use std::pin::pin;

use futures_util::TryStreamExt;
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Client, Row};

use super::run::{failed, told};

/// A value as it came.
struct Sent(String);

impl<'a> FromSql<'a> for Sent {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Sent, Box<dyn Error + Sync + Send>> {
        Ok(Sent(match *ty {
            Type::INT4 => i32::from_sql(ty, raw)?.to_string(),
            Type::INT8 => i64::from_sql(ty, raw)?.to_string(),
            _ => format!("{ty} {raw:02x?}"),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Sent, Box<dyn Error + Sync + Send>> {
        Ok(Sent("NULL".to_owned()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// The rows of a statement, and what its tag counts.
pub async fn ask(client: &Client, sql: &str) -> Result<(Vec<Row>, u64), tokio_postgres::Error> {
    let statement = client.prepare(sql).await?;
    let no_parameters: [i32; 0] = [];
    let mut stream = pin!(client.query_raw(&statement, no_parameters).await?);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(row);
    }
    Ok((rows, stream.rows_affected().unwrap_or(0)))
}

/// As the simple protocol's answers are shown.
pub fn shown(result: Result<(Vec<Row>, u64), tokio_postgres::Error>, sql: &str) -> String {
    let (rows, count) = match result {
        Ok(answer) => answer,
        Err(error) => return failed(&error),
    };
    let one = |row: &Row| {
        let values = (0..row.len()).map(|at| row.get::<_, Sent>(at).0);
        format!("({})", values.collect::<Vec<_>>().join(","))
    };
    told(rows.iter().map(one).collect(), count, sql)
}
