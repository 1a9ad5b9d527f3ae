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

const VERSION: u8 = 2;
/// A root without pins.
const VERSION_UNPINNED: u8 = 1;
const ID_BYTES: usize = size_of::<CommitId>();
/// Commit ids that a root holds. 64 were measured to be too few.
pub(super) const RECENT_COMMITS: usize = 1024;
/// Commits from one page to the next. Less than half of [`RECENT_COMMITS`], or ids would get lost.
pub(super) const PAGE_COMMITS: u32 = 512;
/// Pages that a root names at most; above, the oldest are forgotten and their nodes left behind.
const MAX_PAGES: usize = 4096;
/// Most versions that long readers hold at once; each makes every root some 40 bytes longer.
pub(super) const MAX_PINS: usize = 16;

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
    /// Versions that long readers hold.
    pub(super) pins: Vec<Pinned>,
}

/// A version whose nodes are kept until `expires_ms`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pinned {
    pub(super) id: u64,
    pub(super) expires_ms: u64,
    /// Number and time of its commit.
    pub(super) number: u64,
    pub(super) time_ms: u64,
    pub(super) tree: Tree,
}

/// What a commit does to the pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PinChange {
    /// Holds the version that the commit builds on, or holds it for longer if it is held already.
    Hold { id: u64, expires_ms: u64 },
    /// Lets it go.
    Release { id: u64 },
}

/// A commit, as the root that it makes sees it.
pub(super) struct Next<'a> {
    pub(super) commit: CommitId,
    pub(super) time_ms: u64,
    pub(super) tree: Tree,
    pub(super) pins: &'a [PinChange],
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
    pub(super) fn next(&self, made: &Next<'_>, collected: u64) -> (Self, Option<Vec<u8>>) {
        let Next { commit, time_ms, tree, pins } = *made;
        let mut next = Self { time_ms, tree, ..self.clone() };
        next.pins.retain(|pin| pin.expires_ms > time_ms);
        for change in pins {
            self.change_pin(&mut next.pins, *change);
        }
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

    fn change_pin(&self, pins: &mut Vec<Pinned>, change: PinChange) {
        match change {
            PinChange::Release { id } => pins.retain(|pin| pin.id != id),
            PinChange::Hold { id, expires_ms } => {
                if let Some(pin) = pins.iter_mut().find(|pin| pin.id == id) {
                    pin.expires_ms = pin.expires_ms.max(expires_ms);
                } else {
                    let Self { number, time_ms, tree, .. } = *self;
                    pins.push(Pinned { id, expires_ms, number, time_ms, tree });
                }
            }
        }
    }

    /// The root of a version that is held, as far as a reader needs it.
    pub(super) fn of_pin(pin: &Pinned) -> Self {
        let Pinned { number, time_ms, tree, .. } = *pin;
        Self { number, time_ms, tree, ..Self::default() }
    }

    /// The number of the oldest version that is held at `now_ms`.
    pub(super) fn oldest_pin(&self, now_ms: u64) -> Option<u64> {
        let held = self.pins.iter().filter(|pin| pin.expires_ms > now_ms);
        held.map(|pin| pin.number).min()
    }

    /// The names of the pages that are still needed.
    pub(super) fn page_ids(&self) -> impl Iterator<Item = EntryId> {
        self.pages.iter().map(|(number, commit)| page_id(*number, *commit))
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
        put_varint(&mut out, self.pins.len() as u64);
        for pin in &self.pins {
            out.extend_from_slice(&pin.id.to_be_bytes());
            put_varint(&mut out, pin.expires_ms);
            put_varint(&mut out, pin.number);
            put_varint(&mut out, pin.time_ms);
            pin.tree.encode(&mut out);
        }
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut reader = Reader::new(bytes);
        let version = reader.byte()?;
        if !(VERSION_UNPINNED..=VERSION).contains(&version) {
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
        let pins = if version == VERSION_UNPINNED { 0 } else { reader.number::<u32>()? };
        for _ in 0..pins {
            let (id, expires_ms) = (reader.u64_be()?, reader.varint()?);
            let (number, time_ms) = (reader.varint()?, reader.varint()?);
            let tree = Tree::decode(&mut reader)?;
            root.pins.push(Pinned { id, expires_ms, number, time_ms, tree });
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

    fn made(commit: CommitId, time_ms: u64) -> Next<'static> {
        Next { commit, time_ms, tree: Tree::default(), pins: &[] }
    }

    #[test]
    fn every_commit_since_the_last_collection_is_found() {
        let mut root = Root::default();
        let mut stored = BTreeMap::new();
        for number in 1..=5000_u64 {
            let collected = number.saturating_sub(3000);
            let (next, page) = root.next(&made(number * 7, number), collected);
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
    fn a_pin_holds_the_version_below_its_commit_until_it_expires_or_is_released() {
        let step = |root: &Root, time_ms, pins: &[PinChange]| {
            let (next, _) = root.next(&Next { pins, ..made(1, time_ms) }, 0);
            Root::decode(&next.encode()).expect("decodes")
        };
        let root = step(&Root::default(), 10, &[]);
        let root = step(&root, 11, &[PinChange::Hold { id: 1, expires_ms: 20 }]);
        let root = step(&root, 12, &[PinChange::Hold { id: 2, expires_ms: 30 }]);
        assert_eq!(root.oldest_pin(19), Some(1));
        assert_eq!(root.oldest_pin(20), Some(2));
        let renewed = step(&root, 13, &[PinChange::Hold { id: 1, expires_ms: 40 }]);
        assert_eq!(renewed.oldest_pin(39), Some(1));
        assert_eq!(step(&renewed, 14, &[PinChange::Release { id: 1 }]).oldest_pin(15), Some(2));
        assert_eq!(step(&renewed, 35, &[]).pins.len(), 1);
        assert_eq!(step(&renewed, 40, &[]).pins, []);
    }

    #[test]
    fn a_root_of_the_version_before_is_read() {
        let (root, _) = Root::default().next(&made(1, 1), 0);
        let mut bytes = root.encode();
        assert_eq!(bytes.pop(), Some(0), "no pins");
        bytes[0] = VERSION_UNPINNED;
        assert_eq!(Root::decode(&bytes), Ok(root));
    }

    #[test]
    fn a_damaged_root_is_refused() {
        let pins = [PinChange::Hold { id: 7, expires_ms: 9 }];
        let (root, _) = Root::default().next(&Next { pins: &pins, ..made(1, 1) }, 0);
        assert_eq!(root.pins.len(), 1);
        let bytes = root.encode();
        for length in 0..bytes.len() {
            assert!(Root::decode(&bytes[..length]).is_err());
        }
        assert!(Root::decode(&[&bytes[..], &[0]].concat()).is_err());
        assert!(Root::decode(&[&[9], &bytes[1..]].concat()).is_err());
    }
}
