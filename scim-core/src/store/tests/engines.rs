//! What the tree makes of each engine's habits (`docs/store.md`).

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::pin::Pin;
use core::task::{Context, Waker};

use pollster::block_on;

use super::super::kv::{Kv, MAX_BATCH, MAX_VALUE};
use super::super::memory::{Call, Engine, Fault, Memory, Seeded, VirtualClock};
use super::super::{Read, StoreError};
use super::{TestStore, below, open};

async fn add(store: &TestStore, number: u64) -> Result<(), StoreError> {
    let add = async |tx: &mut super::super::Transaction<'_, _, _, _>| {
        let sum = tx.get(b"sum").await?;
        let sum = sum.map_or(0, |sum| u64::from_be_bytes(sum.try_into().expect("8 bytes")));
        tx.put(b"sum".to_vec(), (sum + number).to_be_bytes().to_vec());
        Ok(())
    };
    store.transact(add).await
}

async fn sum(store: &TestStore) -> u64 {
    let sum = store.snapshot().await.unwrap().get(b"sum").await.unwrap();
    sum.map_or(0, |sum| u64::from_be_bytes(sum.try_into().expect("8 bytes")))
}

/// Four instances that create the tenant and add their numbers, in an order of the seed's.
fn race(memory: &Memory, seed: u64) {
    let clock = VirtualClock::new(0);
    let random = Seeded::new(seed);
    let stores: Vec<TestStore> = (0..4).map(|n| open(memory, &clock, seed * 10 + n)).collect();
    let mut tasks: Vec<(u64, Pin<_>)> = stores
        .iter()
        .zip([1_u64, 10, 100, 1000])
        .map(|(store, number)| (number, alloc::boxed::Box::pin(add(store, number))))
        .collect();
    memory.set_yields(true);
    let mut context = Context::from_waker(Waker::noop());
    let mut acknowledged = 0;
    while !tasks.is_empty() {
        let chosen = usize::try_from(below(&random, tasks.len() as u64)).unwrap();
        if let core::task::Poll::Ready(ended) = tasks[chosen].1.as_mut().poll(&mut context) {
            let (number, _) = tasks.swap_remove(chosen);
            match ended {
                Ok(()) => acknowledged += number,
                Err(StoreError::Unavailable(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
    memory.set_yields(false);
    memory.heal();
    assert_eq!(block_on(sum(&stores[0])), acknowledged, "seed {seed}");
}

#[test]
fn a_tenant_is_created_once_on_every_engine() {
    for engine in Engine::ALL {
        for seed in 0..100 {
            let memory = Memory::new();
            memory.set_engine(engine);
            race(&memory, seed);
        }
    }
}

#[test]
fn a_slow_or_locked_engine_loses_nothing() {
    for seed in 0..200 {
        let memory = Memory::new();
        let faults = Seeded::new(seed);
        memory.set_plan(move |call| match (call, below(&faults, 6)) {
            // "database is locked": at once, and nothing was done.
            (Call::Increment | Call::SetMany(_) | Call::Swap, 0) => Fault::Refused,
            (_, 1) => Fault::Slow(u32::try_from(below(&faults, 20)).unwrap()),
            _ => Fault::None,
        });
        race(&memory, seed);
    }
}

/// Why a root is made by a counter: on `SQLite` both of two that swap an absent key succeed.
#[test]
fn a_swap_on_an_absent_key_is_no_lock_on_sqlite() {
    for engine in Engine::ALL {
        let memory = Memory::new();
        memory.set_engine(engine);
        let written = block_on(async {
            let _ = memory.swap("key", b"", b"first").await;
            memory.get("key").await.unwrap()
        });
        assert_eq!(written.is_some(), engine == Engine::Sqlite, "{engine:?}");
    }
}

#[test]
fn large_changes_stay_below_every_limit() {
    let (memory, clock) = (Memory::new(), VirtualClock::new(0));
    memory.set_engine(Engine::Dynamo);
    let store = open(&memory, &clock, 1);
    let large = vec![7; 5 * MAX_VALUE + 1];
    block_on(async {
        let body = store
            .transact(async |tx| {
                for number in 0..3000 {
                    tx.put(format!("{number:05}").into_bytes(), vec![1; 300]);
                }
                Ok::<_, StoreError>(tx.put_body(&large))
            })
            .await
            .unwrap();
        let snapshot = store.snapshot().await.unwrap();
        assert_eq!(snapshot.body(&body).await.unwrap(), large);
        assert_eq!(snapshot.count(b"0", b"1").await.unwrap(), 3000);
        // The limits are there, and were not met.
        let batch: Vec<_> = (0..=MAX_BATCH).map(|n| (format!("{n}"), Vec::new())).collect();
        assert!(memory.set_many(&batch).await.is_err());
        assert!(memory.set("large", &vec![0; 400 * 1000 + 1]).await.is_err());
    });
}

/// `DynamoDB` without `consistent_read`, or a replica of Redis.
#[test]
fn who_reads_an_older_root_reads_a_state_that_was_and_loses_no_write() {
    for seed in 0..100 {
        let (memory, clock) = (Memory::new(), VirtualClock::new(0));
        memory.set_engine(Engine::Dynamo);
        let faults = Seeded::new(seed);
        let (one, two) = (open(&memory, &clock, seed), open(&memory, &clock, seed + 1000));
        block_on(async {
            one.create_root().await.unwrap();
            memory.set_plan(move |call| match call {
                Call::Get if below(&faults, 2) == 0 => {
                    Fault::Older(usize::try_from(below(&faults, 5)).unwrap())
                }
                _ => Fault::None,
            });
            let mut expected = 0;
            let mut seen = 0;
            for round in 0..20 {
                let store = if round % 3 == 0 { &two } else { &one };
                add(store, 1).await.unwrap();
                expected += 1;
                assert_eq!(sum(store).await, expected, "a writer reads what it wrote");
                let other = sum(if round % 3 == 0 { &one } else { &two }).await;
                assert!(other <= expected, "nobody reads what never was");
                if round % 3 != 0 {
                    assert!(other >= seen, "no reader goes back in time");
                    seen = other;
                }
            }
            memory.heal();
            assert_eq!(sum(&open(&memory, &clock, 7)).await, 20);
        });
    }
}
