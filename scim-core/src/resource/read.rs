//! A client's JSON to a resource in canonical form: names, types, mutability (RFC 7643 §2, §7).
//!
//! Liberal where the meaning is certain (a boolean as `"False"`, an array of one for a single
//! value, a bare string for an attribute whose `value` it must be), strict everywhere else.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use super::element;
use crate::protocol::{
    Error, datetime,
    json::{Object, is_unassigned},
    path::AttrPath,
};
use crate::schema::{AttrType, Attribute, Mutability, ResourceType};

/// What becomes of an attribute that no schema defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// It is left out (RFC 7644 §3.3).
    Ignore,
    /// The request is refused.
    Refuse,
    /// It stays as it is: the reader is not the one who stores it.
    Keep,
}

/// How a body is read.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// The type of the resource.
    pub resource_type: &'a ResourceType,
    /// What becomes of unknown attributes. With [`Unknown::Keep`] read-only ones stay, too.
    pub unknown: Unknown,
}

impl Reading<'_> {
    /// Reads a whole resource, as in POST and PUT.
    ///
    /// Names come out in the schema's letter case, extension attributes under their URN, unassigned
    /// values and read-only attributes not at all.
    ///
    /// # Errors
    /// `invalidValue` naming the attribute whose value has the wrong type; `invalidSyntax` for an
    /// unknown attribute under [`Unknown::Refuse`].
    pub fn resource(&self, body: &Object) -> Result<Object, Error> {
        let mut out = Object::new();
        for (key, value) in body {
            self.member(key, value, &mut out)?;
        }
        Ok(out)
    }

    fn member(&self, key: &str, value: &Value, out: &mut Object) -> Result<(), Error> {
        if let Some(schema) = self.resource_type.extension(key) {
            return self.extension(&schema.id, value, out);
        }
        if key.eq_ignore_ascii_case(&self.resource_type.schema.id) {
            let Value::Object(inner) = value else { return Err(wrong_type(key, "an object")) };
            return inner.iter().try_for_each(|(key, value)| self.member(key, value, out));
        }
        let path = AttrPath::parse(key).ok();
        let Some((path, target)) =
            path.and_then(|path| Some((path.clone(), self.resource_type.resolve(&path)?)))
        else {
            return self.unknown(key, value, out);
        };
        if self.is_dropped(target.leaf()) || self.is_dropped(target.attribute) {
            return Ok(());
        }
        let name = path.to_string();
        if self.unknown == Unknown::Keep && target.attribute.mutability == Mutability::ReadOnly {
            out.insert(target.attribute.name.to_string(), value.clone());
            return Ok(());
        }
        let Some(value) = self.value(target.leaf(), &name, value)? else { return Ok(()) };
        element::in_home(out, target.extension, |home| match target.sub {
            None => merge(home, &target.attribute.name, value),
            Some(sub) => element::set_sub(home, target.attribute, sub, value),
        });
        Ok(())
    }

    fn extension(&self, urn: &str, value: &Value, out: &mut Object) -> Result<(), Error> {
        if is_unassigned(value) {
            return Ok(());
        }
        let Value::Object(inner) = value else { return Err(wrong_type(urn, "an object")) };
        let mut home = Object::new();
        for (key, value) in inner {
            let Some((_, attribute)) = self.resource_type.attribute(Some(urn), key) else {
                self.unknown(key, value, &mut home)?;
                continue;
            };
            if self.is_dropped(attribute) {
                continue;
            }
            if let Some(value) = self.value(attribute, &format!("{urn}:{key}"), value)? {
                home.insert(attribute.name.to_string(), value);
            }
        }
        element::in_home(out, Some(urn), |out| {
            home.into_iter().for_each(|(name, value)| merge(out, &name, value));
        });
        Ok(())
    }

    fn unknown(&self, key: &str, value: &Value, out: &mut Object) -> Result<(), Error> {
        match self.unknown {
            Unknown::Ignore => {}
            Unknown::Refuse => {
                return Err(Error::invalid_syntax(format!(
                    "`{}` is no attribute of {}",
                    element::printable(key),
                    self.resource_type.name
                )));
            }
            Unknown::Keep => {
                if !is_unassigned(value) {
                    out.insert(key.into(), value.clone());
                }
            }
        }
        Ok(())
    }

    fn is_dropped(&self, attribute: &Attribute) -> bool {
        attribute.mutability == Mutability::ReadOnly && self.unknown != Unknown::Keep
    }

    /// Reads the value of one attribute; `None` if it is unassigned.
    ///
    /// `name` is what an error calls the attribute.
    ///
    /// # Errors
    /// `invalidValue` if the type is wrong or more than one value is primary.
    pub fn value(
        &self,
        attribute: &Attribute,
        name: &str,
        value: &Value,
    ) -> Result<Option<Value>, Error> {
        if is_unassigned(value) {
            return Ok(None);
        }
        if !attribute.multi_valued {
            let value = match value {
                Value::Array(items) => match items.as_slice() {
                    [one] => one,
                    _ => return Err(wrong_type(name, "a single value")),
                },
                one => one,
            };
            return self.single(attribute, name, value);
        }
        let items = match value {
            Value::Array(items) => items.as_slice(),
            Value::Object(_) => core::slice::from_ref(value),
            _ => return Err(wrong_type(name, "an array")),
        };
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            if let Some(item) = self.single(attribute, name, item)?
                && (items.len() > DEDUPLICATED_ITEMS || !out.contains(&item))
            {
                out.push(item);
            }
        }
        if out.iter().filter(|item| element::is_primary(item)).count() > 1 {
            return Err(Error::invalid_value(format!("`{name}` has more than one primary value")));
        }
        Ok((!out.is_empty()).then_some(Value::Array(out)))
    }

    fn single(
        &self,
        attribute: &Attribute,
        name: &str,
        value: &Value,
    ) -> Result<Option<Value>, Error> {
        match (attribute.kind, value) {
            (_, Value::Null) => Ok(None),
            (AttrType::Complex, Value::Object(object)) => self.complex(attribute, name, object),
            (AttrType::Complex, Value::String(_) | Value::Number(_)) => {
                let Some(sub) = attribute.sub("value") else {
                    return Err(wrong_type(name, "an object"));
                };
                let value = self.value(sub, name, value)?;
                Ok(value.map(|value| {
                    let mut object = Object::new();
                    object.insert(sub.name.to_string(), value);
                    Value::Object(object)
                }))
            }
            (AttrType::Complex, _) => Err(wrong_type(name, "an object")),
            (kind, value) => scalar(kind, name, value).map(Some),
        }
    }

    fn complex(
        &self,
        attribute: &Attribute,
        name: &str,
        object: &Object,
    ) -> Result<Option<Value>, Error> {
        let mut out = Object::new();
        for (key, value) in object {
            let Some(sub) = attribute.sub(key) else {
                self.unknown(key, value, &mut out)?;
                continue;
            };
            if self.is_dropped(sub) {
                continue;
            }
            if let Some(value) = self.value(sub, &format!("{name}.{}", sub.name), value)? {
                out.insert(sub.name.to_string(), value);
            }
        }
        Ok((!out.is_empty()).then_some(Value::Object(out)))
    }
}

