//! One tenant's tree as its users see it: snapshots to read, transactions to write.

use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use super::address::{EntryId, Names};
use super::cache::Cache;
use super::group::Group;
use super::kv::{Kv, MAX_BATCH};
use super::node::Node;
use super::root::Root;
use super::snapshot::Published;
use super::tree::Nodes;
use super::{Snapshot, StoreError};
use crate::port::{Clock, Random};

/// How often a reader starts again because a node is gone.
const RESTARTS: u32 = 3;
/// Milliseconds for which a writer waits for the root that another one creates.
const CREATION_MS: u64 = 2_000;
/// Milliseconds between two looks for that root.
const CREATION_STEP_MS: u64 = 20;
/// Milliseconds for which a root that was seen counts more than an older one that the engine shows.
/// Behind that the older one is the truth: somebody has brought an old state back.
const STALE_MS: u64 = 30_000;
/// Longest pause, in milliseconds, before the next attempt.
const MAX_BACKOFF_MS: u64 = 128;

/// Which tree a [`Store`] opens, and how much memory it may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Name of the tenant; any text. It becomes part of each storage key as a hash.
    pub tenant: String,
    /// Raised by the operator when a crash during its creation left the tenant without a root.
    pub generation: u32,
    /// Bytes of leaves to keep in memory, roughly.
    pub leaf_cache_bytes: usize,
    /// Bytes of branches to keep in memory, roughly. A million resources have about 4 MiB.
    pub branch_cache_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tenant: "default".to_string(),
            generation: 0,
            leaf_cache_bytes: 4 * 1024 * 1024,
            branch_cache_bytes: 16 * 1024 * 1024,
        }
    }
}

/// One tenant's tree on a key-value engine, with a cache of its nodes.
///
/// It is cheap to create and reads nothing until it is used. Any number of tasks of one thread may
/// use it at once, and any number of stores, in any number of processes, the same tree.
pub struct Store<K, C, R> {
    pub(super) kv: K,
    pub(super) clock: C,
    pub(super) random: R,
    pub(super) names: Names,
    pub(super) cache: RefCell<Cache>,
    pub(super) group: RefCell<Group>,
    /// The newest root that was seen, and when.
    latest: RefCell<Option<(Rc<Published>, u64)>>,
    /// Up to this commit the retired nodes have been deleted; the next root says so.
    pub(super) collected: Cell<u64>,
    /// Before this time nothing can be due for deletion.
    pub(super) collect_after_ms: Cell<u64>,
}

impl<K: Kv, C: Clock, R: Random> Store<K, C, R> {
    /// Opens the tree of `options.tenant`.
    pub fn new(kv: K, clock: C, random: R, options: Options) -> Self {
        let Options { tenant, generation, leaf_cache_bytes, branch_cache_bytes } = options;
        Self {
            kv,
            clock,
            random,
            names: Names::new(&tenant, generation),
            cache: RefCell::new(Cache::new(leaf_cache_bytes, branch_cache_bytes)),
            group: RefCell::default(),
            latest: RefCell::default(),
            collected: Cell::default(),
            collect_after_ms: Cell::default(),
        }
    }

    /// The clock that the store was given.
    pub fn clock(&self) -> &C {
        &self.clock
    }

    /// The source of randomness that the store was given.
    pub fn random(&self) -> &R {
        &self.random
    }

