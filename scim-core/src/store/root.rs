//! The root record: the one entry of a tenant that is overwritten, by compare-and-swap only.
//!
//! It names the tree, and the latest commits by their ids: whoever does not know whether its swap
//! succeeded finds the answer there. The same ids are the queue of retire lists. A burst of writes
//! retires faster than the time that nodes are kept allows to delete; therefore every
//! [`PAGE_COMMITS`]th commit writes the ids that will leave the list into an entry of its own, a
//! *page*, and the root names the pages that still are needed.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::StoreError;
use super::address::{CommitId, EntryId, PAGE_SEQUENCE};
use super::tree::Tree;
use super::wire::{Reader, put_bytes, put_varint};

const VERSION: u8 = 1;
const ID_BYTES: usize = size_of::<CommitId>();
/// Commit ids that a root holds. 64 were measured to be too few.
pub(super) const RECENT_COMMITS: usize = 1024;
/// Commits from one page to the next. Less than half of [`RECENT_COMMITS`], or ids would get lost.
pub(super) const PAGE_COMMITS: u32 = 512;
/// Pages that a root names at most; above, the oldest are forgotten and their nodes left behind.
const MAX_PAGES: usize = 4096;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Root {
    /// Commits so far.
    pub(super) number: u64,
    /// Time of the latest commit in milliseconds since 1970; rises with every commit.
    pub(super) time_ms: u64,
    pub(super) tree: Tree,
    /// The retired nodes of all commits up to this one are deleted.
    pub(super) collected: u64,
    /// Ids of the latest commits, the latest last, in the bytes in which they are stored: every
    /// read of the tenant decodes a root, and hardly any looks at them.
    recent: Vec<u8>,
    /// Commits that wrote a page, as number and id, the latest last.
    pages: VecDeque<(u64, CommitId)>,
}

/// Where the id of a commit is to be found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Whereabouts {
    Here(CommitId),
    /// In this page at this position.
    Page(EntryId, usize),
    Nowhere,
}

impl Root {
    /// The root that follows this one. The page that its commit must write, if any, comes along.
    pub(super) fn next(
        &self,
        commit: CommitId,
        time_ms: u64,
        tree: Tree,
        collected: u64,
    ) -> (Self, Option<Vec<u8>>) {
        let mut next = Self { time_ms, tree, ..self.clone() };
        next.number = next.number.saturating_add(1);
        next.collected = self.collected.max(collected);
        next.recent.extend_from_slice(&commit.to_be_bytes());
        let spare = next.recent.len().saturating_sub(RECENT_COMMITS * ID_BYTES);
        next.recent.drain(..spare);
        while next.pages.front().is_some_and(|(number, _)| *number <= next.collected) {
            next.pages.pop_front();
        }
        if !writes_page(next.number) {
            return (next, None);
        }
        next.pages.push_back((next.number, commit));
        if next.pages.len() > MAX_PAGES {
            next.pages.pop_front();
        }
        let skipped = next.recent.len().saturating_sub(PAGE_COMMITS as usize * ID_BYTES);
        let page = next.recent.get(skipped..).map(<[u8]>::to_vec);
        (next, page)
    }

    /// Where to find the id of the commit with this number.
    pub(super) fn whereabouts(&self, number: u64) -> Whereabouts {
        let Some(age) = self.number.checked_sub(number) else { return Whereabouts::Nowhere };
        let from_end = usize::try_from(age).unwrap_or(usize::MAX).saturating_add(1);
        if let Some(position) = (self.recent.len() / ID_BYTES).checked_sub(from_end)
            && let Ok(id) = id_in_page(&self.recent, position)
        {
            return Whereabouts::Here(id);
        }
        // The first page from this number on; it lists the commits up to its own.
        let page = self.pages.iter().find(|(last, _)| *last >= number);
        let position = page.and_then(|(last, _)| {
            (PAGE_COMMITS as usize).checked_sub(1 + usize::try_from(last - number).ok()?)
        });
        match (page, position) {
            (Some((last, commit)), Some(at)) => Whereabouts::Page(page_id(*last, *commit), at),
            _ => Whereabouts::Nowhere,
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.recent.len() + 12 * self.pages.len());
        out.push(VERSION);
        put_varint(&mut out, self.number);
        put_varint(&mut out, self.time_ms);
        put_varint(&mut out, self.collected);
        self.tree.encode(&mut out);
        put_bytes(&mut out, &self.recent);
        put_varint(&mut out, self.pages.len() as u64);
        for (number, id) in &self.pages {
            put_varint(&mut out, *number);
            out.extend_from_slice(&id.to_be_bytes());
        }
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != VERSION {
            return Err(StoreError::Corrupt("the root record is of an unknown version"));
        }
        let (number, time_ms, collected) = (reader.varint()?, reader.varint()?, reader.varint()?);
        let tree = Tree::decode(&mut reader)?;
        let mut root = Self { number, time_ms, tree, collected, ..Self::default() };
        root.recent = reader.bytes()?.to_vec();
        if !root.recent.len().is_multiple_of(ID_BYTES) {
            return Err(StoreError::Corrupt("a commit id is cut off"));
        }
        for _ in 0..reader.number::<u32>()? {
            root.pages.push_back((reader.varint()?, reader.u64_be()?));
        }
        reader.end()?;
        Ok(root)
    }
}

/// Whether the commit of this number writes a page.
pub(super) fn writes_page(number: u64) -> bool {
    number.is_multiple_of(u64::from(PAGE_COMMITS))
}

/// The name of the page that commit `number` wrote.
pub(super) fn page_id(number: u64, commit: CommitId) -> EntryId {
    EntryId { base: number.saturating_sub(1), commit, sequence: PAGE_SEQUENCE }
}

/// The id at `position` of a page.
pub(super) fn id_in_page(page: &[u8], position: usize) -> Result<CommitId, StoreError> {
    let mut reader = Reader::new(page);
    reader.take(position.saturating_mul(ID_BYTES))?;
    reader.u64_be()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;

    #[test]
    fn every_commit_since_the_last_collection_is_found() {
        let mut root = Root::default();
        let mut stored = BTreeMap::new();
        for number in 1..=5000_u64 {
            let collected = number.saturating_sub(3000);
            let (next, page) = root.next(number * 7, number, Tree::default(), collected);
            root = Root::decode(&next.encode()).expect("decodes");
            assert_eq!(root, next);
            assert_eq!(page.is_some(), number % 512 == 0);
            if let Some(page) = page {
                stored.insert(page_id(number, number * 7), page);
            }
        }
        for number in root.collected + 1..=5000 {
            let id = match root.whereabouts(number) {
                Whereabouts::Here(id) => id,
                Whereabouts::Page(page, position) => {
                    id_in_page(&stored[&page], position).expect("in the page")
                }
                Whereabouts::Nowhere => panic!("commit {number} is lost"),
            };
            assert_eq!(id, number * 7);
        }
        assert_eq!(root.whereabouts(5001), Whereabouts::Nowhere);
        assert_eq!(root.whereabouts(1), Whereabouts::Nowhere);
    }

    #[test]
    fn a_damaged_root_is_refused() {
        let (root, _) = Root::default().next(1, 1, Tree::default(), 0);
        let bytes = root.encode();
        for length in 0..bytes.len() {
            assert!(Root::decode(&bytes[..length]).is_err());
        }
        assert!(Root::decode(&[&bytes[..], &[0]].concat()).is_err());
        assert!(Root::decode(&[&[9], &bytes[1..]].concat()).is_err());
    }
}
