//! A client's JSON to a resource in canonical form: names, types, mutability (RFC 7643 §2, §7).
//!
//! Liberal where the meaning is certain (a boolean as `"False"`, an array of one for a single
//! value, a bare string for an attribute whose `value` it must be), strict everywhere else.

mod findings;
mod name;
mod required;
mod scalar;
mod value;

use alloc::format;
use alloc::string::{String, ToString};

use serde_json::Value;

use self::findings::Findings;
use self::name::Name;
use self::scalar::wrong_type;
use super::element;
use crate::protocol::{
    Error, Notes, Rule,
    json::{Object, is_unassigned},
    path::AttrPath,
};
use crate::schema::{Attribute, Mutability, Resolved, ResourceType};

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
