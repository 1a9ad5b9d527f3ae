//! The tree against `BTreeMap`, and nodes against their bytes.

#![expect(clippy::cast_possible_truncation, reason = "small random numbers")]

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Bound;

use pollster::block_on;
use proptest::prelude::*;

use super::super::address::EntryId;
use super::super::kv::MAX_VALUE;
use super::super::memory::{Memory, Seeded, VirtualClock};
use super::super::node::{Child, Leaf, Node, separator};
use super::super::{Entry, MAX_TREE_KEY, MAX_TREE_VALUE, Read, StoreError};
use super::{below, open, open_uncached};

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// How keys look: the tree must not care.
#[derive(Clone, Copy, Debug)]
enum Keys {
    Short,
    SharedPrefix,
    Long,
    Raw,
}

fn key(random: &Seeded, keys: Keys) -> Vec<u8> {
    let number = below(random, 4000);
    match keys {
        Keys::Short => format!("{number}").into_bytes(),
        Keys::SharedPrefix => format!("resource/User/{number:08}/{}", number % 7).into_bytes(),
        Keys::Long => {
            let mut key = vec![b'x'; MAX_TREE_KEY - 5];
            key.extend_from_slice(format!("{number:05}").as_bytes());
            key
        }
        Keys::Raw => {
            (0..below(random, 4)).map(|_| [0, 1, 254, 255][below(random, 4) as usize]).collect()
        }
    }
}

fn value(random: &Seeded) -> Vec<u8> {
    let length = match below(random, 50) {
        0 => MAX_TREE_VALUE as u64,
        1..5 => 0,
        _ => below(random, 40),
    };
    vec![below(random, 256) as u8; length as usize]
}

fn expected(model: &Model, start: &[u8], end: &[u8], skip: u64, limit: usize) -> Vec<Entry> {
    let bounds = (Bound::Included(start), Bound::Excluded(end.max(start)));
    let all = model.range::<[u8], _>(bounds).skip(skip as usize).take(limit);
    all.map(|(key, value)| (key.clone(), value.clone())).collect()
}

async fn compare(read: &impl Read, model: &Model, random: &Seeded, keys: Keys) {
    for _ in 0..12 {
        let (start, end) = (key(random, keys), key(random, keys));
        assert_eq!(read.get(&start).await.unwrap(), model.get(&start).cloned());
        let all = expected(model, &start, &end, 0, usize::MAX);
        assert_eq!(read.count(&start, &end).await.unwrap(), all.len() as u64);
        let skip = below(random, 1 + all.len() as u64 * 2);
        let limit = below(random, 200) as usize;
        let found = read.range(&start, &end, skip, limit).await.unwrap();
        assert_eq!(found, expected(model, &start, &end, skip, limit));
    }
}

fn run(seed: u64, keys: Keys, rounds: u32) {
    let (memory, clock, random) = (Memory::new(), VirtualClock::new(0), Seeded::new(seed));
    let store = open(&memory, &clock, seed);
    let mut model = Model::new();
    // With a root there, and one writer, each job runs once.
    block_on(store.create_root()).unwrap();
    block_on(async {
        for round in 0..rounds {
            let size = [1, 3, 40, 500][below(&random, 4) as usize];
            // Phases of growth and of decay, down to nothing.
            let deletes = if round % 20 < 12 { 20 } else { 90 };
            let mut next = model.clone();
            store
                .transact(async |tx| {
                    for _ in 0..size {
                        if below(&random, 100) < deletes {
                            // Mostly what exists, in runs, so that whole nodes go.
                            let from = key(&random, keys);
                            let run: Vec<_> = next
                                .range(from.clone()..)
                                .take(8)
                                .map(|(k, _)| k.clone())
                                .collect();
                            for key in run.iter().chain([&from]) {
                                next.remove(key);
                                tx.delete(key);
                            }
                        } else {
                            let (key, value) = (key(&random, keys), value(&random));
                            next.insert(key.clone(), value.clone());
                            tx.put(key, value);
                        }
                    }
                    compare(tx, &next, &random, keys).await;
                    Ok::<_, StoreError>(())
                })
                .await
                .unwrap();
            model = next;
            let snapshot = store.snapshot().await.unwrap();
            assert_eq!(snapshot.total(), model.len() as u64);
            snapshot.check().await.unwrap();
            let fresh = open_uncached(&memory, &clock);
            let fresh = fresh.snapshot().await.unwrap();
            fresh.check().await.unwrap();
            compare(&snapshot, &model, &random, keys).await;
            compare(&fresh, &model, &random, keys).await;
        }
        let all = store.snapshot().await.unwrap();
        let all = all.range(&[], &super::super::prefix_end(&[]), 0, usize::MAX).await.unwrap();
        assert_eq!(all, model.into_iter().collect::<Vec<_>>());
    });
}

