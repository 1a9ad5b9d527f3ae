//! Resources in the tree: bodies, and the indexes that always agree with them.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use super::keys::{self, KeyRange, ResourceId};
use super::kv::Kv;
use super::record::Record;
use super::unique::{Unique, normalized, unique_attributes, values};
use super::{BodyId, Read, StoreError, Transaction};
use crate::port::{Clock, Random};
use crate::protocol::Error;
use crate::schema::{AttrType, Attribute, ResourceType};

/// The attributes that have an index beside the unique ones: what identity providers ask for.
const INDEXED: [(&str, Option<&str>); 2] = [("displayName", None), ("emails", Some("value"))];

/// Name of the index of `externalId`, which is kept per domain.
const EXTERNAL_ID: &str = "externalId";

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

async fn load_body(read: &impl Read, id: ResourceId, pointer: &[u8]) -> Result<Record, StoreError> {
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
    let (start, end) = keys::resources(&resource_type.name);
    let entries = read.range(&start, &end, skip, limit).await?;
    let mut records = Vec::with_capacity(entries.len());
    for (key, pointer) in entries {
        let id = keys::id_at_end(&key).ok_or(StoreError::Corrupt("a resource key"))?;
        records.push(load_body(read, id, &pointer).await?);
    }
    Ok(records)
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
    let before = old.map(|record| entries(resource_type, record)).unwrap_or_default();
    let after = entries(resource_type, new);
    for (key, entry) in &after {
        if let (Entry::Unique(attribute), false) = (entry, before.contains_key(key))
            && tx.get(key).await?.is_some()
        {
            return Err(Error::uniqueness(attribute));
        }
    }
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        tx.delete(key);
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
    for key in entries(resource_type, record).into_keys() {
        tx.delete(&key);
    }
    let key = keys::resource(&resource_type.name, record.id);
    retire_body(tx, &key).await?;
    tx.delete(&key);
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

/// All entries that a record has in the tree beside its pointer.
fn entries(resource_type: &ResourceType, record: &Record) -> BTreeMap<Vec<u8>, Entry> {
    let name = &*resource_type.name;
    let mut out = BTreeMap::new();
    out.insert(keys::modified(name, record.modified_ms, record.id), Entry::Index);
    for (domain, external_id) in &record.external_ids {
        let value = external_value(domain, external_id);
        out.insert(keys::index(name, EXTERNAL_ID, &value, record.id), Entry::Index);
    }
    for (attribute, sub) in indexed_attributes(resource_type) {
        for value in values(&record.attributes, attribute, sub) {
            out.insert(keys::index(name, &attribute.name, &value, record.id), Entry::Index);
        }
    }
    for unique in unique_attributes(resource_type) {
        for value in unique.values(&record.attributes) {
            out.insert(unique.key(resource_type, &value), Entry::Unique(unique.name()));
        }
    }
    out
}

fn indexed_attributes(
    resource_type: &ResourceType,
) -> impl Iterator<Item = (&Attribute, Option<&Attribute>)> {
    INDEXED.into_iter().filter_map(|(name, sub)| {
        let attribute = resource_type.schema.attribute(name)?;
        let sub = sub.map(|sub| attribute.sub(sub).ok_or(())).transpose().ok()?;
        // A custom type may use the name for something else.
        (sub.unwrap_or(attribute).kind == AttrType::String).then_some((attribute, sub))
    })
}

fn external_value(domain: &str, external_id: &str) -> String {
    format!("{domain}\0{external_id}")
}

/// How an equality finds its resources without looking at others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// One entry, whose value is the id.
    Unique(Vec<u8>),
    /// A range of entries, whose keys end with the id.
    Range(KeyRange),
}

/// The look-up for `attribute[.sub] eq value`, if an index serves it.
#[must_use]
pub fn lookup(
    resource_type: &ResourceType,
    domain: &str,
    attribute: &str,
    sub: Option<&str>,
    value: &str,
) -> Option<Lookup> {
    let name = &*resource_type.name;
    if attribute == EXTERNAL_ID && sub.is_none() {
        let value = external_value(domain, value);
        return Some(Lookup::Range(keys::indexed(name, EXTERNAL_ID, &value)));
    }
    let text = Value::from(value);
    for (found, indexed_sub) in indexed_attributes(resource_type) {
        // A comparison with a complex attribute means its `value` (RFC 7643 §2.4).
        let names_sub = sub == indexed_sub.map(|sub| &*sub.name);
        let means_value = sub.is_none() && indexed_sub.is_some_and(|sub| sub.name == "value");
        if found.name == *attribute && (names_sub || means_value) {
            let value = normalized(indexed_sub.unwrap_or(found), &text)?;
            return Some(Lookup::Range(keys::indexed(name, attribute, &value)));
        }
    }
    let found = Unique::find(resource_type, attribute, sub)?;
    let value = normalized(found.leaf(), &text)?;
    Some(Lookup::Unique(found.key(resource_type, &value)))
}

/// The ids that a look-up finds, at most `limit`.
///
/// # Errors
/// As [`Read`].
pub async fn find(
    read: &impl Read,
    lookup: &Lookup,
    limit: usize,
) -> Result<Vec<ResourceId>, StoreError> {
    match lookup {
        Lookup::Unique(key) => {
            let id = read.get(key).await?.and_then(|value| keys::id_at_end(&value));
            Ok(id.into_iter().collect())
        }
        Lookup::Range((start, end)) => {
            let entries = read.range(start, end, 0, limit).await?;
            Ok(entries.iter().filter_map(|(key, _)| keys::id_at_end(key)).collect())
        }
    }
}
