//! The Bulk message: reading it, the references in it, and the answer (RFC 7644 §3.7).

mod reference;

use alloc::borrow::ToOwned;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::{
    Error,
    json::{Object, member},
    limits::Limits,
    urn,
};

pub use reference::{reference, resolve};

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Creates a resource.
    Post,
    /// Replaces one.
    Put,
    /// Modifies one.
    Patch,
    /// Removes one.
    Delete,
}

impl Method {
    /// The name as HTTP writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// One operation, not yet seen through a schema.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// What it does.
    pub method: Method,
    /// The client's name for it. Each POST has one, and no two operations have the same.
    pub bulk_id: Option<String>,
    /// To what, below the SCIM root: `/Users`, `/Users/{id}`, `/Users/bulkId:{name}`.
    pub path: String,
    /// The version that the resource must have.
    pub version: Option<String>,
    /// The body; empty for DELETE.
    pub data: Object,
}

/// A Bulk message.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// After so many errors the rest is left undone; `None` does everything.
    pub fail_on_errors: Option<u64>,
    /// What is to be done, as sent; at least one.
    pub operations: Vec<Operation>,
}

/// Reads a Bulk message. `schemas` may be missing, names may have any letter case.
///
/// # Errors
/// `invalidSyntax` for a message of another shape, 413 for more than
/// [`Limits::bulk_operations`].
///
/// ```
/// use scim_core::protocol::{bulk, json, limits::Limits};
/// let limits = Limits::default();
/// let message = br#"{"failOnErrors": 1, "Operations": [
///     {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": "ada"}},
///     {"method": "DELETE", "path": "/Users/bulkId:a"}]}"#;
/// let message = json::parse_object(message, &limits)?;
/// let request = bulk::parse(&message, &limits)?;
/// assert_eq!(request.operations[0].method, bulk::Method::Post);
/// # Ok::<(), scim_core::protocol::Error>(())
/// ```
pub fn parse(message: &Object, limits: &Limits) -> Result<Request, Error> {
    check_schemas(message)?;
    let Some(Value::Array(items)) = member(message, "Operations") else {
        return Err(Error::invalid_syntax("a Bulk message needs an array `Operations`"));
    };
    if items.is_empty() {
        return Err(Error::invalid_syntax("`Operations` is empty"));
    }
    if items.len() > limits.bulk_operations {
        let most = limits.bulk_operations;
        return Err(Error::payload_too_large(format!("more than maxOperations ({most})")));
    }
    let fail_on_errors = match member(message, "failOnErrors") {
        None | Some(Value::Null) => None,
        Some(value) => Some(value.as_u64().filter(|most| *most > 0).ok_or_else(|| {
            Error::invalid_syntax("`failOnErrors` must be an integer greater than 0")
        })?),
    };
    let mut names = BTreeSet::new();
    let mut operations = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        let operation = operation(at, item)?;
        if let Some(name) = &operation.bulk_id
            && !names.insert(name.clone())
        {
            return Err(Error::invalid_syntax(format!("`bulkId` of operation {at} is not unique")));
        }
        operations.push(operation);
    }
    Ok(Request { fail_on_errors, operations })
}

fn check_schemas(message: &Object) -> Result<(), Error> {
    let is_ours = |item: &Value| {
        item.as_str().is_some_and(|name| name.eq_ignore_ascii_case(urn::BULK_REQUEST))
    };
    match member(message, "schemas") {
        None => Ok(()),
        Some(Value::Array(items)) if items.iter().any(is_ours) => Ok(()),
        Some(_) => Err(Error::invalid_syntax("`schemas` does not name the Bulk message")),
    }
}

fn operation(at: usize, item: &Value) -> Result<Operation, Error> {
    let wrong = |name: &str, what: &str| {
        Error::invalid_syntax(format!("`{name}` of operation {at} {what}"))
    };
    let Value::Object(object) = item else {
        return Err(Error::invalid_syntax(format!("operation {at} is not an object")));
    };
    let text = |name: &str| match member(object, name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
        Some(_) => Err(wrong(name, "must be a string that is not empty")),
    };
    let method = text("method")?.unwrap_or_default();
    let known = [Method::Post, Method::Put, Method::Patch, Method::Delete];
    let method = known
        .into_iter()
        .find(|known| known.as_str().eq_ignore_ascii_case(&method))
        .ok_or_else(|| wrong("method", "must be POST, PUT, PATCH or DELETE"))?;
    let bulk_id = text("bulkId")?;
    if method == Method::Post && bulk_id.is_none() {
        return Err(wrong("bulkId", "is missing"));
    }
    let path = text("path")?.ok_or_else(|| wrong("path", "is missing"))?;
    let data = match (method, member(object, "data")) {
        (Method::Delete, _) => Object::new(),
        (_, Some(Value::Object(data))) => data.clone(),
        _ => return Err(wrong("data", "must be an object")),
    };
    Ok(Operation { method, bulk_id, path, version: text("version")?, data })
}

/// What became of an operation (RFC 7644 §3.7.3).
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// HTTP status.
    pub status: u16,
    /// URI of the resource; `None` where there is none, as after a POST that failed.
    pub location: Option<String>,
    /// Entity tag of the resource.
    pub version: Option<String>,
    /// The error body; `None` after success.
    pub response: Option<Value>,
}

impl Outcome {
    /// The outcome of an operation that failed.
    #[must_use]
    pub fn failed(error: &Error, location: Option<String>) -> Self {
        let response = Some(error.to_json());
        Self { status: error.status(), location, version: None, response }
    }
}

/// The message that answers: what became of each operation that was carried out.
#[must_use]
pub fn response<'a>(outcomes: impl IntoIterator<Item = (&'a Operation, &'a Outcome)>) -> Value {
    let one = |(operation, outcome): (&Operation, &Outcome)| {
        let mut object = Object::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                object.insert(name.to_owned(), value);
            }
        };
        put("method", Some(operation.method.as_str().into()));
        put("bulkId", operation.bulk_id.clone().map(Value::from));
        put("location", outcome.location.clone().map(Value::from));
        put("version", outcome.version.clone().map(Value::from));
        put("status", Some(format!("{}", outcome.status).into()));
        put("response", outcome.response.clone());
        Value::Object(object)
    };
    let operations: Vec<Value> = outcomes.into_iter().map(one).collect();
    json!({"schemas": [urn::BULK_RESPONSE], "Operations": operations})
}

#[cfg(test)]
mod tests;
