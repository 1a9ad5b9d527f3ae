//! SQLite behind threads of its own: one that writes, some that read.
//!
//! Writes that wait together are committed together: the one flush to the disk, which is what
//! costs, serves them all. A write is answered after that flush.

use core::time::Duration;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::operation::{self, Failed, Write, Written};

/// Threads that read. SQLite's readers do not wait for the writer.
const READERS: usize = 2;
/// Most writes of one commit.
const MAX_GROUP: usize = 64;
/// Prepared statements kept per connection.
const STATEMENTS: usize = 16;
/// How long a connection waits for a lock that another process holds.
const BUSY: Duration = Duration::from_secs(5);

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Durability {
    /// The loss of power: each group of writes is flushed to the disk.
    #[default]
    Full,
    /// The end of the process, also by `kill -9`, but not that of the system.
    Process,
}

impl Durability {
    /// The value of SQLite's `synchronous`. NORMAL flushes when the log is moved into the
    /// database: a loss of power costs the latest writes, and never the file.
    const fn synchronous(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Process => "NORMAL",
        }
    }
}

type Reply<T> = oneshot::Sender<Result<T, Failed>>;
type WriteJob = (Write, Reply<Written>);
type ReadJob = (String, Reply<Option<Vec<u8>>>);

/// A handle of the open store. Clones share it; its threads end with the last clone, or when any
/// of them closes it.
#[derive(Clone)]
pub(super) struct Sqlite {
    writes: async_channel::Sender<WriteJob>,
    reads: async_channel::Sender<ReadJob>,
    /// The writer, then the readers.
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Sqlite {
    /// Opens the store in `file`, and creates it when there is none.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or is no SQLite database.
    pub(super) fn open(file: &Path, durability: Durability) -> anyhow::Result<Self> {
        let connection = connect(file, durability)?;
        connection.execute_batch(operation::CREATE_TABLE)?;
        let (writes, write_jobs) = async_channel::unbounded::<WriteJob>();
        let mut threads = vec![
            thread::Builder::new()
                .name("sqlite-writer".into())
                .spawn(move || write_loop(connection, &write_jobs))?,
        ];
        let (reads, read_jobs) = async_channel::unbounded::<ReadJob>();
        for _ in 0..READERS {
            let reader = connect(file, durability)?;
            let read_jobs = read_jobs.clone();
            threads.push(
                thread::Builder::new()
                    .name("sqlite-reader".into())
                    .spawn(move || read_loop(&reader, &read_jobs))?,
            );
        }
        Ok(Self { writes, reads, threads: Arc::new(Mutex::new(threads)) })
    }

    /// Ends what waits, refuses what comes later, and leaves one file that holds everything: SQLite
    /// moves its log into the database when the last connection goes.
    pub(super) fn close(&self) {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let mut threads = core::mem::take(&mut *threads).into_iter();
        let writer = threads.next();
        self.reads.close();
        for reader in threads {
            let _ = reader.join();
        }
        // The writer by itself: of two connections that go at once, neither may find itself last.
        self.writes.close();
        let _ = writer.map(JoinHandle::join);
    }

    /// The value of `key`, or `None`.
    ///
    /// # Errors
    ///
    /// When the engine fails.
    pub(super) async fn get(&self, key: String) -> Result<Option<Vec<u8>>, Failed> {
        let (reply, answer) = oneshot::channel();
        self.reads.send((key, reply)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Applies `write`. `Ok` means that it is as durable as was asked for.
    ///
    /// # Errors
    ///
    /// When the engine fails. Then nothing was written, unless the flush itself failed.
    pub(super) async fn write(&self, write: Write) -> Result<Written, Failed> {
        let (reply, answer) = oneshot::channel();
        self.writes.send((write, reply)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

fn closed() -> Failed {
    Failed("the store is closed".into())
}

fn connect(file: &Path, durability: Durability) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", durability.synchronous())?;
    Ok(connection)
}

fn read_loop(connection: &Connection, jobs: &async_channel::Receiver<ReadJob>) {
    while let Ok((key, reply)) = jobs.recv_blocking() {
        let _ = reply.send(operation::get(connection, &key));
    }
}

fn write_loop(mut connection: Connection, jobs: &async_channel::Receiver<WriteJob>) {
    while let Ok(first) = jobs.recv_blocking() {
        let mut group = vec![first];
        while group.len() < MAX_GROUP
            && let Ok(next) = jobs.try_recv()
        {
            group.push(next);
        }
        match commit(&mut connection, group.iter().map(|(write, _)| write)) {
            Ok(results) => {
                for ((_, reply), result) in group.into_iter().zip(results) {
                    let _ = reply.send(Ok(result));
                }
            }
            // One of them failed and took the group along: each tries for itself.
            Err(_) if group.len() > 1 => {
                for (write, reply) in group {
                    let result = commit(&mut connection, core::iter::once(&write));
                    let _ = reply.send(single(result));
                }
            }
            Err(error) => {
                for (_, reply) in group {
                    let _ = reply.send(Err(error.clone()));
                }
            }
        }
    }
}

fn single(results: Result<Vec<Written>, Failed>) -> Result<Written, Failed> {
    results?.pop().ok_or_else(closed)
}

/// Applies the writes in order in one transaction; dropping it rolls it back.
fn commit<'a>(
    connection: &mut Connection,
    writes: impl Iterator<Item = &'a Write>,
) -> Result<Vec<Written>, Failed> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let results = writes
        .map(|write| operation::apply(&transaction, write))
        .collect::<Result<Vec<_>, Failed>>()?;
    transaction.commit()?;
    Ok(results)
}
