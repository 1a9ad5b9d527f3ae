//! Applications behind the gateway: profiles, adaptation, answers and emulation, against stubs that
//! are as wrong as the real ones, and against recorded exchanges (`vectors/upstream`).

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test whose input is missing must fail"
)]

#[path = "../../host-test/src/stubs/mod.rs"]
#[expect(
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "the stubs are shared, and what they hold is theirs"
)]
mod stubs;

#[path = "upstream/entry.rs"]
mod entry;
#[path = "upstream/lists.rs"]
mod lists;
#[path = "upstream/profiles.rs"]
mod profiles;
#[path = "upstream/vectors.rs"]
mod vectors;
#[path = "upstream/writes.rs"]
mod writes;
