//! Whether a commit is in, when the engine says something else or nothing.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::Cell;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use pollster::block_on;

use super::super::memory::{Call, Fault, Memory, VirtualClock};
use super::super::{Read, StoreError};
use super::{TestStore, open};

/// Reads the counter and writes it back with one added.
async fn increment(store: &TestStore) -> Result<u64, StoreError> {
    store
        .transact(async |tx| {
            let old = tx.get(b"counter").await?;
            let old = old.map_or(0, |old| u64::from_be_bytes(old.try_into().expect("8 bytes")));
            tx.put(b"counter".to_vec(), (old + 1).to_be_bytes().to_vec());
            Ok(old + 1)
        })
        .await
}

async fn put(store: &TestStore, key: &str) {
    let job = async |tx: &mut super::super::Transaction<'_, _, _, _>| {
        tx.put(key.as_bytes().to_vec(), tx.now_ms().to_be_bytes().to_vec());
        Ok::<_, StoreError>(())
    };
    store.transact(job).await.unwrap();
}

/// The first `many` swaps go wrong like this.
fn swaps(memory: &Memory, many: u32, fault: Fault) {
    let mut left = many;
    memory.set_plan(move |call| {
        if call == Call::Swap && left > 0 {
            left -= 1;
            return fault;
        }
        Fault::None
    });
}

#[test]
fn every_change_is_applied_once_whatever_the_swap_says() {
    let faults =
        [Fault::SaysFalse, Fault::ReplyLost, Fault::Refused, Fault::Late(1), Fault::Late(3)];
    for fault in faults {
        for many in [1, 3] {
            let (memory, clock) = (Memory::new(), VirtualClock::new(0));
            let store = open(&memory, &clock, 1);
            block_on(async {
                store.create_root().await.unwrap();
                for number in 1..20 {
                    swaps(&memory, many, fault);
                    assert_eq!(increment(&store).await, Ok(number), "{fault:?}");
                    memory.heal();
                    assert_eq!(store.snapshot().await.unwrap().commit_number(), number);
                }
            });
        }
    }
}

#[test]
fn an_engine_that_never_says_true_works() {
    let (memory, clock) = (Memory::new(), VirtualClock::new(0));
    let (one, two) = (open(&memory, &clock, 1), open(&memory, &clock, 2));
    swaps(&memory, u32::MAX, Fault::SaysFalse);
    block_on(async {
        for number in 0..50 {
            assert_eq!(increment(&one).await, Ok(2 * number + 1));
            assert_eq!(increment(&two).await, Ok(2 * number + 2));
        }
    });
}

#[test]
fn an_engine_that_never_swaps_is_given_up_without_a_second_application() {
    let (memory, clock) = (Memory::new(), VirtualClock::new(0));
    let store = open(&memory, &clock, 1);
    block_on(async {
        store.create_root().await.unwrap();
        swaps(&memory, u32::MAX, Fault::Late(100_000));
        assert_eq!(increment(&store).await, Err(StoreError::UnknownOutcome));
        assert!((30_000..32_000).contains(&clock.now_ms.get()));
        // All those swaps arrive after all. They are one and the same.
        memory.heal();
        let snapshot = store.snapshot().await.unwrap();
        assert_eq!(snapshot.commit_number(), 1);
        assert_eq!(snapshot.get(b"counter").await.unwrap().unwrap(), 1_u64.to_be_bytes());
    });
}

/// Polls until `done`, then leaves the future where it is.
fn poll_until<T>(future: &mut Pin<Box<dyn Future<Output = T> + '_>>, done: impl Fn() -> bool) {
    let mut context = Context::from_waker(Waker::noop());
    while !done() {
        assert!(matches!(future.as_mut().poll(&mut context), Poll::Pending), "ended too early");
    }
}

/// A writer whose swap was answered with `false` sleeps while others commit `many` times.
fn overtaken(many: u64, written: bool, ms_per_commit: u64) -> (Result<u64, StoreError>, u64) {
    let (memory, clock) = (Memory::new(), VirtualClock::new(0));
    let (slow, fast) = (open(&memory, &clock, 1), open(&memory, &clock, 2));
    block_on(put(&fast, "other"));
    memory.set_yields(true);
    let swapped = Rc::new(Cell::new(false));
    let seen = Rc::clone(&swapped);
    memory.set_plan(move |call| {
        if call == Call::Swap && !seen.get() {
            seen.set(true);
            return if written { Fault::SaysFalse } else { Fault::Refused };
        }
        Fault::None
    });
    let mut writer: Pin<Box<dyn Future<Output = _>>> = Box::pin(increment(&slow));
    poll_until(&mut writer, || swapped.get());
    memory.set_yields(false);
    for _ in 0..many {
        clock.advance(ms_per_commit);
        block_on(put(&fast, "other"));
    }
    let result = block_on(writer);
    let snapshot = block_on(fast.snapshot()).unwrap();
    let counter = block_on(snapshot.get(b"counter")).unwrap();
    (result, counter.map_or(0, |value| u64::from_be_bytes(value.try_into().unwrap())))
}

#[test]
fn a_writer_that_was_overtaken_knows_what_became_of_its_commit() {
    for many in [1, 1023, 1024, 1500, 5000] {
        assert_eq!(overtaken(many, true, 1), (Ok(1), 1), "{many} commits later");
        assert_eq!(overtaken(many, false, 1), (Ok(1), 1), "{many} commits later");
    }
}

#[test]
fn a_writer_that_slept_until_all_traces_were_collected_does_not_apply_its_change_again() {
    // The counter and the other key share a leaf, which the others have rewritten since.
    let (result, counter) = overtaken(4000, true, 100);
    assert_eq!((result, counter), (Err(StoreError::UnknownOutcome), 1));
    let (result, counter) = overtaken(4000, false, 100);
    assert_eq!((result, counter), (Err(StoreError::UnknownOutcome), 0));
}

#[test]
fn a_writer_that_slept_that_long_finds_what_it_wrote_in_the_tree() {
    let (memory, clock) = (Memory::new(), VirtualClock::new(0));
    let (slow, fast) = (open(&memory, &clock, 1), open(&memory, &clock, 2));
    // Enough neighbours that "counter" and "other" stand in different leaves.
    let fill = async |tx: &mut super::super::Transaction<'_, _, _, _>| {
        for number in 0..500_u32 {
            tx.put([b"d".as_slice(), &number.to_be_bytes()].concat(), Vec::new());
        }
        Ok::<_, StoreError>(())
    };
    block_on(fast.transact(fill)).unwrap();
    memory.set_yields(true);
    let swapped = Rc::new(Cell::new(false));
    let seen = Rc::clone(&swapped);
    memory.set_plan(move |call| {
        if call == Call::Swap && !seen.replace(true) { Fault::SaysFalse } else { Fault::None }
    });
    let mut writer: Pin<Box<dyn Future<Output = _>>> = Box::pin(increment(&slow));
    poll_until(&mut writer, || swapped.get());
    memory.set_yields(false);
    for _ in 0..4000 {
        clock.advance(100);
        block_on(put(&fast, "other"));
    }
    assert_eq!(block_on(writer), Ok(1));
    assert_eq!(block_on(increment(&slow)), Ok(2));
}
