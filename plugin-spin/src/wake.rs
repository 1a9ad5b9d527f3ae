//! Waking one request of an instance from another one.
//!
//! The executor below has a waker per request that is good for events of that request alone; used
//! from another request it would end the instance. So each request runs inside a [`Wakeable`], and
//! one that waits for another is given a bell that the host does carry across: a stream of its
//! own, which ends when the other one drops its writing end.

use core::cell::Cell;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Wake;

use spin_sdk::wasip3::wit_stream;

thread_local! {
    /// The request that is running.
    static RUNNING: Cell<Option<u64>> = const { Cell::new(None) };
    /// Requests so far.
    static LAST: Cell<u64> = const { Cell::new(0) };
    /// Whether the running request waits for another one.
    static WAITS: Cell<bool> = const { Cell::new(false) };
}

/// Says that the running request waits for another one of this instance.
pub(crate) fn wait_for_another() {
    WAITS.set(true);
}

type Hearing = Pin<Box<dyn Future<Output = ()>>>;

/// A future that others of this instance can wake.
pub(crate) struct Wakeable<'a, T> {
    inner: Option<Pin<Box<dyn Future<Output = T> + 'a>>>,
    request: Arc<Request>,
    hearing: Option<Hearing>,
}

impl<'a, T> Wakeable<'a, T> {
    pub(crate) fn new(inner: impl Future<Output = T> + 'a) -> Self {
        let id = LAST.get().wrapping_add(1);
        LAST.set(id);
        let request = Request { id, outer: Mutex::new(None), bell: Mutex::new(None) };
        Self { inner: Some(Box::pin(inner)), request: Arc::new(request), hearing: None }
    }

    /// Runs `work` as this request.
    fn run<O>(&mut self, work: impl FnOnce(&mut Self) -> O) -> O {
        let before = RUNNING.replace(Some(self.request.id));
        let output = work(self);
        RUNNING.set(before);
        output
    }
}

impl<T> Future for Wakeable<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        set(&self.request.outer, Some(context.waker().clone()));
        WAITS.set(false);
        let polled = self.run(|me| {
            let waker = Waker::from(Arc::clone(&me.request));
            let inner = me.inner.as_mut()?;
            Some(inner.as_mut().poll(&mut Context::from_waker(&waker)))
        });
        if let Some(Poll::Ready(output)) = polled {
            self.hearing = None;
            return Poll::Ready(output);
        }
        if WAITS.take() {
            let request = Arc::clone(&self.request);
            let hearing = self.hearing.get_or_insert_with(|| hearing(&request));
            if hearing.as_mut().poll(context).is_ready() {
                self.hearing = None;
                context.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }
}

impl<T> Drop for Wakeable<'_, T> {
    fn drop(&mut self) {
        // What is dropped may wake others.
        self.run(|me| me.inner = None);
    }
}

/// A new bell, and the wait for it.
fn hearing(request: &Request) -> Hearing {
    let (writer, mut reader) = wit_stream::new::<u8>();
    set(&request.bell, Some(Box::new(writer)));
    Box::pin(async move {
        reader.next().await;
    })
}

/// The waker of a request.
struct Request {
    id: u64,
    /// The executor's, for the request itself.
    outer: Mutex<Option<Waker>>,
    /// The end whose drop rings.
    bell: Mutex<Option<Box<dyn Send>>>,
}

impl Wake for Request {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if RUNNING.get().is_some_and(|running| running != self.id) {
            drop(take(&self.bell));
        } else if let Some(outer) = take(&self.outer) {
            // The request itself, or an event of its own, which comes when none is running.
            outer.wake_by_ref();
            set(&self.outer, Some(outer));
        }
    }
}

fn take<T>(place: &Mutex<Option<T>>) -> Option<T> {
    place.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn set<T>(place: &Mutex<Option<T>>, value: Option<T>) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = value;
}
