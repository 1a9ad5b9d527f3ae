//! Writing the tenant tree: a sorted batch of changes goes in, copies of the touched nodes come out.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::pin::Pin;

use super::StoreError;
use super::address::EntryId;
use super::node::{Child, Leaf, Node, separator};
use super::tree::{Nodes, Tree, WRONG_LEVEL, below};

/// Most entries of a leaf and most children of a branch.
const MAX_ENTRIES: usize = 64;
/// A node with fewer joins a neighbour: a quarter of what it can hold.
const MIN_ENTRIES: usize = MAX_ENTRIES / 4;
/// Above this a node is split although it has few entries.
const MAX_BYTES: usize = 8 * 1024;
/// A node of this many bytes is no small one, however few its entries are.
const MIN_BYTES: usize = MAX_BYTES / 4;
/// No split leaves fewer: else long keys would make branches of one child, and no tree would end.
const LEAST_ENTRIES: usize = 4;

/// A change of one key: its new value, or `None` to delete it.
pub(super) type Change<'a> = (&'a [u8], Option<&'a [u8]>);

/// What a batch of changes makes of a tree.
#[derive(Default)]
pub(super) struct Written {
    pub(super) tree: Tree,
    /// New nodes with their levels.
    pub(super) fresh: Vec<(EntryId, u8, Rc<Node>)>,
    /// Nodes that the new tree does not have.
    pub(super) retired: Vec<EntryId>,
    /// The first name that is still free.
    pub(super) next: EntryId,
}

