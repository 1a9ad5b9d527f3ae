//! A client's JSON to a resource in canonical form: names, types, mutability (RFC 7643 §2, §7).
//!
//! Liberal where the meaning is certain (a boolean as `"False"`, an array of one for a single
//! value, a bare string for an attribute whose `value` it must be), strict everywhere else.

mod name;
mod problems;
mod required;
mod scalar;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use self::name::Name;
use self::problems::Problems;
use self::scalar::{read_scalar, wrong_type};
use super::{element, matching};
use crate::protocol::{
    Error,
    json::{Object, is_unassigned},
    path::AttrPath,
};
use crate::schema::{AttrType, Attribute, Mutability, Resolved, ResourceType};

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

impl<'a> Reading<'a> {
    /// Reads a whole resource, as in POST and PUT.
    ///
    /// Names come out in the schema's letter case, extension attributes under their URN, unassigned
    /// values and read-only attributes not at all.
    ///
    /// # Errors
    /// `invalidValue` naming up to five attributes whose values have the wrong type, or have more
    /// than one primary value, or are not among the canonical ones where these are enforced;
    /// `invalidSyntax` for unknown attributes under [`Unknown::Refuse`].
    pub fn resource(&self, body: Object) -> Result<Object, Error> {
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
        value: Value,
    ) -> Result<Option<Value>, Error> {
        self.one(value, |value, problems| {
            self.assigned(attribute, Name::of(name), value, problems);
        })
    }

    /// As [`Self::value`], for one element of an attribute that may have many.
    ///
    /// # Errors
    /// As [`Self::resource`].
    pub fn element(
        &self,
        attribute: &Attribute,
        name: &str,
        value: Value,
    ) -> Result<Option<Value>, Error> {
        self.one(value, |value, problems| {
            self.only(attribute, Name::of(name), value, problems);
        })
    }

    fn one(
        &self,
        mut value: Value,
        read: impl FnOnce(&mut Value, &mut Problems),
    ) -> Result<Option<Value>, Error> {
        let mut problems = Problems::default();
        read(&mut value, &mut problems);
        problems.finish((!value.is_null()).then_some(value))
    }

    fn member(&self, key: String, mut value: Value, out: &mut Object, problems: &mut Problems) {
        if let Some(schema) = self.resource_type.extension(&key) {
            return self.extension(&schema.id, value, out, problems);
        }
        if key.eq_ignore_ascii_case(&self.resource_type.schema.id) {
            let Value::Object(inner) = value else {
                return problems.push(wrong_type(Name::of(&key), "an object"));
            };
            return inner.into_iter().for_each(|(key, v)| self.member(key, v, out, problems));
        }
        let Some(target) = self.find(&key) else {
            return self.unknown(key, value, out, problems);
        };
        if self.is_dropped(target.leaf()) || self.is_dropped(target.attribute) {
            return;
        }
        if self.unknown == Unknown::Keep && target.attribute.mutability == Mutability::ReadOnly {
            if !is_unassigned(&value) {
                out.insert(target.attribute.name.to_string(), value);
            }
            return;
        }
        let name = Name::to(&target);
        self.assigned(target.leaf(), name, &mut value, problems);
        if value.is_null() {
            return;
        }
        element::in_home(out, target.extension, |home| match target.sub {
            None => merge(home, canonical(key, &target.attribute.name), value),
            Some(sub) => {
                element::set_sub(home, target.attribute, sub, value);
                // It speaks of every element: now some may be the same, or several primary.
                if target.attribute.multi_valued
                    && let Some(all) = home.get_mut(&*target.attribute.name)
                {
                    self.assigned(target.attribute, name, all, problems);
                    home.retain(|_, value| !value.is_null());
                }
            }
        });
    }

