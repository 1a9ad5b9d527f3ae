//! The SCIM service: one request in, one answer out, over the store (RFC 7644 §3).
//!
//! [`Service::handle`] is the one way through the code: route, gate, read, serve, answer.

mod access;
mod admin;
mod answer;
mod asked;
mod audit;
mod body;
mod bulk;
mod condition;
mod config;
mod cursor;
mod discovery;
mod explain;
mod head;
mod indexes;
mod lane;
mod list;
mod log;
mod me;
mod memberships;
mod nested;
mod paging;
mod password;
mod plan;
mod rate;
mod references;
mod resources;
mod search;
mod sort;
mod tenant;
mod tenants;
mod view;
mod write;

use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use serde_json::json;

use self::admin::Pace;
use self::answer::Answer;
use self::audit::Audit;
use self::rate::Leases;
use self::tenant::{Tenant, no_resource};
use crate::auth::{self, Client};
use crate::dialect::Dialect;
use crate::port::{Clock, Kv, Random};
use crate::protocol::route::{self, Endpoint, Route};
use crate::protocol::{Error, datetime};
use crate::schema::Catalog;
use crate::store::keys::ResourceId;
use crate::store::{Options, Store};

pub use admin::{Admin, ROUTES as ADMIN_ROUTES};
pub use body::ReadError;
pub use config::Config;
pub use explain::{Access, Explanation, Way, explain};
pub use head::Head;
pub use indexes::reindex;
pub use me::{Me, MeAnswer, MeAttribute};
pub use password::Passwords;
pub use references::References;
pub use tenants::Tenants;

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

/// The SCIM service of a deployment.
pub struct Service<K, C, R> {
    config: Rc<Config>,
    catalog: Rc<Catalog>,
    kv: Rc<K>,
    clock: Rc<C>,
    random: Rc<R>,
    default: OpenTenant<K, C, R>,
    /// Other tenants that were served lately, the latest last.
    open: RefCell<Vec<OpenTenant<K, C, R>>>,
    pace: RefCell<Pace>,
    leases: Leases,
}

/// A tenant that this instance serves.
type OpenTenant<K, C, R> = Rc<Tenant<Rc<K>, Rc<C>, Rc<R>>>;

/// Tenants beside the default one that an instance keeps open.
const TENANTS_OPEN: usize = 16;
/// Bytes of leaves that it keeps of each of them, roughly.
const LEAF_BYTES: usize = 1024 * 1024;
/// Bytes of branches that it keeps of each of them, roughly.
const BRANCH_BYTES: usize = 4 * 1024 * 1024;

/// A request past the gate.
struct Call<'a> {
    head: Head<'a>,
    route: Route,
    client: Rc<Client>,
    /// The client's dialect, as configured or as its header fields show it.
    dialect: Option<Dialect>,
    /// Absolute URI of the SCIM root.
    base: String,
}

impl Call<'_> {
    /// Whether it can change something.
    fn writes(&self) -> bool {
        let is_search = matches!(self.route.endpoint, Endpoint::Search(_));
        matches!(self.head.method, "POST" | "PUT" | "PATCH" | "DELETE") && !is_search
    }
}

impl<K: Kv, C: Clock, R: Random> Service<K, C, R> {
    /// A service with its storage, clock and randomness.
    pub fn new(config: Config, kv: K, clock: C, random: R) -> Self {
        let catalog = Rc::new(config.catalog.clone());
        let config = Rc::new(config);
        let (kv, clock, random) = (Rc::new(kv), Rc::new(clock), Rc::new(random));
        let store = Store::new(kv.clone(), clock.clone(), random.clone(), Options::default());
        let default = Tenant {
            name: tenants::DEFAULT.into(),
            config: config.clone(),
            catalog: catalog.clone(),
            store,
            known: RefCell::default(),
            tended: Cell::default(),
        };
        let (open, pace, leases) = (RefCell::default(), RefCell::default(), Leases::default());
        Self { config, catalog, kv, clock, random, default: default.into(), open, pace, leases }
    }

    /// The tree of the default tenant.
    pub fn store(&self) -> &Store<Rc<K>, Rc<C>, Rc<R>> {
        &self.default.store
    }

    /// The tenant of that name, whether it exists or not.
    fn tenant(&self, name: &str) -> OpenTenant<K, C, R> {
        if name == tenants::DEFAULT {
            return self.default.clone();
        }
        let open = self.open.borrow();
        if let Some(tenant) = open.iter().find(|tenant| tenant.name == name) {
            return tenant.clone();
        }
        let options = Options {
            tenant: name.into(),
            leaf_cache_bytes: LEAF_BYTES,
            branch_cache_bytes: BRANCH_BYTES,
            ..Options::default()
        };
        let (kv, clock, random) = (self.kv.clone(), self.clock.clone(), self.random.clone());
        Rc::new(Tenant {
            name: name.into(),
            config: self.config.clone(),
            catalog: self.catalog.clone(),
            store: Store::new(kv, clock, random, options),
            known: RefCell::default(),
            tended: Cell::default(),
        })
    }

    /// Keeps a tenant open for the next requests; only one that exists, or anybody could close
    /// those that do.
    fn keep_open(&self, tenant: &OpenTenant<K, C, R>) {
        if tenant.name == tenants::DEFAULT {
            return;
        }
        let mut open = self.open.borrow_mut();
        open.retain(|known| known.name != tenant.name);
        open.push(tenant.clone());
        if open.len() > TENANTS_OPEN {
            open.remove(0);
        }
    }

