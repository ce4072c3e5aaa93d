//! Functions of byte strings: their text in other forms, and their digests.

use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::{Builtin, text, unexpected};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::types::{Reading, Type, Value, from_text};

use Type::{Bytea, Text};

pub(super) const FUNCTIONS: &[Builtin] = &[
    Builtin::new("encode", &[Bytea, Text], Text, |a, _| {
        encode(bytes(&a[0])?, text(&a[1])?)
    }),
    Builtin::new("decode", &[Text, Text], Bytea, |a, _| {
        decode(text(&a[0])?, text(&a[1])?)
    }),
    Builtin::new("md5", &[Text], Text, |a, _| {
        Ok(hex(&md5(text(&a[0])?.as_bytes())))
    }),
    Builtin::new("md5", &[Bytea], Text, |a, _| Ok(hex(&md5(bytes(&a[0])?)))),
    Builtin::new("sha224", &[Bytea], Bytea, |a, _| {
        Ok(made(&Sha224::digest(bytes(&a[0])?)))
    }),
    Builtin::new("sha256", &[Bytea], Bytea, |a, _| {
        Ok(made(&Sha256::digest(bytes(&a[0])?)))
    }),
    Builtin::new("sha384", &[Bytea], Bytea, |a, _| {
        Ok(made(&Sha384::digest(bytes(&a[0])?)))
    }),
    Builtin::new("sha512", &[Bytea], Bytea, |a, _| {
        Ok(made(&Sha512::digest(bytes(&a[0])?)))
    }),
];

fn bytes(value: &Value) -> Result<&[u8]> {
    match value {
        Value::Bytes(bytes) => Ok(bytes),
        _ => Err(unexpected()),
    }
}

fn made(bytes: &[u8]) -> Value {
    Value::Bytes(bytes.into())
}

fn hex(bytes: &[u8]) -> Value {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Value::Text(digits.into())
}

fn unknown_encoding(name: &str) -> Error {
    let message = format!("unrecognized encoding: \"{name}\"");
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

fn encode(bytes: &[u8], encoding: &str) -> Result<Value> {
    match encoding.to_ascii_lowercase().as_str() {
        "hex" => Ok(hex(bytes)),
        "base64" => Ok(Value::Text(to_base64(bytes).into())),
        "escape" => Ok(Value::Text(escaped(bytes).into())),
        _ => Err(unknown_encoding(encoding)),
    }
}

fn decode(text: &str, encoding: &str) -> Result<Value> {
    match encoding.to_ascii_lowercase().as_str() {
        "hex" => from_text(Bytea, &format!("\\x{text}"), &Reading::default()),
        "base64" => from_base64(text).map(|bytes| made(&bytes)),
        // Only what begins as hexadecimal digits do is not read as such.
        "escape" if !text.starts_with("\\x") => from_text(Bytea, text, &Reading::default()),
        "escape" => Err(Error::new(
            SqlState::INVALID_TEXT_REPRESENTATION,
            "invalid input syntax for type bytea",
        )),
        _ => Err(unknown_encoding(encoding)),
    }
}

/// Bytes that are no ASCII as three octal digits.
fn escaped(bytes: &[u8]) -> String {
    let mut out = String::new();
    for byte in bytes {
        match byte {
            0 | 0x80.. => out += &format!("\\{byte:03o}"),
            b'\\' => out += "\\\\",
            byte => out.push(char::from(*byte)),
        }
    }
    out
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// How many digits of base 64 stand on a line.
const LINE: usize = 76;

fn to_base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    let mut line = 0;
    for three in bytes.chunks(3) {
        if line == LINE {
            out.push('\n');
            line = 0;
        }
        let group = three
            .iter()
            .fold(0u32, |group, byte| group << 8 | u32::from(*byte));
        let group = group << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = usize::try_from(group >> (18 - 6 * place) & 63).unwrap_or(0);
            let there = place <= three.len();
            out.push(if there {
                char::from(DIGITS[digit])
            } else {
                '='
            });
        }
        line += 4;
    }
    out
}

