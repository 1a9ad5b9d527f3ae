//! Discovery documents that say what client and gateway can do together (A2; RFC 7644 §4).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use super::Answer;
use super::session::{Call, Session};
use crate::port::{Clock, Upstream};
use crate::protocol::json::{self, Object};
use crate::protocol::route::Endpoint;
use crate::protocol::{Error, message};
use crate::resource::element;
use crate::schema::discovery;
use crate::upstream::answer;
use crate::upstream::profile::Document;

impl<U: Upstream, C: Clock> Session<'_, U, C> {
    pub(super) async fn service_provider_config(&mut self) -> Result<Answer, Error> {
        let gateway = self.gateway;
        let bulk_operations = gateway.bounds.bulk_operations;
        let limits = crate::protocol::limits::Limits { bulk_operations, ..gateway.limits };
        let mut ours = discovery::service_provider_config(self.base, &limits, false);
        let supported = [("etag", gateway.profile.etag), ("sort", gateway.profile.sort)];
        for (name, flag) in supported {
            if let Some(slot) = ours.get_mut(name) {
                element::put(slot, "supported", flag.into());
            }
        }
        if let Some(slot) = ours.get_mut("pagination") {
            element::put(slot, "cursor", false.into());
            slot.as_object_mut().and_then(|pagination| pagination.remove("cursorTimeout"));
        }
        let endpoint = Endpoint::ServiceProviderConfig;
        let own = self.document(Document::ServiceProviderConfig, &endpoint).await?;
        let body = match own {
            Some(own) => answer::service_provider_config(&own, ours),
            None => ours,
        };
        Ok(Answer::new(200, Some(body)))
    }

    pub(super) async fn resource_types(&mut self, name: Option<&str>) -> Result<Answer, Error> {
        let own = self.document(Document::ResourceTypes, &Endpoint::ResourceTypes(None)).await?;
        let types = self.gateway.catalog.types().iter();
        let ours = || types.map(|known| discovery::resource_type(known, self.base)).collect();
        let all = own.and_then(|own| self.relocated(&own, "ResourceTypes", "name"));
        one_or_all(all.unwrap_or_else(ours), name, "name")
    }

    pub(super) async fn schemas(&mut self, urn: Option<&str>) -> Result<Answer, Error> {
        let own = self.document(Document::Schemas, &Endpoint::Schemas(None)).await?;
        let schemas = self.gateway.catalog.schemas();
        let ours = || schemas.map(|known| discovery::schema(known, self.base)).collect();
        let all = own.and_then(|own| self.relocated(&own, "Schemas", "id"));
        one_or_all(all.unwrap_or_else(ours), urn, "id")
    }

    /// The application's own document, where it has a readable one.
    async fn document(
        &mut self,
        document: Document,
        endpoint: &Endpoint,
    ) -> Result<Option<Object>, Error> {
        if !self.gateway.profile.discovery.contains(&document) {
            return Ok(None);
        }
        match self.call(Call::new("discover", "GET", endpoint)).await {
            Ok(reply) => Ok(json::parse_object(&reply.body, &self.gateway.limits).ok()),
            Err(error) if error.status() == 503 || error.status() == 401 => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// The documents of a list, at the gateway's addresses; `None` if it is no such list.
    fn relocated(&self, list: &Object, endpoint: &str, key: &str) -> Option<Vec<Value>> {
        let items = json::member(list, "Resources").and_then(Value::as_array)?;
        let mut all = Vec::with_capacity(items.len());
        for item in items {
            let mut item = Value::Object(item.as_object()?.clone());
            let name: String = item.get(key)?.as_str()?.to_string();
            let slot = item.as_object_mut()?.entry("meta").or_insert(Value::Null);
            element::put(slot, "location", format!("{}/{endpoint}/{name}", self.base).into());
            if let Some(own) = item.get("endpoint").and_then(Value::as_str) {
                let segment = own.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
                let known = self.gateway.catalog.types().iter().find(|known| {
                    let path = self.gateway.profile.path(&known.endpoint);
                    path.eq_ignore_ascii_case(segment)
                        || known.endpoint.eq_ignore_ascii_case(segment)
                });
                let path =
                    known.map_or_else(|| segment.to_string(), |known| known.endpoint.to_string());
                element::put(&mut item, "endpoint", format!("/{path}").into());
            }
            all.push(item);
        }
        (!all.is_empty()).then_some(all)
    }
}

fn one_or_all(all: Vec<Value>, wanted: Option<&str>, key: &str) -> Result<Answer, Error> {
    let Some(wanted) = wanted else {
        let total = u64::try_from(all.len()).unwrap_or(u64::MAX);
        return Ok(Answer::new(200, Some(message::list_response(total, 1, &all))));
    };
    let is_wanted = |item: &Value| {
        item.get(key).and_then(Value::as_str).is_some_and(|name| name.eq_ignore_ascii_case(wanted))
    };
    let found = all.into_iter().find(is_wanted);
    let found = found.ok_or_else(|| Error::not_found("there is no such resource"))?;
    Ok(Answer::new(200, Some(found)))
}
