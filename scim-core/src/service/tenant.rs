//! One tenant: its tree, and what its clients ask of it (RFC 7644 §3.2).

use alloc::rc::Rc;
use alloc::string::String;
use core::cell::{Cell, RefCell};

use super::access::Known;
use super::answer::Answer;
use super::audit::Audit;
use super::{Call, Config, me};
use crate::auth::{self, Access};
use crate::port::{Clock, Kv, Random};
use crate::protocol::json::Object;
use crate::protocol::route::Endpoint;
use crate::protocol::{Error, query};
use crate::schema::{Catalog, ResourceType};
use crate::store::Store;
use crate::store::keys::ResourceId;

/// A SCIM service for one tenant.
pub(super) struct Tenant<K, C, R> {
    pub(super) name: String,
    pub(super) config: Rc<Config>,
    pub(super) catalog: Rc<Catalog>,
    pub(super) store: Store<K, C, R>,
    /// Whether all indexes are known to be complete.
    pub(super) tended: Cell<bool>,
    pub(super) known: RefCell<Known>,
}

/// The 404 for a resource.
pub(super) fn no_resource() -> Error {
    Error::not_found("there is no such resource")
}

impl<K: Kv, C: Clock, R: Random> Tenant<K, C, R> {
    /// Refuses what the client's scopes do not permit. A list of several types asks for them all.
    ///
    /// # Errors
    /// 403 `insufficient_scope`.
    pub(super) fn check_scopes(&self, call: &Call<'_>) -> Result<(), Error> {
        let types = || self.catalog.types().iter().map(|known| &*known.endpoint);
        let scopes = &call.client.scopes;
        let permitted = match &call.route.endpoint {
            Endpoint::Collection(name)
            | Endpoint::Item { endpoint: name, .. }
            | Endpoint::Search(Some(name)) => {
                let is_search = matches!(call.route.endpoint, Endpoint::Search(_));
                scopes.allow(Access::of(call.head.method, is_search), name)
            }
            Endpoint::Root | Endpoint::Search(None) => {
                types().all(|name| scopes.allow(Access::Read, name))
            }
            Endpoint::Me => scopes.allow(Access::of(call.head.method, false), me::ENDPOINT),
            // Each operation of a Bulk request is checked by itself.
            Endpoint::Bulk
            | Endpoint::ServiceProviderConfig
            | Endpoint::ResourceTypes(_)
            | Endpoint::Schemas(_)
            | Endpoint::Alive => true,
        };
        if permitted { Ok(()) } else { Err(auth::insufficient_scope()) }
    }

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
