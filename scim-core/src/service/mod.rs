//! The SCIM service: one request in, one answer out, over the store (RFC 7644 §3).
//!
//! [`Service::handle`] is the one way through the code: route, gate, read, serve, answer.

mod asked;
mod audit;
mod bulk;
mod condition;
mod config;
mod cursor;
mod head;
mod lane;
mod list;
mod me;
mod memberships;
mod nested;
mod paging;
mod password;
mod plan;
mod search;
mod sort;
mod view;
mod write;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Value, json};

use self::audit::Audit;
use self::condition::Condition;
use self::head::Preference;
use self::password::Keeping;
use self::view::{NAMES_ALONE, NAMES_WRITTEN, View, etag};
use self::write::Write;
use crate::auth::Client;
use crate::dialect::Dialect;
use crate::port::{Clock, Kv, Random};
use crate::protocol::json::Object;
use crate::protocol::limits::Limits;
use crate::protocol::query::{self, parameter};
use crate::protocol::route::{self, Endpoint, Route};
use crate::protocol::{Error, datetime, json as scim_json, message};
use crate::resource::{Projection, Reading};
use crate::schema::{Catalog, ResourceType, discovery};
use crate::store::keys::ResourceId;
use crate::store::record::Record;
use crate::store::{Options, Store, Transaction, directory};

pub use config::Config;
pub use head::Head;
pub use me::{Me, MeAnswer, MeAttribute};
pub use password::Passwords;

/// Why a body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// It is longer than the limit.
    TooLarge,
    /// The connection ended before it did.
    Broken,
}

/// An answer, and the audit line that goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// HTTP status.
    pub status: u16,
    /// Header fields, `content-length` among them where the answer may have one.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: Vec<u8>,
    /// One JSON object for the log.
    pub audit: String,
}

/// A SCIM service for one tenant.
pub struct Service<K, C, R> {
    config: Config,
    catalog: Catalog,
    store: Store<K, C, R>,
}

/// An answer before it is written: status, body and the header fields of its own.
struct Answer {
    status: u16,
    body: Option<Value>,
    headers: Vec<(&'static str, String)>,
}

impl Answer {
    fn ok(body: Value) -> Self {
        Self { status: 200, body: Some(body), headers: Vec::new() }
    }

    const fn empty(status: u16) -> Self {
        Self { status, body: None, headers: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Says that a preference was followed (RFC 7240 §3).
    fn applied(self, preference: Option<Preference>) -> Self {
        match preference {
            Some(preference) => self.with("preference-applied", preference.text().into()),
            None => self,
        }
    }
}

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        let body = Some(error.to_json());
        Self { status: error.status(), body, headers: error.headers().to_vec() }
    }
}

/// A request past the gate.
struct Call<'a> {
    head: Head<'a>,
    route: Route,
    client: &'a Client,
    /// The client's dialect, as configured or as its header fields show it.
    dialect: Option<Dialect>,
    /// Absolute URI of the SCIM root.
    base: String,
}

/// The 404 for a resource.
fn no_resource() -> Error {
    Error::not_found("there is no such resource")
}

impl<K: Kv, C: Clock, R: Random> Service<K, C, R> {
    /// A service with its storage, clock and randomness.
    pub fn new(config: Config, kv: K, clock: C, random: R) -> Self {
        let store = Store::new(kv, clock, random, Options::default());
        let catalog = config.catalog.clone();
        Self { config, catalog, store }
    }

    /// The tenant's tree.
    pub const fn store(&self) -> &Store<K, C, R> {
        &self.store
    }

    /// Answers one request. `body` reads the body, up to the number of bytes that it is given; it
    /// is called only when a body is wanted.
    pub async fn handle(
        &self,
        head: Head<'_>,
        body: impl AsyncFnOnce(usize) -> Result<Vec<u8>, ReadError>,
    ) -> Outcome {
        let started = self.store.clock().now_ms();
        let mut audit = Audit { method: Audit::method(head.method), ..Audit::default() };
        audit.request_id = head.request_id().map_or_else(|| self.new_request_id(), String::from);
        let answer = match self.answer(head, body, &mut audit).await {
            Ok(answer) => answer,
            Err(error) => {
                audit.reason = Some(error.reason());
                error.into()
            }
        };
        let status = answer.status;
        let ended = self.store.clock().now_ms();
        let (headers, body) = written(answer, head, &audit.request_id);
        Outcome { status, headers, body, audit: audit.line(status, started, ended) }
    }

