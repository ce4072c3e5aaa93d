//! A Redis that answers every command with the same bytes.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::accept::accept_all;

/// `answer` for every command, told apart by the `*` that begins each.
pub async fn serve(address: &'static str, answer: &'static [u8]) {
    accept_all(address, move |mut stream| async move {
        let mut buffer = [0; 1024];
        while let Ok(length @ 1..) = stream.read(&mut buffer).await {
            let bytes = buffer[..length].iter();
            let commands = bytes.filter(|byte| **byte == b'*').count();
            let answers = answer.repeat(commands);
            if stream.write_all(&answers).await.is_err() {
                break;
            }
        }
    })
    .await;
}
