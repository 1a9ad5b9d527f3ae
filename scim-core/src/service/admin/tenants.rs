//! Tenants: listed, created, switched off and on, removed.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::act::Act;
use super::{list, unknown};
use crate::port::{Clock, Kv, Random};
use crate::protocol::{Error, datetime};
use crate::service::access::enabled;
use crate::service::answer::Answer;
use crate::service::tenants::{DEFAULT, is_name};
use crate::service::{OpenTenant, Service};
use crate::store::{BodyId, Read, StoreError, Transaction, keys};

/// Tenants that one list shows.
const LISTED: usize = 10_000;
/// Entries of a tenant's tree that one commit of its removal takes.
const REMOVED_AT_ONCE: usize = 500;
/// Commits that one request for a removal makes; the next one goes on.
const COMMITS: usize = 100;

impl<K: Kv, C: Clock, R: Random> Service<K, C, R> {
    /// Refuses a tenant that does not exist.
    pub(super) async fn require_tenant(&self, tenant: &OpenTenant<K, C, R>) -> Result<(), Error> {
        let name = &*tenant.name;
        if name == DEFAULT || self.is_configured_tenant(name) {
            return Ok(());
        }
        let found = tenant.store.read(async |read| enabled(read, name).await).await?;
        found.map(|_| ()).ok_or_else(|| unknown("tenant"))
    }

    fn is_configured_tenant(&self, name: &str) -> bool {
        let clients = self.config.registry.clients().iter();
        self.config.tenants.is_enabled(name).is_some()
            || clients.filter_map(|client| client.tenant.as_deref()).any(|tenant| tenant == name)
    }

    pub(super) async fn list_tenants(&self, act: &Act<'_>) -> Result<Answer, Error> {
        let (start, end) = keys::tenants();
        let deployment = self.deployment();
        let entries =
            deployment.store.read(async |read| read.range(&start, &end, 0, LISTED).await).await?;
        let mut names: Vec<String> = [DEFAULT.into()].into();
        names.extend(self.config.tenants.names().map(Into::into));
        let clients = self.config.registry.clients().iter();
        names.extend(clients.filter_map(|client| client.tenant.clone()));
        names.extend(entries.iter().filter_map(|(key, _)| keys::name_of(key)).map(Into::into));
        names.sort_unstable();
        names.dedup();
        let mut shown = Vec::with_capacity(names.len());
        for name in names {
            shown.push(self.tenant_document(&self.tenant(&name), act).await?);
        }
        Ok(list("tenants", shown))
    }

    pub(super) async fn show_tenant(
        &self,
        tenant: &OpenTenant<K, C, R>,
        act: &Act<'_>,
    ) -> Result<Answer, Error> {
        Ok(Answer::ok(self.tenant_document(tenant, act).await?))
    }

    async fn tenant_document(
        &self,
        tenant: &OpenTenant<K, C, R>,
        act: &Act<'_>,
    ) -> Result<Value, Error> {
        let name = &*tenant.name;
        let stored = tenant.store.read(async |read| enabled(read, name).await).await?;
        let configured = self.config.tenants.is_enabled(name);
        let is_enabled = configured.unwrap_or(true) && stored.unwrap_or(true);
        Ok(json!({
            "name": name,
            "enabled": is_enabled,
            "source": if self.is_configured_tenant(name) { "configuration" } else { "admin" },
            "base_url": tenant.base_url(&act.origin),
        }))
    }

