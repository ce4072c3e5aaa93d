//! A small client of the simple query protocol that tells everything in the
//! order in which the server said it.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use doublebuy::rt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// One result of a query.
#[derive(Debug)]
pub enum Outcome {
    /// Column names and rows; NULL is empty.
    Rows(Vec<String>, Vec<Vec<String>>),
    /// A command without rows.
    Done,
    /// Severity and message.
    Error(String),
}

/// What the server says besides results.
#[derive(Debug)]
pub enum Aside {
    /// As libpq shows it.
    Notice(String),
    Notification {
        pid: i32,
        channel: String,
        payload: String,
    },
}

/// A connection.
pub struct Client {
    stream: rt::Stream,
    input: BytesMut,
    pub pid: i32,
    /// Results of the query that runs, not yet taken.
    pub outcomes: VecDeque<Outcome>,
    rows: Option<(Vec<String>, Vec<Vec<String>>)>,
    /// True from a query until the server is ready for the next.
    pub busy: bool,
    pub asides: VecDeque<Aside>,
    closed: bool,
}

const CLOSED: &str = "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n\tbefore or while processing the request.\n";

impl Client {
    pub async fn connect(address: &str, parameters: &[(&str, &str)]) -> Client {
        let mut stream = rt::connect(address).await.expect("the server listens");
        let mut body = BytesMut::new();
        body.put_i32(196_608);
        for (name, value) in parameters {
            for text in [name, value] {
                body.put_slice(text.as_bytes());
                body.put_u8(0);
            }
        }
        body.put_u8(0);
        let mut message = BytesMut::new();
        message.put_i32(i32::try_from(body.len() + 4).unwrap());
        message.put_slice(&body);
        stream.write_all(&message).await.unwrap();
        let mut client = Client {
            stream,
            input: BytesMut::new(),
            pid: 0,
            outcomes: VecDeque::new(),
            rows: None,
            busy: true,
            asides: VecDeque::new(),
            closed: false,
        };
        client.finish().await;
        client
    }

    /// Sends a query.
    pub async fn send(&mut self, sql: &str) {
        let mut message = BytesMut::new();
        message.put_u8(b'Q');
        message.put_i32(i32::try_from(sql.len() + 5).unwrap());
        message.put_slice(sql.as_bytes());
        message.put_u8(0);
        self.busy = true;
        if self.stream.write_all(&message).await.is_err() {
            self.close();
        }
    }

    /// Runs a query to its end; its results are then at hand.
    pub async fn run(&mut self, sql: &str) {
        self.outcomes.clear();
        self.send(sql).await;
        self.finish().await;
    }

    /// Waits until the server is ready again.
    pub async fn finish(&mut self) {
        while self.busy {
            self.read().await;
        }
    }

    /// Waits for something to read, for so long; false if nothing came.
    pub async fn read_within(&mut self, limit: Duration) -> bool {
        rt::timeout(limit, self.read()).await.is_ok()
    }

    /// Takes what has arrived already.
    pub async fn drain(&mut self) {
        while !self.closed && self.read_within(Duration::from_nanos(1)).await {}
    }

    async fn read(&mut self) {
        self.input.reserve(8_192);
        match self.stream.read_buf(&mut self.input).await {
            Ok(1..) => self.parse(),
            Ok(0) | Err(_) => self.close(),
        }
    }

    fn close(&mut self) {
        self.closed = true;
        if self.busy {
            self.busy = false;
            self.outcomes.push_back(Outcome::Error(CLOSED.to_owned()));
        }
    }

    fn parse(&mut self) {
        while self.input.len() >= 5 {
            let length = (&self.input[1..5]).get_u32() as usize;
            if self.input.len() <= length {
                return;
            }
            let mut message = self.input.split_to(length + 1).freeze();
            let kind = message.get_u8();
            message.advance(4);
            self.message(kind, message);
        }
    }

    fn message(&mut self, kind: u8, mut body: Bytes) {
        match kind {
            b'K' => self.pid = body.get_i32(),
            b'Z' => self.busy = false,
            b'T' => {
                let columns = body.get_u16();
                let names = (0..columns).map(|_| {
                    let name = text(&mut body);
                    body.advance(18);
                    name
                });
                self.rows = Some((names.collect(), Vec::new()));
            }
            b'D' => {
                let columns = body.get_u16();
                let values = (0..columns).map(|_| match usize::try_from(body.get_i32()) {
                    Ok(length) => String::from_utf8_lossy(&body.split_to(length)).into_owned(),
                    Err(_) => String::new(),
                });
                let row = values.collect();
                if let Some((_, rows)) = &mut self.rows {
                    rows.push(row);
                }
            }
            b'C' | b'I' => {
                let rows = self.rows.take();
                let outcome =
                    rows.map_or(Outcome::Done, |(names, rows)| Outcome::Rows(names, rows));
                self.outcomes.push_back(outcome);
            }
            b'E' => {
                self.rows = None;
                let [severity, message, ..] = fields(body);
                let error = format!("{severity}:  {message}");
                self.outcomes.push_back(Outcome::Error(error));
            }
            b'N' => {
                let [severity, message, detail, hint] = fields(body);
                let mut shown = format!("{severity}:  {message}\n");
                for (name, text) in [("DETAIL", detail), ("HINT", hint)] {
                    if !text.is_empty() {
                        shown.push_str(&format!("{name}:  {text}\n"));
                    }
                }
                self.asides.push_back(Aside::Notice(shown));
            }
            b'A' => {
                let pid = body.get_i32();
                let (channel, payload) = (text(&mut body), text(&mut body));
                self.asides.push_back(Aside::Notification {
                    pid,
                    channel,
                    payload,
                });
            }
            _ => {}
        }
    }
}

fn text(body: &mut Bytes) -> String {
    let end = body.iter().position(|byte| *byte == 0).unwrap();
    let text = String::from_utf8_lossy(&body.split_to(end)).into_owned();
    body.advance(1);
    text
}

/// Severity, message, detail and hint.
fn fields(mut body: Bytes) -> [String; 4] {
    let mut fields: [String; 4] = Default::default();
    while body.has_remaining() {
        let kind = body.get_u8();
        if kind == 0 {
            break;
        }
        let value = text(&mut body);
        let kinds = [b'S', b'M', b'D', b'H'];
        if let Some(at) = kinds.iter().position(|other| *other == kind) {
            fields[at] = value;
        }
    }
    fields
}
