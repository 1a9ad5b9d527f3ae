//! Reading one version of the tree.

use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell;

use super::kv::Kv;
use super::root::Root;
use super::tree::{Entry, Tree};
use super::{BodyId, MAX_TREE_KEY, Store, StoreError};
use crate::port::{Clock, Random};

/// Reading, the same on a [`Snapshot`] and inside a [`Transaction`](super::Transaction), which
/// sees its own writes.
///
/// All methods fail with [`StoreError::Unavailable`] when the engine does not answer, with
/// [`StoreError::Corrupt`] when a record is damaged, and with [`StoreError::Moved`] when the
/// snapshot is older than 256 commits and 60 s and what it needs has been deleted.
#[expect(async_fn_in_trait, reason = "one thread; no caller needs the future to be Send")]
pub trait Read {
    /// The value of `key`.
    async fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Entries with `start <= key < end` in the order of their keys, at most `limit`, without the
    /// first `skip` of them. Skipping costs no more than a look-up.
    async fn range(
        &self,
        start: &[u8],
        end: &[u8],
        skip: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError>;

    /// How many keys there are with `start <= key < end`. Costs two look-ups, and one more for
    /// each of a transaction's own writes between them.
    async fn count(&self, start: &[u8], end: &[u8]) -> Result<u64, StoreError>;

    /// The bytes of a body that a value of the tree names.
    async fn body(&self, body: &BodyId) -> Result<Vec<u8>, StoreError>;
}

/// The smallest key above all keys that start with `prefix`; above all keys if there is none.
#[must_use]
pub fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return end;
        }
    }
    vec![u8::MAX; MAX_TREE_KEY + 1]
}

/// A root record, and its bytes as they must be given to the swap.
pub(super) struct Published {
    pub(super) root: Root,
    pub(super) bytes: Vec<u8>,
}

/// One version of a tenant's tree. What is published later does not show in it.
pub struct Snapshot<'a, K, C, R> {
    pub(super) store: &'a Store<K, C, R>,
    /// `None` when the tenant has no root yet.
    pub(super) published: Option<Rc<Published>>,
    moved: Cell<bool>,
}

impl<'a, K: Kv, C: Clock, R: Random> Snapshot<'a, K, C, R> {
    pub(super) fn new(store: &'a Store<K, C, R>, published: Option<Rc<Published>>) -> Self {
        Self { store, published, moved: Cell::new(false) }
    }

    /// How many commits made this version; 0 when there is no root.
    #[must_use]
    pub fn commit_number(&self) -> u64 {
        self.published.as_ref().map_or(0, |published| published.root.number)
    }

    /// When it was published, in milliseconds since 1970; 0 for a tree that was never written.
    #[must_use]
    pub fn time_ms(&self) -> u64 {
        self.published.as_ref().map_or(0, |published| published.root.time_ms)
    }

    /// How many entries the tree holds.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.tree().count
    }

    /// Walks the whole tree and returns the number of its nodes.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when an order, a separator, a level or a count is wrong, else as
    /// for [`Read`].
    pub async fn check(&self) -> Result<u64, StoreError> {
        self.note(self.tree().check(self.store).await)
    }

    pub(super) fn tree(&self) -> Tree {
        self.published.as_ref().map_or_else(Tree::default, |published| published.root.tree)
    }

    /// Whether a read failed because a node is gone.
    pub(super) fn has_moved(&self) -> bool {
        self.moved.get()
    }

    fn note<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if matches!(result, Err(StoreError::Moved)) {
            self.moved.set(true);
        }
        result
    }
}

impl<K: Kv, C: Clock, R: Random> Read for Snapshot<'_, K, C, R> {
    async fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.note(self.tree().get(self.store, key).await)
    }

    async fn range(
        &self,
        start: &[u8],
        end: &[u8],
        skip: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.note(self.tree().range(self.store, start, end, skip, limit).await)
    }

    async fn count(&self, start: &[u8], end: &[u8]) -> Result<u64, StoreError> {
        self.note(self.tree().count(self.store, start, end).await)
    }

    async fn body(&self, body: &BodyId) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        for part in body.parts() {
            bytes.extend(self.note(self.store.entry(part).await)?);
        }
        Ok(bytes)
    }
}
