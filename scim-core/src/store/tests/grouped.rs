//! Group commit: jobs that wait in one store share a commit, and nothing else.

use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::future::{pending, poll_fn};
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};

use pollster::block_on;

use super::super::memory::{Call, Fault, Memory, VirtualClock};
use super::super::{Read, StoreError, Transaction, prefix_end};
use super::{TestStore, open};
use crate::store::memory::Seeded;

type Task<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;
type Tx<'a> = Transaction<'a, Memory, VirtualClock, Seeded>;

/// Whether a task was woken.
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Polls the tasks that were woken, until all have ended.
fn run(tasks: Vec<Task<'_>>) {
    let flag = || Arc::new(Flag(AtomicBool::new(true)));
    let mut tasks: Vec<_> = tasks.into_iter().map(|task| (task, flag())).collect();
    while !tasks.is_empty() {
        let mut stranded = true;
        tasks.retain_mut(|(task, flag)| {
            if !flag.0.swap(false, Ordering::Relaxed) {
                return true;
            }
            stranded = false;
            let waker = Arc::clone(flag).into();
            task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending()
        });
        assert!(!stranded || tasks.is_empty(), "nobody wakes {} tasks", tasks.len());
    }
}

async fn add(tx: &mut Tx<'_>, number: u64) -> Result<(), StoreError> {
    let before = tx.get(b"counter").await?.map_or(0, |v| u64::from_be_bytes(v.try_into().unwrap()));
    tx.put(b"counter".to_vec(), (before + 1).to_be_bytes().to_vec());
    let body = tx.put_body(&number.to_be_bytes());
    tx.put(format!("item/{number:04}").into_bytes(), body.to_bytes());
    Ok(())
}

fn setup() -> (Memory, TestStore) {
    let (memory, clock) = (Memory::new(), VirtualClock::new(1_000));
    let store = open(&memory, &clock, 1);
    block_on(store.create_root()).unwrap();
    memory.set_yields(true);
    (memory, store)
}

async fn state(store: &TestStore) -> (u64, u64, u64) {
    let snapshot = store.snapshot().await.unwrap();
    snapshot.check().await.unwrap();
    let counter = snapshot.get(b"counter").await.unwrap();
    let counter = counter.map_or(0, |v| u64::from_be_bytes(v.try_into().unwrap()));
    let items = snapshot.count(b"item/", &prefix_end(b"item/")).await.unwrap();
    (snapshot.commit_number(), counter, items)
}

#[test]
fn jobs_that_wait_share_one_commit() {
    let (memory, store) = setup();
    let versions = RefCell::new(Vec::new());
    let swaps = Rc::new(Cell::new(0));
    let seen = Rc::clone(&swaps);
    memory.set_plan(move |call| {
        seen.set(seen.get() + u32::from(call == Call::Swap));
        Fault::None
    });
    let task = |number: u64| -> Task<'_> {
        let (store, versions) = (&store, &versions);
        Box::pin(async move {
            let version = store
                .transact(async |tx| {
                    add(tx, number).await?;
                    Ok::<_, StoreError>(tx.version())
                })
                .await;
            versions.borrow_mut().push(version.unwrap());
        })
    };
    run((0..32).map(task).collect());
    memory.set_yields(false);
    // The first does not wait for company; the others are all there when it is done.
    assert!(swaps.get() <= 2, "{} swaps", swaps.get());
    let (commits, sum, items) = block_on(state(&store));
    assert_eq!((commits, sum, items), (u64::from(swaps.get()), 32, 32));
    let mut versions = versions.into_inner();
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(versions.len(), 32, "no two jobs give the same version");
}

#[test]
fn a_batch_is_bounded() {
    let (memory, store) = setup();
    let task = |number: u64| -> Task<'_> {
        let store = &store;
        Box::pin(async move {
            let job = async |tx: &mut Tx<'_>| {
                tx.put_body(&vec![7; 200_000]);
                add(tx, number).await
            };
            store.transact(job).await.unwrap();
        })
    };
    run((0..24).map(task).collect());
    memory.set_yields(false);
    let (commits, counter, _) = block_on(state(&store));
    assert_eq!(counter, 24);
    assert!((4..=6).contains(&commits), "six of 200,000 bytes fill a batch, not {commits}");

    memory.set_yields(true);
    let task = |number: u64| -> Task<'_> {
        let store = &store;
        Box::pin(async move { store.transact(async |tx| add(tx, number).await).await.unwrap() })
    };
    run((100..300).map(task).collect());
    memory.set_yields(false);
    let (after, counter, _) = block_on(state(&store));
    assert_eq!(counter, 224);
    assert!((4..=5).contains(&(after - commits)), "64 fill a batch: {}", after - commits);
}

#[test]
fn each_job_fails_for_itself() {
    let (memory, store) = setup();
    let ends = RefCell::new(Vec::new());
    let task = |number: u64| -> Task<'_> {
        let (store, ends) = (&store, &ends);
        Box::pin(async move {
            let end = store
                .transact(async |tx| {
                    add(tx, number).await?;
                    match number % 3 {
                        0 => Err(StoreError::Corrupt("refused")),
                        1 => {
                            tx.put([1; super::super::MAX_TREE_KEY + 1].to_vec(), Vec::new());
                            Ok(())
                        }
                        _ => Ok(()),
                    }
                })
                .await;
            ends.borrow_mut().push((number, end));
        })
    };
    run((0..30).map(task).collect());
    memory.set_yields(false);
    for (number, end) in ends.into_inner() {
        let expected = match number % 3 {
            0 => Err(StoreError::Corrupt("refused")),
            1 => Err(StoreError::KeyTooLong),
            _ => Ok(()),
        };
        assert_eq!(end, expected);
    }
    let (_, counter, items) = block_on(state(&store));
    assert_eq!((counter, items), (10, 10));
}

