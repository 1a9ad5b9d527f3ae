//! Nodes of the tenant tree and their bytes: front-coded keys, truncated separators, counts.

use alloc::vec::Vec;

use super::StoreError;
use super::address::EntryId;
use super::wire::{Reader, put_bytes, put_varint};

/// One node. The level of a leaf is 0.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Node {
    Leaf(Leaf),
    Branch(Vec<Child>),
}

/// Entries in the order of their keys, in one buffer: a leaf is decoded for nearly every read, and
/// two allocations are cheaper than two per entry.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Leaf {
    bytes: Vec<u8>,
    cuts: Vec<Cut>,
}

/// Where one entry stands in the buffer of its leaf: the key, then the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cut {
    start: usize,
    key_end: usize,
    end: usize,
}

/// A child of a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Child {
    /// No key below this one stands in the child or to the right of it. The key of a first child
    /// is not stored: its parent's parent knows it.
    pub(super) key: Vec<u8>,
    pub(super) id: EntryId,
    /// Entries below the child.
    pub(super) count: u64,
}

impl Leaf {
    pub(super) fn len(&self) -> usize {
        self.cuts.len()
    }

    pub(super) fn push(&mut self, key: &[u8], value: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        let key_end = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.cuts.push(Cut { start, key_end, end: self.bytes.len() });
    }

    /// The entry at `position`, as key and value.
    pub(super) fn entry(&self, position: usize) -> Option<(&[u8], &[u8])> {
        let cut = self.cuts.get(position)?;
        Some((self.bytes.get(cut.start..cut.key_end)?, self.bytes.get(cut.key_end..cut.end)?))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        (0..self.len()).filter_map(|position| self.entry(position))
    }

    /// The position of `key`, or as an error the position where it would stand.
    pub(super) fn find(&self, key: &[u8]) -> Result<usize, usize> {
        self.cuts.binary_search_by(|cut| self.bytes.get(cut.start..cut.key_end).cmp(&Some(key)))
    }
}

/// The child of a branch below which `key` stands if it stands anywhere.
pub(super) fn child_of(children: &[Child], key: &[u8]) -> usize {
    // INVARIANT: the first child takes all that is below the second.
    children.iter().skip(1).take_while(|child| child.key.as_slice() <= key).count()
}

impl Node {
    /// Entries or children.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Leaf(leaf) => leaf.len(),
            Self::Branch(children) => children.len(),
        }
    }

    /// Entries in the node or below it.
    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Leaf(leaf) => leaf.len() as u64,
            Self::Branch(children) => children.iter().map(|child| child.count).sum(),
        }
    }

    /// Bytes that the node takes in memory, roughly.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Leaf(leaf) => leaf.bytes.len() + leaf.cuts.len() * size_of::<Cut>(),
            Self::Branch(children) => {
                children.iter().map(|child| child.key.len() + size_of::<Child>()).sum()
            }
        }
    }

    pub(super) fn encode(&self, level: u8) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.weight());
        out.push(level);
        put_varint(&mut out, self.len() as u64);
        let mut previous: &[u8] = &[];
        match self {
            Self::Leaf(leaf) => {
                for (key, value) in leaf.entries() {
                    put_front_coded(&mut out, previous, key);
                    put_bytes(&mut out, value);
                    previous = key;
                }
            }
            Self::Branch(children) => {
                for (position, child) in children.iter().enumerate() {
                    if position > 0 {
                        put_front_coded(&mut out, previous, &child.key);
                        previous = &child.key;
                    }
                    child.id.encode(&mut out);
                    put_varint(&mut out, child.count);
                }
            }
        }
        out
    }

    /// Reads a node that must be of `level`, hold something, and be in order.
    pub(super) fn decode(bytes: &[u8], level: u8) -> Result<Self, StoreError> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != level {
            return Err(StoreError::Corrupt("a node is of the wrong level"));
        }
        let length: usize = reader.number()?;
        if length == 0 || length > bytes.len() {
            return Err(StoreError::Corrupt("a node has no entry or too many"));
        }
        let node = if level == 0 {
            Self::Leaf(decode_leaf(&mut reader, length, bytes.len())?)
        } else {
            Self::Branch(decode_branch(&mut reader, length)?)
        };
        reader.end()?;
        Ok(node)
    }
}

fn put_front_coded(out: &mut Vec<u8>, previous: &[u8], key: &[u8]) {
    let shared = shared_prefix(previous, key);
    put_varint(out, shared as u64);
    put_bytes(out, key.get(shared..).unwrap_or_default());
}

fn shared_prefix(left: &[u8], right: &[u8]) -> usize {
    left.iter().zip(right).take_while(|(a, b)| a == b).count()
}

fn decode_leaf(reader: &mut Reader<'_>, length: usize, size: usize) -> Result<Leaf, StoreError> {
    let mut leaf = Leaf { bytes: Vec::with_capacity(size * 2), cuts: Vec::with_capacity(length) };
    let mut previous = 0..0;
    for position in 0..length {
        let shared: usize = reader.number()?;
        if shared > previous.len() {
            return Err(StoreError::Corrupt("a key shares more than there is"));
        }
        let start = leaf.bytes.len();
        leaf.bytes.extend_from_within(previous.start..previous.start + shared);
        leaf.bytes.extend_from_slice(reader.bytes()?);
        let key = start..leaf.bytes.len();
        if position > 0 && leaf.bytes.get(previous.clone()) >= leaf.bytes.get(key.clone()) {
            return Err(StoreError::Corrupt("the keys of a node are out of order"));
        }
        leaf.bytes.extend_from_slice(reader.bytes()?);
        leaf.cuts.push(Cut { start, key_end: key.end, end: leaf.bytes.len() });
        previous = key;
    }
    Ok(leaf)
}

fn decode_branch(reader: &mut Reader<'_>, length: usize) -> Result<Vec<Child>, StoreError> {
    let mut children: Vec<Child> = Vec::with_capacity(length);
    for position in 0..length {
        let mut key = Vec::new();
        if position > 0 {
            let previous = children.last().map_or(&[][..], |child| child.key.as_slice());
            let shared: usize = reader.number()?;
            let shared = previous.get(..shared);
            key.extend_from_slice(
                shared.ok_or(StoreError::Corrupt("a key shares more than there is"))?,
            );
            key.extend_from_slice(reader.bytes()?);
            if position > 1 && previous >= key.as_slice() {
                return Err(StoreError::Corrupt("the keys of a node are out of order"));
            }
        }
        let id = EntryId::decode(reader)?;
        children.push(Child { key, id, count: reader.varint()? });
    }
    Ok(children)
}

/// The shortest key that is above `left` and not above `right`. `left` must be below `right`.
pub(super) fn separator(left: &[u8], right: &[u8]) -> Vec<u8> {
    let length = shared_prefix(left, right) + 1;
    right.get(..length).unwrap_or(right).to_vec()
}
