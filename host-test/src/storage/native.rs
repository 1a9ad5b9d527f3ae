//! The core's ports on this host, for what is done before the component runs.

use core::cell::RefCell;
use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use scim_core::port::{Clock, Random};
use scim_core::store::kv::{Kv, KvError};
use tokio::task::JoinHandle;

use super::engine::Engine;
use super::operation::{Failed, Write, Written};

/// The store as the core's storage port.
pub(crate) struct NativeKv {
    engine: Engine,
    /// Whether nobody else has the store open.
    alone: bool,
    pipeline: Option<RefCell<Pipeline>>,
}

/// Batches that are on their way, so that the engine takes many of them together. Nothing refers
/// to what is in them before the next swap, which waits for them.
#[derive(Default)]
struct Pipeline {
    running: Vec<JoinHandle<Result<Written, Failed>>>,
    /// A batch is not in: no swap may succeed any more.
    broken: bool,
}

impl NativeKv {
    /// A store that others may use at the same time.
    pub(crate) const fn shared(engine: Engine) -> Self {
        Self { engine, alone: false, pipeline: None }
    }

    /// The same for one who writes much at once and does nothing else.
    pub(crate) fn pipelined(engine: Engine) -> Self {
        Self { engine, alone: false, pipeline: Some(RefCell::default()) }
    }

    /// A store that nobody else has open.
    pub(crate) const fn alone(engine: Engine) -> Self {
        Self { engine, alone: true, pipeline: None }
    }

    async fn write(&self, write: Write) -> Result<Written, KvError> {
        self.flush().await?;
        self.engine.write(write).await.map_err(|failed| unavailable(&failed))
    }

    /// Waits for the batches that are on their way.
    async fn flush(&self) -> Result<(), KvError> {
        let Some(pipeline) = &self.pipeline else { return Ok(()) };
        let running = core::mem::take(&mut pipeline.borrow_mut().running);
        for batch in running {
            if !matches!(batch.await, Ok(Ok(_))) {
                pipeline.borrow_mut().broken = true;
            }
        }
        if pipeline.borrow().broken {
            return Err(KvError::Unavailable("a batch was not written"));
        }
        Ok(())
    }
}

fn unavailable(failed: &Failed) -> KvError {
    eprintln!("storage: {failed}");
    KvError::Unavailable("the store failed")
}

impl Kv for NativeKv {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        self.flush().await?;
        self.engine.get(key.to_owned()).await.map_err(|failed| unavailable(&failed))
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), KvError> {
        // The core sets one thing: a tenant's first root. These engines can do without a guard,
        // which another process may have healed or lost.
        let (expected, new) = (None, value.to_vec());
        self.write(Write::Swap { key: key.to_owned(), expected, new }).await.map(drop)
    }

    async fn set_many(&self, entries: &[(String, Vec<u8>)]) -> Result<(), KvError> {
        let write = Write::Set(entries.to_vec());
        let Some(pipeline) = &self.pipeline else { return self.write(write).await.map(drop) };
        let engine = self.engine.clone();
        let running = tokio::spawn(async move { engine.write(write).await });
        pipeline.borrow_mut().running.push(running);
        Ok(())
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), KvError> {
        self.write(Write::Delete(keys.to_vec())).await.map(drop)
    }

    async fn increment(&self, key: &str) -> Result<i64, KvError> {
        if self.alone {
            // A guard that stands although its work was not done is left from a crash. Nobody else
            // is here, so the work is this caller's: the count begins anew.
            self.write(Write::Delete(vec![key.to_owned()])).await?;
        }
        match self.write(Write::Increment { key: key.to_owned(), delta: 1 }).await? {
            Written::Number(sum) => Ok(sum),
            _ => Err(KvError::Unavailable("an increment gave no number")),
        }
    }

    async fn swap(&self, key: &str, expected: &[u8], new: &[u8]) -> Result<bool, KvError> {
        let (expected, new) = (Some(expected.to_vec()), new.to_vec());
        let written = self.write(Write::Swap { key: key.to_owned(), expected, new }).await?;
        Ok(written == Written::Swapped(true))
    }
}

/// The operating system's clock.
pub(crate) struct TokioClock;

impl Clock for TokioClock {
    fn now_ms(&self) -> u64 {
        #[expect(clippy::disallowed_methods, reason = "this is the Clock port")]
        let now = SystemTime::now();
        let since = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    async fn sleep_ms(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

/// The operating system's randomness.
pub(crate) struct OsRandom;

impl Random for OsRandom {
    fn fill(&self, bytes: &mut [u8]) {
        #[expect(clippy::expect_used, reason = "without randomness no secret is safe")]
        getrandom::fill(bytes).expect("the operating system gives randomness");
    }
}
