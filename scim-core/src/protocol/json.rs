//! Reading JSON from the outside: bounded, and without ambiguity (RFC 7643 §1.1, RFC 8259 §4).
//!
//! Two readers of one body must not read two things in it. So an object in which a member occurs
//! twice, also when the names differ by letter case alone, is refused.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{Error, limits::Limits};

/// A JSON object.
pub type Object = Map<String, Value>;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// An object with fewer members is searched for a name that occurs twice without a set.
const FEW_MEMBERS: usize = 32;
/// Told apart from errors of syntax by these words, since `serde` errors carry text alone.
const TWICE: &str = "a member occurs twice";
const TOO_DEEP: &str = "nested too deeply";
const LONG_TEXT: &str = "a text is too long";
const LONG_ARRAY: &str = "an array has too many elements";

/// Parses a body.
///
/// # Errors
/// `invalidSyntax` with the position: no JSON, a member that occurs twice, or nesting deeper than
/// [`Limits::json_depth`]. 413 for a text over [`Limits::string_bytes`] or an array over
/// [`Limits::array_items`].
///
/// ```
/// use scim_core::protocol::{json, limits::Limits};
/// assert!(json::parse(br#"{"active": true}"#, &Limits::default()).is_ok());
/// assert!(json::parse(br#"{"active": true, "Active": false}"#, &Limits::default()).is_err());
/// ```
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Value, Error> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::invalid_syntax("the body is empty"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let parsed = Seed { limits, depth: limits.json_depth }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    parsed.map_err(|error| {
        // The text of a serde error can hold a piece of the body; only our own words go out.
        let text = format!("{error}");
        if let Some(words) = [LONG_TEXT, LONG_ARRAY].into_iter().find(|w| text.starts_with(w)) {
            return Error::payload_too_large(format!("in the body, {words}"));
        }
        let what = [TWICE, TOO_DEEP].into_iter().find(|words| text.starts_with(words));
        Error::invalid_syntax(format!(
            "the body is not valid: {} (line {}, column {})",
            what.unwrap_or("malformed JSON"),
            error.line(),
            error.column()
        ))
    })
}

/// Parses a body that must be an object.
///
/// # Errors
/// As [`parse`]; `invalidSyntax` if it is JSON but no object.
pub fn parse_object(bytes: &[u8], limits: &Limits) -> Result<Object, Error> {
    match parse(bytes, limits)? {
        Value::Object(object) => Ok(object),
        _ => Err(Error::invalid_syntax("the body is not a JSON object")),
    }
}

/// The member of that name, in any letter case.
#[must_use]
pub fn member<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    object
        .get(name)
        .or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v))
}

/// Whether a value counts as "unassigned": null, or an empty array (RFC 7643 §2.5).
#[must_use]
pub fn is_unassigned(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

#[derive(Clone, Copy)]
struct Seed<'l> {
    limits: &'l Limits,
    depth: usize,
}

impl Seed<'_> {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom(TOO_DEEP))?;
        Ok(Self { depth, ..self })
    }

    fn text<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        if text.len() > self.limits.string_bytes {
            return Err(E::custom(LONG_TEXT));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.text(value)?;
        Ok(Value::String(value.into()))
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<Value, E> {
        self.text(&value)?;
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self.inner()?)? {
            if items.len() >= self.limits.array_items {
                return Err(A::Error::custom(LONG_ARRAY));
            }
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Object::new();
        let mut seen = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            self.text(&name)?;
            // A set costs a text for each name; a few names are compared faster than that.
            if object.len() == FEW_MEMBERS {
                seen = object.keys().map(|name| name.to_ascii_lowercase()).collect();
            }
            let is_new = if object.len() < FEW_MEMBERS {
                !object.keys().any(|known| known.eq_ignore_ascii_case(&name))
            } else {
                seen.insert(name.to_ascii_lowercase())
            };
            if !is_new {
                return Err(A::Error::custom(TWICE));
            }
            object.insert(name, map.next_value_seed(self.inner()?)?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::protocol::limits::Limits;

    #[test]
    fn texts_and_arrays_have_limits() {
        let limits = Limits { string_bytes: 4, array_items: 2, ..Limits::default() };
        assert!(parse(br#"["abcd", "a"]"#, &limits).is_ok());
        for (body, words) in [
            (&br#"["abcde"]"#[..], "in the body, a text is too long"),
            (&br#"["\u0061bcde"]"#[..], "in the body, a text is too long"),
            (&br#"{"abcde": 1}"#[..], "in the body, a text is too long"),
            (&b"[1, 2, 3]"[..], "in the body, an array has too many elements"),
        ] {
            let error = parse(body, &limits).unwrap_err();
            assert_eq!((error.status(), error.detail()), (413, words));
        }
    }
}
