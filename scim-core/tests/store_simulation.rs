//! Writers that compete and fail: seeded histories of the store on one thread.
//!
//! Some tasks, on some instances, change one tenant at once. At every call of the engine the
//! scheduler may let another task run, the engine may fail in one of several ways, and a task may
//! be dropped as by a crash. What must hold afterwards does not depend on any of it.
//!
//! `SCIM_SIM_HISTORIES` is the number of histories (500), `SCIM_SIM_SEED` the first of them; without
//! a number it runs that one again.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what is wrong by panicking"
)]

use core::cell::{Cell, RefCell};
use core::future::Future;
use core::ops::Range;
use core::pin::Pin;
use core::task::{Context, Waker};
use std::collections::BTreeMap;
use std::rc::Rc;

use scim_core::store::memory::{Call, Engine, Fault, Memory, Seeded, VirtualClock};
use scim_core::store::{Options, Read, Store, StoreError, Transaction, prefix_end};

type TestStore = Store<Memory, VirtualClock, Seeded>;
type Tx<'a> = Transaction<'a, Memory, VirtualClock, Seeded>;
/// By change: how it ended, and the name that it wanted.
type Ends = Rc<RefCell<BTreeMap<u64, (End, Option<u64>)>>>;
type Task = Pin<Box<dyn Future<Output = ()>>>;

const COUNTER: &[u8] = b"counter";
const NAMES: u64 = 6;

/// What is done wrong in a history, each kind in one of so many calls; 0 is never.
#[derive(Clone, Copy, Debug)]
struct Weather {
    swap_says_false: u64,
    swap_fails: u64,
    set_many_fails: u64,
    other_fails: u64,
    crash: u64,
    slow: u64,
    /// A read shows what was a while ago.
    older: u64,
    engine: Engine,
    creation_only: bool,
    /// Old nodes are due for deletion, and time runs faster.
    aged: bool,
}

/// How a writer's transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Running,
    Done,
    /// The job refused it: the name was taken.
    Taken,
    /// The store says that nothing was changed.
    Unavailable,
    /// Nobody knows.
    Unknown,
}

#[derive(Debug)]
enum JobError {
    Taken,
    Store(StoreError),
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn one_in(random: &Seeded, odds: u64) -> bool {
    odds > 0 && random.next().is_multiple_of(odds)
}

fn choose<T: Copy, const N: usize>(random: &Seeded, from: [T; N]) -> T {
    from[below(random, N)]
}

fn below(random: &Seeded, limit: usize) -> usize {
    usize::try_from(random.next() % limit as u64).expect("below the limit")
}

fn marker(id: u64) -> Vec<u8> {
    format!("marker/{id:04}").into_bytes()
}

fn name(number: u64) -> Vec<u8> {
    format!("unique/{number}").into_bytes()
}

fn number(value: &[u8]) -> u64 {
    u64::from_be_bytes(value.try_into().expect("8 bytes"))
}

/// One change: a marker of its own, the shared counter, and for some a name that must be unique.
async fn change(tx: &mut Tx<'_>, id: u64, wanted: Option<u64>) -> Result<(), JobError> {
    assert_eq!(tx.get(&marker(id)).await?, None, "change {id} is applied twice");
    let before = tx.get(COUNTER).await?.map_or(0, |value| number(&value));
    tx.put(COUNTER.to_vec(), (before + 1).to_be_bytes().to_vec());
    let body = tx.put_body(&id.to_be_bytes());
    tx.put(marker(id), body.to_bytes());
    if let Some(wanted) = wanted {
        if tx.get(&name(wanted)).await?.is_some() {
            return Err(JobError::Taken);
        }
        tx.put(name(wanted), id.to_be_bytes().to_vec());
    }
    let end = prefix_end(b"marker/");
    assert_eq!(tx.count(b"marker/", &end).await?, before + 1, "the transaction sees its write");
    Ok(())
}

struct World {
    memory: Memory,
    clock: VirtualClock,
    random: Seeded,
    ends: Ends,
}

impl World {
    fn store(&self, cached: bool, generation: u32) -> TestStore {
        let mut options = Options { generation, ..Options::default() };
        if !cached {
            options.leaf_cache_bytes = 0;
            options.branch_cache_bytes = 0;
        }
        let random = Seeded::new(self.random.next());
        Store::new(self.memory.clone(), self.clock.clone(), random, options)
    }

