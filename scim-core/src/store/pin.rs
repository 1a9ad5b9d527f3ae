//! Holding one version for a long reader: an export, a check, a sweep.
//!
//! A pin is the number and the tree of a version, and a time of expiry, in the root record. While
//! it stands there nothing is deleted that this version needs. A reader that dies holds it for
//! [`PIN_MS`] only.

use core::cell::Cell;

use super::kv::Kv;
use super::root::{MAX_PINS, PinChange, Pinned, Root};
use super::snapshot::Published;
use super::{Snapshot, Store, StoreError};
use crate::port::{Clock, Random};
use alloc::rc::Rc;
use alloc::vec::Vec;

/// Milliseconds for which a pin stands if its reader does not come back.
pub const PIN_MS: u64 = 120_000;

/// The name of a pin, for a reader that goes on in another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PinId(pub u64);

/// A version that is kept for as long as its reader renews it.
pub struct Pin<'a, K, C, R> {
    snapshot: Snapshot<'a, K, C, R>,
    id: PinId,
    expires_ms: Cell<u64>,
}

impl<'a, K: Kv, C: Clock, R: Random> Pin<'a, K, C, R> {
    /// The version that is held.
    pub const fn snapshot(&self) -> &Snapshot<'a, K, C, R> {
        &self.snapshot
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> PinId {
        self.id
    }

    /// Renews the pin if half of its time is over, by a commit; else does nothing. To be called
    /// again and again by a long reader.
    ///
    /// # Errors
    /// [`StoreError::Moved`] when the pin has expired: what it held may be deleted. Else those of
    /// [`Store::transact`].
    pub async fn renew(&self) -> Result<(), StoreError> {
        let store = self.snapshot.store;
        if self.expires_ms.get() > store.clock.now_ms().saturating_add(PIN_MS / 2) {
            return Ok(());
        }
        let PinId(id) = self.id;
        let expires_ms = store
            .transact(async |tx| {
                let base = tx.draft.base.as_deref();
                let held = base.and_then(|base| held(&base.root, id, tx.now_ms()));
                held.ok_or(StoreError::Moved)?;
                let expires_ms = tx.now_ms().saturating_add(PIN_MS);
                tx.draft.pins.push(PinChange::Hold { id, expires_ms });
                Ok::<_, StoreError>(expires_ms)
            })
            .await?;
        self.expires_ms.set(expires_ms);
        Ok(())
    }

    /// Lets the version go, by a commit. A pin that is merely dropped stands until it expires.
    ///
    /// # Errors
    /// Those of [`Store::transact`].
    pub async fn release(self) -> Result<(), StoreError> {
        let PinId(id) = self.id;
        let release = PinChange::Release { id };
        let job = async |tx: &mut super::Transaction<'_, K, C, R>| {
            tx.draft.pins.push(release);
            Ok::<_, StoreError>(())
        };
        self.snapshot.store.transact(job).await
    }
}

/// The pin of this id, if it stands in `root` and has not expired.
fn held(root: &Root, id: u64, now_ms: u64) -> Option<&Pinned> {
    root.pins.iter().find(|pin| pin.id == id && pin.expires_ms > now_ms)
}

impl<K: Kv, C: Clock, R: Random> Store<K, C, R> {
    /// Holds the version that is published now for a long reader, by a commit.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] also when 16 versions are held already; else those of
    /// [`transact`](Self::transact).
    pub async fn pin(&self) -> Result<Pin<'_, K, C, R>, StoreError> {
        let id = self.draw();
        let (base, expires_ms) = self
            .transact(async |tx| {
                let pins = tx.draft.base.as_deref().map_or(&[][..], |base| &base.root.pins);
                let (now_ms, new) = (tx.now_ms(), tx.draft.pins.len());
                if pins.iter().filter(|pin| pin.expires_ms > now_ms).count() + new >= MAX_PINS {
                    return Err(StoreError::Unavailable("too many long readers"));
                }
                let expires_ms = now_ms.saturating_add(PIN_MS);
                tx.draft.pins.push(PinChange::Hold { id, expires_ms });
                Ok((tx.draft.base.clone(), expires_ms))
            })
            .await?;
        let snapshot = Snapshot::new(self, base);
        Ok(Pin { snapshot, id: PinId(id), expires_ms: Cell::new(expires_ms) })
    }

    /// A version that was [pinned](Self::pin) before, perhaps by another process; `None` if it is
    /// not held any more.
    ///
    /// # Errors
    /// Those of [`snapshot`](Self::snapshot).
    pub async fn pinned(&self, id: PinId) -> Result<Option<Pin<'_, K, C, R>>, StoreError> {
        let Some(published) = self.published().await? else { return Ok(None) };
        let Some(pin) = held(&published.root, id.0, self.clock.now_ms()) else { return Ok(None) };
        // Nobody swaps with it, so it needs no bytes.
        let version = Rc::new(Published { root: Root::of_pin(pin), bytes: Vec::new() });
        let snapshot = Snapshot::new(self, Some(version));
        Ok(Some(Pin { snapshot, id, expires_ms: Cell::new(pin.expires_ms) }))
    }
}
