//! The core's ports on this host, for what is done before the component runs.

use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use scim_core::port::{Clock, Random};
use scim_core::store::kv::{Kv, KvError};

use super::operation::{Failed, Write, Written};
use super::sqlite::Sqlite;

/// The store as the core's storage port, for the time in which nobody else has it open.
pub(crate) struct NativeKv(pub(crate) Sqlite);

impl NativeKv {
    async fn write(&self, write: Write) -> Result<Written, KvError> {
        self.0.write(write).await.map_err(|failed| unavailable(&failed))
    }
}

fn unavailable(failed: &Failed) -> KvError {
    eprintln!("storage: {failed}");
    KvError::Unavailable("the store failed")
}

impl Kv for NativeKv {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        self.0.get(key.to_owned()).await.map_err(|failed| unavailable(&failed))
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), KvError> {
        self.write(Write::Set(vec![(key.to_owned(), value.to_vec())])).await.map(drop)
    }

    async fn set_many(&self, entries: &[(String, Vec<u8>)]) -> Result<(), KvError> {
        self.write(Write::Set(entries.to_vec())).await.map(drop)
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), KvError> {
        self.write(Write::Delete(keys.to_vec())).await.map(drop)
    }

    async fn increment(&self, key: &str) -> Result<i64, KvError> {
        // A guard that stands although its work was not done is left from a crash. Nobody else is
        // here, so the work is this caller's: the count begins anew.
        self.write(Write::Delete(vec![key.to_owned()])).await?;
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
