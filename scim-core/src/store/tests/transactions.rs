//! What a job sees, what it leaves behind, and what refuses it.

use alloc::vec;
use alloc::vec::Vec;

use pollster::block_on;

use super::super::memory::{Call, Fault, Memory, Seeded, VirtualClock};
use super::super::{
    BodyId, MAX_TREE_KEY, MAX_TREE_VALUE, Options, Read, Store, StoreError, prefix_end,
};
use super::open;
use crate::protocol;

fn setup() -> (Memory, VirtualClock) {
    (Memory::new(), VirtualClock::new(1_000))
}

#[test]
fn reading_and_failing_write_nothing() {
    let (memory, clock) = setup();
    let store = open(&memory, &clock, 1);
    block_on(async {
        assert_eq!(store.snapshot().await.unwrap().get(b"a").await.unwrap(), None);
        store.transact(async |tx| tx.get(b"a").await).await.unwrap();
        let refused = store
            .transact(async |tx| {
                tx.put(b"a".to_vec(), Vec::new());
                tx.put_body(b"body");
                Err::<(), _>(protocol::Error::uniqueness("userName"))
            })
            .await;
        assert_eq!(refused.unwrap_err().status(), 409);
        let delete = async |tx: &mut super::super::Transaction<'_, _, _, _>| {
            tx.delete(b"a");
            Ok::<_, StoreError>(())
        };
        store.transact(delete).await.unwrap();
    });
    assert_eq!(memory.entries(), 0);
}

#[test]
fn changing_nothing_publishes_nothing() {
    let (memory, clock) = setup();
    let store = open(&memory, &clock, 1);
    block_on(async {
        for _ in 0..2 {
            let put = async |tx: &mut super::super::Transaction<'_, _, _, _>| {
                tx.put(b"a".to_vec(), b"1".to_vec());
                tx.delete(b"b");
                Ok::<_, StoreError>(())
            };
            store.transact(put).await.unwrap();
            assert_eq!(store.snapshot().await.unwrap().commit_number(), 1);
        }
    });
}

#[test]
fn times_and_numbers_rise_although_the_clock_stands_still() {
    let (memory, clock) = setup();
    let store = open(&memory, &clock, 1);
    block_on(async {
        for number in 1..10_u64 {
            let seen = store
                .transact(async |tx| {
                    tx.put(b"a".to_vec(), tx.now_ms().to_be_bytes().to_vec());
                    Ok::<_, StoreError>((tx.version(), tx.now_ms()))
                })
                .await
                .unwrap();
            assert_eq!(seen.0, number);
            assert!(seen.1 >= 1_000 + number - 1);
            assert_eq!(store.snapshot().await.unwrap().time_ms(), seen.1);
        }
    });
}

#[test]
fn bodies_of_any_length_are_kept_beside_the_tree() {
    let (memory, clock) = setup();
    let store = open(&memory, &clock, 1);
    block_on(async {
        for length in [0, 1, 900, 256 * 1024, 256 * 1024 + 1, 700_000] {
            let bytes = vec![7; length];
            let id = store
                .transact(async |tx| {
                    let dropped = tx.put_body(b"never stored");
                    tx.retire_body(&dropped);
                    let id = tx.put_body(&bytes);
                    tx.put(b"body".to_vec(), id.to_bytes());
                    assert_eq!(tx.body(&id).await?, bytes);
                    Ok::<_, StoreError>(id)
                })
                .await
                .unwrap();
            let snapshot = store.snapshot().await.unwrap();
            let named = snapshot.get(b"body").await.unwrap().unwrap();
            assert!(named.len() <= 16);
            let named = BodyId::from_bytes(&named).unwrap();
            assert_eq!(named, id);
            assert_eq!(snapshot.body(&named).await.unwrap(), bytes);
        }
    });
}

