//! Bodies: values of any length, which stand in entries of their own beside the tree.

use alloc::vec::Vec;

use super::StoreError;
use super::address::EntryId;
use super::wire::{Reader, put_varint};

/// The name of a body. It goes into a value of the tree; the body itself never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BodyId {
    first: EntryId,
    parts: u32,
}

impl BodyId {
    pub(super) fn new(first: EntryId, parts: u32) -> Self {
        Self { first, parts }
    }

    /// The names of its parts, in order.
    pub(super) fn parts(self) -> impl Iterator<Item = EntryId> {
        let first = self.first.sequence;
        (first..first.saturating_add(self.parts))
            .map(move |sequence| EntryId { sequence, ..self.first })
    }

    /// The bytes that stand for it in the tree, a dozen or so.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.first.encode(&mut out);
        put_varint(&mut out, u64::from(self.parts));
        out
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the bytes are none of a body.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut reader = Reader::new(bytes);
        let id = Self { first: EntryId::decode(&mut reader)?, parts: reader.number()? };
        reader.end()?;
        Ok(id)
    }
}
