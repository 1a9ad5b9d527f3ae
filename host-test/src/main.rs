//! `scim-edge`: the wasm builds of this repository on one machine.
#![forbid(unsafe_code)]

mod bench;
mod cli;
mod component;
mod explain;
mod gateway;
mod plugins;
mod reindex;
mod replay;
mod storage;
mod tools;
mod up;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
