//! An imitation of Envoy for its wasm filters: proxy-wasm 0.2.1 on wasmtime, with Envoy's rules.
//!
//! ```text
//!  envoy.rs       workers, requests, the upstream, time: what a test drives
//!  flow.rs        which part of a message goes on when, is held, or is answered here
//!  reply.rs       answers that Envoy itself gives
//!  stream.rs      one request and its answer         headers.rs  header maps
//!  vm.rs          the module and its callbacks       host.rs     what its host calls work on
//!  hostcalls/     the functions that it imports      guest.rs    its memory
//!  calls.rs       calls to clusters                  foreign.rs  `verify_signature`
//!  properties.rs  facts about a request              process.rs  shared data, metrics, log
//! ```
//!
//! It knows one filter and a router behind it. It has no sockets and no threads, its clock stands
//! until it is moved, and what is random comes from a seed: a run can be repeated exactly.
//! HTTP itself is not imitated: messages come as heads, pieces of bodies and trailers. Shared queues
//! and gRPC answer `Unimplemented`.

mod calls;
mod envoy;
mod flow;
mod foreign;
mod guest;
mod headers;
mod host;
mod hostcalls;
mod process;
mod properties;
mod reply;
mod stream;
mod vm;

pub use self::calls::{Answer, CallRequest, Cluster, Reply};
pub use self::envoy::{Envoy, Failure, Settings, StreamId};
pub use self::headers::Headers;
pub use self::process::LogLine;
pub use self::stream::{Exchange, Received};
pub use self::vm::Program;
