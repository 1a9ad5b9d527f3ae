//! Applications behind the gateway, as wrong as the real ones: what each does is written from its
//! source or its documents, and it is strict about it.
//!
//! Plain functions from request to answer, so that the core's tests can call them and a server can
//! serve them.

mod authentik;
mod bitwarden;
mod openproject;
mod strict;

pub(crate) use authentik::AuthentikSource;
pub(crate) use bitwarden::Bitwarden;
pub(crate) use openproject::OpenProject;
pub(crate) use strict::Strict;

use serde_json::{Map, Value, json};

/// A JSON object.
pub(crate) type Object = Map<String, Value>;

/// The credential that every stub wants.
pub(crate) const TOKEN: &str = "stub-token-0123456789";

/// A request as it reaches an application.
pub(crate) struct Asked<'a> {
    /// The method.
    pub(crate) method: &'a str,
    /// Path and query.
    pub(crate) target: &'a str,
    /// Header fields, their names in lower case.
    pub(crate) headers: &'a [(String, String)],
    /// The body.
    pub(crate) body: &'a [u8],
}

/// What an application answers.
pub(crate) struct Said {
    /// The status.
    pub(crate) status: u16,
    /// Header fields.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// An application.
pub(crate) trait Stub {
    /// Answers a request.
    fn answer(&mut self, asked: &Asked<'_>) -> Said;

    /// Resources of a kind as they are kept: `users` or `groups`.
    fn kept(&self, kind: &str) -> &[Object];
}

/// The stub of that profile.
pub(crate) fn stub(profile: &str) -> Option<Box<dyn Stub>> {
    Some(match profile {
        "rfc" => Box::new(Strict::default()),
        "bitwarden" => Box::new(Bitwarden::default()),
        "openproject" => Box::new(OpenProject::default()),
        "authentik-source" => Box::new(AuthentikSource::default()),
        _ => return None,
    })
}

impl Said {
    fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    fn json(status: u16, media_type: &str, body: &Value) -> Self {
        let headers = vec![("content-type", media_type.to_owned())];
        Self { status, headers, body: body.to_string().into_bytes() }
    }

    fn text(status: u16, text: &str) -> Self {
        let headers = vec![("content-type", "text/plain".to_owned())];
        Self { status, headers, body: text.as_bytes().to_vec() }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Asked<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter().filter(|(known, _)| known == name);
        let first = all.next().map(|(_, value)| value.as_str());
        if all.next().is_some() { None } else { first }
    }

    /// The segments of the path, and the decoded query.
    fn parts(&self) -> (Vec<String>, Vec<(String, String)>) {
        let (path, query) = self.target.split_once('?').unwrap_or((self.target, ""));
        let segments = path.trim_start_matches('/').split('/').map(decoded).collect();
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        };
        (segments, query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect())
    }

    fn object(&self) -> Option<Object> {
        serde_json::from_slice(self.body).ok()
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let hex: String = rest.by_ref().take(2).map(char::from).collect();
                bytes.push(u8::from_str_radix(&hex, 16).unwrap_or(b'?'));
            }
            b'+' => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn parameter<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// `attribute op "value"` terms joined by `and` or `or`, read from left to right; `None` if it is
/// anything else.
fn terms(filter: &str) -> Option<Vec<(String, String, String, String)>> {
    let mut found = Vec::new();
    let mut rest = filter.trim();
    let mut join = String::new();
    while !rest.is_empty() {
        let (attribute, after) = rest.split_once(' ')?;
        let (op, after) = after.split_once(' ').unwrap_or((after, ""));
        if op == "pr" {
            found.push((join, attribute.to_owned(), op.to_owned(), String::new()));
            rest = after;
        } else {
            let quoted = after.strip_prefix('"');
            let (value, after) = match quoted {
                Some(quoted) => quoted.split_once('"')?,
                None => after.split_once(' ').unwrap_or((after, "")),
            };
            found.push((join, attribute.to_owned(), op.to_owned(), value.to_owned()));
            rest = after.trim_start();
        }
        join = String::new();
        if !rest.is_empty() {
            let (word, after) = rest.split_once(' ')?;
            word.clone_into(&mut join);
            rest = after;
        }
    }
    Some(found)
}

fn compares(op: &str, have: &str, want: &str, exact: bool) -> bool {
    let fold = |text: &str| if exact { text.to_owned() } else { text.to_lowercase() };
    let (have, want) = (fold(have), fold(want));
    match op {
        "eq" => have == want,
        "ne" => have != want,
        "co" => have.contains(&want),
        "sw" => have.starts_with(&want),
        "ew" => have.ends_with(&want),
        "pr" => !have.is_empty(),
        _ => false,
    }
}

/// A text of a resource at `a` or `a.b`; of a list, its first element's `value`.
fn text(object: &Object, path: &str) -> String {
    let (name, sub) = path.split_once('.').map_or((path, None), |(name, sub)| (name, Some(sub)));
    let value = match object.get(name) {
        Some(Value::Array(items)) => items.first().cloned().unwrap_or_default(),
        Some(value) => value.clone(),
        None => Value::Null,
    };
    let value = match (&value, sub) {
        (Value::Object(inner), _) => inner.get(sub.unwrap_or("value")).cloned().unwrap_or_default(),
        (_, None) => value,
        _ => Value::Null,
    };
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn numbered(number: usize) -> String {
    format!("{number:08x}-0000-4000-8000-{number:012x}")
}

fn scim_error(status: &Value, kind: Option<&str>, detail: &str) -> Value {
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:Error"];
    match kind {
        Some(kind) => {
            json!({"schemas": schemas, "status": status, "scimType": kind, "detail": detail})
        }
        None => json!({"schemas": schemas, "status": status, "detail": detail}),
    }
}

fn list(key: &str, total: usize, start: usize, per_page: usize, items: &[Value]) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": per_page,
        key: items,
    })
}

/// The ids in `members` or in the value of an operation on it; `None` if it is no list.
fn ids(value: Option<&Value>) -> Option<Vec<String>> {
    let items = value?.as_array()?;
    let id = |item: &Value| item.get("value").and_then(Value::as_str).map(str::to_owned);
    Some(items.iter().filter_map(id).collect())
}

/// The id in `members[value eq "…"]`.
fn selected(path: &str) -> Option<&str> {
    path.strip_prefix("members[value eq \"")?.strip_suffix("\"]")
}
