//! Schemas and resource types as an operator writes them, in the JSON of the discovery documents
//! (RFC 7643 §6, §7).
//!
//! What stands in a definition is checked once, at the start; the path of what is wrong is named.

mod attribute;
mod fields;
mod resource_type;
mod schema;
#[cfg(test)]
mod tests;

use alloc::string::String;
use core::fmt;

pub(super) use resource_type::{References, add_resource_types};
pub(super) use schema::read_schemas;

/// Schemas in one configuration.
const SCHEMAS: usize = 256;
/// Resource types in one configuration, and extensions of one of them.
const RESOURCE_TYPES: usize = 64;
/// Attributes of a schema, or sub-attributes of an attribute.
const ATTRIBUTES: usize = 512;
/// Canonical values, or reference types, of an attribute.
const VALUES: usize = 512;
/// Bytes of the name of an attribute, a resource type or an endpoint. Names are parts of keys.
const NAME_BYTES: usize = 48;
/// Bytes of a schema's URN.
const URN_BYTES: usize = 200;
/// Bytes of a description, or of a schema's name for people.
const TEXT_BYTES: usize = 2048;

/// What is wrong with a definition. It holds names of fields, never other text of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionError {
    /// The path of the field: `schemas[0].attributes[2].type`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl DefinitionError {
    pub(super) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.field, self.message)
    }
}

impl core::error::Error for DefinitionError {}
