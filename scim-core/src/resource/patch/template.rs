//! Changes made of what a client wrote, without a schema.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use super::Change;
use crate::protocol::{
    Error,
    filter::{CompareOp, Filter, Literal},
    json::{Object, is_unassigned},
    patch::{Operation, PatchOp},
    path::{AttrPath, PatchPath},
};

/// An attribute of a schema that this reader does not know, passed on as it came: without a path,
/// unless its URN makes a path that every server understands.
pub(super) fn unknown(op: PatchOp, path: AttrPath, value: &Value) -> Change {
    let change = Change {
        op,
        extension: None,
        attribute: None,
        filter: None,
        sub: None,
        value: None,
        creates_element: false,
    };
    if path.urn.is_none() {
        let object = Object::from_iter([(path.to_string(), value.clone())]);
        return Change { value: Some(Value::Object(object)), ..change };
    }
    Change {
        op: if is_unassigned(value) { PatchOp::Remove } else { op },
        extension: path.urn,
        attribute: Some(path.name),
        sub: path.sub,
        value: (!is_unassigned(value)).then(|| value.clone()),
        ..change
    }
}

/// As [`unknown`], for an operation with a path.
///
/// # Errors
/// `invalidValue`, when elements are to be removed that no filter can select: the whole list must
/// not go instead, nor nothing.
pub(super) fn unknown_at(operation: &Operation, path: &PatchPath) -> Result<Change, Error> {
    let value = match &operation.value {
        Some(value) if operation.op == PatchOp::Remove => Some(selectable(value)?),
        value => value.clone(),
    };
    Ok(Change {
        op: operation.op,
        extension: path.attr.urn.clone(),
        attribute: Some(path.attr.name.clone()),
        filter: path.filter.clone(),
        sub: path.attr.sub.clone(),
        value,
        creates_element: false,
    })
}

/// The list of elements that a `remove` names by its value, all of whose parts a filter can compare.
fn selectable(value: &Value) -> Result<Value, Error> {
    let elements = match value {
        Value::Array(elements) => elements.clone(),
        element => Vec::from([element.clone()]),
    };
    let comparable = |(name, value): (&String, &Value)| {
        let named = AttrPath::parse(name).is_ok_and(|path| path.name == *name);
        named && matches!(value, Value::String(_) | Value::Bool(_) | Value::Number(_))
    };
    let clear = |element: &Value| {
        element.as_object().is_some_and(|parts| !parts.is_empty() && parts.iter().all(comparable))
    };
    if elements.iter().all(clear) {
        return Ok(Value::Array(elements));
    }
    Err(Error::invalid_value("it is not clear which values to remove"))
}

/// The body of an element that satisfies a filter of `eq` joined by `and`; `None` for other filters.
pub(super) fn element_of(filter: &Filter) -> Option<Object> {
    let mut object = Object::new();
    let terms = match filter {
        Filter::And(terms) => terms.as_slice(),
        one => core::slice::from_ref(one),
    };
    for term in terms {
        let Filter::Compare { path, op: CompareOp::Eq, value } = term else { return None };
        if path.sub.is_some() {
            return None;
        }
        object.insert(path.name.clone(), json_of(value));
    }
    Some(object)
}

fn json_of(literal: &Literal) -> Value {
    match literal {
        Literal::Null => Value::Null,
        Literal::Bool(value) => Value::Bool(*value),
        Literal::Number(value) => Value::Number(value.clone()),
        Literal::String(value) => Value::String(value.clone()),
    }
}
