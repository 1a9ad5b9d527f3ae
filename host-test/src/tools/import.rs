//! `scim-edge import`: the lines of an export into a tenant.

#![expect(clippy::disallowed_methods, reason = "the rate is shown, and decides nothing")]

use core::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, anyhow, ensure};
use indicatif::ProgressBar;
use scim_core::protocol::Error;
use scim_core::schema::ResourceType;
use scim_core::store::StoreError;
use scim_core::store::transfer::{self, Line, Totals};

use super::checkpoint::{Checkpoint, Reached};
use super::file::Lines;
use super::{Target, Tree, block_on, progress};
use crate::storage::NativeKv;

/// What one commit takes, in memberships …
const BATCH: usize = 4000;
/// … of which a resource weighs so many.
const RESOURCE_WEIGHT: usize = 4;

/// Arguments of `scim-edge import`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// What `scim-edge export` wrote; `-` is standard input, which cannot be resumed.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Imports all lines.
///
/// # Errors
///
/// When the file is no export or is cut off, when a line does not fit what is in the store, or
/// when the store fails.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let target = &args.target;
    let types = target.types()?;
    let started = Instant::now();
    let (before, after) = block_on(async {
        let engine = target.engine(false).await?;
        let tree = target.tree(NativeKv::pipelined(engine.clone()));
        let done = if args.file.as_os_str() == "-" {
            let mut lines = Lines::new(io::stdin().lock(), 0, 0);
            lines.header()?;
            Import::new(&tree, &types, Totals::default(), None, 0).run(lines).await
        } else {
            from_file(&args.file, &tree, &types, &target.identity()).await
        };
        engine.close();
        done
    })?;
    let seconds = started.elapsed().as_secs_f64();
    let resources = after.resources - before.resources;
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = resources as f64 / seconds;
    if before != Totals::default() {
        println!("went on after {} resources of an earlier run", before.resources);
    }
    println!(
        "imported {resources} resources and {} memberships in {seconds:.1} s, \
         {rate:.0} resources/s",
        after.memberships - before.memberships
    );
    Ok(())
}

/// Imports a file, from where an earlier run got to. Returns the totals before and after.
async fn from_file(
    file: &Path,
    tree: &Tree,
    types: &[ResourceType],
    store: &str,
) -> anyhow::Result<(Totals, Totals)> {
    let cannot_read = || format!("cannot read {}", file.display());
    let input = File::open(file).with_context(cannot_read)?;
    let length = input.metadata().with_context(cannot_read)?.len();
    let mut input = BufReader::new(input);
    let mut first = Lines::new(&mut input, 0, 0);
    let header = first.header()?;
    let (lines, bytes) = (first.number, first.bytes);
    let start = Reached { lines, bytes, totals: Totals::default(), last: None };
    let checkpoint = Checkpoint::new(file, store, header, length);
    let reached = checkpoint.load(tree, types).await?.unwrap_or(start);
    input.seek(SeekFrom::Start(reached.bytes)).with_context(cannot_read)?;
    let lines = Lines::new(input, reached.lines, reached.bytes);
    let done = Import::new(tree, types, reached.totals, Some(&checkpoint), length);
    let done = done.run(lines).await?;
    checkpoint.remove();
    Ok(done)
}

struct Import<'a> {
    tree: &'a Tree,
    types: &'a [ResourceType],
    checkpoint: Option<&'a Checkpoint>,
    before: Totals,
    totals: Totals,
    bar: ProgressBar,
}

impl<'a> Import<'a> {
    fn new(
        tree: &'a Tree,
        types: &'a [ResourceType],
        before: Totals,
        checkpoint: Option<&'a Checkpoint>,
        length: u64,
    ) -> Self {
        let template = "{msg} {wide_bar} {bytes}/{total_bytes} {eta}";
        let bar = progress(length, "importing", template);
        Self { tree, types, checkpoint, before, totals: before, bar }
    }

    async fn run<R: BufRead>(mut self, mut lines: Lines<R>) -> anyhow::Result<(Totals, Totals)> {
        let mut batch = Vec::new();
        let mut weight = 0;
        loop {
            let line = lines.next()?;
            let ended = matches!(line, Some(Line::End(_)) | None);
            if (ended || weight >= BATCH) && !batch.is_empty() {
                self.commit(&batch).await?;
                let last = batch.iter().rev().find_map(|(_, line)| match line {
                    Line::Resource(line) => Some((line.resource_type.clone(), line.id.clone())),
                    _ => None,
                });
                let (number, bytes) = lines.before_last();
                if let Some(checkpoint) = self.checkpoint {
                    let totals = self.totals;
                    checkpoint.store(&Reached { lines: number, bytes, totals, last })?;
                }
                self.bar.set_position(bytes);
                batch.clear();
                weight = 0;
            }
            match line {
                Some(Line::End(expected)) => {
                    ensure!(
                        expected == self.totals,
                        "the export says that it has {} resources and {} memberships, but it has \
                         {} and {}",
                        expected.resources,
                        expected.memberships,
                        self.totals.resources,
                        self.totals.memberships
                    );
                    self.bar.finish_and_clear();
                    return Ok((self.before, self.totals));
                }
                None => {
                    return Err(anyhow!(
                        "the export is cut off after line {}; all lines up to it were imported",
                        lines.number
                    ));
                }
                Some(line) => {
                    weight += match &line {
                        Line::Members(line) => line.members.len(),
                        _ => RESOURCE_WEIGHT,
                    };
                    batch.push((lines.number, line));
                }
            }
        }
    }

    async fn commit(&mut self, batch: &[(u64, Line)]) -> anyhow::Result<()> {
        let done = self.tree.transact(async |tx| {
            for (number, line) in batch {
                let imported = transfer::import(tx, self.types, line).await;
                imported.map_err(|error| Failure::Line(*number, error))?;
            }
            Ok::<_, Failure>(())
        });
        done.await.map_err(|failure| anyhow!("{failure}"))?;
        for (_, line) in batch {
            self.totals.add(line);
        }
        Ok(())
    }
}

/// Why a batch is not in.
enum Failure {
    Store(StoreError),
    Line(u64, Error),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Line(number, error) => write!(f, "line {number} does not fit: {error}"),
        }
    }
}
