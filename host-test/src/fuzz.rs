//! `scim-edge fuzz-filter`: random traffic through the filter in the imitation of Envoy.

mod body;
mod check;
mod plan;
mod play;
mod random;
mod real;
mod wire;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context as _, Result};

use self::play::{GROUP, Wrong};
use crate::imitation::Program;
use crate::plugins;

/// The options of `scim-edge fuzz-filter`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many requests.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    runs: u64,
    /// What fixes all choices.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The first run; a failing one is repeated by its number and `--runs 1`.
    #[arg(long, value_name = "N", default_value_t = 0)]
    first: u64,
    /// Ends after so many seconds, even if there are runs left.
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// In real Envoy instead of the imitation: slower, and not the same twice.
    #[arg(long, conflicts_with_all = ["seconds", "filter"])]
    envoy: bool,
    /// A filter that was built elsewhere (default: built from the checkout when it is stale).
    #[arg(long, value_name = "WASM")]
    filter: Option<PathBuf>,
}

/// Runs, and prints what came.
///
/// # Errors
/// A filter that does not build or start. A broken rule is no error: the result is `false`.
pub(crate) fn run(args: &Args) -> Result<bool> {
    if args.envoy { run_in_envoy(args) } else { run_in_imitation(args) }
}

fn run_in_envoy(args: &Args) -> Result<bool> {
    let started = now();
    let (counts, wrong) = real::run(args.seed, args.first..args.first + args.runs)?;
    let refused = counts.of_envoy;
    println!("{} runs in {:.1} s, in real Envoy", counts.done, started.elapsed().as_secs_f64());
    println!("{} reached the upstream, {refused} were refused by Envoy itself", counts.reached);
    println!("answers: {}", listed(&counts.statuses));
    if let Some(wrong) = wrong {
        eprintln!("{wrong}");
        return Ok(false);
    }
    println!("seed {}: every rule held", args.seed);
    Ok(true)
}

fn run_in_imitation(args: &Args) -> Result<bool> {
    let wasm = args.filter.clone().map_or_else(plugins::envoy_filter, Ok)?;
    let bytes = std::fs::read(&wasm).with_context(|| wasm.display().to_string())?;
    let cache = plugins::target_dir().join("wasmtime-cache");
    let program = Rc::new(Program::compile(&bytes, Some(&cache))?);
    let mut counts = BTreeMap::new();
    let (mut reached, mut done) = (0, 0);
    let started = now();
    // Runs of a group share a VM: it is played from its first run, whichever is asked for.
    let groups = args.first / GROUP..=(args.first + args.runs.max(1) - 1) / GROUP;
    for group in groups {
        let wrong = play::group(&program, args.seed, group, |status, reaches| {
            *counts.entry(status).or_insert(0_u64) += 1;
            reached += u64::from(reaches);
            done += 1;
        })?;
        if let Some(wrong) = wrong {
            report(args.seed, &wrong);
            return Ok(false);
        }
        if args.seconds.is_some_and(|seconds| started.elapsed().as_secs() >= seconds) {
            break;
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{done} runs in {seconds:.1} s, in the imitation; {reached} reached the upstream");
    println!("answers: {}", listed(&counts));
    println!("seed {}: every rule held", args.seed);
    Ok(true)
}

fn listed(counts: &BTreeMap<u16, u64>) -> String {
    let listed = counts.iter().map(|(status, count)| match status {
        0 => format!("none: {count}"),
        status => format!("{status}: {count}"),
    });
    listed.collect::<Vec<_>>().join(", ")
}

fn report(seed: u64, wrong: &Wrong) {
    eprintln!("run {}: {}\n{}", wrong.run, wrong.why, wrong.plan);
    eprintln!("again: scim-edge fuzz-filter --seed {seed} --first {} --runs 1", wrong.run);
}

#[expect(clippy::disallowed_methods, reason = "how fast it ran is told, and decides nothing")]
fn now() -> Instant {
    Instant::now()
}
