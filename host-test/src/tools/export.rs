//! `scim-edge export`: one version of a tenant as lines of JSON.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context as _, anyhow, ensure};
use scim_core::schema::ResourceType;
use scim_core::store::Read;
use scim_core::store::transfer::{self, Header, Line, Position, Totals};

use super::{Target, block_on, progress};
use crate::storage::NativeKv;

/// Arguments of `scim-edge export`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Writes password hashes, and what else is never shown, too.
    #[arg(long)]
    passwords: bool,
    /// Where to write; `-` is standard output.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Writes all lines.
///
/// # Errors
///
/// When the store fails, holds resources of types that are not known, or the file cannot be
/// written.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let types = args.target.types()?;
    let totals = block_on(async {
        let engine = args.target.engine(true).await?;
        let tree = args.target.tree(NativeKv::shared(engine.clone()));
        let snapshot = tree.snapshot().await.map_err(|error| anyhow!("{error}"))?;
        let header = Header {
            version: transfer::VERSION,
            tenant: args.target.tenant.clone(),
            commit: snapshot.commit_number(),
            passwords: args.passwords,
        };
        let totals = if args.file.as_os_str() == "-" {
            write(&snapshot, &types, header, io::stdout().lock()).await
        } else {
            let name = args.file.display();
            let file = File::create(&args.file).with_context(|| format!("cannot write {name}"))?;
            let totals = write(&snapshot, &types, header, &file).await?;
            file.sync_all().with_context(|| format!("cannot write {name}"))?;
            Ok(totals)
        };
        engine.close();
        totals
    })?;
    eprintln!("exported {} resources and {} memberships", totals.resources, totals.memberships);
    Ok(())
}

async fn write(
    read: &impl Read,
    types: &[ResourceType],
    header: Header,
    out: impl Write,
) -> anyhow::Result<Totals> {
    let failed = |error| anyhow!("{error}");
    let (count, unknown) = transfer::count(read, types).await.map_err(failed)?;
    ensure!(
        unknown == 0,
        "{unknown} resources are of types that are not known here; --config FILE names them"
    );
    let mut out = BufWriter::new(out);
    let passwords = header.passwords;
    put(&mut out, &Line::Header(header))?;
    let bar = progress(count, "exporting", "{msg} {wide_bar} {pos}/{len} {eta}");
    let mut totals = Totals::default();
    let mut position = Position::START;
    while position != Position::End {
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
    Ok(totals)
}

fn put(out: &mut impl Write, line: &Line) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    Ok(out.write_all(b"\n")?)
}
