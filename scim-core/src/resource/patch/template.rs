//! Changes made of what a client wrote, without a schema.

use alloc::string::ToString;

use serde_json::Value;

use super::Change;
use crate::protocol::{
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
pub(super) fn unknown_at(operation: &Operation, path: &PatchPath) -> Change {
    Change {
        op: operation.op,
        extension: path.attr.urn.clone(),
        attribute: Some(path.attr.name.clone()),
        filter: path.filter.clone(),
        sub: path.attr.sub.clone(),
        value: operation.value.clone(),
        creates_element: false,
    }
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
