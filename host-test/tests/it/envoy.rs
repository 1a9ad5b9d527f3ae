//! The filter in real Envoy, started as a user starts it: by `scim-edge gateway`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on stops"
)]

mod access;
mod bodies;
mod configuration;
mod gateway;
mod http;
mod life;
mod paths;
mod upstream;
