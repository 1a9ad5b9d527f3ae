//! Bytes: on disk per user, and written per operation; and the rate of an import.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use core::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use rusqlite::{Connection, OpenFlags, params};

use super::data::{self, Directory};
use super::service::Service;
use super::{once, operations, row};
use crate::bench::table::{Aim, Row};

/// Users of one commit of an import.
const BATCH: u64 = 1000;
/// How many times its JSON a user may take on the disk.
const MOST_DISK: f64 = 3.0;
/// How often an operation is done to count what it writes.
const COUNTED: u32 = 20;

/// An operation: its name, its commits, and itself.
type Kind<'a> = (&'a str, f64, &'a dyn Fn() -> anyhow::Result<f64>);

/// Entries and bytes of a store.
#[derive(Clone, Copy)]
struct Size {
    entries: f64,
    bytes: f64,
}

fn open(store: &Path) -> anyhow::Result<Connection> {
    Ok(Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY)?)
}

/// The last of the entries, whose names begin with the number of the commit that they build on.
fn last(connection: &Connection) -> anyhow::Result<String> {
    let sql = "SELECT max(key) FROM spin_key_value WHERE key LIKE 't.%' AND key NOT LIKE '%.root'";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// The entries behind `last`, without those that have been deleted since.
fn written(connection: &Connection, last: &str) -> anyhow::Result<Size> {
    let sql = "SELECT count(*), coalesce(sum(length(key) + length(value)), 0) FROM spin_key_value \
               WHERE key > ?1 AND key LIKE 't.%' AND key NOT LIKE '%.root'";
    let size = |row: &rusqlite::Row<'_>| Ok(Size { entries: row.get(0)?, bytes: row.get(1)? });
    Ok(connection.query_row(sql, [last], size)?)
}

#[expect(clippy::cast_precision_loss, reason = "no number here is that large")]
const fn float(number: u64) -> f64 {
    number as f64
}

/// The rate of the import against bare inserts of the same rows; and whether the disk per user is
/// within its aim.
///
/// # Errors
///
/// When SQLite fails.
pub(super) fn of_import(
    store: &Path,
    directory: Directory,
    seconds: f64,
    folder: &Path,
    durability: &str,
) -> anyhow::Result<(Row, bool)> {
    let users = float(directory.users);
    let bare = bare_inserts(store, &folder.join("inserts.db"), directory, durability)?;
    println!(
        "import: {:.0} users/s; bare inserts of its rows: {:.0} users/s",
        users / seconds,
        users / bare
    );
    let disk = float(fs::metadata(store)?.len());
    let json: usize = (0..directory.users.min(1000))
        .map(|number| data::attributes(&data::user_name(number), number).to_string().len())
        .sum();
    let (disk, json) = (disk / users, float(json as u64) / float(directory.users.clamp(1, 1000)));
    let ratio = disk / json;
    let verdict = if ratio <= MOST_DISK { "met" } else { "MISSED" };
    println!(
        "disk: {disk:.0} bytes per user, {ratio:.2}× its {json:.0} bytes of JSON; aim ≤ {MOST_DISK}×: \
         {verdict}"
    );
    let (own, other) = (once(seconds / users * 1e9), once(bare / users * 1e9));
    let what = "import of one user";
    let row = row(what, "bare inserts of its rows", own, other, Aim::Within(5.0));
    Ok((row, ratio <= MOST_DISK))
}

/// Inserts the rows of `store` into a new file, as many transactions as the import has commits.
fn bare_inserts(
    store: &Path,
    to: &Path,
    directory: Directory,
    durability: &str,
) -> anyhow::Result<f64> {
    let from = open(store)?;
    let mut rows: Vec<(String, Vec<u8>)> = Vec::new();
    let mut select = from.prepare("SELECT key, value FROM spin_key_value")?;
    let mut found = select.query([])?;
    while let Some(row) = found.next()? {
        rows.push((row.get(0)?, row.get(1)?));
    }
    let mut connection = Connection::open(to)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let synchronous = if durability == "full" { "FULL" } else { "NORMAL" };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.execute_batch(
        "CREATE TABLE spin_key_value (store TEXT NOT NULL, key TEXT NOT NULL, \
         value BLOB NOT NULL, PRIMARY KEY (store, key))",
    )?;
    let commits = usize::try_from(directory.users.div_ceil(BATCH)).unwrap_or(1).max(1);
    let started = Instant::now();
    for chunk in rows.chunks(rows.len().div_ceil(commits).max(1)) {
        let transaction = connection.transaction()?;
        {
            let mut insert = transaction
                .prepare_cached("INSERT INTO spin_key_value VALUES ('default', ?1, ?2)")?;
            for (key, value) in chunk {
                insert.execute(params![key, value])?;
            }
        }
        transaction.commit()?;
    }
    let seconds = started.elapsed().as_secs_f64();
    drop(connection);
    fs::remove_file(to).context("cannot remove the bare inserts")?;
    Ok(seconds)
}

/// What one create writes: entries, and their bytes.
#[derive(Clone, Copy)]
pub(super) struct Written {
    pub(super) entries: f64,
    pub(super) bytes: f64,
    pub(super) root: u64,
}

/// Counts what operations write, one at a time. Returns what a create does, and a table.
///
/// # Errors
///
/// When a request fails.
pub(super) fn of_operations(
    service: &Service,
    store: &Path,
    directory: Directory,
) -> anyhow::Result<(Written, String)> {
    let client = service.client();
    let connection = open(store)?;
    let user = operations::outsider(&client)?;
    let sql = "SELECT length(value) FROM spin_key_value WHERE key LIKE '%.root'";
    let root: u64 = connection.query_row(sql, [], |row| row.get(0))?;
    let mut table =
        String::from("| operation | new entries | their bytes | commits |\n|---|---|---|---|\n");
    let mut create = Written { entries: 0.0, bytes: 0.0, root };
    let users = directory.users;
    let kinds: [Kind<'_>; 3] = [
        ("create", 1.0, &|| operations::create(&client)),
        ("PATCH one attribute", 1.0, &|| operations::patch(&client, operations::below(users))),
        ("add a member to the large group, remove it", 2.0, &|| {
            operations::member(&client, 1, &user)
        }),
    ];
    for (name, commits, operation) in kinds {
        let before = last(&connection)?;
        for _ in 0..COUNTED {
            operation()?;
        }
        let size = written(&connection, &before)?;
        let (entries, bytes) = (size.entries / f64::from(COUNTED), size.bytes / f64::from(COUNTED));
        if name == "create" {
            create = Written { entries, bytes, root };
        }
        let _ = writeln!(table, "| {name} | {entries:.1} | {bytes:.0} | {commits} |");
    }
    let _ = writeln!(table, "\nEach commit also replaces the root record, {root} bytes.");
    Ok((create, table))
}