    /// Answers one request. `body` reads the body, up to the number of bytes that it is given; it
    /// is called only when a body is wanted.
    pub async fn handle(
        &self,
        head: Head<'_>,
        body: impl AsyncFnOnce(usize) -> Result<Vec<u8>, ReadError>,
    ) -> Outcome {
        let started = self.store().clock().now_ms();
        let mut audit = Audit { method: Audit::method(head.method), ..Audit::default() };
        audit.request_id = head.request_id().map_or_else(|| self.new_request_id(), String::from);
        let answer = match self.answer(head, body, &mut audit).await {
            Ok(answer) => answer,
            Err(error) => {
                audit.reason = Some(error.reason());
                let is_plain = admin::is_path(head.target);
                Answer { is_plain, ..error.into() }
            }
        };
        let status = answer.status;
        let ended = self.store().clock().now_ms();
        let (headers, body) = answer::written(answer, head, &audit.request_id);
        Outcome { status, headers, body, audit: audit.line(status, started, ended) }
    }

    fn new_request_id(&self) -> String {
        let mut bytes = [0; 16];
        self.store().random().fill(&mut bytes);
        ResourceId(bytes).to_text()
    }

    async fn answer(
        &self,
        head: Head<'_>,
        body: impl AsyncFnOnce(usize) -> Result<Vec<u8>, ReadError>,
        audit: &mut Audit,
    ) -> Result<Answer, Error> {
        if admin::is_path(head.target) {
            return self.administer(head, body, audit).await;
        }
        let endpoints: Vec<&str> = self.catalog.types().iter().map(|t| &*t.endpoint).collect();
        let route = route::parse(head.target, &self.config.bases, &endpoints, &self.config.limits)?;
        audit.endpoint = route.endpoint.name().to_string();
        if route.endpoint == Endpoint::Alive {
            route::check_method(head.method, &route.endpoint)?;
            let now = datetime::format_ms(self.store().clock().now_ms());
            return Ok(Answer::ok(json!({"alive": true, "time": now})));
        }
        let (tenant, client) = self.gate(head, &route).await?;
        audit.tenant = Some(tenant.name.clone());
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
        if let Some(limit) = client.rate_limit {
            let now_s = self.clock.now_ms() / 1000;
            self.leases.take(&self.kv, (&tenant.name, &client.name), limit, now_s).await?;
        }
        if !self.config.enabled {
            return Err(Error::forbidden("SCIM is switched off here"));
        }
        let call = Call { head, route, client, dialect, base };
        tenant.check_scopes(&call)?;
        let redirects = self.config.me.answer == MeAnswer::Redirect;
        let body = match head.method {
            // It goes elsewhere.
            _ if call.route.endpoint == Endpoint::Me && redirects => None,
            "POST" | "PUT" | "PATCH" => {
                let limits = match call.route.endpoint {
                    Endpoint::Bulk => self.config.limits.of_bulk(),
                    _ => self.config.limits,
                };
                Some(body::read(head, body, &limits).await?)
            }
            _ => None,
        };
        let answer = tenant.serve(&call, body, audit).await;
        if answer.is_ok() && call.writes() {
            tenant.tend().await;
        }
        answer
    }

    /// Credential to tenant and client. A tenant that does not exist, one that is switched off and
    /// a wrong credential are told apart in the audit line alone.
    async fn gate(
        &self,
        head: Head<'_>,
        route: &Route,
    ) -> Result<(OpenTenant<K, C, R>, Rc<Client>), Error> {
        let now_s = self.clock.now_ms() / 1000;
        let values = head.all("authorization");
        let token = auth::bearer_token(&values)?;
        let configured = self.config.registry.authenticate(&values, now_s);
        let of_host = head.text("host").and_then(|host| self.config.tenants.of_authority(host));
        let name = match (&route.tenant, of_host) {
            (Some(of_path), Some(of_host)) if *of_path != of_host => {
                return Err(auth::unknown_tenant());
            }
            (Some(name), _) => name.clone(),
            (None, name) => name.unwrap_or_else(|| tenants::DEFAULT.into()),
        };
        let tenant = self.tenant(&name);
        let is_configured = self.config.tenants.is_enabled(&name);
        let stored = tenant.admission(token, now_s).await?;
        let belongs =
            |client: &Client| client.tenant.as_deref().unwrap_or(tenants::DEFAULT) == name;
        let named = || self.config.registry.clients().iter().any(|client| belongs(client));
        let exists =
            name == tenants::DEFAULT || is_configured.or(stored.enabled).is_some() || named();
        if !exists {
            return Err(auth::unknown_tenant());
        }
        self.keep_open(&tenant);
        if is_configured == Some(false) || stored.enabled == Some(false) {
            return Err(auth::disabled());
        }
        let client = match configured {
            Ok(client) if belongs(&client) => client,
            Ok(_) => return Err(auth::unknown_tenant()),
            // The configuration may know a token that the tree does not, and the other way round.
            Err(error) => match stored.client {
                Ok(client) => client,
                Err(_) if error.reason() != auth::unknown_token().reason() => return Err(error),
                Err(error) => return Err(error),
            },
        };
        Ok((tenant, client))
    }
}
