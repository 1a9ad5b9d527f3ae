//! The resource types that one service knows.

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use serde_json::Value;

use super::definition::{DefinitionError, References, add_resource_types, read_schemas};
use super::{Attribute, Extension, ResourceType, Schema, group, user};
use crate::protocol::path::AttrPath;
use crate::protocol::urn;

/// What a reference may refer to besides resource types (RFC 7643 §7, `referenceTypes`).
const OUTSIDE: [&str; 2] = ["external", "uri"];

/// The resource types of a service, in the order of their discovery documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalog {
    types: Vec<ResourceType>,
}

impl Default for Catalog {
    /// User (with the enterprise extension) and Group.
    fn default() -> Self {
        Self { types: vec![user(), group()] }
    }
}

impl Catalog {
    /// User, Group, and what a configuration adds: `schemas` and `resource_types`, both arrays in
    /// the form of the discovery documents (RFC 7643 §6, §7).
    ///
    /// A resource type named User or Group is the built-in one; its extensions are added to it.
    ///
    /// # Errors
    /// The path of the first field that is unknown or wrong.
    ///
    /// ```
    /// use scim_core::schema::Catalog;
    /// let schemas = serde_json::json!([
    ///     {"id": "urn:example:Device", "attributes": [{"name": "serial", "required": true}]}
    /// ]);
    /// let types = serde_json::json!([
    ///     {"name": "Device", "endpoint": "/Devices", "schema": "urn:example:Device"}
    /// ]);
    /// let catalog = Catalog::configured(Some(&schemas), Some(&types))?;
    /// assert!(catalog.by_endpoint("Devices").is_some());
    /// # Ok::<(), scim_core::schema::DefinitionError>(())
    /// ```
    pub fn configured(
        schemas: Option<&Value>,
        resource_types: Option<&Value>,
    ) -> Result<Self, DefinitionError> {
        let mut catalog = Self::default();
        let own: Vec<Schema> = catalog.schemas().cloned().collect();
        let configured = schemas.map(|value| read_schemas(value, &own)).transpose()?;
        let configured = configured.unwrap_or_default();
        if let Some(value) = resource_types {
            let references = References { own: &own, configured: &configured };
            add_resource_types(&mut catalog.types, value, &references)?;
            catalog.let_groups_have_all_types();
        }
        catalog.check_use(&configured)?;
        Ok(catalog)
    }

    /// Resources of every type can be members of a group: its schema says so (RFC 7643 §4.2).
    fn let_groups_have_all_types(&mut self) {
        let names: Vec<Cow<'static, str>> = self.types.iter().map(|t| t.name.clone()).collect();
        let group = self.types.iter_mut().find(|t| t.schema.id == urn::GROUP);
        let members = group.and_then(|group| {
            group.schema.attributes.iter_mut().find(|attribute| attribute.name == "members")
        });
        for sub in members.into_iter().flat_map(|members| &mut members.sub_attributes) {
            let listed = match &*sub.name {
                "type" => &mut sub.canonical_values,
                "$ref" => &mut sub.reference_types,
                _ => continue,
            };
            let new = names.iter().filter(|name| !listed.contains(name)).cloned();
            let new: Vec<Cow<'static, str>> = new.collect();
            listed.extend(new);
        }
    }

    /// A schema that nothing uses is a slip, and so is a reference to no resource type.
    fn check_use(&self, configured: &[Schema]) -> Result<(), DefinitionError> {
        for (at, schema) in configured.iter().enumerate() {
            let at = format!("schemas[{at}]");
            if !self.schemas().any(|used| used.id == schema.id) {
                let message = "is used by no resource type";
                return Err(DefinitionError::new(format!("{at}.id"), message));
            }
            for (n, attribute) in schema.attributes.iter().enumerate() {
                let at = format!("{at}.attributes[{n}]");
                self.check_references(attribute, &at)?;
                for (n, sub) in attribute.sub_attributes.iter().enumerate() {
                    self.check_references(sub, &format!("{at}.subAttributes[{n}]"))?;
                }
            }
        }
        Ok(())
    }

    fn check_references(&self, attribute: &Attribute, at: &str) -> Result<(), DefinitionError> {
        let is_known = |name: &str| {
            OUTSIDE.contains(&name) || self.types.iter().any(|known| *known.name == *name)
        };
        match attribute.reference_types.iter().position(|name| !is_known(name)) {
            None => Ok(()),
            Some(n) => Err(DefinitionError::new(
                format!("{at}.referenceTypes[{n}]"),
                "must be `external`, `uri` or the name of a resource type",
            )),
        }
    }

    /// Makes the canonical values of all attributes the only ones that are taken.
    pub fn enforce_canonical_values(&mut self) {
        for resource_type in &mut self.types {
            resource_type.enforces_canonical_values = true;
        }
    }

    /// Gives the type of that name indexes of these attributes, besides the unique ones.
    pub fn set_indexed(&mut self, name: &str, paths: Vec<AttrPath>) {
        if let Some(found) = self.types.iter_mut().find(|t| t.name.eq_ignore_ascii_case(name)) {
            found.indexed = paths;
        }
    }

    /// All resource types.
    #[must_use]
    pub fn types(&self) -> &[ResourceType] {
        &self.types
    }

    /// The type whose endpoint that is (`Users`).
    #[must_use]
    pub fn by_endpoint(&self, endpoint: &str) -> Option<&ResourceType> {
        self.types.iter().find(|t| *t.endpoint == *endpoint)
    }

    /// The type of that name (`User`), in any letter case.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&ResourceType> {
        self.types.iter().find(|t| t.name.eq_ignore_ascii_case(name))
    }

    /// All schemas, each once: of each type its own, then its extensions'.
    pub fn schemas(&self) -> impl Iterator<Item = &Schema> {
        let all = || self.types.iter().flat_map(of_type);
        let is_first =
            move |at: usize, schema: &Schema| all().take(at).all(|earlier| earlier.id != schema.id);
        all().enumerate().filter(move |(at, schema)| is_first(*at, schema)).map(|(_, s)| s)
    }
}

fn of_type(resource_type: &ResourceType) -> impl Iterator<Item = &Schema> {
    let extensions = resource_type.extensions.iter().map(|Extension { schema, .. }| schema);
    core::iter::once(&resource_type.schema).chain(extensions)
}