    fn writer(&self, store: &Rc<TestStore>, ids: Range<u64>) -> Task {
        let (store, ends) = (Rc::clone(store), Rc::clone(&self.ends));
        let random = Seeded::new(self.random.next());
        Box::pin(async move {
            for id in ids {
                let wanted = one_in(&random, 2).then(|| random.next() % NAMES);
                ends.borrow_mut().insert(id, (End::Running, wanted));
                let result = store.transact(async |tx| change(tx, id, wanted).await).await;
                let end = match result {
                    Ok(()) => End::Done,
                    Err(JobError::Taken) => End::Taken,
                    Err(JobError::Store(StoreError::Unavailable(_) | StoreError::Moved)) => {
                        End::Unavailable
                    }
                    Err(JobError::Store(StoreError::UnknownOutcome)) => End::Unknown,
                    Err(JobError::Store(error)) => panic!("{error}"),
                };
                ends.borrow_mut().insert(id, (end, wanted));
            }
        })
    }

    /// Reads again and again: one snapshot agrees with itself, and none is older than the last.
    fn reader(store: &Rc<TestStore>) -> Task {
        let store = Rc::clone(store);
        Box::pin(async move {
            let mut last = 0;
            for _ in 0..10 {
                let Ok(snapshot) = store.snapshot().await else { continue };
                assert!(snapshot.commit_number() >= last, "time goes backwards");
                last = snapshot.commit_number();
                let end = prefix_end(b"marker/");
                let (Ok(counter), Ok(count), Ok(all)) = (
                    snapshot.get(COUNTER).await,
                    snapshot.count(b"marker/", &end).await,
                    snapshot.range(b"marker/", &end, 0, usize::MAX).await,
                ) else {
                    continue;
                };
                assert_eq!(counter.map_or(0, |value| number(&value)), count);
                assert_eq!(count, all.len() as u64);
            }
        })
    }
}

/// Holds a version while others write, and sweeps.
fn keeper(store: &Rc<TestStore>) -> Task {
    let store = Rc::clone(store);
    Box::pin(async move {
        for _ in 0..3 {
            if let Ok(pin) = store.pin().await {
                let end = prefix_end(b"marker/");
                let count = pin.snapshot().count(b"marker/", &end).await;
                let _ = store.sweep().await;
                if pin.renew().await.is_ok()
                    && let Ok(count) = count
                {
                    match pin.snapshot().range(b"marker/", &end, 0, usize::MAX).await {
                        Ok(all) => assert_eq!(all.len() as u64, count, "a pin holds its version"),
                        Err(error) => assert_ne!(error, StoreError::Moved, "a pin holds"),
                    }
                }
                let _ = pin.release().await;
            }
        }
    })
}

fn weather(random: &Seeded) -> Weather {
    let aged = one_in(random, 8);
    let rare = |odds: u64| if one_in(random, 2) { odds } else { 0 };
    Weather {
        swap_says_false: choose(random, [0, 0, 1, 4]),
        // 1: the store cannot be written at all, and what it was asked may still happen later.
        swap_fails: if one_in(random, 12) { 1 } else { rare(4) },
        set_many_fails: rare(6),
        other_fails: rare(60),
        crash: rare(200),
        creation_only: one_in(random, 8),
        slow: rare(20),
        // Between two reads of an aged history more time passes than a replica lags behind.
        older: if aged { 0 } else { rare(8) },
        engine: choose(random, Engine::ALL),
        aged,
    }
}

fn fault(call: Call, weather: Weather, random: &Seeded) -> Fault {
    let late = Fault::Late(u32::try_from(below(random, 40)).expect("a small number"));
    let failure = choose(random, [Fault::Refused, Fault::ReplyLost, late]);
    match call {
        Call::Swap if one_in(random, weather.swap_fails) => failure,
        Call::Swap if one_in(random, weather.swap_says_false) => Fault::SaysFalse,
        Call::SetMany(length) | Call::DeleteMany(length)
            if one_in(random, weather.set_many_fails) =>
        {
            let half = below(random, length + 1);
            if !weather.engine.batches_are_whole() && one_in(random, 2) {
                Fault::Half(half)
            } else {
                failure
            }
        }
        Call::Get | Call::Set | Call::Increment if one_in(random, weather.other_fails) => failure,
        Call::Get if one_in(random, weather.older) => Fault::Older(1 + below(random, 4)),
        _ if one_in(random, weather.slow) => {
            Fault::Slow(u32::try_from(below(random, 30)).expect("a small number"))
        }
        _ => Fault::None,
    }
}

/// Polls tasks in a random order until all have ended; some are dropped before.
fn schedule(world: &World, mut tasks: Vec<Task>, weather: Weather) {
    let mut context = Context::from_waker(Waker::noop());
    let mut steps = 0_u64;
    while !tasks.is_empty() {
        steps += 1;
        assert!(steps < 5_000_000, "the tasks do not end");
        if one_in(&world.random, 3) {
            world.clock.advance(if weather.aged { 2_000 } else { 1 });
        }
        let chosen = below(&world.random, tasks.len());
        if one_in(&world.random, weather.crash)
            || tasks[chosen].as_mut().poll(&mut context).is_ready()
        {
            drop(tasks.swap_remove(chosen));
        }
    }
}

/// Commits so often that whoever writes next finds something to delete.
fn age(world: &World) {
    let store = world.store(true, 0);
    for commit in 0..400_u64 {
        world.clock.advance(1_000);
        let aged = pollster::block_on(store.transact(async |tx| {
            tx.put((commit * 31 % 1000).to_be_bytes().to_vec(), commit.to_be_bytes().to_vec());
            Ok::<_, StoreError>(())
        }));
        aged.expect("no faults yet");
    }
}

fn history(seed: u64) -> BTreeMap<&'static str, u64> {
    let random = Seeded::new(seed);
    let world = World {
        memory: Memory::new(),
        clock: VirtualClock::new(1_000_000),
        random: random.clone(),
        ends: Rc::default(),
    };
    let weather = weather(&random);
    world.memory.set_engine(weather.engine);
    if !weather.creation_only && one_in(&random, 2) {
        // A tree of several levels instead of a single leaf.
        let filler = pollster::block_on(world.store(true, 0).transact(async |tx| {
            for filler in 0..random.next() % 6000 {
                tx.put(format!("{:06}", filler * 7).into_bytes(), b"filler".to_vec());
            }
            Ok::<_, StoreError>(())
        }));
        filler.expect("no faults yet");
    }
    if weather.aged && !weather.creation_only {
        age(&world);
    }
    let faults = Seeded::new(random.next());
    world.memory.set_plan(move |call| fault(call, weather, &faults));
    world.memory.set_yields(true);

