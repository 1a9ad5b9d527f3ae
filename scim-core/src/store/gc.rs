//! Deleting what no snapshot can need any more.
//!
//! Each commit writes the list of what it retired as an entry of its own. Now and then a writer
//! reads the lists of commits that are old enough, deletes what stands there, and has the next
//! commit of its store say how far it came. Deleting comes first and may be done twice; a crash
//! between leaves nothing behind.

use alloc::vec::Vec;

use super::address::{EntryId, RETIRED_SEQUENCE};
use super::kv::Kv;
use super::root::{Root, page_id, writes_page};
use super::wire::{Reader, put_varint};
use super::{Store, StoreError};
use crate::port::{Clock, Random};

/// A commit's retired nodes stay for at least this many later commits …
const KEEP_COMMITS: u64 = 256;
/// … and at least this many milliseconds.
const KEEP_MS: u64 = 60_000;
/// One of so many writers collects, while fewer commits than this are due; behind the last row
/// every one. It is drawn, since an instance may serve one request only.
const BACKLOGS: [(u64, u64); 2] = [(128, 16), (512, 4)];
/// Milliseconds between two collections when time, and not the number of commits, holds them up.
const PAUSE_MS: u64 = 500;
/// Fewer commits than this are not worth the calls.
const MIN_COMMITS: u64 = 16;
/// Most commits of one collection, so that no request waits for long.
const MAX_COMMITS: u64 = 64;
/// A collection ends after the commit that brings it above so many entries.
const MAX_ENTRIES: usize = 4096;
/// Ids in one part of a retire list; each takes at most 23 bytes.
const PART_IDS: usize = 8192;

/// The entries of a commit's retire list. The first has a name that follows from the commit's;
/// each names the one after it. `next` is the commit's first free name.
pub(super) fn encode_retired(
    time_ms: u64,
    ids: &[EntryId],
    next: EntryId,
) -> Result<Vec<(EntryId, Vec<u8>)>, StoreError> {
    let mut parts: Vec<&[EntryId]> = ids.chunks(PART_IDS).collect();
    if parts.is_empty() {
        parts.push(&[]);
    }
    let mut encoded = Vec::with_capacity(parts.len());
    let mut name = EntryId { sequence: RETIRED_SEQUENCE, ..next };
    let mut follower = next;
    let last = parts.len() - 1;
    for (position, part) in parts.into_iter().enumerate() {
        let mut bytes = Vec::new();
        put_varint(&mut bytes, time_ms);
        put_varint(&mut bytes, part.len() as u64);
        for id in part {
            id.encode(&mut bytes);
        }
        bytes.push(u8::from(position < last));
        if position < last {
            follower.encode(&mut bytes);
        }
        encoded.push((name, bytes));
        name = follower;
        follower.sequence = follower
            .sequence
            .checked_add(1)
            .ok_or(StoreError::Unavailable("a change is too large"))?;
    }
    Ok(encoded)
}

/// One part of a retire list.
struct Retired {
    time_ms: u64,
    ids: Vec<EntryId>,
    next: Option<EntryId>,
}

fn decode_retired(bytes: &[u8]) -> Result<Retired, StoreError> {
    let mut reader = Reader::new(bytes);
    let time_ms = reader.varint()?;
    let mut ids = Vec::new();
    for _ in 0..reader.number::<u32>()? {
        ids.push(EntryId::decode(&mut reader)?);
    }
    let next = if reader.byte()? == 0 { None } else { Some(EntryId::decode(&mut reader)?) };
    reader.end()?;
    Ok(Retired { time_ms, ids, next })
}

/// What a collection deletes: what was retired, and then the lists that say so.
#[derive(Default)]
struct Due {
    retired: Vec<EntryId>,
    lists: Vec<EntryId>,
}

