//! References between the operations of a Bulk message: in bodies, and in the filters of PATCH
//! paths (RFC 7644 §3.7.2).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use crate::protocol::filter::{Filter, Literal};
use crate::protocol::json::Object;
use crate::protocol::limits::Limits;
use crate::protocol::path::PatchPath;

const REFERENCE: &str = "bulkId:";

/// The name in `bulkId:name`; `None` for any other text.
#[must_use]
pub fn reference(text: &str) -> Option<&str> {
    text.strip_prefix(REFERENCE)
}

/// Puts identifiers in place of references. `id_of` is asked for each by the operation's name; what
/// it does not know stays.
///
/// ```
/// use scim_core::protocol::{bulk, json, limits::Limits};
/// let limits = Limits::default();
/// let body = br#"{"Operations": [{"op": "remove", "path": "members[value eq \"bulkId:a\"]"}]}"#;
/// let mut data = json::parse_object(body, &limits).unwrap();
/// bulk::resolve(&mut data, &limits, |name| (name == "a").then(|| "7".into()));
/// assert_eq!(data["Operations"][0]["path"], r#"members[value eq "7"]"#);
/// ```
pub fn resolve(data: &mut Object, limits: &Limits, mut id_of: impl FnMut(&str) -> Option<String>) {
    for path in data.iter_mut().filter_map(|(name, value)| operations(name, value)).flatten() {
        in_path(path, limits, &mut id_of);
    }
    let mut open: Vec<&mut Value> = data.values_mut().collect();
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => {
                if let Some(id) = reference(text).and_then(&mut id_of) {
                    *text = id;
                }
            }
            Value::Array(items) => open.extend(items),
            Value::Object(object) => open.extend(object.values_mut()),
            _ => {}
        }
    }
}

/// The paths of a PATCH message, if the member is its list of operations.
fn operations<'v>(
    name: &str,
    value: &'v mut Value,
) -> Option<impl Iterator<Item = &'v mut String>> {
    let items = value.as_array_mut().filter(|_| name.eq_ignore_ascii_case("Operations"))?;
    let members = items.iter_mut().filter_map(Value::as_object_mut).flatten();
    Some(members.filter_map(|(name, value)| match value {
        Value::String(path) if name.eq_ignore_ascii_case("path") => Some(path),
        _ => None,
    }))
}

/// A path that cannot be read stays: whoever reads it next says what is wrong with it.
fn in_path(text: &mut String, limits: &Limits, id_of: &mut impl FnMut(&str) -> Option<String>) {
    if !text.contains(REFERENCE) {
        return;
    }
    let Ok(mut path) = PatchPath::parse(text, limits) else { return };
    if let Some(filter) = &mut path.filter {
        in_filter(filter, id_of);
        *text = path.to_string();
    }
}

fn in_filter(filter: &mut Filter, id_of: &mut impl FnMut(&str) -> Option<String>) {
    match filter {
        Filter::And(terms) | Filter::Or(terms) => {
            for term in terms {
                in_filter(term, id_of);
            }
        }
        Filter::Not(inner) | Filter::ValuePath { filter: inner, .. } => in_filter(inner, id_of),
        Filter::Compare { value: Literal::String(text), .. } => {
            if let Some(id) = reference(text).and_then(id_of) {
                *text = id;
            }
        }
        Filter::Compare { .. } | Filter::Present(_) => {}
    }
}
