//! `scim-edge export`: one version of a tenant as lines of JSON.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Seek as _, Write};
use std::path::PathBuf;

use anyhow::{Context as _, anyhow, bail, ensure};
use scim_core::schema::ResourceType;
use scim_core::store::transfer::{self, Header, Line, Position, Totals};
use scim_core::store::{Pin, PinId};

use super::file::Lines;
use super::{Target, Tree, block_on, progress};
use crate::storage::{NativeKv, OsRandom, TokioClock};

/// Arguments of `scim-edge export`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Writes password hashes, and what else is never shown, too.
    #[arg(long)]
    passwords: bool,
    /// Goes on with a file that was not finished, if its version is still held.
    #[arg(long)]
    resume: bool,
    /// Where to write; `-` is standard output.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

type Held<'a> = Pin<'a, NativeKv, TokioClock, OsRandom>;

/// Writes all lines.
///
/// # Errors
///
/// When the store fails, holds resources of types that are not known, or the file cannot be
/// written or gone on with.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let types = args.target.types()?;
    let totals = block_on(async {
        let engine = args.target.engine(true).await?;
        let tree = args.target.tree(NativeKv::shared(engine.clone()));
        let name = args.file.display();
        let totals = if args.resume {
            go_on(&tree, &types, args).await?
        } else if args.file.as_os_str() == "-" {
            begin(&tree, &types, args, io::stdout().lock()).await?
        } else {
            let file = File::create(&args.file).with_context(|| format!("cannot write {name}"))?;
            let totals = begin(&tree, &types, args, &file).await?;
            file.sync_all().with_context(|| format!("cannot write {name}"))?;
            totals
        };
        engine.close();
        anyhow::Ok(totals)
    })?;
    eprintln!("exported {} resources and {} memberships", totals.resources, totals.memberships);
    Ok(())
}

async fn begin(
    tree: &Tree,
    types: &[ResourceType],
    args: &Args,
    out: impl Write,
) -> anyhow::Result<Totals> {
    let failed = |error| anyhow!("{error}");
    let tenant = &args.target.tenant;
    // Holding a version would make a tenant that is not there.
    let commits = tree.snapshot().await.map_err(failed)?.commit_number();
    ensure!(commits > 0, "nothing was ever written to the tenant `{tenant}`");
    let held = tree.pin().await.map_err(failed)?;
    let PinId(pin) = held.id();
    let header = Header {
        version: transfer::VERSION,
        tenant: tenant.clone(),
        commit: held.snapshot().commit_number(),
        pin: Some(format!("{pin:016x}")),
        passwords: args.passwords,
    };
    let mut out = BufWriter::new(out);
    put(&mut out, &Line::Header(header))?;
    write(held, types, args.passwords, Begun::default(), out).await
}

async fn go_on(tree: &Tree, types: &[ResourceType], args: &Args) -> anyhow::Result<Totals> {
    let cannot_go_on = || format!("cannot go on with {}", args.file.display());
    let mut file =
        OpenOptions::new().read(true).write(true).open(&args.file).with_context(cannot_go_on)?;
    let mut lines = Lines::new(BufReader::new(&file), 0, 0);
    let header = lines.header().with_context(cannot_go_on)?;
    ensure!(header.tenant == args.target.tenant, "the file is an export of another tenant");
    let pin = header.pin.as_deref().and_then(|pin| u64::from_str_radix(pin, 16).ok());
    let Some(pin) = pin else { bail!("the file names no version that could be held") };
    let begun = Begun::read(&mut lines, types)?;
    ensure!(begun.position != Position::End, "the export is complete");
    let held = tree.pinned(PinId(pin)).await.map_err(|error| anyhow!("{error}"))?;
    let held = held.ok_or_else(|| {
        let commit = header.commit;
        anyhow!("commit {commit} is no longer held in this store: start again without --resume")
    })?;
    // A line that is cut off goes.
    let bytes = lines.bytes;
    file.set_len(bytes).with_context(cannot_go_on)?;
    file.seek(io::SeekFrom::Start(bytes)).with_context(cannot_go_on)?;
    let totals = write(held, types, header.passwords, begun, BufWriter::new(&file)).await?;
    file.sync_all().with_context(cannot_go_on)?;
    Ok(totals)
}

/// What stands in a file already.
#[derive(Default)]
struct Begun {
    totals: Totals,
    position: Position,
}

impl Begun {
    fn read(lines: &mut Lines<BufReader<&File>>, types: &[ResourceType]) -> anyhow::Result<Self> {
        let mut begun = Self::default();
        while let Some(line) = lines.next()? {
            begun.totals.add(&line);
            begun.position = Position::after(&line, types).map_err(|error| anyhow!(error))?;
        }
        Ok(begun)
    }
}

async fn write(
    held: Held<'_>,
    types: &[ResourceType],
    passwords: bool,
    begun: Begun,
    mut out: BufWriter<impl Write>,
) -> anyhow::Result<Totals> {
    let failed = |error| anyhow!("{error}");
    let read = held.snapshot();
    let (count, unknown) = transfer::count(read, types).await.map_err(failed)?;
    ensure!(
        unknown == 0,
        "{unknown} resources are of types that are not known here; --config FILE names them"
    );
    let bar = progress(count, "exporting", "{msg} {wide_bar} {pos}/{len} {eta}");
    let Begun { mut totals, mut position } = begun;
    while position != Position::End {
        held.renew().await.map_err(failed)?;
        let (lines, next) =
            transfer::export(read, types, &position, passwords).await.map_err(failed)?;
        for line in &lines {
            totals.add(line);
            put(&mut out, line)?;
        }
        bar.set_position(totals.resources);
        position = next;
    }
    put(&mut out, &Line::End(totals))?;
    out.flush()?;
    bar.finish_and_clear();
    held.release().await.map_err(failed)?;
    Ok(totals)
}

fn put(out: &mut impl Write, line: &Line) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    Ok(out.write_all(b"\n")?)
}
