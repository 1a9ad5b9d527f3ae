use std::fs;
use std::path::Path;

use super::location::Location;
use super::sqlite::Sqlite;
use super::{Durability, Engine, Write, Written};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn open(file: &Path) -> Sqlite {
    Sqlite::open(file, Durability::Full).unwrap()
}

fn entry(key: &str, value: &[u8]) -> Write {
    Write::Set(vec![(key.into(), value.to_vec())])
}

#[test]
fn entries_are_written_read_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("kv.db"));
    block_on(async {
        assert_eq!(store.get("a".into()).await.unwrap(), None);
        store.write(entry("a", b"1")).await.unwrap();
        store.write(entry("a", b"2")).await.unwrap();
        assert_eq!(store.get("a".into()).await.unwrap().as_deref(), Some(&b"2"[..]));
        store.write(Write::Delete(vec!["a".into(), "absent".into()])).await.unwrap();
        assert_eq!(store.get("a".into()).await.unwrap(), None);
    });
}

#[test]
fn a_swap_compares_and_creates_only_what_is_absent() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("kv.db"));
    let swap = |expected: Option<&[u8]>, new: &[u8]| Write::Swap {
        key: "k".into(),
        expected: expected.map(<[u8]>::to_vec),
        new: new.to_vec(),
    };
    block_on(async {
        assert_eq!(store.write(swap(Some(b"0"), b"1")).await.unwrap(), Written::Swapped(false));
        assert_eq!(store.write(swap(None, b"1")).await.unwrap(), Written::Swapped(true));
        assert_eq!(store.write(swap(None, b"9")).await.unwrap(), Written::Swapped(false));
        assert_eq!(store.write(swap(Some(b"1"), b"2")).await.unwrap(), Written::Swapped(true));
        assert_eq!(store.write(swap(Some(b"1"), b"3")).await.unwrap(), Written::Swapped(false));
        assert_eq!(store.get("k".into()).await.unwrap().as_deref(), Some(&b"2"[..]));
    });
}

#[test]
fn one_failing_write_does_not_take_its_group_along() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("kv.db"));
    block_on(async {
        store.write(entry("text", b"no number")).await.unwrap();
        let bad = Write::Increment { key: "text".into(), delta: 1 };
        let writes = (0..40).map(|number| {
            let write = if number % 10 == 0 { bad.clone() } else { entry("good", &[number]) };
            store.write(write)
        });
        let results = futures::future::join_all(writes).await;
        let failed = results.iter().filter(|result| result.is_err()).count();
        assert_eq!(failed, 4);
        assert_eq!(store.get("good".into()).await.unwrap().as_deref(), Some(&[39][..]));
        assert_eq!(store.get("text".into()).await.unwrap().as_deref(), Some(&b"no number"[..]));
    });
}

#[test]
fn increments_that_run_together_all_count() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kv.db");
    let store = open(&file);
    let one = Write::Increment { key: "n".into(), delta: 1 };
    block_on(async {
        futures::future::join_all((0..200).map(|_| store.write(one.clone()))).await;
        assert_eq!(store.write(one).await.unwrap(), Written::Number(201));
    });
    drop(store);
    let again = open(&file);
    let value = block_on(again.get("n".into())).unwrap();
    assert_eq!(value, Some(201_i64.to_le_bytes().to_vec()));
}

/// How many transactions SQLite's log holds: each ends with a frame that names the file's size.
fn commits_in_log(file: &Path) -> usize {
    let log = fs::read(file.with_extension("db-wal")).unwrap();
    let page = u32::from_be_bytes(log[8..12].try_into().unwrap()) as usize;
    let salt = &log[16..24];
    log[32..]
        .chunks_exact(24 + page)
        .take_while(|frame| &frame[8..16] == salt)
        .filter(|frame| frame[4..8] != [0; 4])
        .count()
}

#[test]
fn writes_that_wait_together_are_flushed_together() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kv.db");
    let store = open(&file);
    let other = rusqlite::Connection::open(&file).unwrap();
    block_on(async {
        store.write(entry("first", b"1")).await.unwrap();
        let before = commits_in_log(&file);
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let key = |number: u8| format!("k{number}");
        let writes = futures::future::join_all((0..60).map(|n| store.write(entry(&key(n), &[n]))));
        let release = async {
            tokio::task::yield_now().await;
            other.execute_batch("ROLLBACK").unwrap();
        };
        let (results, ()) = futures::future::join(writes, release).await;
        assert!(results.iter().all(Result::is_ok));
        // The writer may have taken the first alone before the others came.
        let commits = commits_in_log(&file) - before;
        assert!((1..=2).contains(&commits), "{commits} transactions for 60 writes");
        for number in 0..60 {
            assert_eq!(store.get(key(number)).await.unwrap(), Some(vec![number]));
        }
    });
}

#[test]
fn memory_answers_as_sqlite_does() {
    let folder = tempfile::tempdir().unwrap();
    let file = Location::Sqlite(folder.path().join("kv.db"));
    let swap = |expected: Option<&[u8]>, new: &[u8]| Write::Swap {
        key: "k".into(),
        expected: expected.map(<[u8]>::to_vec),
        new: new.to_vec(),
    };
    let one = |key: &str| Write::Increment { key: key.into(), delta: 1 };
    let writes = [
        swap(Some(b"0"), b"1"),
        swap(None, b"1"),
        swap(None, b"9"),
        swap(Some(b"1"), b"2"),
        swap(Some(b"1"), b"3"),
        one("n"),
        one("n"),
        one("k"),
        Write::Delete(vec!["n".into(), "absent".into()]),
        one("n"),
        entry("k", b"4"),
    ];
    block_on(async {
        let memory = Engine::open(&Location::Memory, Durability::Full, None).await.unwrap();
        let sqlite = Engine::open(&file, Durability::Full, None).await.unwrap();
        for write in writes {
            let expected = sqlite.write(write.clone()).await.ok();
            assert_eq!(memory.write(write.clone()).await.ok(), expected, "{write:?}");
            for key in ["k", "n"] {
                let expected = sqlite.get(key.into()).await.unwrap();
                assert_eq!(memory.get(key.into()).await.unwrap(), expected, "{write:?}");
            }
        }
    });
}
