//! SCIM 2.0 (RFC 7643, RFC 7644) without input or output: what both wasm builds of scim-edge know.
//!
//! The crate is `no_std` with `alloc`. It has no clock, no socket and no randomness of its own:
//! what it needs of the world comes in through the small traits of [`port`].
//!
//! ```text
//!  protocol ← schema ← resource ← (auth, dialect, upstream, mapping) ← store ← service
//! ```
//!
//! Lower layers never name higher ones. `plugin-envoy` and `plugin-spin` are thin shells over
//! [`service`] and [`dialect`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod auth;
pub mod dialect;
pub mod mapping;
pub mod port;
pub mod protocol;
pub mod resource;
pub mod schema;
pub mod service;
pub mod store;
pub mod upstream;
