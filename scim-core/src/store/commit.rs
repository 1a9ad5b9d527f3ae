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
use core::cell::Cell;

use super::address::{CommitId, EntryId, PAGE_SEQUENCE};
use super::kv::{Kv, MAX_BATCH};
use super::node::Node;
use super::root::{Next, Root, Whereabouts, id_in_page};
use super::snapshot::Published;
use super::transact::Member;
use super::transaction::Draft;
use super::write::{self, Change, Written};
use super::{Store, StoreError, gc};
use crate::port::{Clock, Random};

/// Milliseconds for which a writer tries to learn what became of its swap.
const OUTCOME_MS: u64 = 30_000;
/// How often one batch of entries is written before the commit is given up.
const WRITE_ATTEMPTS: u32 = 3;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is in, or there was nothing to publish.
    Published,
    /// It is not in and never will be: start again on the new root.
    Lost,
}

/// A batch that is ready to be published, by whoever comes to do it: all of it may be done twice.
pub(super) struct Sealed {
    base: Rc<Published>,
    root: Root,
    commit: CommitId,
    entries: Vec<(String, Vec<u8>)>,
    ids: Vec<EntryId>,
    fresh: Vec<(EntryId, u8, Rc<Node>)>,
    retired: Vec<EntryId>,
    /// Whether it may be in already.
    swapping: Cell<bool>,
    /// A key that it changes.
    probe: Option<Vec<u8>>,
}

/// What is to be done with a draft.
enum Ready {
    Publish(Rc<Sealed>),
    /// It changes nothing that is published as this root.
    Unchanged(Option<Rc<Published>>),
    /// There is a root now that the draft does not know of.
    Lost,
}

impl<K: Kv, C: Clock, R: Random> Store<K, C, R> {
    /// Publishes the batch that `member` is to publish. Who drops this leaves the batch to another
    /// member, which goes on where it was.
    pub(super) async fn publish(&self, member: &mut Member<'_, K, C, R>) {
        let sealed = self.group.borrow().sealed();
        let sealed = if let Some(sealed) = sealed {
            sealed
        } else {
            let ready = match self.make_ready(member).await {
                Ok(Ready::Publish(sealed)) => Ok(sealed),
                Ok(Ready::Lost) => Err(Ok(Outcome::Lost)),
                Ok(Ready::Unchanged(base)) => Err(self.confirm(base.as_deref()).await),
                Err(error) => Err(Err(error)),
            };
            // The draft is sealed by now, or nobody wants it any more.
            member.release();
            match ready {
                Ok(sealed) => sealed,
                Err(end) => return self.group.borrow_mut().settle(end),
            }
        };
        self.group.borrow_mut().seal(Rc::clone(&sealed));
        // Once a swap was asked for, the entries are there, and must stay.
        let written =
            if sealed.swapping.get() { Ok(()) } else { self.write(&sealed.entries).await };
        if let Err(error) = written {
            // Nobody may go on with it any more when its entries are being deleted.
            self.group.borrow_mut().settle(Err(error));
            self.delete(&sealed.ids).await;
            return;
        }
        sealed.swapping.set(true);
        let end = self.swap(&sealed).await;
        let mut group = self.group.borrow_mut();
        match end {
            Ok(Outcome::Published) => {
                group.lost = 0;
                group.orphans.clear();
                let mut cache = self.cache.borrow_mut();
                for id in &sealed.retired {
                    cache.remove(*id);
                }
                for (id, _, node) in &sealed.fresh {
                    cache.insert(*id, Rc::clone(node));
                }
            }
            Ok(Outcome::Lost) => {
                group.lost = group.lost.saturating_add(1);
                group.orphans.extend(&sealed.ids);
            }
            Err(_) => {}
        }
        group.settle(end);
    }

    async fn make_ready(&self, member: &mut Member<'_, K, C, R>) -> Result<Ready, StoreError> {
        let Some(turn) = member.hold() else { return Ok(Ready::Lost) };
        let transaction = &turn.transaction;
        let draft = &transaction.draft;
        let changes: Vec<Change<'_>> =
            draft.writes.iter().map(|(key, value)| (key.as_slice(), value.as_deref())).collect();
        let tree = transaction.base.tree();
        let first = transaction.entry_id(draft.next);
        let written = write::apply(self, &tree, &changes, first).await?;
        let unchanged = written.is_none() && draft.writes_alone();
        if draft.base.is_none() && !unchanged {
            self.create_root().await?;
            return Ok(Ready::Lost);
        }
        let probe = changes.first().map(|(key, _)| key.to_vec());
        let Some(draft) = member.release() else { return Ok(Ready::Lost) };
        let Some(base) = draft.base.clone().filter(|_| !unchanged) else {
            return Ok(Ready::Unchanged(draft.base));
        };
        let written = written.unwrap_or(Written { tree, next: first, ..Written::default() });
        self.seal(base, draft, written, probe).map(|sealed| Ready::Publish(Rc::new(sealed)))
    }

    /// Makes the entries and the root of a commit.
    fn seal(
        &self,
        base: Rc<Published>,
        draft: Draft,
        written: Written,
        probe: Option<Vec<u8>>,
    ) -> Result<Sealed, StoreError> {
        let now_ms = draft.now_ms;
        let commit = draft.commit;
        let next = Next { commit, time_ms: now_ms, tree: written.tree, pins: &draft.pins };
        let (root, page) = base.root.next(&next, self.collected.get());
        let mut entries: Vec<(EntryId, Vec<u8>)> = draft.bodies.into_iter().collect();
        entries.extend(written.fresh.iter().map(|(id, level, node)| (*id, node.encode(*level))));
        let page_id = EntryId { sequence: PAGE_SEQUENCE, ..written.next };
        entries.extend(page.map(|page| (page_id, page)));
        let orphans = self.group.borrow().orphans.clone();
        let all = [&written.retired[..], &draft.retired, &orphans].concat();
        entries.extend(gc::encode_retired(now_ms, &all, written.next)?);
        Ok(Sealed {
            base,
            root,
            commit,
            ids: entries.iter().map(|(id, _)| *id).collect(),
            entries: entries.into_iter().map(|(id, v)| (self.names.entry(id), v)).collect(),
            fresh: written.fresh,
            retired: written.retired,
            swapping: Cell::new(false),
            probe,
        })
    }

    /// A batch that changes nothing has ended well if it has seen what is there now.
    async fn confirm(&self, base: Option<&Published>) -> Result<Outcome, StoreError> {
        let now = self.published().await?;
        let number = |published: Option<&Published>| published.map(|p| p.root.number);
        let same = number(now.as_deref()) == number(base);
        Ok(if same { Outcome::Published } else { Outcome::Lost })
    }

    /// Writes entries that nothing refers to yet; in part or twice does no harm.
    async fn write(&self, entries: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
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
    async fn swap(&self, sealed: &Sealed) -> Result<Outcome, StoreError> {
        let Sealed { base, root, commit, probe, .. } = sealed;
        let (key, value) = (self.names.root(), root.encode());
        let started = self.clock.now_ms();
        let mut round = 0;
        loop {
            if self.kv.swap(&key, &base.bytes, &value).await == Ok(true) {
                self.note(&Rc::new(Published { root: root.clone(), bytes: value }));
                return Ok(Outcome::Published);
            }
            // An error here leaves the question open, as does a root that has not changed.
            if let Ok(Some(outcome)) = self.judge(root.number, *commit, probe.as_deref()).await {
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
