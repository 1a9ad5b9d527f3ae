//! The clients that a tenant keeps in its own tree: found by their tokens, changed by the
//! administrator.
//!
//! A client is one body: the same document as in the configuration. Bodies never change, so what
//! was read once is good for as long as the tree names it.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::audit::Audit;
use super::log::{self, Change};
use super::tenant::Tenant;
use crate::auth::{self, Client, Method, token};
use crate::port::{Clock, Kv, Random};
use crate::protocol::Error;
use crate::store::{BodyId, Read, StoreError, Transaction, keys};

/// Clients whose documents an instance keeps per tenant.
const CLIENTS_KEPT: usize = 256;
/// Tokens whose use an instance remembers until the next write.
const USES_KEPT: usize = 1024;
/// Seconds of a day.
pub(super) const DAY_S: u64 = 86_400;

const DAMAGED: StoreError = StoreError::Corrupt("a client");

/// What a tenant's instance knows of its clients.
#[derive(Default)]
pub(super) struct Known {
    /// By name: the pointer that the tree held, and what it pointed to.
    clients: BTreeMap<String, (Vec<u8>, Rc<Client>)>,
    /// Days of use that the tree does not know yet, by client and token.
    uses: BTreeMap<(String, String), u64>,
}

/// What a tenant's tree says of the tenant and of a token.
pub(super) struct Admission {
    /// Whether the tenant is let in, as far as the tree says.
    pub(super) enabled: Option<bool>,
    /// The token's client, or why it is none.
    pub(super) client: Result<Rc<Client>, Error>,
}

impl<K: Kv, C: Clock, R: Random> Tenant<K, C, R> {
    /// What the tree says of the tenant, and of the client whose static token this is.
    pub(super) async fn admission(&self, token: &[u8], now_s: u64) -> Result<Admission, Error> {
        let text = core::str::from_utf8(token).unwrap_or_default();
        let id = token::public_id(text).filter(|_| token::checksum_ok(text)).unwrap_or_default();
        let sha256 = Sha256::digest(token).into();
        self.store
            .read(async |read| {
                let enabled = enabled(read, &self.name).await?;
                // Also where there is no tenant or no id: the work is always the same.
                let client = match read.get(&keys::token(id)).await? {
                    Some(name) => {
                        let name = core::str::from_utf8(&name).map_err(|_| DAMAGED)?;
                        self.client(read, name).await?
                    }
                    None => None,
                };
                let client = self.opened_by(client, id, &sha256, now_s);
                Ok::<_, Error>(Admission { enabled, client })
            })
            .await
    }

    fn opened_by(
        &self,
        client: Option<Rc<Client>>,
        id: &str,
        sha256: &[u8; 32],
        now_s: u64,
    ) -> Result<Rc<Client>, Error> {
        let client = client.filter(|client| client.method == Method::Static);
        let client = client.ok_or_else(auth::unknown_token)?;
        let found = client.tokens.iter().find(|token| token.id.as_deref() == Some(id));
        let found = found.filter(|token| token.matches(sha256)).ok_or_else(auth::unknown_token)?;
        found.check(now_s)?;
        if !client.enabled {
            return Err(auth::disabled());
        }
        self.note_use(&client, id, now_s / DAY_S);
        Ok(client)
    }

    /// Remembers that a token was used, for the next write of anybody.
    pub(super) fn note_use(&self, client: &Client, id: &str, day: u64) {
        let token = client.tokens.iter().find(|token| token.id.as_deref() == Some(id));
        let mut known = self.known.borrow_mut();
        if token.is_some_and(|token| token.used_day < Some(day)) && known.uses.len() < USES_KEPT {
            known.uses.insert((client.name.clone(), id.to_owned()), day);
        }
    }

    /// The client of that name.
    pub(super) async fn client(
        &self,
        read: &impl Read,
        name: &str,
    ) -> Result<Option<Rc<Client>>, StoreError> {
        let Some(pointer) = read.get(&keys::client(name)).await? else { return Ok(None) };
        if let Some((kept, client)) = self.known.borrow().clients.get(name)
            && *kept == pointer
        {
            return Ok(Some(Rc::clone(client)));
        }
        let bytes = read.body(&BodyId::from_bytes(&pointer)?).await?;
        let client: Value = serde_json::from_slice(&bytes).map_err(|_| DAMAGED)?;
        let client = Rc::new(Client::read(&client, "client").map_err(|_| DAMAGED)?);
        let mut known = self.known.borrow_mut();
        if known.clients.len() >= CLIENTS_KEPT {
            known.clients.clear();
        }
        known.clients.insert(name.to_owned(), (pointer, Rc::clone(&client)));
        Ok(Some(client))
    }

