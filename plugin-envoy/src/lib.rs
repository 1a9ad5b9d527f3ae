//! scim-edge as an Envoy filter: the gate of `scim-core` behind the callbacks of proxy-wasm.
//!
//! ```text
//!  root.rs    configuration, one per worker        config.rs   reading it
//!  stream.rs  one request: which callback does what
//!  gate.rs    what becomes of a request's head     answer.rs   answers in SCIM's form
//!  keys.rs    keys of providers, fetched once for all workers
//!  registry.rs  clients, polled once for all workers
//!  limit.rs   how often somebody may ask   metrics.rs  counters in Envoy's statistics
//!  signature.rs  their signatures          host.rs    the only file that talks to Envoy
//! ```
//!
//! The filter needs `allow_on_headers_stop_iteration: true`: a request's head is held until its body
//! was read and found right.
#![forbid(unsafe_code)]

mod answer;
mod config;
mod gate;
mod host;
mod keys;
mod limit;
mod metrics;
mod registry;
mod root;
mod signature;
mod stream;

mod start {
    proxy_wasm::main! {{
        // Setting a level also installs the SDK's hook that logs a panic.
        proxy_wasm::set_log_level(proxy_wasm::types::LogLevel::Warn);
        proxy_wasm::set_root_context(|_| Box::new(crate::root::Root::default()));
    }}
}
