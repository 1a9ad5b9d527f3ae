//! The resource types that one service knows.

use alloc::vec;
use alloc::vec::Vec;

use super::{ResourceType, Schema, group, user};

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

    /// All schemas: of each type its own, then its extensions'.
    pub fn schemas(&self) -> impl Iterator<Item = &Schema> {
        self.types
            .iter()
            .flat_map(|t| core::iter::once(&t.schema).chain(t.extensions.iter().map(|e| &e.schema)))
    }
}
