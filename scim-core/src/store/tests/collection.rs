//! Deleting old nodes: nothing that is needed, and all that is not.

use alloc::vec::Vec;

use pollster::block_on;

use super::super::memory::{Call, Fault, Memory, Seeded, VirtualClock};
use super::super::{BodyId, Read, StoreError};
use super::{TestStore, below, open, open_uncached};

/// Replaces the body and the entry of one of 200 resources.
async fn update(store: &TestStore, resource: u64) -> Result<(), StoreError> {
    let job = async |tx: &mut super::super::Transaction<'_, _, _, _>| {
        let key = resource.to_be_bytes().to_vec();
        if let Some(old) = tx.get(&key).await? {
            tx.retire_body(&BodyId::from_bytes(&old)?);
        }
        let body = tx.put_body(&tx.now_ms().to_be_bytes());
        tx.put(key, body.to_bytes());
        Ok::<_, StoreError>(())
    };
    store.transact(job).await
}

/// Every entry of the engine that the current tree and its bodies need, and guard and root.
async fn needed(store: &TestStore) -> usize {
    let snapshot = store.snapshot().await.unwrap();
    let nodes = snapshot.check().await.unwrap();
    let all = snapshot.range(&[0], &[1], 0, usize::MAX).await.unwrap();
    for (_, body) in &all {
        let body = snapshot.body(&BodyId::from_bytes(body).unwrap()).await.unwrap();
        assert_eq!(body.len(), 8);
    }
    usize::try_from(nodes).unwrap() + all.len() + 2
}

fn stream(updates: u64, ms_per_commit: u64, limit: usize) {
    let (memory, clock, random) = (Memory::new(), VirtualClock::new(0), Seeded::new(9));
    let store = open(&memory, &clock, 1);
    block_on(async {
        let mut most = 0;
        for number in 0..updates {
            clock.advance(ms_per_commit);
            update(&store, below(&random, 200)).await.unwrap();
            most = most.max(memory.entries());
            if number % 2000 == 0 {
                needed(&open_uncached(&memory, &clock)).await;
            }
        }
        assert!(most <= limit, "{most} entries at most");
        // After a while of silence, writes that change little sweep the rest away.
        clock.advance(120_000);
        for _ in 0..4000 {
            clock.advance(1_000);
            update(&store, 1).await.unwrap();
        }
        let kept = memory.entries() - needed(&store).await;
        assert!(kept <= (256 + 200) * 4, "{kept} entries are left over");
    });
}

#[test]
fn a_slow_stream_of_updates_keeps_some_hundred_commits() {
    stream(4_000, 1_000, 230 + (256 + 200) * 4);
}

#[test]
fn a_fast_stream_of_updates_keeps_a_minute() {
    // 60 s are 3,000 commits, far more than the list of ids in the root holds.
    stream(12_000, 20, 230 + (3_000 + 400) * 4);
}

#[test]
fn nothing_is_left_behind_by_failing_deletions() {
    let (memory, clock, random) = (Memory::new(), VirtualClock::new(0), Seeded::new(3));
    let store = open(&memory, &clock, 1);
    let faults = random.clone();
    block_on(async {
        store.create_root().await.unwrap();
        memory.set_plan(move |call| match (call, below(&faults, 3)) {
            (Call::DeleteMany(length), 0) => Fault::Half(length / 2),
            (Call::DeleteMany(_), 1) => Fault::ReplyLost,
            _ => Fault::None,
        });
        for _ in 0..3000 {
            clock.advance(1_000);
            update(&store, below(&random, 200)).await.unwrap();
        }
        memory.heal();
        for _ in 0..1000 {
            clock.advance(1_000);
            update(&store, 1).await.unwrap();
        }
        let kept = memory.entries() - needed(&store).await;
        assert!(kept <= (256 + 200) * 4, "{kept} entries are left over");
    });
}

#[test]
fn a_snapshot_is_good_for_256_commits_and_a_minute_and_then_says_so() {
    for (ms_per_commit, good, long) in [(1_000, 250, 2_000), (10, 5_000, 12_000)] {
        let (memory, clock) = (Memory::new(), VirtualClock::new(0));
        let (writer, reader) = (open(&memory, &clock, 1), open_uncached(&memory, &clock));
        block_on(async {
            for resource in 0..200 {
                update(&writer, resource).await.unwrap();
            }
            let snapshot = reader.snapshot().await.unwrap();
            let mut commits = 0;
            for until in [good, long] {
                while commits < until {
                    clock.advance(ms_per_commit);
                    update(&writer, commits % 200).await.unwrap();
                    commits += 1;
                }
                let read = snapshot.range(&[0], &[1], 0, 1000).await;
                if until == good {
                    assert_eq!(read.unwrap().len(), 200);
                    snapshot.check().await.unwrap();
                } else {
                    assert_eq!(read, Err(StoreError::Moved));
                }
            }
        });
    }
}

#[test]
fn a_reader_that_is_too_slow_starts_again_three_times() {
    let (memory, clock) = (Memory::new(), VirtualClock::new(0));
    let (writer, reader) = (open(&memory, &clock, 1), open_uncached(&memory, &clock));
    block_on(async {
        update(&writer, 1).await.unwrap();
        for (slow_times, succeeds) in [(3, true), (4, false)] {
            let mut runs = 0;
            let result = reader
                .read(async |snapshot| {
                    runs += 1;
                    if runs <= slow_times {
                        for _ in 0..800 {
                            clock.advance(1_000);
                            update(&writer, 1).await?;
                        }
                    }
                    snapshot.get(&1_u64.to_be_bytes()).await
                })
                .await;
            assert_eq!((result.is_ok(), runs), (succeeds, 4));
        }
        let mut runs = 0;
        let result = reader
            .transact(async |tx| {
                runs += 1;
                if runs == 1 {
                    for _ in 0..800 {
                        clock.advance(1_000);
                        update(&writer, 1).await?;
                    }
                }
                tx.get(&1_u64.to_be_bytes()).await?;
                tx.put(Vec::new(), Vec::new());
                Ok::<_, StoreError>(())
            })
            .await;
        assert_eq!((result, runs), (Ok(()), 2));
    });
}
