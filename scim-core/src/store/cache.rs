//! Nodes that were read or written lately. They never change, so an entry is never wrong.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;

use super::address::EntryId;
use super::node::Node;

/// Leaves and branches are bounded apart, so that reading many leaves displaces no branch.
pub(super) struct Cache {
    leaves: Shelf,
    branches: Shelf,
}

impl Cache {
    pub(super) fn new(leaf_bytes: usize, branch_bytes: usize) -> Self {
        Self { leaves: Shelf::new(leaf_bytes), branches: Shelf::new(branch_bytes) }
    }

    pub(super) fn get(&mut self, id: EntryId, level: u8) -> Option<Rc<Node>> {
        if level == 0 { self.leaves.get(id) } else { self.branches.get(id) }
    }

    pub(super) fn insert(&mut self, id: EntryId, node: Rc<Node>) {
        match &*node {
            Node::Leaf(_) => self.leaves.insert(id, node),
            Node::Branch(_) => self.branches.insert(id, node),
        }
    }

    pub(super) fn remove(&mut self, id: EntryId) {
        self.leaves.remove(id);
        self.branches.remove(id);
    }
}

/// Holds nodes up to a number of bytes; what was not used for longest goes first.
struct Shelf {
    nodes: BTreeMap<EntryId, Kept>,
    used: BTreeMap<u64, EntryId>,
    clock: u64,
    bytes: usize,
    limit: usize,
}

struct Kept {
    node: Rc<Node>,
    bytes: usize,
    used: u64,
}

impl Shelf {
    fn new(limit: usize) -> Self {
        Self { nodes: BTreeMap::new(), used: BTreeMap::new(), clock: 0, bytes: 0, limit }
    }

    fn get(&mut self, id: EntryId) -> Option<Rc<Node>> {
        let kept = self.nodes.get_mut(&id)?;
        self.used.remove(&kept.used);
        self.clock += 1;
        kept.used = self.clock;
        self.used.insert(self.clock, id);
        Some(Rc::clone(&kept.node))
    }

    fn insert(&mut self, id: EntryId, node: Rc<Node>) {
        self.remove(id);
        let bytes = node.weight() + size_of::<Kept>();
        self.clock += 1;
        self.bytes += bytes;
        self.used.insert(self.clock, id);
        self.nodes.insert(id, Kept { node, bytes, used: self.clock });
        while self.bytes > self.limit {
            let Some(oldest) = self.used.first_key_value().map(|(_, id)| *id) else { break };
            self.remove(oldest);
        }
    }

    fn remove(&mut self, id: EntryId) {
        if let Some(kept) = self.nodes.remove(&id) {
            self.used.remove(&kept.used);
            self.bytes -= kept.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::node::{Child, Leaf};
    use super::*;

    fn id(sequence: u32) -> EntryId {
        EntryId { base: 0, commit: 0, sequence }
    }

    #[test]
    fn leaves_displace_each_other_and_no_branch() {
        let mut cache = Cache::new(10_000, 10_000);
        cache.insert(id(0), Rc::new(Node::Branch(alloc::vec::Vec::<Child>::new())));
        for sequence in 1..1000 {
            let mut leaf = Leaf::default();
            leaf.push(b"key", &[0; 900]);
            cache.insert(id(sequence), Rc::new(Node::Leaf(leaf)));
            assert!(cache.get(id(1), 0).is_some(), "used all the time");
            assert!(cache.leaves.bytes <= 10_000);
        }
        assert!(cache.get(id(0), 1).is_some());
        assert!(cache.get(id(2), 0).is_none());
        cache.remove(id(1));
        assert!(cache.get(id(1), 0).is_none());
        assert_eq!(cache.leaves.nodes.len(), cache.leaves.used.len());
    }
}
