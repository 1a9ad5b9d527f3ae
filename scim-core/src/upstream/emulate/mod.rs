//! Doing in an application's stead what it cannot do, by calls to it (RFC 7644 §3).
//!
//! Written once as `async` code over [`Upstream`] and [`Clock`]; there is no executor here. Calls,
//! bytes and time are bounded by [`Bounds`], and every call stands in the [`Answer::steps`].

mod bulk;
mod create;
mod discovery;
mod list;
mod modify;
mod replace;
mod session;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use self::session::Session;
use super::profile::{Delete, Profile};
use crate::dialect::Dialect;
use crate::mapping::Mapping;
use crate::port::{Clock, Upstream};
use crate::protocol::Error;
use crate::protocol::json::Object;
use crate::protocol::limits::Limits;
use crate::protocol::route::{Endpoint, check_method};
use crate::resource::Projection;
use crate::schema::{Catalog, ResourceType};

/// An application behind a gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct Gateway {
    /// What the application accepts.
    pub profile: Profile,
    /// The resource types.
    pub catalog: Catalog,
    /// What becomes of the attributes that clients send.
    pub mapping: Option<Mapping>,
    /// Limits of requests.
    pub limits: Limits,
    /// Path of the application's SCIM root: `/scim/v2`.
    pub root: String,
    /// What the operator decided.
    pub policy: Policy,
    /// How much one request may cost.
    pub bounds: Bounds,
}

/// What the operator decides, whatever the application could do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// What becomes of DELETE; `None` leaves it to the profile.
    pub delete: Option<Delete>,
    /// By what an inactive resource is known to be ours when it is created again; `None` answers
    /// 409 then.
    pub reactivate_by: Option<ReactivateBy>,
}

/// By what an inactive resource is known to be ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReactivateBy {
    /// The same `externalId`.
    ExternalId,
    /// The same `externalId`, else the same `userName`.
    UserName,
}

/// How much one request may cost the application and the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Calls to the application.
    pub calls: u32,
    /// Bytes of all its answers.
    pub bytes: usize,
    /// Bytes of one answer.
    pub call_bytes: usize,
    /// Milliseconds for everything.
    pub ms: u64,
    /// Milliseconds for one call.
    pub call_ms: u64,
    /// Resources that a filter may look at which the application does not understand.
    pub scan_resources: u64,
    /// Operations of a Bulk request.
    pub bulk_operations: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            calls: 110,
            bytes: 16 * 1024 * 1024,
            call_bytes: 4 * 1024 * 1024,
            ms: 30_000,
            call_ms: 10_000,
            scan_resources: 2000,
            bulk_operations: 50,
        }
    }
}

/// A canonical request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// What its path names.
    pub endpoint: Endpoint,
    /// Parameters of the query, decoded.
    pub query: Vec<(String, String)>,
    /// The canonical body.
    pub body: Option<Object>,
    /// `If-Match`.
    pub if_match: Option<String>,
    /// What the client speaks: it decides what an answer looks like.
    pub dialect: Dialect,
    /// Absolute URI of the gateway's SCIM root, without a slash at its end.
    pub base: String,
    /// Header fields that go on to the application as they are (R10).
    pub headers: Vec<(&'static str, String)>,
}

/// The answer to a request, and how it came about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Header fields of its own; media type and length are the host's.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: Option<Value>,
    /// What was done, in order: for the audit line.
    pub steps: Vec<Step>,
}

/// One step of an emulation, or one thing that was left out. It holds no value of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What was done: `get`, `patch`, `put`, `create`, `scan`.
    pub what: &'static str,
    /// The application's status; `None` if no call was made, or none answered.
    pub status: Option<u16>,
    /// The attribute that it is about.
    pub attribute: Option<String>,
}

impl Answer {
    fn new(status: u16, body: Option<Value>) -> Self {
        Self { status, body, ..Self::default() }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        let headers = error.headers().to_vec();
        Self { headers, ..Self::new(error.status(), Some(error.to_json())) }
    }
}

impl Gateway {
    /// Carries out a request.
    pub async fn handle<U: Upstream, C: Clock>(
        &self,
        upstream: &U,
        clock: &C,
        request: &Request,
    ) -> Answer {
        let mut session = Session::new(self, upstream, clock, request);
        let answer = match &request.endpoint {
            Endpoint::Bulk if request.method == "POST" => session.bulk(request).await,
            _ => session.serve(request).await,
        };
        let mut answer = answer.unwrap_or_else(Answer::from);
        answer.steps = session.steps;
        answer
    }

