//! One engine out of several.

use anyhow::Context as _;

use super::fault::{Fault, Faults};
use super::location::Location;
use super::memory::Memory;
use super::operation::{Failed, Write, Written};
use super::redis::Redis;
use super::sqlite::{Durability, Sqlite};

/// A handle of an open store; clones share it.
#[derive(Clone)]
pub(crate) struct Engine {
    kind: Kind,
    faults: Option<Faults>,
}

#[derive(Clone)]
enum Kind {
    Memory(Memory),
    Sqlite(Sqlite),
    Redis(Redis),
}

impl Engine {
    /// Opens the store at `location`, and creates a file when there is none.
    ///
    /// # Errors
    ///
    /// When the engine does not answer, or what is there is no store.
    pub(crate) async fn open(
        location: &Location,
        durability: Durability,
        fault: Option<Fault>,
    ) -> anyhow::Result<Self> {
        let cannot_open = || format!("cannot open {location}");
        let kind = match location {
            Location::Memory => Kind::Memory(Memory::default()),
            Location::Sqlite(file) => {
                Kind::Sqlite(Sqlite::open(file, durability).with_context(cannot_open)?)
            }
            Location::Redis(url) => Kind::Redis(Redis::open(url).await.with_context(cannot_open)?),
        };
        Ok(Self { kind, faults: fault.map(Faults::new) })
    }

    /// What of the engine's settings can lose an acknowledged write, a line for each.
    pub(crate) async fn doubts(&self, durability: Durability) -> Vec<String> {
        match &self.kind {
            Kind::Memory(_) => vec!["the data ends with this process".to_owned()],
            Kind::Sqlite(_) => Vec::new(),
            Kind::Redis(redis) => redis.doubts(durability).await,
        }
    }

    /// Ends what waits, and leaves one file that holds everything.
    pub(crate) fn close(&self) {
        if let Kind::Sqlite(sqlite) = &self.kind {
            sqlite.close();
        }
    }

    /// The value of `key`, or `None`.
    ///
    /// # Errors
    ///
    /// When the engine fails.
    pub(crate) async fn get(&self, key: String) -> Result<Option<Vec<u8>>, Failed> {
        match &self.kind {
            Kind::Memory(memory) => Ok(memory.get(&key)),
            Kind::Sqlite(sqlite) => sqlite.get(key).await,
            Kind::Redis(redis) => redis.get(&key).await,
        }
    }

    /// Applies `write`. `Ok` means that it is as durable as the engine makes it.
    ///
    /// # Errors
    ///
    /// When the engine fails. Whether the write took place is unknown.
    pub(crate) async fn write(&self, write: Write) -> Result<Written, Failed> {
        let Some(faults) = &self.faults else { return self.apply(write).await };
        let (write, answered) = faults.before(write);
        answered.after(self.apply(write).await)
    }

    async fn apply(&self, write: Write) -> Result<Written, Failed> {
        match &self.kind {
            Kind::Memory(memory) => memory.write(write),
            Kind::Sqlite(sqlite) => sqlite.write(write).await,
            Kind::Redis(redis) => redis.write(write).await,
        }
    }
}
