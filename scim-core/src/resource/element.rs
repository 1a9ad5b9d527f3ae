//! Small steps on the JSON of a resource: where an attribute lives, what makes two elements one.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use crate::protocol::json::Object;
use crate::schema::Attribute;

/// Runs `change` on the object that holds the attributes of an extension; without a URN, on the
/// resource itself. An extension that ends up empty is left out.
pub fn in_home<T>(
    resource: &mut Object,
    extension: Option<&str>,
    change: impl FnOnce(&mut Object) -> T,
) -> T {
    let Some(urn) = extension else { return change(resource) };
    let mut home = match resource.remove(urn) {
        Some(Value::Object(object)) => object,
        _ => Object::new(),
    };
    let result = change(&mut home);
    if !home.is_empty() {
        resource.insert(urn.into(), Value::Object(home));
    }
    result
}

/// Sets a sub-attribute: of the one value, or of every element (of a new one if there is none).
pub fn set_sub(home: &mut Object, attribute: &Attribute, sub: &Attribute, value: Value) {
    let slot = home.entry(attribute.name.to_string()).or_insert(Value::Null);
    if attribute.multi_valued {
        if slot.as_array().is_none_or(Vec::is_empty) {
            *slot = Value::Array([Value::Object(Object::new())].into());
        }
        for item in slot.as_array_mut().into_iter().flatten() {
            put(item, &sub.name, value.clone());
        }
    } else {
        put(slot, &sub.name, value);
    }
}

/// Sets a member of what is, or becomes, an object.
pub fn put(slot: &mut Value, name: &str, value: Value) {
    if !slot.is_object() {
        *slot = Value::Object(Object::new());
    }
    if let Some(object) = slot.as_object_mut() {
        object.insert(name.to_string(), value);
    }
}

/// Whether an element says `"primary": true` (RFC 7643 §2.4).
#[must_use]
pub fn is_primary(element: &Value) -> bool {
    element.get("primary") == Some(&Value::Bool(true))
}

/// Whether two elements of a multi-valued attribute are one and the same: equal `value` and `type`
/// where there is a `value` (RFC 7643 §2.4), else equal altogether.
#[must_use]
pub fn same(a: &Value, b: &Value) -> bool {
    match (a.get("value"), b.get("value")) {
        (Some(x), Some(y)) => x == y && a.get("type") == b.get("type"),
        _ => a == b,
    }
}

/// Whether an element is one that `selector` (an element of a `remove` with values) names: equal
/// `value`, and every other sub-attribute that the selector gives and that tells elements apart.
#[must_use]
pub fn selects(selector: &Value, element: &Value) -> bool {
    match (selector.get("value"), element.get("value")) {
        (Some(x), Some(y)) => {
            x == y && selector.get("type").is_none_or(|kind| element.get("type") == Some(kind))
        }
        _ => selector == element,
    }
}

/// A client's name for something, fit for an error's detail: short, and without odd characters.
#[must_use]
pub fn printable(name: &str) -> String {
    const LONGEST: usize = 120;
    name.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

/// Removes elements, objects and arrays that hold nothing (RFC 7643 §2.5).
pub fn prune(resource: &mut Object) {
    let empty: Vec<String> = resource
        .iter_mut()
        .filter_map(|(key, value)| {
            if let Value::Array(items) = value {
                items.retain(|item| !matches!(item, Value::Null) && !is_empty_object(item));
            }
            if let Value::Object(object) = value {
                prune(object);
            }
            let gone = match value {
                Value::Null => true,
                Value::Array(items) => items.is_empty(),
                other => is_empty_object(other),
            };
            gone.then(|| key.clone())
        })
        .collect();
    for key in empty {
        resource.remove(&key);
    }
}

fn is_empty_object(value: &Value) -> bool {
    value.as_object().is_some_and(Object::is_empty)
}
