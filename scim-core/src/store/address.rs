//! Names of stored entries: which storage key belongs to what.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::StoreError;
use super::wire::{Reader, put_varint};

/// Bytes of the tenant name's hash that go into a storage key.
const TENANT_HASH: usize = 16;

/// The random name of one attempt to commit.
pub(super) type CommitId = u64;

/// Sequence number of the list of the ids of commits (see `root.rs`) among the entries of a commit.
pub(super) const PAGE_SEQUENCE: u32 = 0;
/// Sequence number of the first part of a commit's retire list.
pub(super) const RETIRED_SEQUENCE: u32 = 1;
/// Sequence number of the first node or body part of a commit.
pub(super) const FIRST_SEQUENCE: u32 = 2;

/// The name of an immutable entry: a node, a part of a body, a retire list or a page of commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct EntryId {
    /// Number of the commit that its writer built on.
    pub(super) base: u64,
    /// The writer's attempt.
    pub(super) commit: CommitId,
    /// Position among the entries of this attempt.
    pub(super) sequence: u32,
}

impl EntryId {
    pub(super) fn encode(self, out: &mut Vec<u8>) {
        put_varint(out, self.base);
        out.extend_from_slice(&self.commit.to_be_bytes());
        put_varint(out, u64::from(self.sequence));
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self { base: reader.varint()?, commit: reader.u64_be()?, sequence: reader.number()? })
    }
}

/// The storage keys of one tenant. Its name is hashed, so that no name reaches another's keys.
#[derive(Clone, Debug)]
pub(super) struct Names {
    tenant: String,
}

impl Names {
    pub(super) fn new(tenant: &str, generation: u32) -> Self {
        let mut name = String::with_capacity(TENANT_HASH * 2 + 9);
        for byte in Sha256::digest(tenant.as_bytes()).iter().take(TENANT_HASH) {
            // Writing to a String cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        let _ = write!(name, ".{generation:x}");
        Self { tenant: name }
    }

    /// The only entry that is ever overwritten.
    pub(super) fn root(&self) -> String {
        format!("t.{}.root", self.tenant)
    }

    /// The counter that decides who creates the root. It has a prefix of its own, since some
    /// engines break when a counter and a value meet.
    pub(super) fn guard(&self) -> String {
        format!("guard.{}", self.tenant)
    }

    pub(super) fn entry(&self, id: EntryId) -> String {
        format!("t.{}.{:016x}.{:016x}.{:x}", self.tenant, id.base, id.commit, id.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_keys_hold_only_what_every_engine_takes() {
        let names = Names::new("Ünïcode / \\ # ? tenant", u32::MAX);
        let id = EntryId { base: u64::MAX, commit: u64::MAX, sequence: u32::MAX };
        for key in [names.root(), names.guard(), names.entry(id)] {
            assert!(key.len() <= 250);
            assert!(
                key.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b)),
                "{key}"
            );
        }
    }

    #[test]
    fn tenants_and_generations_share_no_key() {
        let all = [("a", 0), ("a", 1), ("a.1", 0), ("", 0), ("a.", 1)];
        let keys: alloc::collections::BTreeSet<String> =
            all.iter().map(|(tenant, generation)| Names::new(tenant, *generation).root()).collect();
        assert_eq!(keys.len(), all.len());
    }

    #[test]
    fn an_entry_id_survives_encoding() {
        for (base, sequence) in [(0, 0), (127, 128), (u64::MAX, u32::MAX)] {
            let id = EntryId { base, commit: 0x0123_4567_89ab_cdef, sequence };
            let mut bytes = Vec::new();
            id.encode(&mut bytes);
            assert_eq!(EntryId::decode(&mut Reader::new(&bytes)), Ok(id));
        }
    }
}
