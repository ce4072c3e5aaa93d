//! A client that knows no more of the protocol than it needs, and takes every
//! answer apart.

use std::collections::BTreeMap;

use doublebuy::rt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::ADDRESS;

const NO_RELATION: &str = "could not open relation with OID";

pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[kind][..], &length.to_be_bytes(), body].concat()
}

pub fn startup() -> Vec<u8> {
    let body = b"\0\x03\0\0user\0postgres\0\0";
    let length = u32::try_from(body.len() + 4).unwrap();
    [&length.to_be_bytes()[..], body].concat()
}

/// A message of the server.
pub struct Answer {
    pub kind: u8,
    body: Vec<u8>,
}

impl Answer {
    /// The SQLSTATE of an error; its fields must be there and end.
    pub fn sqlstate(&self) -> Option<String> {
        if self.kind != b'E' {
            return None;
        }
        let mut fields = BTreeMap::new();
        let mut rest = self.body.as_slice();
        while let [name, text @ ..] = rest {
            if *name == 0 {
                break;
            }
            let end = text
                .iter()
                .position(|byte| *byte == 0)
                .expect("a field ends");
            let value = std::str::from_utf8(&text[..end]).expect("a field is UTF-8");
            fields.insert(*name, value.to_owned());
            rest = &text[end + 1..];
        }
        assert_eq!(rest, [0], "an error ends with its fields");
        assert!(!fields[&b'M'].is_empty(), "an error says something");
        let code = fields.remove(&b'C').expect("an error has a code");
        // PostgreSQL too calls it internal that a number is no relation's.
        let message = &fields[&b'M'];
        let internal = code.starts_with("XX") && !message.starts_with(NO_RELATION);
        assert!(!internal, "{code} {message}");
        Some(code)
    }
}

/// The next message; none at the end of the stream.
pub async fn next(stream: &mut rt::Stream) -> Option<Answer> {
    let kind = stream.read_u8().await.ok()?;
    let length = stream.read_u32().await.expect("a length");
    let mut body = vec![0; length as usize - 4];
    stream.read_exact(&mut body).await.expect("a whole message");
    Some(Answer { kind, body })
}

/// A client.
pub struct Client(rt::Stream);

impl Client {
    pub async fn new() -> Client {
        let mut stream = rt::connect(ADDRESS).await.expect("the server listens");
        stream.write_all(&startup()).await.unwrap();
        let mut client = Client(stream);
        let answer = client
            .until_ready(Vec::new())
            .await
            .expect("a new client is served");
        assert_eq!(answer, "ok");
        client
    }

    /// `ok` or the last error's SQLSTATE; none if the server has hung up.
    pub async fn ask(&mut self, sql: &str) -> Option<String> {
        let query = message(b'Q', &[sql.as_bytes(), b"\0"].concat());
        self.0.write_all(&query).await.ok()?;
        self.until_ready(message(b'f', b"no\0")).await
    }

    /// As [`Client::ask`], for messages of the extended protocol, of which the
    /// last is Sync.
    pub async fn ask_extended(&mut self, messages: &[u8]) -> Option<String> {
        self.0.write_all(messages).await.ok()?;
        // A COPY takes the Sync that follows for nothing.
        let refusal = [message(b'f', b"no\0"), message(b'S', b"")].concat();
        self.until_ready(refusal).await
    }

    /// Takes answers in; data that is asked for is refused.
    async fn until_ready(&mut self, refusal: Vec<u8>) -> Option<String> {
        let mut outcome = "ok".to_owned();
        loop {
            let answer = next(&mut self.0).await?;
            if let Some(code) = answer.sqlstate() {
                outcome = code;
            }
            match answer.kind {
                b'Z' => return Some(outcome),
                b'G' => self.0.write_all(&refusal).await.ok()?,
                _ => {}
            }
        }
    }
}
