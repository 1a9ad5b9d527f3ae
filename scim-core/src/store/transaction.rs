//! A transaction: a snapshot with writes on top, which nobody else sees until it is published.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::ops::Bound;

use super::address::{CommitId, EntryId, FIRST_SEQUENCE};
use super::kv::{Kv, MAX_VALUE};
use super::root::PinChange;
use super::snapshot::Published;
use super::tree::Entry;
use super::{BodyId, MAX_TREE_KEY, MAX_TREE_VALUE, Read, Snapshot, Store, StoreError};
use crate::port::{Clock, Random};

/// Versions that one commit gives out stand so many bits above its number: a version is the number
/// of its commit for the first job of a batch, and no other job's for the rest.
const TURN_SHIFT: u32 = 40;

/// What a job of [`Store::transact`](super::Store::transact) reads and writes.
pub struct Transaction<'a, K, C, R> {
    pub(super) base: Snapshot<'a, K, C, R>,
    pub(super) draft: Draft,
}

/// A commit in the making: what the jobs of a batch have written so far.
pub(super) struct Draft {
    /// What it builds on.
    pub(super) base: Option<Rc<Published>>,
    pub(super) writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    pub(super) bodies: BTreeMap<EntryId, Vec<u8>>,
    pub(super) retired: Vec<EntryId>,
    pub(super) pins: Vec<PinChange>,
    /// The first write that cannot be stored.
    refused: Option<StoreError>,
    pub(super) commit: CommitId,
    /// The next free sequence number of this commit.
    pub(super) next: u32,
    pub(super) now_ms: u64,
    /// Jobs that were begun.
    pub(super) turns: u32,
    /// Bytes of all that was written, roughly; what was taken back still counts.
    pub(super) bytes: usize,
    /// How to take back what was written since the first savepoint, the latest at the end.
    undo: Vec<Undo>,
}

impl Draft {
    pub(super) fn new<K: Kv, C: Clock, R: Random>(
        store: &Store<K, C, R>,
        base: Option<Rc<Published>>,
    ) -> Self {
        let rising = base.as_ref().map_or(0, |base| base.root.time_ms).saturating_add(1);
        Self {
            base,
            writes: BTreeMap::new(),
            bodies: BTreeMap::new(),
            retired: Vec::new(),
            pins: Vec::new(),
            refused: None,
            commit: store.draw(),
            next: FIRST_SEQUENCE,
            now_ms: store.clock.now_ms().max(rising),
            turns: 0,
            bytes: 0,
            undo: Vec::new(),
        }
    }

    /// Whether nothing stands in it.
    pub(super) fn is_unchanged(&self) -> bool {
        self.writes.is_empty() && self.writes_alone()
    }

    /// Whether there is nothing but changes of the tree in it.
    pub(super) fn writes_alone(&self) -> bool {
        self.bodies.is_empty() && self.retired.is_empty() && self.pins.is_empty()
    }
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
    pins: usize,
    refused: Option<StoreError>,
}

impl<'a, K: Kv, C: Clock, R: Random> Transaction<'a, K, C, R> {
    pub(super) fn new(store: &'a Store<K, C, R>, draft: Draft) -> Self {
        Self { base: Snapshot::new(store, draft.base.clone()), draft }
    }

    /// One more job begins: the state before it.
    pub(super) fn begin_job(&mut self) -> Savepoint {
        self.draft.turns += 1;
        // Nobody goes back beyond this point any more.
        self.draft.undo.clear();
        self.savepoint()
    }

    /// The state now, for [`rollback_to`](Self::rollback_to).
    #[must_use]
    pub fn savepoint(&self) -> Savepoint {
        let Draft { undo, retired, pins, refused, .. } = &self.draft;
        let (undo, retired, pins) = (undo.len(), retired.len(), pins.len());
        Savepoint { undo, retired, pins, refused: *refused }
    }

