//! The operations of a PATCH in the forms that an application understands (R3).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::profile::{PathFilters, RemovesBy, Resource};
use super::request::drop_parts;
use crate::protocol::filter::{CompareOp, Filter, Literal};
use crate::protocol::json::Object;
use crate::protocol::patch::PatchOp;
use crate::protocol::{Error, urn};
use crate::resource::patch::{self, Change};
use crate::schema::ResourceType;

/// How changes reach an application.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Operations of a PATCH.
    pub direct: Vec<Value>,
    /// Changes of lists that PATCH can make element by element, once the present ones are known.
    pub listed: Vec<Change>,
    /// Changes that PUT can make.
    pub put: Vec<Change>,
    /// The names of attributes that cannot be changed.
    pub unsupported: Vec<String>,
}

/// Finds a way for each change. If PUT writes everything and one change needs it, all go by it:
/// then they happen together.
#[must_use]
pub fn plan(resource: &Resource, resource_type: &ResourceType, changes: &[Change]) -> Plan {
    let mut plan = Plan::default();
    let can_list = |change: &Change| {
        let name = change.attribute.clone().unwrap_or_default();
        is_list(resource_type, change)
            && resource.patch.add.has(&name)
            && resource.patch.remove.has(&name)
    };
    let needs_list =
        |change: &&Change| can_list(change) && direct(resource, resource_type, change).is_none();
    // What happens to one list happens in order.
    let lists: Vec<String> = changes.iter().filter(needs_list).map(name_of).collect();
    for change in changes {
        let name = name_of(change);
        if lists.contains(&name) {
            plan.listed.push(change.clone());
        } else if let Some(operations) = direct(resource, resource_type, change) {
            plan.direct.extend(operations);
        } else if resource.put.writes.has(&name) && is_known(resource_type, change) {
            plan.put.push(change.clone());
        } else if !plan.unsupported.contains(&name) {
            plan.unsupported.push(name);
        }
    }
    if !plan.put.is_empty() && resource.put.writes.is_all() {
        let known = changes.iter().filter(|change| is_known(resource_type, change));
        return Plan {
            put: known.cloned().collect(),
            unsupported: plan.unsupported,
            ..Plan::default()
        };
    }
    plan
}

fn is_known(resource_type: &ResourceType, change: &Change) -> bool {
    match &change.attribute {
        Some(name) => resource_type.attribute(change.extension.as_deref(), name).is_some(),
        None => change.extension.is_some(),
    }
}

/// The message that carries operations (RFC 7644 §3.5.2).
#[must_use]
pub fn message(operations: &[Value]) -> Object {
    let schemas = json!([urn::PATCH_OP]);
    Object::from_iter([("schemas".into(), schemas), ("Operations".into(), operations.into())])
}

/// The name of the attribute that a change speaks of.
#[must_use]
pub fn name_of(change: &Change) -> String {
    let mut name = match (&change.extension, &change.attribute) {
        (Some(urn), Some(name)) => format!("{urn}:{name}"),
        (Some(urn), None) => urn.clone(),
        (None, Some(name)) => name.clone(),
        (None, None) => {
            let object = change.value.as_ref().and_then(Value::as_object);
            object.and_then(|object| object.keys().next()).cloned().unwrap_or_default()
        }
    };
    if let Some(sub) = &change.sub {
        name.push('.');
        name.push_str(sub);
    }
    name
}

/// Whether a change is one of a whole list or of elements of it.
fn is_list(resource_type: &ResourceType, change: &Change) -> bool {
    let attribute = change.attribute.as_deref();
    let found =
        attribute.and_then(|name| resource_type.attribute(change.extension.as_deref(), name));
    let many = found.map_or(change.value.as_ref().is_some_and(Value::is_array), |(_, found)| {
        found.multi_valued
    });
    many && change.sub.is_none()
}

/// The operations that make a change; `None` if there are none.
fn direct(
    resource: &Resource,
    resource_type: &ResourceType,
    change: &Change,
) -> Option<Vec<Value>> {
    let (form, name) = (&resource.patch, name_of(change));
    let list = is_list(resource_type, change);
    let mut change = change.clone();
    if let Some(value) = &mut change.value {
        drop_parts(change.attribute.as_deref().unwrap_or_default(), value, &resource.drops);
    }
    let is_nothing = change.value.as_ref().and_then(Value::as_array).is_some_and(Vec::is_empty);
    if is_nothing && change.op != PatchOp::Replace {
        return Some(Vec::new());
    }
    let removes_list =
        change.op == PatchOp::Remove && list && change.filter.is_none() && change.value.is_none();
    if removes_list && !form.removes_lists {
        (change.op, change.value) = (PatchOp::Replace, Some(Value::Array(Vec::new())));
    }
    // To a single value both are the same.
    if change.op == PatchOp::Add && !list && change.filter.is_none() && !form.add.has(&name) {
        change.op = PatchOp::Replace;
    }
    let (names, whole) = match change.op {
        PatchOp::Add => (&form.add, true),
        PatchOp::Replace => (&form.replace, form.replaces_lists || !list),
        PatchOp::Remove => (&form.remove, true),
    };
    if !names.has(&name) || change.filter.is_none() && !whole {
        return None;
    }
    if change.op == PatchOp::Remove && list && !removes_list {
        return removal(form.removes_by, form.path_filters, &change);
    }
    let passes = match (&change.filter, form.path_filters) {
        (None, _) | (_, PathFilters::Any) => true,
        (Some(filter), PathFilters::OneEquality) => equality(filter).is_some(),
        (Some(_), PathFilters::None) => false,
    };
    passes.then(|| operations(&change))
}

