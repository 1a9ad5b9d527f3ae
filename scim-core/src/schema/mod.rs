//! Attribute definitions, resource types and their discovery documents (RFC 7643 §2, §4, §5–§8).

mod attribute;
mod catalog;
mod core_types;
mod definition;
pub mod discovery;
mod resource_type;

pub use attribute::{AttrType, Attribute, Mutability, Returned, Schema, Uniqueness};
pub use catalog::Catalog;
pub use core_types::{common_attributes, group, user};
pub use definition::DefinitionError;
pub use resource_type::{Extension, Resolved, ResourceType};