    fn new_request_id(&self) -> String {
        let mut bytes = [0; 16];
        self.store.random().fill(&mut bytes);
        ResourceId(bytes).to_text()
    }

    async fn answer(
        &self,
        head: Head<'_>,
        body: impl AsyncFnOnce(usize) -> Result<Vec<u8>, ReadError>,
        audit: &mut Audit,
    ) -> Result<Answer, Error> {
        let endpoints: Vec<&str> = self.catalog.types().iter().map(|t| &*t.endpoint).collect();
        let route = route::parse(head.target, &self.config.bases, &endpoints, &self.config.limits)?;
        audit.endpoint = route.endpoint.name().to_string();
        if route.endpoint == Endpoint::Alive {
            route::check_method(head.method, &route.endpoint)?;
            let now = datetime::format_ms(self.store.clock().now_ms());
            return Ok(Answer::ok(json!({"alive": true, "time": now})));
        }
        let client = self.gate(head, &route)?;
        audit.client = Some(client.name.clone());
        let headers = head.headers.iter().copied();
        let dialect = client.dialect.or_else(|| Dialect::of_headers(headers));
        audit.dialect = dialect.map(Dialect::name);
        if let Endpoint::Item { id, .. } = &route.endpoint {
            // Only an id of ours may stand in the log; anything else is the client's own text.
            audit.resource_id = ResourceId::parse(id).map(ResourceId::to_text);
        }
        route::check_method(head.method, &route.endpoint)?;
        let base = format!("{}{}", head.origin(&self.config), route.base);
        let call = Call { head, route, client, dialect, base };
        let redirects = self.config.me.answer == MeAnswer::Redirect;
        let body = match head.method {
            // It goes elsewhere.
            _ if call.route.endpoint == Endpoint::Me && redirects => None,
            "POST" | "PUT" | "PATCH" => {
                let limits = match call.route.endpoint {
                    Endpoint::Bulk => self.config.limits.of_bulk(),
                    _ => self.config.limits,
                };
                Some(read_body(head, body, &limits).await?)
            }
            _ => None,
        };
        self.serve(&call, body, audit).await
    }

    /// Credential to client. An unknown tenant looks like a wrong credential.
    fn gate(&self, head: Head<'_>, route: &Route) -> Result<&Client, Error> {
        let now_s = self.store.clock().now_ms() / 1000;
        let found = self.config.registry.authenticate(&head.all("authorization"), now_s);
        match (&route.tenant, found) {
            (None, found) | (Some(_), found @ Err(_)) => found,
            (Some(_), Ok(_)) => Err(crate::auth::unknown_tenant()),
        }
    }

