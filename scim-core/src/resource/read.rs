//! A client's JSON to a resource in canonical form: names, types, mutability (RFC 7643 §2, §7).
//!
//! Liberal where the meaning is certain (a boolean as `"False"`, an array of one for a single
//! value, a bare string for an attribute whose `value` it must be), strict everywhere else.

mod findings;
mod name;
mod required;
mod scalar;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use self::findings::Findings;
use self::name::Name;
use self::scalar::{read_scalar, wrong_type};
use super::{element, matching};
use crate::protocol::{
    Error, Notes, Rule,
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
    pub fn resource(&self, body: Object, notes: &mut Notes) -> Result<Object, Error> {
        let (mut out, mut findings) = (Object::new(), Findings::new(notes));
        for (key, value) in body {
            self.member(key, value, &mut out, &mut findings);
        }
        findings.finish(out)
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
        notes: &mut Notes,
    ) -> Result<Option<Value>, Error> {
        Self::one(value, notes, |value, findings| {
            self.assigned(attribute, Name::of(name), value, findings);
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
        notes: &mut Notes,
    ) -> Result<Option<Value>, Error> {
        Self::one(value, notes, |value, findings| {
            self.only(attribute, Name::of(name), value, findings);
        })
    }

    fn one(
        mut value: Value,
        notes: &mut Notes,
        read: impl FnOnce(&mut Value, &mut Findings<'_>),
    ) -> Result<Option<Value>, Error> {
        let mut findings = Findings::new(notes);
        read(&mut value, &mut findings);
        findings.finish((!value.is_null()).then_some(value))
    }

    fn member(&self, key: String, mut value: Value, out: &mut Object, findings: &mut Findings<'_>) {
        if let Some(schema) = self.resource_type.extension(&key) {
            return self.extension(&schema.id, value, out, findings);
        }
        if key.eq_ignore_ascii_case(&self.resource_type.schema.id) {
            let Value::Object(inner) = value else {
                return findings.push(wrong_type(Name::of(&key), "an object"));
            };
            return inner.into_iter().for_each(|(key, v)| self.member(key, v, out, findings));
        }
        let Some(target) = self.find(&key) else {
            return self.unknown(key, value, out, findings);
        };
        let name = Name::to(&target);
        if self.is_dropped(target.leaf()) || self.is_dropped(target.attribute) {
            return findings.note(Rule::ReadOnlyIgnored, name);
        }
        if key.contains([':', '.']) {
            findings.note(Rule::PathAsKey, name);
        } else if target.extension.is_some() {
            findings.note(Rule::ExtensionWithoutUrn, name);
        }
        if self.unknown == Unknown::Keep && target.attribute.mutability == Mutability::ReadOnly {
            if !is_unassigned(&value) {
                out.insert(target.attribute.name.to_string(), value);
            }
            return;
        }
        self.assigned(target.leaf(), name, &mut value, findings);
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
                    self.assigned(target.attribute, name, all, findings);
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

    fn extension(&self, urn: &str, value: Value, out: &mut Object, findings: &mut Findings<'_>) {
        if is_unassigned(&value) {
            return;
        }
        let Value::Object(inner) = value else {
            return findings.push(wrong_type(Name::of(urn), "an object"));
        };
        element::in_home(out, Some(urn), |out| {
            for (key, mut value) in inner {
                let Some((_, attribute)) = self.resource_type.attribute(Some(urn), &key) else {
                    self.unknown(key, value, out, findings);
                    continue;
                };
                let name = Name { urn: Some(urn), attribute: &attribute.name, sub: None };
                if self.is_dropped(attribute) {
                    findings.note(Rule::ReadOnlyIgnored, name);
                    continue;
                }
                self.assigned(attribute, name, &mut value, findings);
                if !value.is_null() {
                    merge(out, canonical(key, &attribute.name), value);
                }
            }
        });
    }

    fn unknown(&self, key: String, value: Value, out: &mut Object, findings: &mut Findings<'_>) {
        match self.unknown {
            Unknown::Ignore => findings.note(Rule::UnknownIgnored, Name::given(None, &key)),
            Unknown::Refuse => findings.push(self.no_attribute(&key)),
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
        findings: &mut Findings<'_>,
    ) {
        if is_unassigned(value) {
            *value = Value::Null;
        } else if attribute.multi_valued {
            self.list(attribute, name, value, findings);
        } else {
            self.only(attribute, name, value, findings);
        }
    }

    /// Reads one value, that may stand in an array of its own.
    fn only(
        &self,
        attribute: &Attribute,
        name: Name<'_>,
        value: &mut Value,
        findings: &mut Findings<'_>,
    ) {
        if let Value::Array(items) = value {
            match (items.pop(), items.is_empty()) {
                (Some(item), true) => {
                    findings.note(Rule::ValueInArray, name);
                    *value = item;
                }
                (item, _) => {
                    *value = Value::Null;
                    return if item.is_some() {
                        findings.push(wrong_type(name, "a single value"));
                    };
                }
            }
        }
        self.single(attribute, name, value, findings);
    }

    fn list(
        &self,
        attribute: &Attribute,
        name: Name<'_>,
        value: &mut Value,
        findings: &mut Findings<'_>,
    ) {
        let mut items = match value.take() {
            Value::Array(items) => items,
            object @ Value::Object(_) => {
                findings.note(Rule::ElementWithoutArray, name);
                Vec::from([object])
            }
            _ => return findings.push(wrong_type(name, "an array")),
        };
        for item in &mut items {
            self.single(attribute, name, item, findings);
        }
        items.retain(|item| !item.is_null());
        if element::unify(attribute, &mut items) {
            findings.note(Rule::RepeatedElement, name);
        }
        if items.iter().filter(|item| element::is_primary(item)).count() > 1 {
            let text = format!("`{name}` has more than one primary value");
            findings.push(Error::invalid_value(text));
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
        findings: &mut Findings<'_>,
    ) {
        let wrong = match (attribute.kind, &mut *value) {
            (_, Value::Null) => return,
            (AttrType::Complex, Value::Object(object)) => {
                self.complex(attribute, name, object, findings);
                if object.is_empty() {
                    *value = Value::Null;
                }
                return;
            }
            (AttrType::Complex, Value::String(_) | Value::Number(_)) => {
                match attribute.sub("value") {
                    None => wrong_type(name, "an object"),
                    Some(sub) => {
                        findings.note(Rule::BareValue, name);
                        self.assigned(sub, name, value, findings);
                        if !value.is_null() {
                            *value = [(sub.name.to_string(), value.take())].into_iter().collect();
                        }
                        return;
                    }
                }
            }
            (AttrType::Complex, _) => wrong_type(name, "an object"),
            (kind, value) => {
                let as_text = kind == AttrType::Boolean && value.is_string();
                match read_scalar(kind, value) {
                    Ok(()) if self.is_canonical(attribute, value) => {
                        if as_text {
                            findings.note(Rule::BooleanAsText, name);
                        }
                        return;
                    }
                    Ok(()) => wrong_type(name, "one of its canonical values"),
                    Err(expected) => wrong_type(name, expected),
                }
            }
        };
        *value = Value::Null;
        findings.push(wrong);
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
        findings: &mut Findings<'_>,
    ) {
        // Most objects have nothing to rename or to leave out, and stay as they are.
        let mut odd: Vec<String> = Vec::new();
        for (key, value) in object.iter_mut() {
            let stays = match attribute.sub(key) {
                None => self.part_unknown(name.attribute, key, value, findings),
                Some(sub) if self.is_dropped(sub) => {
                    findings.note(Rule::ReadOnlyIgnored, name.sub(&sub.name));
                    false
                }
                Some(sub) => {
                    self.assigned(sub, name.sub(&sub.name), value, findings);
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
    fn part_unknown(
        &self,
        parent: &str,
        key: &str,
        value: &Value,
        findings: &mut Findings<'_>,
    ) -> bool {
        match self.unknown {
            Unknown::Ignore => findings.note(Rule::UnknownIgnored, Name::given(Some(parent), key)),
            Unknown::Refuse => findings.push(self.no_attribute(key)),
            Unknown::Keep => return !is_unassigned(value),
        }
        false
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
