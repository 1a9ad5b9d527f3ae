//! SCIM clients: listed, created, edited, removed.

use alloc::rc::Rc;
use alloc::string::ToString;
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::act::Act;
use super::{SharedTenant, invalid, is_configured, list, unknown};
use crate::auth::{Client, Method, ProviderKind, Providers};
use crate::port::{Clock, Kv, Random};
use crate::protocol::Error;
use crate::protocol::json::Object;
use crate::service::access::{documents, put_client, remove_document};
use crate::service::answer::Answer;
use crate::service::tenants::DEFAULT;
use crate::store::{Read, Transaction, keys};

/// Clients of one tenant.
const CLIENTS: usize = 1000;
/// Bytes of a mapping.
const MAPPING_BYTES: usize = 64 * 1024;

/// What may be said of a client; its tokens have paths of their own.
const FIELDS: [&str; 11] = [
    "delete",
    "dialect",
    "enabled",
    "mapping",
    "method",
    "name",
    "provider",
    "rate_limit",
    "scopes",
    "subject",
    "user",
];

impl<K: Kv, C: Clock, R: Random> SharedTenant<K, C, R> {
    /// The base URL that clients of this tenant are given.
    pub(super) fn base_url(&self, origin: &str) -> Value {
        let name = (self.name != DEFAULT).then_some(&*self.name);
        self.config.bases.path_of(name).map_or(Value::Null, |path| [origin, &path].concat().into())
    }

    /// The client of that name, and whether it is part of the configuration.
    pub(super) async fn named(&self, name: &str) -> Result<(Rc<Client>, bool), Error> {
        if let Some(client) = self.configured(name) {
            return Ok((client, true));
        }
        let found = self.store.read(async |read| self.client(read, name).await).await?;
        found.map(|client| (client, false)).ok_or_else(|| unknown("client"))
    }

    fn configured(&self, name: &str) -> Option<Rc<Client>> {
        self.all_configured().find(|client| client.name == name).cloned()
    }

    fn all_configured(&self) -> impl Iterator<Item = &Rc<Client>> {
        let of_tenant =
            |client: &&Rc<Client>| client.tenant.as_deref().unwrap_or(DEFAULT) == self.name;
        self.config.registry.clients().iter().filter(of_tenant)
    }

    /// All clients, and whether each is part of the configuration, which wins.
    pub(super) async fn all_clients(&self) -> Result<Vec<(Rc<Client>, bool)>, Error> {
        let range = keys::clients();
        let stored = self.store.read(async |read| documents(read, &range, CLIENTS).await);
        let mut all: Vec<_> = self.all_configured().map(|c| (Rc::clone(c), true)).collect();
        for document in stored.await? {
            let client = Client::read(&document, "client");
            let client = client.map_err(|_| Error::internal("a client is damaged"))?;
            if self.configured(&client.name).is_none() {
                all.push((client.into(), false));
            }
        }
        Ok(all)
    }

    fn shown(&self, client: &Client, is_configured: bool, act: &Act<'_>) -> Value {
        let mut shown = client.to_json(false);
        if let Some(object) = shown.as_object_mut() {
            let source = if is_configured { "configuration" } else { "admin" };
            object.insert("source".into(), source.into());
            object.insert("base_url".into(), self.base_url(&act.origin));
            if client.method == Method::OAuth {
                object.insert("client_id".into(), client.name.as_str().into());
            }
        }
        shown
    }

    pub(super) async fn list_clients(&self, act: &Act<'_>) -> Result<Answer, Error> {
        let all = self.all_clients().await?;
        let shown = all.iter().map(|(client, configured)| self.shown(client, *configured, act));
        Ok(list("clients", shown.collect()))
    }

    pub(super) async fn show_client(&self, name: &str, act: &Act<'_>) -> Result<Answer, Error> {
        let (client, is_configured) = self.named(name).await?;
        Ok(Answer::ok(self.shown(&client, is_configured, act)))
    }

