//! Resources in the tree: bodies, and the indexes that always agree with them.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::index::Index;
use super::keys::{self, ResourceId};
use super::kv::Kv;
use super::record::Record;
use super::stretch::external_ids;
use super::{BodyId, Read, StoreError, Transaction, upkeep};
use crate::port::{Clock, Random};
use crate::protocol::Error;
use crate::schema::ResourceType;

/// The resource of that id.
///
/// # Errors
/// As [`Read`]; [`StoreError::Corrupt`] if what is stored is no resource.
pub async fn load(
    read: &impl Read,
    resource_type: &ResourceType,
    id: ResourceId,
) -> Result<Option<Record>, StoreError> {
    match read.get(&keys::resource(&resource_type.name, id)).await? {
        Some(pointer) => load_body(read, id, &pointer).await.map(Some),
        None => Ok(None),
    }
}

pub(super) async fn load_body(
    read: &impl Read,
    id: ResourceId,
    pointer: &[u8],
) -> Result<Record, StoreError> {
    let body = BodyId::from_bytes(pointer)?;
    Record::from_bytes(id, &read.body(&body).await?)
}

/// At most `limit` resources of a type, in the order of their creation, after `skip` of them.
///
/// # Errors
/// As [`load`].
pub async fn page(
    read: &impl Read,
    resource_type: &ResourceType,
    skip: u64,
    limit: usize,
) -> Result<Vec<Record>, StoreError> {
    records(read, keys::resources(&resource_type.name), skip, limit).await
}

async fn records(
    read: &impl Read,
    (start, end): keys::KeyRange,
    skip: u64,
    limit: usize,
) -> Result<Vec<Record>, StoreError> {
    let entries = read.range(&start, &end, skip, limit).await?;
    let mut records = Vec::with_capacity(entries.len());
    for (key, pointer) in entries {
        let id = keys::id_at_end(&key).ok_or(StoreError::Corrupt("a resource key"))?;
        records.push(load_body(read, id, &pointer).await?);
    }
    Ok(records)
}

/// At most `limit` resources of a type, in the order of their ids, after this one.
///
/// # Errors
/// As [`load`].
pub async fn after(
    read: &impl Read,
    resource_type: &ResourceType,
    id: ResourceId,
    limit: usize,
) -> Result<Vec<Record>, StoreError> {
    let mut start = keys::resource(&resource_type.name, id);
    // The smallest key above this one.
    start.push(0);
    records(read, (start, keys::resources(&resource_type.name).1), 0, limit).await
}

/// How many resources of a type there are.
///
/// # Errors
/// As [`Read`].
pub async fn count(read: &impl Read, resource_type: &ResourceType) -> Result<u64, StoreError> {
    let (start, end) = keys::resources(&resource_type.name);
    read.count(&start, &end).await
}

/// The type of the resource of that id: one of `types`, if there is such a resource.
///
/// # Errors
/// As [`Read`].
pub async fn type_of<'t>(
    read: &impl Read,
    types: &'t [ResourceType],
    id: ResourceId,
) -> Result<Option<&'t ResourceType>, StoreError> {
    for resource_type in types {
        if read.get(&keys::resource(&resource_type.name, id)).await?.is_some() {
            return Ok(Some(resource_type));
        }
    }
    Ok(None)
}

/// Stores a record in place of `old` (of nothing, at creation): body, pointer and indexes.
///
/// # Errors
/// 409 `uniqueness` naming the attribute whose value another resource has; as [`Read`] else.
pub async fn put<K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    resource_type: &ResourceType,
    old: Option<&Record>,
    new: &Record,
) -> Result<(), Error> {
    let indexes = upkeep::maintained(tx, resource_type).await?;
    let before = old.map(|record| entries(resource_type, &indexes, record)).unwrap_or_default();
    let after = entries(resource_type, &indexes, new);
    for (key, entry) in &after {
        if let (Entry::Unique(attribute), false) = (entry, before.contains_key(key))
            && tx.get(key).await?.is_some()
        {
            return Err(Error::uniqueness(attribute));
        }
    }
    for (key, entry) in before.iter().filter(|(key, _)| !after.contains_key(*key)) {
        delete(tx, key, entry, new.id).await?;
    }
    for (key, entry) in after {
        if !before.contains_key(&key) {
            let value = if let Entry::Unique(_) = entry { new.id.0.to_vec() } else { Vec::new() };
            tx.put(key, value);
        }
    }
    let key = keys::resource(&resource_type.name, new.id);
    retire_body(tx, &key).await?;
    let body = tx.put_body(&new.to_bytes()?);
    tx.put(key, body.to_bytes());
    Ok(())
}

/// Removes a record, its body and its indexes. Memberships are the caller's.
///
/// # Errors
/// As [`Read`].
pub async fn remove<K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    resource_type: &ResourceType,
    record: &Record,
) -> Result<(), StoreError> {
    let indexes = upkeep::maintained(tx, resource_type).await?;
    for (key, entry) in entries(resource_type, &indexes, record) {
        delete(tx, &key, &entry, record.id).await?;
    }
    let key = keys::resource(&resource_type.name, record.id);
    retire_body(tx, &key).await?;
    tx.delete(&key);
    Ok(())
}

/// Removes an entry of a resource. A unique value can be another one's, if it was not unique before.
async fn delete<K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    key: &[u8],
    entry: &Entry,
    id: ResourceId,
) -> Result<(), StoreError> {
    let is_own = match entry {
        Entry::Unique(_) => tx.get(key).await?.is_some_and(|holder| holder == id.0),
        Entry::Index => true,
    };
    if is_own {
        tx.delete(key);
    }
    Ok(())
}

async fn retire_body<K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    key: &[u8],
) -> Result<(), StoreError> {
    if let Some(pointer) = tx.get(key).await? {
        tx.retire_body(&BodyId::from_bytes(&pointer)?);
    }
    Ok(())
}

/// What an index entry is there for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    /// At most one resource has this value; the attribute's name.
    Unique(String),
    /// Any number may.
    Index,
}

/// The entries that every resource has whatever is configured, each with the name of what it is of.
pub(super) fn fixed_entries(
    resource_type: &ResourceType,
    record: &Record,
) -> Vec<(&'static str, Vec<u8>)> {
    let modified = keys::modified(&resource_type.name, record.modified_ms, record.id);
    let mut fixed = Vec::from([("meta.lastModified", modified)]);
    for (domain, external_id) in &record.external_ids {
        let keys = external_ids(resource_type, domain);
        fixed.push(("externalId", keys.key(external_id, Some(record.id))));
    }
    fixed
}

/// All entries that a record has in the tree beside its pointer.
fn entries(
    resource_type: &ResourceType,
    indexes: &[Index<'_>],
    record: &Record,
) -> BTreeMap<Vec<u8>, Entry> {
    let fixed = fixed_entries(resource_type, record).into_iter();
    let mut out: BTreeMap<_, _> = fixed.map(|(_, key)| (key, Entry::Index)).collect();
    for index in indexes {
        for key in index.entries(resource_type, record.id, &record.attributes) {
            let unique = index.is_unique().then(|| Entry::Unique(index.name()));
            out.insert(key, unique.unwrap_or(Entry::Index));
        }
    }
    out
}
