//! The ports: what the core asks of the world it runs in.
//!
//! Each trait is small, single-threaded and without an executor: the shells implement it with
//! what their host offers, tests implement it in memory.

pub mod http;
pub mod kv;
pub mod upstream;

use alloc::rc::Rc;

pub use http::Http;
pub use kv::Kv;
pub use upstream::Upstream;

/// The time of day.
#[expect(async_fn_in_trait, reason = "one thread; no caller needs the future to be Send")]
pub trait Clock {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now_ms(&self) -> u64;
    /// Waits for `ms` milliseconds.
    async fn sleep_ms(&self, ms: u64);
    /// Told whenever the task that is being polled goes to wait until another task of this thread
    /// wakes it. For hosts whose wakers do not reach from one task to another by themselves.
    fn wait_for_another(&self) {}
}

/// Randomness fit for identifiers and secrets.
pub trait Random {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

impl<T: Clock + ?Sized> Clock for Rc<T> {
    fn now_ms(&self) -> u64 {
        (**self).now_ms()
    }

    async fn sleep_ms(&self, ms: u64) {
        (**self).sleep_ms(ms).await;
    }

    fn wait_for_another(&self) {
        (**self).wait_for_another();
    }
}

impl<T: Random + ?Sized> Random for Rc<T> {
    fn fill(&self, bytes: &mut [u8]) {
        (**self).fill(bytes);
    }
}