/// Applies `changes`, which are sorted by key and name each key once, to `tree`.
///
/// `None` when they change nothing. The new nodes are named by `first` and the sequence numbers
/// after it.
pub(super) async fn apply(
    nodes: &impl Nodes,
    tree: &Tree,
    changes: &[Change<'_>],
    first: EntryId,
) -> Result<Option<Written>, StoreError> {
    if changes.is_empty() {
        return Ok(None);
    }
    let mut writer = Writer { nodes, next: first, fresh: Vec::new(), retired: Vec::new() };
    let content = match tree.root {
        Some(root) => writer.rewrite(root, tree.level, &[], changes).await?,
        None => merge(&Leaf::default(), changes).map(Content::Leaf),
    };
    let Some(mut content) = content else { return Ok(None) };
    let mut level = tree.level;
    let tree = loop {
        if content.len() == 0 {
            break Tree::default();
        }
        let mut children = Vec::new();
        writer.seal(&[], content, level, &mut children)?;
        if let [only] = children.as_slice() {
            break writer.lower(Tree { root: Some(only.id), level, count: only.count }).await?;
        }
        content = Content::Branch(children);
        level += 1;
    };
    let Writer { next, fresh, retired, .. } = writer;
    Ok(Some(Written { tree, fresh, retired, next }))
}

/// What a node will hold; it may still be too little or too much for one.
enum Content {
    Leaf(Vec<(Vec<u8>, Vec<u8>)>),
    Branch(Vec<Child>),
}

impl Content {
    fn len(&self) -> usize {
        match self {
            Self::Leaf(entries) => entries.len(),
            Self::Branch(children) => children.len(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Leaf(entries) => entries.iter().map(|(k, v)| k.len() + v.len()).sum(),
            Self::Branch(children) => children.iter().map(|c| c.key.len() + size_of::<u64>()).sum(),
        }
    }

    fn is_small(&self) -> bool {
        self.len() < LEAST_ENTRIES || (self.len() < MIN_ENTRIES && self.bytes() < MIN_BYTES)
    }

    /// Appends what stands to the right of it, above `key`.
    fn append(&mut self, key: Vec<u8>, right: Self) -> Result<(), StoreError> {
        match (self, right) {
            (Self::Leaf(left), Self::Leaf(right)) => left.extend(right),
            (Self::Branch(left), Self::Branch(mut right)) => {
                if let Some(first) = right.first_mut() {
                    first.key = key;
                }
                left.extend(right);
            }
            _ => return Err(WRONG_LEVEL),
        }
        Ok(())
    }
}

/// A child of a branch that is being rewritten.
enum Slot {
    Kept(Child),
    /// No key below this one stands in the content.
    Changed(Vec<u8>, Content),
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + 'a>>;

struct Writer<'n, N> {
    nodes: &'n N,
    next: EntryId,
    fresh: Vec<(EntryId, u8, Rc<Node>)>,
    retired: Vec<EntryId>,
}

impl<N: Nodes> Writer<'_, N> {
    /// The new content of a node, or `None` if the changes leave it as it is.
    fn rewrite<'a>(
        &'a mut self,
        id: EntryId,
        level: u8,
        lower: &'a [u8],
        changes: &'a [Change<'a>],
    ) -> Boxed<'a, Option<Content>> {
        Box::pin(async move {
            let node = self.nodes.node(id, level).await?;
            let content = match &*node {
                Node::Leaf(leaf) => merge(leaf, changes).map(Content::Leaf),
                Node::Branch(children) => {
                    let slots = self.descend(children, below(level)?, lower, changes).await?;
                    match slots {
                        Some(slots) => Some(self.settle(slots, below(level)?).await?),
                        None => None,
                    }
                }
            };
            if content.is_some() {
                self.retired.push(id);
            }
            Ok(content)
        })
    }

    /// Rewrites those children that the changes touch.
    async fn descend(
        &mut self,
        children: &[Child],
        level: u8,
        lower: &[u8],
        changes: &[Change<'_>],
    ) -> Result<Option<Vec<Slot>>, StoreError> {
        let mut slots = Vec::with_capacity(children.len());
        let mut rest = changes;
        let mut touched = false;
        for (position, child) in children.iter().enumerate() {
            let key = if position == 0 { lower } else { child.key.as_slice() };
            let here = children.get(position + 1).map_or(rest.len(), |next| {
                rest.partition_point(|(changed, _)| *changed < next.key.as_slice())
            });
            let (here, later) = rest.split_at(here);
            rest = later;
            let content = match here {
                [] => None,
                here => self.rewrite(child.id, level, key, here).await?,
            };
            slots.push(match content {
                None => Slot::Kept(Child { key: key.to_vec(), ..child.clone() }),
                Some(content) => {
                    touched = true;
                    Slot::Changed(key.to_vec(), content)
                }
            });
        }
        Ok(touched.then_some(slots))
    }

    /// Drops empty children, joins small ones with a neighbour, and writes those that changed.
    async fn settle(&mut self, mut slots: Vec<Slot>, level: u8) -> Result<Content, StoreError> {
        let mut at = 0;
        while let Some(slot) = slots.get(at) {
            match slot {
                Slot::Changed(_, content) if content.len() == 0 => {
                    let (lower, _) = self.open(slots.remove(at), level).await?;
                    if at == 0 {
                        match slots.first_mut() {
                            Some(Slot::Kept(Child { key, .. }) | Slot::Changed(key, _)) => {
                                *key = lower;
                            }
                            None => {}
                        }
                    }
                }
                Slot::Changed(_, content) if content.is_small() && slots.len() > 1 => {
                    let left = if at + 1 < slots.len() { at } else { at - 1 };
                    let (lower, mut content) = self.open(slots.remove(left), level).await?;
                    let (key, right) = self.open(slots.remove(left), level).await?;
                    content.append(key, right)?;
                    slots.insert(left, Slot::Changed(lower, content));
                    at = left;
                }
                _ => at += 1,
            }
        }
        let mut children = Vec::with_capacity(slots.len());
        for slot in slots {
            match slot {
                Slot::Kept(child) => children.push(child),
                Slot::Changed(lower, content) => {
                    self.seal(&lower, content, level, &mut children)?;
                }
            }
        }
        Ok(Content::Branch(children))
    }

    /// The content of a child; a kept one is read and retired.
    async fn open(&mut self, slot: Slot, level: u8) -> Result<(Vec<u8>, Content), StoreError> {
        let child = match slot {
            Slot::Changed(lower, content) => return Ok((lower, content)),
            Slot::Kept(child) => child,
        };
        let node = self.nodes.node(child.id, level).await?;
        self.retired.push(child.id);
        let content = match &*node {
            Node::Leaf(leaf) => {
                Content::Leaf(leaf.entries().map(|(k, v)| (k.to_vec(), v.to_vec())).collect())
            }
            Node::Branch(children) => Content::Branch(children.clone()),
        };
        Ok((child.key, content))
    }

    /// Makes nodes of a content, of equal size each, and appends them to `children`.
    fn seal(
        &mut self,
        lower: &[u8],
        content: Content,
        level: u8,
        children: &mut Vec<Child>,
    ) -> Result<(), StoreError> {
        let pieces = content.len().div_ceil(MAX_ENTRIES).max(content.bytes().div_ceil(MAX_BYTES));
        let pieces = pieces.min(content.len() / LEAST_ENTRIES).max(1);
        let size = content.len().div_ceil(pieces).max(1);
        match content {
            Content::Leaf(entries) => {
                let mut previous: &[u8] = &[];
                for (position, piece) in even(&entries, pieces, size).enumerate() {
                    let first = piece.first().map_or(&[][..], |(key, _)| key);
                    let key =
                        if position == 0 { lower.to_vec() } else { separator(previous, first) };
                    let mut leaf = Leaf::default();
                    for (key, value) in piece {
                        leaf.push(key, value);
                    }
                    children.push(self.write(key, level, Node::Leaf(leaf))?);
                    previous = piece.last().map_or(&[][..], |(key, _)| key);
                }
            }
            Content::Branch(all) => {
                for (position, piece) in even(&all, pieces, size).enumerate() {
                    let mut piece = piece.to_vec();
                    // The parent holds this key, therefore the branch does not.
                    let key = piece.first_mut().map(|first| core::mem::take(&mut first.key));
                    let key = if position == 0 { lower.to_vec() } else { key.unwrap_or_default() };
                    children.push(self.write(key, level, Node::Branch(piece))?);
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, key: Vec<u8>, level: u8, node: Node) -> Result<Child, StoreError> {
        let (id, count) = (self.next, node.count());
        let next = id.sequence.checked_add(1);
        self.next.sequence = next.ok_or(StoreError::Unavailable("a change is too large"))?;
        self.fresh.push((id, level, Rc::new(node)));
        Ok(Child { key, id, count })
    }

    /// Takes away branches at the top that have a single child.
    async fn lower(&mut self, mut tree: Tree) -> Result<Tree, StoreError> {
        while let (Some(id), Some(level)) = (tree.root, tree.level.checked_sub(1)) {
            let fresh = self.fresh.iter().position(|(fresh, ..)| *fresh == id);
            let node = match fresh.and_then(|at| self.fresh.get(at)) {
                Some((_, _, node)) => Rc::clone(node),
                None => self.nodes.node(id, tree.level).await?,
            };
            let Node::Branch(children) = &*node else { return Err(WRONG_LEVEL) };
            let [only] = children.as_slice() else { break };
            match fresh {
                Some(at) => drop(self.fresh.swap_remove(at)),
                None => self.retired.push(id),
            }
            tree = Tree { root: Some(only.id), level, count: tree.count };
        }
        Ok(tree)
    }
}

/// Cuts `all` into `pieces` of `size` or one less each.
fn even<T>(all: &[T], pieces: usize, size: usize) -> impl Iterator<Item = &[T]> {
    let shorter = (pieces * size).saturating_sub(all.len());
    let (long, short) = all.split_at(all.len().min((pieces - shorter.min(pieces)) * size));
    long.chunks(size).chain(short.chunks(size.saturating_sub(1).max(1)))
}

/// The entries of a leaf after the changes, or `None` if there is no difference.
fn merge(leaf: &Leaf, changes: &[Change<'_>]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut merged = Vec::with_capacity(leaf.len() + changes.len());
    let mut differs = false;
    let mut changes = changes.iter().peekable();
    let mut put = |merged: &mut Vec<_>, key: &[u8], value: Option<&[u8]>, old: Option<&[u8]>| {
        differs |= value != old;
        merged.extend(value.map(|value| (key.to_vec(), value.to_vec())));
    };
    for (key, old) in leaf.entries() {
        while let Some((new, value)) = changes.next_if(|(new, _)| *new < key) {
            put(&mut merged, new, *value, None);
        }
        match changes.next_if(|(new, _)| *new == key) {
            Some((_, value)) => put(&mut merged, key, *value, Some(old)),
            None => merged.push((key.to_vec(), old.to_vec())),
        }
    }
    for (new, value) in changes {
        put(&mut merged, new, *value, None);
    }
    differs.then_some(merged)
}
