//! A key-value engine in memory that can be told to fail, with a clock and random numbers to go
//! with it: for tests, and to try things out.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::task::Poll;

use super::kv::{Kv, KvError};
use crate::port::{Clock, Random};

/// A call that the engine is about to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// [`Kv::get`].
    Get,
    /// [`Kv::set`].
    Set,
    /// [`Kv::set_many`] with this many entries.
    SetMany(usize),
    /// [`Kv::delete_many`] with this many keys.
    DeleteMany(usize),
    /// [`Kv::increment`].
    Increment,
    /// [`Kv::swap`].
    Swap,
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// An error; nothing was done.
    Refused,
    /// An error; all was done.
    ReplyLost,
    /// An error; only so many entries were written or deleted. Without entries as [`Refused`](Self::Refused).
    Half(usize),
    /// An error; it is done when the engine has answered so many more calls. A `get` is refused.
    Late(u32),
    /// A swap is done honestly but answered with `false`, as Spin does on Redis. Else nothing.
    SaysFalse,
}

/// What the engine does for a call; kept for later when it is late.
enum Effect {
    Set(Vec<(String, Vec<u8>)>),
    Delete(Vec<String>),
    Increment(String),
    Swap(String, Vec<u8>, Vec<u8>),
}

type Plan = Box<dyn FnMut(Call) -> Fault>;

#[derive(Default)]
struct Shared {
    entries: RefCell<BTreeMap<String, Vec<u8>>>,
    plan: RefCell<Option<Plan>>,
    late: RefCell<Vec<(u32, Effect)>>,
    yields: Cell<bool>,
    calls: Cell<u64>,
}

/// The engine. Clones are handles to the same entries.
///
/// A swap on a key that does not exist writes it, as Spin does on `SQLite`.
#[derive(Clone, Default)]
pub struct Memory {
    shared: Rc<Shared>,
}

impl Memory {
    /// An empty engine that does what it is asked at once.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Has every call wait once before it takes effect and once before it is answered, so that
    /// other tasks can run in between.
    pub fn set_yields(&self, yields: bool) {
        self.shared.yields.set(yields);
    }

    /// Asks `plan` at each call what goes wrong.
    pub fn set_plan(&self, plan: impl FnMut(Call) -> Fault + 'static) {
        self.shared.plan.replace(Some(Box::new(plan)));
    }

    /// From here on nothing goes wrong, and what is late happens now.
    pub fn heal(&self) {
        self.shared.plan.replace(None);
        for (_, effect) in self.shared.late.take() {
            self.apply(&effect);
        }
    }

    /// How many entries there are.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.shared.entries.borrow().len()
    }

    /// How many calls were answered.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.shared.calls.get()
    }

    /// How many bytes all keys and values have.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.shared.entries.borrow().iter().map(|(key, value)| key.len() + value.len()).sum()
    }

    /// Every key, in order.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.shared.entries.borrow().keys().cloned().collect()
    }

    /// Removes an entry behind the back of everyone.
    pub fn lose(&self, key: &str) {
        self.shared.entries.borrow_mut().remove(key);
    }

    async fn pause(&self) {
        if self.shared.yields.get() {
            yield_once().await;
        }
    }

    /// Lets late effects happen whose time has come, and asks the plan about this call.
    fn fault(&self, call: Call) -> Fault {
        self.shared.calls.set(self.shared.calls.get() + 1);
        let mut due = Vec::new();
        self.shared.late.borrow_mut().retain_mut(|(calls, effect)| {
            *calls = calls.saturating_sub(1);
            if *calls == 0 {
                due.push(core::mem::replace(effect, Effect::Set(Vec::new())));
            }
            *calls > 0
        });
        for effect in due {
            self.apply(&effect);
        }
        self.shared.plan.borrow_mut().as_mut().map_or(Fault::None, |plan| plan(call))
    }

    /// Does it, and returns whether a swap found what it expected, and the sum of an increment.
    fn apply(&self, effect: &Effect) -> (bool, i64) {
        let mut entries = self.shared.entries.borrow_mut();
        match effect {
            Effect::Set(all) => entries.extend(all.iter().cloned()),
            Effect::Delete(keys) => {
                for key in keys {
                    entries.remove(key);
                }
            }
            Effect::Increment(key) => {
                let value = entries.entry(key.clone()).or_default();
                let old = <[u8; 8]>::try_from(value.as_slice()).unwrap_or_default();
                let sum = i64::from_le_bytes(old).saturating_add(1);
                *value = sum.to_le_bytes().to_vec();
                return (true, sum);
            }
            Effect::Swap(key, expected, new) => {
                if entries.get(key).is_some_and(|value| value != expected) {
                    return (false, 0);
                }
                entries.insert(key.clone(), new.clone());
            }
        }
        (true, 0)
    }

    async fn call(&self, call: Call, effect: Effect) -> Result<(bool, i64), KvError> {
        self.pause().await;
        let result = match self.fault(call) {
            Fault::None => Ok(self.apply(&effect)),
            Fault::Refused => Err(REFUSED),
            Fault::ReplyLost => {
                self.apply(&effect);
                Err(REFUSED)
            }
            Fault::Half(length) => {
                match effect {
                    Effect::Set(all) => self.apply(&Effect::Set(first(all, length))),
                    Effect::Delete(keys) => self.apply(&Effect::Delete(first(keys, length))),
                    Effect::Increment(_) | Effect::Swap(..) => (false, 0),
                };
                Err(REFUSED)
            }
            Fault::Late(calls) => {
                self.shared.late.borrow_mut().push((calls.max(1), effect));
                Err(REFUSED)
            }
            Fault::SaysFalse => Ok((false, self.apply(&effect).1)),
        };
        self.pause().await;
        result
    }
}

const REFUSED: KvError = KvError::Unavailable("a planned fault");

fn first<T>(mut all: Vec<T>, length: usize) -> Vec<T> {
    all.truncate(length);
    all
}

impl Kv for Memory {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        self.pause().await;
        let value = match self.fault(Call::Get) {
            Fault::None | Fault::SaysFalse => Ok(self.shared.entries.borrow().get(key).cloned()),
            _ => Err(REFUSED),
        };
        self.pause().await;
        value
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), KvError> {
        let entry = (key.to_string(), value.to_vec());
        self.call(Call::Set, Effect::Set([entry].into())).await.map(drop)
    }

    async fn set_many(&self, entries: &[(String, Vec<u8>)]) -> Result<(), KvError> {
        self.call(Call::SetMany(entries.len()), Effect::Set(entries.to_vec())).await.map(drop)
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), KvError> {
        self.call(Call::DeleteMany(keys.len()), Effect::Delete(keys.to_vec())).await.map(drop)
    }

    async fn increment(&self, key: &str) -> Result<i64, KvError> {
        let (_, sum) = self.call(Call::Increment, Effect::Increment(key.to_string())).await?;
        Ok(sum)
    }

    async fn swap(&self, key: &str, expected: &[u8], new: &[u8]) -> Result<bool, KvError> {
        let effect = Effect::Swap(key.to_string(), expected.to_vec(), new.to_vec());
        let (swapped, _) = self.call(Call::Swap, effect).await?;
        Ok(swapped)
    }
}

async fn yield_once() {
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
    pub(super) now_ms: Rc<Cell<u64>>,
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