    async fn serve(
        &self,
        call: &Call<'_>,
        body: Option<Object>,
        audit: &mut Audit,
    ) -> Result<Answer, Error> {
        match &call.route.endpoint {
            Endpoint::ServiceProviderConfig => {
                let limits = &self.config.limits;
                let passwords = self.config.passwords == Passwords::Hash;
                Ok(Answer::ok(discovery::service_provider_config(&call.base, limits, passwords)))
            }
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

    fn resource_type(&self, endpoint: &str) -> Result<&ResourceType, Error> {
        self.catalog
            .by_endpoint(endpoint)
            .ok_or_else(|| Error::not_found("nothing is served on this path"))
    }

    fn resource_types(&self, call: &Call<'_>, name: Option<&str>) -> Result<Answer, Error> {
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

    fn schemas(&self, call: &Call<'_>, urn: Option<&str>) -> Result<Answer, Error> {
        let document = |schema| discovery::schema(schema, &call.base);
        match urn {
            Some(urn) => {
                let found = self.catalog.schemas().find(|s| s.id.eq_ignore_ascii_case(urn));
                Ok(Answer::ok(document(found.ok_or_else(no_resource)?)))
            }
            None => discovery_list(call, &self.catalog.schemas().map(document).collect::<Vec<_>>()),
        }
    }

    fn view<'a>(&'a self, call: &'a Call<'_>, resource_type: &'a ResourceType) -> View<'a> {
        View {
            catalog: &self.catalog,
            resource_type,
            domain: &call.client.domain,
            base: &call.base,
            nested_groups: self.config.nested_groups,
            names: NAMES_ALONE,
        }
    }

    fn projection(
        &self,
        call: &Call<'_>,
        resource_type: &ResourceType,
    ) -> Result<Projection, Error> {
        Projection::of_query(&call.route.query, resource_type, &self.config.limits)
    }

    fn write<'a>(&'a self, call: &'a Call<'_>, resource_type: &'a ResourceType) -> Write<'a> {
        Write {
            view: self.view(call, resource_type),
            reading: Reading { resource_type, unknown: self.config.unknown },
            limits: &self.config.limits,
            keeping: Keeping { passwords: self.config.passwords, random: self.store.random() },
        }
    }

    async fn create(
        &self,
        call: &Call<'_>,
        resource_type: &ResourceType,
        body: Object,
        audit: &mut Audit,
    ) -> Result<Answer, Error> {
        let projection = self.projection(call, resource_type)?;
        let projection = projection.of_write(resource_type, &body, &self.config.limits);
        let write = self.write(call, resource_type);
        let wanted = write.wanted(body, &mut audit.notes)?;
        let record = self
            .store
            .transact(async |tx| {
                let id = write::new_id(tx.now_ms(), self.store.random());
                write.create(tx, id, &wanted).await
            })
            .await?;
        audit.resource_id = Some(record.id.to_text());
        let location = self.view(call, resource_type).location(record.id);
        let preference = call.head.preference();
        let mut answer = if preference == Some(Preference::Minimal) {
            Answer::empty(201).with("etag", etag(record.version))
        } else {
            self.resource(call, resource_type, &record, &projection).await?
        };
        answer.status = 201;
        Ok(answer.applied(preference).with("location", location))
    }

    async fn item(
        &self,
        call: &Call<'_>,
        resource_type: &ResourceType,
        id: ResourceId,
        body: Option<Object>,
        audit: &mut Audit,
    ) -> Result<Answer, Error> {
        let condition = Condition::new(call.head.text("if-match"), call.head.text("if-none-match"));
        let projection = self.projection(call, resource_type)?;
        let write = self.write(call, resource_type);
        match (call.head.method, body) {
            ("PUT", Some(body)) => {
                let projection = projection.of_write(resource_type, &body, &self.config.limits);
                let wanted = write.wanted(body, &mut audit.notes)?;
                let replace = async |tx: &mut Transaction<'_, K, C, R>| {
                    write.replace(tx, id, &wanted, &condition).await
                };
                let record = self.store.transact(replace).await?;
                self.written(call, resource_type, &record, &projection, false).await
            }
            ("PATCH", Some(body)) => {
                let modification = write.modification(&body, call.dialect, &mut audit.notes)?;
                let dialect = modification.dialect;
                audit.dialect = Some(dialect.name());
                let modify = async |tx: &mut Transaction<'_, K, C, R>| {
                    write.modify(tx, id, &modification, &condition).await
                };
                let record = self.store.transact(modify).await?;
                let asks_for_content = projection != Projection::Default;
                let empty =
                    dialect.patch_answers_empty(&resource_type.endpoint) && !asks_for_content;
                let projection = projection.of_write(resource_type, &body, &self.config.limits);
                self.written(call, resource_type, &record, &projection, empty).await
            }
            ("DELETE", _) => {
                let delete = async |tx: &mut Transaction<'_, K, C, R>| {
                    write.delete(tx, id, &condition).await
                };
                self.store.transact(delete).await?;
                Ok(Answer::empty(204))
            }
            _ => self.get(call, resource_type, id, &condition, &projection).await,
        }
    }

