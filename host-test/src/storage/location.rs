//! Where the data is kept, as the command line says it.

use core::fmt;
use core::str::FromStr;
use std::path::{Path, PathBuf};

use super::{Durability, Engine, Fault};

/// As Spin names it, which can serve the same file.
const FILE: &str = "sqlite_key_value.db";

/// Where a store is.
#[derive(Clone)]
pub(crate) enum Location {
    /// Nowhere: it ends with the process.
    Memory,
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A Redis server; the URL may hold a password.
    Redis(String),
}

impl FromStr for Location {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "memory" => Ok(Self::Memory),
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            Some(("redis" | "rediss", _)) => Ok(Self::Redis(text.into())),
            _ => Err("is none of memory, sqlite:PATH, redis://HOST:PORT/DB, rediss://…"),
        }
    }
}

impl Location {
    /// What tells this place from others. For a hash: it may hold a password.
    pub(crate) fn identity(&self) -> String {
        match self {
            Self::Memory => "memory".to_owned(),
            Self::Sqlite(path) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                format!("sqlite:{}", path.display())
            }
            Self::Redis(url) => url.clone(),
        }
    }
}

/// Shows no password, and so no URL.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Redis(_) => f.write_str("Redis"),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The arguments that say where the data is.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder that holds the data.
    #[arg(long, default_value = "scim-edge-data", value_name = "FOLDER")]
    pub(crate) data: PathBuf,
    /// Where to keep the data instead: `sqlite:PATH`, `redis://…`, `rediss://…` or `memory`.
    #[arg(long, env = "SCIM_EDGE_STORE", hide_env_values = true, value_name = "STORE")]
    pub(crate) store: Option<Location>,
    /// What an acknowledged write survives: the loss of power, or the end of the process only.
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub(crate) durability: Durability,
    /// Makes the engine misbehave as real ones do.
    #[arg(long, value_enum, hide = true)]
    pub(crate) fault: Option<Fault>,
}

impl Args {
    /// Where the data is.
    pub(crate) fn location(&self) -> Location {
        self.store.clone().unwrap_or_else(|| Self::in_folder(&self.data))
    }

    fn in_folder(folder: &Path) -> Location {
        Location::Sqlite(folder.join(FILE))
    }

    /// Opens the engine.
    ///
    /// # Errors
    ///
    /// When it does not answer, or is no store.
    pub(crate) async fn open(&self) -> anyhow::Result<Engine> {
        Engine::open(&self.location(), self.durability, self.fault).await
    }
}
