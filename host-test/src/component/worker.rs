//! One instance after another, each serving many requests at once.

use core::future::poll_fn;
use core::pin::pin;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep};
use wasmtime::AsContextMut as _;
use wasmtime::component::Accessor;
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::handler::{Prepared, Proxy};

use super::engine::Component;
use super::host::{Blocked, State};
use super::pool::{CONCURRENT, Job};

/// Requests that an instance serves before a fresh one takes over.
const REQUESTS_PER_INSTANCE: usize = 32 * 1024;
/// How long the component may take for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How much later the whole instance is stopped when the guest does not let go of it.
const GRACE: Duration = Duration::from_secs(2);
/// How often that is looked at.
const WATCH: Duration = Duration::from_millis(500);

/// When the requests that an instance is serving began, by number.
type Started = Mutex<BTreeMap<usize, Instant>>;

/// Serves the jobs of one slot until the pool is gone.
pub(super) async fn run(
    component: Arc<Component>,
    mut jobs: UnboundedReceiver<Job>,
    blocked: Blocked,
) {
    while let Some(first) = jobs.recv().await {
        if let Err(error) = serve(&component, &mut jobs, &blocked, first).await {
            eprintln!("instance stopped: {error:#}");
        }
        blocked.set_closing(false);
    }
}

/// The life of one instance. Jobs that it did not take are left for the next.
async fn serve(
    component: &Component,
    jobs: &mut UnboundedReceiver<Job>,
    blocked: &Blocked,
    first: Job,
) -> wasmtime::Result<()> {
    let (mut store, proxy) = match component.instantiate(blocked.clone()).await {
        Ok(instance) => instance,
        Err(error) => {
            let _ = first.reply.send(Err(error));
            return Ok(());
        }
    };
    let started = Started::default();
    let started = &started;
    let serving = store.run_concurrent(async |accessor| {
        instance(accessor, &proxy, jobs, blocked, first, started).await
    });
    let mut serving = pin!(serving);
    loop {
        tokio::select! {
            served = &mut serving => return served?,
            // Outside of `run_concurrent`, since a guest that computes lets nothing run inside.
            () = sleep(WATCH) => {
                let oldest = lock(started).values().min().copied();
                if oldest.is_some_and(|oldest| oldest.elapsed() > ANSWER_WITHIN + GRACE) {
                    return Err(wasmtime::format_err!("a request took too long"));
                }
            }
        }
    }
}

fn lock(started: &Started) -> std::sync::MutexGuard<'_, BTreeMap<usize, Instant>> {
    started.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn instance(
    accessor: &Accessor<State>,
    proxy: &Proxy,
    jobs: &mut UnboundedReceiver<Job>,
    blocked: &Blocked,
    first: Job,
    started: &Started,
) -> wasmtime::Result<()> {
    let mut taken = 0;
    let mut closing = false;
    let mut running = FuturesUnordered::new();
    let mut next = Some(first);
    loop {
        if let Some(job) = next.take() {
            taken += 1;
            lock(started).insert(taken, Instant::now());
            running.push(answer(accessor, proxy, job, taken));
        }
        if taken == REQUESTS_PER_INSTANCE && !closing {
            closing = true;
            blocked.set_closing(true);
        }
        if closing && running.is_empty() {
            break;
        }
        tokio::select! {
            biased;
            Some(done) = running.next(), if !running.is_empty() => {
                let (number, result) = done;
                lock(started).remove(&number);
                // A request that ran out of time may still hold something: the instance is used up.
                if !result? {
                    closing = true;
                    blocked.set_closing(true);
                }
            }
            job = jobs.recv(), if !closing && running.len() < CONCURRENT => match job {
                Some(job) => next = Some(job),
                None => closing = true,
            },
        }
    }
    // What was answered may still be on its way out.
    let rest = poll_fn(|cx| accessor.poll_no_interesting_tasks(cx));
    let _ = tokio::time::timeout(ANSWER_WITHIN, rest).await;
    Ok(())
}

/// Serves one request. `Ok(false)` means that its time ran out; an error is a trap.
async fn answer(
    accessor: &Accessor<State>,
    proxy: &Proxy,
    job: Job,
    number: usize,
) -> (usize, wasmtime::Result<bool>) {
    let prepared = accessor.with(|mut store| {
        Prepared::new(store.as_context_mut(), proxy, job.request, State::http, job.reply)
    });
    let result = match prepared {
        Ok(prepared) => prepared.run(accessor, sleep(ANSWER_WITHIN)).await,
        Err(error) => Err(error),
    };
    (number, result)
}
