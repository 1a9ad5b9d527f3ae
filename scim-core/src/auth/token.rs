//! Generated tokens: `scimedge_<public id>_<secret>_<checksum>`.
//!
//! The prefix lets secret scanners find a leaked token, the public id names it in lists, and the
//! checksum turns a typing error into an answer without a look-up.

use alloc::string::String;

use super::base64url;
use crate::port::Random;

const PREFIX: &str = "scimedge_";
/// Characters of the public id: 6 bytes in base64url.
const ID_CHARS: usize = 8;
/// Characters of the secret: 32 bytes in base64url.
const SECRET_CHARS: usize = 43;
/// Characters of the checksum: 32 bits to the base 62.
const CHECKSUM_CHARS: usize = 6;
/// Characters of a token up to the underscore before its checksum.
const SIGNED_CHARS: usize = PREFIX.len() + ID_CHARS + 1 + SECRET_CHARS;

/// Makes a new token. Its text exists nowhere else: show it once and keep its SHA-256.
#[must_use]
pub fn generate(random: &impl Random) -> String {
    let (mut id, mut secret) = ([0; 6], [0; 32]);
    random.fill(&mut id);
    random.fill(&mut secret);
    let mut token = String::from(PREFIX);
    base64url::push(&mut token, &id);
    token.push('_');
    base64url::push(&mut token, &secret);
    let checksum = checksum(&token);
    token.push('_');
    token.extend(checksum.into_iter().map(char::from));
    token
}

/// Whether `token` claims to be a generated one.
#[must_use]
pub fn is_generated(token: &str) -> bool {
    token.starts_with(PREFIX)
}

/// Whether `token` has the form of a generated token and its checksum fits.
#[must_use]
pub fn checksum_ok(token: &str) -> bool {
    let Some((signed, rest)) = token.split_at_checked(SIGNED_CHARS) else {
        return false;
    };
    is_generated(token)
        && rest.strip_prefix('_').is_some_and(|text| text.as_bytes() == checksum(signed))
}

/// The public id of a generated token.
#[must_use]
pub fn public_id(token: &str) -> Option<&str> {
    let (id, _) = token.strip_prefix(PREFIX)?.split_at_checked(ID_CHARS)?;
    Some(id)
}

fn checksum(text: &str) -> [u8; CHECKSUM_CHARS] {
    let mut rest = crc32(text.as_bytes());
    let mut digits = [b'0'; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        let value = u8::try_from(rest % 62).unwrap_or_default();
        *digit = match value {
            0..=9 => b'0' + value,
            10..=35 => b'A' + value - 10,
            _ => b'a' + value - 36,
        };
        rest /= 62;
    }
    digits
}

/// CRC-32 of ISO 3309, bit by bit: it runs once per token.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    !crc
}
