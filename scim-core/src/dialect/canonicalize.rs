//! A body as a client sent it to the body that a strict server takes (RFC 7644 §3.3, §3.5).

use alloc::vec::Vec;

use serde_json::Value;

use super::{Dialect, modernize, modification};
use crate::protocol::{
    Error, Notes, Rule,
    json::{self, Object},
    limits::Limits,
    query,
    route::Endpoint,
    urn,
};
use crate::resource::{Reading, Unknown, patch as changes};
use crate::schema::{Catalog, ResourceType};

/// Refuses what a gateway does not understand well enough to pass on.
///
/// # Errors
/// 501 for Bulk and Me.
pub fn check_understood(endpoint: &Endpoint) -> Result<(), Error> {
    match endpoint {
        Endpoint::Bulk => Err(Error::not_implemented("bulk operations are not supported")),
        Endpoint::Me => Err(Error::not_implemented("the endpoint `Me` is not supported")),
        _ => Ok(()),
    }
}

/// Makes the body of a POST, PUT or PATCH canonical. What goes out is always our own serialization.
///
/// `dialect` is the client's, from its configuration or its header fields; a PATCH may still tell.
/// Attributes of schemas that the catalog does not know pass as they are.
///
/// # Errors
/// As [`json::parse`], [`Reading::resource`] and [`changes::resolve`]; 501 for an endpoint whose
/// bodies are not understood.
///
/// ```
/// use scim_core::{dialect, schema::Catalog};
/// use scim_core::protocol::{Notes, limits::Limits, route::Endpoint};
/// let body = br#"{"Operations": [{"op": "Replace", "path": "active", "value": "False"}]}"#;
/// let endpoint = Endpoint::Item { endpoint: "Users".into(), id: "1".into() };
/// let (catalog, limits) = (Catalog::default(), Limits::default());
/// let notes = &mut Notes::default();
/// let out = dialect::canonicalize_body(&catalog, "PATCH", &endpoint, None, body, &limits, notes);
/// let out = out.unwrap();
/// assert_eq!(notes.to_json()[1]["rule"], "capital-op");
/// let text = String::from_utf8(out).unwrap();
/// assert!(text.contains(r#""op":"replace","path":"active","value":false"#));
/// ```
pub fn canonicalize_body(
    catalog: &Catalog,
    method: &str,
    endpoint: &Endpoint,
    dialect: Option<Dialect>,
    body: &[u8],
    limits: &Limits,
    notes: &mut Notes,
) -> Result<Vec<u8>, Error> {
    if let Endpoint::Search(_) = endpoint {
        let mut search = json::parse_object(body, limits)?;
        query::of_search_request(&search)?;
        search.retain(|name, _| !name.eq_ignore_ascii_case("schemas"));
        search.insert("schemas".into(), [urn::SEARCH_REQUEST].as_slice().into());
        return written(&Value::Object(search));
    }
    let (Endpoint::Collection(name) | Endpoint::Item { endpoint: name, .. }) = endpoint else {
        return Err(Error::not_implemented("bodies are not understood on this path"));
    };
    let Some(resource_type) = catalog.by_endpoint(name) else {
        return Err(Error::not_found("there is no such endpoint"));
    };
    let object = json::parse_object(body, limits)?;
    let reading = Reading { resource_type, unknown: Unknown::Keep };
    let canonical = if method == "PATCH" {
        let (_, resolved) = modification(&object, &reading, dialect, limits, notes)?;
        changes::to_message(&resolved)
    } else {
        let object = modernize(object, &resource_type.schema.id, notes);
        Value::Object(resource(&reading, resource_type, object, notes)?)
    };
    written(&canonical)
}

fn written(body: &Value) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(body).map_err(|_| Error::internal("the body cannot be written"))
}

/// A whole resource, with `schemas` as its content asks for.
fn resource(
    reading: &Reading<'_>,
    resource_type: &ResourceType,
    body: Object,
    notes: &mut Notes,
) -> Result<Object, Error> {
    let sent = json::member(&body, "schemas").cloned();
    let sent = sent.as_ref().and_then(Value::as_array);
    if sent.is_none() {
        notes.add(Rule::SchemasMissing, "");
    }
    let mut out = reading.resource(body, notes)?;
    let mut schemas: Vec<Value> = Vec::from([Value::from(&*resource_type.schema.id)]);
    let known = |urn: &str| urn.eq_ignore_ascii_case(&resource_type.schema.id);
    for schema in sent.into_iter().flatten().filter_map(Value::as_str) {
        let in_use = resource_type.extension(schema).is_none() || out.contains_key(schema);
        if !known(schema) && in_use && schema.starts_with(URN) {
            schemas.push(schema.into());
        } else if !schema.starts_with(URN) {
            notes.add(Rule::ForeignSchema, "schemas");
        }
    }
    for key in out.keys().filter(|key| resource_type.extension(key).is_some()) {
        if !schemas.iter().any(|schema| schema == key) {
            schemas.push(key.as_str().into());
        }
    }
    out.insert("schemas".into(), schemas.into());
    Ok(out)
}

/// Entra ID names schemas that are URLs of its own; no other server knows them.
const URN: &str = "urn:";
