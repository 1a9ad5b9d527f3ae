//! The discovery documents, made from the definitions (RFC 7643 §5–§7, RFC 7644 §4).

use alloc::format;
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::{AttrType, Attribute, Mutability, ResourceType, Returned, Schema, Uniqueness};
use crate::protocol::{json::Object, limits::Limits, urn};

/// `/ServiceProviderConfig`: what this service can do, and within which limits.
///
/// `base` is the absolute URI of the SCIM root, without a trailing slash; `passwords` says whether
/// they are kept.
#[must_use]
pub fn service_provider_config(base: &str, limits: &Limits, passwords: bool) -> Value {
    json!({
        "schemas": [urn::SERVICE_PROVIDER_CONFIG],
        "documentationUri": "https://www.rfc-editor.org/rfc/rfc7644",
        "patch": {"supported": true},
        "bulk": {
            "supported": true,
            "maxOperations": limits.bulk_operations,
            "maxPayloadSize": limits.bulk_bytes,
        },
        "filter": {"supported": true, "maxResults": limits.page_resources},
        "changePassword": {"supported": passwords},
        "sort": {"supported": true},
        "etag": {"supported": true},
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": limits.page_resources,
            "maxPageSize": limits.page_resources,
            "cursorTimeout": limits.cursor_seconds,
        },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "A token in the Authorization header field",
            "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
            "primary": true,
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base}/ServiceProviderConfig"),
        },
    })
}

/// One resource type.
#[must_use]
pub fn resource_type(resource_type: &ResourceType, base: &str) -> Value {
    let extensions: Vec<Value> = resource_type
        .extensions
        .iter()
        .map(|e| json!({"schema": e.schema.id, "required": e.required}))
        .collect();
    json!({
        "schemas": [urn::RESOURCE_TYPE],
        "id": resource_type.name,
        "name": resource_type.name,
        "description": resource_type.description,
        "endpoint": format!("/{}", resource_type.endpoint),
        "schema": resource_type.schema.id,
        "schemaExtensions": extensions,
        "meta": {
            "resourceType": "ResourceType",
            "location": format!("{base}/ResourceTypes/{}", resource_type.name),
        },
    })
}

/// One schema.
#[must_use]
pub fn schema(schema: &Schema, base: &str) -> Value {
    json!({
        "schemas": [urn::SCHEMA],
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": schema.attributes.iter().map(attribute).collect::<Vec<_>>(),
        "meta": {
            "resourceType": "Schema",
            "location": format!("{base}/Schemas/{}", schema.id),
        },
    })
}

fn attribute(definition: &Attribute) -> Value {
    let mut object = Object::new();
    let mut put = |name: &str, value: Value| {
        object.insert(name.into(), value);
    };
    put("name", definition.name.as_ref().into());
    put("type", type_name(definition.kind).into());
    put("multiValued", definition.multi_valued.into());
    put("description", definition.description.as_ref().into());
    put("required", definition.required.into());
    put("mutability", mutability_name(definition.mutability).into());
    put("returned", returned_name(definition.returned).into());
    if definition.kind == AttrType::Complex {
        let subs: Vec<Value> = definition.sub_attributes.iter().map(attribute).collect();
        put("subAttributes", subs.into());
    } else {
        put("caseExact", definition.case_exact.into());
        put("uniqueness", uniqueness_name(definition.uniqueness).into());
    }
    if !definition.canonical_values.is_empty() {
        put("canonicalValues", json!(definition.canonical_values));
    }
    if definition.kind == AttrType::Reference {
        put("referenceTypes", json!(definition.reference_types));
    }
    Value::Object(object)
}

const fn type_name(kind: AttrType) -> &'static str {
    match kind {
        AttrType::String => "string",
        AttrType::Boolean => "boolean",
        AttrType::Decimal => "decimal",
        AttrType::Integer => "integer",
        AttrType::DateTime => "dateTime",
        AttrType::Binary => "binary",
        AttrType::Reference => "reference",
        AttrType::Complex => "complex",
    }
}

const fn mutability_name(mutability: Mutability) -> &'static str {
    match mutability {
        Mutability::ReadOnly => "readOnly",
        Mutability::ReadWrite => "readWrite",
        Mutability::Immutable => "immutable",
        Mutability::WriteOnly => "writeOnly",
    }
}

const fn returned_name(returned: Returned) -> &'static str {
    match returned {
        Returned::Always => "always",
        Returned::Never => "never",
        Returned::Default => "default",
        Returned::Request => "request",
    }
}

const fn uniqueness_name(uniqueness: Uniqueness) -> &'static str {
    match uniqueness {
        Uniqueness::None => "none",
        Uniqueness::Server => "server",
        Uniqueness::Global => "global",
    }
}
