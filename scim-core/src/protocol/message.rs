//! The list message (RFC 7644 §3.4.2).

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
