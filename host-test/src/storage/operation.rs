//! What a write is and what it gives back.

use core::fmt;

use rusqlite::{Connection, OptionalExtension as _, params};

/// One change of the store: all or nothing.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    /// Writes these entries.
    Set(Vec<(String, Vec<u8>)>),
    /// Removes these entries, as far as they exist.
    Delete(Vec<String>),
    /// Adds `delta` to the number at `key`, which starts at zero.
    Increment { key: String, delta: i64 },
    /// Replaces the value of `key` if it is `expected`; `None` means that there is none.
    Swap { key: String, expected: Option<Vec<u8>>, new: Vec<u8> },
}

/// What a [`Write`] gave back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// It was done.
    Done,
    /// The sum after an increment.
    Number(i64),
    /// Whether the swap took place.
    Swapped(bool),
}

/// The storage engine failed. The text is the engine's and holds no key and no value.
#[derive(Clone, Debug)]
pub(crate) struct Failed(pub(crate) String);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for Failed {}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        Self(format!("SQLite: {error}"))
    }
}

/// The one store of this host, as Spin labels it.
const STORE: &str = "default";

pub(super) const CREATE_TABLE: &str = "CREATE TABLE IF NOT EXISTS spin_key_value (
    store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (store, key))";

const UPSERT: &str = "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
    ON CONFLICT (store, key) DO UPDATE SET value = excluded.value";

/// The value of `key`.
///
/// # Errors
///
/// When the engine fails.
pub(super) fn get(connection: &Connection, key: &str) -> Result<Option<Vec<u8>>, Failed> {
    let mut statement = connection
        .prepare_cached("SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2")?;
    Ok(statement.query_row(params![STORE, key], |row| row.get(0)).optional()?)
}

/// A stored number with `delta` added.
///
/// # Errors
///
/// When it is no number, or leaves its range.
pub(super) fn sum(stored: Option<Vec<u8>>, delta: i64) -> Result<i64, Failed> {
    let before = match stored {
        None => 0,
        // Spin keeps numbers as eight bytes, the lowest first.
        Some(bytes) => i64::from_le_bytes(
            bytes.try_into().map_err(|_| Failed("the value is not a number".into()))?,
        ),
    };
    before.checked_add(delta).ok_or_else(|| Failed("the number leaves its range".into()))
}

/// Applies one write inside the caller's transaction.
///
/// # Errors
///
/// When the engine fails, or when an increment meets a value that is no number. What was written
/// until then stays in the transaction: the caller rolls it back.
pub(super) fn apply(connection: &Connection, write: &Write) -> Result<Written, Failed> {
    match write {
        Write::Set(entries) => {
            let mut statement = connection.prepare_cached(UPSERT)?;
            for (key, value) in entries {
                statement.execute(params![STORE, key, value])?;
            }
            Ok(Written::Done)
        }
        Write::Delete(keys) => {
            let mut statement = connection
                .prepare_cached("DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2")?;
            for key in keys {
                statement.execute(params![STORE, key])?;
            }
            Ok(Written::Done)
        }
        Write::Increment { key, delta } => {
            let sum = sum(get(connection, key)?, *delta)?;
            connection.prepare_cached(UPSERT)?.execute(params![STORE, key, sum.to_le_bytes()])?;
            Ok(Written::Number(sum))
        }
        Write::Swap { key, expected: Some(expected), new } => {
            let mut statement = connection.prepare_cached(
                "UPDATE spin_key_value SET value = ?3 WHERE store = ?1 AND key = ?2 AND value = ?4",
            )?;
            Ok(Written::Swapped(statement.execute(params![STORE, key, new, expected])? == 1))
        }
        Write::Swap { key, expected: None, new } => {
            let mut statement = connection.prepare_cached(
                "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT (store, key) DO NOTHING",
            )?;
            Ok(Written::Swapped(statement.execute(params![STORE, key, new])? == 1))
        }
    }
}
