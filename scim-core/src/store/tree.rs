//! Reading the tenant tree: look-up, rank and position, all in as many steps as the tree is high.

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::StoreError;
use super::address::{CommitId, EntryId};
use super::node::{Leaf, Node, child_of};
use super::wire::{Reader, put_varint};

/// More levels than any tree can have: each holds at least four children per branch.
const MAX_LEVEL: u8 = 32;

/// A key with its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Where nodes come from.
pub(super) trait Nodes {
    /// The node of this name, which must be of `level`. [`StoreError::Moved`] if it is gone.
    async fn node(&self, id: EntryId, level: u8) -> Result<Rc<Node>, StoreError>;
}

/// One version of the tree: its root node, and how much is below it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tree {
    /// `None` when the tree is empty.
    pub(super) root: Option<EntryId>,
    /// Level of the root node; 0 when it is a leaf.
    pub(super) level: u8,
    /// Entries.
    pub(super) count: u64,
}

impl Tree {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.count);
        if let Some(root) = self.root {
            out.push(self.level);
            root.encode(out);
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, StoreError> {
        let count = reader.varint()?;
        if count == 0 {
            return Ok(Self::default());
        }
        let level = reader.byte()?;
        if level > MAX_LEVEL {
            return Err(StoreError::Corrupt("the tree is too high"));
        }
        Ok(Self { root: Some(EntryId::decode(reader)?), level, count })
    }

    pub(super) async fn get(
        &self,
        nodes: &impl Nodes,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(mut id) = self.root else { return Ok(None) };
        let mut level = self.level;
        loop {
            match &*nodes.node(id, level).await? {
                Node::Leaf(leaf) => {
                    let found = leaf.find(key).ok().and_then(|position| leaf.entry(position));
                    return Ok(found.map(|(_, value)| value.to_vec()));
                }
                Node::Branch(children) => id = child(children, child_of(children, key))?.id,
            }
            level = below(level)?;
        }
    }

    /// How many keys are below `key`.
    pub(super) async fn rank(&self, nodes: &impl Nodes, key: &[u8]) -> Result<u64, StoreError> {
        let Some(mut id) = self.root else { return Ok(0) };
        let mut level = self.level;
        let mut rank = 0;
        loop {
            match &*nodes.node(id, level).await? {
                Node::Leaf(leaf) => {
                    let (Ok(position) | Err(position)) = leaf.find(key);
                    return Ok(rank + position as u64);
                }
                Node::Branch(children) => {
                    let position = child_of(children, key);
                    rank += children.iter().take(position).map(|child| child.count).sum::<u64>();
                    id = child(children, position)?.id;
                }
            }
            level = below(level)?;
        }
    }

    /// How many keys are in `start..end`.
    pub(super) async fn count(
        &self,
        nodes: &impl Nodes,
        start: &[u8],
        end: &[u8],
    ) -> Result<u64, StoreError> {
        if start >= end {
            return Ok(0);
        }
        Ok(self.rank(nodes, end).await?.saturating_sub(self.rank(nodes, start).await?))
    }

    /// At most `limit` entries of `start..end`, without the first `skip` of them.
    pub(super) async fn range(
        &self,
        nodes: &impl Nodes,
        start: &[u8],
        end: &[u8],
        skip: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut found = Vec::new();
        if start >= end || limit == 0 {
            return Ok(found);
        }
        let mut position = self.rank(nodes, start).await?.saturating_add(skip);
        while position < self.count {
            let (node, mut at) = self.leaf_at(nodes, position).await?;
            let Node::Leaf(leaf) = &*node else { return Err(WRONG_LEVEL) };
            while let Some((key, value)) = leaf.entry(at) {
                if key >= end || found.len() == limit {
                    return Ok(found);
                }
                found.push((key.to_vec(), value.to_vec()));
                at += 1;
                position += 1;
            }
        }
        Ok(found)
    }

    /// The leaf in which the entry of this rank stands, and its position there.
    async fn leaf_at(
        &self,
        nodes: &impl Nodes,
        rank: u64,
    ) -> Result<(Rc<Node>, usize), StoreError> {
        let mut id = self.root.ok_or(WRONG_COUNT)?;
        let mut level = self.level;
        let mut rest = rank;
        loop {
            let node = nodes.node(id, level).await?;
            match &*node {
                Node::Leaf(leaf) => return Ok((Rc::clone(&node), position_in(leaf, rest)?)),
                Node::Branch(children) => {
                    let mut chosen = None;
                    for child in children {
                        if rest < child.count {
                            chosen = Some(child.id);
                            break;
                        }
                        rest -= child.count;
                    }
                    id = chosen.ok_or(WRONG_COUNT)?;
                }
            }
            level = below(level)?;
        }
    }

    /// Whether a node on the way to `key` was written by `commit`: proof that it was published.
    pub(super) async fn shows(
        &self,
        nodes: &impl Nodes,
        key: &[u8],
        commit: CommitId,
    ) -> Result<bool, StoreError> {
        let Some(mut id) = self.root else { return Ok(false) };
        let mut level = self.level;
        loop {
            if id.commit == commit {
                return Ok(true);
            }
            match &*nodes.node(id, level).await? {
                Node::Leaf(_) => return Ok(false),
                Node::Branch(children) => id = child(children, child_of(children, key))?.id,
            }
            level = below(level)?;
        }
    }

    /// Shows every node to `see`, in the order of the keys.
    pub(super) async fn visit(
        &self,
        nodes: &impl Nodes,
        mut see: impl AsyncFnMut(EntryId, &Node) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut open: Vec<(EntryId, u8)> =
            self.root.map(|id| (id, self.level)).into_iter().collect();
        while let Some((id, level)) = open.pop() {
            let node = nodes.node(id, level).await?;
            see(id, &node).await?;
            if let Node::Branch(children) = &*node {
                let level = below(level)?;
                open.extend(children.iter().rev().map(|child| (child.id, level)));
            }
        }
        Ok(())
    }

    /// Walks the whole tree: order, separators, counts and levels must be right.
    /// Returns the number of its nodes.
    pub(super) async fn check(&self, nodes: &impl Nodes) -> Result<u64, StoreError> {
        let mut seen = 0;
        let mut last: Option<Vec<u8>> = None;
        let mut open: Vec<Step> = Vec::new();
        if let Some(id) = self.root {
            open.push(Step { id, level: self.level, count: self.count, from: None, to: None });
        }
        while let Some(step) = open.pop() {
            let node = nodes.node(step.id, step.level).await?;
            seen += 1;
            if node.count() != step.count || node.len() == 0 {
                return Err(WRONG_COUNT);
            }
            match &*node {
                Node::Leaf(leaf) => {
                    for (key, _) in leaf.entries() {
                        let in_bounds = step.from.as_deref().is_none_or(|from| from <= key)
                            && step.to.as_deref().is_none_or(|to| key < to);
                        if !in_bounds || last.as_deref().is_some_and(|last| last >= key) {
                            return Err(StoreError::Corrupt(
                                "the keys of the tree are out of order",
                            ));
                        }
                        last = Some(key.to_vec());
                    }
                }
                Node::Branch(children) => {
                    let level = below(step.level)?;
                    let mut to = step.to;
                    for (position, child) in children.iter().enumerate().rev() {
                        let from =
                            if position == 0 { step.from.clone() } else { Some(child.key.clone()) };
                        let next = from.clone();
                        open.push(Step { id: child.id, level, count: child.count, from, to });
                        to = next;
                    }
                }
            }
        }
        Ok(seen)
    }
}

/// A node that a check has yet to visit, and what it must hold.
struct Step {
    id: EntryId,
    level: u8,
    count: u64,
    from: Option<Vec<u8>>,
    to: Option<Vec<u8>>,
}

pub(super) const WRONG_LEVEL: StoreError = StoreError::Corrupt("a node is of the wrong level");
const WRONG_COUNT: StoreError = StoreError::Corrupt("the counts of the tree are wrong");

pub(super) fn below(level: u8) -> Result<u8, StoreError> {
    level.checked_sub(1).ok_or(WRONG_LEVEL)
}

fn child(children: &[super::node::Child], at: usize) -> Result<&super::node::Child, StoreError> {
    children.get(at).ok_or(StoreError::Corrupt("a branch has no child"))
}

fn position_in(leaf: &Leaf, rest: u64) -> Result<usize, StoreError> {
    usize::try_from(rest).ok().filter(|at| *at < leaf.len()).ok_or(WRONG_COUNT)
}