    /// What a key of a body names: an attribute, or a path to one.
    fn find(&self, key: &str) -> Option<Resolved<'a>> {
        // Most keys are plain names, which need no parser.
        let plain = self.resource_type.attribute(None, key);
        let plain =
            plain.map(|(extension, attribute)| Resolved { extension, attribute, sub: None });
        plain.or_else(|| self.resource_type.resolve(&AttrPath::parse(key).ok()?))
    }

    fn extension(&self, urn: &str, value: Value, out: &mut Object, problems: &mut Problems) {
        if is_unassigned(&value) {
            return;
        }
        let Value::Object(inner) = value else {
            return problems.push(wrong_type(Name::of(urn), "an object"));
        };
        element::in_home(out, Some(urn), |out| {
            for (key, mut value) in inner {
                let Some((_, attribute)) = self.resource_type.attribute(Some(urn), &key) else {
                    self.unknown(key, value, out, problems);
                    continue;
                };
                if self.is_dropped(attribute) {
                    continue;
                }
                let name = Name { urn: Some(urn), attribute: &attribute.name, sub: None };
                self.assigned(attribute, name, &mut value, problems);
                if !value.is_null() {
                    merge(out, canonical(key, &attribute.name), value);
                }
            }
        });
    }

    fn unknown(&self, key: String, value: Value, out: &mut Object, problems: &mut Problems) {
        match self.unknown {
            Unknown::Ignore => {}
            Unknown::Refuse => problems.push(self.no_attribute(&key)),
            Unknown::Keep => {
                if !is_unassigned(&value) {
                    out.insert(key, value);
                }
            }
        }
    }

    fn no_attribute(&self, key: &str) -> Error {
        let (key, type_name) = (element::printable(key), &self.resource_type.name);
        Error::invalid_syntax(format!("`{key}` is no attribute of {type_name}"))
    }

    fn is_dropped(&self, attribute: &Attribute) -> bool {
        attribute.mutability == Mutability::ReadOnly && self.unknown != Unknown::Keep
    }

    /// Reads a value in its place; null stands for one that is unassigned, or wrong.
    fn assigned(
        &self,
        attribute: &Attribute,
        name: Name<'_>,
        value: &mut Value,
        problems: &mut Problems,
    ) {
        if is_unassigned(value) {
            *value = Value::Null;
        } else if attribute.multi_valued {
            self.list(attribute, name, value, problems);
        } else {
            self.only(attribute, name, value, problems);
        }
    }

    /// Reads one value, that may stand in an array of its own.
    fn only(
        &self,
        attribute: &Attribute,
        name: Name<'_>,
        value: &mut Value,
        problems: &mut Problems,
    ) {
        if let Value::Array(items) = value {
            match (items.pop(), items.is_empty()) {
                (Some(item), true) => *value = item,
                (item, _) => {
                    *value = Value::Null;
                    return if item.is_some() {
                        problems.push(wrong_type(name, "a single value"));
                    };
                }
            }
        }
        self.single(attribute, name, value, problems);
    }

    fn list(
        &self,
        attribute: &Attribute,
        name: Name<'_>,
        value: &mut Value,
        problems: &mut Problems,
    ) {
        let mut items = match value.take() {
            Value::Array(items) => items,
            object @ Value::Object(_) => Vec::from([object]),
            _ => return problems.push(wrong_type(name, "an array")),
        };
        for item in &mut items {
            self.single(attribute, name, item, problems);
        }
        items.retain(|item| !item.is_null());
        if items.len() <= DEDUPLICATED_ITEMS {
            keep_each_once(&mut items);
        }
        if items.iter().filter(|item| element::is_primary(item)).count() > 1 {
            let text = format!("`{name}` has more than one primary value");
            problems.push(Error::invalid_value(text));
        }
        if !items.is_empty() {
            *value = Value::Array(items);
        }
    }

    fn single(
        &self,
        attribute: &Attribute,
        name: Name<'_>,
        value: &mut Value,
        problems: &mut Problems,
    ) {
        let wrong = match (attribute.kind, &mut *value) {
            (_, Value::Null) => return,
            (AttrType::Complex, Value::Object(object)) => {
                self.complex(attribute, name, object, problems);
                if object.is_empty() {
                    *value = Value::Null;
                }
                return;
            }
            (AttrType::Complex, Value::String(_) | Value::Number(_)) => {
                match attribute.sub("value") {
                    None => wrong_type(name, "an object"),
                    Some(sub) => {
                        self.assigned(sub, name, value, problems);
                        if !value.is_null() {
                            *value = [(sub.name.to_string(), value.take())].into_iter().collect();
                        }
                        return;
                    }
                }
            }
            (AttrType::Complex, _) => wrong_type(name, "an object"),
            (kind, value) => match read_scalar(kind, value) {
                Ok(()) if self.is_canonical(attribute, value) => return,
                Ok(()) => wrong_type(name, "one of its canonical values"),
                Err(expected) => wrong_type(name, expected),
            },
        };
        *value = Value::Null;
        problems.push(wrong);
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
        name: Name<'_>,
        object: &mut Object,
        problems: &mut Problems,
    ) {
        // Most objects have nothing to rename or to leave out, and stay as they are.
        let mut odd: Vec<String> = Vec::new();
        for (key, value) in object.iter_mut() {
            let stays = match attribute.sub(key) {
                None => self.part_unknown(key, value, problems),
                Some(sub) if self.is_dropped(sub) => false,
                Some(sub) => {
                    self.assigned(sub, name.sub(&sub.name), value, problems);
                    !value.is_null() && *key == *sub.name
                }
            };
            if !stays {
                odd.push(key.clone());
            }
        }
        for key in odd {
            let value = object.remove(&key).unwrap_or_default();
            if let Some(sub) = attribute.sub(&key)
                && !self.is_dropped(sub)
                && !value.is_null()
            {
                object.insert(sub.name.to_string(), value);
            }
        }
    }

    /// Whether a part that the schema does not define stays.
    fn part_unknown(&self, key: &str, value: &Value, problems: &mut Problems) -> bool {
        if self.unknown == Unknown::Refuse {
            problems.push(self.no_attribute(key));
        }
        self.unknown == Unknown::Keep && !is_unassigned(value)
    }
}

/// Longer lists are not searched for repeated elements: the search is quadratic.
const DEDUPLICATED_ITEMS: usize = 256;

/// Leaves out what stands in the list before.
fn keep_each_once(items: &mut Vec<Value>) {
    let mut at = 1;
    while let Some((before, [item, ..])) = items.split_at_checked(at) {
        if before.contains(item) {
            items.remove(at);
        } else {
            at += 1;
        }
    }
}

/// The client's own text of a name, if it is the schema's, too.
fn canonical(key: String, name: &str) -> String {
    if key == name { key } else { name.into() }
}

/// Joins a value to what an earlier member of the body (a dotted key, say) already put there.
fn merge(home: &mut Object, name: String, value: Value) {
    match (home.get_mut(&name), value) {
        (Some(Value::Object(old)), Value::Object(mut new)) => old.append(&mut new),
        (Some(old), value) => *old = value,
        (None, value) => {
            home.insert(name, value);
        }
    }
}
