//! What an audit line says of a request: notes of what was rewritten, the operations of a Bulk.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong")]

use pollster::block_on;
use scim_core::service::{Config, Head, Service};
use scim_core::store::memory::{Memory, Seeded, VirtualClock};
use serde_json::{Value, json};

type TestService = Service<Memory, VirtualClock, Seeded>;

const TOKEN: &str = "token-for-the-tests";

fn service() -> TestService {
    let config = Config::parse("{}").unwrap().with_token(TOKEN).unwrap();
    Service::new(config, Memory::new(), VirtualClock::new(1_000_000), Seeded::new(1))
}

/// The body of the answer, and the audit line.
fn send(service: &TestService, method: &str, path: &str, body: &Value) -> (Value, Value) {
    let target = format!("/scim/v2{path}");
    let authorization = format!("Bearer {TOKEN}");
    let headers: [(&str, &[u8]); 2] =
        [("authorization", authorization.as_bytes()), ("content-type", b"application/scim+json")];
    let head = Head { method, target: &target, headers: &headers };
    let body = async |_| Ok(body.to_string().into_bytes());
    let outcome = block_on(service.handle(head, body));
    let audit = serde_json::from_str(&outcome.audit).unwrap();
    (serde_json::from_slice(&outcome.body).unwrap_or_default(), audit)
}

#[test]
fn what_was_rewritten_is_noted_without_values() {
    let service = service();
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "http://secret-value.example/"],
        "userName": "secret-value",
        "id": "secret-value",
        "active": "True",
        "secret value": 1,
        "shoeSize": "secret-value",
        "department": "secret-value",
        "emails": {"value": "secret-value"},
    });
    let (user, audit) = send(&service, "POST", "/Users", &body);
    assert!(!audit.to_string().contains("secret"), "{audit}");
    let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let noted = json!([
        {"rule": "foreign-schema", "path": "schemas"},
        {"rule": "boolean-as-text", "path": "active"},
        {"rule": "extension-without-urn", "path": format!("{urn}:department")},
        {"rule": "element-without-array", "path": "emails"},
        {"rule": "read-only-ignored", "path": "id"},
        {"rule": "unknown-ignored"},
        {"rule": "unknown-ignored", "path": "shoeSize"},
    ]);
    assert_eq!(audit["notes"], noted);

    let path = format!("/Users/{}", user["id"].as_str().unwrap());
    let message = json!({"Operations": [{"op": "Replace", "value": {"active": "False"}}]});
    let (_, audit) = send(&service, "PATCH", &path, &message);
    let rules: Vec<&Value> =
        audit["notes"].as_array().unwrap().iter().map(|n| &n["rule"]).collect();
    assert_eq!(rules, ["schemas-missing", "capital-op", "boolean-as-text"]);
    assert_eq!(audit["dialect"], "entra");

    // Nothing to note, nothing noted.
    let body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "b"});
    let (_, audit) = send(&service, "PUT", &path, &body);
    assert_eq!((audit["status"].as_u64(), audit.get("notes")), (Some(200), None));
}

#[test]
fn the_operations_of_a_bulk_are_listed() {
    let service = service();
    let post = |name: &str, at: usize| {
        let data = json!({"userName": name, "active": "true"});
        json!({"method": "POST", "path": "/Users", "bulkId": format!("b{at}"), "data": data})
    };
    let message = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [post("a", 0), post("A", 1), {"method": "DELETE", "path": "/Cars/7"}],
    });
    let (answer, audit) = send(&service, "POST", "/Bulk", &message);
    let bulk = &audit["bulk"];
    assert_eq!((&bulk["done"], &bulk["failed"]), (&json!(3), &json!(2)));
    let id = answer["Operations"][0]["location"].as_str().unwrap().rsplit('/').next().unwrap();
    let first = json!({"method": "POST", "endpoint": "Users", "id": id, "status": 201});
    assert_eq!(bulk["operations"][0], first);
    assert_eq!(bulk["operations"][1]["status"], 409);
    let last = json!({"method": "DELETE", "endpoint": null, "id": null, "status": 404});
    assert_eq!(bulk["operations"][2], last);
    assert_eq!(audit["notes"][1], json!({"rule": "boolean-as-text", "path": "active"}));

    let many: Vec<Value> = (0..150).map(|at| post(&format!("user{at}"), at)).collect();
    let (_, audit) = send(&service, "POST", "/Bulk", &json!({"Operations": many}));
    assert_eq!(audit["bulk"]["done"], 150);
    assert_eq!(audit["bulk"]["operations"].as_array().unwrap().len(), 100);
}
