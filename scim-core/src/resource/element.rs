//! Small steps on the JSON of a resource: where an attribute lives, what makes two elements one.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use super::matching::eq_ignore_case;
use crate::protocol::datetime;
use crate::protocol::json::Object;
use crate::schema::{AttrType, Attribute};

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

/// Longer lists are not searched for repeated elements: the search is quadratic.
const UNIFIED_ITEMS: usize = 256;

/// Makes elements that are [the same](same) one, with the parts of all; whether there were any. Of
/// an attribute without `type` only elements that are equal altogether: another part may tell them
/// apart.
pub fn unify(attribute: &Attribute, items: &mut Vec<Value>) -> bool {
    if items.len() > UNIFIED_ITEMS {
        return false;
    }
    let has_type = attribute.sub("type").is_some();
    let are_one = |a: &Value, b: &Value| if has_type { same(a, b) } else { a == b };
    let before = items.len();
    let mut once: Vec<Value> = Vec::with_capacity(before);
    for item in items.drain(..) {
        match once.iter_mut().find(|known| are_one(known, &item)) {
            None => once.push(item),
            Some(known) => fill(known, item),
        }
    }
    *items = once;
    items.len() < before
}

/// Gives `known` the parts of `item` that it does not have.
fn fill(known: &mut Value, item: Value) {
    let was_primary = is_primary(&item);
    if let (Value::Object(known), Value::Object(item)) = (&mut *known, item) {
        for (name, value) in item {
            known.entry(name).or_insert(value);
        }
    }
    if was_primary {
        put(known, "primary", Value::Bool(true));
    }
}

/// Whether two elements have the same `value`: then one may be the other, changed.
#[must_use]
pub fn same_value(a: &Value, b: &Value) -> bool {
    matches!((a.get("value"), b.get("value")), (Some(x), Some(y)) if x == y)
}

/// Longer lists are compared in their order: the search for each element is quadratic.
const UNORDERED_ITEMS: usize = 256;

/// Whether two values of an attribute are the same to its schema: letter case counts only where it
/// says so, times by their instants, elements in any order.
#[must_use]
pub fn equal(attribute: &Attribute, a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) if a.len() > UNORDERED_ITEMS => a == b,
        (Value::Array(a), Value::Array(b)) => {
            let has = |items: &[Value], one: &Value| items.iter().any(|i| equal(attribute, i, one));
            a.len() == b.len() && a.iter().all(|x| has(b, x)) && b.iter().all(|x| has(a, x))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(name, x): (&String, &Value)| match (attribute.sub(name), b.get(name)) {
                (Some(sub), Some(y)) => equal(sub, x, y),
                (_, y) => Some(x) == y,
            };
            a.len() == b.len() && a.iter().all(same)
        }
        (Value::String(a), Value::String(b)) => match attribute.kind {
            AttrType::DateTime => datetime::parse(a) == datetime::parse(b),
            AttrType::String if !attribute.case_exact => eq_ignore_case(a, b),
            _ => a == b,
        },
        (Value::Number(x), Value::Number(y)) if attribute.kind == AttrType::Decimal => {
            x == y || x.as_f64() == y.as_f64()
        }
        _ => a == b,
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
                items.iter_mut().filter_map(Value::as_object_mut).for_each(prune);
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
