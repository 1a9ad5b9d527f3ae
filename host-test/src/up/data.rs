//! The data folder: one process at a time works in it.

use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

const LOCK: &str = "lock";
const TOKEN: &str = "token.json";

/// An open data folder. The lock goes with it.
pub(super) struct Data {
    folder: PathBuf,
    _lock: File,
}

impl Data {
    /// Opens `folder`, and creates it when there is none.
    ///
    /// # Errors
    ///
    /// When another process uses the folder, or it cannot be written.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        let name = folder.display();
        create(folder).with_context(|| format!("cannot create {name}"))?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(LOCK))
            .with_context(|| format!("cannot write in {name}"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!("another scim-edge is using {name}; --data FOLDER takes another one")
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {name}"));
            }
        }
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    /// The SHA-256 of the token that an earlier start made, in hexadecimal digits.
    ///
    /// # Errors
    ///
    /// When the file that holds it is damaged.
    pub(super) fn kept_token(&self) -> anyhow::Result<Option<String>> {
        let file = self.folder.join(TOKEN);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", file.display()));
            }
        };
        let kept: Option<Value> = serde_json::from_str(&text).ok();
        match kept.as_ref().and_then(|kept| kept.get("sha256")).and_then(Value::as_str) {
            Some(hash) => Ok(Some(hash.to_owned())),
            None => bail!("{} is damaged; remove it to have a new token made", file.display()),
        }
    }

    /// Keeps a made token's SHA-256: whole, or not at all.
    ///
    /// # Errors
    ///
    /// When the folder cannot be written.
    pub(super) fn keep_token(&self, sha256: &str) -> anyhow::Result<()> {
        let (fresh, file) = (self.folder.join("token.json.new"), self.folder.join(TOKEN));
        let write = || -> std::io::Result<()> {
            let mut out = File::create(&fresh)?;
            out.write_all(json!({"sha256": sha256}).to_string().as_bytes())?;
            out.sync_all()?;
            fs::rename(&fresh, &file)
        };
        write().with_context(|| format!("cannot write {}", file.display()))
    }
}

/// Creates the folder for this user alone: it will hold people's data.
fn create(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
