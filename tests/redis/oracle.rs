//! The real server, where there is one.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use bytes::{Buf, BytesMut};

pub use crate::redis_server::RealRedis;

impl RealRedis {
    pub fn connect(&self) -> Raw {
        Raw::open(&self.address())
    }
}

/// A connection that compares bytes.
pub struct Raw {
    stream: TcpStream,
    input: BytesMut,
}

impl Raw {
    /// Opens a connection, once somebody listens.
    pub fn open(address: &str) -> Raw {
        let mut tries = 0;
        let stream = loop {
            match TcpStream::connect(address) {
                Ok(stream) => break stream,
                Err(error) if tries == 1000 => panic!("{address}: {error}"),
                Err(_) => pause(Duration::from_millis(5)),
            }
            tries += 1;
        };
        stream.set_nodelay(true).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Raw {
            stream,
            input: BytesMut::new(),
        }
    }

    /// Sends a command and returns its reply, as bytes.
    pub fn call(&mut self, args: &[Vec<u8>]) -> Vec<u8> {
        self.ask(args);
        self.reply()
    }

    /// Sends a command.
    pub fn ask(&mut self, args: &[Vec<u8>]) {
        self.send(&request(args));
    }

    /// Says that no more will be sent, unless the server has hung up.
    pub fn hang_up(&mut self) {
        let _gone = self.stream.shutdown(Shutdown::Write);
    }

    /// Sends to a server that may hang up meanwhile: whoever reads is told.
    pub fn send(&mut self, bytes: &[u8]) {
        let _gone = self.stream.write_all(bytes);
    }

    /// The next reply, as bytes.
    pub fn reply(&mut self) -> Vec<u8> {
        loop {
            if let Some(whole) = whole_reply(&mut self.input) {
                return whole;
            }
            self.read_more();
        }
    }

    fn read_more(&mut self) {
        let mut piece = [0; 4096];
        let read = loop {
            match self.stream.read(&mut piece) {
                // The process was stopped, and goes on.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read.unwrap(),
            }
        };
        assert!(read > 0, "closed in the middle of a reply");
        self.input.extend(&piece[..read]);
    }

    /// Follows a server as its replica does. What comes next are the commands
    /// behind the snapshot.
    pub fn follow(address: &str) -> Raw {
        let mut raw = Raw::open(address);
        raw.send(b"PSYNC ? -1\r\n");
        assert!(raw.reply().starts_with(b"+FULLRESYNC"));
        loop {
            // Newlines keep the connection alive while the snapshot is made.
            while raw.input.first() == Some(&b'\n') {
                raw.input.advance(1);
            }
            if let Some(end) = raw.input.windows(2).position(|pair| pair == b"\r\n") {
                let length = std::str::from_utf8(&raw.input[1..end]).unwrap();
                let end = end + 2 + length.parse::<usize>().unwrap();
                if raw.input.len() >= end {
                    raw.input.advance(end);
                    return raw;
                }
            }
            raw.read_more();
        }
    }

    /// The next reply, if it has begun to arrive.
    pub fn try_reply(&mut self) -> Option<Vec<u8>> {
        let mut piece = [0; 1];
        self.stream.set_nonblocking(true).unwrap();
        let peeked = self.stream.peek(&mut piece);
        self.stream.set_nonblocking(false).unwrap();
        let begun = !self.input.is_empty() || peeked.is_ok();
        begun.then(|| self.reply())
    }

    /// Everything up to the end of the connection. A server that closes it has
    /// read all that was sent or has not, as it happens: then it is reset.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = self.input.split().to_vec();
        let ended = self.stream.read_to_end(&mut rest);
        let reset = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionReset;
        assert!(ended.as_ref().err().is_none_or(reset), "{ended:?}");
        rest
    }
}

/// A command's arguments.
pub fn words(line: &str) -> Vec<Vec<u8>> {
    let words = line.split_whitespace();
    words.map(|word| word.as_bytes().to_vec()).collect()
}

/// A command as a client sends it.
pub fn request(args: &[Vec<u8>]) -> Vec<u8> {
    let mut request = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        request.extend(format!("${}\r\n", arg.len()).bytes());
        request.extend(arg);
        request.extend(b"\r\n");
    }
    request
}

/// Takes the reply at the start of `input`, if all of it is there.
pub fn whole_reply(input: &mut BytesMut) -> Option<Vec<u8>> {
    let length = reply_length(input)?;
    Some(input.split_to(length).to_vec())
}

/// How many bytes the reply at the start takes, in RESP2 or RESP3; none if
/// some are missing.
fn reply_length(input: &[u8]) -> Option<usize> {
    let end = input.windows(2).position(|pair| pair == b"\r\n")? + 2;
    let count = std::str::from_utf8(&input[1..end - 2]).ok();
    let count = count.and_then(|count| count.parse::<usize>().ok());
    match (input[0], count) {
        // A missing value has a count of -1.
        (b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(', _) | (b'$' | b'*', None) => Some(end),
        (b'$' | b'=', Some(length)) => {
            let end = end + length + 2;
            (input.len() >= end).then_some(end)
        }
        (kind @ (b'*' | b'~' | b'>' | b'%'), Some(count)) => {
            let count = if kind == b'%' { count * 2 } else { count };
            (0..count).try_fold(end, |end, _| Some(end + reply_length(&input[end..])?))
        }
        _ => panic!("no reply: {}", input.escape_ascii()),
    }
}

#[expect(clippy::disallowed_methods, reason = "another process takes real time")]
pub fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
