//! The admin API, `/admin/v1/…`: tenants, providers, clients, tokens and the provisioning log.
//!
//! It is off until there is an admin token, which is none of SCIM's credentials. A second token
//! opens the registry document and nothing else: gateways poll it.

mod act;
mod clients;
mod credentials;
mod managed;
mod providers;
mod registry;
mod tenants;

use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use self::act::Act;
use super::answer::Answer;
use super::audit::Audit;
use super::body::{self, ReadError};
use super::head::Head;
use super::{OpenTenant, Service};
use crate::auth::{self, ConfigError};
use crate::port::{Clock, Kv, Random};
use crate::protocol::json::Object;
use crate::protocol::{Error, route};

/// Where the API stands.
const BASE: &str = "/admin/v1";
/// Characters of a token, at least: 128 bits in hexadecimal digits.
const TOKEN_MIN: usize = 32;
/// Different characters of a token, at least: what is typed by one finger is no secret.
const DISTINCT_MIN: usize = 10;
/// Requests that an instance serves per minute.
const REQUESTS_PER_MINUTE: u32 = 600;
/// Refusals of credentials per minute; above, the answer is 429. The right one is served still.
const REFUSALS_PER_MINUTE: u32 = 60;
const MS_PER_MINUTE: u64 = 60_000;
const S_PER_MINUTE: u64 = 60;

/// Who may administer. Only hashes are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admin {
    admin: Option<[u8; 32]>,
    registry: Option<[u8; 32]>,
}

impl Admin {
    /// Reads the two tokens; an empty text is none.
    ///
    /// # Errors
    /// A token of fewer than 32 visible ASCII characters, or of fewer than 10 different ones; two
    /// tokens that are the same.
    pub fn new(admin: &str, registry: &str) -> Result<Self, ConfigError> {
        let (admin, registry) = (hash("admin_token", admin)?, hash("registry_token", registry)?);
        if admin.is_some() && admin == registry {
            return Err(ConfigError::new("registry_token", "is the admin token, too"));
        }
        Ok(Self { admin, registry })
    }

    const fn is_off(&self) -> bool {
        self.admin.is_none() && self.registry.is_none()
    }
}

fn hash(field: &str, token: &str) -> Result<Option<[u8; 32]>, ConfigError> {
    if token.is_empty() {
        return Ok(None);
    }
    let mut distinct: Vec<u8> = token.bytes().collect();
    distinct.sort_unstable();
    distinct.dedup();
    let visible = distinct.iter().all(u8::is_ascii_graphic);
    if token.len() < TOKEN_MIN || distinct.len() < DISTINCT_MIN || !visible {
        let message = format!("must have {TOKEN_MIN} or more random visible ASCII characters");
        return Err(ConfigError::new(field, message));
    }
    Ok(Some(Sha256::digest(token).into()))
}

/// How much was asked of the API in this minute.
#[derive(Debug, Default)]
pub(super) struct Pace {
    minute: u64,
    requests: u32,
    refusals: u32,
}

/// The paths below the base and their methods; the `OpenAPI` document lists the same.
pub const ROUTES: [(&str, &[&str]); 12] = [
    ("/openapi.json", &["GET"]),
    ("/tenants", &["GET", "POST"]),
    ("/tenants/{tenant}", &["GET", "PATCH", "DELETE"]),
    ("/tenants/{tenant}/providers", &["GET", "POST"]),
    ("/tenants/{tenant}/providers/{provider}", &["GET", "DELETE"]),
    ("/tenants/{tenant}/clients", &["GET", "POST"]),
    ("/tenants/{tenant}/clients/{client}", &["GET", "PATCH", "DELETE"]),
    ("/tenants/{tenant}/clients/{client}/tokens", &["GET", "POST"]),
    ("/tenants/{tenant}/clients/{client}/tokens/{token}", &["DELETE"]),
    ("/tenants/{tenant}/clients/{client}/rotate", &["POST"]),
    ("/tenants/{tenant}/log", &["GET"]),
    ("/tenants/{tenant}/registry", &["GET"]),
];

const OPENAPI: &str = include_str!("openapi.json");

/// Whether a request target belongs to the API.
pub(super) fn is_path(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    path.split('/').find(|segment| !segment.is_empty()) == Some("admin")
}

/// Whether the segments of a path are those of a route.
fn is_route(template: &str, segments: &[&str]) -> bool {
    let parts = template.split('/').skip(1);
    parts.clone().count() == segments.len()
        && parts.zip(segments).all(|(part, segment)| part.starts_with('{') || part == *segment)
}

impl<K: Kv, C: Clock, R: Random> Service<K, C, R> {
    /// Answers a request to the admin API.
    ///
    /// # Errors
    /// 404 while it is off and for unknown paths; 401 without the token; 429; else by route.
    pub(super) async fn administer(
        &self,
        head: Head<'_>,
        body: impl AsyncFnOnce(usize) -> Result<Vec<u8>, ReadError>,
        audit: &mut Audit,
    ) -> Result<Answer, Error> {
        let nothing = || Error::not_found("nothing is served on this path");
        audit.endpoint = "admin".into();
        if self.config.admin.is_off() {
            return Err(nothing());
        }
        let (path, query) = head.target.split_once('?').unwrap_or((head.target, ""));
        let segments = route::path_segments(path)?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let [_, "v1", segments @ ..] = segments.as_slice() else { return Err(nothing()) };
        let is_registry = matches!(segments, ["tenants", _, "registry"]);
        self.admit_administrator(head, is_registry)?;
        let route = ROUTES.iter().find(|(template, _)| is_route(template, segments));
        let (template, methods) = route.ok_or_else(nothing)?;
        audit.endpoint = format!("{BASE}{template}");
        let method = if head.method == "HEAD" { "GET" } else { head.method };
        if !methods.contains(&method) {
            return Err(Error::method_not_allowed(&methods.join(", ")));
        }
        let body = match method {
            "POST" | "PATCH" => body::read(head, body, &self.config.limits).await?,
            _ => Object::new(),
        };
        let query = route::parse_query(query)?;
        let now_s = self.clock.now_ms() / 1000;
        let origin = head.origin(&self.config);
        let tenant = segments.get(1).map(|name| self.tenant(name));
        if let Some(tenant) = &tenant {
            audit.tenant = Some(tenant.name.clone());
        }
        let act = Act { audit, body, query, now_s, origin };
        let mut answer = self.dispatch(head, method, segments, tenant, &act).await?;
        answer.is_plain = true;
        Ok(answer)
    }