/// Elements to remove, each named as the application wants it.
fn removal(by: RemovesBy, filters: PathFilters, change: &Change) -> Option<Vec<Value>> {
    let by_value = change.filter.as_ref().and_then(equality).filter(|(name, _)| *name == "value");
    match (by, &change.filter, &change.value) {
        (RemovesBy::Filter, Some(filter), _) => {
            let passes = match filters {
                PathFilters::Any => true,
                PathFilters::OneEquality => equality(filter).is_some(),
                PathFilters::None => by_value.is_some(),
            };
            passes.then(|| operations(change))
        }
        (RemovesBy::Values, Some(_), _) => {
            let (_, value) = by_value?;
            Some(Vec::from([remove_values(change, &json!([{"value": value}]))]))
        }
        (RemovesBy::Values, None, Some(values)) => Some(Vec::from([remove_values(change, values)])),
        (RemovesBy::Filter, None, _) | (RemovesBy::Values, None, None) => Some(operations(change)),
    }
}

fn remove_values(change: &Change, values: &Value) -> Value {
    let plain = Change { filter: None, value: None, ..change.clone() };
    let path = operations(&plain).first().and_then(|one| one.get("path")).cloned();
    json!({"op": "remove", "path": path, "value": values})
}

fn operations(change: &Change) -> Vec<Value> {
    let mut message = patch::to_message(core::slice::from_ref(change));
    match message.get_mut("Operations").map(Value::take) {
        Some(Value::Array(operations)) => operations,
        _ => Vec::new(),
    }
}

fn equality(filter: &Filter) -> Option<(&str, &str)> {
    match filter {
        Filter::Compare { path, op: CompareOp::Eq, value: Literal::String(value) } => {
            Some((&path.name, value))
        }
        _ => None,
    }
}

/// Changes of lists as operations on their elements, against the resource as it is. Without any
/// difference there are none.
///
/// # Errors
/// As [`patch::apply`].
pub fn by_difference(
    resource: &Resource,
    resource_type: &ResourceType,
    current: &Object,
    changes: &[Change],
) -> Result<Vec<Value>, Error> {
    let mut after = current.clone();
    patch::apply(resource_type, &mut after, changes)?;
    let mut done: Vec<String> = Vec::new();
    let mut all = Vec::new();
    for change in changes {
        let name = name_of(change);
        if done.contains(&name) {
            continue;
        }
        let (old, new) = (elements(current, change), elements(&after, change));
        let missing = |in_: &[Value], item: &Value| !in_.iter().any(|other| is_same(item, other));
        let gone: Vec<Value> = old.iter().filter(|item| missing(new, item)).cloned().collect();
        let come: Vec<Value> = new.iter().filter(|item| missing(old, item)).cloned().collect();
        for (op, items) in [(PatchOp::Remove, gone), (PatchOp::Add, come)] {
            let value = Some(Value::Array(items));
            let change = Change { op, filter: None, sub: None, value, ..change.clone() };
            all.extend(direct(resource, resource_type, &change).unwrap_or_default());
        }
        done.push(name);
    }
    Ok(all)
}

/// An element is told by its `value`; what else an answer says of it may differ.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a.get("value"), b.get("value")) {
        (Some(x), Some(y)) => x == y && a.get("type") == b.get("type"),
        _ => a == b,
    }
}

fn elements<'a>(object: &'a Object, change: &Change) -> &'a [Value] {
    let name = change.attribute.as_deref().unwrap_or_default();
    let value = match change.extension.as_deref() {
        Some(urn) => object.get(urn).and_then(|home| home.get(name)),
        None => object.get(name),
    };
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The changes with those whose filter selects nothing made into additions of the element that
/// they describe.
///
/// # Errors
/// As [`patch::apply`].
pub fn with_elements(
    resource_type: &ResourceType,
    current: &Object,
    changes: &[Change],
) -> Result<Vec<Change>, Error> {
    let mut now = current.clone();
    let mut all = Vec::new();
    for change in changes {
        let before = elements(&now, change).to_vec();
        patch::apply(resource_type, &mut now, core::slice::from_ref(change))?;
        let new = elements(&now, change);
        let grown = creates(change) && new.len() > before.len();
        let come: Vec<Value> = new.iter().filter(|item| !before.contains(item)).cloned().collect();
        all.push(if grown {
            let value = Some(Value::Array(come));
            Change { op: PatchOp::Add, filter: None, sub: None, value, ..change.clone() }
        } else {
            change.clone()
        });
    }
    Ok(all)
}

/// Whether a change makes an element if its filter selects none.
#[must_use]
pub fn creates(change: &Change) -> bool {
    change.creates_element && change.filter.is_some() && change.op != PatchOp::Remove
}

/// A change that sets an attribute.
#[must_use]
pub fn replace(extension: Option<&str>, attribute: &str, value: Value) -> Change {
    Change {
        op: PatchOp::Replace,
        extension: extension.map(ToString::to_string),
        attribute: Some(attribute.into()),
        filter: None,
        sub: None,
        value: Some(value),
        creates_element: true,
    }
}
