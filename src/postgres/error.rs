//! Errors as PostgreSQL reports them: a SQLSTATE, a message in its words, and
//! the fields that drivers read.

use std::borrow::Cow;
use std::fmt;

/// A five-character SQLSTATE.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SqlState(pub &'static str);

macro_rules! sqlstates {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        impl SqlState {
            $($(#[$doc])* pub const $name: SqlState = SqlState($code);)*
        }
    };
}

sqlstates! {
    /// successful_completion, in notices.
    SUCCESSFUL_COMPLETION = "00000";
    /// warning
    WARNING = "01000";
    /// protocol_violation
    PROTOCOL_VIOLATION = "08P01";
    /// feature_not_supported
    FEATURE_NOT_SUPPORTED = "0A000";
    /// cardinality_violation
    CARDINALITY_VIOLATION = "21000";
    /// string_data_right_truncation
    STRING_DATA_RIGHT_TRUNCATION = "22001";
    /// numeric_value_out_of_range
    NUMERIC_VALUE_OUT_OF_RANGE = "22003";
    /// invalid_datetime_format
    INVALID_DATETIME_FORMAT = "22007";
    /// datetime_field_overflow
    DATETIME_FIELD_OVERFLOW = "22008";
    /// invalid_time_zone_displacement_value
    INVALID_TIME_ZONE_DISPLACEMENT_VALUE = "22009";
    /// interval_field_overflow
    INTERVAL_FIELD_OVERFLOW = "22015";
    /// division_by_zero
    DIVISION_BY_ZERO = "22012";
    /// invalid_row_count_in_limit_clause
    INVALID_ROW_COUNT_IN_LIMIT = "2201W";
    /// invalid_row_count_in_result_offset_clause
    INVALID_ROW_COUNT_IN_OFFSET = "2201X";
    /// invalid_parameter_value
    INVALID_PARAMETER_VALUE = "22023";
    /// character_not_in_repertoire
    CHARACTER_NOT_IN_REPERTOIRE = "22021";
    /// invalid_text_representation
    INVALID_TEXT_REPRESENTATION = "22P02";
    /// invalid_binary_representation
    INVALID_BINARY_REPRESENTATION = "22P03";
    /// not_null_violation
    NOT_NULL_VIOLATION = "23502";
    /// unique_violation
    UNIQUE_VIOLATION = "23505";
    /// check_violation
    CHECK_VIOLATION = "23514";
    /// active_sql_transaction
    ACTIVE_SQL_TRANSACTION = "25001";
    /// read_only_sql_transaction
    READ_ONLY_SQL_TRANSACTION = "25006";
    /// no_active_sql_transaction
    NO_ACTIVE_SQL_TRANSACTION = "25P01";
    /// idle_in_transaction_session_timeout
    IDLE_IN_TRANSACTION_SESSION_TIMEOUT = "25P03";
    /// in_failed_sql_transaction
    IN_FAILED_SQL_TRANSACTION = "25P02";
    /// invalid_sql_statement_name
    INVALID_SQL_STATEMENT_NAME = "26000";
    /// invalid_cursor_name
    INVALID_CURSOR_NAME = "34000";
    /// invalid_cursor_state
    INVALID_CURSOR_STATE = "24000";
    /// invalid_cursor_definition
    INVALID_CURSOR_DEFINITION = "42P11";
    /// savepoint_exception: invalid_savepoint_specification
    INVALID_SAVEPOINT_SPECIFICATION = "3B001";
    /// serialization_failure
    SERIALIZATION_FAILURE = "40001";
    /// deadlock_detected
    DEADLOCK_DETECTED = "40P01";
    /// syntax_error
    SYNTAX_ERROR = "42601";
    /// generated_always
    GENERATED_ALWAYS = "428C9";
    /// invalid_column_reference
    INVALID_COLUMN_REFERENCE = "42P10";
    /// duplicate_column
    DUPLICATE_COLUMN = "42701";
    /// ambiguous_alias
    AMBIGUOUS_ALIAS = "42P09";
    /// ambiguous_column
    AMBIGUOUS_COLUMN = "42702";
    /// ambiguous_parameter
    AMBIGUOUS_PARAMETER = "42P08";
    /// undefined_column
    UNDEFINED_COLUMN = "42703";
    /// undefined_object
    UNDEFINED_OBJECT = "42704";
    /// duplicate_object
    DUPLICATE_OBJECT = "42710";
    /// duplicate_alias
    DUPLICATE_ALIAS = "42712";
    /// grouping_error
    GROUPING_ERROR = "42803";
    /// datatype_mismatch
    DATATYPE_MISMATCH = "42804";
    /// cannot_coerce
    CANNOT_COERCE = "42846";
    /// undefined_function
    UNDEFINED_FUNCTION = "42883";
    /// undefined_table
    UNDEFINED_TABLE = "42P01";
    /// undefined_parameter
    UNDEFINED_PARAMETER = "42P02";
    /// duplicate_cursor
    DUPLICATE_CURSOR = "42P03";
    /// duplicate_prepared_statement
    DUPLICATE_PREPARED_STATEMENT = "42P05";
    /// duplicate_table
    DUPLICATE_TABLE = "42P07";
    /// invalid_table_definition
    INVALID_TABLE_DEFINITION = "42P16";
    /// invalid_object_definition
    INVALID_OBJECT_DEFINITION = "42P17";
    /// indeterminate_datatype
    INDETERMINATE_DATATYPE = "42P18";
    /// too_many_connections
    TOO_MANY_CONNECTIONS = "53300";
    /// object_not_in_prerequisite_state
    OBJECT_NOT_IN_PREREQUISITE_STATE = "55000";
    /// cant_change_runtime_param
    CANT_CHANGE_RUNTIME_PARAM = "55P02";
    /// lock_not_available
    LOCK_NOT_AVAILABLE = "55P03";
    /// query_canceled
    QUERY_CANCELED = "57014";
    /// admin_shutdown
    ADMIN_SHUTDOWN = "57P01";
    /// crash_shutdown
    CRASH_SHUTDOWN = "57P02";
    /// cannot_connect_now
    CANNOT_CONNECT_NOW = "57P03";
    /// idle_session_timeout
    IDLE_SESSION_TIMEOUT = "57P05";
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// An error with the fields of PostgreSQL's ErrorResponse.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{} {}", .0.code, .0.message)]
pub struct Error(Box<Fields>);

/// What an error says.
#[derive(Debug, Clone)]
pub struct Fields {
    /// The class of the error.
    pub code: SqlState,
    /// The primary message.
    pub message: Cow<'static, str>,
    /// One more sentence.
    pub detail: Option<String>,
    /// What to do about it.
    pub hint: Option<Cow<'static, str>>,
    /// Where it happened, for those who are not told by the query.
    pub context: Option<String>,
    /// The character of the query that is to blame, from 1.
    pub position: Option<usize>,
    /// The table that is concerned.
    pub table: Option<String>,
    /// The column that is concerned.
    pub column: Option<String>,
    /// The constraint that is violated.
    pub constraint: Option<String>,
    /// The connection ends with this error.
    pub fatal: bool,
}

/// The result of whatever can fail with an SQL error.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with a code and a message.
    pub fn new(code: SqlState, message: impl Into<Cow<'static, str>>) -> Error {
        Error(Box::new(Fields {
            code,
            message: message.into(),
            detail: None,
            hint: None,
            context: None,
            position: None,
            table: None,
            column: None,
            constraint: None,
            fatal: false,
        }))
    }

    /// What this server does not do, though PostgreSQL does.
    pub fn unsupported(what: impl fmt::Display) -> Error {
        Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("{what} is not supported by this server"),
        )
    }

    /// A command that a transaction which only reads does not run.
    pub(super) fn read_only(command: &str) -> Error {
        Error::new(
            SqlState::READ_ONLY_SQL_TRANSACTION,
            format!("cannot execute {command} in a read-only transaction"),
        )
    }

    /// The class of the error.
    pub fn code(&self) -> SqlState {
        self.0.code
    }

    /// Everything that the error says.
    pub fn fields(&self) -> &Fields {
        &self.0
    }

    /// How grave it is, when it is told and no statement fails of it.
    pub(super) fn severity(&self) -> &'static str {
        let successful = [
            SqlState::SUCCESSFUL_COMPLETION,
            SqlState::DUPLICATE_COLUMN,
            SqlState::DUPLICATE_TABLE,
        ];
        match successful.contains(&self.code()) {
            true => "NOTICE",
            false => "WARNING",
        }
    }

    pub(super) fn detail(mut self, detail: impl Into<String>) -> Error {
        self.0.detail = Some(detail.into());
        self
    }

    pub(super) fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Error {
        self.0.hint = Some(hint.into());
        self
    }

    pub(super) fn context(mut self, context: impl Into<String>) -> Error {
        self.0.context = Some(context.into());
        self
    }

    pub(super) fn position(mut self, position: usize) -> Error {
        self.0.position.get_or_insert(position);
        self
    }

    pub(super) fn unplaced(mut self) -> Error {
        self.0.position = None;
        self
    }

    pub(super) fn table(mut self, table: &str) -> Error {
        self.0.table = Some(table.to_owned());
        self
    }

    pub(super) fn column(mut self, column: &str) -> Error {
        self.0.column = Some(column.to_owned());
        self
    }

    pub(super) fn constraint(mut self, constraint: &str) -> Error {
        self.0.constraint = Some(constraint.to_owned());
        self
    }

    pub(super) fn fatal(mut self) -> Error {
        self.0.fatal = true;
        self
    }
}

/// An operation on a relation of a kind that it is not for.
pub(super) fn not_supported_for(operation: &str, name: &str, kind: &str) -> Error {
    let kinds = match kind {
        "index" => "indexes".to_owned(),
        kind => format!("{kind}s"),
    };
    Error::new(
        SqlState("42809"),
        format!("cannot {operation} relation \"{name}\""),
    )
    .detail(format!("This operation is not supported for {kinds}."))
}