    /// The tree as it is now. Without a root it is empty. Writes nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn snapshot(&self) -> Result<Snapshot<'_, K, C, R>, StoreError> {
        Ok(Snapshot::new(self, self.published().await?))
    }

    /// Runs `job` on a fresh snapshot, and again, at most three times, if what the snapshot needs
    /// was deleted meanwhile. For reads that may take long.
    ///
    /// # Errors
    /// Those of the job, and those of [`snapshot`](Self::snapshot).
    pub async fn read<T, E: From<StoreError>>(
        &self,
        mut job: impl AsyncFnMut(&Snapshot<'_, K, C, R>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut restarts = 0;
        loop {
            let snapshot = self.snapshot().await?;
            match job(&snapshot).await {
                Err(_) if snapshot.has_moved() && restarts < RESTARTS => restarts += 1,
                result => return result,
            }
        }
    }

    /// Creates the root if there is none, so that it need not be done by the first writer.
    ///
    /// Only the one that gets the number 1 from the guard's counter may create it, and does so by
    /// one call that is never repeated; everyone else waits for at most 2 s. A crash between the
    /// two leaves a guard without a root: see [`Options::generation`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when there is no root after that time.
    pub async fn create_root(&self) -> Result<(), StoreError> {
        if self.published().await?.is_some() {
            return Ok(());
        }
        // A counter of unknown outcome may have been ours: then nobody creates the root, which is
        // better than two who do.
        let mut ours = self.kv.increment(&self.names.guard()).await == Ok(1);
        let started = self.clock.now_ms();
        loop {
            match self.published().await {
                Ok(Some(_)) => return Ok(()),
                Ok(None) if ours => {
                    // Asked once: a second one could arrive after the first commits.
                    ours = false;
                    let first = Root::default().encode();
                    if self.kv.set(&self.names.root(), &first).await == Ok(()) {
                        return Ok(());
                    }
                }
                _ => {}
            }
            if self.clock.now_ms().saturating_sub(started) >= CREATION_MS {
                return Err(StoreError::Unavailable("the tenant is being created"));
            }
            self.clock.sleep_ms(CREATION_STEP_MS).await;
        }
    }

    /// The root record as it is now, or a newer one that this store has already seen: an engine
    /// that answers with what was must not take a writer's own change from its sight.
    pub(super) async fn published(&self) -> Result<Option<Rc<Published>>, StoreError> {
        let bytes = self.kv.get(&self.names.root()).await?;
        let seen = self.seen();
        let Some(bytes) = bytes else { return Ok(seen) };
        match seen {
            Some(seen) if seen.bytes == bytes => Ok(Some(seen)),
            seen => {
                let root = Root::decode(&bytes)?;
                match seen {
                    Some(seen) if seen.root.number > root.number => Ok(Some(seen)),
                    _ => {
                        let published = Rc::new(Published { root, bytes });
                        self.note(&published);
                        Ok(Some(published))
                    }
                }
            }
        }
    }

    /// The newest root that was seen, unless that was long ago.
    pub(super) fn seen(&self) -> Option<Rc<Published>> {
        let latest = self.latest.borrow();
        let (published, seen_ms) = latest.as_ref()?;
        let age = self.clock.now_ms().saturating_sub(*seen_ms);
        (age < STALE_MS).then(|| Rc::clone(published))
    }

    /// Keeps a root that has been seen or made.
    pub(super) fn note(&self, published: &Rc<Published>) {
        self.latest.replace(Some((Rc::clone(published), self.clock.now_ms())));
    }

    /// The value of an immutable entry.
    pub(super) async fn entry(&self, id: EntryId) -> Result<Vec<u8>, StoreError> {
        self.kv.get(&self.names.entry(id)).await?.ok_or(StoreError::Moved)
    }

    /// Deletes entries that nothing refers to. A failure leaves some of them behind.
    pub(super) async fn delete(&self, ids: &[EntryId]) -> bool {
        let mut complete = true;
        for batch in ids.chunks(MAX_BATCH) {
            let keys: Vec<String> = batch.iter().map(|id| self.names.entry(*id)).collect();
            complete &= self.kv.delete_many(&keys).await.is_ok();
        }
        let mut cache = self.cache.borrow_mut();
        for id in ids {
            cache.remove(*id);
        }
        complete
    }

    /// A random number.
    pub(super) fn draw(&self) -> u64 {
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes);
        u64::from_be_bytes(bytes)
    }

    /// Waits for a random time that grows with the number of failed attempts.
    pub(super) async fn back_off(&self, round: u32) {
        let longest = 2_u64.saturating_pow(round.saturating_add(1)).min(MAX_BACKOFF_MS);
        self.clock.sleep_ms(1 + self.draw() % longest).await;
    }
}

impl<K: Kv, C: Clock, R: Random> Nodes for Store<K, C, R> {
    async fn node(&self, id: EntryId, level: u8) -> Result<Rc<Node>, StoreError> {
        if let Some(node) = self.cache.borrow_mut().get(id, level) {
            return Ok(node);
        }
        let node = Rc::new(Node::decode(&self.entry(id).await?, level)?);
        self.cache.borrow_mut().insert(id, Rc::clone(&node));
        Ok(node)
    }
}
