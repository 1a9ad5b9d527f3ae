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

    /// What all keys of the tenant but its guard's begin with.
    pub(super) fn prefix(&self) -> String {
        format!("t.{}.", self.tenant)
    }

    /// The name of the entry that has this key; `None` for the root, and for what is not ours.
    pub(super) fn id_of(&self, key: &str) -> Option<EntryId> {
        let mut parts = key.strip_prefix(&*self.prefix())?.split('.');
        let mut number = || u64::from_str_radix(parts.next()?, 16).ok();
        let (base, commit, sequence) = (number()?, number()?, number()?);
        let id = EntryId { base, commit, sequence: u32::try_from(sequence).ok()? };
        // There is one way to write each.
        (self.entry(id) == key).then_some(id)
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

    /// Names that look like parts of keys, generations that look like parts of names.
    #[test]
    fn no_key_of_a_tenant_is_read_as_one_of_another() {
        let hex = "0".repeat(32);
        let mut tenants: Vec<String> = Vec::new();
        for name in ["", "a", "A", "a.0", ".", "guard", "root", "t", "ä", "a\u{308}", "\0", &hex] {
            for suffix in ["", ".0", ".root", ".0.0", "/..", "%2e", " "] {
                tenants.push(format!("{name}{suffix}"));
                tenants.push(format!("t.{name}{suffix}"));
            }
        }
        // The storage keys of one may serve as the name of another.
        let first = Names::new("a", 0);
        tenants.extend([first.root(), first.guard(), first.prefix(), first.tenant.clone()]);
        tenants.sort();
        tenants.dedup();
        let id = EntryId { base: 0x1234, commit: u64::MAX, sequence: 7 };
        let all: Vec<Names> = tenants
            .iter()
            .flat_map(|tenant| [0, 1, 0x10, u32::MAX].map(|raised| Names::new(tenant, raised)))
            .collect();
        for one in &all {
            assert_eq!(one.id_of(&one.entry(id)), Some(id));
            assert_eq!(one.id_of(&one.root()), None);
            for other in all.iter().filter(|other| other.tenant != one.tenant) {
                for key in [other.root(), other.guard(), other.entry(id)] {
                    assert!(!key.starts_with(&one.prefix()) && key != one.guard(), "{key}");
                    assert_eq!(one.id_of(&key), None);
                }
            }
        }
        let names: alloc::collections::BTreeSet<_> = all.iter().map(|n| &n.tenant).collect();
        assert_eq!(names.len(), all.len());
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
