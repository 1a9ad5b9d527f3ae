//! Cursors: a place in a list that the client carries and cannot read or change (RFC 9865 §2).
//!
//! A cursor holds the last resource that was seen, never an offset: whatever is created, changed or
//! deleted meanwhile, what stands behind that place stands behind it still. It is encrypted and
//! authenticated by XChaCha20-Poly1305 under a key of the tenant's, and bound to the client and to
//! the query: given with another one it is as wrong as a forged one.

use alloc::string::{String, ToString};

use base64ct::{Base64UrlUnpadded, Encoding};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::sort::SortKey;
use crate::port::{Clock, Kv, Random};
use crate::protocol::Error;
use crate::protocol::query::{ListQuery, SortOrder};
use crate::store::keys::{self, ResourceId};
use crate::store::{Read, Store, StoreError};

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
/// Characters of a cursor; what is longer is none of ours. The longest have a text to sort by.
const CURSOR_CHARACTERS: usize = 4096;

/// Where a page begins or ends.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cursor {
    /// Whether the page is the one that ends there.
    pub(super) backwards: bool,
    /// The page holds what comes after this (before it, if backwards); `None` is the beginning.
    pub(super) after: Option<Position>,
    /// How many resources matched when the first page was made.
    pub(super) total: Option<u64>,
}

/// The place of one resource in a list.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Position {
    pub(super) key: Option<SortKey>,
    /// Name of its type.
    pub(super) resource_type: String,
    pub(super) id: ResourceId,
}

/// What is encrypted; one letter per field, since it travels in URIs.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    /// Seconds since 1970 from which on it is refused.
    e: u64,
    #[serde(default, skip_serializing_if = "is_false")]
    b: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n: Option<u64>,
    /// Type, id and key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    p: Option<(String, String, StoredKey)>,
}

/// A key to sort by; numbers are written as their bits, which no parser rounds.
#[derive(Serialize, Deserialize)]
enum StoredKey {
    O,
    B(bool),
    F(u64),
    /// Text, and instants as text of their number.
    I(String),
    T(String),
    /// An entry of the tree, in Base64.
    E(String),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// The refusal of a cursor that is none of ours, or not for this client and query.
pub(super) fn invalid() -> Error {
    Error::invalid_cursor("the cursor is not one of this query; begin with an empty one")
}

/// Makes and reads the cursors of one client's query.
pub(super) struct Sealer {
    cipher: XChaCha20Poly1305,
    /// What the cursors are bound to.
    bound: [u8; 32],
    now_s: u64,
}

impl Sealer {
    /// `key` is the tenant's, `types` are the names of the resource types that are listed.
    pub(super) fn new<'a>(
        key: &[u8; KEY_BYTES],
        tenant: &str,
        client: &str,
        types: impl Iterator<Item = &'a str>,
        query: &ListQuery,
        now_s: u64,
    ) -> Self {
        let mut hash = Sha256::new();
        let mut part = |text: &str| {
            hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(text);
        };
        part(tenant);
        part(client);
        part(&query.filter.as_ref().map(ToString::to_string).unwrap_or_default());
        part(&query.sort_by.as_ref().map(ToString::to_string).unwrap_or_default());
        part(if query.sort_order == SortOrder::Descending { "descending" } else { "ascending" });
        types.for_each(part);
        let cipher = XChaCha20Poly1305::new(key.into());
        Self { cipher, bound: hash.finalize().into(), now_s }
    }

    /// The text of a cursor that can be used for `seconds`. `nonce` must be random.
    ///
    /// # Errors
    /// 500, when it cannot be written.
    pub(super) fn seal(
        &self,
        cursor: &Cursor,
        seconds: u64,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<String, Error> {
        let fail = || Error::internal("the cursor cannot be written");
        let position = cursor.after.as_ref().map(|after| {
            let key = StoredKey::of(after.key.as_ref());
            (after.resource_type.clone(), after.id.to_text(), key)
        });
        let e = self.now_s.saturating_add(seconds);
        let stored = Stored { e, b: cursor.backwards, n: cursor.total, p: position };
        let plain = serde_json::to_vec(&stored).map_err(|_| fail())?;
        let payload = Payload { msg: &plain, aad: &self.bound };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload);
        let mut bytes = nonce.to_vec();
        bytes.extend(sealed.map_err(|_| fail())?);
        Ok(Base64UrlUnpadded::encode_string(&bytes))
    }

