//! What a change must respect of what was there: immutable and write-only values (RFC 7643 §7,
//! RFC 7644 §3.5.1).
//!
//! An immutable attribute is set at creation, or later as long as it has no value. A complex value
//! that is not immutable itself may come and go, but not turn into another: its immutable parts stay.
//! Elements of a multi-valued attribute with the same `value` are the same element.

use alloc::format;
use alloc::string::{String, ToString};

use serde_json::Value;

use super::element;
use crate::protocol::{Error, json::Object};
use crate::schema::{Attribute, Mutability, ResourceType, Schema};

/// Refuses a change of what is immutable.
///
/// # Errors
/// `mutability` naming the attribute.
pub fn check(resource_type: &ResourceType, old: &Object, new: &Object) -> Result<(), Error> {
    for (urn, schema) in homes(resource_type) {
        let Some(before) = home(old, urn) else { continue };
        let nothing = Object::new();
        let after = home(new, urn).unwrap_or(&nothing);
        for attribute in &schema.attributes {
            let name = &*attribute.name;
            let Some(value) = before.get(name) else { continue };
            if let Err(sub) = unchanged(attribute, value, after.get(name)) {
                return Err(refusal(urn, name, sub));
            }
        }
    }
    Ok(())
}

/// Puts into `new`, which takes the place of `old`, what a client need not or cannot repeat:
/// immutable values, and write-only ones, which it was never shown (RFC 7644 §3.5.1).
pub fn keep(resource_type: &ResourceType, old: &Object, new: &mut Object) {
    for (urn, schema) in homes(resource_type).filter(|(_, schema)| keeps_something(schema)) {
        let Some(before) = home(old, urn) else { continue };
        element::in_home(new, urn, |after| {
            for attribute in &schema.attributes {
                let name = &*attribute.name;
                let Some(value) = before.get(name) else { continue };
                if let Some(kept) = kept(attribute, value, after.get(name)) {
                    after.insert(name.to_string(), kept);
                }
            }
        });
    }
}

/// As [`keep`], for the elements of one multi-valued attribute.
pub(super) fn keep_elements(attribute: &Attribute, old: &[Value], new: &mut [Value]) {
    if attribute.sub_attributes.iter().any(is_kept) {
        for item in new {
            if let Some(twin) = old.iter().find(|twin| element::same_value(twin, item)) {
                keep_parts(attribute, twin, item);
            }
        }
    }
}

/// Puts the parts of `old` into `new`, which takes its place, that a client need not or cannot repeat.
pub(super) fn keep_parts(attribute: &Attribute, old: &Value, new: &mut Value) {
    for sub in attribute.sub_attributes.iter().filter(|sub| is_kept(sub)) {
        let Some(value) = old.get(&*sub.name) else { continue };
        let same = |given: &Value| {
            sub.mutability == Mutability::Immutable && element::equal(sub, value, given)
        };
        if new.get(&*sub.name).is_none_or(same) {
            element::put(new, &sub.name, value.clone());
        }
    }
}

/// Refuses to turn an element into another: its immutable parts stay.
///
/// # Errors
/// `mutability` naming the sub-attribute.
pub(super) fn check_parts(attribute: &Attribute, old: &Value, new: &Value) -> Result<(), Error> {
    parts_unchanged(attribute, old, new).map_err(|sub| refusal(None, &attribute.name, Some(sub)))
}

/// The refusal to change an attribute, or a sub-attribute.
pub(super) fn refusal(urn: Option<&str>, name: &str, sub: Option<&Attribute>) -> Error {
    let urn = urn.map(|urn| format!("{urn}:")).unwrap_or_default();
    let sub = sub.map(|sub| format!(".{}", sub.name)).unwrap_or_default();
    Error::mutability(format!("`{urn}{name}{sub}` is immutable"))
}

/// Refuses elements that turn one of `old` into another.
///
/// # Errors
/// `mutability` naming the sub-attribute.
pub(super) fn check_elements(
    attribute: &Attribute,
    old: &[Value],
    new: &[Value],
) -> Result<(), Error> {
    elements_unchanged(attribute, old, new).map_err(|sub| refusal(None, &attribute.name, Some(sub)))
}