    async fn get(
        &self,
        call: &Call<'_>,
        resource_type: &ResourceType,
        id: ResourceId,
        condition: &Condition,
        projection: &Projection,
    ) -> Result<Answer, Error> {
        let view = self.view(call, resource_type);
        self.store
            .read(async |read| {
                let record = directory::load(read, resource_type, id).await?;
                let record = record.ok_or_else(no_resource)?;
                condition.check_match(record.version)?;
                let tag = etag(record.version);
                if condition.has(record.version) {
                    return Ok(Answer::empty(304).with("etag", tag));
                }
                let body = view.answer(read, &record, projection).await?;
                Ok(Answer::ok(body).with("etag", tag))
            })
            .await
    }

    /// The answer to a PUT or PATCH: as the client prefers (RFC 7240 §4.2), else as its dialect
    /// expects.
    async fn written(
        &self,
        call: &Call<'_>,
        resource_type: &ResourceType,
        record: &Record,
        projection: &Projection,
        empty: bool,
    ) -> Result<Answer, Error> {
        let preference = call.head.preference();
        let empty = preference.map_or(empty, |preference| preference == Preference::Minimal);
        let answer = if empty {
            Answer::empty(204).with("etag", etag(record.version))
        } else {
            self.resource(call, resource_type, record, projection).await?
        };
        Ok(answer.applied(preference))
    }

    /// The answer that shows a record just written.
    async fn resource(
        &self,
        call: &Call<'_>,
        resource_type: &ResourceType,
        record: &Record,
        projection: &Projection,
    ) -> Result<Answer, Error> {
        let view = View { names: NAMES_WRITTEN, ..self.view(call, resource_type) };
        let body = self.store.read(async |read| view.answer(read, record, projection).await);
        Ok(Answer::ok(body.await.map_err(Error::from)?).with("etag", etag(record.version)))
    }
}

/// Reads a body within its limits.
async fn read_body(
    head: Head<'_>,
    body: impl AsyncFnOnce(usize) -> Result<Vec<u8>, ReadError>,
    limits: &Limits,
) -> Result<Object, Error> {
    let limit = limits.body_bytes;
    let too_large = || Error::payload_too_large(format!("the body is over {limit} bytes"));
    head.check_content()?;
    let announced = head.text("content-length").and_then(|text| text.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let bytes = match body(limit).await {
        Ok(bytes) if bytes.len() > limit => return Err(too_large()),
        Ok(bytes) => bytes,
        Err(ReadError::TooLarge) => return Err(too_large()),
        Err(ReadError::Broken) => {
            return Err(Error::bad_request("the body ended before its time"));
        }
    };
    scim_json::parse_object(&bytes, limits)
}

/// A discovery list: always whole; a filter on it is refused (RFC 7644 §4).
fn discovery_list(call: &Call<'_>, documents: &[Value]) -> Result<Answer, Error> {
    if parameter(&call.route.query, "filter").is_some() {
        return Err(Error::forbidden("discovery documents cannot be filtered"));
    }
    let total = u64::try_from(documents.len()).unwrap_or(u64::MAX);
    Ok(Answer::ok(message::list_response(total, 1, documents)))
}

/// Header fields and body as they go out.
fn written(
    answer: Answer,
    head: Head<'_>,
    request_id: &str,
) -> (Vec<(&'static str, String)>, Vec<u8>) {
    let mut headers = answer.headers;
    headers.push(("cache-control", "no-store".into()));
    headers.push(("x-request-id", request_id.into()));
    let mut bytes = Vec::new();
    if let Some(body) = answer.body {
        headers.push(("content-type", head.answer_type().into()));
        bytes = serde_json::to_vec(&body).unwrap_or_default();
    }
    if head.method == "HEAD" {
        bytes.clear();
    } else if answer.status != 204 && answer.status != 304 {
        headers.push(("content-length", bytes.len().to_string()));
    }
    (headers, bytes)
}
