//! Who may send requests: the clients of the configuration, and those of a registry that is polled.
//!
//! One worker polls for all; what it was told stands in shared data. A registry is as good as its
//! latest answer: revisions only rise, and one that is too old lets nobody in.

use std::rc::Rc;

use proxy_wasm::types::LogLevel;
use scim_core::auth::freshness::{Fetches, Need, Pace, Step};
use scim_core::auth::{Providers, Registry, Url};
use scim_core::port::http::{Call, Reply};
use scim_core::protocol::Error;
use serde_json::Value;

use crate::config::Config;
use crate::host;
use crate::keys::KeyRing;
use crate::metrics::Metrics;

/// Seconds that an answer may take.
const CALL_S: u64 = 5;
/// Bytes of a registry.
pub(crate) const ANSWER_BYTES: usize = 1024 * 1024;

/// The registry that is polled.
pub(crate) struct Source {
    pub(crate) cluster: String,
    pub(crate) url: Url,
    pub(crate) authorization: Option<String>,
    pub(crate) pace: Pace,
}

impl Source {
    /// How it is polled: every `poll_s` seconds, and used for `stale_s` seconds at most.
    pub(crate) const fn pace(poll_s: u64, stale_s: u64) -> Pace {
        // Until all workers have seen an answer, a second has passed.
        let refresh_s = if poll_s > 1 { poll_s - 1 } else { 1 };
        let (call_s, retry_s) = (CALL_S, 1);
        Pace { refresh_s, stale_s, call_s, missing_s: refresh_s, retry_s, retry_max_s: 30 }
    }
}

/// All that decides who may send requests, as one worker knows it.
pub(crate) struct Access {
    pub(crate) clients: Registry,
    pub(crate) providers: Providers,
    pub(crate) keys: KeyRing,
    /// The number of the registry in it; zero for none.
    generation: u64,
    /// It is complete, and not too old.
    ready: bool,
}

impl Access {
    /// What the configuration says, and what is in shared data already.
    pub(crate) fn new(config: &Config, prefix: &str) -> Rc<Self> {
        if config.source.is_some() && host::shared(&name(prefix, "state")).0.is_none() {
            // A swap needs something to be swapped.
            host::set_shared(&name(prefix, "state"), &Fetches::default().encode(), None);
        }
        let (clients, providers) = (config.clients.clone(), config.providers.clone());
        let keys = KeyRing::new(prefix, providers.all());
        let ready = config.source.is_none();
        Rc::new(Self { clients, providers, keys, generation: 0, ready })
    }

    /// Refuses everybody as long as nobody can be known.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let error = || Error::unavailable("the registry of clients cannot be reached", 5);
        if self.ready { Ok(()) } else { Err(error()) }
    }

    /// Takes what other workers were told, and polls if it is time: what takes the place of this,
    /// and the call.
    pub(crate) fn tick(
        &self,
        config: &Config,
        prefix: &str,
        metrics: &Metrics,
        now_s: u64,
    ) -> (Option<Rc<Self>>, Option<u32>) {
        let Some(source) = &config.source else { return (None, None) };
        let (mut state, cas) = state(prefix);
        if let Some(age_s) = state.age_s(now_s) {
            metrics.gauge("scim_edge.registry_age_seconds", age_s);
        }
        let usable = state.usable(now_s, &source.pace);
        let changed = usable != self.ready || usable && state.generation() != self.generation;
        let next = changed.then(|| self.next(config, prefix, &state, usable)).flatten();
        if state.step(now_s, &source.pace, Need::Current) != Step::Fetch || cas.is_none() {
            return (next, None);
        }
        state.begin(now_s, &source.pace);
        if !host::set_shared(&name(prefix, "state"), &state.encode(), cas) {
            return (next, None);
        }
        let token = host::call(&source.cluster, &call(source, prefix), CALL_S);
        if token.is_none() {
            failed(prefix, "registry_no_reply");
        }
        (next, token)
    }

    fn next(
        &self,
        config: &Config,
        prefix: &str,
        state: &Fetches,
        usable: bool,
    ) -> Option<Rc<Self>> {
        let document = host::shared(&name(prefix, "document")).0.filter(|_| usable);
        let read = document.and_then(|text| read(config, &text));
        let ready = read.is_some();
        if !ready && !self.ready {
            return None;
        }
        let (clients, providers) = read.unwrap_or_default();
        let keys = KeyRing::new(prefix, providers.all());
        Some(Rc::new(Self { clients, providers, keys, generation: state.generation(), ready }))
    }
}

