//! `scim-edge export` and `import`, on stores that services use.

use core::fmt::Write as _;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use crate::client::{Client, unique};
use crate::harness::{self, Service, TOKEN};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

fn tool(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scim-edge"));
    command.args(arguments).env_remove("SCIM_EDGE_STORE");
    command
}

fn run(arguments: &[&str]) -> Output {
    tool(arguments).output().unwrap()
}

fn succeeds(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn fails(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

/// The lines behind the header, which names the commit.
fn lines(file: &str) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    let mut lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let header: Value = lines.next().unwrap();
    assert_eq!(header["header"]["tenant"], "default");
    lines.collect()
}

fn create(client: &Client, endpoint: &str, resource: &Value) -> String {
    let answer = client.send("POST", endpoint, &[], Some(resource));
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.body["id"].as_str().unwrap().to_owned()
}

/// A service with two providers that keeps passwords, and its configuration.
fn populated(folder: &Path) -> (Service, String) {
    let config = folder.join("config.json");
    let other = "0".repeat(64);
    let document = json!({
        "passwords": "hash",
        "clients": [{"name": "other", "provider": "b", "tokens": [{"sha256": other}]}],
    });
    fs::write(&config, document.to_string()).unwrap();
    let config = config.to_str().unwrap().to_owned();
    let mut command = harness::command(&folder.join("data"));
    command.args(["--config", &config]);
    let service = Service::start(command).unwrap_or_else(|log| panic!("no start: {log}"));
    let client = service.client();
    let mut members = Vec::new();
    for number in 0..40 {
        let user = json!({
            "schemas": [USER],
            "userName": unique("transfer"),
            "externalId": format!("external-{number}"),
            "password": "a password of Ada's 1815",
            "emails": [{"value": format!("{number}@example.com"), "type": "work"}],
        });
        members.push(json!({"value": create(&client, "/Users", &user)}));
    }
    let group = json!({"schemas": [GROUP], "displayName": "some", "members": members[..25]});
    let group = create(&client, "/Groups", &group);
    let outer = json!({"schemas": [GROUP], "displayName": "all", "members": [{"value": group}]});
    create(&client, "/Groups", &outer);
    (service, config)
}

#[test]
fn what_is_exported_imported_and_exported_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (service, config) = populated(folder.path());
    let (first, second, copy) = (at("first"), at("second"), format!("sqlite:{}", at("copy.db")));
    succeeds(&["export", "--data", &at("data"), "--passwords", &first]);
    let printed = succeeds(&["import", "--store", &copy, &first]);
    assert!(printed.contains("imported 42 resources and 26 memberships"), "{printed}");
    succeeds(&["export", "--store", &copy, "--passwords", &second]);
    assert_eq!(lines(&first), lines(&second));
    assert!(fs::read_to_string(&first).unwrap().contains("$argon2id$"));
    // A second time it changes nothing.
    succeeds(&["import", "--store", &copy, &first]);
    succeeds(&["export", "--store", &copy, "--passwords", &second]);
    assert_eq!(lines(&first), lines(&second));

    let mut command = harness::command(Path::new(&at("unused")));
    command.args(["--store", &copy, "--config", &config]);
    let copied = Service::start(command).unwrap_or_else(|log| panic!("no start: {log}"));
    for path in ["/Users?count=100", "/Groups?count=100"] {
        let [was, is] = [&service, &copied].map(|from| {
            let answer = from.client().send("GET", path, &[], None);
            assert_eq!(answer.status, 200, "{}", answer.text);
            answer.text.replace(from.authority(), "")
        });
        assert_eq!(was, is);
    }
    let found =
        copied.client().send("GET", "/Users?filter=externalId%20eq%20%22external-7%22", &[], None);
    assert_eq!(found.body["totalResults"], 1, "{}", found.text);
    // What is changed there gets another version than it ever had here.
    let user = &found.body["Resources"][0];
    let path = format!("/Users/{}", user["id"].as_str().unwrap());
    let changed = json!({"schemas": [USER], "userName": user["userName"], "title": "Countess"});
    let changed = copied.client().send("PUT", &path, &[], Some(&changed));
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_ne!(changed.body["meta"]["version"], user["meta"]["version"]);
}

