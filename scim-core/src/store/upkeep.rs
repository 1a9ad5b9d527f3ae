//! Which indexes of a type are complete: entries of the tree, since configurations change and the
//! tree stays (`docs/decisions/0014-indexes.md`).
//!
//! Whoever writes a resource keeps all indexes that stand there, those of its own configuration and
//! others; whoever reads uses only complete ones. A new index is filled step by step.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::directory;
use super::index::{Index, indexes};
use super::keys::{self, ResourceId};
use super::kv::Kv;
use super::{Read, StoreError, Transaction};
use crate::port::{Clock, Random};
use crate::protocol::path::AttrPath;
use crate::schema::ResourceType;

/// How far an index is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All resources that must be in it are.
    Complete,
    /// The resources up to this one are in it, and those that were written since.
    Filling(ResourceId),
    /// As [`Self::Filling`]; two resources have the same value, which must be unique.
    FillingAmbiguous(ResourceId),
    /// All resources are in it but for those with a value that another one has, although it must be
    /// unique.
    Ambiguous,
    /// Its entries are being removed, to be written anew or for good.
    Emptying,
}

/// An index as the tree knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The full name of the attribute.
    pub name: String,
    /// How its entries are made.
    form: u8,
    /// How far it is.
    pub state: State,
}

const START: ResourceId = ResourceId([0; 16]);

impl Known {
    fn new(index: &Index<'_>, state: State) -> Self {
        Self { name: index.name(), form: index.form(), state }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let (state, done) = match self.state {
            State::Complete => (b'c', START),
            State::Filling(done) => (b'f', done),
            State::FillingAmbiguous(done) => (b'g', done),
            State::Ambiguous => (b'a', START),
            State::Emptying => (b'e', START),
        };
        let mut bytes = Vec::from([self.form, state]);
        bytes.extend_from_slice(&done.0);
        bytes.extend_from_slice(self.name.as_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let ([form, state], rest) = bytes.split_first_chunk::<2>()?;
        let (done, name) = rest.split_first_chunk::<16>()?;
        let done = ResourceId(*done);
        let state = match state {
            b'c' => State::Complete,
            b'f' => State::Filling(done),
            b'g' => State::FillingAmbiguous(done),
            b'a' => State::Ambiguous,
            b'e' => State::Emptying,
            _ => return None,
        };
        Some(Self { name: core::str::from_utf8(name).ok()?.to_string(), form: *form, state })
    }

    /// The index, if the type still has it in this form.
    fn index<'a>(&self, resource_type: &'a ResourceType) -> Option<Index<'a>> {
        let path = AttrPath::parse(&self.name).ok()?;
        let index = Index::find(resource_type, &path)?;
        (index.form() == self.form && index.name() == self.name).then_some(index)
    }

    fn put<K: Kv, C: Clock, R: Random>(
        &self,
        tx: &mut Transaction<'_, K, C, R>,
        resource_type: &ResourceType,
    ) {
        tx.put(keys::index_state(&resource_type.name, &self.name), self.to_bytes());
    }
}

/// The indexes that the tree has for a type.
///
/// # Errors
/// As [`Read`]; [`StoreError::Corrupt`] if an entry cannot be understood.
pub async fn known(
    read: &impl Read,
    resource_type: &ResourceType,
) -> Result<Vec<Known>, StoreError> {
    let (start, end) = keys::index_states(&resource_type.name);
    let entries = read.range(&start, &end, 0, usize::MAX).await?;
    let corrupt = StoreError::Corrupt("the state of an index");
    entries.iter().map(|(_, value)| Known::from_bytes(value).ok_or(corrupt)).collect()
}

/// The indexes that serve look-ups.
///
/// # Errors
/// As [`known`].
pub async fn usable<'a>(
    read: &impl Read,
    resource_type: &'a ResourceType,
) -> Result<Vec<Index<'a>>, StoreError> {
    let known = known(read, resource_type).await?;
    let complete = known.iter().filter(|known| known.state == State::Complete);
    Ok(complete.filter_map(|known| known.index(resource_type)).collect())
}

