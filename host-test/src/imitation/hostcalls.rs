//! The functions that a filter imports (proxy-wasm ABI 0.2.1).

mod maps;
mod others;
mod shared;
mod wasi;

use anyhow::Result;
use wasmtime::Linker;

use super::guest::{self, Status};
use super::host::Host;

/// What the filter is told.
fn code(result: guest::Result) -> u32 {
    (match result {
        Ok(()) => Status::Ok,
        Err(status) => status,
    }) as u32
}

/// Links all functions that Envoy offers; of gRPC and of queues only the names.
///
/// # Errors
/// None that the caller could cause: a name that is linked twice.
pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    maps::link(linker)?;
    others::link(linker)?;
    shared::link(linker)?;
    wasi::link(linker)
}
