//! Rate limits: so many requests per client and window of time (RFC 6585 §4).
//!
//! All instances share one counter per client and window in the key-value store, from which each
//! takes a block of requests at a time: most requests, and so most reads, write nothing. At most
//! as many requests as configured pass in a window; an instance that holds a rest of a block may
//! make it fewer.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use core::cell::RefCell;

use sha2::{Digest, Sha256};

use crate::auth::RateLimit;
use crate::port::Kv;
use crate::protocol::Error;
use crate::store::StoreError;

/// A window is leased in about so many blocks.
const BLOCKS: u64 = 32;
/// Requests of the largest block.
const BLOCK_MAX: u64 = 64;
/// Clients whose leases an instance remembers.
const LEASES: usize = 4096;
/// Bytes of a client's name that its counter is named by, as a hash.
const NAME_BYTES: usize = 16;

/// What an instance may still serve of a window.
#[derive(Clone, Copy, Debug, Default)]
struct Lease {
    window: u64,
    left: u64,
    /// The window is used up.
    is_over: bool,
}

/// The leases of an instance.
#[derive(Debug, Default)]
pub(super) struct Leases(RefCell<BTreeMap<String, Lease>>);

impl Leases {
    /// Counts a request of `client` of `tenant` at `now_s`.
    ///
    /// # Errors
    /// 429 with the seconds until the window ends; 503 if the store does not answer.
    pub(super) async fn take(
        &self,
        kv: &impl Kv,
        (tenant, client): (&str, &str),
        limit: RateLimit,
        now_s: u64,
    ) -> Result<(), Error> {
        let seconds = limit.seconds.max(1);
        let window = now_s / seconds;
        let wait = seconds - now_s % seconds;
        // Neither name holds such a character.
        let name = format!("{tenant}\0{client}");
        if let Some(taken) = self.take_kept(&name, window) {
            return if taken { Ok(()) } else { Err(Error::too_many_requests(wait)) };
        }
        let key = |window: u64| counter(&name, window);
        let number = kv.increment(&key(window)).await.map_err(StoreError::from)?;
        if number == 1 && window > 0 {
            // Counters of windows that are over are of no use. What stays behind is small.
            let _ = kv.delete_many(&[key(window - 1)]).await;
        }
        let block = (limit.requests / BLOCKS).clamp(1, BLOCK_MAX);
        let before = u64::try_from(number).unwrap_or(u64::MAX).saturating_sub(1);
        let granted = limit.requests.saturating_sub(before.saturating_mul(block)).min(block);
        let mut leases = self.0.borrow_mut();
        if leases.len() >= LEASES {
            leases.clear();
        }
        let lease = leases.entry(name).or_default();
        if lease.window != window {
            *lease = Lease { window, ..Lease::default() };
        }
        if let Some(left) = granted.checked_sub(1) {
            lease.left = lease.left.saturating_add(left);
            return Ok(());
        }
        lease.is_over = true;
        Err(Error::too_many_requests(wait))
    }

    /// Takes from a block that is here already; `None` if there is none of this window.
    fn take_kept(&self, name: &str, window: u64) -> Option<bool> {
        let mut leases = self.0.borrow_mut();
        let lease = leases.get_mut(name).filter(|lease| lease.window == window)?;
        if let Some(left) = lease.left.checked_sub(1) {
            lease.left = left;
            return Some(true);
        }
        lease.is_over.then_some(false)
    }
}

/// The storage key of a counter.
fn counter(name: &str, window: u64) -> String {
    let hash = Sha256::digest(name);
    let nibbles = hash.iter().take(NAME_BYTES).flat_map(|byte| [byte >> 4, byte & 15]);
    let hash: String =
        nibbles.filter_map(|nibble| char::from_digit(u32::from(nibble), 16)).collect();
    format!("rate.{hash}.{window}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::Memory;

    const LIMIT: RateLimit = RateLimit { requests: 100, seconds: 60 };

    async fn pass(leases: &Leases, kv: &Memory, now_s: u64) -> bool {
        leases.take(kv, ("default", "okta"), LIMIT, now_s).await.is_ok()
    }

    #[test]
    fn instances_share_a_window() {
        pollster::block_on(async {
            let kv = Memory::new();
            let instances = [Leases::default(), Leases::default()];
            let mut passed = 0;
            for turn in 0..300 {
                passed += u64::from(pass(&instances[turn % 2], &kv, 600).await);
            }
            assert_eq!(passed, LIMIT.requests);
            assert!(pass(&instances[0], &kv, 660).await, "the next window");
        });
    }

    #[test]
    fn clients_have_windows_of_their_own_and_are_told_when_theirs_ends() {
        pollster::block_on(async {
            let (kv, leases) = (Memory::new(), Leases::default());
            while pass(&leases, &kv, 601).await {}
            let error = leases.take(&kv, ("default", "okta"), LIMIT, 601).await.unwrap_err();
            assert_eq!((error.status(), error.headers()[0].1.as_str()), (429, "59"));
            assert!(leases.take(&kv, ("default", "entra"), LIMIT, 601).await.is_ok());
            assert!(leases.take(&kv, ("acme", "okta"), LIMIT, 601).await.is_ok());
        });
    }
}
