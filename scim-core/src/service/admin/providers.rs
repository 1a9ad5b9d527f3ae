//! Authentication providers: listed, created, removed. They come before the clients that name them.

use serde_json::{Value, json};

use super::act::Act;
use super::{SharedTenant, invalid, is_configured, list, unknown};
use crate::auth::Providers;
use crate::port::{Clock, Kv, Random};
use crate::protocol::Error;
use crate::service::access::{documents, put_document, remove_document};
use crate::service::answer::Answer;
use crate::store::{BodyId, Read, StoreError, Transaction, keys};

/// Providers of one tenant.
const PROVIDERS: usize = 100;

impl<K: Kv, C: Clock, R: Random> SharedTenant<K, C, R> {
    /// The provider's document, if the tree holds one of that name.
    pub(super) async fn provider_document(
        &self,
        read: &impl Read,
        name: &str,
    ) -> Result<Option<Value>, Error> {
        let Some(pointer) = read.get(&keys::provider(name)).await? else { return Ok(None) };
        let bytes = read.body(&BodyId::from_bytes(&pointer)?).await?;
        let damaged = |_| StoreError::Corrupt("a provider");
        Ok(Some(serde_json::from_slice(&bytes).map_err(damaged)?))
    }

    pub(super) async fn list_providers(&self) -> Result<Answer, Error> {
        let range = keys::providers();
        let mut all =
            self.store.read(async |read| documents(read, &range, PROVIDERS).await).await?;
        let configured = self.config.providers.iter().flat_map(Providers::all);
        all.extend(configured.map(|provider| {
            json!({"name": provider.name, "kind": provider.kind.name(), "source": "configuration"})
        }));
        Ok(list("providers", all))
    }

    pub(super) async fn show_provider(&self, name: &str) -> Result<Answer, Error> {
        let found = self.store.read(async |read| self.provider_document(read, name).await).await?;
        Ok(Answer::ok(found.ok_or_else(|| unknown("provider"))?))
    }

    pub(super) async fn create_provider(&self, act: &Act<'_>) -> Result<Answer, Error> {
        let name = act.name()?;
        let document = Value::Object(act.body.clone());
        Providers::from_json(&json!([document])).map_err(|error| invalid(&error))?;
        if self.config.providers.as_ref().is_some_and(|known| known.named(&name).is_some()) {
            return Err(is_configured("provider"));
        }
        let create = async |tx: &mut Transaction<'_, _, _, _>| {
            let key = keys::provider(&name);
            if tx.get(&key).await?.is_some() {
                return Err(Error::conflict("there is a provider of this name"));
            }
            let mut all = documents(tx, &keys::providers(), PROVIDERS).await?;
            all.push(document.clone());
            // Two providers of one issuer would be two answers to one question.
            Providers::from_json(&Value::Array(all)).map_err(|error| invalid(&error))?;
            put_document(tx, key, &document).await?;
            Ok(())
        };
        self.administer(act.audit, ("provider.create", &name), create).await?;
        Ok(Answer::plain(201, document))
    }

    pub(super) async fn remove_provider(&self, name: &str, act: &Act<'_>) -> Result<Answer, Error> {
        let users = self.all_clients().await?;
        if users.iter().any(|(client, _)| client.provider.as_deref() == Some(name)) {
            return Err(Error::conflict("clients come from this provider"));
        }
        let remove = async |tx: &mut Transaction<'_, _, _, _>| {
            let key = keys::provider(name);
            if tx.get(&key).await?.is_none() {
                return Err(unknown("provider"));
            }
            remove_document(tx, &key).await?;
            Ok(())
        };
        self.administer(act.audit, ("provider.remove", name), remove).await?;
        Ok(Answer::empty(204))
    }
}
