//! The list message (RFC 7644 §3.4.2, RFC 9865 §2).

use alloc::string::String;

use serde_json::{Value, json};

use super::urn;

/// A ListResponse: `itemsPerPage` is the number of resources on this page.
#[must_use]
pub fn list_response(total: u64, start_index: u64, resources: &[Value]) -> Value {
    json!({
        "schemas": [urn::LIST_RESPONSE],
        "totalResults": total,
        "startIndex": start_index,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    })
}

/// A ListResponse of cursor paging (RFC 9865 §2): instead of `startIndex` it holds the cursors of
/// the pages around it, each only if there is such a page.
#[must_use]
pub fn cursor_response(
    total: u64,
    resources: &[Value],
    next: Option<String>,
    previous: Option<String>,
) -> Value {
    let mut response = json!({
        "schemas": [urn::LIST_RESPONSE],
        "totalResults": total,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    });
    if let Some(object) = response.as_object_mut() {
        for (name, cursor) in [("nextCursor", next), ("previousCursor", previous)] {
            object.extend(cursor.map(|cursor| (name.into(), cursor.into())));
        }
    }
    response
}
