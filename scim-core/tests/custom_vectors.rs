//! `vectors/service_custom` against the core: resource types and schemas from a configuration.

#![expect(clippy::expect_used, clippy::panic, reason = "a case that cannot be read must fail")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pollster::block_on;
use scim_core::service::{Config, Head, Service};
use scim_core::store::memory::{Memory, Seeded, VirtualClock};
use serde::Deserialize;
use serde_json::{Value, json};

const TOKEN: &str = "token-for-the-tests";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    proves: Vec<String>,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    method: String,
    path: String,
    #[serde(default)]
    request_headers: BTreeMap<String, String>,
    body: Option<Value>,
    expect: Expect,
    #[serde(default)]
    capture: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    status: u16,
    #[serde(rename = "scimType")]
    scim_type: Option<String>,
    body: Option<Value>,
    #[serde(default)]
    absent: Vec<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors");
    fs::read_to_string(root.join(path)).expect("the file can be read")
}

fn filled(text: &str, known: &BTreeMap<String, String>) -> String {
    known.iter().fold(text.to_owned(), |text, (name, value)| {
        // A value stands inside a JSON text or a header.
        text.replace(&format!("{{{{{name}}}}}"), &value.replace('"', "\\\""))
    })
}

/// Whether `found` holds what is wanted: members of objects, all elements of arrays.
fn holds(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            wanted.iter().all(|(name, value)| found.get(name).is_some_and(|f| holds(value, f)))
        }
        (Value::Array(wanted), Value::Array(found)) => {
            wanted.len() == found.len() && wanted.iter().zip(found).all(|(w, f)| holds(w, f))
        }
        _ => wanted == found,
    }
}

type TestService = Service<Memory, VirtualClock, Seeded>;

fn run(service: &TestService, case: &Case, known: &mut BTreeMap<String, String>) {
    assert!(!case.proves.is_empty(), "{} proves nothing", case.name);
    for (at, step) in case.steps.iter().enumerate() {
        let said = format!("{} (step {at}: {} {})", case.name, step.method, step.path);
        let plain: BTreeMap<String, String> = known.clone();
        let target = format!("/scim/v2{}", filled(&step.path, &plain));
        let body = step.body.as_ref().map(|body| filled(&body.to_string(), &plain));
        let mut headers = BTreeMap::from([("authorization".to_owned(), format!("Bearer {TOKEN}"))]);
        headers.insert("content-type".into(), "application/scim+json".into());
        for (name, value) in &step.request_headers {
            headers.insert(name.clone(), filled(value, &plain).replace("\\\"", "\""));
        }
        let headers: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let head = Head { method: &step.method, target: &target, headers: &headers };
        let bytes = body.unwrap_or_default().into_bytes();
        let outcome = block_on(service.handle(head, async |_| Ok(bytes)));
        let found: Value = serde_json::from_slice(&outcome.body).unwrap_or(Value::Null);
        assert_eq!(outcome.status, step.expect.status, "{said}: {found}");
        if let Some(kind) = &step.expect.scim_type {
            assert_eq!(found.get("scimType"), Some(&json!(kind)), "{said}");
        }
        if let Some(wanted) = &step.expect.body {
            let wanted = filled(&wanted.to_string(), &plain);
            let wanted: Value = serde_json::from_str(&wanted).expect("still JSON");
            assert!(holds(&wanted, &found), "{said}: wanted {wanted}, found {found}");
        }
        for pointer in &step.expect.absent {
            assert!(found.pointer(pointer).is_none(), "{said}: {pointer} is there");
        }
        for (name, part) in &step.expect.headers {
            let is_there =
                outcome.headers.iter().any(|(n, value)| n == name && value.contains(part));
            assert!(is_there, "{said}: {name}");
        }
        for (name, pointer) in &step.capture {
            let value = found.pointer(pointer).unwrap_or_else(|| panic!("{said}: no {pointer}"));
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            known.insert(name.clone(), text);
        }
    }
}

#[test]
fn custom_vectors() {
    let config = Config::parse(&read("config/custom.json")).expect("a good configuration");
    let config = config.with_token(TOKEN).expect("a good token");
    let service = Service::new(config, Memory::new(), VirtualClock::new(1_000), Seeded::new(1));
    let file: File =
        serde_json::from_str(&read("service_custom/custom.json")).expect("a vector file");
    assert!(file.cases.len() >= 50);
    for (at, case) in file.cases.iter().enumerate() {
        let unique = format!("u{at}");
        let mut known = BTreeMap::from([("UNIQUE".to_owned(), unique.to_uppercase())]);
        known.insert("unique".into(), unique);
        run(&service, case, &mut known);
    }
}

#[test]
fn the_configuration_for_the_public_tester_is_good() {
    assert!(Config::parse(&read("config/tester.json")).is_ok());
}

#[test]
fn a_bad_definition_is_refused_at_the_start() {
    let good: Value = serde_json::from_str(&read("config/custom.json")).expect("JSON");
    for (pointer, value, field) in [
        ("/schemas/0/attributes/18/subAttributes/1/type", json!("text"), {
            "schemas[0].attributes[18].subAttributes[1].type"
        }),
        ("/schemas/0/attributes/1/mutability", json!("readonly"), {
            "schemas[0].attributes[1].mutability"
        }),
        ("/resource_types/0/endpoint", json!("/Users"), "resource_types[0].endpoint"),
        ("/resource_types/0/schemaExtensions/1/schema", json!("urn:none:such"), {
            "resource_types[0].schemaExtensions[1].schema"
        }),
        ("/canonical_values", json!("always"), "canonical_values"),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).expect("there is such a field") = value;
        let error = Config::parse(&bad.to_string()).expect_err(pointer);
        assert_eq!(error.field, field);
    }
}
