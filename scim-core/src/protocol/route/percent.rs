//! Percent-encoding (RFC 3986 §2.1).

use alloc::string::String;
use alloc::vec::Vec;

use crate::protocol::error::Error;

/// Decodes `text`; with `form`, `+` is a space, as HTML forms write it.
///
/// # Errors
/// 400 if the encoding, or the UTF-8 that it stands for, is broken.
pub(super) fn decode(text: &str, form: bool) -> Result<String, Error> {
    let broken = || Error::bad_request("the percent-encoding of the request target is broken");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let high = rest.next().and_then(hex).ok_or_else(broken)?;
                let low = rest.next().and_then(hex).ok_or_else(broken)?;
                high << 4 | low
            }
            b'+' if form => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| broken())
}

/// Whether `text` still holds something that reads as an encoded byte.
pub(super) fn has_escape(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.windows(3).any(|w| matches!(w, [b'%', a, b] if hex(*a).is_some() && hex(*b).is_some()))
}

/// Appends `text`; all but the unreserved characters (RFC 3986 §2.3) and the colon is encoded.
pub(super) fn encode(target: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            target.push(char::from(byte));
        } else {
            target.push('%');
            target.push(digit(byte >> 4));
            target.push(digit(byte & 15));
        }
    }
}

const fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or('0').to_ascii_uppercase()
}