    /// Takes back all that was written since `savepoint`, refusals too. Savepoints taken later
    /// than that one have no meaning any more.
    pub fn rollback_to(&mut self, savepoint: &Savepoint) {
        let draft = &mut self.draft;
        for step in draft.undo.drain(savepoint.undo.min(draft.undo.len())..).rev() {
            match step {
                Undo::Rewrite(key, own) => drop(draft.writes.insert(key, own)),
                Undo::Unwrite(key) => drop(draft.writes.remove(&key)),
                Undo::Restore(id, part) => drop(draft.bodies.insert(id, part)),
                Undo::Remove(id) => drop(draft.bodies.remove(&id)),
            }
        }
        draft.retired.truncate(savepoint.retired);
        draft.pins.truncate(savepoint.pins);
        draft.refused = savepoint.refused;
    }

    /// Whether all writes so far can be stored.
    ///
    /// # Errors
    /// [`StoreError::KeyTooLong`] or [`StoreError::ValueTooLong`], with which the job would fail.
    pub fn check(&self) -> Result<(), StoreError> {
        self.draft.refused.map_or(Ok(()), Err)
    }

    fn set_write(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.draft.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        self.draft.undo.push(match self.draft.writes.insert(key.clone(), value) {
            Some(before) => Undo::Rewrite(key, before),
            None => Undo::Unwrite(key),
        });
    }

    /// Writes an entry of the tree. A key or value that is too long refuses the whole job at its
    /// end ([`StoreError::KeyTooLong`], [`StoreError::ValueTooLong`]).
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        if key.len() > MAX_TREE_KEY {
            self.draft.refused = Some(StoreError::KeyTooLong);
        } else if value.len() > MAX_TREE_VALUE {
            self.draft.refused = Some(StoreError::ValueTooLong);
        } else {
            self.set_write(key, Some(value));
        }
    }

    /// Removes an entry of the tree. A key that does not exist is no error.
    pub fn delete(&mut self, key: &[u8]) {
        self.set_write(key.to_vec(), None);
    }

    /// Stores a body of any length beside the tree. Its name must become a value of the tree, as
    /// it is and by itself: what no such value names is taken for a left-over. It must go to
    /// [`retire_body`](Self::retire_body) when no value is this name any more.
    pub fn put_body(&mut self, bytes: &[u8]) -> BodyId {
        let first = self.entry_id(self.draft.next);
        let mut parts = 0;
        for part in bytes.chunks(MAX_VALUE) {
            let id = self.entry_id(self.draft.next);
            self.draft.bytes += part.len();
            self.draft.bodies.insert(id, part.to_vec());
            self.draft.undo.push(Undo::Remove(id));
            self.draft.next = self.draft.next.saturating_add(1);
            parts += 1;
        }
        BodyId::new(first, parts)
    }

    /// Has a body deleted once no snapshot can need it.
    pub fn retire_body(&mut self, body: &BodyId) {
        for part in body.parts() {
            match self.draft.bodies.remove(&part) {
                None => self.draft.retired.push(part),
                Some(own) => self.draft.undo.push(Undo::Restore(part, own)),
            }
        }
    }

    /// The time of this commit in milliseconds since 1970: the clock's, but later than that of
    /// every commit before. Fixed for as long as the job runs.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.draft.now_ms
    }

    /// A number that no other job of this tenant gives what it writes: that of the commit, and for
    /// jobs that share a commit their place in it.
    #[must_use]
    pub fn version(&self) -> u64 {
        let place = u64::from(self.draft.turns.saturating_sub(1)) << TURN_SHIFT;
        self.base.commit_number().saturating_add(1) | place
    }

    pub(super) fn has_moved(&self) -> bool {
        self.base.has_moved()
    }

    /// The name of an entry that this commit writes.
    pub(super) fn entry_id(&self, sequence: u32) -> EntryId {
        EntryId { base: self.base.commit_number(), commit: self.draft.commit, sequence }
    }

    /// The transaction's own writes in `start..end`.
    fn own(&self, start: &[u8], end: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        // A range whose end is before its start would panic.
        let end = end.max(start);
        self.draft
            .writes
            .range::<[u8], _>((Bound::Included(start), Bound::Excluded(end)))
            .map(|(key, value)| (key.as_slice(), value.as_deref()))
    }
}

impl<K: Kv, C: Clock, R: Random> Read for Transaction<'_, K, C, R> {
    async fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.draft.writes.get(key) {
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
            match self.draft.bodies.get(&part) {
                Some(own) => bytes.extend_from_slice(own),
                None => bytes.extend(self.base.body(&BodyId::new(part, 1)).await?),
            }
        }
        Ok(bytes)
    }
}