/// Whether only the whole value, before and after, tells if something immutable has changed.
pub(super) fn is_kept_whole(attribute: &Attribute) -> bool {
    let immutable = |attribute: &Attribute| attribute.mutability == Mutability::Immutable;
    immutable(attribute)
        || !attribute.multi_valued && attribute.sub_attributes.iter().any(immutable)
}

fn homes(resource_type: &ResourceType) -> impl Iterator<Item = (Option<&str>, &Schema)> {
    let extensions = resource_type.extensions.iter().map(|e| (Some(&*e.schema.id), &e.schema));
    core::iter::once((None, &resource_type.schema)).chain(extensions)
}

fn home<'a>(resource: &'a Object, urn: Option<&str>) -> Option<&'a Object> {
    match urn {
        Some(urn) => resource.get(urn)?.as_object(),
        None => Some(resource),
    }
}

fn is_kept(attribute: &Attribute) -> bool {
    matches!(attribute.mutability, Mutability::Immutable | Mutability::WriteOnly)
}

fn keeps_something(schema: &Schema) -> bool {
    schema.attributes.iter().any(|a| is_kept(a) || a.sub_attributes.iter().any(is_kept))
}

/// What is to stand in the place of `new`, if it is anything else.
fn kept(attribute: &Attribute, old: &Value, new: Option<&Value>) -> Option<Value> {
    let Some(new) = new else {
        if is_kept(attribute) {
            return Some(old.clone());
        }
        // A client cannot repeat a value of which it has seen nothing.
        let is_hidden = |name: &String| {
            attribute.sub(name).is_some_and(|sub| sub.mutability == Mutability::WriteOnly)
        };
        let unseen = old.as_object().is_some_and(|parts| parts.keys().all(is_hidden));
        return unseen.then(|| old.clone());
    };
    let mut out = new.clone();
    match (old, &mut out) {
        (Value::Array(old), Value::Array(items)) => keep_elements(attribute, old, items),
        (old @ Value::Object(_), out @ Value::Object(_)) => keep_parts(attribute, old, out),
        _ => {}
    }
    // The same value in other letters is no change.
    if attribute.mutability == Mutability::Immutable && element::equal(attribute, old, &out) {
        return Some(old.clone());
    }
    (out != *new).then_some(out)
}

/// `Err` with the immutable part that differs; with `None` if it is the attribute itself.
fn unchanged<'a>(
    attribute: &'a Attribute,
    old: &Value,
    new: Option<&Value>,
) -> Result<(), Option<&'a Attribute>> {
    if attribute.mutability == Mutability::Immutable {
        let same = new.is_some_and(|new| element::equal(attribute, old, new));
        return if same { Ok(()) } else { Err(None) };
    }
    match (old, new) {
        (Value::Array(old), Some(Value::Array(new))) => {
            elements_unchanged(attribute, old, new).map_err(Some)
        }
        (_, None) | (Value::Array(_), _) => Ok(()),
        (old, Some(new)) => parts_unchanged(attribute, old, new).map_err(Some),
    }
}

fn elements_unchanged<'a>(
    attribute: &'a Attribute,
    old: &[Value],
    new: &[Value],
) -> Result<(), &'a Attribute> {
    if !attribute.sub_attributes.iter().any(|s| s.mutability == Mutability::Immutable) {
        return Ok(());
    }
    for item in new {
        let mut refused = Ok(());
        for twin in old.iter().filter(|twin| element::same_value(twin, item)) {
            match parts_unchanged(attribute, twin, item) {
                Ok(()) => {
                    refused = Ok(());
                    break;
                }
                Err(sub) => refused = refused.and(Err(sub)),
            }
        }
        refused?;
    }
    Ok(())
}

fn parts_unchanged<'a>(
    attribute: &'a Attribute,
    old: &Value,
    new: &Value,
) -> Result<(), &'a Attribute> {
    let immutable = |sub: &&Attribute| sub.mutability == Mutability::Immutable;
    for sub in attribute.sub_attributes.iter().filter(immutable) {
        let Some(value) = old.get(&*sub.name) else { continue };
        let given = new.get(&*sub.name);
        if !given.is_some_and(|given| element::equal(sub, value, given)) {
            return Err(sub);
        }
    }
    Ok(())
}
