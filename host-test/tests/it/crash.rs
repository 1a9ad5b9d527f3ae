//! `kill -9` in the midst of writes: what was acknowledged stays, and nothing is half visible.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use serde_json::{Value, json};

use crate::client::Client;
use crate::harness::{self, Service};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const ROUNDS: u64 = 10;
const WRITERS: usize = 4;

/// What the writers know: names that they tried, and of those acknowledged the ids.
#[derive(Default)]
struct Known {
    tried: Mutex<Vec<String>>,
    created: Mutex<Vec<(String, String)>>,
    members: Mutex<Vec<String>>,
    number: AtomicU64,
}

#[test]
fn kill_9_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    survives(|| harness::command(folder.path()), ROUNDS);
}

#[test]
fn kill_9_loses_nothing_either_when_only_the_process_counts() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}", folder.path().join("store.db").display());
    let start = || {
        let mut command = harness::command(&folder.path().join("unused"));
        command.args(["--store", &file, "--durability", "process"]);
        command
    };
    survives(start, 3);
    assert!(!folder.path().join("unused").exists(), "a folder was made that nobody needs");
}

/// Kills what `start` starts, again and again, and checks each time what the next one finds.
fn survives(start: impl Fn() -> Command, rounds: u64) {
    let start = || Service::start(start()).unwrap_or_else(|log| panic!("no start: {log}"));
    let known = Known::default();
    let mut service = start();
    let group = json!({"schemas": [GROUP], "displayName": "crash"});
    let group = service.client().send("POST", "/Groups", &[], Some(&group));
    let group = group.body["id"].as_str().unwrap().to_owned();
    for round in 0..rounds {
        let client = service.client();
        thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| write(&client, &group, &known));
            }
            thread::sleep(Duration::from_millis(120 + round * 41));
            service.kill();
        });
        service = start();
        check(&service.client(), &group, &known);
    }
    let created = known.created.lock().unwrap().len();
    assert!(created > 10 * usize::try_from(rounds).unwrap(), "only {created} users were written");
}

/// Creates users and puts each into the group, until the service is gone.
fn write(client: &Client, group: &str, known: &Known) {
    loop {
        let number = known.number.fetch_add(1, Ordering::Relaxed);
        let name = crate::client::unique(&format!("crash.{number}"));
        known.tried.lock().unwrap().push(name.clone());
        let user = json!({"schemas": [USER], "userName": name, "displayName": name});
        let Some((201, body)) = send(client, "POST", "/Users", &user) else { return };
        let id = body["id"].as_str().unwrap().to_owned();
        known.created.lock().unwrap().push((name, id.clone()));
        let add = json!({"op": "add", "path": "members", "value": [{"value": id}]});
        let message = json!({"schemas": [PATCH], "Operations": [add]});
        match send(client, "PATCH", &format!("/Groups/{group}"), &message) {
            Some((200 | 204, _)) => known.members.lock().unwrap().push(id),
            _ => return,
        }
    }
}

/// `None` when the service has gone.
fn send(client: &Client, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
    let answer = client.try_send(method, path, &[], Some(&body.to_string())).ok()?;
    assert!(answer.status < 400, "{} {}", answer.status, answer.text);
    Some((answer.status, answer.body))
}

fn check(client: &Client, group: &str, known: &Known) {
    for (name, id) in known.created.lock().unwrap().iter() {
        let user = client.send("GET", &format!("/Users/{id}"), &[], None);
        assert_eq!(user.status, 200, "an acknowledged user is lost");
        assert_eq!(user.body["userName"], **name);
    }
    let mut present = 0;
    for name in known.tried.lock().unwrap().iter() {
        let path = format!("/Users?filter=userName%20eq%20%22{name}%22");
        let found = client.send("GET", &path, &[], None);
        let users = found.body["Resources"].as_array().unwrap();
        assert_eq!(found.body["totalResults"], users.len(), "{}", found.text);
        for user in users {
            present += 1;
            assert_eq!(user["displayName"], **name, "a user is half there");
            let path = format!("/Users/{}", user["id"].as_str().unwrap());
            assert_eq!(client.send("GET", &path, &[], None).status, 200);
        }
    }
    let all = client.send("GET", "/Users?count=0", &[], None);
    assert_eq!(all.body["totalResults"], present, "users are listed that cannot be found");
    let group = client.send("GET", &format!("/Groups/{group}"), &[], None);
    let members: Vec<&str> = group.body["members"]
        .as_array()
        .map(|members| members.iter().filter_map(|member| member["value"].as_str()).collect())
        .unwrap_or_default();
    for id in known.members.lock().unwrap().iter() {
        assert!(members.contains(&id.as_str()), "an acknowledged member is lost");
    }
    let last = members.len().saturating_sub(WRITERS * 2);
    for id in members.iter().skip(last) {
        let user = client.send("GET", &format!("/Users/{id}"), &[], None);
        assert_eq!(user.status, 200, "a member is no user");
    }
}