    async fn dispatch(
        &self,
        head: Head<'_>,
        method: &str,
        segments: &[&str],
        tenant: Option<OpenTenant<K, C, R>>,
        act: &Act<'_>,
    ) -> Result<Answer, Error> {
        let tenant = match (segments, tenant) {
            (["openapi.json"], _) => {
                let document: Value = serde_json::from_str(OPENAPI)
                    .map_err(|_| Error::internal("the document is damaged"))?;
                return Ok(Answer::ok(document));
            }
            (["tenants"], _) if method == "GET" => return self.list_tenants(act).await,
            (["tenants"], _) => return self.create_tenant(act).await,
            (["tenants", _, ..], Some(tenant)) => tenant,
            _ => return Err(Error::not_found("nothing is served on this path")),
        };
        self.require_tenant(&tenant).await?;
        self.keep_open(&tenant);
        match (method, segments.get(2..).unwrap_or_default()) {
            ("GET", []) => self.show_tenant(&tenant, act).await,
            ("PATCH", []) => self.edit_tenant(&tenant, act).await,
            (_, []) => self.remove_tenant(&tenant, act).await,
            ("GET", ["providers"]) => tenant.list_providers().await,
            (_, ["providers"]) => tenant.create_provider(act).await,
            ("GET", ["providers", name]) => tenant.show_provider(name).await,
            (_, ["providers", name]) => tenant.remove_provider(name, act).await,
            ("GET", ["clients"]) => tenant.list_clients(act).await,
            (_, ["clients"]) => tenant.create_client(act).await,
            ("GET", ["clients", name]) => tenant.show_client(name, act).await,
            ("PATCH", ["clients", name]) => tenant.edit_client(name, act).await,
            (_, ["clients", name]) => tenant.remove_client(name, act).await,
            ("GET", ["clients", name, "tokens"]) => tenant.list_tokens(name, act).await,
            (_, ["clients", name, "tokens"]) => tenant.create_token(name, act).await,
            (_, ["clients", name, "tokens", id]) => tenant.revoke_token(name, id, act).await,
            (_, ["clients", name, "rotate"]) => tenant.rotate(name, act).await,
            (_, ["log"]) => tenant.show_log(act).await,
            _ => tenant.registry_document(head).await,
        }
    }

    /// Lets in who has the token; `is_registry` also takes the token for the registry.
    fn admit_administrator(&self, head: Head<'_>, is_registry: bool) -> Result<(), Error> {
        let minute = self.clock.now_ms() / MS_PER_MINUTE;
        let mut pace = self.pace.borrow_mut();
        if pace.minute != minute {
            *pace = Pace { minute, ..Pace::default() };
        }
        let values = head.all("authorization");
        let found =
            auth::bearer_token(&values).map(|token| <[u8; 32]>::from(Sha256::digest(token)));
        let opens = |known: Option<[u8; 32]>| {
            let found = found.as_ref().ok();
            known.zip(found).is_some_and(|(known, found)| bool::from(known.ct_eq(found)))
        };
        let Admin { admin, registry } = self.config.admin;
        let is_admin = opens(admin);
        if is_admin || (opens(registry) && is_registry) {
            pace.requests = pace.requests.saturating_add(1);
            let within = pace.requests <= REQUESTS_PER_MINUTE;
            return if within { Ok(()) } else { Err(Error::too_many_requests(S_PER_MINUTE)) };
        }
        pace.refusals = pace.refusals.saturating_add(1);
        if pace.refusals > REFUSALS_PER_MINUTE {
            return Err(Error::too_many_requests(S_PER_MINUTE));
        }
        Err(found.err().unwrap_or_else(auth::unknown_token))
    }

    /// The deployment's own tree: the list of tenants.
    fn deployment(&self) -> OpenTenant<K, C, R> {
        // No tenant's name holds such a character.
        self.tenant("\0deployment")
    }
}

/// A list of names and what is known of them.
fn list(name: &str, items: Vec<Value>) -> Answer {
    let mut object = Object::new();
    object.insert(name.to_string(), Value::Array(items));
    Answer::ok(Value::Object(object))
}

/// The 404 for what the path names.
fn unknown(what: &'static str) -> Error {
    Error::not_found(format!("there is no such {what}"))
}

/// What is wrong with a body.
fn invalid(error: &ConfigError) -> Error {
    Error::invalid_value(error.to_string())
}

/// A document is configured, and what is configured is not changed here.
fn is_configured(what: &'static str) -> Error {
    Error::conflict(format!("the {what} is part of the configuration"))
}

type SharedTenant<K, C, R> = super::Tenant<Rc<K>, Rc<C>, Rc<R>>;
