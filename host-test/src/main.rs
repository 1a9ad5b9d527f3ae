//! `scim-edge`: the wasm builds of this repository on one machine.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    host_test::run()
}
