//! What the service says of itself (RFC 7644 §4).

use alloc::vec::Vec;

use serde_json::Value;

use super::answer::Answer;
use super::{Call, Passwords, Tenant, no_resource};
use crate::port::{Clock, Kv, Random};
use crate::protocol::query::parameter;
use crate::protocol::{Error, message};
use crate::schema::{ResourceType, discovery};

impl<K: Kv, C: Clock, R: Random> Tenant<K, C, R> {
    pub(super) fn service_provider_config(&self, call: &Call<'_>) -> Answer {
        let passwords = self.config.passwords == Passwords::Hash;
        let limits = &self.config.limits;
        Answer::ok(discovery::service_provider_config(&call.base, limits, passwords))
    }

    pub(super) fn resource_types(
        &self,
        call: &Call<'_>,
        name: Option<&str>,
    ) -> Result<Answer, Error> {
        let document = |t: &ResourceType| discovery::resource_type(t, &call.base);
        match name {
            Some(name) => {
                Ok(Answer::ok(document(self.catalog.by_name(name).ok_or_else(no_resource)?)))
            }
            None => {
                discovery_list(call, &self.catalog.types().iter().map(document).collect::<Vec<_>>())
            }
        }
    }

    pub(super) fn schemas(&self, call: &Call<'_>, urn: Option<&str>) -> Result<Answer, Error> {
        let document = |schema| discovery::schema(schema, &call.base);
        match urn {
            Some(urn) => {
                let found = self.catalog.schemas().find(|s| s.id.eq_ignore_ascii_case(urn));
                Ok(Answer::ok(document(found.ok_or_else(no_resource)?)))
            }
            None => discovery_list(call, &self.catalog.schemas().map(document).collect::<Vec<_>>()),
        }
    }
}

/// A discovery list: always whole; a filter on it is refused (RFC 7644 §4).
fn discovery_list(call: &Call<'_>, documents: &[Value]) -> Result<Answer, Error> {
    if parameter(&call.route.query, "filter").is_some() {
        return Err(Error::forbidden("discovery documents cannot be filtered"));
    }
    let total = u64::try_from(documents.len()).unwrap_or(u64::MAX);
    Ok(Answer::ok(message::list_response(total, 1, documents)))
}
