//! `scim-edge explain` and `scim-edge reindex`, beside a running service.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::harness::{Service, command};

fn run(args: &[&str], data: &Path) -> String {
    let out = Command::new(env!("CARGO_BIN_EXE_scim-edge"))
        .args(args)
        .arg("--data")
        .arg(data)
        .output()
        .unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{args:?}: {text}");
    text
}

#[test]
fn an_index_is_made_explained_and_used() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let config = folder.path().join("config.json");
    let limits = json!({"scan_resources": 3});
    fs::write(&config, json!({"limits": limits, "indexes": {"User": ["title"]}}).to_string())
        .unwrap();
    let config = config.to_str().unwrap();
    let by_title = ["explain", "title sw \"Dr\"", "--config", config];
    // Without a store, as if all were complete; none is made by the look.
    assert!(run(&by_title, &data).starts_with("from the index: range of title\n"));
    assert!(!data.exists());

    let old = folder.path().join("old.json");
    fs::write(&old, json!({"limits": limits}).to_string()).unwrap();
    let mut start = command(&data);
    start.arg("--config").arg(&old);
    let service = Service::start(start).unwrap();
    for number in 0..5 {
        let user = json!({"userName": format!("u{number}"), "title": "Dr."});
        let created = service.client().send("POST", "/Users", &[], Some(&user));
        assert_eq!(created.status, 201);
    }
    let found = || {
        let path = "/Users?filter=title%20sw%20%22dr%22&count=2";
        let answer = service.client().send("GET", path, &[], None);
        (answer.status, answer.body["totalResults"].as_u64())
    };
    assert_eq!(found().0, 400);
    let text = run(&by_title, &data);
    assert!(text.contains("every User") && text.contains("not used: the index of title"), "{text}");
    assert!(text.contains("this store answers tooMany"), "{text}");

    assert!(run(&["reindex", "--config", config], &data).contains("all indexes are complete"));
    let text = run(&by_title, &data);
    assert!(text.starts_with("from the index: range of title, 5 entries\n"), "{text}");
    // The service uses what the tree has, whatever its configuration says.
    assert_eq!(found(), (200, Some(5)));

    let filter = "userName eq \"u1\" and nickName co \"x\"";
    let text = run(&["explain", filter, "--sort-by", "title"], &data);
    assert!(text.starts_with("look-up: part of userName, 1 entries\n"), "{text}");
    assert!(text.contains("no index serves: nickName co \"x\""), "{text}");
    assert!(text.contains("this store has 5; looked at beside the page: 1\n"), "{text}");
    let text = run(&["explain", "displayName co \"x\"", "--type", "Group"], &data);
    assert!(text.starts_with("scan: every Group, range of id"), "{text}");
}
