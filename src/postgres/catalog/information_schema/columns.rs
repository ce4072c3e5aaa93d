//! information_schema.columns: the columns of tables and views.

use super::super::ruleutils::{Node, Shown, show};
use super::super::{Sight, SystemTable, count, int, text};
use super::yes_or_no;
use crate::postgres::storage::sequence::SequenceDef;
use crate::postgres::storage::table::{Column, Generated};
use crate::postgres::types::Type::{Int4, Name, Varchar};
use crate::postgres::types::{Limits, MODIFIER_HEADER, Row, Type, Value, numeric_size};

pub(super) static TABLE: SystemTable = SystemTable {
    name: "information_schema.columns",
    oid: 13_295,
    columns: &[
        ("table_catalog", Name),
        ("table_schema", Name),
        ("table_name", Name),
        ("column_name", Name),
        ("ordinal_position", Int4),
        ("column_default", Varchar),
        ("is_nullable", Varchar),
        ("data_type", Varchar),
        ("character_maximum_length", Int4),
        ("character_octet_length", Int4),
        ("numeric_precision", Int4),
        ("numeric_precision_radix", Int4),
        ("numeric_scale", Int4),
        ("datetime_precision", Int4),
        ("interval_type", Varchar),
        ("interval_precision", Int4),
        ("character_set_catalog", Name),
        ("character_set_schema", Name),
        ("character_set_name", Name),
        ("collation_catalog", Name),
        ("collation_schema", Name),
        ("collation_name", Name),
        ("domain_catalog", Name),
        ("domain_schema", Name),
        ("domain_name", Name),
        ("udt_catalog", Name),
        ("udt_schema", Name),
        ("udt_name", Name),
        ("scope_catalog", Name),
        ("scope_schema", Name),
        ("scope_name", Name),
        ("maximum_cardinality", Int4),
        ("dtd_identifier", Name),
        ("is_self_referencing", Varchar),
        ("is_identity", Varchar),
        ("identity_generation", Varchar),
        ("identity_start", Varchar),
        ("identity_increment", Varchar),
        ("identity_maximum", Varchar),
        ("identity_minimum", Varchar),
        ("identity_cycle", Varchar),
        ("is_generated", Varchar),
        ("generation_expression", Varchar),
        ("is_updatable", Varchar),
    ],
    with: &[],
    rows,
};

/// What is not known, or not there.
const NULL: Value = Value::Null;

fn rows(sight: &Sight<'_>) -> Vec<Row> {
    let (engine, top) = (sight.engine, sight.top);
    let mut rows = Vec::new();
    for def in sight.tables() {
        for (column, number) in def.columns.iter().zip(1..) {
            let node = Node::Default(def.id.0, number).text();
            let shown = column.default.as_ref();
            let shown = shown.and_then(|_| show(engine, top, Shown::Node(&node), false));
            let sequence = column.sequence.filter(|_| column.identity);
            let sequence = sequence.and_then(|id| engine.catalog.sequence(id));
            let origin = Origin {
                of_column: Some(column),
                shown: shown.map_or(Value::Null, |shown| text(&shown)),
                sequence: sequence.map(|def| &**def),
            };
            let (ty, modifier) = (column.ty, column.modifier);
            rows.push(row(
                sight,
                &def.name,
                number,
                &column.name,
                ty,
                modifier,
                &origin,
            ));
        }
    }
    for (_, view) in engine.catalog.views(&engine.clog, top) {
        for (column, number) in view.columns.iter().zip(1..) {
            let origin = Origin {
                of_column: None,
                shown: Value::Null,
                sequence: None,
            };
            rows.push(row(
                sight,
                &view.name,
                number,
                &column.name,
                column.ty,
                column.modifier,
                &origin,
            ));
        }
    }
    rows
}

/// Where the values of a column come from; nothing of it is known of a view's.
struct Origin<'a> {
    of_column: Option<&'a Column>,
    /// Its default, or what it is computed from.
    shown: Value,
    /// That of an identity column.
    sequence: Option<&'a SequenceDef>,
}

