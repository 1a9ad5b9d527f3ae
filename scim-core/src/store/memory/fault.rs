//! What can go wrong with an engine, and how the engines of Spin differ.

#[cfg(doc)]
use super::Kv;

/// A call that the engine is about to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// [`Kv::get`].
    Get,
    /// [`Kv::set`].
    Set,
    /// [`Kv::set_many`] with this many entries.
    SetMany(usize),
    /// [`Kv::delete_many`] with this many keys.
    DeleteMany(usize),
    /// [`Kv::increment`].
    Increment,
    /// [`Kv::swap`].
    Swap,
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// An error; nothing was done.
    Refused,
    /// An error; all was done.
    ReplyLost,
    /// An error; only so many entries were written or deleted. Without entries as [`Refused`](Self::Refused).
    Half(usize),
    /// An error; it is done when the engine has answered so many more calls. A `get` is refused.
    Late(u32),
    /// A swap is done honestly but answered with `false`, as Spin does on Redis. Else nothing.
    SaysFalse,
    /// Nothing but time: other tasks run so often before it takes effect.
    Slow(u32),
    /// A `get` answers with the value that stood there so many changes ago, as a replica does
    /// that lags behind; with the oldest that is remembered if there is none so old. Else nothing.
    Older(usize),
}

/// An engine of Spin, in what it promises less than the others (`docs/store.md`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// `SQLite`: a swap on a key that does not exist writes it, so it is no lock.
    #[default]
    Sqlite,
    /// Redis: a swap always answers `false`, also when it wrote.
    Redis,
    /// Azure Cosmos DB: a batch that fails may have been written in part.
    Cosmos,
    /// `DynamoDB`: as Cosmos DB, and it refuses batches of more than 25 entries and values of more
    /// than 400 KB.
    Dynamo,
}

impl Engine {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sqlite, Self::Redis, Self::Cosmos, Self::Dynamo];

    /// Whether a swap on an absent key writes it for whoever comes, however many come at once.
    pub(super) const fn swaps_absent(self) -> bool {
        matches!(self, Self::Sqlite)
    }

    /// Whether a batch takes effect as a whole or not at all, so that [`Fault::Half`] is no fault
    /// of this engine.
    #[must_use]
    pub const fn batches_are_whole(self) -> bool {
        matches!(self, Self::Sqlite | Self::Redis)
    }

    /// Whether a batch of so many entries, the largest of `bytes`, is taken.
    pub(super) const fn takes(self, entries: usize, bytes: usize) -> bool {
        match self {
            Self::Dynamo => entries <= 25 && bytes <= 400 * 1000,
            _ => true,
        }
    }
}
