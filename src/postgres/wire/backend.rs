//! Messages to clients, gathered in one buffer until they are sent.

use bytes::{BufMut, BytesMut};
use pgwire::error::PgWireResult;
use pgwire::messages::Message;
use pgwire::messages::data::{FieldDescription, NoData, ParameterDescription, RowDescription};
use pgwire::messages::extendedquery::{
    BindComplete, CloseComplete, ParseComplete, PortalSuspended,
};
use pgwire::messages::response::{
    EmptyQueryResponse, ErrorResponse, NoticeResponse, NotificationResponse, ReadyForQuery,
    TransactionStatus,
};
use pgwire::messages::startup::{
    Authentication, BackendKeyData, NegotiateProtocolVersion, ParameterStatus, SecretKey,
};

use crate::postgres::backends::Notification;
use crate::postgres::error::Error;
use crate::postgres::session::{Block, Tag};
use crate::postgres::settings::Style;
use crate::postgres::sql::OutputColumn;
use crate::postgres::types::{Type, Value, to_binary, write_styled_text, write_text};

/// What is to be sent.
#[derive(Debug, Default)]
pub(super) struct Out {
    pub(super) bytes: BytesMut,
    /// As DateStyle and IntervalStyle say.
    pub(super) style: Style,
    /// One value's bytes, kept for its allocation.
    scratch: Vec<u8>,
}

/// The binary format's code; 0 is text.
pub(super) const BINARY: i16 = 1;

/// The format of a column: none given is text, one is for all.
pub(super) fn format_of(formats: &[i16], column: usize) -> i16 {
    match formats {
        [] => 0,
        [one] => *one,
        many => many.get(column).copied().unwrap_or(0),
    }
}

impl Out {
    /// pgwire refuses messages beyond the protocol's limits; what it refused
    /// is not sent.
    fn put(&mut self, encode: impl FnOnce(&mut BytesMut) -> PgWireResult<()>) {
        let before = self.bytes.len();
        if encode(&mut self.bytes).is_err() {
            self.bytes.truncate(before);
        }
    }

    pub(super) fn authentication_ok(&mut self) {
        self.put(|out| Authentication::Ok.encode(out));
    }

    /// Offers protocol 3.0 to a client that asked for a later one.
    pub(super) fn negotiate(&mut self) {
        let offer = NegotiateProtocolVersion::new(0, Vec::new());
        self.put(|out| offer.encode(out));
    }

    pub(super) fn parameter_status(&mut self, name: &str, value: &str) {
        let status = ParameterStatus::new(name.to_owned(), value.to_owned());
        self.put(|out| status.encode(out));
    }

    pub(super) fn backend_key(&mut self, pid: i32, secret: i32) {
        let key = BackendKeyData::new(pid, SecretKey::I32(secret));
        self.put(|out| key.encode(out));
    }

    pub(super) fn ready(&mut self, block: Block) {
        let status = match block {
            Block::None => TransactionStatus::Idle,
            Block::Open => TransactionStatus::Transaction,
            Block::Failed => TransactionStatus::Error,
        };
        self.put(|out| ReadyForQuery::new(status).encode(out));
    }

    pub(super) fn parse_complete(&mut self) {
        self.put(|out| ParseComplete::new().encode(out));
    }

    pub(super) fn bind_complete(&mut self) {
        self.put(|out| BindComplete::new().encode(out));
    }

    pub(super) fn close_complete(&mut self) {
        self.put(|out| CloseComplete::new().encode(out));
    }

    pub(super) fn portal_suspended(&mut self) {
        self.put(|out| PortalSuspended::new().encode(out));
    }

    pub(super) fn no_data(&mut self) {
        self.put(|out| NoData::new().encode(out));
    }

    pub(super) fn empty_query(&mut self) {
        self.put(|out| EmptyQueryResponse::new().encode(out));
    }

    pub(super) fn parameters(&mut self, types: &[Type]) {
        let types = types.iter().map(|ty| ty.oid()).collect();
        self.put(|out| ParameterDescription::new(types).encode(out));
    }

    pub(super) fn row_description(&mut self, columns: &[OutputColumn], formats: &[i16]) {
        let fields = columns
            .iter()
            .enumerate()
            .map(|(index, column)| {
                let (table, number) = column.origin.map_or((0, 0), |(table, number)| {
                    (i32::try_from(table.0).unwrap_or(0), number)
                });
                FieldDescription::new(
                    column.name.clone(),
                    table,
                    number,
                    column.ty.oid(),
                    column.ty.width(),
                    column.modifier,
                    format_of(formats, index),
                )
            })
            .collect();
        self.put(|out| RowDescription::new(fields).encode(out));
    }

