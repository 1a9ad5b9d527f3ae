//! The Spin component in wasmtime, behind an HTTP server.
//!
//! ```text
//!  server (HTTP) → pool (which instance) → worker (one instance, many requests) → host (imports)
//! ```

mod bindings;
mod body;
mod engine;
mod host;
mod keyvalue;
mod pool;
mod server;
mod worker;

pub(crate) use engine::Component;
pub(crate) use host::Variables;
pub(crate) use pool::Pool;
pub(crate) use server::serve;
