//! A value to the form that its attribute has (RFC 7643 §2.3, §2.4).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use super::findings::Findings;
use super::name::Name;
use super::scalar::{read_scalar, wrong_type};
use super::{Reading, Unknown};
use crate::protocol::json::{Object, is_unassigned};
use crate::protocol::{Error, Rule};
use crate::resource::{element, matching};
use crate::schema::{AttrType, Attribute};

impl Reading<'_> {
    /// Reads a value in its place; null stands for one that is unassigned, or wrong.
    pub(super) fn assigned(
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
    pub(super) fn only(
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
