//! Tests of the tree against an ordered map, of outcomes, and of deletion.

mod collection;
mod engines;
mod grouped;
mod outcome;
mod savepoints;
mod transactions;
mod trees;

use super::memory::{Memory, Seeded, VirtualClock};
use super::{Options, Store};

type TestStore = Store<Memory, VirtualClock, Seeded>;

/// Another instance on the same engine and clock.
fn open(memory: &Memory, clock: &VirtualClock, seed: u64) -> TestStore {
    Store::new(memory.clone(), clock.clone(), Seeded::new(seed), Options::default())
}

/// An instance that keeps no node in memory.
fn open_uncached(memory: &Memory, clock: &VirtualClock) -> TestStore {
    let options = Options { leaf_cache_bytes: 0, branch_cache_bytes: 0, ..Options::default() };
    Store::new(memory.clone(), clock.clone(), Seeded::new(0), options)
}

fn below(random: &Seeded, limit: u64) -> u64 {
    random.next() % limit
}
