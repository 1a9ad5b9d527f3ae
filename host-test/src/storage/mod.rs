//! The key-value engines of this host: memory, one SQLite file, Redis.
//!
//! SQLite and Redis have the shape of Spin's own, so that the same data serves both.

mod engine;
mod fault;
mod location;
mod memory;
mod native;
mod operation;
mod redis;
mod sqlite;
#[cfg(test)]
mod tests;

pub(crate) use engine::Engine;
pub(crate) use fault::Fault;
pub(crate) use location::{Args, Location};
pub(crate) use native::{NativeKv, OsRandom, TokioClock};
pub(crate) use operation::{Failed, Write, Written};
pub(crate) use sqlite::Durability;
