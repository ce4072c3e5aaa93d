//! The listpack: how Redis packs a sequence of short strings and integers.
//!
//! Its bytes are seen in DUMP, and its size where a stream starts a new node.
//! What looks like an integer is kept as one.

use super::number::parse_integer;

/// A listpack of nothing: its header and its end.
pub(super) const EMPTY_LEN: usize = 7;

/// A listpack in the making.
#[derive(Debug)]
pub(super) struct Listpack {
    bytes: Vec<u8>,
    count: usize,
}

impl Listpack {
    pub(super) fn new() -> Listpack {
        Listpack {
            bytes: vec![0; 6],
            count: 0,
        }
    }

    /// Adds a string, as an integer if it looks like one.
    pub(super) fn push(&mut self, text: &[u8]) {
        let start = self.bytes.len();
        match as_integer(text) {
            Some(number) => encode_integer(number, &mut self.bytes),
            None => encode_string(text, &mut self.bytes),
        }
        encode_backlen(self.bytes.len() - start, &mut self.bytes);
        self.count += 1;
    }

    /// Adds an integer.
    pub(super) fn push_integer(&mut self, number: i64) {
        let start = self.bytes.len();
        encode_integer(number, &mut self.bytes);
        encode_backlen(self.bytes.len() - start, &mut self.bytes);
        self.count += 1;
    }

    /// The whole, with its header.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(0xFF);
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.bytes[..4].copy_from_slice(&length.to_le_bytes());
        let count = u16::try_from(self.count).unwrap_or(u16::MAX);
        self.bytes[4..6].copy_from_slice(&count.to_le_bytes());
        self.bytes
    }
}

/// What a string takes in a listpack.
pub(super) fn entry_len(text: &[u8]) -> usize {
    match as_integer(text) {
        Some(number) => integer_len(number),
        None => {
            let header = match text.len() {
                0..64 => 1,
                64..4096 => 2,
                _ => 5,
            };
            with_backlen(header + text.len())
        }
    }
}

/// What an integer takes in a listpack.
pub(super) fn integer_len(number: i64) -> usize {
    with_backlen(match number {
        0..=127 => 1,
        -4096..=4095 => 2,
        -32_768..=32_767 => 3,
        -8_388_608..=8_388_607 => 4,
        -2_147_483_648..=2_147_483_647 => 5,
        _ => 9,
    })
}

fn with_backlen(length: usize) -> usize {
    length + backlen_len(length)
}

fn backlen_len(length: usize) -> usize {
    match length {
        0..=127 => 1,
        128..16_384 => 2,
        16_384..2_097_152 => 3,
        2_097_152..268_435_456 => 4,
        _ => 5,
    }
}

/// The integer that a string is kept as; it has at most 20 digits.
fn as_integer(text: &[u8]) -> Option<i64> {
    (text.len() <= 20).then(|| parse_integer(text)).flatten()
}

fn encode_integer(number: i64, out: &mut Vec<u8>) {
    let bytes = number.to_le_bytes();
    match number {
        0..=127 => out.push(bytes[0]),
        -4096..=4095 => out.extend([0xC0 | (bytes[1] & 0x1F), bytes[0]]),
        -32_768..=32_767 => {
            out.push(0xF1);
            out.extend(&bytes[..2]);
        }
        -8_388_608..=8_388_607 => {
            out.push(0xF2);
            out.extend(&bytes[..3]);
        }
        -2_147_483_648..=2_147_483_647 => {
            out.push(0xF3);
            out.extend(&bytes[..4]);
        }
        _ => {
            out.push(0xF4);
            out.extend(bytes);
        }
    }
}

fn encode_string(text: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let [low, next, ..] = length.to_le_bytes();
    match length {
        0..64 => out.push(0x80 | low),
        64..4096 => out.extend([0xE0 | next, low]),
        _ => {
            out.push(0xF0);
            out.extend(length.to_le_bytes());
        }
    }
    out.extend(text);
}

