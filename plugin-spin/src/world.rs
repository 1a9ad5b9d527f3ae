//! Time and randomness from WASI.

use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use scim_core::port::{Clock, Random};
use spin_sdk::wasip3::random::random::get_random_bytes;

/// The host's clock.
pub(crate) struct WasiClock;

impl Clock for WasiClock {
    fn now_ms(&self) -> u64 {
        #[expect(clippy::disallowed_methods, reason = "this is the Clock port")]
        let now = SystemTime::now();
        let since = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    async fn sleep_ms(&self, ms: u64) {
        spin_sdk::time::sleep(Duration::from_millis(ms)).await;
    }

    fn wait_for_another(&self) {
        crate::wake::wait_for_another();
    }
}

/// The host's source of random bytes.
pub(crate) struct WasiRandom;

impl Random for WasiRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let mut filled = 0;
        // A host may return fewer bytes than asked for.
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let fresh = get_random_bytes(rest.len() as u64);
            for (to, from) in rest.iter_mut().zip(&fresh) {
                *to = *from;
            }
            filled += fresh.len();
        }
    }
}
