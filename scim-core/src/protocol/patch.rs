//! The PATCH message as it stands on the wire (RFC 7644 §3.5.2).

use alloc::format;
use alloc::vec::Vec;

use serde_json::Value;

use super::{
    Error,
    filter::FilterError,
    json::{Object, member},
    limits::Limits,
    path::PatchPath,
};

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchOp {
    /// Adds a value.
    Add,
    /// Removes what the path selects.
    Remove,
    /// Puts a value in place of what the path selects.
    Replace,
}

impl PatchOp {
    /// The name as the RFC writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Replace => "replace",
        }
    }
}

/// One operation, not yet seen through a schema.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// What it does.
    pub op: PatchOp,
    /// Where; `None` means the resource itself.
    pub path: Option<PatchPath>,
    /// With what. A JSON null is `Some(Value::Null)`.
    pub value: Option<Value>,
    /// Whether `op` was written with a capital letter, as Entra ID does.
    pub capitalised: bool,
}

/// Reads a PATCH message. `schemas` may be missing (authentik leaves it out), names may have any
/// letter case.
///
/// # Errors
/// `invalidSyntax` for a message of another shape, `invalidPath` for a malformed path,
/// 413 for more than [`Limits::patch_operations`].
///
/// ```
/// use scim_core::protocol::{json, limits::Limits, patch};
/// let limits = Limits::default();
/// let message = br#"{"Operations": [{"op": "Replace", "path": "active", "value": "False"}]}"#;
/// let operations = patch::parse(&json::parse_object(message, &limits).unwrap(), &limits).unwrap();
/// assert_eq!(operations[0].op, patch::PatchOp::Replace);
/// assert!(operations[0].capitalised);
/// ```
pub fn parse(message: &Object, limits: &Limits) -> Result<Vec<Operation>, Error> {
    let Some(Value::Array(operations)) = member(message, "Operations") else {
        return Err(Error::invalid_syntax("a PATCH message needs an array `Operations`"));
    };
    if operations.is_empty() {
        return Err(Error::invalid_syntax("`Operations` is empty"));
    }
    if operations.len() > limits.patch_operations {
        let most = limits.patch_operations;
        return Err(Error::payload_too_large(format!("more than {most} operations")));
    }
    operations.iter().enumerate().map(|(at, item)| operation(at, item, limits)).collect()
}

fn operation(at: usize, item: &Value, limits: &Limits) -> Result<Operation, Error> {
    let Value::Object(object) = item else {
        return Err(Error::invalid_syntax(format!("operation {at} is not an object")));
    };
    let name = member(object, "op").and_then(Value::as_str).unwrap_or_default();
    let known = [PatchOp::Add, PatchOp::Remove, PatchOp::Replace];
    let Some(op) = known.into_iter().find(|op| op.as_str().eq_ignore_ascii_case(name)) else {
        return Err(Error::invalid_syntax(format!(
            "`op` of operation {at} must be add, remove or replace"
        )));
    };
    let path = match member(object, "path") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.trim().is_empty() => None,
        Some(Value::String(text)) => {
            Some(PatchPath::parse(text, limits).map_err(FilterError::in_path)?)
        }
        Some(_) => {
            return Err(Error::invalid_path(format!("`path` of operation {at} is not a string")));
        }
    };
    let capitalised = name.bytes().next().is_some_and(|b| b.is_ascii_uppercase());
    Ok(Operation { op, path, value: member(object, "value").cloned(), capitalised })
}