#[test]
fn a_refusal_that_rests_on_a_lost_batch_is_taken_back() {
    // The first job of the batch takes a name; the second is refused it; another store wins the
    // swap and takes away what the first job needs: now the name is the second job's.
    let (memory, clock) = (Memory::new(), VirtualClock::new(1_000));
    let (store, other) = (open(&memory, &clock, 1), open(&memory, &clock, 2));
    let put = async |store: &TestStore, key: &str| {
        let job = async |tx: &mut Tx<'_>| {
            tx.put(key.as_bytes().to_vec(), Vec::new());
            Ok::<_, StoreError>(())
        };
        store.transact(job).await.unwrap();
    };
    block_on(put(&other, "start"));
    memory.set_yields(true);
    let ran = Cell::new(0);
    let ends = RefCell::new(Vec::new());
    let task = |number: u32| -> Task<'_> {
        let (store, ends, ran) = (&store, &ends, &ran);
        Box::pin(async move {
            let end = store
                .transact(async |tx| {
                    ran.set(ran.get() + 1);
                    let stopped = tx.get(b"stop").await?.is_some();
                    if tx.get(b"name").await?.is_some() || (number == 0 && stopped) {
                        return Err(StoreError::Corrupt("refused"));
                    }
                    tx.put(b"name".to_vec(), number.to_be_bytes().to_vec());
                    Ok(())
                })
                .await;
            ends.borrow_mut().push((number, end));
        })
    };
    let mut tasks: Vec<Task<'_>> = (0..2).map(task).collect();
    let mut context = Context::from_waker(Waker::noop());
    while ran.get() < 2 {
        for task in &mut tasks {
            assert!(task.as_mut().poll(&mut context).is_pending());
        }
    }
    memory.set_yields(false);
    block_on(put(&other, "stop"));
    run(tasks);
    let refused = Err(StoreError::Corrupt("refused"));
    let mut ends = ends.into_inner();
    ends.sort_by_key(|(number, _)| *number);
    assert_eq!(ends, [(0, refused), (1, Ok(()))]);
}

/// Ends every third task after so many polls of it.
fn limited(mut task: Task<'_>, number: u64, polls: u32) -> Task<'_> {
    let mut left = polls;
    Box::pin(poll_fn(move |context| {
        if number.is_multiple_of(3) && left == 0 {
            task = Box::pin(async {});
        }
        left = left.saturating_sub(1);
        task.as_mut().poll(context)
    }))
}

/// Thirty jobs; every third task is dropped after so many polls. What is acknowledged is there,
/// nobody waits for ever, and what a dropped job had begun is not there in part.
#[test]
fn a_task_that_is_dropped_in_any_state_strands_nobody() {
    for after in 0..60 {
        for fault in [Fault::None, Fault::SaysFalse, Fault::ReplyLost] {
            let (memory, store) = setup();
            memory.set_plan(move |call| if call == Call::Swap { fault } else { Fault::None });
            let done = Cell::new(0_u64);
            let task = |number: u64| -> Task<'_> {
                let (store, done) = (&store, &done);
                Box::pin(async move {
                    store.transact(async |tx| add(tx, number).await).await.unwrap();
                    done.set(done.get() + 1);
                })
            };
            run((0..30).map(|number| limited(task(number), number, after)).collect());
            memory.set_yields(false);
            let (_, counter, items) = block_on(state(&store));
            assert_eq!(counter, items);
            assert!(counter >= done.get() && done.get() >= 20, "{counter} {}", done.get());
        }
    }
}

#[test]
fn a_task_that_is_dropped_in_its_job_takes_back_what_it_wrote() {
    let (memory, store) = setup();
    let mut stuck: Task<'_> = Box::pin(async {
        let job = async |tx: &mut Tx<'_>| {
            add(tx, 1).await?;
            pending::<()>().await;
            Ok::<_, StoreError>(())
        };
        store.transact(job).await.unwrap();
    });
    let woken = Rc::new(Cell::new(false));
    let seen = Rc::clone(&woken);
    let waiting: Task<'_> = Box::pin(async {
        let job = store.transact(async |tx| add(tx, 2).await);
        let mut job = Box::pin(job);
        poll_fn(|context| {
            let poll = job.as_mut().poll(context);
            seen.set(poll.is_ready());
            if poll.is_ready() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    });
    let mut tasks = Vec::from([waiting]);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..50 {
        assert!(stuck.as_mut().poll(&mut context).is_pending());
        assert!(tasks[0].as_mut().poll(&mut context).is_pending());
    }
    drop(stuck);
    run(core::mem::take(&mut tasks));
    assert!(woken.get());
    memory.set_yields(false);
    assert_eq!(block_on(state(&store)), (1, 1, 1));
}
