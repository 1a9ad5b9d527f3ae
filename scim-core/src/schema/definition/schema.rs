//! The schemas of a configuration (RFC 7643 §7).

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;

use serde_json::Value;

use super::attribute::read_attributes;
use super::fields::Fields;
use super::{DefinitionError, SCHEMAS, URN_BYTES};
use crate::protocol::path::AttrPath;
use crate::schema::Schema;

/// `schemas` and `meta` stand in the schema documents of other services; they say nothing here.
const FIELDS: [&str; 6] = ["id", "name", "description", "attributes", "schemas", "meta"];

/// What the URNs of SCIM's own messages and documents begin with (RFC 7643 §10, RFC 7644 §8).
const OF_SCIM: [&str; 5] = [
    "urn:ietf:params:scim:api:",
    "urn:ietf:params:scim:schemas:core:2.0:serviceproviderconfig",
    "urn:ietf:params:scim:schemas:core:2.0:resourcetype",
    "urn:ietf:params:scim:schemas:core:2.0:schema",
    "urn:ietf:params:scim:schemas:core:2.0:attribute",
];

/// Reads `schemas`. `known` are the schemas of the service's own.
pub(in crate::schema) fn read_schemas(
    value: &Value,
    known: &[Schema],
) -> Result<Vec<Schema>, DefinitionError> {
    let Value::Array(items) = value else {
        return Err(DefinitionError::new("schemas", "must be an array"));
    };
    if items.len() > SCHEMAS {
        return Err(DefinitionError::new("schemas", format!("holds more than {SCHEMAS}")));
    }
    let mut schemas: Vec<Schema> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let fields = Fields::new(item, format!("schemas[{at}]"), &FIELDS)?;
        let schema = read(&fields)?;
        let same = |other: &&Schema| other.id.eq_ignore_ascii_case(&schema.id);
        if known.iter().any(|other| same(&other)) {
            let message = "is a schema of the service's own; add an extension to the resource type";
            return Err(fields.wrong("id", message));
        }
        if schemas.iter().any(|other| same(&other)) {
            return Err(fields.wrong("id", "is the id of another schema"));
        }
        schemas.push(schema);
    }
    refuse_two_readings(&schemas, known)?;
    Ok(schemas)
}

fn read(fields: &Fields<'_>) -> Result<Schema, DefinitionError> {
    let id = fields.needed_text("id")?;
    if id.len() > URN_BYTES {
        return Err(fields.wrong("id", format!("is longer than {URN_BYTES} bytes")));
    }
    // An attribute's full name must read back as its schema and its name.
    let is_urn = AttrPath::parse(&format!("{id}:a"))
        .is_ok_and(|path| path.urn.as_deref() == Some(id) && path.name == "a");
    if !is_urn || !id.contains(':') {
        return Err(fields.wrong("id", "must be a URN, such as urn:example:scim:schemas:Device"));
    }
    let lower = id.to_ascii_lowercase();
    if OF_SCIM.iter().any(|start| lower.starts_with(start)) {
        return Err(fields.wrong("id", "is reserved for SCIM itself"));
    }
    let name = fields.text("name")?.filter(|name| !name.is_empty());
    let name = name.or_else(|| id.rsplit(':').next()).unwrap_or(id);
    Ok(Schema {
        id: Cow::Owned(id.into()),
        name: Cow::Owned(name.into()),
        description: Cow::Owned(fields.text("description")?.unwrap_or_default().into()),
        attributes: read_attributes(fields, "attributes")?,
    })
}

/// `urn:a:b` with the attribute `c`, and the schema `urn:a:b:c`: one name for two things.
fn refuse_two_readings(schemas: &[Schema], known: &[Schema]) -> Result<(), DefinitionError> {
    let all = || schemas.iter().chain(known);
    for (at, schema) in schemas.iter().enumerate() {
        for other in all() {
            let within = other.id.rsplit_once(':').is_some_and(|(urn, name)| {
                urn.eq_ignore_ascii_case(&schema.id) && schema.attribute(name).is_some()
            });
            if within {
                let message = "with the name of one of its attributes is the id of another schema";
                return Err(DefinitionError::new(format!("schemas[{at}].id"), message));
            }
        }
    }
    Ok(())
}
