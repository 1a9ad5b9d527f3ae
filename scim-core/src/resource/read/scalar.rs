//! Values that are not complex: their JSON form in each type (RFC 7643 §2.3).

use alloc::format;

use serde_json::Value;

use super::name::Name;
use crate::protocol::{Error, datetime};
use crate::schema::AttrType;

/// Checks a value that is not complex, and turns it into the type's own JSON form; `Err` says what
/// it should be.
pub(super) fn read_scalar(kind: AttrType, value: &mut Value) -> Result<(), &'static str> {
    let text = value.as_str();
    let good = match kind {
        AttrType::String | AttrType::Complex => text.is_some(),
        AttrType::Boolean => {
            if let Some(meant) = text.and_then(boolean) {
                *value = Value::Bool(meant);
            }
            value.is_boolean()
        }
        AttrType::Decimal => value.is_number(),
        AttrType::Integer => value.is_i64() || value.is_u64(),
        AttrType::DateTime => text.is_some_and(|text| datetime::parse(text).is_some()),
        AttrType::Binary => text.is_some_and(is_base64),
        AttrType::Reference => text.is_some_and(is_reference),
    };
    if good { Ok(()) } else { Err(expected(kind)) }
}

/// `true` or `false` in any letter case, as Entra ID and OneLogin write booleans.
#[must_use]
pub fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

const fn expected(kind: AttrType) -> &'static str {
    match kind {
        AttrType::String => "a string",
        AttrType::Boolean => "a boolean",
        AttrType::Decimal => "a number",
        AttrType::Integer => "an integer",
        AttrType::DateTime => "a date and time of RFC 3339",
        AttrType::Binary => "base64 text",
        AttrType::Reference => "a URI",
        AttrType::Complex => "an object",
    }
}

/// The refusal of a value that is not `expected`.
pub(super) fn wrong_type(name: Name<'_>, expected: &str) -> Error {
    Error::invalid_value(format!("`{name}` must be {expected}"))
}

/// Base64 in either alphabet, padded or not (RFC 4648 §4, §5).
fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let padding = text.len() - body.len();
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_');
    padding <= 2
        && body.bytes().all(known)
        && body.len() % 4 != 1
        && (padding == 0 || text.len().is_multiple_of(4))
}

/// A URI or a relative reference, as far as characters tell (RFC 3986 §2): none that a URI must
/// write in escaped form, and no broken escape. Letters of other alphabets are forgiven
/// (RFC 3987), and so is an empty text.
fn is_reference(text: &str) -> bool {
    let allowed = |c: char| !c.is_whitespace() && !c.is_control() && !"\"<>\\^`{|}".contains(c);
    let mut pieces = text.split('%');
    let is_escape = |piece: &str| {
        let digits = piece.as_bytes().first_chunk::<2>();
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    pieces.next().is_some() && pieces.all(is_escape) && text.chars().all(allowed)
}
