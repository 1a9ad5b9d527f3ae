//! A JSON resource seen through its schema (RFC 7643 §2, §3).

pub mod element;
pub mod matching;
pub mod mutability;
pub mod patch;
pub mod project;
pub mod read;

pub use project::Projection;
pub use read::{Reading, Unknown};
