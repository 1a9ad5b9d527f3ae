//! One tenant: its tree, and what its clients ask of it (RFC 7644 §3.2).

use alloc::rc::Rc;
use core::cell::Cell;

use super::answer::Answer;
use super::audit::Audit;
use super::{Call, Config};
use crate::port::{Clock, Kv, Random};
use crate::protocol::json::Object;
use crate::protocol::route::Endpoint;
use crate::protocol::{Error, query};
use crate::schema::{Catalog, ResourceType};
use crate::store::Store;
use crate::store::keys::ResourceId;

/// A SCIM service for one tenant.
pub(super) struct Tenant<K, C, R> {
    pub(super) config: Rc<Config>,
    pub(super) catalog: Rc<Catalog>,
    pub(super) store: Store<K, C, R>,
    /// Whether all indexes are known to be complete.
    pub(super) tended: Cell<bool>,
}

/// The 404 for a resource.
pub(super) fn no_resource() -> Error {
    Error::not_found("there is no such resource")
}

impl<K: Kv, C: Clock, R: Random> Tenant<K, C, R> {
    /// Serves a request that passed the gate.
    pub(super) async fn serve(
        &self,
        call: &Call<'_>,
        body: Option<Object>,
        audit: &mut Audit,
    ) -> Result<Answer, Error> {
        match &call.route.endpoint {
            Endpoint::ServiceProviderConfig => Ok(self.service_provider_config(call)),
            Endpoint::ResourceTypes(name) => self.resource_types(call, name.as_deref()),
            Endpoint::Schemas(urn) => self.schemas(call, urn.as_deref()),
            Endpoint::Collection(endpoint) => {
                let resource_type = self.resource_type(endpoint)?;
                if let Some(body) = body {
                    return self.create(call, resource_type, body, audit).await;
                }
                self.list(call, core::slice::from_ref(resource_type), &call.route.query).await
            }
            Endpoint::Item { endpoint, id } => {
                let resource_type = self.resource_type(endpoint)?;
                let id = ResourceId::parse(id).ok_or_else(no_resource)?;
                self.item(call, resource_type, id, body, audit).await
            }
            Endpoint::Search(endpoint) => {
                let query = query::of_search_request(&body.unwrap_or_default())?;
                let types = match endpoint {
                    Some(endpoint) => core::slice::from_ref(self.resource_type(endpoint)?),
                    None => self.catalog.types(),
                };
                self.list(call, types, &query).await
            }
            Endpoint::Root => self.list(call, self.catalog.types(), &call.route.query).await,
            Endpoint::Bulk => self.bulk(call, &body.unwrap_or_default(), audit).await,
            Endpoint::Me => self.me(call, body, audit).await,
            Endpoint::Alive => Err(Error::not_implemented("this endpoint is not served")),
        }
    }

    pub(super) fn resource_type(&self, endpoint: &str) -> Result<&ResourceType, Error> {
        self.catalog
            .by_endpoint(endpoint)
            .ok_or_else(|| Error::not_found("nothing is served on this path"))
    }
}
