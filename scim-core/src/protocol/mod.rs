//! What SCIM says on the wire: errors, limits, paths, filters, PATCH, queries and messages.

pub mod bulk;
pub mod datetime;
pub mod error;
pub mod filter;
pub mod json;
pub mod limits;
pub mod message;
pub mod notes;
pub mod patch;
pub mod path;
pub mod query;
pub mod route;
pub mod urn;

pub use error::{Error, NAMED_PROBLEMS, ScimType};
pub use notes::{Notes, Rule};