/// The length of an entry behind it, for whoever walks backwards: seven bits a
/// byte, the highest first, all but the first marked.
fn encode_backlen(length: usize, out: &mut Vec<u8>) {
    let count = backlen_len(length);
    for index in (0..count).rev() {
        let bits = u8::try_from((length >> (7 * index)) & 0x7F).unwrap_or(0);
        let marked = if index + 1 == count {
            bits
        } else {
            bits | 0x80
        };
        out.push(marked);
    }
}

/// The entries of a listpack, integers written out; none if it is broken.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let length = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
    if usize::try_from(length).ok()? != bytes.len() {
        return None;
    }
    let count = u16::from_le_bytes(bytes.get(4..6)?.try_into().ok()?);
    let (mut rest, mut entries) = (bytes.get(6..)?, Vec::new());
    while *rest.first()? != 0xFF {
        let (entry, taken) = decode_entry(rest)?;
        let mut backlen = Vec::new();
        encode_backlen(taken, &mut backlen);
        rest = rest.get(taken..)?.strip_prefix(&backlen[..])?;
        entries.push(entry);
    }
    let counted = count == u16::MAX || usize::from(count) == entries.len();
    (rest.len() == 1 && counted).then_some(entries)
}

/// An entry, and the bytes that it took.
fn decode_entry(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let first = *bytes.first()?;
    let integer = |count: usize| {
        let bytes = bytes.get(1..=count)?;
        let sign = if bytes[count - 1] & 0x80 == 0 {
            0
        } else {
            0xFF
        };
        let mut whole = [sign; 8];
        whole[..count].copy_from_slice(bytes);
        Some((i64::from_le_bytes(whole), 1 + count))
    };
    let (number, taken) = match first {
        0..=0x7F => (i64::from(first), 1),
        0xC0..=0xDF => {
            let value = (i64::from(first & 0x1F) << 8) | i64::from(*bytes.get(1)?);
            (if value >= 4096 { value - 8192 } else { value }, 2)
        }
        0xF1 => integer(2)?,
        0xF2 => integer(3)?,
        0xF3 => integer(4)?,
        0xF4 => integer(8)?,
        _ => return decode_string(bytes),
    };
    Some((number.to_string().into_bytes(), taken))
}

fn decode_string(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let first = *bytes.first()?;
    let (header, length): (usize, usize) = match first {
        0x80..=0xBF => (1, usize::from(first & 0x3F)),
        0xE0..=0xEF => (
            2,
            (usize::from(first & 0x0F) << 8) | usize::from(*bytes.get(1)?),
        ),
        0xF0 => {
            let length = u32::from_le_bytes(bytes.get(1..5)?.try_into().ok()?);
            (5, usize::try_from(length).ok()?)
        }
        _ => return None,
    };
    let text = bytes.get(header..header.checked_add(length)?)?;
    Some((text.to_vec(), header + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_and_takes_what_was_said() {
        let mut texts: Vec<Vec<u8>> = [
            "",
            "a",
            "0",
            "127",
            "128",
            "-1",
            "4095",
            "4096",
            "-4096",
            "-4097",
            "32767",
            "-32769",
            "8388607",
            "-8388609",
            "2147483647",
            "-2147483649",
            "9223372036854775807",
            "-9223372036854775808",
            "01",
            "1.5",
        ]
        .map(|text| text.as_bytes().to_vec())
        .to_vec();
        for length in [63, 64, 4095, 4096, 20_000] {
            texts.push(vec![b'x'; length]);
        }
        let mut packed = Listpack::new();
        for text in &texts {
            packed.push(text);
        }
        let bytes = packed.finish();
        let sizes: usize = texts.iter().map(|text| entry_len(text)).sum();
        assert_eq!(bytes.len(), EMPTY_LEN + sizes);
        assert_eq!(decode(&bytes), Some(texts));
        assert_eq!(decode(&bytes[..bytes.len() - 1]), None);
    }
}
