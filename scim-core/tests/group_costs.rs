//! What groups cost: one member is added, removed and looked for without the others, a list is
//! replaced by its difference, and a group of any size goes in one commit (`docs/design.md` §4).

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says what is wrong")]

use std::collections::BTreeMap;

use pollster::block_on;
use scim_core::protocol::Error;
use scim_core::schema;
use scim_core::service::{Config, Head, Service};
use scim_core::store::directory;
use scim_core::store::keys::ResourceId;
use scim_core::store::memory::{Memory, Seeded, VirtualClock};
use scim_core::store::record::Record;
use scim_core::store::{Options, Store};
use serde_json::{Value, json};

const TOKEN: &str = "token-for-the-tests";
/// Users that are written in one commit.
/// Method, target for a group, and body.
type Request<'a> = (&'a str, &'a dyn Fn(&str) -> String, Value);

const BATCH: u64 = 5000;
const LARGE: usize = 100_000;
const SMALL: usize = 100;

fn id(number: u64) -> ResourceId {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    ResourceId::new(1_000_000 + number, random)
}

/// A store with that many users and one more.
fn users(count: u64) -> Memory {
    let memory = Memory::new();
    let clock = VirtualClock::new(1_000_000);
    let store = Store::new(memory.clone(), clock, Seeded::new(1), Options::default());
    let user_type = schema::user();
    for first in (0..=count).step_by(BATCH.try_into().unwrap()) {
        let job = store.transact(async |tx| {
            for number in first..(count + 1).min(first + BATCH) {
                let attributes = json!({"userName": format!("u{number}")});
                let record = Record {
                    id: id(number),
                    created_ms: 1_000_000,
                    modified_ms: 1_000_000,
                    version: 1,
                    external_ids: BTreeMap::new(),
                    attributes: attributes.as_object().unwrap().clone(),
                };
                directory::put(tx, &user_type, None, &record).await?;
            }
            Ok::<_, Error>(())
        });
        block_on(job).unwrap();
    }
    memory
}

/// The answer, and how many calls to the engine it took without a cache.
fn send(memory: &Memory, method: &str, path: &str, body: &Value) -> (u16, Value, u64) {
    let config = json!({"limits": {"array_items": 200_000, "body_bytes": 30_000_000}});
    let config = Config::parse(&config.to_string()).unwrap().with_token(TOKEN).unwrap();
    let clock = VirtualClock::new(2_000_000);
    // Another instance each time; its identifiers must be new ones.
    let seed = memory.calls();
    let service = Service::new(config, memory.clone(), clock, Seeded::new(seed));
    let target = format!("/scim/v2{path}").replace(' ', "%20").replace('"', "%22");
    let authorization = format!("Bearer {TOKEN}");
    let headers: [(&str, &[u8]); 2] =
        [("authorization", authorization.as_bytes()), ("content-type", b"application/scim+json")];
    let head = Head { method, target: &target, headers: &headers };
    let before = memory.calls();
    let outcome = block_on(service.handle(head, async |_| Ok(body.to_string().into_bytes())));
    let answer = serde_json::from_slice(&outcome.body).unwrap_or_default();
    (outcome.status, answer, memory.calls() - before)
}

fn good(memory: &Memory, method: &str, path: &str, body: &Value) -> (Value, u64) {
    let (status, answer, calls) = send(memory, method, path, body);
    assert!(status < 300, "{method} {path}: {status} {answer}");
    (answer, calls)
}

fn members(numbers: impl Iterator<Item = u64>) -> Value {
    numbers.map(|number| json!({"value": id(number).to_text()})).collect()
}

fn patch(op: &str, path: &str, value: &Value) -> Value {
    let mut operation = json!({"op": op, "path": path});
    if !value.is_null() {
        operation["value"] = value.clone();
    }
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]})
}

fn create(memory: &Memory, size: usize) -> String {
    let all = members(0..size as u64);
    let path = "/Groups?excludedAttributes=members";
    let (group, _) = good(memory, "POST", path, &json!({"displayName": "g", "members": all}));
    group["id"].as_str().unwrap().to_string()
}

