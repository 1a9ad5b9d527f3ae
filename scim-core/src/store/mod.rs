//! The store: one immutable, counted tree per tenant, published by one pointer.
//!
//! All that a tenant holds is one ordered map. It is kept as a copy-on-write B+ tree whose nodes
//! are entries of a key-value engine ([`kv::Kv`]) that never change. A writer reads the root
//! record, writes new nodes under new names, and publishes them by a single compare-and-swap of
//! that record; nothing else is ever overwritten. So a change of any size is all or nothing, a
//! reader sees one version for as long as it likes, and what a job checked still holds when its
//! change is published.
//!
//! ```
//! use scim_core::store::memory::{Memory, Seeded, VirtualClock};
//! use scim_core::store::{Options, Read as _, Store, StoreError, prefix_end};
//!
//! # pollster::block_on(async {
//! let store = Store::new(Memory::new(), VirtualClock::new(0), Seeded::new(1), Options::default());
//! store
//!     .transact(async |tx| {
//!         if tx.get(b"unique/ada").await?.is_none() {
//!             tx.put(b"unique/ada".to_vec(), b"1".to_vec());
//!         }
//!         Ok::<_, StoreError>(())
//!     })
//!     .await?;
//! let snapshot = store.snapshot().await?;
//! assert_eq!(snapshot.count(b"unique/", &prefix_end(b"unique/")).await?, 1);
//! # Ok::<_, StoreError>(())
//! # }).expect("memory does not fail");
//! ```

mod address;
mod body;
mod cache;
mod check;
mod commit;
pub mod directory;
mod error;
mod gc;
mod group;
pub mod index;
pub mod keys;
pub mod members;
pub mod memory;
mod node;
mod pin;
pub mod record;
mod root;
mod snapshot;
pub mod stretch;
mod sweep;
mod tenant;
mod transact;
mod transaction;
pub mod transfer;
mod tree;
pub mod upkeep;
mod wire;
mod write;

#[cfg(test)]
mod tests;

pub use crate::port::kv;
pub use body::BodyId;
pub use check::{Finding, MAX_FINDINGS, Report};
pub use error::StoreError;
pub use pin::{PIN_MS, Pin, PinId};
pub use snapshot::{Read, Snapshot, prefix_end};
pub use sweep::{Amount, Space};
pub use tenant::{Options, Store};
pub use transaction::{Savepoint, Transaction};
pub use tree::Entry;

/// Most bytes of a key in the tree. Longer attribute values are cut to a prefix and a hash.
pub const MAX_TREE_KEY: usize = 512;
/// Most bytes of a value in the tree, so that a full leaf fits a stored value. What is longer is
/// a body.
pub const MAX_TREE_VALUE: usize = 3072;
