//! What can go wrong in the store, and what a client is told of it.

use core::fmt;

use super::MAX_TREE_KEY;
use super::kv::KvError;
use crate::protocol;

/// Seconds after which a client may try again (RFC 9110 §10.2.3).
const RETRY_AFTER_S: u32 = 1;

/// Why the store could not do what it was asked. No variant carries a key or a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The engine does not answer, or too many writers compete. Nothing was changed.
    Unavailable(&'static str),
    /// The change may or may not have been made, and there is no way left to find out.
    UnknownOutcome,
    /// A stored record is not what this code writes.
    Corrupt(&'static str),
    /// An entry that the snapshot needs is gone: it is older than what is kept for readers.
    /// [`Store::read`](super::Store::read) and [`Store::transact`](super::Store::transact) start
    /// again by themselves; a caller that holds a snapshot takes a new one.
    Moved,
    /// A key is longer than [`MAX_TREE_KEY`](super::MAX_TREE_KEY). Nothing was changed.
    KeyTooLong,
    /// A value in the tree is longer than [`MAX_TREE_VALUE`](super::MAX_TREE_VALUE). Nothing was
    /// changed.
    ValueTooLong,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(what) => write!(f, "the store is not available: {what}"),
            Self::UnknownOutcome => f.write_str("it is not known whether the change was stored"),
            Self::Corrupt(what) => write!(f, "the store is damaged: {what}"),
            Self::Moved => f.write_str("the snapshot is too old"),
            Self::KeyTooLong => write!(f, "a key is longer than {MAX_TREE_KEY} bytes"),
            Self::ValueTooLong => f.write_str("a value in the tree is too long"),
        }
    }
}

impl core::error::Error for StoreError {}

impl From<KvError> for StoreError {
    fn from(error: KvError) -> Self {
        match error {
            KvError::Unavailable(what) => Self::Unavailable(what),
        }
    }
}

impl From<StoreError> for protocol::Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Moved => {
                Self::unavailable("the store is not available, try again", RETRY_AFTER_S)
            }
            StoreError::UnknownOutcome => Self::unavailable(
                "it is not known whether the change was stored, read before trying again",
                RETRY_AFTER_S,
            ),
            StoreError::Corrupt(_) => Self::internal("the stored data cannot be read"),
            StoreError::KeyTooLong | StoreError::ValueTooLong => {
                Self::invalid_value("an attribute value is too long")
            }
        }
    }
}
