use super::{Sqlite, Write, Written};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn entry(key: &str, value: &[u8]) -> Write {
    Write::Set(vec![(key.into(), value.to_vec())])
}

#[test]
fn entries_are_written_read_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&folder.path().join("kv.db")).unwrap();
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
    let store = Sqlite::open(&folder.path().join("kv.db")).unwrap();
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
    let store = Sqlite::open(&folder.path().join("kv.db")).unwrap();
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
    let store = Sqlite::open(&file).unwrap();
    let one = Write::Increment { key: "n".into(), delta: 1 };
    block_on(async {
        futures::future::join_all((0..200).map(|_| store.write(one.clone()))).await;
        assert_eq!(store.write(one).await.unwrap(), Written::Number(201));
    });
    drop(store);
    let again = Sqlite::open(&file).unwrap();
    let value = block_on(again.get("n".into())).unwrap();
    assert_eq!(value, Some(201_i64.to_le_bytes().to_vec()));
}
