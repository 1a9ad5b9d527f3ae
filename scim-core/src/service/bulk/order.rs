//! In which order operations are carried out: as sent, except what references force.
//!
//! An operation that refers to a later one waits for it. Operations that refer to each other in a
//! circle are one group, which has the place of its last operation.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;

/// The groups in order, each with its operations in order; most have one. `waits_for` names for
/// each operation those it refers to.
pub(super) fn order(waits_for: &[BTreeSet<usize>]) -> Vec<Vec<usize>> {
    // A group is named by its last operation.
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut group_of: BTreeMap<usize, usize> = BTreeMap::new();
    for mut group in circles(waits_for) {
        group.sort_unstable();
        let Some(name) = group.last().copied() else { continue };
        group_of.extend(group.iter().map(|operation| (*operation, name)));
        groups.insert(name, group);
    }
    let mut open: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    let mut awaited_by: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (name, group) in &groups {
        let references = group.iter().filter_map(|operation| waits_for.get(*operation)).flatten();
        let mut others: BTreeSet<usize> =
            references.filter_map(|operation| group_of.get(operation).copied()).collect();
        others.remove(name);
        for other in &others {
            awaited_by.entry(*other).or_default().insert(*name);
        }
        open.insert(*name, others);
    }
    let is_ready = |(name, others): (&usize, &BTreeSet<usize>)| others.is_empty().then_some(*name);
    let mut ready: BTreeSet<usize> = open.iter().filter_map(is_ready).collect();
    let mut out = Vec::with_capacity(groups.len());
    while let Some(name) = ready.pop_first() {
        out.extend(groups.remove(&name));
        for waiting in awaited_by.remove(&name).into_iter().flatten() {
            if let Some(others) = open.get_mut(&waiting) {
                others.remove(&name);
                if others.is_empty() {
                    ready.insert(waiting);
                }
            }
        }
    }
    out
}

/// The strongly connected components of the graph (Kosaraju's algorithm).
fn circles(edges: &[BTreeSet<usize>]) -> Vec<Vec<usize>> {
    let mut reversed = vec![BTreeSet::new(); edges.len()];
    for (from, targets) in edges.iter().enumerate() {
        for to in targets {
            if let Some(sources) = reversed.get_mut(*to) {
                sources.insert(from);
            }
        }
    }
    let mut seen = BTreeSet::new();
    let mut finished = Vec::with_capacity(edges.len());
    for start in 0..edges.len() {
        finished.extend(walk(edges, start, &mut seen));
    }
    seen.clear();
    let component = |start: &usize| walk(&reversed, *start, &mut seen);
    finished.iter().rev().map(component).filter(|group| !group.is_empty()).collect()
}

/// What can be reached from `start` and was not seen before, each after all that follows it.
fn walk(edges: &[BTreeSet<usize>], start: usize, seen: &mut BTreeSet<usize>) -> Vec<usize> {
    let targets = |node: usize| edges.get(node).into_iter().flatten();
    let mut finished = Vec::new();
    // A stack of our own: a chain of references may be longer than the call stack is deep.
    let mut open = Vec::new();
    if seen.insert(start) {
        open.push((start, targets(start)));
    }
    while let Some((node, rest)) = open.last_mut() {
        match rest.next() {
            Some(next) if seen.insert(*next) => open.push((*next, targets(*next))),
            Some(_) => {}
            None => {
                finished.push(*node);
                open.pop();
            }
        }
    }
    finished
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered<const N: usize>(waits_for: [&[usize]; N]) -> Vec<Vec<usize>> {
        let sets: Vec<BTreeSet<usize>> =
            waits_for.iter().map(|list| list.iter().copied().collect()).collect();
        order(&sets)
    }

    #[test]
    fn without_references_as_sent() {
        assert_eq!(ordered([&[], &[], &[]]), [[0], [1], [2]]);
        assert_eq!(ordered([&[], &[0], &[1, 0]]), [[0], [1], [2]]);
        assert!(ordered([]).is_empty());
    }

    #[test]
    fn who_refers_forward_waits_and_nobody_else_moves() {
        assert_eq!(ordered([&[2], &[], &[], &[]]), [[1], [2], [0], [3]]);
        assert_eq!(ordered([&[1], &[2], &[3], &[]]), [[3], [2], [1], [0]]);
        assert_eq!(ordered([&[3], &[0], &[], &[]]), [[2], [3], [0], [1]]);
    }

    #[test]
    fn circles_are_groups() {
        assert_eq!(ordered([&[0]]), [[0]]);
        assert_eq!(ordered([&[2], &[], &[0]]), [vec![1], vec![0, 2]]);
        // Two circles, one after the other, and one that waits for both.
        let two = ordered([&[1, 3], &[2], &[1], &[4], &[3]]);
        assert_eq!(two, [vec![1, 2], vec![3, 4], vec![0]]);
    }

    #[test]
    fn a_long_chain_needs_no_deep_stack() {
        const LENGTH: usize = 20_000;
        let chain: Vec<BTreeSet<usize>> =
            (0..LENGTH).map(|at| BTreeSet::from([(at + 1).min(LENGTH - 1)])).collect();
        let groups = order(&chain);
        assert_eq!(groups.len(), LENGTH);
        assert_eq!(groups.first(), Some(&vec![LENGTH - 1]));
    }
}
