//! `scim-edge bench store`: the component over HTTP, on SQLite on disk.

mod baseline;
mod data;
mod operations;
mod service;
mod space;
mod throughput;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::stopwatch::Time;
use super::table::{Aim, Row};
use data::Directory;
use service::Service;

/// Arguments of `scim-edge bench store`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Users of the large directory.
    #[arg(long, default_value_t = 100_000, value_name = "NUMBER")]
    users: u64,
    /// Users of the small one that it is compared with.
    #[arg(long, default_value_t = 1000, value_name = "NUMBER")]
    small: u64,
    /// How often each operation is measured.
    #[arg(long, default_value_t = 300, value_name = "NUMBER")]
    rounds: usize,
    /// The durability of both, and of the baselines.
    #[arg(long, default_value = "full", value_name = "WHAT")]
    durability: String,
    /// Where the stores are made; they are removed at the end.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// Measures everything; prints what is no ratio of times. Also says whether that is as it should
/// be.
///
/// # Errors
///
/// When a step fails, or any request does.
pub(super) fn measure(args: &Args) -> anyhow::Result<(Vec<Row>, bool)> {
    let folder = args.folder.clone().unwrap_or_else(|| {
        crate::plugins::target_dir().join(format!("bench-store-{}", std::process::id()))
    });
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let rows = measure_in(args, &folder);
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    rows
}

fn measure_in(args: &Args, folder: &Path) -> anyhow::Result<(Vec<Row>, bool)> {
    let durability = args.durability.as_str();
    println!(
        "{} users against {}, durability {durability}, {} rounds",
        args.users, args.small, args.rounds
    );
    let (small, large) = (folder.join("small.db"), folder.join("large.db"));
    let (few, many) = (Directory { users: args.small }, Directory { users: args.users });
    let lines = folder.join("users.jsonl");
    few.write(&lines, true)?;
    import(&small, &lines, durability)?;
    many.write(&lines, false)?;
    let seconds = import(&large, &lines, durability)?;
    let (row, small_enough) = space::of_import(&large, many, seconds, folder, durability)?;
    let mut rows = vec![row];
    many.write(&lines, true)?;
    import(&large, &lines, durability)?;
    fs::remove_file(&lines)?;

    let services =
        [Service::start(&small, durability, None)?, Service::start(&large, durability, None)?];
    rows.extend(operations::measure(&services, [few, many], args.rounds)?);
    let [_, service] = &services;
    let (written, table) = space::of_operations(service, &large, many)?;
    rows.push(baseline::create(service, &folder.join("bare.db"), written, args)?);
    rows.push(throughput::writers(service)?);
    rows.push(throughput::readers(service, &folder.join("one.db"), many, durability)?);
    println!("\n{table}");
    Ok((rows, small_enough))
}

fn import(store: &Path, lines: &Path, durability: &str) -> anyhow::Result<f64> {
    let lines = lines.to_string_lossy();
    service::run(&["import", "--store", &sqlite(store), "--durability", durability, &lines])
}

fn sqlite(store: &Path) -> String {
    format!("sqlite:{}", store.display())
}

fn own_program() -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("where is this program?")?);
    command.env_remove("SCIM_EDGE_STORE").env_remove("SCIM_EDGE_TOKEN");
    Ok(command)
}

/// The median of some nanoseconds, and the order statistics that hold it with 95 %.
fn median(mut samples: Vec<f64>) -> Time {
    samples.sort_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "no list is that long")]
    let half_width = 0.98 * (samples.len() as f64).sqrt();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the root of a length"
    )]
    let half_width = half_width.ceil() as usize;
    let middle = samples.len() / 2;
    let at = |place: usize| samples.get(place).or(samples.last()).copied().unwrap_or(f64::NAN);
    Time {
        median: at(middle),
        low: at(middle.saturating_sub(half_width)),
        high: at(middle + half_width),
    }
}

/// One number without an interval.
const fn once(ns: f64) -> Time {
    Time { median: ns, low: ns, high: ns }
}

fn row(what: &str, baseline: &str, own: Time, other: Time, aim: Aim) -> Row {
    Row { what: what.to_owned(), baseline: baseline.to_owned(), own, other, aim }
}
