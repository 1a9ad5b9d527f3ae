//! Filters seen through a schema: checked, and matched (RFC 7644 §3.4.2.2).
//!
//! A filter is parsed without knowing any schema ([`crate::protocol::filter`]), then
//! [resolved](resolve) against a resource type, and only then [matched](matches()).

mod compare;
mod matches;
mod resolve;
mod scope;
#[cfg(test)]
mod tests;

pub use compare::{eq_ignore_case, fold_case};
pub use matches::{matches, matches_element};
pub use resolve::{resolve, resolve_element};
