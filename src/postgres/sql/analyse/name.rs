//! Names of objects, and their case.

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};

use crate::postgres::error::{Error, Result, SqlState};

/// The one name of an object: `public.` may stand before it.
pub(in crate::postgres) fn object_name(name: &ObjectName) -> Result<String> {
    let parts: Vec<&Ident> = name.0.iter().filter_map(ObjectNamePart::as_ident).collect();
    match parts.as_slice() {
        [name] => Ok(fold(name)),
        [schema, name] if matches!(fold(schema).as_str(), "public" | "pg_catalog") => {
            Ok(fold(name))
        }
        // A catalog of its own keeps its schema.
        [schema, name] if fold(schema) == "information_schema" => {
            Ok(format!("information_schema.{}", fold(name)))
        }
        _ => Err(Error::new(
            SqlState::UNDEFINED_TABLE,
            format!("relation \"{name}\" does not exist"),
        )),
    }
}

/// An identifier as PostgreSQL stores it: in lower case unless quoted, and no
/// longer than 63 bytes.
pub(in crate::postgres) fn fold(ident: &Ident) -> String {
    let mut name = if ident.quote_style.is_some() {
        ident.value.clone()
    } else {
        ident.value.to_lowercase()
    };
    if name.len() > NAME_MAX {
        let end = (0..=NAME_MAX).rev().find(|at| name.is_char_boundary(*at));
        name.truncate(end.unwrap_or(0));
    }
    name
}

/// NAMEDATALEN, less the byte that ends a name.
const NAME_MAX: usize = 63;
