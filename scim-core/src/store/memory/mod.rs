//! A key-value engine in memory that can be told to fail, with a clock and random numbers to go
//! with it: for tests, and to try things out.

mod fault;
mod time;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use self::time::yield_once;
use super::kv::{Kv, KvError, ListKeys, Listed};

pub use fault::{Call, Engine, Fault};
pub use time::{Seeded, VirtualClock};

/// Values of one key that are remembered after they were replaced.
const REMEMBERED: usize = 8;

/// What the engine does for a call; kept for later when it is late.
enum Effect {
    Set(Vec<(String, Vec<u8>)>),
    Delete(Vec<String>),
    Increment(String),
    Swap(String, Vec<u8>, Vec<u8>),
}

impl Effect {
    fn entries(&self) -> usize {
        match self {
            Self::Set(all) => all.len(),
            Self::Delete(keys) => keys.len(),
            Self::Increment(_) | Self::Swap(..) => 1,
        }
    }

    /// Bytes of its largest value.
    fn bytes(&self) -> usize {
        match self {
            Self::Set(all) => all.iter().map(|(_, value)| value.len()).max().unwrap_or_default(),
            Self::Swap(_, _, new) => new.len(),
            Self::Delete(_) | Self::Increment(_) => 0,
        }
    }
}

type Plan = Box<dyn FnMut(Call) -> Fault>;

#[derive(Default)]
struct Shared {
    entries: RefCell<BTreeMap<String, Vec<u8>>>,
    plan: RefCell<Option<Plan>>,
    late: RefCell<Vec<(u32, Effect)>>,
    yields: Cell<bool>,
    calls: Cell<u64>,
    engine: Cell<Engine>,
    /// What stood at keys before, the latest last.
    replaced: RefCell<BTreeMap<String, VecDeque<Vec<u8>>>>,
}

/// The engine. Clones are handles to the same entries.
///
/// It keeps the promises of [`Engine::Sqlite`] unless it is told to be another one.
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

    /// Keeps the promises of that engine, and no others.
    pub fn set_engine(&self, engine: Engine) {
        self.shared.engine.set(engine);
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

    /// What stood at a key so many changes ago.
    fn older(&self, key: &str, changes: usize) -> Option<Vec<u8>> {
        let replaced = self.shared.replaced.borrow();
        let before = replaced.get(key).filter(|_| changes > 0);
        match before.and_then(|all| all.get(all.len().saturating_sub(changes))) {
            Some(value) => Some(value.clone()),
            None => self.shared.entries.borrow().get(key).cloned(),
        }
    }

    fn remember(&self, key: &str, value: Option<Vec<u8>>) {
        let Some(value) = value else { return };
        let mut replaced = self.shared.replaced.borrow_mut();
        let values = replaced.entry(key.to_string()).or_default();
        if values.len() == REMEMBERED {
            values.pop_front();
        }
        values.push_back(value);
    }

    /// Does it, and returns whether a swap found what it expected, and the sum of an increment.
    fn apply(&self, effect: &Effect) -> (bool, i64) {
        let mut entries = self.shared.entries.borrow_mut();
        match effect {
            Effect::Set(all) => {
                for (key, value) in all {
                    self.remember(key, entries.insert(key.clone(), value.clone()));
                }
            }
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
                let swaps = match entries.get(key) {
                    Some(value) => value == expected,
                    None => self.shared.engine.get().swaps_absent(),
                };
                if !swaps {
                    return (false, 0);
                }
                self.remember(key, entries.insert(key.clone(), new.clone()));
            }
        }
        (true, 0)
    }

    async fn call(&self, call: Call, effect: Effect) -> Result<(bool, i64), KvError> {
        self.pause().await;
        let engine = self.shared.engine.get();
        let fault = self.fault(call);
        if let Fault::Slow(turns) = fault {
            wait(turns).await;
        }
        let result = match fault {
            _ if !engine.takes(effect.entries(), effect.bytes()) => Err(REFUSED),
            Fault::None | Fault::Slow(_) | Fault::Older(_) => {
                let (swapped, sum) = self.apply(&effect);
                Ok((swapped && engine != Engine::Redis, sum))
            }
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

async fn wait(turns: u32) {
    for _ in 0..turns {
        yield_once().await;
    }
}

const REFUSED: KvError = KvError::Unavailable("a planned fault");

fn first<T>(mut all: Vec<T>, length: usize) -> Vec<T> {
    all.truncate(length);
    all
}

/// Keys of one answer.
const LIST_PAGE: usize = 100;

impl ListKeys for Memory {
    async fn list_keys(&self, prefix: &str, from: Option<&str>) -> Result<Listed, KvError> {
        self.pause().await;
        let entries = self.shared.entries.borrow();
        let start = from.unwrap_or(prefix).to_string();
        let mut rest = entries.range(start..).take_while(|(key, _)| key.starts_with(prefix));
        let page: Vec<(String, u64)> = rest
            .by_ref()
            .take(LIST_PAGE)
            .map(|(key, value)| (key.clone(), value.len() as u64))
            .collect();
        Ok((page, rest.next().map(|(key, _)| key.clone())))
    }
}

impl Kv for Memory {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        self.pause().await;
        let value = match self.fault(Call::Get) {
            Fault::None | Fault::SaysFalse => Ok(self.older(key, 0)),
            Fault::Older(changes) => Ok(self.older(key, changes)),
            Fault::Slow(turns) => {
                wait(turns).await;
                Ok(self.older(key, 0))
            }
            Fault::Refused | Fault::ReplyLost | Fault::Half(_) | Fault::Late(_) => Err(REFUSED),
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
