//! `scim-edge reindex`: makes the indexes of a store those of a configuration.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use scim_core::service::{self, Config};
use scim_core::store::{Options, Store};

use crate::storage::{self, NativeKv, OsRandom, TokioClock};

/// Arguments of `scim-edge reindex`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    storage: storage::Args,
    /// The configuration whose `indexes` the store is to have.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Works beside running services: each commit is a small one.
///
/// # Errors
///
/// When the store fails or the configuration is wrong. What was done stays done.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let config = config(args.config.as_ref())?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(async {
        let engine = args.storage.open().await?;
        let kv = NativeKv::shared(engine.clone());
        let store = Store::new(kv, TokioClock, OsRandom, Options::default());
        let mut commits = 0_u64;
        let done = service::reindex(&store, config.catalog.types(), || commits += 1).await;
        engine.close();
        done.map_err(|error| anyhow!("the indexes are not complete: {error}"))?;
        println!("all indexes are complete ({commits} commits)");
        anyhow::Ok(())
    })
}

/// The configuration in a file; without one, the default.
///
/// # Errors
///
/// When the file cannot be read, or holds no configuration.
pub(crate) fn config(file: Option<&PathBuf>) -> anyhow::Result<Config> {
    let Some(file) = file else { return Ok(Config::default()) };
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Config::parse(&text).map_err(|error| anyhow!("the configuration is refused: {error}"))
}
