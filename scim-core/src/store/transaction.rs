//! A transaction: a snapshot with writes on top, which nobody else sees until it is published.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Bound;

use super::address::{CommitId, EntryId, FIRST_SEQUENCE};
use super::kv::{Kv, MAX_VALUE};
use super::tree::Entry;
use super::{BodyId, MAX_TREE_KEY, MAX_TREE_VALUE, Read, Snapshot, StoreError};
use crate::port::{Clock, Random};

/// What a job of [`Store::transact`](super::Store::transact) reads and writes.
pub struct Transaction<'a, K, C, R> {
    pub(super) base: Snapshot<'a, K, C, R>,
    pub(super) writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    pub(super) bodies: BTreeMap<EntryId, Vec<u8>>,
    pub(super) retired: Vec<EntryId>,
    /// The first write that cannot be stored.
    pub(super) refused: Option<StoreError>,
    pub(super) commit: CommitId,
    /// The next free sequence number of this commit.
    pub(super) next: u32,
    now_ms: u64,
    /// How to take back what was written since the first savepoint, the latest at the end.
    undo: Vec<Undo>,
    /// Whether there is a savepoint: most transactions have none, and keep no such list.
    undoable: bool,
}

/// What takes one step back.
enum Undo {
    /// The key had another write of this transaction, or none.
    Rewrite(Vec<u8>, Option<Vec<u8>>),
    Unwrite(Vec<u8>),
    /// The part of a body was there, or was not.
    Restore(EntryId, Vec<u8>),
    Remove(EntryId),
}

/// A state of a transaction to which it can go back.
#[derive(Clone, Copy, Debug)]
pub struct Savepoint {
    undo: usize,
    retired: usize,
    refused: Option<StoreError>,
}

impl<'a, K: Kv, C: Clock, R: Random> Transaction<'a, K, C, R> {
    pub(super) fn new(base: Snapshot<'a, K, C, R>) -> Self {
        let rising = base.time_ms().saturating_add(1);
        Self {
            commit: base.store.draw(),
            now_ms: base.store.clock.now_ms().max(rising),
            base,
            writes: BTreeMap::new(),
            bodies: BTreeMap::new(),
            retired: Vec::new(),
            refused: None,
            next: FIRST_SEQUENCE,
            undo: Vec::new(),
            undoable: false,
        }
    }

    /// The state now, for [`rollback_to`](Self::rollback_to).
    pub fn savepoint(&mut self) -> Savepoint {
        self.undoable = true;
        Savepoint { undo: self.undo.len(), retired: self.retired.len(), refused: self.refused }
    }

    /// Takes back all that was written since `savepoint`, refusals too. Savepoints taken later
    /// than that one have no meaning any more.
    pub fn rollback_to(&mut self, savepoint: &Savepoint) {
        for step in self.undo.drain(savepoint.undo.min(self.undo.len())..).rev() {
            match step {
                Undo::Rewrite(key, own) => drop(self.writes.insert(key, own)),
                Undo::Unwrite(key) => drop(self.writes.remove(&key)),
                Undo::Restore(id, part) => drop(self.bodies.insert(id, part)),
                Undo::Remove(id) => drop(self.bodies.remove(&id)),
            }
        }
        self.retired.truncate(savepoint.retired);
        self.refused = savepoint.refused;
    }

    /// Whether all writes so far can be stored.
    ///
    /// # Errors
    /// [`StoreError::KeyTooLong`] or [`StoreError::ValueTooLong`], with which the publication
    /// would fail.
    pub fn check(&self) -> Result<(), StoreError> {
        self.refused.map_or(Ok(()), Err)
    }

    fn set_write(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        if self.undoable {
            self.undo.push(match self.writes.insert(key.clone(), value) {
                Some(before) => Undo::Rewrite(key, before),
                None => Undo::Unwrite(key),
            });
        } else {
            self.writes.insert(key, value);
        }
    }

