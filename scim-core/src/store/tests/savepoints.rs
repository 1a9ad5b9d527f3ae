//! Savepoints: going back leaves no trace, whatever was written.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use pollster::block_on;

use super::super::memory::{Memory, Seeded, VirtualClock};
use super::super::{BodyId, MAX_TREE_KEY, Read, StoreError, Transaction, prefix_end};
use super::{below, open};

type Tx<'a> = Transaction<'a, Memory, VirtualClock, Seeded>;

fn setup() -> (Memory, VirtualClock) {
    (Memory::new(), VirtualClock::new(1_000))
}

#[test]
fn going_back_brings_back_writes_deletions_and_refusals() {
    let (memory, clock) = setup();
    let store = open(&memory, &clock, 1);
    block_on(async {
        store
            .transact(async |tx| {
                tx.put(b"kept".to_vec(), b"1".to_vec());
                let savepoint = tx.savepoint();
                tx.put(b"kept".to_vec(), b"2".to_vec());
                tx.put(b"kept".to_vec(), b"3".to_vec());
                tx.put(b"new".to_vec(), b"1".to_vec());
                tx.delete(b"new");
                tx.delete(b"never");
                tx.put(vec![1; MAX_TREE_KEY + 1], Vec::new());
                assert_eq!(tx.check(), Err(StoreError::KeyTooLong));
                tx.rollback_to(&savepoint);
                assert_eq!(tx.check(), Ok(()));
                assert_eq!(tx.get(b"kept").await?.unwrap(), b"1");
                assert_eq!(tx.count(b"", &prefix_end(b"")).await?, 1);
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
        let snapshot = store.snapshot().await.unwrap();
        assert_eq!(snapshot.total(), 1);
        assert_eq!(snapshot.get(b"kept").await.unwrap().unwrap(), b"1");
    });
}

#[test]
fn going_back_to_nothing_publishes_nothing() {
    let (memory, clock) = setup();
    let store = open(&memory, &clock, 1);
    let job = async |tx: &mut Tx<'_>| {
        let savepoint = tx.savepoint();
        tx.put(b"a".to_vec(), Vec::new());
        tx.put_body(b"body");
        tx.rollback_to(&savepoint);
        Ok::<_, StoreError>(())
    };
    block_on(store.transact(job)).unwrap();
    assert_eq!(memory.entries(), 0);
}

#[test]
fn bodies_come_back_and_stored_ones_are_not_retired() {
    let (memory, clock) = setup();
    let store = open(&memory, &clock, 1);
    block_on(async {
        let put = async |tx: &mut Tx<'_>| {
            let id = tx.put_body(b"stored");
            tx.put(b"stored".to_vec(), id.to_bytes());
            Ok::<_, StoreError>(())
        };
        store.transact(put).await.unwrap();
        let before = memory.entries();
        store
            .transact(async |tx| {
                let stored = BodyId::from_bytes(&tx.get(b"stored").await?.unwrap())?;
                let own = tx.put_body(b"own");
                tx.put(b"own".to_vec(), own.to_bytes());
                let savepoint = tx.savepoint();
                tx.retire_body(&own);
                tx.retire_body(&stored);
                let dropped = tx.put_body(b"dropped");
                tx.rollback_to(&savepoint);
                assert_eq!(tx.body(&own).await?, b"own");
                assert!(tx.draft.retired.is_empty());
                assert_ne!(tx.put_body(b"later"), dropped, "no name is given twice");
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
        let snapshot = store.snapshot().await.unwrap();
        let own = BodyId::from_bytes(&snapshot.get(b"own").await.unwrap().unwrap()).unwrap();
        assert_eq!(snapshot.body(&own).await.unwrap(), b"own");
        assert!(memory.entries() > before);
    });
}

#[test]
fn savepoints_within_savepoints_agree_with_copies_of_a_map() {
    let (memory, clock) = setup();
    let store = open(&memory, &clock, 1);
    for seed in 0..200 {
        let random = Seeded::new(seed);
        let expected = block_on(store.transact(async |tx| {
            let end = prefix_end(b"");
            let base = tx.range(b"", &end, 0, 1_000).await?;
            let mut model: BTreeMap<Vec<u8>, Vec<u8>> = base.into_iter().collect();
            let mut saved = Vec::new();
            for step in 0..60_u32 {
                let key = format!("key/{}", below(&random, 12)).into_bytes();
                match below(&random, 6) {
                    0..=2 => {
                        let value = step.to_be_bytes().to_vec();
                        model.insert(key.clone(), value.clone());
                        tx.put(key, value);
                    }
                    3 => {
                        model.remove(&key);
                        tx.delete(&key);
                    }
                    4 => saved.push((tx.savepoint(), model.clone())),
                    _ => {
                        if let Some((savepoint, copy)) = saved.pop() {
                            tx.rollback_to(&savepoint);
                            model = copy;
                        }
                    }
                }
            }
            let seen: BTreeMap<_, _> = tx.range(b"", &end, 0, 1_000).await?.into_iter().collect();
            assert_eq!(seen, model, "seed {seed}");
            Ok::<_, StoreError>(model)
        }))
        .unwrap();
        let snapshot = block_on(store.snapshot()).unwrap();
        let seen = block_on(snapshot.range(b"", &prefix_end(b""), 0, 1_000)).unwrap();
        assert_eq!(seen.into_iter().collect::<BTreeMap<_, _>>(), expected, "seed {seed}");
        block_on(snapshot.check()).unwrap();
    }
}
