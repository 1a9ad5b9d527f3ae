//! The filter in real Envoy, started as a user starts it: by `scim-edge gateway`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on stops"
)]

mod access;
mod admission;
mod attacks;
mod bodies;
mod configuration;
#[path = "../../../scim-core/tests/common/forge.rs"]
mod forge;
mod gateway;
mod http;
mod imitation;
mod issuer;
mod life;
mod paths;
mod polling;
mod tokens;
mod upstream;
