//! A resource as it is stored: its attributes, and what the service knows of it.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::StoreError;
use super::keys::ResourceId;
use crate::protocol::json::Object;

/// A stored resource. Memberships are entries of the tree, not part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its identifier.
    pub id: ResourceId,
    /// When it was created, in milliseconds since 1970.
    pub created_ms: u64,
    /// When it was last changed, in milliseconds since 1970.
    pub modified_ms: u64,
    /// The number of the commit that changed it last: its version.
    pub version: u64,
    /// `externalId` per provisioning domain (RFC 7643 §3.1).
    pub external_ids: BTreeMap<String, String>,
    /// The attributes, canonical, without `id`, `externalId`, `meta`, `schemas` and memberships.
    pub attributes: Object,
}

/// The stored form; one letter per field, since every resource carries the names.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    c: u64,
    m: u64,
    v: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    e: BTreeMap<String, String>,
    a: Object,
}

impl Record {
    /// The bytes of the body.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if the attributes cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StoreError> {
        let stored = Stored {
            c: self.created_ms,
            m: self.modified_ms,
            v: self.version,
            e: self.external_ids.clone(),
            a: self.attributes.clone(),
        };
        serde_json::to_vec(&stored).map_err(|_| StoreError::Corrupt("a resource body"))
    }

    /// Reads a body.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it is none.
    pub fn from_bytes(id: ResourceId, bytes: &[u8]) -> Result<Self, StoreError> {
        let stored: Stored =
            serde_json::from_slice(bytes).map_err(|_| StoreError::Corrupt("a resource body"))?;
        let Stored { c, m, v, e, a } = stored;
        Ok(Self { id, created_ms: c, modified_ms: m, version: v, external_ids: e, attributes: a })
    }

    /// The attributes with the `externalId` of one domain among them, as a client of it sees them.
    #[must_use]
    pub fn seen_from(&self, domain: &str) -> Object {
        let mut object = self.attributes.clone();
        if let Some(external_id) = self.external_ids.get(domain) {
            object.insert("externalId".into(), external_id.as_str().into());
        }
        object
    }

    /// Takes attributes as a client of `domain` sees them; other domains' identifiers stay.
    pub fn set_seen_from(&mut self, domain: &str, mut object: Object) {
        match object.remove("externalId") {
            Some(Value::String(text)) => self.external_ids.insert(domain.to_owned(), text),
            _ => self.external_ids.remove(domain),
        };
        for service_made in ["id", "meta", "schemas"] {
            object.remove(service_made);
        }
        self.attributes = object;
    }
}
