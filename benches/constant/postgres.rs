//! A PostgreSQL that answers every statement with the same row.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::accept::accept_all;

/// One row with the integer 1 for every statement.
pub async fn serve(address: &'static str) {
    accept_all(address, |mut stream| async move {
        let mut buffer = vec![0; 4096];
        // The start-up message comes alone.
        let Ok(1..) = stream.read(&mut buffer).await else {
            return;
        };
        let mut answer = message(b'R', &0u32.to_be_bytes());
        answer.extend(ready());
        let mut parameters = 0;
        while stream.write_all(&answer).await.is_ok() {
            let Ok(length @ 1..) = stream.read(&mut buffer).await else {
                return;
            };
            answer = answers(&buffer[..length], &mut parameters);
        }
    })
    .await;
}

fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a short message");
    [&[kind], &length.to_be_bytes()[..], body].concat()
}

/// Answers the messages of one batch in turn. A statement has as many
/// parameters, of type int4, as there are `$` in it.
fn answers(mut batch: &[u8], parameters: &mut u16) -> Vec<u8> {
    let mut answer = Vec::new();
    while let [kind, a, b, c, d, ..] = *batch {
        let length = u32::from_be_bytes([a, b, c, d]) as usize + 1;
        let (this, rest) = batch.split_at(length.min(batch.len()));
        batch = rest;
        match kind {
            b'P' => {
                *parameters = this.iter().map(|byte| u16::from(*byte == b'$')).sum();
                answer.extend(message(b'1', &[]));
            }
            b'D' => {
                let mut described = parameters.to_be_bytes().to_vec();
                described.extend(INT4_OID.to_be_bytes().repeat(usize::from(*parameters)));
                answer.extend(message(b't', &described));
                answer.extend(message(b'T', &int8_column()));
            }
            b'B' => answer.extend(message(b'2', &[])),
            b'E' => {
                let row = [
                    &1u16.to_be_bytes()[..],
                    &8u32.to_be_bytes(),
                    &1i64.to_be_bytes(),
                ];
                answer.extend(message(b'D', &row.concat()));
                answer.extend(message(b'C', b"SELECT 1\0"));
            }
            b'C' => answer.extend(message(b'3', &[])),
            b'S' => answer.extend(ready()),
            _ => {}
        }
    }
    answer
}

const INT4_OID: u32 = 23;

/// One column called `one` of type int8 in binary format.
fn int8_column() -> Vec<u8> {
    const INT8_OID: u32 = 20;
    [
        &1u16.to_be_bytes()[..],
        b"one\0",
        &0u32.to_be_bytes(),
        &0u16.to_be_bytes(),
        &INT8_OID.to_be_bytes(),
        &8u16.to_be_bytes(),
        &u32::MAX.to_be_bytes(),
        &1u16.to_be_bytes(),
    ]
    .concat()
}
