//! The key-value store of this host: one SQLite file.
//!
//! It has the shape of Spin's own (`spin_key_value`), so that the same file serves both.

mod native;
mod operation;
mod sqlite;
#[cfg(test)]
mod tests;

pub(crate) use native::{NativeKv, OsRandom, TokioClock};
pub(crate) use operation::{Failed, Write, Written};
pub(crate) use sqlite::Sqlite;
