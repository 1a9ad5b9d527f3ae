//! `/Me` by every attribute (RFC 7644 §3.11), and how many names a member list carries.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says what is wrong")]

use pollster::block_on;
use scim_core::service::{Config, Head, Service};
use scim_core::store::memory::{Memory, Seeded, VirtualClock};
use serde_json::{Value, json};

type TestService = Service<Memory, VirtualClock, Seeded>;

const TOKEN: &str = "token-for-the-tests";

fn service(config: &Value) -> TestService {
    let config = Config::parse(&config.to_string()).unwrap().with_token(TOKEN).unwrap();
    Service::new(config, Memory::new(), VirtualClock::new(1_000_000), Seeded::new(1))
}

fn send(service: &TestService, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let target = format!("/scim/v2{path}");
    let authorization = format!("Bearer {TOKEN}");
    let headers: [(&str, &[u8]); 2] =
        [("authorization", authorization.as_bytes()), ("content-type", b"application/scim+json")];
    let head = Head { method, target: &target, headers: &headers };
    let body = async |_| Ok(body.to_string().into_bytes());
    let outcome = block_on(service.handle(head, body));
    (outcome.status, serde_json::from_slice(&outcome.body).unwrap_or_default())
}

fn get(service: &TestService, path: &str) -> (u16, Value) {
    send(service, "GET", path, &Value::Null)
}

fn create(service: &TestService, path: &str, body: &Value) -> String {
    let (status, answer) = send(service, "POST", path, body);
    assert_eq!(status, 201, "{answer}");
    answer["id"].as_str().unwrap().to_string()
}

fn linked(attribute: &str, user: &str) -> TestService {
    service(&json!({
        "clients": [{"name": "default", "provider": "idp", "user": user, "tokens": []}],
        "me": {"attribute": attribute, "answer": "serve"},
    }))
}

#[test]
fn a_client_is_linked_by_any_of_three_attributes() {
    let by_name = linked("userName", "ADA");
    let id = create(&by_name, "/Users", &json!({"userName": "ada"}));
    assert_eq!(get(&by_name, "/Me").1["id"], *id);

    let by_external_id = linked("externalId", "x-1");
    assert_eq!(get(&by_external_id, "/Me").0, 404);
    let ada = json!({"userName": "ada", "externalId": "x-1"});
    let id = create(&by_external_id, "/Users", &ada);
    assert_eq!(get(&by_external_id, "/Me").1["id"], *id);
    // Two users with one externalId: neither is meant.
    create(&by_external_id, "/Users", &json!({"userName": "bo", "externalId": "x-1"}));
    assert_eq!(get(&by_external_id, "/Me").0, 404);

    // Services with the same seed make the same identifiers.
    let twin = service(&json!({}));
    assert_eq!(get(&twin, "/Me").0, 404);
    let id = create(&twin, "/Users", &json!({"userName": "ada"}));
    let by_id = linked("id", &id);
    assert_eq!(get(&by_id, "/Me").0, 404);
    assert_eq!(create(&by_id, "/Users", &json!({"userName": "ada"})), id);
    assert_eq!(get(&by_id, "/Me").1["id"], *id);
    assert_eq!(get(&linked("id", "no id"), "/Me").0, 404);
}

#[test]
fn a_wrong_configuration_is_refused_by_the_path_of_the_field() {
    for (document, field) in [
        (json!({"me": "serve"}), "me"),
        (json!({"me": {"answer": "later"}}), "me.answer"),
        (json!({"me": {"attribute": "emails"}}), "me.attribute"),
        (json!({"me": {"claim": "sub"}}), "me.claim"),
        (json!({"nested_groups": "yes"}), "nested_groups"),
        (json!({"passwords": "plain"}), "passwords"),
        (json!({"limits": {"cursor_seconds": 0}}), "limits.cursor_seconds"),
        (json!({"clients": [{"name": "a", "user": 7, "tokens": []}]}), "clients[0].user"),
    ] {
        assert_eq!(Config::parse(&document.to_string()).unwrap_err().field, field);
    }
}

#[test]
fn a_long_member_list_goes_without_names() {
    let service = service(&json!({}));
    let mut members = Vec::new();
    for number in 0..201 {
        let user = json!({"userName": format!("u{number}"), "displayName": format!("U {number}")});
        members.push(json!({"value": create(&service, "/Users", &user)}));
    }
    for (count, alone, listed) in [(20, true, true), (200, true, false), (201, false, false)] {
        let group = json!({"displayName": format!("g{count}"), "members": members[..count]});
        let id = create(&service, "/Groups", &group);
        let has_names = |group: &Value| {
            let members = group["members"].as_array().unwrap();
            assert_eq!(members.len(), count);
            let named = members.iter().filter(|m| m.get("display").is_some()).count();
            assert!(named == 0 || named == count);
            named > 0
        };
        assert_eq!(has_names(&get(&service, &format!("/Groups/{id}")).1), alone, "{count}");
        let list = get(&service, &format!("/Groups?filter=id%20eq%20%22{id}%22")).1;
        assert_eq!(has_names(&list["Resources"][0]), listed, "{count}");
    }
}

#[test]
fn a_password_is_stored_as_a_hash_only() {
    let memory = Memory::new();
    let config = Config::parse(r#"{"passwords": "hash"}"#).unwrap().with_token(TOKEN).unwrap();
    let clock = VirtualClock::new(1_000_000);
    let service = Service::new(config, memory.clone(), clock, Seeded::new(1));
    create(&service, "/Users", &json!({"userName": "ada", "password": "correct horse"}));
    let stored = block_on(async {
        use scim_core::store::kv::Kv;
        let mut all = Vec::new();
        for key in memory.keys() {
            all.extend(memory.get(&key).await.unwrap().unwrap_or_default());
        }
        String::from_utf8_lossy(&all).into_owned()
    });
    assert!(stored.contains("$argon2id$v=19$m=7168,t=5,p=1$"));
    assert!(!stored.contains("correct horse"));
}
