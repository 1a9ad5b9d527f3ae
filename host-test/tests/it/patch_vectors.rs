//! `vectors/patch`: each case creates a user, patches it, and reads it again.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::client::Client;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cases: Vec<Case>,
}

/// One PATCH. `resource` is what the user is afterwards, without `id`, `meta`, `schemas` and the
/// `userName` that the runner gives it; `error` is status and `scimType` of a refusal, after which
/// the user must be what it was.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    proves: Vec<String>,
    given: Map<String, Value>,
    operations: Vec<Value>,
    resource: Option<Map<String, Value>>,
    error: Option<(u16, Option<String>)>,
    /// Nothing changes: neither the version nor the time.
    #[serde(default)]
    unchanged: bool,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default = "yes")]
    schemas: bool,
}

fn yes() -> bool {
    true
}

#[test]
fn patch_vectors() {
    let service = crate::harness::shared();
    let client = service.client();
    let mut failures = Vec::new();
    let mut count = 0;
    for (path, text) in crate::client::vector_files("patch") {
        let file: File =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        for case in file.cases {
            assert!(!case.proves.is_empty(), "{path}: {} proves nothing", case.name);
            count += 1;
            if let Err(why) = run(&client, &case) {
                failures.push(format!("{path}: {}: {why}", case.name));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {count}:\n{}", failures.len(), failures.join("\n"));
    assert!(count >= 100, "only {count} cases");
}

fn run(client: &Client, case: &Case) -> Result<(), String> {
    let mut user = case.given.clone();
    user.insert("schemas".into(), json!(["urn:ietf:params:scim:schemas:core:2.0:User"]));
    user.insert("userName".into(), json!(crate::client::unique("patch")));
    let made = client.send("POST", "/Users", &[], Some(&Value::Object(user)));
    if made.status != 201 {
        return Err(format!("the given user was refused: {} {}", made.status, made.body));
    }
    let path = format!("/Users/{}", made.body["id"].as_str().unwrap_or_default());
    let before = client.send("GET", &path, &[], None).body;
    let mut message = json!({"Operations": case.operations});
    if case.schemas {
        message["schemas"] = json!(["urn:ietf:params:scim:api:messages:2.0:PatchOp"]);
    }
    let headers: Vec<(&str, &str)> =
        case.headers.iter().map(|(k, v)| (k.as_str(), v.as_str().unwrap_or_default())).collect();
    let answer = client.send("PATCH", &path, &headers, Some(&message));
    let after = client.send("GET", &path, &[], None).body;
    if let Some((status, kind)) = &case.error {
        if answer.status != *status || answer.body["scimType"].as_str() != kind.as_deref() {
            return Err(format!("answered {} {}", answer.status, answer.body));
        }
        return if before == after { Ok(()) } else { Err(format!("was refused, but {after}")) };
    }
    if answer.status != 200 {
        return Err(format!("answered {} {}", answer.status, answer.body));
    }
    if answer.body != after {
        return Err(format!("answered {}, but reads {after}", answer.body));
    }
    if case.unchanged && before != after {
        return Err(format!("changed {before} to {after}"));
    }
    if !case.unchanged && before["meta"]["version"] == after["meta"]["version"] {
        return Err("the version is still the same".into());
    }
    let mut seen = after.as_object().cloned().unwrap_or_default();
    for own in ["id", "meta", "schemas", "userName"] {
        seen.remove(own);
    }
    match &case.resource {
        Some(wanted) if *wanted == seen => Ok(()),
        _ => Err(format!("became {}", Value::Object(seen))),
    }
}
