//! Which instance serves a request.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use futures::channel::oneshot;
use tokio::sync::{Semaphore, mpsc};
use wasmtime_wasi_http::handler::{Request, Response};

use super::engine::Component;
use super::host::Blocked;
use super::worker;

/// Instances at most.
pub(super) const INSTANCES: usize = 8;
/// Requests that one instance serves at once.
pub(super) const CONCURRENT: usize = 16;
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

/// The instances of a component.
pub(crate) struct Pool {
    slots: Vec<Slot>,
    places: Semaphore,
}

impl Pool {
    /// Starts the pool's workers; each makes its instance when the first request comes.
    pub(crate) fn start(component: Component) -> Self {
        let component = Arc::new(component);
        let slots = (0..INSTANCES)
            .map(|_| {
                let (jobs, waiting) = mpsc::unbounded_channel();
                let blocked = Blocked::default();
                tokio::spawn(worker::run(component.clone(), waiting, blocked.clone()));
                Slot { jobs, load: Arc::default(), blocked }
            })
            .collect();
        Self { slots, places: Semaphore::new(INSTANCES * CONCURRENT) }
    }

    /// Has an instance serve `request`, after those that wait for a place already.
    ///
    /// # Errors
    ///
    /// When the instance trapped, could not be made, or took too long.
    pub(crate) async fn handle(&self, request: Request) -> wasmtime::Result<Response> {
        let _place = self.places.acquire().await?;
        // The first slot of the lightest: its caches are the warmest.
        let slot = self
            .slots
            .iter()
            .min_by_key(|slot| {
                let held_up = if slot.blocked.is_set() { BLOCKED_WEIGHT } else { 0 };
                slot.load.load(Ordering::Relaxed) + held_up
            })
            .ok_or_else(|| wasmtime::format_err!("the pool has no slot"))?;
        slot.load.fetch_add(1, Ordering::Relaxed);
        let _load = Load(slot.load.clone());
        let (reply, answer) = oneshot::channel();
        let sent = slot.jobs.send(Job { request, reply });
        sent.map_err(|_| wasmtime::format_err!("the worker is gone"))?;
        answer.await.map_err(|_| wasmtime::format_err!("the instance trapped"))?
    }
}

/// Counts down when a request ends, also when its client has gone.
struct Load(Arc<AtomicUsize>);

impl Drop for Load {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