#[test]
fn what_is_too_long_is_refused_with_a_name() {
    let (memory, clock) = setup();
    let store = open(&memory, &clock, 1);
    let try_put = |key: usize, value: usize| {
        block_on(store.transact(async |tx| {
            tx.put(vec![1; key], vec![1; value]);
            Ok::<_, StoreError>(())
        }))
    };
    assert_eq!(try_put(MAX_TREE_KEY + 1, 0), Err(StoreError::KeyTooLong));
    assert_eq!(try_put(1, MAX_TREE_VALUE + 1), Err(StoreError::ValueTooLong));
    assert_eq!(memory.entries(), 0);
    assert_eq!(try_put(MAX_TREE_KEY, MAX_TREE_VALUE), Ok(()));
}

#[test]
fn the_end_of_a_prefix_is_above_all_that_start_with_it() {
    assert_eq!(prefix_end(b"ab"), b"ac");
    assert_eq!(prefix_end(&[1, 255, 255]), [2]);
    let top = prefix_end(&[255, 255]);
    assert!(top > vec![255; MAX_TREE_KEY]);
    assert_eq!(prefix_end(b""), top);
}

#[test]
fn tenants_and_generations_do_not_see_each_other() {
    let (memory, clock) = setup();
    let open = |tenant: &str, generation| {
        let options = Options { tenant: tenant.into(), generation, ..Options::default() };
        Store::new(memory.clone(), clock.clone(), Seeded::new(1), options)
    };
    block_on(async {
        for (tenant, generation) in [("a", 0), ("b", 0), ("a", 1)] {
            let store = open(tenant, generation);
            assert_eq!(store.snapshot().await.unwrap().total(), 0);
            let put = async |tx: &mut super::super::Transaction<'_, _, _, _>| {
                tx.put(b"key".to_vec(), tenant.as_bytes().to_vec());
                Ok::<_, StoreError>(())
            };
            store.transact(put).await.unwrap();
        }
        let a = open("a", 0);
        let a = a.snapshot().await.unwrap();
        assert_eq!(a.get(b"key").await.unwrap().unwrap(), b"a");
    });
}

#[test]
fn a_root_is_created_once_and_a_broken_creation_waits_for_a_new_generation() {
    let (memory, clock) = setup();
    block_on(async {
        let store = open(&memory, &clock, 1);
        store.create_root().await.unwrap();
        store.create_root().await.unwrap();
        assert_eq!(memory.entries(), 2, "guard and root");
        memory.lose(&store.names.root());
        let started = clock.now_ms.get();
        let refused = open(&memory, &clock, 2).create_root().await;
        assert_eq!(refused, Err(StoreError::Unavailable("the tenant is being created")));
        assert!((2_000..3_000).contains(&(clock.now_ms.get() - started)));
    });
}

#[test]
fn errors_of_the_engine_become_503_and_damage_500() {
    let status = |error: StoreError| protocol::Error::from(error).status();
    assert_eq!(status(StoreError::Unavailable("")), 503);
    assert_eq!(status(StoreError::Moved), 503);
    assert_eq!(status(StoreError::Corrupt("")), 500);
    assert_eq!(status(StoreError::KeyTooLong), 400);
    let unknown = protocol::Error::from(StoreError::UnknownOutcome);
    assert_eq!(unknown.status(), 503);
    assert!(unknown.headers().iter().any(|(name, _)| *name == "retry-after"));
}

#[test]
fn what_cannot_be_written_leaves_nothing_behind() {
    let (memory, clock) = setup();
    let store = open(&memory, &clock, 1);
    block_on(async {
        store.create_root().await.unwrap();
        memory.set_plan(|call| match call {
            Call::SetMany(length) => Fault::Half(length / 2),
            _ => Fault::None,
        });
        let result = store
            .transact(async |tx| {
                (0..500_u32).for_each(|n| tx.put(n.to_be_bytes().to_vec(), Vec::new()));
                Ok::<_, StoreError>(())
            })
            .await;
        assert!(matches!(result, Err(StoreError::Unavailable(_))));
    });
    assert_eq!(memory.entries(), 2, "guard and root");
}