    let instances: Vec<_> =
        (0..=random.next() % 3).map(|_| Rc::new(world.store(one_in(&random, 2), 0))).collect();
    let mut tasks = Vec::new();
    let next_id = Cell::new(0);
    for _ in 0..2 + random.next() % 7 {
        let store = &instances[below(&random, instances.len())];
        if one_in(&random, 8) {
            tasks.push(keeper(store));
        } else if one_in(&random, 5) {
            tasks.push(World::reader(store));
        } else {
            let from = next_id.get();
            next_id.set(from + 1 + random.next() % 5);
            tasks.push(world.writer(store, from..next_id.get()));
        }
    }
    schedule(&world, tasks, weather);
    world.memory.set_yields(false);
    world.memory.heal();
    pollster::block_on(judge(&world))
}

/// Looks at what is there, and returns how the changes ended.
async fn judge(world: &World) -> BTreeMap<&'static str, u64> {
    let mut tally = BTreeMap::new();
    let store = world.store(false, 0);
    let snapshot = store.snapshot().await.expect("the root is readable");
    snapshot.check().await.expect("the tree is sound");
    let get = async |key: Vec<u8>| snapshot.get(&key).await.expect("the tree is readable");

    let mut markers = 0;
    let mut owners = BTreeMap::new();
    let ends = world.ends.borrow().clone();
    for (id, (end, wanted)) in &ends {
        let present = get(marker(*id)).await.is_some();
        markers += u64::from(present);
        let kind = match end {
            End::Done => {
                assert!(present, "change {id} was acknowledged and is lost");
                "done"
            }
            End::Taken | End::Unavailable => {
                assert!(!present, "change {id} was refused ({end:?}) and is there");
                if *end == End::Taken { "taken" } else { "unavailable" }
            }
            End::Unknown => "unknown",
            End::Running => "crashed",
        };
        *tally.entry(kind).or_insert(0) += 1;
        if present && let Some(wanted) = wanted {
            let other = owners.insert(*wanted, *id);
            assert_eq!(other, None, "a unique name has two owners");
        }
    }
    let counter = get(COUNTER.to_vec()).await.map_or(0, |value| number(&value));
    assert_eq!(counter, markers, "the counter and the changes disagree");
    for wanted in 0..NAMES {
        let owner = get(name(wanted)).await.map(|value| number(&value));
        assert_eq!(owner, owners.get(&wanted).copied(), "a name and its owner disagree");
    }
    let end = prefix_end(b"marker/");
    let all = snapshot.range(b"marker/", &end, 0, usize::MAX).await.expect("readable");
    assert_eq!(all.len() as u64, markers);
    for (key, body) in all {
        let body = scim_core::store::BodyId::from_bytes(&body).expect("the name of a body");
        let body = snapshot.body(&body).await.expect("the body is there");
        assert_eq!(marker(number(&body)), key);
    }

    // What the crashes have left behind goes, and nothing else does.
    let swept = store.sweep().await.expect("nothing fails any more");
    assert_eq!(swept.foreign.entries, 0);
    let space = store.space().await.expect("nothing fails any more");
    assert_eq!(space.orphans.entries, 0, "the sweep has left orphans");
    *tally.entry("orphans").or_insert(0) += swept.orphans.entries;
    let snapshot = store.snapshot().await.expect("the root is readable");
    snapshot.check().await.expect("the sweep has left the tree alone");
    for (_, body) in snapshot.range(b"marker/", &end, 0, usize::MAX).await.expect("readable") {
        let body = scim_core::store::BodyId::from_bytes(&body).expect("the name of a body");
        snapshot.body(&body).await.expect("the sweep has left the body");
    }

    // Life goes on, if need be after the operator has raised the generation.
    let first = world.store(true, 0).create_root().await;
    let store = world.store(true, u32::from(first.is_err()));
    if first.is_err() {
        assert_eq!(markers, 0, "there is no root");
        *tally.entry("no root").or_insert(0) += 1;
    }
    let id = 9999;
    let went_on = store.transact(async |tx| change(tx, id, None).await).await;
    went_on.expect("nothing fails any more");
    let snapshot = store.snapshot().await.expect("the root is readable");
    assert_eq!(snapshot.get(COUNTER).await.map(|v| v.map(|v| number(&v))), Ok(Some(markers + 1)));
    tally
}

#[test]
fn histories_of_competing_and_failing_writers() {
    let variable = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let many = variable("SCIM_SIM_HISTORIES");
    let seeds = match variable("SCIM_SIM_SEED") {
        Some(seed) => seed..seed + many.unwrap_or(1),
        None => 0..many.unwrap_or(500),
    };
    let mut tally: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in seeds {
        let Ok(ends) = std::panic::catch_unwind(|| history(seed)) else {
            panic!("run it again with SCIM_SIM_SEED={seed}");
        };
        for (kind, many) in ends {
            *tally.entry(kind).or_insert(0) += many;
        }
    }
    println!("{tally:?}");
}
