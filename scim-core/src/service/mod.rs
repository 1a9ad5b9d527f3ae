//! The SCIM service: one request in, one answer out, over the store (RFC 7644 §3).
//!
//! [`Service::handle`] is the one way through the code: route, gate, read, serve, answer.

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
mod me;
mod memberships;
mod nested;
mod paging;
mod password;
mod plan;
mod references;
mod resources;
mod search;
mod sort;
mod tenant;
mod view;
mod write;

use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::Cell;

use serde_json::json;

use self::answer::Answer;
use self::audit::Audit;
use self::tenant::{Tenant, no_resource};
use crate::auth::Client;
use crate::dialect::Dialect;
use crate::port::{Clock, Kv, Random};
use crate::protocol::route::{self, Endpoint, Route};
use crate::protocol::{Error, datetime};
use crate::store::keys::ResourceId;
use crate::store::{Options, Store};

pub use body::ReadError;
pub use config::Config;
pub use explain::{Access, Explanation, Way, explain};
pub use head::Head;
pub use indexes::reindex;
pub use me::{Me, MeAnswer, MeAttribute};
pub use password::Passwords;
pub use references::References;

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
    default: Tenant<Rc<K>, Rc<C>, Rc<R>>,
}

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
        let store = Store::new(kv.into(), clock.into(), random.into(), Options::default());
        let tended = Cell::new(false);
        Self { default: Tenant { config: Rc::clone(&config), catalog, store, tended }, config }
    }

    /// The tree of the default tenant.
    pub const fn store(&self) -> &Store<Rc<K>, Rc<C>, Rc<R>> {
        &self.default.store
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
                error.into()
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
        let endpoints: Vec<&str> =
            self.default.catalog.types().iter().map(|t| &*t.endpoint).collect();
        let route = route::parse(head.target, &self.config.bases, &endpoints, &self.config.limits)?;
        audit.endpoint = route.endpoint.name().to_string();
        if route.endpoint == Endpoint::Alive {
            route::check_method(head.method, &route.endpoint)?;
            let now = datetime::format_ms(self.store().clock().now_ms());
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
                Some(body::read(head, body, &limits).await?)
            }
            _ => None,
        };
        let answer = self.default.serve(&call, body, audit).await;
        if answer.is_ok() && call.writes() {
            self.default.tend().await;
        }
        answer
    }

    /// Credential to client. An unknown tenant looks like a wrong credential.
    fn gate(&self, head: Head<'_>, route: &Route) -> Result<Rc<Client>, Error> {
        let now_s = self.store().clock().now_ms() / 1000;
        let found = self.config.registry.authenticate(&head.all("authorization"), now_s);
        match (&route.tenant, found) {
            (None, found) | (Some(_), found @ Err(_)) => found,
            (Some(_), Ok(_)) => Err(crate::auth::unknown_tenant()),
        }
    }
}
