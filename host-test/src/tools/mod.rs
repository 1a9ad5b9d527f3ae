//! Commands that work on a tenant's store itself, also while services use it.

mod checkpoint;
mod export;
mod file;
mod import;

use core::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use scim_core::schema::ResourceType;
use scim_core::service::Config;
use scim_core::store::{Options, Store};
use sha2::{Digest as _, Sha256};

use crate::storage::{self, Location, NativeKv, OsRandom, TokioClock};

pub(crate) use export::{Args as ExportArgs, run as export};
pub(crate) use import::{Args as ImportArgs, run as import};

/// Bytes of nodes that a tool keeps in memory; a service has less.
const CACHE_BYTES: usize = 128 * 1024 * 1024;

/// The tenant that a command works on.
#[derive(Debug, clap::Args)]
pub(crate) struct Target {
    #[command(flatten)]
    storage: storage::Args,
    /// The tenant.
    #[arg(long, default_value = "default", value_name = "NAME")]
    tenant: String,
    /// The tenant's generation, if it was raised.
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    generation: u32,
    /// The service's JSON configuration, if it has resource types of its own.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// A tenant's tree on this host.
type Tree = Store<NativeKv, TokioClock, OsRandom>;

impl Target {
    /// Opens the engine.
    ///
    /// # Errors
    ///
    /// When it cannot be opened, or when there is none although `exists`.
    async fn engine(&self, exists: bool) -> anyhow::Result<storage::Engine> {
        match self.storage.location() {
            Location::Sqlite(file) if exists => {
                ensure!(file.exists(), "there is no store in {}", file.display());
            }
            Location::Sqlite(file) => {
                let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
                if let Some(folder) = folder {
                    fs::create_dir_all(folder)
                        .with_context(|| format!("cannot create {}", folder.display()))?;
                }
            }
            Location::Memory | Location::Redis(_) => {}
        }
        self.storage.open().await
    }

    fn tree(&self, kv: NativeKv) -> Tree {
        let options = Options {
            tenant: self.tenant.clone(),
            generation: self.generation,
            leaf_cache_bytes: CACHE_BYTES,
            branch_cache_bytes: CACHE_BYTES,
        };
        Store::new(kv, TokioClock, OsRandom, options)
    }

    /// A hash that tells stores and tenants apart, and shows no password.
    fn identity(&self) -> String {
        let mut hash = Sha256::new();
        let place = self.storage.location().identity();
        for part in [place.as_str(), &self.tenant, &self.generation.to_string()] {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        hash.finalize().iter().take(16).fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// The tenant's resource types.
    ///
    /// # Errors
    ///
    /// When the configuration cannot be read, or is refused.
    fn types(&self) -> anyhow::Result<Vec<ResourceType>> {
        let text = match &self.config {
            Some(file) => fs::read_to_string(file)
                .with_context(|| format!("cannot read {}", file.display()))?,
            None => String::new(),
        };
        let config = Config::parse(&text);
        let config = config.map_err(|error| anyhow!("the configuration is refused: {error}"))?;
        Ok(config.catalog.types().to_vec())
    }
}

/// Runs a command's work.
fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Runtime::new().context("cannot start the runtime")?.block_on(work)
}

/// A progress bar on a terminal, and nothing elsewhere.
fn progress(length: u64, what: &'static str, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template);
    let bar = ProgressBar::new(length).with_message(what);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
