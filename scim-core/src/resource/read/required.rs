//! What a resource must hold (RFC 7643 §2.2, §7, `required`).

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use crate::protocol::{Error, NAMED_PROBLEMS, json::Object};
use crate::schema::{Attribute, Mutability, ResourceType};

/// Refuses a resource that lacks a required attribute, sub-attribute or extension.
///
/// # Errors
/// `invalidValue` naming up to five attributes that are missing.
pub fn check_required(resource_type: &ResourceType, resource: &Object) -> Result<(), Error> {
    let mut missing: Vec<Cow<'_, str>> = Vec::new();
    for attribute in &resource_type.schema.attributes {
        missing_in(attribute, resource, None, &mut missing);
    }
    for extension in &resource_type.extensions {
        let urn = &extension.schema.id;
        match resource.get(&**urn).and_then(Value::as_object) {
            Some(object) => extension
                .schema
                .attributes
                .iter()
                .for_each(|a| missing_in(a, object, Some(urn), &mut missing)),
            None if extension.required => missing.push(Cow::Borrowed(urn)),
            None => {}
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<String> =
        missing.iter().take(NAMED_PROBLEMS).map(|name| format!("`{name}`")).collect();
    Err(Error::invalid_value(format!("required, but missing: {}", names.join(", "))))
}

fn missing_in<'a>(
    attribute: &'a Attribute,
    home: &Object,
    urn: Option<&str>,
    missing: &mut Vec<Cow<'a, str>>,
) {
    let value = home.get(&*attribute.name);
    let empty = |value: &Value| value.as_str().is_some_and(|text| text.trim().is_empty());
    let name = || match urn {
        Some(urn) => Cow::Owned(format!("{urn}:{}", attribute.name)),
        None => Cow::Borrowed(&*attribute.name),
    };
    if is_asked_for(attribute) && value.is_none_or(empty) {
        missing.push(name());
    }
    for sub in attribute.sub_attributes.iter().filter(|sub| is_asked_for(sub)) {
        let lacks = |item: &Value| item.get(&*sub.name).is_none_or(empty);
        let lacking = match value {
            Some(Value::Array(items)) => items.iter().any(lacks),
            Some(object) => lacks(object),
            None => false,
        };
        if lacking {
            missing.push(Cow::Owned(format!("{}.{}", name(), sub.name)));
        }
    }
}

/// What is read-only is the service's to give.
fn is_asked_for(attribute: &Attribute) -> bool {
    attribute.required && attribute.mutability != Mutability::ReadOnly
}
