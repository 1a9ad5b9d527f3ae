//! Carrying changes out on a resource (RFC 7644 §3.5.2.1–§3.5.2.3).

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use serde_json::Value;

use super::{Change, template::element_of};
use crate::protocol::{
    Error,
    json::{Object, is_unassigned},
    patch::PatchOp,
};
use crate::resource::{element, matching, mutability};
use crate::schema::{AttrType, Attribute, Mutability, ResourceType};

/// Applies `changes` in order. On an error the resource is to be thrown away: nothing is undone.
///
/// # Errors
/// `noTarget` if a filter selects nothing, `mutability` for an immutable attribute or part that has
/// another value already, `invalidValue` for two primary values.
pub fn apply(
    resource_type: &ResourceType,
    resource: &mut Object,
    changes: &[Change],
) -> Result<(), Error> {
    let before = watched(resource_type, resource, changes);
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
    mutability::check(resource_type, &before, resource)
}

/// The values that may be touched, but must be the same in the end. Elements of lists are looked at
/// one by one as they change: a list can be long.
fn watched(resource_type: &ResourceType, resource: &Object, changes: &[Change]) -> Object {
    let mut before = Object::new();
    for change in changes {
        let urn = change.extension.as_deref();
        let Some(name) = change.attribute.as_deref() else {
            let whole = urn.and_then(|urn| resource.get_key_value(urn));
            before.extend(whole.map(|(urn, home)| (urn.clone(), home.clone())));
            continue;
        };
        let found = resource_type.attribute(urn, name);
        let Some((urn, attribute)) = found.filter(|(_, a)| mutability::is_kept_whole(a)) else {
            continue;
        };
        let home = urn.map_or(Some(resource), |urn| resource.get(urn)?.as_object());
        if let Some(value) = home.and_then(|home| home.get(&*attribute.name)) {
            element::in_home(&mut before, urn, |before| {
                before.insert(attribute.name.to_string(), value.clone());
            });
        }
    }
    before
}

fn one(home: &mut Object, attribute: &Attribute, change: &Change) -> Result<(), Error> {
    if attribute.multi_valued {
        let mut items = match home.remove(&*attribute.name) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        };
        let old_primary: Vec<Value> =
            items.iter().filter(|i| element::is_primary(i)).cloned().collect();
        elements(&mut items, attribute, change)?;
        items.retain(|item| !item.as_object().is_some_and(Object::is_empty));
        element::unify(attribute, &mut items);
        move_primary(&mut items, &old_primary, attribute)?;
        if !items.is_empty() {
            home.insert(attribute.name.clone().into_owned(), Value::Array(items));
        }
        return Ok(());
    }
    let selected = |filter| {
        let value = home.get(&*attribute.name);
        value.is_some_and(|value| matching::matches_element(filter, attribute, value))
    };
    if !change.filter.as_ref().is_none_or(selected) {
        return Err(no_target(attribute));
    }
    single(home, attribute, change)
}

fn single(home: &mut Object, attribute: &Attribute, change: &Change) -> Result<(), Error> {
    let name = &*attribute.name;
    match (change.op, &change.sub, &change.value) {
        (PatchOp::Remove, None, _) => {
            home.remove(name);
        }
        (_, Some(sub), value) => {
            let slot = home.entry(name).or_insert(Value::Null);
            part(slot, attribute, sub, change.op, value.as_ref())?;
        }
        (_, None, Some(Value::Object(new))) => {
            let slot = home.entry(name).or_insert(Value::Null);
            for (sub, value) in new {
                part(slot, attribute, sub, change.op, Some(value))?;
            }
        }
        (_, None, Some(value)) => {
            // An `add` of nothing is an empty array; it leaves a single value as it is.
            if !value.is_array() {
                home.insert(name.into(), value.clone());
            }
        }
        (_, None, None) => {}
    }
    Ok(())
}

/// Changes one sub-attribute of a value.
fn part(
    slot: &mut Value,
    attribute: &Attribute,
    name: &str,
    op: PatchOp,
    value: Option<&Value>,
) -> Result<(), Error> {
    let sub = attribute.sub(name);
    let is_list = sub.is_some_and(|sub| sub.multi_valued);
    let before = slot.get(name).cloned();
    let listed_before = || before.as_ref().map(listed).unwrap_or_default().iter();
    let after = match (op, value) {
        (PatchOp::Remove, Some(Value::Array(selectors))) if is_list => {
            let rest = listed_before().filter(|item| !selectors.contains(item)).cloned();
            Some(Value::Array(rest.collect()))
        }
        (PatchOp::Remove, _) => None,
        (PatchOp::Add, Some(value)) if is_list => {
            let new = listed(value).iter().filter(|item| !listed_before().any(|i| i == *item));
            Some(Value::Array(listed_before().chain(new).cloned().collect()))
        }
        // Nothing is added; a single value stays.
        (PatchOp::Add, Some(Value::Array(_))) | (_, None) => before.clone(),
        (_, Some(value)) => Some(value.clone()),
    };
    if let (Some(sub), Some(before)) = (sub, &before)
        && sub.mutability == Mutability::Immutable
        && !after.as_ref().is_some_and(|after| element::equal(sub, before, after))
    {
        return Err(mutability::refusal(None, &attribute.name, Some(sub)));
    }
    match after {
        Some(after) => element::put(slot, name, after),
        None => {
            slot.as_object_mut().and_then(|object| object.remove(name));
        }
    }
    Ok(())
}

