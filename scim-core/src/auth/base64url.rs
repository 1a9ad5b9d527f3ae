//! Base 64 with the alphabet for URLs, without padding (RFC 4648 §5, RFC 7515 §2).

use alloc::string::String;
use alloc::vec::Vec;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The six bits of a character.
const fn six(character: u8) -> Option<u8> {
    match character {
        b'A'..=b'Z' => Some(character - b'A'),
        b'a'..=b'z' => Some(character - b'a' + 26),
        b'0'..=b'9' => Some(character - b'0' + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

/// Appends `bytes` to `text`.
pub(super) fn push(text: &mut String, bytes: &[u8]) {
    let (mut bits, mut count) = (0_u32, 0);
    let mut push = |six: u32| {
        let index = usize::try_from(six & 63).unwrap_or_default();
        text.extend(ALPHABET.get(index).copied().map(char::from));
    };
    for byte in bytes {
        bits = (bits << 8 | u32::from(*byte)) & 0x3fff;
        count += 8;
        while count >= 6 {
            count -= 6;
            push(bits >> count);
        }
    }
    if count > 0 {
        push(bits << (6 - count));
    }
}

/// Decodes `text`; `None` for characters outside the alphabet, padding, and bits that no encoder
/// sets: one value has one text.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut count) = (0_u32, 0);
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for character in text.bytes() {
        bits = (bits << 6 | u32::from(six(character)?)) & 0x3fff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    let rest = bits & ((1 << count) - 1);
    (count < 6 && rest == 0).then_some(bytes)
}