/// The answer to a poll has come.
pub(crate) fn answered(config: &Config, prefix: &str, reply: &Reply, now_s: u64) {
    let Some(source) = &config.source else { return };
    match judge(config, prefix, reply) {
        Err(reason) => failed(prefix, reason),
        Ok(fresh) => {
            if fresh {
                let tag = reply.header("etag").unwrap_or_default();
                host::set_shared(&name(prefix, "etag"), tag.as_bytes(), None);
                // The document before its number: whoever sees the number must find it.
                host::set_shared(&name(prefix, "document"), &reply.body, None);
            }
            update(prefix, |state| {
                if fresh { state.succeed(now_s, &source.pace, None) } else { state.confirm(now_s) }
            });
        }
    }
}

/// Whether an answer brings a registry that is new.
fn judge(config: &Config, prefix: &str, reply: &Reply) -> Result<bool, &'static str> {
    let known = host::shared(&name(prefix, "document")).0;
    match reply.status {
        304 if known.is_some() => return Ok(false),
        200 => {}
        _ => return Err("registry_status"),
    }
    if reply.body.len() > ANSWER_BYTES {
        return Err("registry_size");
    }
    read(config, &reply.body).ok_or("registry_malformed")?;
    let revision = |text: &[u8]| -> Option<u64> {
        serde_json::from_slice::<Value>(text).ok()?.get("revision")?.as_u64()
    };
    let offered = revision(&reply.body).ok_or("registry_malformed")?;
    // An older one would bring back what was revoked since.
    if known.as_deref().and_then(revision).is_some_and(|known| offered < known) {
        return Err("registry_revision");
    }
    Ok(true)
}

/// Reads a registry, and adds it to what is configured.
fn read(config: &Config, text: &[u8]) -> Option<(Registry, Providers)> {
    let document: Value = serde_json::from_slice(text).ok()?;
    let enabled = document.get("enabled").and_then(Value::as_bool).unwrap_or(true);
    let added = |name: &str| {
        let items = document.get(name).and_then(Value::as_array).filter(|_| enabled);
        items.cloned().unwrap_or_default()
    };
    let mut providers = config.provider_values.clone();
    // The configuration knows better: it says by which cluster a provider is reached.
    let configured = |provider: &Value| {
        let name = provider.get("name").and_then(Value::as_str).unwrap_or_default();
        config.providers.named(name).is_some()
    };
    providers.extend(added("providers").into_iter().filter(|provider| !configured(provider)));
    let clients = [config.client_values.clone(), added("clients")].concat();
    let mut clients = Registry::from_json(&clients.into()).ok()?;
    if let Some(dialect) = config.dialect {
        clients.set_default_dialect(dialect);
    }
    Some((clients, Providers::from_json(&providers.into()).ok()?))
}

fn call(source: &Source, prefix: &str) -> Call {
    let mut headers = vec![("accept", "application/json".to_owned())];
    headers.extend(source.authorization.clone().map(|value| ("authorization", value)));
    let tag = host::shared(&name(prefix, "etag")).0.and_then(|tag| String::from_utf8(tag).ok());
    headers.extend(tag.filter(|tag| !tag.is_empty()).map(|tag| ("if-none-match", tag)));
    let Url { secure, authority, path } = source.url.clone();
    Call { method: "GET", secure, authority, path, headers, body: vec![] }
}

fn failed(prefix: &str, reason: &str) {
    host::log(LogLevel::Warn, &format!("the registry was not fetched: {reason}"));
    update(prefix, Fetches::fail);
}

fn update(prefix: &str, change: impl Fn(&mut Fetches)) {
    let (mut state, cas) = state(prefix);
    change(&mut state);
    host::set_shared(&name(prefix, "state"), &state.encode(), cas);
}

fn state(prefix: &str) -> (Fetches, Option<u32>) {
    let (bytes, cas) = host::shared(&name(prefix, "state"));
    (Fetches::decode(&bytes.unwrap_or_default()), cas)
}

fn name(prefix: &str, what: &str) -> String {
    format!("{prefix}/registry/{what}")
}