    /// Writes an entry of the tree. A key or value that is too long refuses the whole
    /// transaction when it is to be published ([`StoreError::KeyTooLong`],
    /// [`StoreError::ValueTooLong`]).
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        if key.len() > MAX_TREE_KEY {
            self.refused = Some(StoreError::KeyTooLong);
        } else if value.len() > MAX_TREE_VALUE {
            self.refused = Some(StoreError::ValueTooLong);
        } else {
            self.set_write(key, Some(value));
        }
    }

    /// Removes an entry of the tree. A key that does not exist is no error.
    pub fn delete(&mut self, key: &[u8]) {
        self.set_write(key.to_vec(), None);
    }

    /// Stores a body of any length beside the tree. Its name must go into a value of the tree,
    /// and to [`retire_body`](Self::retire_body) when no value names it any more.
    pub fn put_body(&mut self, bytes: &[u8]) -> BodyId {
        let first = self.entry_id(self.next);
        let mut parts = 0;
        for part in bytes.chunks(MAX_VALUE) {
            let id = self.entry_id(self.next);
            self.bodies.insert(id, part.to_vec());
            if self.undoable {
                self.undo.push(Undo::Remove(id));
            }
            self.next = self.next.saturating_add(1);
            parts += 1;
        }
        BodyId::new(first, parts)
    }

    /// Has a body deleted once no snapshot can need it.
    pub fn retire_body(&mut self, body: &BodyId) {
        for part in body.parts() {
            match self.bodies.remove(&part) {
                None => self.retired.push(part),
                Some(own) if self.undoable => self.undo.push(Undo::Restore(part, own)),
                Some(_) => {}
            }
        }
    }

    /// The time of this commit in milliseconds since 1970: the clock's, but later than that of
    /// every commit before. Fixed for as long as the job runs.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// The number that this commit will have if it is published.
    #[must_use]
    pub fn commit_number(&self) -> u64 {
        self.base.commit_number().saturating_add(1)
    }

    pub(super) fn has_moved(&self) -> bool {
        self.base.has_moved()
    }

    /// The name of an entry that this commit writes.
    pub(super) fn entry_id(&self, sequence: u32) -> EntryId {
        EntryId { base: self.base.commit_number(), commit: self.commit, sequence }
    }

    /// The transaction's own writes in `start..end`.
    fn own(&self, start: &[u8], end: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        // A range whose end is before its start would panic.
        let end = end.max(start);
        self.writes
            .range::<[u8], _>((Bound::Included(start), Bound::Excluded(end)))
            .map(|(key, value)| (key.as_slice(), value.as_deref()))
    }
}

impl<K: Kv, C: Clock, R: Random> Read for Transaction<'_, K, C, R> {
    async fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.writes.get(key) {
            Some(own) => Ok(own.clone()),
            None => self.base.get(key).await,
        }
    }

    async fn range(
        &self,
        start: &[u8],
        end: &[u8],
        mut skip: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut found = Vec::new();
        let mut from = start.to_vec();
        // Between two of its own writes the transaction sees the snapshot.
        let ends = self.own(start, end).map(|(key, value)| (key, Some(value)));
        for (key, own) in ends.chain([(end, None)]) {
            if found.len() == limit {
                break;
            }
            let below = if skip > 0 { self.base.count(&from, key).await? } else { 0 };
            if skip > 0 && below <= skip {
                skip -= below;
            } else {
                let wanted = limit - found.len();
                found.extend(self.base.range(&from, key, skip, wanted).await?);
                skip = 0;
            }
            if let Some(Some(value)) = own {
                if skip > 0 {
                    skip -= 1;
                } else if found.len() < limit {
                    found.push((key.to_vec(), value.to_vec()));
                }
            }
            // The smallest key above this one.
            from.clear();
            from.extend_from_slice(key);
            from.push(0);
        }
        Ok(found)
    }

    async fn count(&self, start: &[u8], end: &[u8]) -> Result<u64, StoreError> {
        let mut count = self.base.count(start, end).await?;
        for (key, own) in self.own(start, end) {
            match (self.base.get(key).await?, own) {
                (None, Some(_)) => count += 1,
                (Some(_), None) => count = count.saturating_sub(1),
                _ => {}
            }
        }
        Ok(count)
    }

    async fn body(&self, body: &BodyId) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        for part in body.parts() {
            match self.bodies.get(&part) {
                Some(own) => bytes.extend_from_slice(own),
                None => bytes.extend(self.base.body(&BodyId::new(part, 1)).await?),
            }
        }
        Ok(bytes)
    }
}