/// The indexes in which each resource that is written must be. Those of the configuration that the
/// tree does not have are begun.
pub(super) async fn maintained<'a, K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    resource_type: &'a ResourceType,
) -> Result<Vec<Index<'a>>, StoreError> {
    let known = known(tx, resource_type).await?;
    let configured = indexes(resource_type);
    let mut maintained = Vec::with_capacity(known.len());
    for known in &known {
        match known.index(resource_type) {
            Some(index) if known.state != State::Emptying => maintained.push(index),
            // A unique value is one from the first moment on.
            Some(index) if index.is_unique() => maintained.push(index),
            // What is written here goes past it.
            None if known.state != State::Emptying => {
                let own = configured.iter().find(|index| index.name() == known.name);
                let form = own.map_or(known.form, Index::form);
                let name = known.name.clone();
                Known { name, form, state: State::Emptying }.put(tx, resource_type);
            }
            _ => {}
        }
    }
    for index in configured {
        if !known.iter().any(|known| known.name == index.name()) {
            let state = begun(tx, resource_type, &index).await?;
            Known::new(&index, state).put(tx, resource_type);
            if state != State::Emptying {
                maintained.push(index);
            }
        }
    }
    Ok(maintained)
}

/// The state of an index that is new in a tree.
async fn begun(
    read: &impl Read,
    resource_type: &ResourceType,
    index: &Index<'_>,
) -> Result<State, StoreError> {
    if directory::count(read, resource_type).await? == 0 {
        return Ok(State::Complete);
    }
    // Unique values were kept ever since they had to be; other entries may be left from long ago.
    let is_clean = index.is_unique() || index.whole(resource_type).count(read).await? == 0;
    Ok(if is_clean { State::Filling(START) } else { State::Emptying })
}

/// Takes one step towards complete indexes of a type: at most `limit` resources or entries. Whether
/// there is more to do.
///
/// # Errors
/// As [`known`].
pub async fn step<K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    resource_type: &ResourceType,
    limit: usize,
) -> Result<bool, StoreError> {
    maintained(tx, resource_type).await?;
    let known = known(tx, resource_type).await?;
    let unfinished = known.into_iter().find(|known| {
        matches!(known.state, State::Filling(_) | State::FillingAmbiguous(_) | State::Emptying)
    });
    let Some(known) = unfinished else { return Ok(false) };
    match known.state {
        State::Emptying => empty(tx, resource_type, known, limit).await?,
        _ => fill(tx, resource_type, known, limit).await?,
    }
    Ok(true)
}

async fn empty<K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    resource_type: &ResourceType,
    known: Known,
    limit: usize,
) -> Result<(), StoreError> {
    let mut found = 0;
    // The form that the entries have is not known any more.
    for (start, end) in keys::of_index(&resource_type.name, &known.name) {
        let entries = tx.range(&start, &end, 0, limit.saturating_sub(found)).await?;
        found += entries.len();
        for (key, _) in &entries {
            tx.delete(key);
        }
    }
    if found == limit {
        return Ok(());
    }
    let configured = indexes(resource_type).into_iter().find(|index| index.name() == known.name);
    match configured {
        Some(index) => Known::new(&index, State::Filling(START)).put(tx, resource_type),
        None => tx.delete(&keys::index_state(&resource_type.name, &known.name)),
    }
    Ok(())
}

async fn fill<K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    resource_type: &ResourceType,
    known: Known,
    limit: usize,
) -> Result<(), StoreError> {
    let (done, mut is_ambiguous) = match known.state {
        State::Filling(done) => (done, false),
        State::FillingAmbiguous(done) => (done, true),
        State::Complete | State::Ambiguous | State::Emptying => return Ok(()),
    };
    let Some(index) = known.index(resource_type) else { return Ok(()) };
    let records = directory::after(tx, resource_type, done, limit).await?;
    for record in &records {
        for key in index.entries(resource_type, record.id, &record.attributes) {
            if !index.is_unique() {
                tx.put(key, Vec::new());
                continue;
            }
            match tx.get(&key).await? {
                None => tx.put(key, record.id.0.to_vec()),
                Some(other) => is_ambiguous |= other != record.id.0,
            }
        }
    }
    let state = match (records.last().filter(|_| records.len() == limit), is_ambiguous) {
        (Some(last), false) => State::Filling(last.id),
        (Some(last), true) => State::FillingAmbiguous(last.id),
        (None, false) => State::Complete,
        (None, true) => State::Ambiguous,
    };
    Known { state, ..known }.put(tx, resource_type);
    Ok(())
}

/// Has the indexes removed that are not configured any more, and those filled again in which values
/// were found twice. [`step`] does it.
///
/// # Errors
/// As [`known`].
pub async fn tidy<K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    resource_type: &ResourceType,
) -> Result<(), StoreError> {
    let configured = indexes(resource_type);
    for known in known(tx, resource_type).await? {
        let is_configured = configured.iter().any(|index| index.name() == known.name);
        let state = match known.state {
            _ if !is_configured => State::Emptying,
            State::Ambiguous => State::Filling(START),
            other => other,
        };
        if state != known.state {
            Known { state, ..known }.put(tx, resource_type);
        }
    }
    Ok(())
}