    pub(super) fn data_row(&mut self, columns: &[OutputColumn], row: &[Value], formats: &[i16]) {
        self.bytes.put_u8(b'D');
        let start = self.bytes.len();
        self.bytes.put_u32(0);
        self.bytes
            .put_u16(u16::try_from(row.len()).unwrap_or(u16::MAX));
        for (index, (value, column)) in row.iter().zip(columns).enumerate() {
            if value.is_null() {
                self.bytes.put_i32(-1);
                continue;
            }
            self.scratch.clear();
            if format_of(formats, index) == BINARY {
                to_binary(column.ty, value, &mut self.scratch);
            } else if self.style.is_plain() {
                write_text(value, &mut self.scratch);
            } else {
                write_styled_text(value, self.style, &mut self.scratch);
            }
            self.bytes
                .put_u32(u32::try_from(self.scratch.len()).unwrap_or(u32::MAX));
            self.bytes.put_slice(&self.scratch);
        }
        let length = u32::try_from(self.bytes.len() - start).unwrap_or(u32::MAX);
        self.bytes[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }

    /// A row of text with its description, for what no plan gives.
    pub(super) fn text_row(&mut self, names: &[&str], values: &[Option<&str>]) {
        let fields = names.iter().map(|name| {
            let (oid, width) = (Type::Text.oid(), Type::Text.width());
            FieldDescription::new((*name).to_owned(), 0, 0, oid, width, -1, 0)
        });
        let description = RowDescription::new(fields.collect());
        self.put(|out| description.encode(out));
        let mut row = BytesMut::new();
        row.put_u16(u16::try_from(values.len()).unwrap_or(u16::MAX));
        for value in values {
            match value {
                None => row.put_i32(-1),
                Some(value) => {
                    row.put_i32(i32::try_from(value.len()).unwrap_or(i32::MAX));
                    row.put_slice(value.as_bytes());
                }
            }
        }
        self.bytes.put_u8(b'D');
        self.bytes
            .put_u32(u32::try_from(row.len() + 4).unwrap_or(u32::MAX));
        self.bytes.put_slice(&row);
    }

    /// A COPY begins: `kind` is G to read from the client, H to
    /// write to it, W for both.
    pub(super) fn copy_response(&mut self, kind: u8, columns: usize, binary: bool) {
        let columns = u16::try_from(columns).unwrap_or(u16::MAX);
        self.bytes.put_u8(kind);
        self.bytes.put_u32(7 + 2 * u32::from(columns));
        self.bytes.put_u8(binary.into());
        self.bytes.put_u16(columns);
        for _ in 0..columns {
            self.bytes.put_u16(binary.into());
        }
    }

    /// A line of COPY to the client, if anything is written.
    pub(super) fn copy_data(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.scratch.clear();
        write(&mut self.scratch);
        if self.scratch.is_empty() {
            return;
        }
        let length = u32::try_from(self.scratch.len() + 4).unwrap_or(u32::MAX);
        self.bytes.put_u8(b'd');
        self.bytes.put_u32(length);
        self.bytes.put_slice(&self.scratch);
    }

    pub(super) fn copy_done(&mut self) {
        self.bytes.put_slice(&[b'c', 0, 0, 0, 4]);
    }

    pub(super) fn command_complete(&mut self, tag: Tag) {
        self.scratch.clear();
        match tag {
            Tag::Word(word) => self.scratch.extend_from_slice(word.as_bytes()),
            Tag::Count(word, count) => {
                self.scratch.extend_from_slice(word.as_bytes());
                self.scratch.push(b' ');
                write_text(&Value::Int(count.cast_signed()), &mut self.scratch);
            }
        }
        let length = u32::try_from(self.scratch.len() + 5).unwrap_or(u32::MAX);
        self.bytes.put_u8(b'C');
        self.bytes.put_u32(length);
        self.bytes.put_slice(&self.scratch);
        self.bytes.put_u8(0);
    }

    pub(super) fn error(&mut self, error: &Error) {
        let severity = if error.fields().fatal {
            "FATAL"
        } else {
            "ERROR"
        };
        let response = ErrorResponse::new(fields(error, severity));
        self.put(|out| response.encode(out));
    }

    pub(super) fn notification(&mut self, told: Notification) {
        let response = NotificationResponse::new(told.pid, told.channel, told.payload);
        self.put(|out| response.encode(out));
    }

    pub(super) fn notice(&mut self, notice: &Error) {
        let response = NoticeResponse::new(fields(notice, notice.severity()));
        self.put(|out| response.encode(out));
    }
}

fn fields(error: &Error, severity: &str) -> Vec<(u8, String)> {
    let said = error.fields();
    let mut fields = vec![
        (b'S', severity.to_owned()),
        (b'V', severity.to_owned()),
        (b'C', said.code.0.to_owned()),
        (b'M', said.message.to_string()),
    ];
    let named = said.table.as_ref().or(said.constraint.as_ref());
    let schema = named.map(|_| "public".to_owned());
    let optional = [
        (b'D', said.detail.clone()),
        (b'H', said.hint.as_ref().map(ToString::to_string)),
        (b'W', said.context.clone()),
        (b'P', said.position.map(|position| position.to_string())),
        (b's', schema),
        (b't', said.table.clone()),
        (b'c', said.column.clone()),
        (b'n', said.constraint.clone()),
    ];
    fields.extend(
        optional
            .into_iter()
            .filter_map(|(code, value)| Some((code, value?))),
    );
    fields
}