#[test]
fn a_tree_is_an_ordered_map() {
    for seed in 0..6 {
        run(seed, Keys::Short, 40);
        run(seed, Keys::SharedPrefix, 40);
        run(seed, Keys::Raw, 40);
    }
}

#[test]
fn long_keys_with_long_prefixes_still_make_branches_of_many_children() {
    for seed in 0..3 {
        run(seed, Keys::Long, 30);
    }
}

#[test]
fn the_largest_leaf_fits_a_stored_value() {
    let mut leaf = Leaf::default();
    for number in 0..64_u32 {
        let mut key = number.to_be_bytes().to_vec();
        key.resize(MAX_TREE_KEY, 0);
        leaf.push(&key, &[0; MAX_TREE_VALUE]);
    }
    assert!(Node::Leaf(leaf).encode(0).len() <= MAX_VALUE);
}

#[test]
fn skipping_reads_no_more_than_a_look_up() {
    let (memory, clock) = (Memory::new(), VirtualClock::new(0));
    let store = open(&memory, &clock, 1);
    block_on(async {
        store
            .transact(async |tx| {
                for number in 0..20_000_u32 {
                    tx.put(number.to_be_bytes().to_vec(), Vec::new());
                }
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
        let store = open(&memory, &clock, 2);
        let snapshot = store.snapshot().await.unwrap();
        let before = memory.calls();
        let found = snapshot.range(&[0], &[1], 15_000, 1).await.unwrap();
        assert_eq!(found, [(15_000_u32.to_be_bytes().to_vec(), Vec::new())]);
        assert_eq!(snapshot.count(&[0], &[1]).await.unwrap(), 20_000);
        assert!(memory.calls() - before <= 10, "{} calls", memory.calls() - before);
    });
}

proptest! {
    #[test]
    fn a_leaf_survives_encoding(entries in prop::collection::btree_map(
        prop::collection::vec(0_u8..4, 0..12), prop::collection::vec(any::<u8>(), 0..40), 1..70,
    )) {
        let mut leaf = Leaf::default();
        for (key, value) in &entries {
            leaf.push(key, value);
        }
        let node = Node::Leaf(leaf);
        let bytes = node.encode(0);
        prop_assert_eq!(&Node::decode(&bytes, 0).unwrap(), &node);
        prop_assert!(Node::decode(&bytes, 1).is_err());
        for length in (0..bytes.len()).step_by(11) {
            prop_assert!(Node::decode(&bytes[..length], 0).is_err());
        }
    }

    #[test]
    fn a_branch_survives_encoding(keys in prop::collection::btree_set(
        prop::collection::vec(0_u8..4, 1..12), 0..70,
    ), base in any::<u64>(), sequence in any::<u32>(), count in any::<u64>()) {
        let id = EntryId { base, commit: !base, sequence };
        let keys = [Vec::new()].into_iter().chain(keys);
        let node = Node::Branch(keys.map(|key| Child { key, id, count }).collect());
        let bytes = node.encode(3);
        prop_assert_eq!(&Node::decode(&bytes, 3).unwrap(), &node);
        for length in (0..bytes.len()).step_by(11) {
            prop_assert!(Node::decode(&bytes[..length], 3).is_err());
        }
    }

    #[test]
    fn bytes_of_any_kind_decode_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Node::decode(&bytes, 0);
        let _ = Node::decode(&bytes, 1);
        let _ = super::super::root::Root::decode(&bytes);
        let _ = super::super::BodyId::from_bytes(&bytes);
    }

    #[test]
    fn a_separator_separates_and_is_short(
        left in prop::collection::vec(0_u8..3, 0..8), right in prop::collection::vec(0_u8..3, 0..8),
    ) {
        prop_assume!(left < right);
        let between = separator(&left, &right);
        prop_assert!(left < between && between <= right);
        prop_assert!(between.len() <= left.len() + 1);
    }
}
