//! Carrying changes out on a resource (RFC 7644 §3.5.2.1–§3.5.2.3).

use alloc::format;
use alloc::vec::Vec;

use serde_json::Value;

use super::{Change, resolve::element_of};
use crate::protocol::{Error, json::Object, patch::PatchOp};
use crate::resource::{element, matching};
use crate::schema::{Attribute, Mutability, ResourceType};

/// Applies `changes` in order. On an error the resource is to be thrown away: nothing is undone.
///
/// # Errors
/// `noTarget` if a filter selects nothing, `mutability` for an immutable attribute that has another
/// value already, `invalidValue` for two primary values.
pub fn apply(
    resource_type: &ResourceType,
    resource: &mut Object,
    changes: &[Change],
) -> Result<(), Error> {
    for change in changes {
        let Some(name) = change.attribute.as_deref() else {
            if let Some(urn) = &change.extension {
                resource.remove(urn);
            }
            continue;
        };
        let Some((_, attribute)) = resource_type.attribute(change.extension.as_deref(), name)
        else {
            continue;
        };
        element::in_home(resource, change.extension.as_deref(), |home| {
            one(home, attribute, change)
        })?;
    }
    element::prune(resource);
    Ok(())
}

fn one(home: &mut Object, attribute: &Attribute, change: &Change) -> Result<(), Error> {
    let before = home.get(&*attribute.name).cloned();
    if attribute.multi_valued {
        let mut items = match home.remove(&*attribute.name) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        };
        let old_primary: Vec<Value> =
            items.iter().filter(|i| element::is_primary(i)).cloned().collect();
        elements(&mut items, attribute, change)?;
        items.retain(|item| !item.as_object().is_some_and(Object::is_empty));
        move_primary(&mut items, &old_primary, attribute)?;
        if !items.is_empty() {
            home.insert(attribute.name.clone().into_owned(), Value::Array(items));
        }
    } else {
        let selected = |filter| {
            before.as_ref().is_some_and(|value| matching::matches_element(filter, attribute, value))
        };
        if !change.filter.as_ref().is_none_or(selected) {
            return Err(no_target(attribute));
        }
        single(home, attribute, change);
    }
    let after = home.get(&*attribute.name);
    if attribute.mutability == Mutability::Immutable && before.is_some() && before.as_ref() != after
    {
        return Err(Error::mutability(format!("`{}` is immutable", attribute.name)));
    }
    Ok(())
}

fn single(home: &mut Object, attribute: &Attribute, change: &Change) {
    let name = &*attribute.name;
    match (change.op, &change.sub, &change.value) {
        (PatchOp::Remove, None, _) => {
            home.remove(name);
        }
        (PatchOp::Remove, Some(sub), _) => {
            if let Some(Value::Object(object)) = home.get_mut(name) {
                object.remove(sub);
            }
        }
        (_, Some(sub), Some(value)) => {
            element::put(home.entry(name).or_insert(Value::Null), sub, value.clone());
        }
        (_, None, Some(Value::Object(new))) => {
            let slot = home.entry(name).or_insert(Value::Null);
            for (key, value) in new {
                element::put(slot, key, value.clone());
            }
        }
        (_, None, Some(value)) => {
            // An `add` of nothing is an empty array; it leaves a single value as it is.
            if !value.is_array() {
                home.insert(name.into(), value.clone());
            }
        }
        (_, _, None) => {}
    }
}

fn elements(items: &mut Vec<Value>, attribute: &Attribute, change: &Change) -> Result<(), Error> {
    let selected = |item: &Value| {
        change.filter.as_ref().is_none_or(|f| matching::matches_element(f, attribute, item))
    };
    if change.filter.is_some() && !items.iter().any(selected) {
        return create(items, attribute, change);
    }
    match (change.op, &change.sub, &change.value) {
        (PatchOp::Remove, Some(sub), _) => {
            for item in items.iter_mut().filter(|item| selected(item)) {
                if let Some(object) = item.as_object_mut() {
                    object.remove(sub);
                }
            }
        }
        (PatchOp::Remove, None, Some(Value::Array(selectors))) => {
            items.retain(|item| !selectors.iter().any(|s| element::selects(s, item)));
        }
        (PatchOp::Remove, None, _) => items.retain(|item| !selected(item)),
        (_, _, None) => {}
        (_, Some(sub), Some(value)) => {
            if items.is_empty() {
                items.push(Value::Object(Object::new()));
            }
            for item in items.iter_mut().filter(|item| selected(item)) {
                element::put(item, sub, value.clone());
            }
        }
        (PatchOp::Add, None, Some(value)) if change.filter.is_some() => {
            for item in items.iter_mut().filter(|item| selected(item)) {
                merge(item, value);
            }
        }
        (PatchOp::Add, None, Some(value)) => {
            for new in listed(value) {
                match items.iter_mut().find(|item| element::same(item, new)) {
                    Some(item) => merge(item, new),
                    None => items.push(new.clone()),
                }
            }
        }
        (PatchOp::Replace, None, Some(value)) if change.filter.is_some() => {
            for item in items.iter_mut().filter(|item| selected(item)) {
                *item = value.clone();
            }
        }
        (PatchOp::Replace, None, Some(value)) => *items = listed(value).to_vec(),
    }
    Ok(())
}

/// A filter selected nothing: makes the element that it describes, where that is allowed.
fn create(items: &mut Vec<Value>, attribute: &Attribute, change: &Change) -> Result<(), Error> {
    // Whoever removes a member that has left already has what it wants, and will ask again.
    if change.op == PatchOp::Remove && &*attribute.name == "members" {
        return Ok(());
    }
    let template = change.filter.as_ref().and_then(element_of);
    let (true, Some(mut object), Some(value)) = (change.creates_element, template, &change.value)
    else {
        return Err(no_target(attribute));
    };
    match (&change.sub, value) {
        (Some(sub), value) => {
            object.insert(sub.clone(), value.clone());
        }
        (None, Value::Object(new)) => object.extend(new.clone()),
        (None, _) => {}
    }
    items.push(Value::Object(object));
    Ok(())
}

fn no_target(attribute: &Attribute) -> Error {
    Error::no_target(format!("the filter selects no value of `{}`", attribute.name))
}

fn listed(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        one => core::slice::from_ref(one),
    }
}

fn merge(item: &mut Value, new: &Value) {
    let (Some(object), Some(new)) = (item.as_object_mut(), new.as_object()) else { return };
    object.extend(new.iter().map(|(key, value)| (key.clone(), value.clone())));
}

/// At most one element is primary: a new one takes it from the old (RFC 7644 §3.5.2).
fn move_primary(items: &mut [Value], old: &[Value], attribute: &Attribute) -> Result<(), Error> {
    let is_new = |item: &Value| element::is_primary(item) && !old.contains(item);
    let total = items.iter().filter(|item| element::is_primary(item)).count();
    if total <= 1 {
        return Ok(());
    }
    if items.iter().filter(|item| is_new(item)).count() != 1 {
        let name = &attribute.name;
        return Err(Error::invalid_value(format!("`{name}` has more than one primary value")));
    }
    for item in items.iter_mut().filter(|item| element::is_primary(item)) {
        if old.contains(item) {
            element::put(item, "primary", Value::Bool(false));
        }
    }
    Ok(())
}