fn row(
    sight: &Sight<'_>,
    table: &str,
    number: usize,
    name: &str,
    ty: Type,
    modifier: i32,
    origin: &Origin<'_>,
) -> Row {
    let database = text(&sight.settings.database);
    let nullable = !origin.of_column.is_some_and(|column| column.not_null);
    let computed = origin
        .of_column
        .is_some_and(|column| column.computed().is_some());
    let default = match computed || origin.sequence.is_some() {
        true => Value::Null,
        false => origin.shown.clone(),
    };
    let data_type = match ty {
        Type::Array(_) => "ARRAY",
        ty => ty.name(),
    };
    let mut row = vec![
        database.clone(),
        text("public"),
        text(table),
        text(name),
        count(number),
        default,
        yes_or_no(nullable),
        text(data_type),
    ];
    row.extend(sizes(ty, modifier));
    row.extend([NULL; 10]);
    row.extend([database, text("pg_catalog"), text(&ty.catalog_name())]);
    row.extend([NULL; 4]);
    row.extend([text(&number.to_string()), yes_or_no(false)]);
    row.extend(identity(origin));
    row.push(text(if computed { "ALWAYS" } else { "NEVER" }));
    row.push(match computed {
        true => origin.shown.clone(),
        false => Value::Null,
    });
    row.push(yes_or_no(origin.of_column.is_some()));
    row.into()
}

/// How long, precise and finely divided values are, and which fields an
/// interval has.
fn sizes(ty: Type, modifier: i32) -> [Value; 7] {
    let bytes = |size: i32| int(size.saturating_mul(4));
    let [length, octets] = match ty {
        Type::Varchar | Type::Bpchar if modifier >= 0 => {
            let length = modifier - MODIFIER_HEADER;
            [int(length), bytes(length)]
        }
        Type::Text | Type::Varchar | Type::Bpchar => [NULL, int(1 << 30)],
        _ => [NULL, NULL],
    };
    let [precision, radix, scale] = match ty {
        Type::Int2 => [int(16), int(2), int(0)],
        Type::Int4 => [int(32), int(2), int(0)],
        Type::Int8 => [int(64), int(2), int(0)],
        Type::Float4 => [int(24), int(2), NULL],
        Type::Float8 => [int(53), int(2), NULL],
        Type::Numeric if modifier >= 0 => {
            let (precision, scale) = numeric_size(modifier);
            [int(precision), int(10), int(scale)]
        }
        Type::Numeric => [NULL, int(10), NULL],
        _ => [NULL, NULL, NULL],
    };
    let fraction = match ty {
        Type::Date => int(0),
        Type::Time | Type::Timestamp | Type::Timestamptz => {
            int(if modifier < 0 { 6 } else { modifier })
        }
        Type::Interval => int(Limits::of(modifier).decimals().unwrap_or(6)),
        _ => NULL,
    };
    let limits = Limits::of(modifier);
    let fields = match limits.words() {
        Some(_) if ty == Type::Interval => text(limits.to_string().trim().to_uppercase().as_str()),
        _ => NULL,
    };
    [length, octets, precision, radix, scale, fraction, fields]
}

/// How an identity column counts.
fn identity(origin: &Origin<'_>) -> [Value; 7] {
    let Some(sequence) = origin.sequence else {
        return [
            yes_or_no(false),
            NULL,
            NULL,
            NULL,
            NULL,
            NULL,
            yes_or_no(false),
        ];
    };
    let always = origin.of_column.and_then(|column| column.generated) == Some(Generated::Identity);
    let number = |number: i64| text(&number.to_string());
    [
        yes_or_no(true),
        text(if always { "ALWAYS" } else { "BY DEFAULT" }),
        number(sequence.start),
        number(sequence.increment),
        number(sequence.max),
        number(sequence.min),
        yes_or_no(sequence.cycle),
    ]
}