    /// Runs a job that writes resources. What it changed goes into the log with it, and so do the
    /// days on which tokens were used.
    ///
    /// # Errors
    /// Those of the job and of the store.
    pub(super) async fn commit<T>(
        &self,
        audit: &Audit,
        mut job: impl AsyncFnMut(&mut Transaction<'_, K, C, R>) -> Result<(T, Vec<Change>), Error>,
    ) -> Result<T, Error> {
        let uses: Vec<_> = self.known.borrow().uses.clone().into_iter().collect();
        let run = async |tx: &mut Transaction<'_, K, C, R>| {
            let (value, changes) = job(tx).await?;
            let writes = !changes.is_empty();
            if writes {
                let entries: Vec<Value> =
                    changes.iter().map(|change| log::of_change(change, audit)).collect();
                log::append(tx, &entries, self.config.log_entries).await?;
                self.write_uses(tx, &uses).await?;
            }
            Ok::<_, Error>((value, writes))
        };
        let (value, wrote) = self.store.transact(run).await?;
        if wrote {
            self.forget_uses(&uses);
        }
        Ok(value)
    }

    /// Runs a job of the administrator, which is logged as `operation` on `target`.
    ///
    /// # Errors
    /// Those of the job and of the store.
    pub(super) async fn administer<T>(
        &self,
        audit: &Audit,
        (operation, target): (&str, &str),
        mut job: impl AsyncFnMut(&mut Transaction<'_, K, C, R>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let uses: Vec<_> = self.known.borrow().uses.clone().into_iter().collect();
        let run = async |tx: &mut Transaction<'_, K, C, R>| {
            self.write_uses(tx, &uses).await?;
            let value = job(tx).await?;
            let entry = log::of_act(operation, target, audit);
            log::append(tx, &[entry], self.config.log_entries).await?;
            // It rises also when a tenant is removed and made again: the time does.
            let known = revision(tx).await?.saturating_add(1);
            let revision = known.max(tx.now_ms()).to_be_bytes().to_vec();
            tx.put(keys::registry_revision(), revision);
            Ok::<_, Error>(value)
        };
        let value = self.store.transact(run).await?;
        self.forget_uses(&uses);
        Ok(value)
    }

    async fn write_uses(
        &self,
        tx: &mut Transaction<'_, K, C, R>,
        uses: &[((String, String), u64)],
    ) -> Result<(), StoreError> {
        for ((name, id), day) in uses {
            let Some(client) = self.client(tx, name).await? else { continue };
            let mut client = (*client).clone();
            let token = client.tokens.iter_mut().find(|token| token.id.as_ref() == Some(id));
            let Some(token) = token.filter(|token| token.used_day < Some(*day)) else { continue };
            token.used_day = Some(*day);
            put_client(tx, &client).await?;
        }
        Ok(())
    }

    fn forget_uses(&self, uses: &[((String, String), u64)]) {
        let mut known = self.known.borrow_mut();
        for (token, day) in uses {
            if known.uses.get(token) == Some(day) {
                known.uses.remove(token);
            }
        }
    }
}

/// The revision of the tenant's clients and providers, which only rises; 0 before the first.
///
/// # Errors
/// As [`Read`].
pub(super) async fn revision(read: &impl Read) -> Result<u64, StoreError> {
    let bytes = read.get(&keys::registry_revision()).await?;
    Ok(bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes))
}

/// Whether the tree says that the tenant is let in; `None` if it says nothing.
pub(super) async fn enabled(read: &impl Read, name: &str) -> Result<Option<bool>, StoreError> {
    let Some(bytes) = read.get(&keys::tenant(name)).await? else { return Ok(None) };
    let document: Value =
        serde_json::from_slice(&bytes).map_err(|_| StoreError::Corrupt("a tenant"))?;
    Ok(document.get("enabled").and_then(Value::as_bool))
}

/// Stores a client in place of the one of its name.
///
/// # Errors
/// As [`Read`].
pub(super) async fn put_client<K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    client: &Client,
) -> Result<(), StoreError> {
    let document = client.to_json(true);
    put_document(tx, keys::client(&client.name), &document).await
}

/// Stores a document as a body, and its pointer under `key`.
///
/// # Errors
/// As [`Read`].
pub(super) async fn put_document<K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    key: Vec<u8>,
    document: &Value,
) -> Result<(), StoreError> {
    remove_document(tx, &key).await?;
    let bytes = serde_json::to_vec(document).map_err(|_| StoreError::Corrupt("a document"))?;
    let body = tx.put_body(&bytes);
    tx.put(key, body.to_bytes());
    Ok(())
}

/// Removes a document and its pointer.
///
/// # Errors
/// As [`Read`].
pub(super) async fn remove_document<K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    key: &[u8],
) -> Result<(), StoreError> {
    if let Some(pointer) = tx.get(key).await? {
        tx.retire_body(&BodyId::from_bytes(&pointer)?);
        tx.delete(key);
    }
    Ok(())
}

/// All documents of a range of keys.
///
/// # Errors
/// As [`Read`]; [`StoreError::Corrupt`] for what is none.
pub(super) async fn documents(
    read: &impl Read,
    (start, end): &keys::KeyRange,
    most: usize,
) -> Result<Vec<Value>, StoreError> {
    let mut found = Vec::new();
    for (_, pointer) in read.range(start, end, 0, most).await? {
        let bytes = read.body(&BodyId::from_bytes(&pointer)?).await?;
        found.push(serde_json::from_slice(&bytes).map_err(|_| StoreError::Corrupt("a document"))?);
    }
    Ok(found)
}
