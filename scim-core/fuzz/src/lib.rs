//! The laws that hold for any input, one function per fuzz target. A law that does not hold panics.

mod auth;
mod canonical;
mod filter;
mod patch;
mod query;
mod resource;
mod service;

pub use auth::token;
pub use canonical::canonicalize;
pub use filter::{filter, path};
pub use patch::patch;
pub use query::query;
pub use resource::resource;
pub use service::{bulk, cursor};

use scim_core::protocol::limits::Limits;
use scim_core::resource::{Reading, Unknown};
use scim_core::schema::ResourceType;

/// A target: its name, and the law that it asserts.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 9] = [
    ("filter", filter),
    ("path", path),
    ("patch", patch),
    ("resource", resource),
    ("query", query),
    ("cursor", cursor),
    ("bulk", bulk),
    ("token", token),
    ("canonicalize", canonicalize),
];

/// Limits that printing anew (quotation marks, escapes) does not exceed where the text did not.
fn wide() -> Limits {
    let limits = Limits::default();
    Limits {
        filter_bytes: limits.filter_bytes.saturating_mul(16),
        target_bytes: limits.target_bytes.saturating_mul(16),
        body_bytes: limits.body_bytes.saturating_mul(16),
        ..limits
    }
}

fn reading(resource_type: &ResourceType, unknown: Unknown) -> Reading<'_> {
    Reading { resource_type, unknown }
}
