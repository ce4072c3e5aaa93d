//! pg_attribute: the columns of tables, indexes, views and sequences.

use super::pg_type::{alignment, by_value, collation, storage};
use super::{Sight, SystemTable, all, int, text};
use crate::postgres::storage::table::{Column, Generated, IndexDef, TableDef};
use crate::postgres::types::Type::{self, Aclitem, Array, Bool, Char, Int2, Int4, Name, Oid, Text};
use crate::postgres::types::{Row, Value};

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_attribute",
    oid: 1249,
    columns: &[
        ("attrelid", Oid),
        ("attname", Name),
        ("atttypid", Oid),
        ("attstattarget", Int4),
        ("attlen", Int2),
        ("attnum", Int2),
        ("attndims", Int4),
        ("attcacheoff", Int4),
        ("atttypmod", Int4),
        ("attbyval", Bool),
        ("attalign", Char),
        ("attstorage", Char),
        ("attcompression", Char),
        ("attnotnull", Bool),
        ("atthasdef", Bool),
        ("atthasmissing", Bool),
        ("attidentity", Char),
        ("attgenerated", Char),
        ("attisdropped", Bool),
        ("attislocal", Bool),
        ("attinhcount", Int4),
        ("attcollation", Oid),
        ("attacl", Array(&Aclitem)),
        ("attoptions", Array(&Text)),
        ("attfdwoptions", Array(&Text)),
        ("attmissingval", Type::AnyArray),
    ],
    with: &[
        (2658, "pg_attribute_relid_attnam_index"),
        (2659, "pg_attribute_relid_attnum_index"),
    ],
    rows: columns,
};

/// What is said of a column.
struct Attribute<'a> {
    relation: u32,
    name: &'a str,
    ty: Type,
    modifier: i32,
    not_null: bool,
    default: bool,
    identity: &'static str,
    generated: &'static str,
    collation: i64,
}

impl<'a> Attribute<'a> {
    fn new(relation: u32, name: &'a str, ty: Type) -> Attribute<'a> {
        Attribute {
            relation,
            name,
            ty,
            modifier: -1,
            not_null: false,
            default: false,
            identity: "",
            generated: "",
            collation: collation(ty),
        }
    }

    fn of_column(relation: u32, column: &'a Column) -> Attribute<'a> {
        Attribute {
            modifier: column.modifier,
            not_null: column.not_null,
            default: column.has_default(),
            identity: match column.generated {
                Some(Generated::Identity) => "a",
                _ if column.identity => "d",
                _ => "",
            },
            generated: match column.generated {
                Some(Generated::Stored) => "s",
                _ => "",
            },
            ..Attribute::new(relation, &column.name, column.ty)
        }
    }

    /// The row of the column that is this one of its relation, from 1.
    fn row(&self, number: i64) -> Row {
        let dimensions = i64::from(matches!(self.ty, Array(_)));
        [
            int(self.relation),
            text(self.name),
            int(self.ty.oid()),
            int(-1),
            int(self.ty.width()),
            int(number),
            int(dimensions),
            int(-1),
            int(self.modifier),
            Value::Bool(by_value(self.ty)),
            text(alignment(self.ty)),
            text(storage(self.ty)),
            text(""),
            Value::Bool(self.not_null),
            Value::Bool(self.default),
            Value::Bool(false),
            text(self.identity),
            text(self.generated),
            Value::Bool(false),
            Value::Bool(true),
            int(0),
            int(self.collation),
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
        ]
        .into()
    }
}

/// The columns that every row of a table has besides its own.
const SYSTEM: &[(&str, Type)] = &[
    ("ctid", Type::Tid),
    ("xmin", Type::Xid),
    ("cmin", Type::Cid),
    ("xmax", Type::Xid),
    ("cmax", Type::Cid),
    ("tableoid", Type::Oid),
];

/// The rows of one relation's columns.
fn numbered<'a>(rows: &mut Vec<Row>, columns: impl Iterator<Item = Attribute<'a>>) {
    rows.extend(
        (1..)
            .zip(columns)
            .map(|(number, column)| column.row(number)),
    );
}

fn system_columns(rows: &mut Vec<Row>, relation: u32) {
    for (number, (name, ty)) in (1..).zip(SYSTEM) {
        let column = Attribute {
            not_null: true,
            ..Attribute::new(relation, name, *ty)
        };
        rows.push(column.row(-number));
    }
}

fn columns(sight: &Sight<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    for table in all() {
        let columns = table.columns.iter().map(|(name, ty)| Attribute {
            not_null: table.is_filled(name, *ty),
            // The catalog's own tables compare bytes.
            collation: match collation(*ty) {
                100 if !table.is_view() => 950,
                other => other,
            },
            ..Attribute::new(table.oid, name, *ty)
        });
        numbered(&mut rows, columns);
    }
    for def in sight.tables() {
        let relation = def.id.0;
        let columns = def.columns.iter();
        numbered(
            &mut rows,
            columns.map(|column| Attribute::of_column(relation, column)),
        );
        system_columns(&mut rows, relation);
        for index in &def.indexes {
            of_index(&mut rows, &def, index);
        }
    }
    let (engine, top) = (sight.engine, sight.top);
    for (id, view) in engine.catalog.views(&engine.clog, top) {
        let columns = view.columns.iter();
        numbered(
            &mut rows,
            columns.map(|column| Attribute {
                modifier: column.modifier,
                ..Attribute::new(id, &column.name, column.ty)
            }),
        );
    }
    for sequence in engine.catalog.sequences(&engine.clog, top) {
        let columns = [
            ("last_value", Type::Int8),
            ("log_cnt", Type::Int8),
            ("is_called", Bool),
        ];
        let columns = columns.iter().map(|(name, ty)| Attribute {
            not_null: true,
            ..Attribute::new(sequence.id.0, name, *ty)
        });
        numbered(&mut rows, columns);
        system_columns(&mut rows, sequence.id.0);
    }
    rows
}

/// An index calls its columns what their table called them when it was made.
fn of_index(rows: &mut Vec<Row>, def: &TableDef, index: &IndexDef) {
    let of = |column: usize| {
        let column = def.columns.get(column)?;
        Some(Attribute {
            modifier: column.modifier,
            ..Attribute::new(index.id, &column.name, column.ty)
        })
    };
    let keys = index.keys.iter().map(|key| {
        let own = || Attribute::new(index.id, &key.name, key.ty);
        let named = key.column().and_then(of).unwrap_or_else(own);
        Attribute {
            name: &key.name,
            ..named
        }
    });
    let included = index.include.iter().filter_map(|column| of(*column));
    numbered(rows, keys.chain(included));
}
