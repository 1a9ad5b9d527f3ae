//! A create against the least that it could write.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, anyhow};
use clap::ValueEnum as _;

use super::service::Service;
use super::space::Written;
use super::{Args, median, operations, row};
use crate::bench::table::{Aim, Row};
use crate::storage::{Durability, Engine, Location, Write};

/// Creates over HTTP, and in turns as many bytes in one batch and a swap on an engine of this
/// process.
///
/// # Errors
///
/// When a request or the engine fails.
pub(super) fn create(
    service: &Service,
    file: &Path,
    written: Written,
    args: &Args,
) -> anyhow::Result<Row> {
    let client = service.client();
    let durability =
        Durability::from_str(&args.durability, true).map_err(|error| anyhow!(error))?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small positive numbers"
    )]
    let (entries, each) =
        (written.entries.round().max(1.0) as usize, (written.bytes / written.entries) as usize);
    let root = usize::try_from(written.root)?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let location = Location::Sqlite(file.to_owned());
    let engine = runtime.block_on(Engine::open(&location, durability, None))?;
    let write = |write| runtime.block_on(engine.write(write));
    let swap = |expected: Option<Vec<u8>>, new: Vec<u8>| Write::Swap {
        key: "root".to_owned(),
        expected,
        new,
    };
    let root_value = |round: usize| {
        let mut value = round.to_be_bytes().to_vec();
        value.resize(root.max(value.len()), 0);
        value
    };
    write(swap(None, root_value(0)))?;
    let (mut own, mut other) = (Vec::new(), Vec::new());
    for round in 0..args.rounds {
        own.push(operations::create(&client)?);
        let batch: Vec<(String, Vec<u8>)> = (0..entries)
            .map(|entry| {
                let key = format!(
                    "t.{:032x}.0.{round:016x}.{:016x}.{entry}",
                    7,
                    operations::below(u64::MAX)
                );
                let value = vec![b'x'; each.saturating_sub(key.len())];
                (key, value)
            })
            .collect();
        let (seen, next) = (root_value(round), root_value(round + 1));
        let started = Instant::now();
        write(Write::Set(batch))?;
        write(swap(Some(seen), next))?;
        other.push(started.elapsed().as_secs_f64() * 1e9);
    }
    engine.close();
    let what = format!("create over HTTP ({:.0} bytes)", written.bytes);
    Ok(row(&what, "bare set_many and swap", median(own), median(other), Aim::Within(2.0)))
}