    /// Reads the text of a cursor.
    ///
    /// # Errors
    /// `invalidCursor`, `expiredCursor`.
    pub(super) fn open(&self, text: &str) -> Result<Cursor, Error> {
        if text.len() > CURSOR_CHARACTERS {
            return Err(invalid());
        }
        let bytes = Base64UrlUnpadded::decode_vec(text).map_err(|_| invalid())?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or_else(invalid)?;
        let payload = Payload { msg: sealed, aad: &self.bound };
        let plain = self.cipher.decrypt(&XNonce::from(*nonce), payload);
        let plain = plain.map_err(|_| invalid())?;
        let stored: Stored = serde_json::from_slice(&plain).map_err(|_| invalid())?;
        if stored.e <= self.now_s {
            return Err(Error::expired_cursor("the cursor is too old; begin with an empty one"));
        }
        let after = stored.p.map(|(resource_type, id, key)| {
            let id = ResourceId::parse(&id)?;
            Some(Position { key: key.read()?, resource_type, id })
        });
        let after = match after {
            None => None,
            Some(position) => Some(position.ok_or_else(invalid)?),
        };
        Ok(Cursor { backwards: stored.b, after, total: stored.n })
    }
}

impl StoredKey {
    fn of(key: Option<&SortKey>) -> Self {
        match key {
            None => Self::O,
            Some(SortKey::Bool(value)) => Self::B(*value),
            Some(SortKey::Number(value)) => Self::F(value.to_bits()),
            Some(SortKey::Instant(value)) => Self::I(value.to_string()),
            Some(SortKey::Text(value)) => Self::T(value.clone()),
            Some(SortKey::Entry(key)) => Self::E(Base64UrlUnpadded::encode_string(key)),
        }
    }

    /// `None` if it is damaged.
    #[expect(clippy::option_option, reason = "damaged, missing, or there")]
    fn read(self) -> Option<Option<SortKey>> {
        Some(Some(match self {
            Self::O => return Some(None),
            Self::B(value) => SortKey::Bool(value),
            Self::F(bits) => SortKey::Number(f64::from_bits(bits)),
            Self::I(text) => SortKey::Instant(text.parse().ok()?),
            Self::T(text) => SortKey::Text(text),
            Self::E(text) => SortKey::Entry(Base64UrlUnpadded::decode_vec(&text).ok()?),
        }))
    }
}

/// The tenant's key. The first request for cursor paging makes it, no other one writes.
///
/// # Errors
/// As [`Store::transact`].
pub(super) async fn tenant_key<K: Kv, C: Clock, R: Random>(
    store: &Store<K, C, R>,
) -> Result<[u8; KEY_BYTES], StoreError> {
    let name = keys::cursor_key();
    if let Some(key) = store.read(async |read| read.get(&name).await).await? {
        return read_key(&key);
    }
    store
        .transact(async |tx| {
            if let Some(key) = tx.get(&name).await? {
                return read_key(&key);
            }
            let mut key = [0; KEY_BYTES];
            store.random().fill(&mut key);
            tx.put(name.clone(), key.to_vec());
            Ok(key)
        })
        .await
}

fn read_key(bytes: &[u8]) -> Result<[u8; KEY_BYTES], StoreError> {
    bytes.try_into().map_err(|_| StoreError::Corrupt("the key for cursors"))
}

/// A nonce: 24 random bytes do not repeat.
pub(super) fn nonce(random: &impl Random) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    random.fill(&mut nonce);
    nonce
}

#[cfg(test)]
mod tests;
