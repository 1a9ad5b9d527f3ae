//! A store that ends with the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::operation::{Failed, Write, Written, sum};

type Entries = HashMap<String, Vec<u8>>;

/// A handle of the store; clones share it.
#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<Entries>>);

impl Memory {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.entries().get(key).cloned()
    }

    /// # Errors
    ///
    /// When an increment meets a value that is no number.
    pub(super) fn write(&self, write: Write) -> Result<Written, Failed> {
        let mut entries = self.entries();
        match write {
            Write::Set(new) => entries.extend(new),
            Write::Delete(keys) => {
                for key in &keys {
                    entries.remove(key);
                }
            }
            Write::Increment { key, delta } => {
                let sum = sum(entries.get(&key).cloned(), delta)?;
                entries.insert(key, sum.to_le_bytes().to_vec());
                return Ok(Written::Number(sum));
            }
            Write::Swap { key, expected, new } => {
                let swapped = entries.get(&key) == expected.as_ref();
                if swapped {
                    entries.insert(key, new);
                }
                return Ok(Written::Swapped(swapped));
            }
        }
        Ok(Written::Done)
    }
}
