//! The storage port on Spin's key-value stores.
//!
//! Only what holds on all of Spin's engines is used: no key lists, no `get-many`, no swap of a
//! key that does not exist.

use scim_core::store::kv::{Kv, KvError};
// Not part of the SDK's documented interface, and so good for its pinned version alone.
use spin_sdk::experimental::wasi::keyvalue::{atomics, batch, store};
use spin_sdk::key_value::Store;

/// The store's label in `spin.toml`.
const LABEL: &str = "default";

/// One key-value store, opened twice: Spin's interface serves single entries without blocking
/// the requests that share this instance, `wasi:keyvalue` has the batches and the atomics.
pub(crate) struct SpinKv {
    entries: Store,
    bucket: store::Bucket,
}

impl SpinKv {
    /// Opens the store labelled `default`.
    ///
    /// # Errors
    ///
    /// When the host does not know the store or does not grant it.
    pub(crate) async fn open() -> Result<Self, KvError> {
        let unavailable = KvError::Unavailable("the key-value store cannot be opened");
        let entries = Store::open(LABEL).await.map_err(|_| unavailable)?;
        let bucket = store::open(LABEL).map_err(|_| unavailable)?;
        Ok(Self { entries, bucket })
    }
}

impl Kv for SpinKv {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        self.entries.get(key).await.map_err(|_| KvError::Unavailable("get failed"))
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), KvError> {
        self.entries.set(key, value).await.map_err(|_| KvError::Unavailable("set failed"))
    }

    async fn set_many(&self, entries: &[(String, Vec<u8>)]) -> Result<(), KvError> {
        batch::set_many(&self.bucket, entries).map_err(|_| KvError::Unavailable("set-many failed"))
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), KvError> {
        batch::delete_many(&self.bucket, keys)
            .map_err(|_| KvError::Unavailable("delete-many failed"))
    }

    async fn increment(&self, key: &str) -> Result<i64, KvError> {
        atomics::increment(&self.bucket, key, 1)
            .map_err(|_| KvError::Unavailable("increment failed"))
    }

    async fn swap(&self, key: &str, expected: &[u8], new: &[u8]) -> Result<bool, KvError> {
        let unavailable = KvError::Unavailable("swap failed");
        let cas = atomics::Cas::new(&self.bucket, key).map_err(|_| unavailable)?;
        // The swap compares with what `current` saw, so that is compared here first.
        let current = cas.current().map_err(|_| unavailable)?;
        if current.as_deref() != Some(expected) {
            return Ok(false);
        }
        match atomics::swap(cas, new) {
            Ok(()) => Ok(true),
            Err(atomics::CasError::CasFailed(_)) => Ok(false),
            Err(atomics::CasError::StoreError(_)) => Err(unavailable),
        }
    }
}