fn size(memory: &Memory, group: &str) -> usize {
    let (answer, _) = good(memory, "GET", &format!("/Groups/{group}"), &Value::Null);
    answer["members"].as_array().map_or(0, Vec::len)
}

#[test]
fn one_member_costs_the_same_in_a_group_of_any_size() {
    // One tree for both, so that what differs is the group and not the tree.
    let memory = users(LARGE as u64);
    let groups = [create(&memory, SMALL), create(&memory, LARGE)];
    let (inside, outside) = (id(50).to_text(), id(LARGE as u64).to_text());
    let one = json!([{"value": outside}]);
    let requests: [Request<'_>; 9] = [
        ("PATCH", &|g| format!("/Groups/{g}?attributes=id"), patch("add", "members", &one)),
        (
            "PATCH",
            &|g| format!("/Groups/{g}?excludedAttributes=members"),
            patch("remove", "members", &one),
        ),
        ("PATCH", &|g| format!("/Groups/{g}?attributes=id"), patch("add", "members", &one)),
        (
            "PATCH",
            &|g| format!("/Groups/{g}?attributes=id"),
            patch("remove", &format!("members[value eq \"{outside}\"]"), &Value::Null),
        ),
        (
            "GET",
            &|g| format!("/Groups?filter=id eq \"{g}\" and members eq \"{inside}\"&attributes=id"),
            Value::Null,
        ),
        (
            "GET",
            &|g| {
                format!(
                    "/Groups?filter=members[value eq \"{inside}\"] and id eq \"{g}\"&attributes=id"
                )
            },
            Value::Null,
        ),
        ("GET", &|g| format!("/Groups/{g}?excludedAttributes=members"), Value::Null),
        (
            "GET",
            &|g| format!("/Groups?filter=id eq \"{g}\" and members pr&excludedAttributes=members"),
            Value::Null,
        ),
        (
            "PATCH",
            &|g| format!("/Groups/{g}?attributes=id"),
            patch("replace", "displayName", &json!("h")),
        ),
    ];
    for (method, path, body) in requests {
        let calls = groups.each_ref().map(|group| {
            let (answer, calls) = good(&memory, method, &path(group), &body);
            if method == "GET" {
                let found = answer.get("totalResults").unwrap_or(&json!(1)).clone();
                assert_eq!(found, 1, "{}", path(group));
            }
            calls
        });
        println!("{method} {}: {calls:?} calls at {SMALL} and {LARGE} members", path("…"));
        // Nodes split and join now and then, on each of the ways to the keys that change.
        assert!(calls[1] <= calls[0] + 3, "{method} {}: {calls:?}", path("…"));
    }
}

#[test]
fn a_list_is_replaced_by_its_difference() {
    let memory = users(LARGE as u64);
    let group = create(&memory, LARGE);
    let path = format!("/Groups/{group}?attributes=id");
    // The same list again writes nothing.
    let before = memory.entries();
    let put = json!({"displayName": "g", "members": members(0..LARGE as u64)});
    good(&memory, "PUT", &path, &put);
    assert_eq!(memory.entries(), before);
    // Two others in place of two: as many new nodes as that takes.
    let numbers = (0..=LARGE as u64).filter(|number| ![7, 70_000].contains(number));
    let replace = patch("replace", "members", &members(numbers));
    good(&memory, "PATCH", &path, &replace);
    let written = memory.entries() - before;
    assert!(written < 60, "{written} entries");
    assert_eq!(size(&memory, &group), LARGE - 1);
    // All but one, and all of them by one commit each.
    good(&memory, "PATCH", &path, &patch("replace", "members", &members(3..4)));
    assert_eq!(size(&memory, &group), 1);
    good(&memory, "PATCH", &path, &patch("add", "members", &members(0..LARGE as u64)));
    assert_eq!(size(&memory, &group), LARGE);
    good(&memory, "DELETE", &format!("/Groups/{group}"), &Value::Null);
    let of_user = format!("/Users/{}", id(3).to_text());
    assert_eq!(good(&memory, "GET", &of_user, &Value::Null).0.get("groups"), None);
}

