//! Publishing a transaction, and finding out whether it was published.
//!
//! A commit writes all its entries under new names and then swaps the root record. An engine may
//! answer the swap wrongly, or not at all. The truth is in the root: a commit on top of number `n`
//! can only be published as number `n + 1`, and the ids of the latest commits stand in the root and
//! its pages. Another id at that number: lost, for ever, since no root ever comes back. No such
//! number yet: the swap may still be on its way, and is asked for again with the same bytes, which
//! cannot succeed twice.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use super::address::{CommitId, EntryId, PAGE_SEQUENCE};
use super::kv::{Kv, MAX_BATCH};
use super::root::{Root, Whereabouts, id_in_page};
use super::snapshot::Published;
use super::write::{self, Change, Written};
use super::{Store, StoreError, Transaction, gc};
use crate::port::{Clock, Random};

/// Milliseconds for which a writer tries to learn what became of its swap.
const OUTCOME_MS: u64 = 30_000;
/// How often one batch of entries is written before the commit is given up.
const WRITE_ATTEMPTS: u32 = 3;

/// What the attempts of one transaction hand on to the next.
#[derive(Default)]
pub(super) struct Carried {
    /// Entries of attempts that have lost. They are retired by the one that wins.
    pub(super) orphans: Vec<EntryId>,
    /// Up to this commit the retired nodes have been deleted.
    pub(super) collected: u64,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is in, or there was nothing to publish.
    Published,
    /// It is not in and never will be: start again on the new root.
    Lost,
}

impl<K: Kv, C: Clock, R: Random> Store<K, C, R> {
    pub(super) async fn publish(
        &self,
        transaction: Transaction<'_, K, C, R>,
        carried: &mut Carried,
    ) -> Result<Outcome, StoreError> {
        if let Some(refused) = transaction.refused {
            return Err(refused);
        }
        let now_ms = transaction.now_ms();
        let Transaction { base, writes, bodies, retired, commit, next, .. } = transaction;
        let id = |sequence| EntryId { base: base.commit_number(), commit, sequence };
        let changes: Vec<Change<'_>> =
            writes.iter().map(|(key, value)| (key.as_slice(), value.as_deref())).collect();
        let tree = base.tree();
        let written = write::apply(self, &tree, &changes, id(next)).await?;
        if written.is_none() && bodies.is_empty() && retired.is_empty() {
            self.delete(&carried.orphans).await;
            return Ok(Outcome::Published);
        }
        let Some(base) = base.published.as_ref() else {
            self.create_root().await?;
            return Ok(Outcome::Lost);
        };
        let written = written.unwrap_or(Written { tree, next: id(next), ..Written::default() });

        let (root, page) = base.root.next(commit, now_ms, written.tree, carried.collected);
        let mut entries: Vec<(EntryId, Vec<u8>)> = bodies.into_iter().collect();
        entries.extend(written.fresh.iter().map(|(id, level, node)| (*id, node.encode(*level))));
        entries.extend(page.map(|page| (id(PAGE_SEQUENCE), page)));
        let all = [&written.retired[..], &retired, &carried.orphans].concat();
        entries.extend(gc::encode_retired(now_ms, &all, written.next)?);

        let ids: Vec<EntryId> = entries.iter().map(|(id, _)| *id).collect();
        if let Err(error) = self.write(entries).await {
            self.delete(&ids).await;
            return Err(error);
        }
        let probe = changes.first().map(|(key, _)| *key);
        match self.swap(base, &root, commit, probe).await? {
            Outcome::Published => {
                let mut cache = self.cache.borrow_mut();
                for id in &written.retired {
                    cache.remove(*id);
                }
                for (id, _, node) in &written.fresh {
                    cache.insert(*id, Rc::clone(node));
                }
                Ok(Outcome::Published)
            }
            Outcome::Lost => {
                carried.orphans.extend(ids);
                Ok(Outcome::Lost)
            }
        }
    }

    /// Writes entries that nothing refers to yet; in part or twice does no harm.
    async fn write(&self, entries: Vec<(EntryId, Vec<u8>)>) -> Result<(), StoreError> {
        let entries: Vec<(String, Vec<u8>)> =
            entries.into_iter().map(|(id, value)| (self.names.entry(id), value)).collect();
        for batch in entries.chunks(MAX_BATCH) {
            let mut round = 0;
            while let Err(error) = self.kv.set_many(batch).await {
                round += 1;
                if round == WRITE_ATTEMPTS {
                    return Err(error.into());
                }
                self.back_off(round).await;
            }
        }
        Ok(())
    }

    /// Swaps the root record until it is known whether this commit is in.
    async fn swap(
        &self,
        base: &Published,
        root: &Root,
        commit: CommitId,
        probe: Option<&[u8]>,
    ) -> Result<Outcome, StoreError> {
        let (key, value) = (self.names.root(), root.encode());
        let started = self.clock.now_ms();
        let mut round = 0;
        loop {
            if self.kv.swap(&key, &base.bytes, &value).await == Ok(true) {
                return Ok(Outcome::Published);
            }
            // An error here leaves the question open, as does a root that has not changed.
            if let Ok(Some(outcome)) = self.judge(root.number, commit, probe).await {
                return Ok(outcome);
            }
            if self.clock.now_ms().saturating_sub(started) >= OUTCOME_MS {
                return Err(StoreError::UnknownOutcome);
            }
            self.back_off(round).await;
            round += 1;
        }
    }

    /// What became of `commit`, which wants to be number `number`; `None` while it is open.
    async fn judge(
        &self,
        number: u64,
        commit: CommitId,
        probe: Option<&[u8]>,
    ) -> Result<Option<Outcome>, StoreError> {
        let Some(now) = self.published().await? else { return Ok(None) };
        if now.root.number < number {
            return Ok(None);
        }
        if let Some(id) = self.commit_id(&now.root, number).await? {
            return Ok(Some(if id == commit { Outcome::Published } else { Outcome::Lost }));
        }
        // So late that even the page is gone. What it wrote may still stand in the tree; that it
        // does not stand there proves nothing.
        let seen = match probe {
            Some(key) => now.root.tree.shows(self, key, commit).await?,
            None => false,
        };
        Ok(seen.then_some(Outcome::Published))
    }

    /// The id of the commit with this number, if the root or a page still knows it.
    pub(super) async fn commit_id(
        &self,
        root: &Root,
        number: u64,
    ) -> Result<Option<CommitId>, StoreError> {
        match root.whereabouts(number) {
            Whereabouts::Here(id) => Ok(Some(id)),
            Whereabouts::Page(page, position) => match self.entry(page).await {
                Ok(page) => id_in_page(&page, position).map(Some),
                Err(StoreError::Moved) => Ok(None),
                Err(error) => Err(error),
            },
            Whereabouts::Nowhere => Ok(None),
        }
    }
}
