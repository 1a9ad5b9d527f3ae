//! Resource types, and how an attribute path finds its definition (RFC 7643 §6, RFC 7644 §3.10).

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::{Attribute, Schema};
use crate::protocol::path::AttrPath;

/// An extension of a resource type (RFC 7643 §3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Its schema.
    pub schema: Schema,
    /// Whether every resource must carry it.
    pub required: bool,
}

/// A resource type: name, endpoint, schema and extensions (RFC 7643 §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceType {
    /// Name, as in `meta.resourceType`.
    pub name: Cow<'static, str>,
    /// Endpoint below the base, without a slash: `Users`.
    pub endpoint: Cow<'static, str>,
    /// Text for people.
    pub description: Cow<'static, str>,
    /// The core schema.
    pub schema: Schema,
    /// The attributes that every resource has (RFC 7643 §3.1).
    pub common: Vec<Attribute>,
    /// Extensions.
    pub extensions: Vec<Extension>,
    /// Whether an attribute with canonical values takes no others.
    pub enforces_canonical_values: bool,
    /// Attributes that have an index besides the unique ones; a name that the type does not have
    /// stands for nothing.
    pub indexed: Vec<AttrPath>,
}

/// What identity providers look for in resources of any type.
pub(super) fn indexed_by_default() -> Vec<AttrPath> {
    let path = |name: &str, sub: Option<&str>| AttrPath {
        urn: None,
        name: name.into(),
        sub: sub.map(Into::into),
    };
    Vec::from([path("displayName", None), path("emails", Some("value"))])
}

/// What an attribute path stands for in a resource type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved<'a> {
    /// The URN of the extension that the attribute belongs to; `None` for core and common ones.
    pub extension: Option<&'a str>,
    /// The attribute.
    pub attribute: &'a Attribute,
    /// The sub-attribute, if the path names one.
    pub sub: Option<&'a Attribute>,
}

impl<'a> Resolved<'a> {
    /// The attribute that the path ends at: the sub-attribute if there is one.
    #[must_use]
    pub const fn leaf(&self) -> &'a Attribute {
        match self.sub {
            Some(sub) => sub,
            None => self.attribute,
        }
    }
}

impl ResourceType {
    /// Finds what `path` names, letter case apart; `None` if nothing does.
    ///
    /// A path without a URN means the core schema or a common attribute; failing these, the first
    /// extension that has the name (real clients leave the URN out).
    #[must_use]
    pub fn resolve(&self, path: &AttrPath) -> Option<Resolved<'_>> {
        let (extension, attribute) = self.attribute(path.urn.as_deref(), &path.name)?;
        let sub = match path.sub.as_deref() {
            Some(name) => Some(attribute.sub(name)?),
            None => None,
        };
        Some(Resolved { extension, attribute, sub })
    }

    /// The attribute `name` of the schema `urn` (any letter case), with its extension's URN.
    #[must_use]
    pub fn attribute(&self, urn: Option<&str>, name: &str) -> Option<(Option<&str>, &Attribute)> {
        let in_core = || {
            let common = self.common.iter().find(|a| a.name.eq_ignore_ascii_case(name));
            common.or_else(|| self.schema.attribute(name)).map(|a| (None, a))
        };
        let in_extension = |e: &'_ Extension| e.schema.attribute(name).is_some();
        match urn {
            Some(urn) if self.schema.id.eq_ignore_ascii_case(urn) => in_core(),
            Some(urn) => {
                let schema = self.extension(urn)?;
                Some((Some(&*schema.id), schema.attribute(name)?))
            }
            None => in_core().or_else(|| {
                let extension = self.extensions.iter().find(|e| in_extension(e))?;
                Some((Some(&*extension.schema.id), extension.schema.attribute(name)?))
            }),
        }
    }

    /// The extension schema of that URN, in any letter case.
    #[must_use]
    pub fn extension(&self, urn: &str) -> Option<&Schema> {
        self.extensions.iter().map(|e| &e.schema).find(|s| s.id.eq_ignore_ascii_case(urn))
    }

    /// All attributes of the core schema, common ones first.
    pub fn core_attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.common.iter().chain(&self.schema.attributes)
    }
}
