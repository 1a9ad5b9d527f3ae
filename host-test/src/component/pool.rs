//! Which instance serves a request.
//!
//! Reads spread. Writes of one tenant go to one instance while it keeps up, since transactions that
//! wait in one instance are published together, and those of several make each other start again.

use core::hash::BuildHasher as _;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::hash::RandomState;
use std::sync::Arc;

use futures::channel::oneshot;
use http::Method;
use scim_core::protocol::limits::Limits;
use scim_core::protocol::route::{self, Bases};
use scim_core::service::Config;
use tokio::sync::{Semaphore, mpsc};
use wasmtime_wasi_http::handler::{Request, Response};

use super::engine::Component;
use super::host::Blocked;
use super::worker;

/// Instances at most.
pub(super) const INSTANCES: usize = 8;
/// Requests that one instance serves at once.
pub(super) const CONCURRENT: usize = 64;
/// Requests that all of them serve at once; more wait.
const REQUESTS: usize = 256;
/// What it weighs, in requests, that an instance is held up.
const BLOCKED_WEIGHT: usize = 2;

/// A request on its way to an instance.
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) reply: oneshot::Sender<wasmtime::Result<Response>>,
}

/// A place for one instance, which changes over time.
struct Slot {
    jobs: mpsc::UnboundedSender<Job>,
    /// Requests given to this slot and not yet answered.
    load: Arc<AtomicUsize>,
    blocked: Blocked,
}

impl Slot {
    fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }
}

/// The instances of a component.
pub(crate) struct Pool {
    slots: Vec<Slot>,
    places: Semaphore,
    tenants: Tenants,
    hasher: RandomState,
}

/// What tells tenants apart: the part of the configuration that is about paths.
struct Tenants {
    bases: Bases,
    endpoints: Vec<String>,
    limits: Limits,
}

impl Tenants {
    fn new(config: &Config) -> Self {
        let endpoints = config.catalog.types().iter().map(|known| known.endpoint.to_string());
        let (bases, limits) = (config.bases.clone(), config.limits);
        Self { bases, endpoints: endpoints.collect(), limits }
    }

    /// The tenant that the path names. What the service will refuse may go anywhere.
    fn of(&self, request: &Request) -> Option<String> {
        let endpoints: Vec<&str> = self.endpoints.iter().map(String::as_str).collect();
        let route = route::parse(request.uri().path(), &self.bases, &endpoints, &self.limits);
        route.ok()?.tenant
    }
}

impl Pool {
    /// Starts the pool's workers; each makes its instance when the first request comes. `config`
    /// tells tenants apart.
    pub(crate) fn start(component: Component, config: &Config) -> Self {
        let component = Arc::new(component);
        let slots = (0..INSTANCES)
            .map(|_| {
                let (jobs, waiting) = mpsc::unbounded_channel();
                let blocked = Blocked::default();
                tokio::spawn(worker::run(component.clone(), waiting, blocked.clone()));
                Slot { jobs, load: Arc::default(), blocked }
            })
            .collect();
        let (places, tenants) = (Semaphore::new(REQUESTS), Tenants::new(config));
        Self { slots, places, tenants, hasher: RandomState::new() }
    }

    /// Has an instance serve `request`, after those that wait for a place already.
    ///
    /// # Errors
    ///
    /// When the instance trapped, could not be made, or took too long.
    pub(crate) async fn handle(&self, request: Request) -> wasmtime::Result<Response> {
        let _place = self.places.acquire().await?;
        let slot = self.slot(&request).ok_or_else(|| wasmtime::format_err!("no slot"))?;
        slot.load.fetch_add(1, Ordering::Relaxed);
        let _load = Load(slot.load.clone());
        let (reply, answer) = oneshot::channel();
        let sent = slot.jobs.send(Job { request, reply });
        sent.map_err(|_| wasmtime::format_err!("the worker is gone"))?;
        answer.await.map_err(|_| wasmtime::format_err!("the instance trapped"))?
    }

    fn slot(&self, request: &Request) -> Option<&Slot> {
        if let Method::GET | Method::HEAD = *request.method() {
            return self.lightest();
        }
        // The tenant's writer, or the next one when it is full or about to be replaced.
        let home =
            usize::try_from(self.hasher.hash_one(self.tenants.of(request)) % INSTANCES as u64);
        let order = self.slots.iter().cycle().skip(home.unwrap_or(0)).take(INSTANCES);
        let mut free = order.filter(|slot| slot.load() < CONCURRENT && !slot.blocked.is_closing());
        free.next().or_else(|| self.lightest())
    }

    /// The first slot of the lightest: its caches are the warmest.
    fn lightest(&self) -> Option<&Slot> {
        self.slots.iter().min_by_key(|slot| {
            let held_up = if slot.blocked.is_set() { BLOCKED_WEIGHT } else { 0 };
            let closing = if slot.blocked.is_closing() { CONCURRENT } else { 0 };
            slot.load() + held_up + closing
        })
    }
}

/// Counts down when a request ends, also when its client has gone.
struct Load(Arc<AtomicUsize>);

impl Drop for Load {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