    /// Whether a request may need several calls that no other writer of the resource must come
    /// between: such requests are to be carried out one after the other (the key is the
    /// resource's).
    #[must_use]
    pub fn serialized_by(&self, request: &Request) -> Option<String> {
        match (&request.endpoint, request.method.as_str()) {
            (Endpoint::Item { endpoint, id }, "PUT" | "PATCH" | "DELETE") => {
                Some(format!("{endpoint}/{id}"))
            }
            _ => None,
        }
    }

    fn resource_type(&self, endpoint: &str) -> Result<&ResourceType, Error> {
        let found = self.catalog.by_endpoint(endpoint);
        found.ok_or_else(|| Error::not_found("nothing is served on this path"))
    }
}

impl<U: Upstream, C: Clock> Session<'_, U, C> {
    /// Carries out a request that is no Bulk.
    async fn serve(&mut self, request: &Request) -> Result<Answer, Error> {
        check_method(&request.method, &request.endpoint)?;
        match &request.endpoint {
            Endpoint::ServiceProviderConfig => self.service_provider_config().await,
            Endpoint::ResourceTypes(name) => self.resource_types(name.as_deref()).await,
            Endpoint::Schemas(urn) => self.schemas(urn.as_deref()).await,
            Endpoint::Collection(endpoint) => {
                let resource_type = self.gateway.resource_type(endpoint)?;
                match &request.body {
                    Some(body) => self.create(resource_type, body, &request.query).await,
                    None => self.list(resource_type, &request.query).await,
                }
            }
            Endpoint::Item { endpoint, id } => {
                let resource_type = self.gateway.resource_type(endpoint)?;
                self.item(resource_type, id, request).await
            }
            Endpoint::Search(Some(endpoint)) => {
                let resource_type = self.gateway.resource_type(endpoint)?;
                let body = request.body.clone().unwrap_or_default();
                let query = crate::protocol::query::of_search_request(&body)?;
                self.list(resource_type, &query).await
            }
            Endpoint::Search(None) | Endpoint::Root => {
                Err(Error::not_implemented("a query of all resource types is not supported"))
            }
            Endpoint::Bulk | Endpoint::Me | Endpoint::Alive => {
                Err(Error::not_implemented("this endpoint is not served"))
            }
        }
    }

    async fn item(
        &mut self,
        resource_type: &ResourceType,
        id: &str,
        request: &Request,
    ) -> Result<Answer, Error> {
        let projection = Projection::of_query(&request.query, resource_type, &self.gateway.limits)?;
        let if_match = request.if_match.as_deref();
        match (request.method.as_str(), &request.body) {
            ("PUT", Some(body)) => {
                let resource = self.replace(resource_type, id, body, if_match).await?;
                Ok(self.shown(resource_type, resource, &projection))
            }
            ("PATCH", Some(body)) => {
                let changes = self.changes(resource_type, body)?;
                let resource = self.modify(resource_type, id, &changes, if_match).await?;
                let asked = projection != Projection::Default;
                if self.dialect.patch_answers_empty(&resource_type.endpoint) && !asked {
                    return Ok(Answer::new(204, None));
                }
                match resource {
                    Some(resource) => Ok(self.shown(resource_type, resource, &projection)),
                    // Whoever names attributes wants to see them (RFC 7644 §3.5.2).
                    None if asked => {
                        let (resource, _) = self.fetch(resource_type, id).await?;
                        Ok(self.shown(resource_type, resource, &projection))
                    }
                    None => Ok(Answer::new(204, None)),
                }
            }
            ("DELETE", _) => self.delete(resource_type, id, if_match).await,
            _ => {
                let (resource, _) = self.fetch(resource_type, id).await?;
                Ok(self.shown(resource_type, resource, &projection))
            }
        }
    }

    /// A resource as the answer with status 200.
    fn shown(
        &self,
        resource_type: &ResourceType,
        resource: Object,
        projection: &Projection,
    ) -> Answer {
        let version = version_of(&resource).filter(|_| self.gateway.profile.etag);
        let shape = self.shape(resource_type);
        let body = Value::Object(shape.projected(resource, projection));
        let answer = Answer::new(200, Some(body));
        version.into_iter().fold(answer, |answer, version| answer.with("etag", version))
    }
}

/// `meta.version`, the entity tag of a resource (RFC 7644 §3.14).
fn version_of(resource: &Object) -> Option<String> {
    resource.get("meta")?.get("version")?.as_str().map(ToString::to_string)
}
