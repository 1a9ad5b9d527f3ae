//! The key-value port: what the tenant tree asks of a storage engine.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Most entries of one [`Kv::set_many`] or [`Kv::delete_many`] (`DynamoDB` takes no more).
pub const MAX_BATCH: usize = 25;

/// Most bytes of one stored value.
pub const MAX_VALUE: usize = 256 * 1024;

/// The engine did not answer as asked. Whether it did the work is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KvError {
    /// The call failed; the text says what failed and holds no key and no value.
    Unavailable(&'static str),
}

impl fmt::Display for KvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(what) => f.write_str(what),
        }
    }
}

impl core::error::Error for KvError {}

/// A key-value store with the operations that all engines of Spin share.
///
/// Keys are of `[A-Za-z0-9._:-]` and at most 250 bytes; values are at most [`MAX_VALUE`] bytes.
/// A call that returned `Ok` has happened, and every later [`get`](Self::get) sees it. A call
/// that failed may have happened in whole, in part or not at all, or may happen later.
#[expect(async_fn_in_trait, reason = "one thread; no caller needs the future to be Send")]
pub trait Kv {
    /// The value of `key`, or `None` if there is none.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KvError>;

    /// Writes one entry, whatever was there before.
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), KvError>;

    /// Writes at most [`MAX_BATCH`] entries. They need not become visible together.
    async fn set_many(&self, entries: &[(String, Vec<u8>)]) -> Result<(), KvError>;

    /// Removes at most [`MAX_BATCH`] entries. A key that does not exist is no error.
    async fn delete_many(&self, keys: &[String]) -> Result<(), KvError>;

    /// Adds one to the number at `key`, which starts at zero, and returns the sum.
    /// For guard keys only: such a key is never read or written in another way.
    async fn increment(&self, key: &str) -> Result<i64, KvError>;

    /// Replaces the value of `key` by `new` if it is `expected`, in one step.
    ///
    /// `Ok(true)` says that it was replaced. `Ok(false)` says that it was not, which some engines
    /// say wrongly: a caller looks at the value to learn what happened. Never called on a key
    /// that does not exist, where engines disagree on what it does.
    async fn swap(&self, key: &str, expected: &[u8], new: &[u8]) -> Result<bool, KvError>;
}

/// An engine that can say what it holds. Not all can, so only tools ask for it.
#[expect(async_fn_in_trait, reason = "one thread; no caller needs the future to be Send")]
pub trait ListKeys {
    /// Some of the keys that begin with `prefix`, with the lengths of their values in bytes, and
    /// where the next call goes on; `None` there says that these were the last. `from` is `None`
    /// at first, then what the call before returned. The order is the engine's. Each key that is
    /// there all the time comes at least once; others may come or not.
    async fn list_keys(&self, prefix: &str, from: Option<&str>) -> Result<Listed, KvError>;
}

/// What [`ListKeys::list_keys`] returns: keys with the lengths of their values, and where to go on.
pub type Listed = (Vec<(String, u64)>, Option<String>);

/// Hands every call on to the engine behind a pointer.
macro_rules! behind {
    ($pointer:ty) => {
        impl<T: Kv + ?Sized> Kv for $pointer {
            async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KvError> {
                (**self).get(key).await
            }

            async fn set(&self, key: &str, value: &[u8]) -> Result<(), KvError> {
                (**self).set(key, value).await
            }

            async fn set_many(&self, entries: &[(String, Vec<u8>)]) -> Result<(), KvError> {
                (**self).set_many(entries).await
            }

            async fn delete_many(&self, keys: &[String]) -> Result<(), KvError> {
                (**self).delete_many(keys).await
            }

            async fn increment(&self, key: &str) -> Result<i64, KvError> {
                (**self).increment(key).await
            }

            async fn swap(&self, key: &str, old: &[u8], new: &[u8]) -> Result<bool, KvError> {
                (**self).swap(key, old, new).await
            }
        }
    };
}

impl<T: ListKeys + ?Sized> ListKeys for Rc<T> {
    async fn list_keys(&self, prefix: &str, from: Option<&str>) -> Result<Listed, KvError> {
        (**self).list_keys(prefix, from).await
    }
}

behind!(&T);
behind!(Rc<T>);
