//! A clock and random numbers under the control of a test.

use alloc::rc::Rc;
use core::cell::Cell;
use core::future::poll_fn;
use core::task::Poll;

use crate::port::{Clock, Random};

pub(super) async fn yield_once() {
    let mut polled = false;
    poll_fn(|context| {
        if polled {
            return Poll::Ready(());
        }
        polled = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A clock that stands still until somebody moves it or waits. Clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct VirtualClock {
    pub(in crate::store) now_ms: Rc<Cell<u64>>,
}

impl VirtualClock {
    /// A clock that shows `now_ms`.
    #[must_use]
    pub fn new(now_ms: u64) -> Self {
        Self { now_ms: Rc::new(Cell::new(now_ms)) }
    }

    /// Moves the clock forward.
    pub fn advance(&self, ms: u64) {
        self.now_ms.set(self.now_ms.get().saturating_add(ms));
    }
}

impl Clock for VirtualClock {
    fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    /// Yields at least once. Each look at the clock in vain moves it on by one millisecond.
    async fn sleep_ms(&self, ms: u64) {
        let until = self.now_ms().saturating_add(ms);
        yield_once().await;
        poll_fn(|context| {
            if self.now_ms() >= until {
                return Poll::Ready(());
            }
            self.advance(1);
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

/// Numbers that look random and are the same for the same seed. Not for secrets.
#[derive(Clone, Debug)]
pub struct Seeded {
    state: Rc<Cell<u64>>,
}

impl Seeded {
    /// Numbers of this seed. Clones share one sequence.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: Rc::new(Cell::new(seed)) }
    }

    /// The next number (the `SplitMix64` generator).
    #[must_use]
    pub fn next(&self) -> u64 {
        let state = self.state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.state.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Random for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            for (byte, random) in chunk.iter_mut().zip(self.next().to_le_bytes()) {
                *byte = random;
            }
        }
    }
}
