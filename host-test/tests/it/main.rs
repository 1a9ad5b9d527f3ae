//! The program as its users run it: a child process, over HTTP.
#![expect(
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test program: nothing of it is for others, it waits, and it fails by panicking"
)]

mod access;
mod client;
mod corpus;
mod crash;
mod engines;
mod envoy;
mod explain;
mod groups;
mod harness;
mod plans;
mod races;
mod redis;
mod refusals;
mod service_vectors;
mod start;
mod traces;
mod transfer;
mod world;
