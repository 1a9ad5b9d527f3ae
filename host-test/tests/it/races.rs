//! Many clients at once.

use std::thread;

use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::harness::{Service, shared};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

fn at_once(count: usize, job: impl Fn(usize) -> Answer + Sync) -> Vec<Answer> {
    let job = &job;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|number| scope.spawn(move || job(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn create(client: &Client, endpoint: &str, resource: &Value) -> String {
    let answer = client.send("POST", endpoint, &[], Some(resource));
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.body["id"].as_str().unwrap().to_owned()
}

#[test]
fn of_64_creations_of_one_name_one_succeeds() {
    one_creation_succeeds(&shared().client());
}

/// Uniqueness is exact, on any engine.
pub fn one_creation_succeeds(client: &Client) {
    let name = crate::client::unique("race");
    let answers = at_once(64, |number| {
        // The name is compared without regard to letter case.
        let name = if number % 2 == 0 { name.clone() } else { name.to_uppercase() };
        client.send("POST", "/Users", &[], Some(&json!({"schemas": [USER], "userName": name})))
    });
    let created = answers.iter().filter(|answer| answer.status == 201).count();
    let refused = answers
        .iter()
        .filter(|answer| answer.status == 409 && answer.body["scimType"] == "uniqueness")
        .count();
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!((created, refused), (1, 63), "{statuses:?}");
    let found = client.send("GET", &filter("userName", &name), &[], None);
    assert_eq!(found.body["totalResults"], 1, "{}", found.text);
}

fn filter(attribute: &str, value: &str) -> String {
    format!("/Users?filter={attribute}%20eq%20%22{value}%22")
}

#[test]
fn of_40_members_added_at_once_none_is_lost() {
    no_member_is_lost(&Service::fresh().client());
}

/// Writers of one group do not overwrite each other, on any engine.
pub fn no_member_is_lost(client: &Client) {
    let users: Vec<String> = (0..40)
        .map(|_| {
            let name = crate::client::unique("member");
            create(client, "/Users", &json!({"schemas": [USER], "userName": name}))
        })
        .collect();
    let group = create(client, "/Groups", &json!({"schemas": [GROUP], "displayName": "all"}));
    let answers = at_once(users.len(), |number| {
        let user = &users[number];
        let operation = json!({"op": "add", "path": "members", "value": [{"value": user}]});
        let message = json!({"schemas": [PATCH], "Operations": [operation]});
        client.send("PATCH", &format!("/Groups/{group}"), &[], Some(&message))
    });
    for answer in &answers {
        assert!(matches!(answer.status, 200 | 204), "{} {}", answer.status, answer.text);
    }
    let group = client.send("GET", &format!("/Groups/{group}"), &[], None);
    let mut members: Vec<&str> = group.body["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| member["value"].as_str().unwrap())
        .collect();
    members.sort_unstable();
    let mut expected: Vec<&str> = users.iter().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(members, expected);
}
