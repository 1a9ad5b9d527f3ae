//! Bytes of stored records: variable-length integers and a reader that never panics.

use alloc::vec::Vec;

use super::StoreError;

/// Seven bits of a number per byte, the lowest first; the high bit says that more follow.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// The length of `bytes`, then `bytes`.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads a record from its front. Every error is [`StoreError::Corrupt`].
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], StoreError> {
        let (taken, rest) =
            self.rest.split_at_checked(length).ok_or(StoreError::Corrupt("a record is cut off"))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, StoreError> {
        self.take(1)?.first().copied().ok_or(StoreError::Corrupt("a record is cut off"))
    }

    pub(super) fn varint(&mut self) -> Result<u64, StoreError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if (bits << shift) >> shift != bits {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(StoreError::Corrupt("a number in a record is too large"))
    }

    /// A number that must fit the type of its place: a length, a level, a sequence number.
    pub(super) fn number<T: TryFrom<u64>>(&mut self) -> Result<T, StoreError> {
        T::try_from(self.varint()?)
            .map_err(|_| StoreError::Corrupt("a number in a record is too large"))
    }

    pub(super) fn u64_be(&mut self) -> Result<u64, StoreError> {
        let bytes = self.take(8)?;
        let bytes = bytes.try_into().map_err(|_| StoreError::Corrupt("a record is cut off"))?;
        Ok(u64::from_be_bytes(bytes))
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], StoreError> {
        let length = self.number()?;
        self.take(length)
    }

    /// Says no more bytes may follow.
    pub(super) fn end(&self) -> Result<(), StoreError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(StoreError::Corrupt("bytes follow the end of a record"))
        }
    }
}
