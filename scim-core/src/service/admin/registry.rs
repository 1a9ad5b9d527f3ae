//! The registry document that gateways poll, and the provisioning log.

use alloc::format;
use alloc::vec::Vec;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::SharedTenant;
use super::act::Act;
use crate::port::{Clock, Kv, Random};
use crate::protocol::Error;
use crate::protocol::query::parameter;
use crate::service::access::{documents, enabled, revision};
use crate::service::answer::Answer;
use crate::service::head::Head;
use crate::service::log;
use crate::store::keys;

/// Providers of one tenant.
const PROVIDERS: usize = 100;

impl<K: Kv, C: Clock, R: Random> SharedTenant<K, C, R> {
    /// Everything by which a gateway lets clients in: hashes, no secrets. It is answered by 304 to
    /// who has it already (RFC 9110 §13.1.2).
    pub(super) async fn registry_document(&self, head: Head<'_>) -> Result<Answer, Error> {
        let clients = self.all_clients().await?;
        let clients: Vec<Value> = clients.iter().map(|(client, _)| client.to_json(true)).collect();
        let (revision, providers, stored) = self
            .store
            .read(async |read| {
                let revision = revision(read).await?;
                let providers = documents(read, &keys::providers(), PROVIDERS).await?;
                let stored = enabled(read, &self.name).await?;
                Ok::<_, Error>((revision, providers, stored))
            })
            .await?;
        let configured = self.config.tenants.is_enabled(&self.name).unwrap_or(true);
        let document = json!({
            "revision": revision,
            "tenant": self.name,
            "enabled": configured && stored.unwrap_or(true),
            "providers": providers,
            "clients": clients,
        });
        let digest = Sha256::digest(serde_json::to_vec(&document).unwrap_or_default());
        let short = digest.first_chunk::<8>().copied().map(u64::from_be_bytes).unwrap_or_default();
        let tag = format!("\"{revision}-{short:016x}\"");
        let known = head.text("if-none-match").unwrap_or_default();
        let is_known = known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag);
        let answer = if is_known { Answer::empty(304) } else { Answer::ok(document) };
        Ok(answer.with("etag", tag))
    }

    /// A page of the provisioning log, the latest first.
    pub(super) async fn show_log(&self, act: &Act<'_>) -> Result<Answer, Error> {
        let before = match parameter(&act.query, "before") {
            None => None,
            Some(text) => {
                let number = text.parse().ok();
                Some(number.ok_or_else(|| Error::bad_request("`before` must be a number"))?)
            }
        };
        Ok(Answer::ok(self.store.read(async |read| log::page(read, before).await).await?))
    }
}