fn from_base64(text: &str) -> Result<Vec<u8>> {
    let invalid = |message: String| Error::new(SqlState::INVALID_PARAMETER_VALUE, message);
    let (mut out, mut group, mut count, mut ends) = (Vec::new(), 0u32, 0, 0);
    for c in text.chars() {
        if matches!(c, ' ' | '\t' | '\n' | '\r') {
            continue;
        }
        let digit = match c {
            '=' => {
                // One or two of them fill up the last group.
                if ends == 0 && count < 2 {
                    let message = "unexpected \"=\" while decoding base64 sequence";
                    return Err(invalid(message.to_owned()));
                }
                ends += 1;
                0
            }
            c => {
                let digit = DIGITS.iter().position(|digit| char::from(*digit) == c);
                let digit = digit.ok_or_else(|| {
                    let message =
                        format!("invalid symbol \"{c}\" found while decoding base64 sequence");
                    invalid(message)
                })?;
                u32::try_from(digit).unwrap_or(0)
            }
        };
        group = group << 6 | digit;
        count += 1;
        if count == 4 {
            let kept = 3usize.saturating_sub(ends);
            out.extend_from_slice(&group.to_be_bytes()[1..=kept]);
            (group, count) = (0, 0);
        }
    }
    if count != 0 {
        let hint = "Input data is missing padding, is truncated, or is otherwise corrupted.";
        return Err(invalid("invalid base64 end sequence".to_owned()).hint(hint));
    }
    Ok(out)
}

/// RFC 1321.
fn md5(message: &[u8]) -> [u8; 16] {
    let mut state: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    let bits = (message.len() as u64).wrapping_mul(8);
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend_from_slice(&bits.to_le_bytes());
    for block in padded.chunks_exact(64) {
        let mut words = [0u32; 16];
        for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        let [mut a, mut b, mut c, mut d] = state;
        for step in 0..64 {
            let (mixed, word) = match step / 16 {
                0 => (b & c | !b & d, step),
                1 => (d & b | !d & c, (5 * step + 1) % 16),
                2 => (b ^ c ^ d, (3 * step + 5) % 16),
                _ => (c ^ (b | !d), 7 * step % 16),
            };
            let sum = a
                .wrapping_add(mixed)
                .wrapping_add(SINES[step])
                .wrapping_add(words[word]);
            let turned = sum.rotate_left(TURNS[step / 16][step % 4]);
            (a, d, c, b) = (d, c, b, b.wrapping_add(turned));
        }
        for (part, more) in state.iter_mut().zip([a, b, c, d]) {
            *part = part.wrapping_add(more);
        }
    }
    let mut digest = [0; 16];
    for (bytes, part) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&part.to_le_bytes());
    }
    digest
}

const TURNS: [[u32; 4]; 4] = [
    [7, 12, 17, 22],
    [5, 9, 14, 20],
    [4, 11, 16, 23],
    [6, 10, 15, 21],
];

/// The first 32 bits of the fractions of the sines of 1 to 64.
const SINES: [u32; 64] = [
    0xd76a_a478,
    0xe8c7_b756,
    0x2420_70db,
    0xc1bd_ceee,
    0xf57c_0faf,
    0x4787_c62a,
    0xa830_4613,
    0xfd46_9501,
    0x6980_98d8,
    0x8b44_f7af,
    0xffff_5bb1,
    0x895c_d7be,
    0x6b90_1122,
    0xfd98_7193,
    0xa679_438e,
    0x49b4_0821,
    0xf61e_2562,
    0xc040_b340,
    0x265e_5a51,
    0xe9b6_c7aa,
    0xd62f_105d,
    0x0244_1453,
    0xd8a1_e681,
    0xe7d3_fbc8,
    0x21e1_cde6,
    0xc337_07d6,
    0xf4d5_0d87,
    0x455a_14ed,
    0xa9e3_e905,
    0xfcef_a3f8,
    0x676f_02d9,
    0x8d2a_4c8a,
    0xfffa_3942,
    0x8771_f681,
    0x6d9d_6122,
    0xfde5_380c,
    0xa4be_ea44,
    0x4bde_cfa9,
    0xf6bb_4b60,
    0xbebf_bc70,
    0x289b_7ec6,
    0xeaa1_27fa,
    0xd4ef_3085,
    0x0488_1d05,
    0xd9d4_d039,
    0xe6db_99e5,
    0x1fa2_7cf8,
    0xc4ac_5665,
    0xf429_2244,
    0x432a_ff97,
    0xab94_23a7,
    0xfc93_a039,
    0x655b_59c3,
    0x8f0c_cc92,
    0xffef_f47d,
    0x8584_5dd1,
    0x6fa8_7e4f,
    0xfe2c_e6e0,
    0xa301_4314,
    0x4e08_11a1,
    0xf753_7e82,
    0xbd3a_f235,
    0x2ad7_d2bb,
    0xeb86_d391,
];