#[test]
fn a_user_leaves_many_groups_in_one_commit() {
    const GROUPS: usize = 2000;
    let memory = users(1);
    let leaver = members(0..1);
    for first in (0..GROUPS).step_by(500) {
        let create = |number| {
            json!({"method": "POST", "path": "/Groups", "bulkId": format!("b{number}"),
            "data": {"displayName": format!("g{number}"), "members": leaver}})
        };
        let operations: Vec<Value> = (first..first + 500).map(create).collect();
        let message = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": operations});
        good(&memory, "POST", "/Bulk", &message);
    }
    let of_leaver = format!("/Groups?filter=members.value eq \"{}\"&count=1", id(0).to_text());
    let (list, _) = good(&memory, "GET", &of_leaver, &Value::Null);
    assert_eq!(list["totalResults"], GROUPS);
    let version = list["Resources"][0]["meta"]["version"].clone();
    let one = format!("/Groups/{}", list["Resources"][0]["id"].as_str().unwrap());
    good(&memory, "DELETE", &format!("/Users/{}", id(0).to_text()), &Value::Null);
    assert_eq!(good(&memory, "GET", &of_leaver, &Value::Null).0["totalResults"], 0);
    let (group, _) = good(&memory, "GET", &one, &Value::Null);
    assert_eq!(group.get("members"), None);
    assert_ne!(group["meta"]["version"], version);
}

#[test]
fn more_members_than_an_answer_can_hold_are_refused_or_left_out() {
    let memory = users(20);
    let group = create(&memory, 11);
    let other = create(&memory, 5);
    let config = json!({"limits": {"members_shown": 10}});
    let config = Config::parse(&config.to_string()).unwrap().with_token(TOKEN).unwrap();
    let clock = VirtualClock::new(3_000_000);
    let service = Service::new(config, memory.clone(), clock, Seeded::new(9));
    let send = |method: &str, path: &str, body: &Value| {
        let target = format!("/scim/v2{path}");
        let authorization = format!("Bearer {TOKEN}");
        let headers: [(&str, &[u8]); 2] = [
            ("authorization", authorization.as_bytes()),
            ("content-type", b"application/scim+json"),
        ];
        let head = Head { method, target: &target, headers: &headers };
        let outcome = block_on(service.handle(head, async |_| Ok(body.to_string().into_bytes())));
        (outcome.status, serde_json::from_slice::<Value>(&outcome.body).unwrap_or_default())
    };
    let (path, none) = (format!("/Groups/{group}"), Value::Null);
    let (status, answer) = send("GET", &path, &none);
    assert_eq!((status, &answer["scimType"]), (400, &json!("tooMany")));
    assert_eq!(send("GET", "/Groups", &none).0, 400);
    assert_eq!(send("GET", "/Groups?excludedAttributes=members", &none).1["totalResults"], 2);
    assert_eq!(send("GET", &format!("{path}?attributes=displayName"), &none).0, 200);
    assert_eq!(send("GET", &format!("/Groups/{other}"), &none).0, 200);
    // It is done, and nothing that a client can take for the new list is answered.
    let put = json!({"displayName": "new", "members": members(0..12)});
    assert_eq!(send("PUT", &path, &put), (204, Value::Null));
    assert_eq!(size(&memory, &group), 12);
    let post = json!({"displayName": "new", "members": members(0..12)});
    assert_eq!(send("POST", "/Groups", &post), (201, Value::Null));
    // What one answer holds is the sum of its groups.
    let (third, fourth) = (create(&memory, 4), create(&memory, 4));
    let filter = [&other, &third, &fourth].map(|id| format!("id%20eq%20%22{id}%22"));
    let two = format!("/Groups?filter={}", filter[..2].join("%20or%20"));
    let three = format!("/Groups?filter={}", filter.join("%20or%20"));
    assert_eq!((send("GET", &two, &none).0, send("GET", &three, &none).0), (200, 400));
}
