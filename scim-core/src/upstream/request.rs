//! What is sent to an application: paths, bodies, required attributes (R1, R2, R7).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use super::profile::{Fill, Names, Profile};
use crate::protocol::json::{Object, is_unassigned};
use crate::protocol::patch::PatchOp;
use crate::protocol::path::PatchPath;
use crate::protocol::route::{Endpoint, Route};
use crate::resource::matching;
use crate::resource::patch::{self, Change};
use crate::schema::{Attribute, ResourceType};

/// Path and query of an endpoint at the application, whose SCIM root is at `root`.
#[must_use]
pub fn target(
    profile: &Profile,
    root: &str,
    endpoint: &Endpoint,
    query: Vec<(String, String)>,
) -> String {
    let own = |name: &str| profile.path(name).to_string();
    let endpoint = match endpoint {
        Endpoint::Collection(name) => Endpoint::Collection(own(name)),
        Endpoint::Item { endpoint, id } => {
            Endpoint::Item { endpoint: own(endpoint), id: id.clone() }
        }
        other => other.clone(),
    };
    Route { tenant: None, base: String::new(), endpoint, query }.to_target(root)
}

/// Fills what is missing, from the first source that has a text.
pub fn fill(object: &mut Object, resource_type: &ResourceType, fills: &[Fill]) {
    for fill in fills {
        let Some(found) = resource_type.resolve(&fill.target.attr) else { continue };
        if !is_missing(object, resource_type, &fill.target) {
            continue;
        }
        let is_email = &*found.attribute.name == "emails";
        let texts = fill.from.iter().filter_map(|from| text_at(object, resource_type, from));
        // No other text is an address.
        let Some(text) = texts.into_iter().find(|text| !is_email || text.contains('@')) else {
            continue;
        };
        let filter = fill.target.filter.clone();
        let filter = filter.map(|filter| matching::resolve_element(filter, found.attribute));
        let Ok(filter) = filter.transpose() else { continue };
        let change = Change {
            op: PatchOp::Add,
            extension: found.extension.map(ToString::to_string),
            attribute: Some(found.attribute.name.to_string()),
            filter,
            sub: found.sub.map(|sub| sub.name.to_string()),
            value: Some(text.into()),
            creates_element: true,
        };
        let mut filled = object.clone();
        if patch::apply(resource_type, &mut filled, &[change]).is_ok() {
            *object = filled;
        }
    }
}

fn is_missing(object: &Object, resource_type: &ResourceType, target: &PatchPath) -> bool {
    match &target.filter {
        // Any element will do: whose is another matter.
        Some(_) => value_of(object, resource_type, target).is_none_or(is_unassigned),
        None => text_at(object, resource_type, target).is_none(),
    }
}

fn value_of<'a>(
    object: &'a Object,
    resource_type: &ResourceType,
    path: &PatchPath,
) -> Option<&'a Value> {
    let found = resource_type.resolve(&path.attr)?;
    let name = &*found.attribute.name;
    match found.extension {
        Some(urn) => object.get(urn)?.get(name),
        None => object.get(name),
    }
}

/// The text at a path: of the first element that a filter selects; of a whole `name` what it is
/// written like.
#[must_use]
pub fn text_at(object: &Object, resource_type: &ResourceType, path: &PatchPath) -> Option<String> {
    let found = resource_type.resolve(&path.attr)?;
    let value = value_of(object, resource_type, path)?;
    let value = match value {
        Value::Array(items) => first(items, found.attribute, path)?,
        one => one,
    };
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(String::from);
    match found.sub {
        Some(sub) => value.get(&*sub.name).and_then(text),
        None if value.is_object() => {
            let parts = ["givenName", "familyName"].map(|part| value.get(part).and_then(text));
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            let written = value.get("formatted").or_else(|| value.get("value")).and_then(text);
            written.or_else(|| (!parts.is_empty()).then(|| parts.join(" ")))
        }
        None => text(value),
    }
}

fn first<'a>(items: &'a [Value], attribute: &Attribute, path: &PatchPath) -> Option<&'a Value> {
    let Some(filter) = path.filter.clone() else { return items.first() };
    let filter = matching::resolve_element(filter, attribute).ok()?;
    items.iter().find(|item| matching::matches_element(&filter, attribute, item))
}

/// Takes away what must not be sent: `name` or `name.sub`.
pub fn drop_names(object: &mut Object, names: &Names) {
    if names.is_empty() {
        return;
    }
    object.retain(|name, _| !names.has(name));
    for (name, value) in object.iter_mut() {
        drop_parts(name, value, names);
    }
}

/// The same for the value of one attribute.
pub(super) fn drop_parts(name: &str, value: &mut Value, names: &Names) {
    let items = match value {
        Value::Array(items) => items.as_mut_slice(),
        one => core::slice::from_mut(one),
    };
    for item in items.iter_mut().filter_map(Value::as_object_mut) {
        item.retain(|sub, _| !names.has(&alloc::format!("{name}.{sub}")));
    }
}
