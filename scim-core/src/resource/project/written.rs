//! What is shown to whoever has just written it (RFC 7643 §7, `returned` of `request`).

use alloc::vec::Vec;

use serde_json::Value;

use super::{Named, Projection};
use crate::protocol::json::{Object, member};
use crate::protocol::limits::Limits;
use crate::protocol::path::{AttrPath, PatchPath};
use crate::schema::{Attribute, ResourceType, Returned};

impl Projection {
    /// The projection for the answer to a write of `body`: a resource, or a PATCH message. Without a
    /// wish of the client's, what is returned on request is returned if the body names it.
    #[must_use]
    pub fn of_write(self, resource_type: &ResourceType, body: &Object, limits: &Limits) -> Self {
        let on_request = |a: &Attribute| a.returned == Returned::Request;
        let any = |a: &Attribute| on_request(a) || a.sub_attributes.iter().any(on_request);
        let extensions = resource_type.extensions.iter().map(|e| &e.schema);
        let mut schemas = core::iter::once(&resource_type.schema).chain(extensions);
        if self != Self::Default || !schemas.any(|schema| schema.attributes.iter().any(any)) {
            return self;
        }
        let mut written = Vec::new();
        match member(body, "Operations").and_then(Value::as_array) {
            Some(operations) => {
                for operation in operations.iter().filter_map(Value::as_object) {
                    written_by(operation, resource_type, limits, &mut written);
                }
            }
            None => names_in(None, body, resource_type, &mut written),
        }
        Self::Written(written)
    }
}

/// What one PATCH operation writes.
fn written_by(
    operation: &Object,
    resource_type: &ResourceType,
    limits: &Limits,
    written: &mut Vec<Named>,
) {
    let value = member(operation, "value");
    let path = member(operation, "path").and_then(Value::as_str);
    let Some(path) = path.filter(|path| !path.trim().is_empty()) else {
        if let Some(object) = value.and_then(Value::as_object) {
            names_in(None, object, resource_type, written);
        }
        return;
    };
    if let (Some(schema), Some(object)) =
        (resource_type.extension(path), value.and_then(Value::as_object))
    {
        return names_in(Some(&schema.id), object, resource_type, written);
    }
    let path = PatchPath::parse(path, limits).ok();
    let named = path.and_then(|path| Named::of_path(&path.attr, resource_type));
    if let (Some(named), Some(value)) = (&named, value) {
        parts_in(named, value, written);
    }
    written.extend(named);
}

/// The attributes that the members of an object name.
fn names_in(
    urn: Option<&str>,
    object: &Object,
    resource_type: &ResourceType,
    written: &mut Vec<Named>,
) {
    for (key, value) in object {
        if let (None, Some(schema), Value::Object(inner)) =
            (urn, resource_type.extension(key), value)
        {
            names_in(Some(&schema.id), inner, resource_type, written);
            continue;
        }
        let mut path = AttrPath::parse(key).ok();
        if let (Some(path), Some(urn)) = (&mut path, urn) {
            path.urn = Some(urn.into());
        }
        let Some(named) = path.and_then(|path| Named::of_path(&path, resource_type)) else {
            continue;
        };
        parts_in(&named, value, written);
        written.push(named);
    }
}

/// The sub-attributes that a value names.
fn parts_in(named: &Named, value: &Value, written: &mut Vec<Named>) {
    let items = match value {
        Value::Array(items) => items.as_slice(),
        one => core::slice::from_ref(one),
    };
    for key in items.iter().filter_map(Value::as_object).flat_map(Object::keys) {
        let part = Named { sub: Some(key.clone()), ..named.clone() };
        if !written.contains(&part) {
            written.push(part);
        }
    }
}