    pub(super) async fn create_tenant(&self, act: &Act<'_>) -> Result<Answer, Error> {
        act.check_fields(&["enabled", "name"])?;
        let name = act.name()?;
        if !is_name(&name) {
            return Err(Error::invalid_value("`name` cannot be the name of a tenant"));
        }
        self.open.borrow_mut().retain(|known| known.name != name);
        let tenant = self.tenant(&name);
        if self.require_tenant(&tenant).await.is_ok() {
            return Err(Error::conflict("there is a tenant of this name"));
        }
        let entry = self.entry(act, true)?;
        let listed = entry.clone();
        let target = ("tenant.create", &*name);
        // Listed first: what is listed and not there can be created again.
        let deployment = self.deployment();
        let list = async |tx: &mut Transaction<'_, _, _, _>| {
            tx.put(keys::tenant(&name), listed.clone());
            Ok(())
        };
        deployment.administer(act.audit, target, list).await?;
        let create = async |tx: &mut Transaction<'_, _, _, _>| {
            tx.put(keys::tenant(&name), entry.clone());
            Ok(())
        };
        tenant.administer(act.audit, target, create).await?;
        let mut answer = self.show_tenant(&tenant, act).await?;
        answer.status = 201;
        Ok(answer)
    }

    fn entry(&self, act: &Act<'_>, default: bool) -> Result<Vec<u8>, Error> {
        let is_enabled = match act.body.get("enabled") {
            None => default,
            Some(Value::Bool(enabled)) => *enabled,
            Some(_) => return Err(Error::invalid_value("`enabled` must be true or false")),
        };
        let since = datetime::format_ms(self.clock.now_ms());
        Ok(json!({"enabled": is_enabled, "since": since}).to_string().into_bytes())
    }

    pub(super) async fn edit_tenant(
        &self,
        tenant: &OpenTenant<K, C, R>,
        act: &Act<'_>,
    ) -> Result<Answer, Error> {
        act.check_fields(&["enabled"])?;
        let entry = self.entry(act, true)?;
        let edit = async |tx: &mut Transaction<'_, _, _, _>| {
            tx.put(keys::tenant(&tenant.name), entry.clone());
            Ok(())
        };
        tenant.administer(act.audit, ("tenant.edit", &tenant.name), edit).await?;
        self.show_tenant(tenant, act).await
    }

    /// Removes a tenant with all that it holds. Without `force` only an empty one goes.
    pub(super) async fn remove_tenant(
        &self,
        tenant: &OpenTenant<K, C, R>,
        act: &Act<'_>,
    ) -> Result<Answer, Error> {
        let name = &*tenant.name;
        if name == DEFAULT || self.is_configured_tenant(name) {
            return Err(super::is_configured("tenant"));
        }
        let managed = tenant.managed(None).await?;
        if !managed.is_empty() && !act.is_forced() {
            return Ok(managed.refusal("the tenant holds resources or clients"));
        }
        // Closed before anything is gone.
        let closed = json!({"enabled": false, "removed": true}).to_string().into_bytes();
        let close = async |tx: &mut Transaction<'_, _, _, _>| {
            tx.put(keys::tenant(name), closed.clone());
            Ok(())
        };
        tenant.administer(act.audit, ("tenant.remove", name), close).await?;
        for _ in 0..COMMITS {
            if tenant.store.transact(async |tx| purge(tx, name).await).await? {
                let unlist = async |tx: &mut Transaction<'_, _, _, _>| {
                    tx.delete(&keys::tenant(name));
                    Ok(())
                };
                self.deployment().administer(act.audit, ("tenant.remove", name), unlist).await?;
                // What this instance knows of the tree is over, too.
                self.open.borrow_mut().retain(|known| known.name != name);
                return Ok(Answer::empty(204));
            }
        }
        let detail = format!("`{name}` is being removed; ask again to go on");
        Ok(Answer::plain(202, json!({"detail": detail})))
    }
}

/// Removes entries from the end of the tree; the tenant's own entry goes last. Whether all are
/// gone.
async fn purge<K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    name: &str,
) -> Result<bool, StoreError> {
    let own = keys::tenant(name);
    let all = (Vec::new(), crate::store::prefix_end(&[]));
    let entries = tx.range(&all.0, &all.1, 0, REMOVED_AT_ONCE).await?;
    let is_last = entries.len() < REMOVED_AT_ONCE;
    for (key, value) in entries {
        if keys::points_to_body(&key)
            && let Ok(body) = BodyId::from_bytes(&value)
        {
            tx.retire_body(&body);
        }
        if is_last || key != own {
            tx.delete(&key);
        }
    }
    Ok(is_last)
}