#[test]
fn passwords_and_tokens_are_exported_only_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (_service, _) = populated(folder.path());
    let text = succeeds(&["export", "--data", &at("data"), "-"]);
    assert_eq!(text.lines().count(), 1 + 40 + 2 + 2 + 1, "{text}");
    assert!(!text.contains("argon2") && !text.contains("password\":\""), "{text}");
    assert!(!text.contains(TOKEN));
}

/// An export of users that no service made.
fn made(users: u64) -> String {
    let mut text = String::from(
        "{\"header\":{\"version\":1,\"tenant\":\"default\",\"commit\":1,\"passwords\":false}}\n",
    );
    for number in 0..users {
        let attributes = json!({
            "userName": format!("user.{number}@example.com"),
            "displayName": format!("User {number}"),
            "emails": [{"value": format!("user.{number}@example.com"), "primary": true}],
        });
        let line = json!({"resource": {
            "type": "User",
            "id": format!("01890000-0000-7000-8000-{number:012x}"),
            "created": "2026-01-31T12:00:00.123Z",
            "lastModified": "2026-01-31T12:00:01.456Z",
            "version": number + 1,
            "externalIds": {"entra": format!("external-{number}")},
            "attributes": attributes,
        }});
        writeln!(text, "{line}").unwrap();
    }
    writeln!(text, "{}", json!({"end": {"resources": users, "memberships": 0}})).unwrap();
    text
}

#[test]
fn an_import_that_was_killed_goes_on_where_it_was() {
    const USERS: u64 = 20_000;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (file, store) = (at("users"), format!("sqlite:{}", at("copy.db")));
    fs::write(&file, made(USERS)).unwrap();
    let checkpoint = at("users.import");
    let mut import = tool(&["import", "--store", &store, &file]);
    let mut import = import.stdout(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while !Path::new(&checkpoint).exists() {
        assert!(started.elapsed() < Duration::from_mins(1), "no batch is committed");
        thread::sleep(Duration::from_millis(5));
    }
    import.kill().unwrap();
    import.wait().unwrap();
    assert!(Path::new(&checkpoint).exists(), "it was done before it was killed");
    let printed = succeeds(&["import", "--store", &store, &file]);
    assert!(printed.contains("went on after "), "{printed}");
    assert!(!Path::new(&checkpoint).exists(), "the checkpoint stays behind");
    let exported = at("exported");
    succeeds(&["export", "--store", &store, &exported]);
    assert!(lines(&exported) == lines(&file), "not the same lines");
}

#[test]
fn a_checkpoint_of_another_store_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (file, first) = (at("users"), format!("sqlite:{}", at("first.db")));
    // It is cut off, so that the checkpoint stays.
    let whole = made(2500);
    fs::write(&file, &whole[..whole.len() - 100]).unwrap();
    let error = fails(&["import", "--store", &first, &file]);
    assert!(error.contains("cut off after line 2500; all lines up to it were imported"), "{error}");
    assert!(Path::new(&at("users.import")).exists());
    for store in ["second.db", "first.db"] {
        let store = format!("sqlite:{}", at(store));
        if store == first {
            // The same place, but what was there is gone.
            fs::remove_file(at("first.db")).unwrap();
        }
        fails(&["import", "--store", &store, &file]);
        let text = succeeds(&["export", "--store", &store, "-"]);
        assert_eq!(text.lines().count(), 2501, "lines were left out");
    }
}

#[test]
fn what_does_not_fit_is_named_by_its_line_and_not_by_its_value() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (file, store) = (at("users"), format!("sqlite:{}", at("copy.db")));
    let text = made(30);
    for (broken, message) in [
        (text.replace("user.17@", "USER.3@"), "line 19 does not fit"),
        (text.replace("000000000005\",", "00000000000x\","), "line 7 does not fit"),
        (text.replacen("{\"resource\":", "{\"secret\":", 5), "line 2 is not a line of an export"),
        (text.replace("\"type\":\"User\"", "\"type\":\"Device\""), "line 2 does not fit"),
        (text.replace("\"version\":1,\"tenant", "\"version\":9,\"tenant"), "has version 9"),
        (text.replace("\"resources\":30", "\"resources\":31"), "says that it has 31 resources"),
        ("[]\n".to_owned(), "this is not an export"),
    ] {
        fs::write(&file, broken).unwrap();
        let error = fails(&["import", "--store", &store, &file]);
        assert!(error.contains(message), "{message}: {error}");
        assert!(!error.contains("example.com") && !error.contains("Device"), "{error}");
    }
    let error = fails(&["export", "--store", "sqlite:/nowhere/at/all.db", "-"]);
    assert!(error.contains("there is no store in"), "{error}");
}

