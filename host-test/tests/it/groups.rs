//! Groups of any size, by the component on SQLite.
//!
//! `SCIM_GROUP_MEMBERS` is the size of the larger one (3000, at most 60,000 since the client takes no
//! larger answer); the times are printed, not asserted.

use core::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use crate::harness::{Service, command};

const SMALL: usize = 100;

fn id(number: usize) -> String {
    format!("0190d2f0-0000-7000-8000-{number:012x}")
}

/// An export of a tenant with that many users.
fn users(count: usize) -> String {
    let header =
        json!({"header": {"version": 1, "tenant": "default", "commit": 1, "passwords": false}});
    let mut lines = format!("{header}\n");
    for number in 0..count {
        let (at, user) = ("2026-01-01T00:00:00.000Z", format!("user{number}"));
        let line = json!({"resource": {"type": "User", "id": id(number), "created": at,
            "lastModified": at, "version": 1, "attributes": {"userName": user}}});
        writeln!(lines, "{line}").unwrap();
    }
    let end = json!({"end": {"resources": count, "memberships": 0}});
    writeln!(lines, "{end}").unwrap();
    lines
}

fn members(numbers: impl Iterator<Item = usize>) -> Value {
    numbers.map(|number| json!({"value": id(number)})).collect()
}

fn patch(op: &str, path: &str, value: &Value) -> Value {
    let mut operation = json!({"op": op, "path": path});
    if !value.is_null() {
        operation["value"] = value.clone();
    }
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]})
}

#[test]
fn a_group_of_any_size_is_written_read_and_removed() {
    let large = std::env::var("SCIM_GROUP_MEMBERS").ok().and_then(|text| text.parse().ok());
    let large: usize = large.unwrap_or(3000);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let (lines, config) = (folder.path().join("users"), folder.path().join("config.json"));
    fs::write(&lines, users(large + 1)).unwrap();
    let limits =
        json!({"array_items": 2 * large, "body_bytes": 200 * large, "members_shown": large});
    fs::write(&config, json!({"limits": limits}).to_string()).unwrap();
    let import = Command::new(env!("CARGO_BIN_EXE_scim-edge"))
        .args(["import", "--data", data.to_str().unwrap(), lines.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
    println!("{}", String::from_utf8_lossy(&import.stdout).trim());

    let mut start = command(&data);
    start.arg("--config").arg(&config);
    let service = Service::start(start).unwrap_or_else(|log| panic!("no start: {log}"));
    let client = service.client();
    let send = |what: &str, method: &str, path: &str, body: Option<&Value>| {
        let started = Instant::now();
        let answer = client.send(method, path, &[], body);
        if !what.is_empty() {
            println!("{what}: {} ms, {} bytes", started.elapsed().as_millis(), answer.text.len());
        }
        assert!(answer.status < 300, "{what}: {} {}", answer.status, answer.text);
        answer.body
    };
    let create = |what: &str, size: usize| {
        let group = json!({"displayName": what, "members": members(0..size)});
        let path = "/Groups?excludedAttributes=members";
        send(what, "POST", path, Some(&group))["id"].as_str().unwrap().to_owned()
    };
    let groups = [create("create small", SMALL), create("create large", large)];
    let one = json!([{"value": id(large)}]);
    let by_filter = format!("members[value eq \"{}\"]", id(large));
    for (group, size) in groups.iter().zip([SMALL, large]) {
        let path = format!("/Groups/{group}?attributes=id");
        let mut times = Vec::new();
        for _ in 0..20 {
            let started = Instant::now();
            send("", "PATCH", &path, Some(&patch("add", "members", &one)));
            send("", "PATCH", &path, Some(&patch("remove", &by_filter, &Value::Null)));
            times.push(started.elapsed().as_micros() / 2);
        }
        times.sort_unstable();
        println!("add or remove one of {size}: median {} us", times[times.len() / 2]);
        let filter =
            format!("id%20eq%20%22{group}%22%20and%20members%20eq%20%22{}%22", id(size - 1));
        let path = format!("/Groups?excludedAttributes=members&filter={filter}");
        assert_eq!(send("test one", "GET", &path, None)["totalResults"], 1);
    }
    let path = format!("/Groups/{}", groups[1]);
    let count = |group: &Value| group["members"].as_array().map_or(0, Vec::len);
    assert_eq!(count(&send("read all", "GET", &path, None)), large);
    // All but two stay.
    let others = members((2..=large).rev());
    let quiet = format!("{path}?attributes=id");
    send("replace by PATCH", "PATCH", &quiet, Some(&patch("replace", "members", &others)));
    assert_eq!(count(&send("read all", "GET", &path, None)), large - 1);
    let put = json!({"displayName": "again", "members": members(0..large)});
    assert_eq!(count(&send("replace by PUT", "PUT", &path, Some(&put))), large);
    send("replace by one", "PATCH", &quiet, Some(&patch("replace", "members", &one)));
    send("replace by all", "PATCH", &quiet, Some(&patch("replace", "members", &members(0..large))));
    // More than an answer can hold.
    send("add one", "PATCH", &path, Some(&patch("add", "members", &one)));
    let refused = client.send("GET", &path, &[], None);
    assert_eq!((refused.status, &refused.body["scimType"]), (400, &json!("tooMany")));
    send("delete", "DELETE", &path, None);
    let user = send("", "GET", &format!("/Users/{}", id(1)), None);
    assert_eq!(user["groups"].as_array().map(Vec::len), Some(1));
    for (what, query) in [
        ("first page of 100", "count=100".to_owned()),
        ("page of 100 in the middle", format!("count=100&startIndex={}", large / 2)),
        ("sorted page of 100", "count=100&sortBy=userName&sortOrder=descending".to_owned()),
        ("sw, page of 100", "count=100&filter=userName%20sw%20%22user1%22".to_owned()),
    ] {
        send(what, "GET", &format!("/Users?{query}"), None);
    }
}
