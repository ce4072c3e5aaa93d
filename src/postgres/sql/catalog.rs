//! The tables of the system catalog that may be read, and their columns.

use crate::postgres::types::Type;

use Type::{Bool, Char, Int2, Int4, Name, Oid, Text};

/// The columns of a table.
type Columns = &'static [(&'static str, Type)];

const TABLES: &[(&str, Columns)] = &[
    (
        "pg_type",
        &[
            ("oid", Oid),
            ("typname", Name),
            ("typnamespace", Oid),
            ("typowner", Oid),
            ("typlen", Int2),
            ("typbyval", Bool),
            ("typtype", Char),
            ("typcategory", Char),
            ("typisdefined", Bool),
            ("typdelim", Char),
            ("typrelid", Oid),
            ("typelem", Oid),
            ("typarray", Oid),
            ("typbasetype", Oid),
            ("typtypmod", Int4),
            ("typnotnull", Bool),
        ],
    ),
    (
        "pg_namespace",
        &[("oid", Oid), ("nspname", Name), ("nspowner", Oid)],
    ),
    (
        "pg_range",
        &[
            ("rngtypid", Oid),
            ("rngsubtype", Oid),
            ("rngmultitypid", Oid),
        ],
    ),
    (
        "pg_enum",
        &[
            ("oid", Oid),
            ("enumtypid", Oid),
            ("enumsortorder", Type::Float4),
            ("enumlabel", Name),
        ],
    ),
    (
        "pg_class",
        &[
            ("oid", Oid),
            ("relname", Name),
            ("relnamespace", Oid),
            ("relkind", Char),
            ("relpersistence", Char),
            ("relnatts", Int2),
            ("reltuples", Type::Float4),
            ("relowner", Oid),
            ("relam", Oid),
            ("relhasindex", Bool),
        ],
    ),
    (
        "pg_index",
        &[
            ("indexrelid", Oid),
            ("indrelid", Oid),
            ("indnatts", Int2),
            ("indnkeyatts", Int2),
            ("indisunique", Bool),
            ("indisprimary", Bool),
            ("indisvalid", Bool),
            ("indisready", Bool),
        ],
    ),
    ("pg_am", &[("oid", Oid), ("amname", Name), ("amtype", Char)]),
    (
        "pg_roles",
        &[
            ("oid", Oid),
            ("rolname", Name),
            ("rolsuper", Bool),
            ("rolinherit", Bool),
            ("rolcreaterole", Bool),
            ("rolcreatedb", Bool),
            ("rolcanlogin", Bool),
            ("rolreplication", Bool),
            ("rolbypassrls", Bool),
            ("rolconnlimit", Int4),
            ("rolvaliduntil", Type::Timestamptz),
        ],
    ),
    (
        "pg_auth_members",
        &[
            ("roleid", Oid),
            ("member", Oid),
            ("grantor", Oid),
            ("admin_option", Bool),
        ],
    ),
    (
        "pg_attribute",
        &[
            ("attrelid", Oid),
            ("attname", Name),
            ("atttypid", Oid),
            ("attnum", Int2),
            ("atttypmod", Int4),
            ("attnotnull", Bool),
            ("atthasdef", Bool),
            ("attisdropped", Bool),
            ("attidentity", Char),
        ],
    ),
    (
        "pg_tables",
        &[
            ("schemaname", Name),
            ("tablename", Name),
            ("tableowner", Name),
        ],
    ),
    (
        "pg_indexes",
        &[
            ("schemaname", Name),
            ("tablename", Name),
            ("indexname", Name),
        ],
    ),
    (
        "pg_settings",
        &[("name", Text), ("setting", Text), ("unit", Text)],
    ),
    (
        "pg_stat_replication",
        &[
            ("pid", Int4),
            ("usename", Name),
            ("application_name", Text),
            ("state", Text),
            ("sent_lsn", Text),
            ("write_lsn", Text),
            ("flush_lsn", Text),
            ("replay_lsn", Text),
            ("sync_priority", Int4),
            ("sync_state", Text),
        ],
    ),
    (
        "pg_database",
        &[
            ("oid", Oid),
            ("datname", Name),
            ("datallowconn", Bool),
            ("datdba", Oid),
            ("encoding", Int4),
            ("datcollate", Text),
            ("datctype", Text),
            ("daticulocale", Text),
            ("datlocprovider", Char),
            ("datacl", Type::Array(&Text)),
        ],
    ),
    (
        "information_schema.tables",
        &[
            ("table_catalog", Name),
            ("table_schema", Name),
            ("table_name", Name),
            ("table_type", Text),
        ],
    ),
    (
        "information_schema.columns",
        &[
            ("table_catalog", Name),
            ("table_schema", Name),
            ("table_name", Name),
            ("column_name", Name),
            ("ordinal_position", Int4),
            ("is_nullable", Text),
            ("data_type", Text),
            ("character_maximum_length", Int4),
            ("udt_name", Name),
        ],
    ),
];

/// The table of the system catalog of this name.
pub(in crate::postgres) fn catalog_table(name: &str) -> Option<(&'static str, Columns)> {
    TABLES.iter().find(|(table, _)| *table == name).copied()
}

/// The numbers of the roles that there are.
pub(in crate::postgres) const SUPERUSER: i64 = 10;
pub(in crate::postgres) const DATABASE_OWNER: i64 = 6171;

/// The role of a number, as pg_get_userbyid names it.
pub(in crate::postgres) fn role_name(oid: i64) -> String {
    match oid {
        SUPERUSER => "postgres".to_owned(),
        DATABASE_OWNER => "pg_database_owner".to_owned(),
        other => format!("unknown (OID={other})"),
    }
}