impl<K: Kv, C: Clock, R: Random> Store<K, C, R> {
    /// All that the commits above `root.collected` have retired, and the lists and pages that say
    /// so: what a collection is yet to delete.
    pub(super) async fn pending(&self, root: &Root) -> Result<Vec<EntryId>, StoreError> {
        let mut pending: Vec<EntryId> = root.page_ids().collect();
        for number in root.collected + 1..=root.number {
            let Some(commit) = self.commit_id(root, number).await? else { continue };
            let mut next = Some(EntryId { base: number - 1, commit, sequence: RETIRED_SEQUENCE });
            while let Some(name) = next.take() {
                let part = match self.entry(name).await {
                    Ok(part) => decode_retired(&part)?,
                    // Collected meanwhile.
                    Err(StoreError::Moved) => break,
                    Err(error) => return Err(error),
                };
                pending.push(name);
                pending.extend(part.ids);
                next = part.next;
            }
        }
        Ok(pending)
    }

    /// Collects if it is this writer's turn: the more is due, the more often it is.
    pub(super) async fn collect_sometimes(&self) {
        let odds = self.odds();
        if self.clock.now_ms() < self.collect_after_ms.get() || !self.draw().is_multiple_of(odds) {
            return;
        }
        let Ok(Some(published)) = self.published().await else { return };
        let root = &published.root;
        let now_ms = self.clock.now_ms().min(root.time_ms);
        let due = root.number.saturating_sub(KEEP_COMMITS);
        let due = root.oldest_pin(now_ms).map_or(due, |pin| pin.min(due));
        let from = root.collected.max(self.collected.get());
        if due < from.saturating_add(MIN_COMMITS) {
            return;
        }
        let done = self.collect(root, from, due.min(from + MAX_COMMITS), now_ms).await;
        // Two of this store may have been at it at once.
        self.collected.set(self.collected.get().max(done));
    }

    /// One of so many writers collects.
    fn odds(&self) -> u64 {
        let backlog = self.backlog();
        BACKLOGS.iter().find(|(most, _)| backlog < *most).map_or(1, |(_, odds)| *odds)
    }

    /// Commits that are due as far as this store knows.
    fn backlog(&self) -> u64 {
        let Some(seen) = self.seen() else { return 0 };
        let from = seen.root.collected.max(self.collected.get());
        seen.root.number.saturating_sub(KEEP_COMMITS).saturating_sub(from)
    }

    /// Deletes what the commits above `from` and up to `last` retired, as far as it is old enough.
    /// Returns the number of the last one of which nothing is left.
    async fn collect(&self, root: &Root, from: u64, last: u64, now_ms: u64) -> u64 {
        let mut due = Due::default();
        let mut done = from;
        while done < last && due.retired.len() < MAX_ENTRIES {
            // A failure ends the collection where it is; the next one starts there.
            match self.gather(root, done + 1, now_ms, &mut due).await {
                Ok(true) => done += 1,
                Ok(false) | Err(_) => break,
            }
        }
        let deleted = self.delete(&due.retired).await && self.delete(&due.lists).await;
        if deleted { done } else { from }
    }

    /// Adds to `due` what commit `number` retired; says whether it was old enough.
    async fn gather(
        &self,
        root: &Root,
        number: u64,
        now_ms: u64,
        due: &mut Due,
    ) -> Result<bool, StoreError> {
        // A commit that no page knows any more has been collected, or is left to a sweep.
        let Some(commit) = self.commit_id(root, number).await? else { return Ok(true) };
        let first = EntryId { base: number - 1, commit, sequence: RETIRED_SEQUENCE };
        let mut next = Some(first);
        let mut found = Due::default();
        while let Some(name) = next {
            let part = match self.entry(name).await {
                Ok(part) => decode_retired(&part)?,
                // Somebody else has collected this one, or is doing so.
                Err(StoreError::Moved) => break,
                Err(error) => return Err(error),
            };
            let old_at_ms = part.time_ms.saturating_add(KEEP_MS);
            if old_at_ms > now_ms {
                // Not at once when the first is old enough, but when it is worth the calls again.
                self.collect_after_ms.set(old_at_ms.saturating_add(PAUSE_MS));
                return Ok(false);
            }
            found.retired.extend(part.ids);
            found.lists.push(name);
            next = part.next;
        }
        due.retired.append(&mut found.retired);
        due.lists.append(&mut found.lists);
        if writes_page(number) {
            due.lists.push(page_id(number, commit));
        }
        Ok(true)
    }
}
