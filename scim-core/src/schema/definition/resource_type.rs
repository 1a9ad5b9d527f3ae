//! The resource types of a configuration (RFC 7643 §6).

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use super::fields::Fields;
use super::{DefinitionError, NAME_BYTES, RESOURCE_TYPES};
use crate::protocol::limits::Limits;
use crate::protocol::route::{self, Bases};
use crate::schema::resource_type::indexed_by_default;
use crate::schema::{Extension, ResourceType, Schema, common_attributes};

const FIELDS: [&str; 8] =
    ["id", "name", "endpoint", "description", "schema", "schemaExtensions", "schemas", "meta"];
const EXTENSION_FIELDS: [&str; 2] = ["schema", "required"];

/// The base under which the names of SCIM's own endpoints are tried.
const SOME_BASE: &str = "/scim/v2";

/// What resource types may refer to.
pub(in crate::schema) struct References<'a> {
    /// The schemas of the service's own.
    pub(in crate::schema) own: &'a [Schema],
    /// The schemas of the configuration.
    pub(in crate::schema) configured: &'a [Schema],
}

impl References<'_> {
    fn find(&self, urn: &str) -> Option<&Schema> {
        self.own.iter().chain(self.configured).find(|schema| schema.id.eq_ignore_ascii_case(urn))
    }
}

/// Reads `resource_types` one after the other into `types`, which holds the service's own.
pub(in crate::schema) fn add_resource_types(
    types: &mut Vec<ResourceType>,
    value: &Value,
    references: &References<'_>,
) -> Result<(), DefinitionError> {
    let Value::Array(items) = value else {
        return Err(DefinitionError::new("resource_types", "must be an array"));
    };
    if items.len() > RESOURCE_TYPES {
        let message = format!("holds more than {RESOURCE_TYPES}");
        return Err(DefinitionError::new("resource_types", message));
    }
    let own = types.len();
    let mut seen: Vec<String> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let fields = Fields::new(item, format!("resource_types[{at}]"), &FIELDS)?;
        let name = read_name(&fields)?;
        let lower = name.to_ascii_lowercase();
        if seen.contains(&lower) {
            return Err(fields.wrong("name", "is the name of another resource type"));
        }
        seen.push(lower);
        let known = types.iter_mut().take(own).find(|t| t.name.eq_ignore_ascii_case(name));
        if let Some(known) = known {
            extend(known, &fields, references)?;
            continue;
        }
        let new = read_new(&fields, name, references)?;
        if types.iter().any(|t| t.endpoint.eq_ignore_ascii_case(&new.endpoint)) {
            return Err(fields.wrong("endpoint", "is the endpoint of another resource type"));
        }
        types.push(new);
    }
    Ok(())
}

fn read_name<'a>(fields: &Fields<'a>) -> Result<&'a str, DefinitionError> {
    if !fields.has("name") && fields.has("id") {
        return fields.name("id");
    }
    let name = fields.name("name")?;
    match fields.text("id")? {
        Some(id) if id != name => Err(fields.wrong("id", "must be the same as `name`")),
        _ => Ok(name),
    }
}

/// User or Group: the type stays what it is and gets what the configuration adds.
fn extend(
    known: &mut ResourceType,
    fields: &Fields<'_>,
    references: &References<'_>,
) -> Result<(), DefinitionError> {
    if fields.has("endpoint") && read_endpoint(fields)? != known.endpoint {
        return Err(fields.wrong("endpoint", format!("must be /{}", known.endpoint)));
    }
    if fields.text("schema")?.is_some_and(|urn| !known.schema.id.eq_ignore_ascii_case(urn)) {
        return Err(fields.wrong("schema", format!("must be {}", known.schema.id)));
    }
    if let Some(description) = fields.text("description")? {
        known.description = Cow::Owned(description.into());
    }
    for (at, extension) in read_extensions(fields, &known.schema, references)? {
        let same = |e: &&mut Extension| e.schema.id == extension.schema.id;
        match known.extensions.iter_mut().find(same) {
            Some(old) => old.required = extension.required,
            None => known.extensions.push(extension),
        }
        if known.extensions.len() > RESOURCE_TYPES {
            return Err(DefinitionError::new(at, "is one extension too many"));
        }
    }
    Ok(())
}

fn read_new(
    fields: &Fields<'_>,
    name: &str,
    references: &References<'_>,
) -> Result<ResourceType, DefinitionError> {
    let endpoint = read_endpoint(fields)?;
    let schema = read_schema(fields, references)?;
    let extensions = read_extensions(fields, &schema, references)?;
    Ok(ResourceType {
        name: Cow::Owned(name.to_string()),
        endpoint: Cow::Owned(endpoint.to_string()),
        description: Cow::Owned(fields.text("description")?.unwrap_or(name).to_string()),
        schema,
        common: common_attributes(),
        extensions: extensions.into_iter().map(|(_, extension)| extension).collect(),
        enforces_canonical_values: false,
        indexed: indexed_by_default(),
    })
}

/// The endpoint without its slash. It is one segment that no endpoint of SCIM has.
fn read_endpoint<'a>(fields: &Fields<'a>) -> Result<&'a str, DefinitionError> {
    let text = fields.needed_text("endpoint")?;
    let name = text.strip_prefix('/').unwrap_or(text);
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if name.is_empty() || !name.bytes().all(allowed) {
        return Err(fields.wrong("endpoint", "must be one segment, such as /Devices"));
    }
    if name.len() > NAME_BYTES {
        return Err(fields.wrong("endpoint", format!("is longer than {NAME_BYTES} bytes")));
    }
    let target = format!("{SOME_BASE}/{name}");
    if route::parse(&target, &Bases::default(), &[], &Limits::default()).is_ok() {
        return Err(fields.wrong("endpoint", "is an endpoint of SCIM's own"));
    }
    Ok(name)
}

fn read_schema(
    fields: &Fields<'_>,
    references: &References<'_>,
) -> Result<Schema, DefinitionError> {
    let urn = fields.needed_text("schema")?;
    let found = references.find(urn).cloned();
    found.ok_or_else(|| fields.wrong("schema", "names no schema that is known"))
}

/// The extensions, each with its path.
fn read_extensions(
    fields: &Fields<'_>,
    core: &Schema,
    references: &References<'_>,
) -> Result<Vec<(String, Extension)>, DefinitionError> {
    const NAME: &str = "schemaExtensions";
    let mut extensions: Vec<(String, Extension)> = Vec::new();
    for (at, item) in fields.array(NAME, RESOURCE_TYPES)?.iter().enumerate() {
        let inner = Fields::new(item, fields.element(NAME, at), &EXTENSION_FIELDS)?;
        let schema = read_schema(&inner, references)?;
        if schema.id == core.id {
            return Err(inner.wrong("schema", "is the schema of the resource type itself"));
        }
        if extensions.iter().any(|(_, other)| other.schema.id == schema.id) {
            return Err(inner.wrong("schema", "is there twice"));
        }
        let required = inner.flag("required")?.unwrap_or(false);
        extensions.push((fields.element(NAME, at), Extension { schema, required }));
    }
    Ok(extensions)
}