    /// Creates a client with its first token or secret, which is shown this once.
    pub(super) async fn create_client(&self, act: &Act<'_>) -> Result<Answer, Error> {
        act.check_fields(&FIELDS)?;
        let name = act.name()?;
        for field in ["provider", "method"] {
            if !act.body.contains_key(field) {
                return Err(Error::invalid_value(["`", field, "` is missing"].concat()));
            }
        }
        let mut document = act.body.clone();
        document.insert("tokens".into(), json!([]));
        let mut client = self.read_client(&document)?;
        client.created_s = Some(act.now_s);
        let made = match client.method {
            Method::Jwt { .. } => None,
            Method::Static | Method::OAuth => Some(self.new_token(act, None, None)?),
        };
        client.tokens.extend(made.iter().map(|(_, token)| token.clone()));
        if self.configured(&name).is_some() {
            return Err(is_configured("client"));
        }
        let create = async |tx: &mut Transaction<'_, _, _, _>| {
            if tx.get(&keys::client(&name)).await?.is_some() {
                return Err(Error::conflict("there is a client of this name"));
            }
            let (start, end) = keys::clients();
            if tx.count(&start, &end).await? >= CLIENTS as u64 {
                return Err(Error::conflict("the tenant has as many clients as it may have"));
            }
            self.check_provider(tx, &client).await?;
            link(tx, &client).await?;
            put_client(tx, &client).await?;
            Ok(())
        };
        self.administer(act.audit, ("client.create", &name), create).await?;
        let mut shown = self.shown(&client, false, act);
        if let (Some((text, token)), Some(object)) = (made, shown.as_object_mut()) {
            let field = if client.method == Method::OAuth { "client_secret" } else { "token" };
            object.insert(field.into(), text.into());
            object.insert("token_id".into(), token.id.into());
        }
        Ok(Answer::plain(201, shown))
    }

    fn read_client(&self, document: &Object) -> Result<Client, Error> {
        let mapping = document.get("mapping").map(|mapping| mapping.to_string().len());
        if mapping.is_some_and(|bytes| bytes > MAPPING_BYTES) {
            return Err(Error::payload_too_large("`mapping` is too long"));
        }
        let mut client =
            Client::read(&Value::Object(document.clone()), "client").map_err(|e| invalid(&e))?;
        client.tenant = (self.name != DEFAULT).then(|| self.name.clone());
        Ok(client)
    }

    /// The client's provider must be there, and speak OIDC if it is to issue tokens.
    async fn check_provider(&self, read: &impl Read, client: &Client) -> Result<(), Error> {
        let name = client.provider.as_deref().unwrap_or_default();
        let kind = self.provider_kind(read, name).await?;
        let kind = kind.ok_or_else(|| Error::invalid_value("`provider` names no provider"))?;
        if matches!(client.method, Method::Jwt { .. }) && kind != ProviderKind::Oidc {
            return Err(Error::invalid_value("`method` jwt needs a provider of the kind oidc"));
        }
        Ok(())
    }

    async fn provider_kind(
        &self,
        read: &impl Read,
        name: &str,
    ) -> Result<Option<ProviderKind>, Error> {
        let configured = self.config.providers.as_ref().and_then(|all| all.named(name));
        if let Some(provider) = configured {
            return Ok(Some(provider.kind));
        }
        let Some(document) = self.provider_document(read, name).await? else { return Ok(None) };
        let read = Providers::from_json(&json!([document])).map_err(|e| invalid(&e))?;
        Ok(read.named(name).map(|provider| provider.kind))
    }

    /// Changes fields; `null` takes one away (RFC 7396).
    pub(super) async fn edit_client(&self, name: &str, act: &Act<'_>) -> Result<Answer, Error> {
        act.check_fields(&FIELDS)?;
        let (_, configured) = self.named(name).await?;
        if configured {
            return Err(is_configured("client"));
        }
        let edit = async |tx: &mut Transaction<'_, _, _, _>| {
            let old = self.client(tx, name).await?.ok_or_else(|| unknown("client"))?;
            let mut document = match old.to_json(true) {
                Value::Object(document) => document,
                _ => Object::new(),
            };
            for (field, value) in &act.body {
                if value.is_null() {
                    document.remove(field);
                } else {
                    document.insert(field.clone(), value.clone());
                }
            }
            let new = self.read_client(&document)?;
            if core::mem::discriminant(&new.method) != core::mem::discriminant(&old.method) {
                return Err(Error::invalid_value("`method` does not change; make a new client"));
            }
            if new.name != old.name {
                let taken = tx.get(&keys::client(&new.name)).await?.is_some();
                if taken || self.configured(&new.name).is_some() {
                    return Err(Error::conflict("there is a client of this name"));
                }
            }
            self.check_provider(tx, &new).await?;
            unlink(tx, &old).await?;
            link(tx, &new).await?;
            put_client(tx, &new).await?;
            Ok(new)
        };
        let new = self.administer(act.audit, ("client.edit", name), edit).await?;
        Ok(Answer::ok(self.shown(&new, false, act)))
    }

    /// Removes a client with its tokens. Without `force` only one that manages nothing goes.
    pub(super) async fn remove_client(&self, name: &str, act: &Act<'_>) -> Result<Answer, Error> {
        let (client, configured) = self.named(name).await?;
        if configured {
            return Err(is_configured("client"));
        }
        let managed = self.managed(Some(&client)).await?;
        if !managed.is_empty() && !act.is_forced() {
            return Ok(managed.refusal("the client still manages resources"));
        }
        let remove = async |tx: &mut Transaction<'_, _, _, _>| {
            let client = self.client(tx, name).await?.ok_or_else(|| unknown("client"))?;
            unlink(tx, &client).await?;
            Ok(())
        };
        self.administer(act.audit, ("client.remove", name), remove).await?;
        Ok(Answer::empty(204))
    }
}

/// Writes the entries by which a client is found.
///
/// # Errors
/// 409 if its tokens are another client's.
pub(super) async fn link<K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    client: &Client,
) -> Result<(), Error> {
    if let (Method::Jwt { subject }, Some(provider)) = (&client.method, &client.provider) {
        let key = keys::subject(provider, subject);
        if tx.get(&key).await?.is_some() {
            return Err(Error::conflict("another client of this provider has this `subject`"));
        }
        tx.put(key, client.name.clone().into_bytes());
    }
    for id in client.tokens.iter().filter_map(|token| token.id.as_deref()) {
        tx.put(keys::token(id), client.name.clone().into_bytes());
    }
    Ok(())
}

/// Removes a client and the entries by which it is found.
async fn unlink<K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    client: &Client,
) -> Result<(), Error> {
    if let (Method::Jwt { subject }, Some(provider)) = (&client.method, &client.provider) {
        tx.delete(&keys::subject(provider, subject));
    }
    for id in client.tokens.iter().filter_map(|token| token.id.as_deref()) {
        tx.delete(&keys::token(id));
    }
    remove_document(tx, &keys::client(&client.name)).await?;
    Ok(())
}