/// Adds the parts of `new` to an element.
fn merge(item: &mut Value, attribute: &Attribute, new: &Value) -> Result<(), Error> {
    let Some(new) = new.as_object() else { return Ok(()) };
    new.iter().try_for_each(|(name, v)| part(item, attribute, name, PatchOp::Add, Some(v)))
}

fn elements(items: &mut Vec<Value>, attribute: &Attribute, change: &Change) -> Result<(), Error> {
    let selected = |item: &Value| {
        change.filter.as_ref().is_none_or(|f| matching::matches_element(f, attribute, item))
    };
    if change.filter.is_some() && !items.iter().any(selected) {
        return create(items, attribute, change);
    }
    if makes_primary(change) && items.iter().filter(|item| selected(item)).count() > 1 {
        return Err(two_primary(attribute));
    }
    match (change.op, &change.sub, &change.value) {
        (PatchOp::Remove, None, Some(Value::Array(selectors))) => {
            items.retain(|item| !selectors.iter().any(|s| element::selects(s, item)));
        }
        (PatchOp::Remove, None, _) => items.retain(|item| !selected(item)),
        (PatchOp::Add | PatchOp::Replace, _, None) => {}
        (op, Some(sub), value) => {
            if items.is_empty() && op != PatchOp::Remove {
                items.push(Value::Object(Object::new()));
            }
            for item in items.iter_mut().filter(|item| selected(item)) {
                part(item, attribute, sub, op, value.as_ref())?;
            }
        }
        (PatchOp::Add, None, Some(value)) if change.filter.is_some() => {
            for item in items.iter_mut().filter(|item| selected(item)) {
                merge(item, attribute, value)?;
            }
        }
        (PatchOp::Add, None, Some(value)) => {
            for new in listed(value) {
                if let Some(item) = items.iter_mut().find(|item| element::same(item, new)) {
                    merge(item, attribute, new)?;
                } else {
                    mutability::check_elements(attribute, items, core::slice::from_ref(new))?;
                    items.push(new.clone());
                }
            }
        }
        (PatchOp::Replace, None, Some(value)) if change.filter.is_some() => {
            for item in items.iter_mut().filter(|item| selected(item)) {
                let mut new = value.clone();
                mutability::keep_parts(attribute, item, &mut new);
                mutability::check_parts(attribute, item, &new)?;
                *item = new;
            }
        }
        (PatchOp::Replace, None, Some(value)) => {
            let mut new = listed(value).to_vec();
            mutability::keep_elements(attribute, items, &mut new);
            mutability::check_elements(attribute, items, &new)?;
            *items = new;
        }
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
    // Nothing is added to an element that is not there.
    if is_unassigned(value) {
        return Ok(());
    }
    if attribute.kind != AttrType::Complex {
        items.push(value.clone());
        return Ok(());
    }
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

/// Whether every element that the change selects becomes the primary one.
fn makes_primary(change: &Change) -> bool {
    match (&change.sub, &change.value) {
        (Some(sub), Some(value)) => sub == "primary" && *value == Value::Bool(true),
        (None, Some(value)) => change.filter.is_some() && element::is_primary(value),
        (_, None) => false,
    }
}

fn two_primary(attribute: &Attribute) -> Error {
    Error::invalid_value(format!("`{}` has more than one primary value", attribute.name))
}

/// At most one element is primary: a new one takes it from the old (RFC 7644 §3.5.2).
fn move_primary(items: &mut [Value], old: &[Value], attribute: &Attribute) -> Result<(), Error> {
    let is_new = |item: &Value| element::is_primary(item) && !old.contains(item);
    let total = items.iter().filter(|item| element::is_primary(item)).count();
    if total <= 1 {
        return Ok(());
    }
    if items.iter().filter(|item| is_new(item)).count() != 1 {
        return Err(two_primary(attribute));
    }
    for item in items.iter_mut().filter(|item| element::is_primary(item)) {
        if old.contains(item) {
            element::put(item, "primary", Value::Bool(false));
        }
    }
    Ok(())
}