#[test]
fn an_export_under_load_is_one_snapshot() {
    const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (file, store) = (at("users"), format!("sqlite:{}", at("store.db")));
    fs::write(&file, made(5000)).unwrap();
    succeeds(&["import", "--store", &store, &file]);
    let mut command = harness::command(Path::new(&at("unused")));
    command.args(["--store", &store]);
    let service = Service::start(command).unwrap_or_else(|log| panic!("no start: {log}"));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop = &stop;
        let client = service.client();
        let writer = scope.spawn(move || {
            // Two users in one commit: one without the other would be half of it.
            let mut pairs = 0;
            while !stop.load(Ordering::Relaxed) {
                let pair = unique("pair");
                let create = |name: &str| {
                    let user = json!({"schemas": [USER], "userName": format!("{name}.{pair}")});
                    json!({"method": "POST", "path": "/Users", "bulkId": name, "data": user})
                };
                let operations = [create("a"), create("z")];
                let bulk = json!({"schemas": [BULK], "Operations": operations});
                let answer = client.send("POST", "/Bulk", &[], Some(&bulk));
                assert_eq!(answer.status, 200, "{}", answer.text);
                pairs += 1;
            }
            pairs
        });
        for round in 0..3 {
            let exported = at(&format!("exported.{round}"));
            succeeds(&["export", "--store", &store, &exported]);
            let mut names: Vec<String> = lines(&exported)
                .iter()
                .filter_map(|line| line["resource"]["attributes"]["userName"].as_str())
                .filter_map(|name| name.split_once(".pair.").map(|(_, pair)| pair.to_owned()))
                .collect();
            names.sort_unstable();
            for pair in names.chunks(2) {
                assert!(pair.len() == 2 && pair[0] == pair[1], "one half of a commit is there");
            }
        }
        stop.store(true, Ordering::Relaxed);
        assert!(writer.join().unwrap() > 10, "hardly any load");
    });
}

#[test]
fn an_export_that_was_killed_goes_on_with_the_same_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (file, store) = (at("users"), format!("sqlite:{}", at("store.db")));
    fs::write(&file, made(20_000)).unwrap();
    succeeds(&["import", "--store", &store, &file]);
    let exported = at("exported");
    let mut export = tool(&["export", "--store", &store, &exported]).spawn().unwrap();
    let started = Instant::now();
    while fs::metadata(&exported).map_or(0, |data| data.len()) < 100_000 {
        assert!(started.elapsed() < Duration::from_mins(1), "nothing is written");
        thread::sleep(Duration::from_millis(2));
    }
    export.kill().unwrap();
    export.wait().unwrap();
    assert!(!fs::read_to_string(&exported).unwrap().contains("{\"end\""), "it was done already");
    // What is written meanwhile is not of that snapshot.
    let late = at("late");
    fs::write(&late, made(20_001)).unwrap();
    succeeds(&["import", "--store", &store, &late]);
    succeeds(&["export", "--store", &store, "--resume", &exported]);
    assert!(lines(&exported) == lines(&file), "not the same lines");

    let error = fails(&["export", "--store", &store, "--resume", &exported]);
    assert!(error.contains("the export is complete"), "{error}");
    // Without its end it is not complete, but the snapshot has been let go.
    let text = fs::read_to_string(&exported).unwrap();
    fs::write(&exported, &text[..text.len() - 60]).unwrap();
    let error = fails(&["export", "--store", &store, "--resume", &exported]);
    assert!(error.contains("is no longer held in this store"), "{error}");
}
