//! Group membership as entries of the tree, in both directions (RFC 7643 §4.2, §4.1.2).
//!
//! To add, remove or test one member touches that member's two entries and reads no other.

use alloc::string::String;
use alloc::vec::Vec;

use super::keys::{self, ResourceId};
use super::kv::Kv;
use super::{Read, StoreError, Transaction};
use crate::port::{Clock, Random};

/// Entries read at once when a whole list is walked.
const WALK: usize = 1000;

/// A member of a group: its id, and the name of its resource type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The member.
    pub id: ResourceId,
    /// `User` or `Group`.
    pub resource_type: String,
}

/// Adds a member; whether it was not one before.
///
/// # Errors
/// As [`Read`].
pub async fn add<K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    group: ResourceId,
    member: &Member,
) -> Result<bool, StoreError> {
    let key = keys::member(group, member.id);
    if tx.get(&key).await?.is_some() {
        return Ok(false);
    }
    tx.put(key, member.resource_type.clone().into_bytes());
    tx.put(keys::group(member.id, group), Vec::new());
    Ok(true)
}

/// Removes a member; whether it was one.
///
/// # Errors
/// As [`Read`].
pub async fn remove<K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    group: ResourceId,
    member: ResourceId,
) -> Result<bool, StoreError> {
    let key = keys::member(group, member);
    if tx.get(&key).await?.is_none() {
        return Ok(false);
    }
    tx.delete(&key);
    tx.delete(&keys::group(member, group));
    Ok(true)
}

/// Whether `member` is in `group`.
///
/// # Errors
/// As [`Read`].
pub async fn contains(
    read: &impl Read,
    group: ResourceId,
    member: ResourceId,
) -> Result<bool, StoreError> {
    Ok(read.get(&keys::member(group, member)).await?.is_some())
}

/// How many members a group has.
///
/// # Errors
/// As [`Read`].
pub async fn count(read: &impl Read, group: ResourceId) -> Result<u64, StoreError> {
    let (start, end) = keys::members(group);
    read.count(&start, &end).await
}

/// The members of a group after this one, in the order of their ids; no more than are read at once.
/// None are left when it is empty.
///
/// # Errors
/// As [`Read`].
pub async fn page(
    read: &impl Read,
    group: ResourceId,
    after: Option<ResourceId>,
) -> Result<Vec<Member>, StoreError> {
    let (mut start, end) = keys::members(group);
    if let Some(after) = after {
        start = keys::member(group, after);
        // The smallest key above this one.
        start.push(0);
    }
    let entries = read.range(&start, &end, 0, WALK).await?;
    let member = |(key, value): (Vec<u8>, Vec<u8>)| {
        let id = keys::id_at_end(&key)?;
        Some(Member { id, resource_type: String::from_utf8(value).ok()? })
    };
    let corrupt = StoreError::Corrupt("a member key");
    entries.into_iter().map(|entry| member(entry).ok_or(corrupt)).collect()
}

/// Removes all members of a group.
///
/// # Errors
/// As [`Read`].
pub async fn clear<K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    group: ResourceId,
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let members = page(tx, group, after).await?;
        let Some(last) = members.last() else { return Ok(()) };
        after = Some(last.id);
        for member in members {
            tx.delete(&keys::member(group, member.id));
            tx.delete(&keys::group(member.id, group));
        }
    }
}

/// All groups that have a member.
///
/// # Errors
/// As [`Read`].
pub async fn groups_of(read: &impl Read, id: ResourceId) -> Result<Vec<ResourceId>, StoreError> {
    let entries = walk(read, keys::groups(id)).await?;
    Ok(entries.iter().filter_map(|(key, _)| keys::id_at_end(key)).collect())
}

async fn walk(
    read: &impl Read,
    (mut start, end): keys::KeyRange,
) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
    let mut all = Vec::new();
    loop {
        let page = read.range(&start, &end, 0, WALK).await?;
        let Some((last, _)) = page.last() else { return Ok(all) };
        start.clone_from(last);
        start.push(0);
        let is_last = page.len() < WALK;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}
