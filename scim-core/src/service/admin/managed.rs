//! What would be orphaned by a removal.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Map, Value, json};

use super::SharedTenant;
use crate::auth::Client;
use crate::port::{Clock, Kv, Random};
use crate::protocol::{Error, urn};
use crate::service::answer::Answer;
use crate::store::Read;
use crate::store::keys::{self, Values};

/// Resources of one type that a refusal names.
const NAMED: usize = 20;

/// What a client or a tenant manages.
#[derive(Debug, Default)]
pub(super) struct Managed {
    /// Count and first identifiers, by type.
    resources: Map<String, Value>,
    clients: Vec<String>,
}

impl Managed {
    pub(super) fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.clients.is_empty()
    }

    /// The 409 that lists what is in the way.
    pub(super) fn refusal(&self, detail: &str) -> Answer {
        let body = json!({
            "schemas": [urn::ERROR],
            "status": "409",
            "detail": detail,
            "resources": self.resources,
            "clients": self.clients,
        });
        Answer::plain(409, body)
    }
}

impl<K: Kv, C: Clock, R: Random> SharedTenant<K, C, R> {
    /// What `client` manages alone: the resources to which its provisioning domain gave an
    /// `externalId`, or everything, if it is the tenant's only client. `None` asks for the whole
    /// tenant.
    pub(super) async fn managed(&self, client: Option<&Client>) -> Result<Managed, Error> {
        let clients = self.all_clients().await?;
        let mut managed = Managed::default();
        let others: Vec<&Client> = clients
            .iter()
            .map(|(client, _)| &**client)
            .filter(|known| Some(&known.name) != client.map(|client| &client.name))
            .collect();
        if let Some(client) = client
            && others.iter().any(|other| other.domain == client.domain)
        {
            return Ok(managed);
        }
        let alone = client.is_none() || others.is_empty();
        self.store
            .read(async |read| {
                managed.resources.clear();
                for resource_type in self.catalog.types() {
                    let name = &*resource_type.name;
                    let domain = client.map(|client| &*client.domain).filter(|_| !alone);
                    let (start, end) = match domain {
                        None => keys::resources(name),
                        Some(domain) => {
                            let values = Values::new(name, "externalId", false);
                            values.within(domain).within("\0").present()
                        }
                    };
                    let count = read.count(&start, &end).await?;
                    if count == 0 {
                        continue;
                    }
                    let entries = read.range(&start, &end, 0, NAMED).await?;
                    let ids = entries.iter().filter_map(|(key, _)| keys::id_at_end(key));
                    let ids: Vec<String> = ids.map(keys::ResourceId::to_text).collect();
                    let found = json!({"count": count, "first": ids});
                    managed.resources.insert(name.to_string(), found);
                }
                Ok::<_, Error>(())
            })
            .await?;
        if client.is_none() {
            managed.clients = others.iter().map(|client| client.name.clone()).collect();
        }
        Ok(managed)
    }
}
