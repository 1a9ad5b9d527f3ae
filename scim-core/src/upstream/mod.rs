//! An application behind a gateway: what it is sent, what its answers mean, and what is done in its
//! stead (RFC 7644 §3).
//!
//! [`Profile`] says what an application accepts. [`request`], [`filter`] and [`patch`] turn a
//! canonical request into what it accepts, [`answer`] turns its answers into SCIM's; both are plain
//! functions. [`Gateway`] joins them: it carries out one request in as many calls as it takes.

pub mod answer;
mod emulate;
pub(crate) mod fields;
pub mod filter;
pub mod patch;
pub mod profile;
mod receive;
pub mod request;

pub use emulate::{Answer, Bounds, Gateway, Policy, ReactivateBy, Request, Step};
pub use profile::Profile;
pub use receive::Sent;