/// Longer lists are not searched for repeated elements: the search is quadratic.
const DEDUPLICATED_ITEMS: usize = 256;

/// Joins a value to what an earlier member of the body (a dotted key, say) already put there.
fn merge(home: &mut Object, name: &str, value: Value) {
    match (home.get_mut(name), value) {
        (Some(Value::Object(old)), Value::Object(mut new)) => old.append(&mut new),
        (_, value) => {
            home.insert(name.into(), value);
        }
    }
}

/// Checks a value that is not complex, and turns it into the type's own JSON form.
fn scalar(kind: AttrType, name: &str, value: &Value) -> Result<Value, Error> {
    let text = value.as_str();
    let good = match kind {
        AttrType::String | AttrType::Complex => text.is_some(),
        AttrType::Boolean => match value {
            Value::Bool(_) => true,
            Value::String(text) => {
                return boolean(text)
                    .map(Value::Bool)
                    .ok_or_else(|| wrong_type(name, expected(kind)));
            }
            _ => false,
        },
        AttrType::Decimal => value.is_number(),
        AttrType::Integer => value.is_i64() || value.is_u64(),
        AttrType::DateTime => text.is_some_and(|text| datetime::parse(text).is_some()),
        AttrType::Binary => text.is_some_and(is_base64),
        AttrType::Reference => text.is_some_and(|t| !t.chars().any(char::is_control)),
    };
    if good { Ok(value.clone()) } else { Err(wrong_type(name, expected(kind))) }
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

fn wrong_type(name: &str, expected: &str) -> Error {
    Error::invalid_value(format!("`{}` must be {expected}", element::printable(name)))
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

/// Refuses a resource that lacks a required attribute.
///
/// # Errors
/// `invalidValue` naming up to five attributes that are missing.
pub fn check_required(resource_type: &ResourceType, resource: &Object) -> Result<(), Error> {
    const NAMED: usize = 5;
    let mut missing: Vec<Cow<'_, str>> = Vec::new();
    for attribute in &resource_type.schema.attributes {
        missing_in(attribute, resource, None, &mut missing);
    }
    for extension in &resource_type.extensions {
        let urn = &extension.schema.id;
        match resource.get(&**urn).and_then(Value::as_object) {
            Some(object) => extension
                .schema
                .attributes
                .iter()
                .for_each(|a| missing_in(a, object, Some(urn), &mut missing)),
            None if extension.required => missing.push(Cow::Borrowed(urn)),
            None => {}
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = missing.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    Err(Error::invalid_value(format!("required, but missing: {}", names.join(", "))))
}

fn missing_in<'a>(
    attribute: &'a Attribute,
    home: &Object,
    urn: Option<&str>,
    missing: &mut Vec<Cow<'a, str>>,
) {
    let value = home.get(&*attribute.name);
    let empty = |value: &Value| value.as_str().is_some_and(|text| text.trim().is_empty());
    if attribute.required && value.is_none_or(empty) {
        missing.push(match urn {
            Some(urn) => Cow::Owned(format!("{urn}:{}", attribute.name)),
            None => Cow::Borrowed(&attribute.name),
        });
    }
    for sub in attribute.sub_attributes.iter().filter(|sub| sub.required) {
        let lacks = |item: &Value| item.get(&*sub.name).is_none_or(empty);
        let lacking = match value {
            Some(Value::Array(items)) => items.iter().any(lacks),
            Some(object) => lacks(object),
            None => false,
        };
        if lacking {
            missing.push(Cow::Owned(format!("{}.{}", attribute.name, sub.name)));
        }
    }
}
