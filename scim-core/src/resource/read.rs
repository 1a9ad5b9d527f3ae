//! A client's JSON to a resource in canonical form: names, types, mutability (RFC 7643 §2, §7).
//!
//! Liberal where the meaning is certain (a boolean as `"False"`, an array of one for a single
//! value, a bare string for an attribute whose `value` it must be), strict everywhere else.

mod problems;
mod required;
mod scalar;

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use serde_json::Value;

use self::problems::Problems;
use self::scalar::{scalar, wrong_type};
use super::{element, matching};
use crate::protocol::{
    Error,
    json::{Object, is_unassigned},
    path::AttrPath,
};
use crate::schema::{AttrType, Attribute, Mutability, ResourceType};

pub use required::check_required;
pub use scalar::boolean;

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
    /// `invalidValue` naming up to five attributes whose values have the wrong type, or have more
    /// than one primary value, or are not among the canonical ones where these are enforced;
    /// `invalidSyntax` for unknown attributes under [`Unknown::Refuse`].
    pub fn resource(&self, body: &Object) -> Result<Object, Error> {
        let (mut out, mut problems) = (Object::new(), Problems::default());
        for (key, value) in body {
            self.member(key, value, &mut out, &mut problems);
        }
        problems.finish(out)
    }

    /// Reads the value of one attribute; `None` if it is unassigned.
    ///
    /// `name` is what an error calls the attribute.
    ///
    /// # Errors
    /// As [`Self::resource`].
    pub fn value(
        &self,
        attribute: &Attribute,
        name: &str,
        value: &Value,
    ) -> Result<Option<Value>, Error> {
        let mut problems = Problems::default();
        let value = self.assigned(attribute, name, value, &mut problems);
        problems.finish(value)
    }

    fn member(&self, key: &str, value: &Value, out: &mut Object, problems: &mut Problems) {
        if let Some(schema) = self.resource_type.extension(key) {
            return self.extension(&schema.id, value, out, problems);
        }
        if key.eq_ignore_ascii_case(&self.resource_type.schema.id) {
            let Value::Object(inner) = value else {
                return problems.push(wrong_type(key, "an object"));
            };
            return inner.iter().for_each(|(key, value)| self.member(key, value, out, problems));
        }
        let path = AttrPath::parse(key).ok();
        let Some((path, target)) =
            path.and_then(|path| Some((path.clone(), self.resource_type.resolve(&path)?)))
        else {
            return self.unknown(key, value, out, problems);
        };
        if self.is_dropped(target.leaf()) || self.is_dropped(target.attribute) {
            return;
        }
        let name = path.to_string();
        if self.unknown == Unknown::Keep && target.attribute.mutability == Mutability::ReadOnly {
            if !is_unassigned(value) {
                out.insert(target.attribute.name.to_string(), value.clone());
            }
            return;
        }
        let Some(value) = self.assigned(target.leaf(), &name, value, problems) else { return };
        element::in_home(out, target.extension, |home| match target.sub {
            None => merge(home, &target.attribute.name, value),
            Some(sub) => {
                element::set_sub(home, target.attribute, sub, value);
                // It speaks of every element: now some may be the same, or several primary.
                if target.attribute.multi_valued
                    && let Some(all) = home.remove(&*target.attribute.name)
                    && let Some(all) = self.assigned(target.attribute, &name, &all, problems)
                {
                    home.insert(target.attribute.name.to_string(), all);
                }
            }
        });
    }

    fn extension(&self, urn: &str, value: &Value, out: &mut Object, problems: &mut Problems) {
        if is_unassigned(value) {
            return;
        }
        let Value::Object(inner) = value else {
            return problems.push(wrong_type(urn, "an object"));
        };
        let mut home = Object::new();
        for (key, value) in inner {
            let Some((_, attribute)) = self.resource_type.attribute(Some(urn), key) else {
                self.unknown(key, value, &mut home, problems);
                continue;
            };
            if self.is_dropped(attribute) {
                continue;
            }
            let name = format!("{urn}:{key}");
            if let Some(value) = self.assigned(attribute, &name, value, problems) {
                home.insert(attribute.name.to_string(), value);
            }
        }
        element::in_home(out, Some(urn), |out| {
            home.into_iter().for_each(|(name, value)| merge(out, &name, value));
        });
    }

    fn unknown(&self, key: &str, value: &Value, out: &mut Object, problems: &mut Problems) {
        match self.unknown {
            Unknown::Ignore => {}
            Unknown::Refuse => problems.push(Error::invalid_syntax(format!(
                "`{}` is no attribute of {}",
                element::printable(key),
                self.resource_type.name
            ))),
            Unknown::Keep => {
                if !is_unassigned(value) {
                    out.insert(key.into(), value.clone());
                }
            }
        }
    }

    fn is_dropped(&self, attribute: &Attribute) -> bool {
        attribute.mutability == Mutability::ReadOnly && self.unknown != Unknown::Keep
    }

    fn assigned(
        &self,
        attribute: &Attribute,
        name: &str,
        value: &Value,
        problems: &mut Problems,
    ) -> Option<Value> {
        if is_unassigned(value) {
            return None;
        }
        if !attribute.multi_valued {
            let items = value.as_array().map_or(core::slice::from_ref(value), Vec::as_slice);
            let [value] = items else {
                problems.push(wrong_type(name, "a single value"));
                return None;
            };
            return self.single(attribute, name, value, problems);
        }
        let items = match value {
            Value::Array(items) => items.as_slice(),
            Value::Object(_) => core::slice::from_ref(value),
            _ => {
                problems.push(wrong_type(name, "an array"));
                return None;
            }
        };
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            if let Some(item) = self.single(attribute, name, item, problems)
                && (items.len() > DEDUPLICATED_ITEMS || !out.contains(&item))
            {
                out.push(item);
            }
        }
        if out.iter().filter(|item| element::is_primary(item)).count() > 1 {
            let name = element::printable(name);
            let text = format!("`{name}` has more than one primary value");
            problems.push(Error::invalid_value(text));
        }
        (!out.is_empty()).then_some(Value::Array(out))
    }

    fn single(
        &self,
        attribute: &Attribute,
        name: &str,
        value: &Value,
        problems: &mut Problems,
    ) -> Option<Value> {
        let wrong = match (attribute.kind, value) {
            (_, Value::Null) => return None,
            (AttrType::Complex, Value::Object(object)) => {
                return self.complex(attribute, name, object, problems);
            }
            (AttrType::Complex, Value::String(_) | Value::Number(_)) => {
                match attribute.sub("value") {
                    None => wrong_type(name, "an object"),
                    Some(sub) => {
                        let value = self.assigned(sub, name, value, problems)?;
                        let mut object = Object::new();
                        object.insert(sub.name.to_string(), value);
                        return Some(Value::Object(object));
                    }
                }
            }
            (AttrType::Complex, _) => wrong_type(name, "an object"),
            (kind, value) => match scalar(kind, name, value) {
                Ok(value) if self.is_canonical(attribute, &value) => return Some(value),
                Ok(_) => wrong_type(name, "one of its canonical values"),
                Err(error) => error,
            },
        };
        problems.push(wrong);
        None
    }

    /// Whether a value is one that the schema suggests, where no other is taken (RFC 7643 §7).
    fn is_canonical(&self, attribute: &Attribute, value: &Value) -> bool {
        let values = &attribute.canonical_values;
        if values.is_empty() || !self.resource_type.enforces_canonical_values {
            return true;
        }
        let same = |known: &str, text: &str| {
            known == text || !attribute.case_exact && matching::eq_ignore_case(known, text)
        };
        value.as_str().is_some_and(|text| values.iter().any(|known| same(known, text)))
    }

    fn complex(
        &self,
        attribute: &Attribute,
        name: &str,
        object: &Object,
        problems: &mut Problems,
    ) -> Option<Value> {
        let mut out = Object::new();
        for (key, value) in object {
            let Some(sub) = attribute.sub(key) else {
                self.unknown(key, value, &mut out, problems);
                continue;
            };
            if self.is_dropped(sub) {
                continue;
            }
            let name = format!("{name}.{}", sub.name);
            if let Some(value) = self.assigned(sub, &name, value, problems) {
                out.insert(sub.name.to_string(), value);
            }
        }
        (!out.is_empty()).then_some(Value::Object(out))
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
