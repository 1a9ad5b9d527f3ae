//! scim-edge on one machine: the command line and the hosts that run the wasm builds.
#![forbid(unsafe_code)]

mod admin;
mod bench;
mod cli;
mod component;
mod explain;
mod fuzz;
mod gateway;
pub mod imitation;
pub mod plugins;
mod reindex;
mod replay;
mod storage;
mod tools;
mod up;

pub use cli::run;
pub use gateway::find_envoy;
