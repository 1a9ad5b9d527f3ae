//! Attribute definitions, resource types and their discovery documents (RFC 7643 §2, §4, §5–§8).

mod attribute;
mod catalog;
mod core_types;
pub mod discovery;
mod resource_type;

pub use attribute::{AttrType, Attribute, Mutability, Returned, Schema, Uniqueness};
pub use catalog::Catalog;
pub use core_types::{common_attributes, group, user};
pub use resource_type::{Extension, Resolved, ResourceType};
