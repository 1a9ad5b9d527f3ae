//! What a store holds and why, and deleting what it holds for nothing.
//!
//! A crash leaves entries behind that no root names. An entry that is based on a commit which is
//! no longer the newest can never be published any more: its writer's swap fails, and whoever tries
//! again writes all its entries under new names. So what is based on an older commit, and neither
//! stands in the tree nor waits for its collection, is a left-over. Writers may go on meanwhile.

use alloc::vec::Vec;

use super::address::EntryId;
use super::kv::{Kv, ListKeys, MAX_BATCH};
use super::node::Node;
use super::{BodyId, Pin, Store, StoreError};
use crate::port::{Clock, Random};

/// Parts of a body at most: 16 GiB. What seems to be the name of a longer one is none.
const MAX_PARTS: usize = 65_536;

/// Entries, and the bytes of their keys and values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many.
    pub entries: u64,
    /// Bytes of keys and values together.
    pub bytes: u64,
}

impl Amount {
    const fn add(&mut self, key: &str, value: u64) {
        self.entries += 1;
        self.bytes += key.len() as u64 + value;
    }
}

/// What the entries of a tenant are there for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// The root, the nodes of its tree, and the bodies.
    pub live: Amount,
    /// Retired by commits, and still kept for readers that began before.
    pub pending: Amount,
    /// Written on top of the version that was looked at, or of a later one.
    pub young: Amount,
    /// Left behind by crashes; a sweep has deleted them.
    pub orphans: Amount,
    /// Keys under this tenant's name that are not of this store's making. Nobody touches them.
    pub foreign: Amount,
}

impl<K: Kv + ListKeys, C: Clock, R: Random> Store<K, C, R> {
    /// Deletes what crashes have left behind, also while others read and write. Commits a few
    /// times: a long reader's pin.
    ///
    /// # Errors
    /// Those of [`pin`](Self::pin). What was deleted until then was of no use.
    pub async fn sweep(&self) -> Result<Space, StoreError> {
        self.survey(true).await
    }

    /// What the entries of this tenant are there for. Commits a pin, deletes nothing.
    ///
    /// # Errors
    /// Those of [`pin`](Self::pin).
    pub async fn space(&self) -> Result<Space, StoreError> {
        self.survey(false).await
    }

    async fn survey(&self, delete: bool) -> Result<Space, StoreError> {
        if self.published().await?.is_none() {
            return Ok(Space::default());
        }
        // Two commits: what was based on the newest commit so far is then based on an older one.
        let first = self.pin().await?;
        let pin = self.pin().await?;
        first.release().await?;
        let surveyed = self.survey_pinned(&pin, delete).await;
        let released = pin.release().await;
        let space = surveyed?;
        released?;
        Ok(space)
    }

    async fn survey_pinned(
        &self,
        pin: &Pin<'_, K, C, R>,
        delete: bool,
    ) -> Result<Space, StoreError> {
        let number = pin.snapshot().commit_number();
        let live = self.live(pin).await?;
        let root = self.published().await?.ok_or(StoreError::Moved)?;
        let mut pending = self.pending(&root.root).await?;
        pending.sort_unstable();
        pin.renew().await?;

        let mut space = Space::default();
        let mut orphans = Vec::new();
        let (prefix, root_key) = (self.names.prefix(), self.names.root());
        let mut from = None;
        loop {
            let (page, next) = self.kv.list_keys(&prefix, from.as_deref()).await?;
            for (key, bytes) in page {
                let amount = match self.names.id_of(&key) {
                    None if key == root_key => &mut space.live,
                    None => &mut space.foreign,
                    Some(id) if live.binary_search(&id).is_ok() => &mut space.live,
                    Some(id) if pending.binary_search(&id).is_ok() => &mut space.pending,
                    Some(id) if id.base >= number => &mut space.young,
                    Some(id) => {
                        if delete {
                            orphans.push(id);
                        }
                        &mut space.orphans
                    }
                };
                amount.add(&key, bytes);
            }
            if orphans.len() >= MAX_BATCH || next.is_none() {
                self.delete(&orphans).await;
                orphans.clear();
            }
            pin.renew().await?;
            from = next;
            if from.is_none() {
                return Ok(space);
            }
        }
    }

    /// The names of all nodes of a version and of all bodies that its tree names, in order.
    async fn live(&self, pin: &Pin<'_, K, C, R>) -> Result<Vec<EntryId>, StoreError> {
        let mut live = Vec::new();
        let tree = pin.snapshot().tree();
        let see = async |id: EntryId, node: &Node| {
            live.push(id);
            if let Node::Leaf(leaf) = node {
                // Whatever can be the name of a body counts as one: better too much than too little.
                let bodies = leaf.entries().filter_map(|(_, value)| BodyId::from_bytes(value).ok());
                live.extend(bodies.flat_map(|body| body.parts().take(MAX_PARTS)));
                pin.renew().await?;
            }
            Ok(())
        };
        tree.visit(self, see).await?;
        live.sort_unstable();
        Ok(live)
    }
}
