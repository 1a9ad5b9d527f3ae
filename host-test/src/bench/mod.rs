//! `scim-edge bench`: how fast the core is, as ratios against named baselines in the same run.

mod bodies;
mod filters;
mod patches;
mod sample;
mod stopwatch;
mod store;
mod table;

use std::fs;

use anyhow::{Context as _, ensure};

use stopwatch::Stopwatch;
use table::Row;

/// Arguments of `scim-edge bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(clap::Subcommand)]
enum Subject {
    /// The core without any wasm: filters, PATCH, reading a user.
    Core,
    /// The component over HTTP on SQLite: speed and size of the store.
    Store(store::Args),
}

/// Measures, and prints the table; `Ok(false)` when an aim is missed.
///
/// # Errors
///
/// In a build that is not optimized, and when a baseline gives another answer than the core.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    ensure!(!cfg!(debug_assertions), "only an optimized build says how fast it is: use --release");
    let (rows, others_met) = match &args.subject {
        Subject::Core => (core()?, true),
        Subject::Store(args) => store::measure(args)?,
    };
    print!("\n{}", table::print(&rows));
    Ok(others_met && rows.iter().all(Row::meets_its_aim))
}

fn core() -> anyhow::Result<Vec<Row>> {
    let folder = std::env::temp_dir().join(format!("scim-edge-bench-{}", std::process::id()));
    let mut watch = Stopwatch::new(&folder);
    let rows = measure(&mut watch);
    drop(watch);
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    rows
}

fn measure(watch: &mut Stopwatch) -> anyhow::Result<Vec<Row>> {
    let mut rows = filters::parse(watch)?;
    rows.extend(filters::matches(watch)?);
    rows.extend(patches::apply(watch)?);
    rows.push(bodies::round_trip(watch)?);
    Ok(rows)
}
