//! How far an import got, beside the file that it reads.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use scim_core::schema::ResourceType;
use scim_core::store::directory;
use scim_core::store::keys::ResourceId;
use scim_core::store::transfer::{Header, Totals};
use serde::{Deserialize, Serialize};

use super::Tree;

/// The place for one file's import into one store.
pub(super) struct Checkpoint {
    file: PathBuf,
    store: String,
    header: Header,
    length: u64,
}

/// What an import has committed.
#[derive(Serialize, Deserialize)]
pub(super) struct Reached {
    pub(super) lines: u64,
    pub(super) bytes: u64,
    pub(super) totals: Totals,
    /// Type and identifier of a resource that is in the store if all of this is.
    pub(super) last: Option<(String, String)>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    store: String,
    header: Header,
    length: u64,
    reached: Reached,
}

impl Checkpoint {
    pub(super) fn new(import: &Path, store: &str, header: Header, length: u64) -> Self {
        let mut file = OsString::from(import);
        file.push(".import");
        Self { file: file.into(), store: store.to_owned(), header, length }
    }

    /// What an earlier run has reached with this file and store, if the store still has it.
    ///
    /// # Errors
    ///
    /// When the checkpoint or the store cannot be read.
    pub(super) async fn load(
        &self,
        tree: &Tree,
        types: &[ResourceType],
    ) -> anyhow::Result<Option<Reached>> {
        let bytes = match fs::read(&self.file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", self.file.display()));
            }
        };
        let Ok(Stored { store, header, length, reached }) = serde_json::from_slice(&bytes) else {
            return Ok(None);
        };
        if (store, header, length) != (self.store.clone(), self.header.clone(), self.length) {
            return Ok(None);
        }
        let Some((name, id)) = &reached.last else { return Ok(None) };
        let known = types.iter().find(|known| known.name == *name);
        let (Some(known), Some(id)) = (known, ResourceId::parse(id)) else { return Ok(None) };
        let found = tree.read(async |snapshot| directory::load(snapshot, known, id).await).await;
        Ok(found.map_err(|error| anyhow!("{error}"))?.map(|_| reached))
    }

    /// Keeps what was reached: whole, or not at all.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub(super) fn store(&self, reached: &Reached) -> anyhow::Result<()> {
        let Reached { lines, bytes, totals, ref last } = *reached;
        let reached = Reached { lines, bytes, totals, last: last.clone() };
        let (store, header) = (self.store.clone(), self.header.clone());
        let stored = serde_json::to_vec(&Stored { store, header, length: self.length, reached })?;
        let mut fresh = self.file.clone().into_os_string();
        fresh.push(".new");
        let write = || {
            fs::write(&fresh, stored)?;
            fs::rename(&fresh, &self.file)
        };
        write().with_context(|| format!("cannot write {}", self.file.display()))
    }

    /// Forgets it: the import is done.
    pub(super) fn remove(&self) {
        let _ = fs::remove_file(&self.file);
    }
}
