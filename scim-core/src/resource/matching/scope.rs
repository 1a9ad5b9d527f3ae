//! What the names in a filter stand for: attributes of a resource, or sub-attributes of an element.

use core::slice;

use serde_json::Value;

use crate::protocol::path::AttrPath;
use crate::schema::{AttrType, Attribute, ResourceType, Returned};

/// Where a filter looks its names up.
#[derive(Clone, Copy)]
pub(super) enum Scope<'a> {
    /// A resource of this type.
    Resource(&'a ResourceType),
    /// An element of this attribute.
    Element(&'a Attribute),
}

/// The definition that a path leads to.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    /// The extension that holds the attribute.
    pub(super) extension: Option<&'a str>,
    /// The attribute, or within an element the sub-attribute.
    pub(super) attribute: &'a Attribute,
    /// The sub-attribute that the path names.
    pub(super) sub: Option<&'a Attribute>,
    /// An element of a simple attribute goes by the name `value`: it is the value itself.
    pub(super) is_element: bool,
}

impl<'a> Scope<'a> {
    pub(super) fn find(self, path: &AttrPath) -> Option<Found<'a>> {
        let attribute = match self {
            Self::Resource(resource_type) => {
                let found = resource_type.resolve(path)?;
                return Some(Found {
                    extension: found.extension,
                    attribute: found.attribute,
                    sub: found.sub,
                    is_element: false,
                });
            }
            Self::Element(attribute) => attribute,
        };
        if path.urn.is_some() || path.sub.is_some() {
            return None;
        }
        let is_element =
            attribute.kind != AttrType::Complex && path.name.eq_ignore_ascii_case("value");
        let attribute = if is_element { attribute } else { attribute.sub(&path.name)? };
        Some(Found { extension: None, attribute, sub: None, is_element })
    }

    /// The URN of the extension that `path` names as a whole.
    pub(super) fn find_extension(self, path: &AttrPath) -> Option<&'a str> {
        let Self::Resource(resource_type) = self else { return None };
        let mut urns = resource_type.extensions.iter().map(|extension| &*extension.schema.id);
        urns.find(|urn| path.names_schema(urn))
    }
}

impl<'a> Found<'a> {
    /// The definition of what is compared: of a complex attribute, its `value`.
    pub(super) fn compared(&self) -> Option<&'a Attribute> {
        let leaf = self.sub.unwrap_or(self.attribute);
        if leaf.kind == AttrType::Complex { leaf.sub("value") } else { Some(leaf) }
    }

    /// Whether the value must never leave the server, not even by answering questions about it.
    pub(super) fn is_secret(&self) -> bool {
        let secret = |attribute: &Attribute| attribute.returned == Returned::Never;
        secret(self.attribute) || self.sub.is_some_and(secret) || {
            self.compared().is_some_and(secret)
        }
    }

    /// The value of the attribute (not of the sub-attribute) in a resource or element.
    pub(super) fn value<'v>(&self, holder: &'v Value) -> Option<&'v Value> {
        if self.is_element {
            return Some(holder);
        }
        let holder = match self.extension {
            Some(urn) => holder.get(urn)?,
            None => holder,
        };
        holder.get(&*self.attribute.name)
    }
}

/// The values of an attribute, single or multi-valued; none if it is absent or null.
pub(super) fn elements(value: Option<&Value>) -> &[Value] {
    match value {
        None | Some(Value::Null) => &[],
        Some(Value::Array(items)) => items,
        Some(single) => slice::from_ref(single),
    }
}

/// Whether there is a value that is not empty: a complex one counts by what it contains
/// (RFC 7644 §3.4.2.2, `pr`).
pub(super) fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => items.iter().any(is_present),
        Value::Object(members) => members.values().any(is_present),
    }
}
