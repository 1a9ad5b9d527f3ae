//! Changes as a message that a strict server takes (RFC 7644 §3.5.2).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::Change;
use crate::protocol::{
    filter::{CompareOp, Filter, Literal},
    json::Object,
    patch::PatchOp,
    path::{AttrPath, PatchPath},
    urn,
};

/// The changes as a PATCH message: one operation per attribute, lower-case `op`, every path in full,
/// and elements to remove selected by a filter each.
#[must_use]
pub fn to_message(changes: &[Change]) -> Value {
    let mut operations: Vec<Value> = changes.iter().flat_map(operations).collect();
    // A message needs an operation; what changes nothing is said by adding nothing.
    if changes.is_empty() {
        operations.push(json!({"op": PatchOp::Add.as_str(), "value": {}}));
    }
    if let (true, Some(change)) = (operations.is_empty(), changes.first()) {
        let nothing = Change {
            op: PatchOp::Add,
            value: Some(Value::Array(Vec::new())),
            filter: None,
            ..change.clone()
        };
        operations.push(operation(&nothing, path(&nothing, None)));
    }
    json!({"schemas": [urn::PATCH_OP], "Operations": operations})
}

fn operations(change: &Change) -> Vec<Value> {
    let selectors = match (change.op, &change.value) {
        (PatchOp::Remove, Some(Value::Array(items))) => items.as_slice(),
        (PatchOp::Add, Some(Value::Array(items))) if items.is_empty() => return Vec::new(),
        _ => return Vec::from([operation(change, path(change, change.filter.clone()))]),
    };
    let one = |item: &Value| Some(operation(change, path(change, Some(selector(item)?))));
    selectors.iter().filter_map(one).collect()
}

fn operation(change: &Change, path: String) -> Value {
    let mut object = Object::new();
    object.insert("op".into(), change.op.as_str().into());
    if !path.is_empty() {
        object.insert("path".into(), path.into());
    }
    if let (PatchOp::Add | PatchOp::Replace, Some(value)) = (change.op, &change.value) {
        object.insert("value".into(), value.clone());
    }
    Value::Object(object)
}

fn path(change: &Change, filter: Option<Filter>) -> String {
    let (Some(name), urn) = (&change.attribute, &change.extension) else {
        return change.extension.clone().unwrap_or_default();
    };
    let attr = AttrPath { urn: urn.clone(), name: name.clone(), sub: change.sub.clone() };
    PatchPath { attr, filter }.to_string()
}

/// The filter that selects one element: by its `value`, else by all that it says of itself.
fn selector(element: &Value) -> Option<Filter> {
    let equals = |(name, value): (&String, &Value)| {
        let value = match value {
            Value::String(text) => Literal::String(text.clone()),
            Value::Bool(value) => Literal::Bool(*value),
            Value::Number(number) => Literal::Number(number.clone()),
            _ => return None,
        };
        let path = AttrPath { urn: None, name: name.clone(), sub: None };
        Some(Filter::Compare { path, op: CompareOp::Eq, value })
    };
    let object = element.as_object()?;
    if let Some(by_value) = object.get_key_value("value").and_then(equals) {
        return Some(by_value);
    }
    let mut terms: Vec<Filter> = object.iter().filter_map(equals).collect();
    if terms.len() > 1 { Some(Filter::And(terms)) } else { terms.pop() }
}
