//! Names of objects, and their case.

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};

use super::{first_character, located, placed};
use crate::postgres::error::{Error, Result, SqlState};

/// The one name of an object: `public.` may stand before it.
pub(in crate::postgres) fn object_name(name: &ObjectName) -> Result<String> {
    let parts: Vec<&Ident> = name.0.iter().filter_map(ObjectNamePart::as_ident).collect();
    // The parser takes a string for a name.
    if let Some(string) = parts.iter().find(|part| part.quote_style == Some('\'')) {
        return Err(misplaced(string));
    }
    match parts.as_slice() {
        [name] => Ok(fold(name)),
        [schema, name] if matches!(fold(schema).as_str(), "public" | "pg_catalog") => {
            Ok(fold(name))
        }
        // A catalog of its own keeps its schema.
        [schema, name] if fold(schema) == "information_schema" => {
            Ok(format!("information_schema.{}", fold(name)))
        }
        _ => Err(undefined_table(name)),
    }
}

/// The error about a relation that there is not.
pub(super) fn undefined_table(name: &ObjectName) -> Error {
    let parts = name.0.iter().filter_map(ObjectNamePart::as_ident);
    let text = parts.map(fold).collect::<Vec<_>>().join(".");
    let message = format!("relation \"{text}\" does not exist");
    let error = Error::new(SqlState::UNDEFINED_TABLE, message);
    placed(error, first_character(name))
}

/// The error about a name that stands where none may.
pub(super) fn misplaced(name: &Ident) -> Error {
    let message = format!("syntax error at or near \"{name}\"");
    located(Error::new(SqlState::SYNTAX_ERROR, message), Some(name))
}

/// An identifier as PostgreSQL stores it: in lower case unless quoted, and no
/// longer than 63 bytes.
pub(in crate::postgres) fn fold(ident: &Ident) -> String {
    let mut name = if ident.quote_style.is_some() {
        ident.value.clone()
    } else {
        ident.value.to_ascii_lowercase()
    };
    name.truncate(clipped(&name, NAME_MAX).len());
    name
}

/// NAMEDATALEN, less the byte that ends a name.
pub(in crate::postgres) const NAME_MAX: usize = 63;

/// As much of a name as fits into so many bytes.
pub(in crate::postgres) fn clipped(name: &str, most: usize) -> &str {
    let ends = (0..=most.min(name.len())).rev();
    let mut ends = ends.filter(|at| name.is_char_boundary(*at));
    &name[..ends.next().unwrap_or(0)]
}
