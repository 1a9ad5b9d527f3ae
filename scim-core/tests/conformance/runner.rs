//! Runs `vectors/patch`, `vectors/service*` and `vectors/rfc` against the service in memory.

use std::collections::BTreeMap;
use std::fs;

use scim_core::service::{Config, Head, Service};
use scim_core::store::memory::{Memory, Seeded, VirtualClock};
use serde::Deserialize;
use serde_json::{Value, json};

use super::vectors;

const TOKEN: &str = "conformance-token-0123456789";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const BASE: &str = "/scim/v2";

#[derive(Deserialize)]
struct File<T> {
    cases: Vec<T>,
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
    text: Option<String>,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatchCase {
    name: String,
    proves: Vec<String>,
    given: Value,
    operations: Value,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    resource: Option<Value>,
    #[serde(default)]
    unchanged: bool,
    error: Option<(u16, Option<String>)>,
    /// Whether the message names its schema.
    #[serde(default = "yes")]
    schemas: bool,
}

const fn yes() -> bool {
    true
}

struct Client {
    service: Service<Memory, VirtualClock, Seeded>,
    clock: VirtualClock,
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Value,
    audit: String,
}

/// Runs one file: the result of each case by its name.
pub(crate) fn run(folder: &str, file: &str) -> BTreeMap<String, Result<(), String>> {
    let text = vectors(&format!("{folder}/{file}.json"));
    let mut results = BTreeMap::new();
    let mut put = |name: String, proves: &[String], result| {
        assert!(!proves.is_empty(), "{folder}/{file}: `{name}` proves nothing");
        let twice = results.insert(name, result).is_some();
        assert!(!twice, "{folder}/{file}: two cases of one name");
    };
    let client = Client::new(folder);
    if folder == "patch" {
        let file: File<PatchCase> = serde_json::from_str(&text).unwrap();
        for (number, case) in file.cases.into_iter().enumerate() {
            let result = patch(&client, &case, &format!("user-{number}"));
            put(case.name, &case.proves, result);
        }
        return results;
    }
    let cases: File<Case> =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{folder}/{file}: {error}"));
    for (number, case) in cases.cases.into_iter().enumerate() {
        // Text that no other case has, and that is in none of them as a part.
        let unique = format!("c{number:03}-{}", &TOKEN[..11]);
        put(case.name.clone(), &case.proves, steps(&client, &case, &unique));
    }
    results
}

impl Client {
    /// `service_x` asks for a service with the configuration `vectors/config/x.json`.
    fn new(folder: &str) -> Self {
        let config = folder.strip_prefix("service_").map_or_else(String::new, |name| {
            let path = super::root().join(format!("config/{name}.json"));
            fs::read_to_string(path).unwrap()
        });
        let config = Config::parse(&config).and_then(|config| config.with_token(TOKEN));
        let config = config.unwrap_or_else(|error| panic!("{folder}: {error}"));
        let clock = VirtualClock::new(1_700_000_000_000);
        let service = Service::new(config, Memory::new(), clock.clone(), Seeded::new(1));
        Self { service, clock }
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        headers: &BTreeMap<String, String>,
        body: Option<&str>,
    ) -> Answer {
        let mut fields = BTreeMap::from([
            ("authorization".to_owned(), format!("Bearer {TOKEN}")),
            ("host".to_owned(), "scim.example".to_owned()),
        ]);
        if body.is_some() {
            fields.insert("content-type".to_owned(), "application/scim+json".to_owned());
        }
        for (name, value) in headers {
            fields.insert(name.to_ascii_lowercase(), value.clone());
        }
        let fields: Vec<(&str, &[u8])> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let target = format!("{BASE}{path}");
        let head = Head { method, target: &target, headers: &fields };
        let body = body.unwrap_or_default().as_bytes().to_vec();
        self.clock.advance(1);
        let outcome = pollster::block_on(self.service.handle(head, async |_| Ok(body)));
        let body = serde_json::from_slice(&outcome.body).unwrap_or_default();
        let (status, headers, audit) = (outcome.status, outcome.headers, outcome.audit);
        Answer { status, headers, body, audit }
    }

    fn json(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(Value::to_string);
        self.send(method, path, &BTreeMap::new(), body.as_deref())
    }
}

fn steps(client: &Client, case: &Case, unique: &str) -> Result<(), String> {
    let mut known = BTreeMap::from([
        ("UNIQUE".to_owned(), Value::from(unique.to_uppercase())),
        ("unique".to_owned(), Value::from(unique)),
        ("token".to_owned(), Value::from(TOKEN)),
    ]);
    for (at, step) in case.steps.iter().enumerate() {
        let body = match (&step.text, &step.body) {
            (Some(text), _) => Some(fill_text(text, &known)),
            (None, Some(body)) => Some(fill(body, &known).to_string()),
            (None, None) => None,
        };
        let fields = step.request_headers.iter();
        let fields = fields.map(|(name, value)| (name.clone(), fill_text(value, &known))).collect();
        let path = fill_text(&step.path, &known);
        let answer = client.send(&step.method, &path, &fields, body.as_deref());
        check(&step.expect, &answer, &known).map_err(|why| {
            format!("step {at} {} {path}: {why}; {} {}", step.method, answer.status, answer.body)
        })?;
        says_nothing(&answer, unique).map_err(|why| format!("step {at}: {why}"))?;
        for (name, pointer) in &step.capture {
            let found = answer.body.pointer(pointer).cloned();
            let found = found.ok_or_else(|| format!("step {at}: nothing at {pointer}"))?;
            known.insert(name.clone(), found);
        }
    }
    Ok(())
}

/// No value of an attribute stands in a log or in the text of an error.
fn says_nothing(answer: &Answer, value: &str) -> Result<(), String> {
    let holds = |text: &str| text.to_lowercase().contains(value);
    if holds(&answer.audit) {
        return Err("the audit line holds a value".into());
    }
    if answer.status >= 400 && holds(&answer.body.to_string()) {
        return Err("the error holds a value".into());
    }
    Ok(())
}

fn check(expect: &Expect, answer: &Answer, known: &BTreeMap<String, Value>) -> Result<(), String> {
    if answer.status != expect.status {
        return Err(format!("wanted {}", expect.status));
    }
    if let Some(wanted) = &expect.scim_type
        && answer.body["scimType"] != **wanted
    {
        return Err(format!("wanted {wanted}"));
    }
    if let Some(wanted) = &expect.body {
        holds(&fill(wanted, known), &answer.body, "")?;
    }
    if let Some(there) = expect.absent.iter().find(|p| answer.body.pointer(p).is_some()) {
        return Err(format!("{there} is there"));
    }
    for (name, part) in &expect.headers {
        let mut found = answer.headers.iter().filter(|(known, _)| known == name);
        if !found.any(|(_, value)| value.contains(&fill_text(part, known))) {
            return Err(format!("`{name}` does not hold `{part}`"));
        }
    }
    Ok(())
}

/// Whether `found` holds everything that `wanted` names.
fn holds(wanted: &Value, found: &Value, at: &str) -> Result<(), String> {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            wanted.iter().try_for_each(|(name, value)| {
                holds(value, found.get(name).unwrap_or(&Value::Null), &format!("{at}/{name}"))
            })
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => wanted
            .iter()
            .zip(found)
            .enumerate()
            .try_for_each(|(index, (w, f))| holds(w, f, &format!("{at}/{index}"))),
        _ if wanted == found => Ok(()),
        _ => Err(format!("{at} is not {wanted}")),
    }
}

/// Replaces `{{name}}`; a string that is nothing else becomes the value itself.
fn fill(value: &Value, known: &BTreeMap<String, Value>) -> Value {
    match value {
        Value::String(text) => {
            let name = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
            match name.and_then(|name| known.get(name)) {
                Some(value) => value.clone(),
                None => Value::String(fill_text(text, known)),
            }
        }
        Value::Array(items) => items.iter().map(|item| fill(item, known)).collect(),
        Value::Object(members) => Value::Object(
            members.iter().map(|(name, value)| (name.clone(), fill(value, known))).collect(),
        ),
        other => other.clone(),
    }
}

fn fill_text(text: &str, known: &BTreeMap<String, Value>) -> String {
    known.iter().fold(text.to_owned(), |text, (name, value)| match value {
        Value::String(value) => text.replace(&format!("{{{{{name}}}}}"), value),
        _ => text,
    })
}

fn patch(client: &Client, case: &PatchCase, user_name: &str) -> Result<(), String> {
    let mut user = case.given.clone();
    user["userName"] = user_name.into();
    user["schemas"] = json!(["urn:ietf:params:scim:schemas:core:2.0:User"]);
    if user.get(ENTERPRISE).is_some() {
        user["schemas"] = json!(["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE]);
    }
    let created = client.json("POST", "/Users", Some(&user));
    if created.status != 201 {
        return Err(format!("given: {} {}", created.status, created.body));
    }
    let path = format!("/Users/{}", created.body["id"].as_str().unwrap_or_default());
    let before = client.json("GET", &path, None).body;
    let mut message = json!({"Operations": case.operations});
    if case.schemas {
        message["schemas"] = json!(["urn:ietf:params:scim:api:messages:2.0:PatchOp"]);
    }
    let answer = client.send("PATCH", &path, &case.headers, Some(&message.to_string()));
    let after = client.json("GET", &path, None).body;
    if let Some((status, kind)) = &case.error {
        let found = (answer.status, answer.body["scimType"].as_str());
        if found != (*status, kind.as_deref()) {
            return Err(format!("{found:?}"));
        }
        return if before == after { Ok(()) } else { Err("something changed".into()) };
    }
    let set = |name: &str| ["id", "meta", "schemas", "userName"].contains(&name);
    let members = after.as_object().into_iter().flatten().filter(|(name, _)| !set(name));
    let seen: Value =
        Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect());
    let version = |resource: &Value| resource.pointer("/meta/version").cloned();
    if answer.status != 200 || answer.body != after {
        Err(format!("{} {}", answer.status, answer.body))
    } else if case.resource.as_ref() != Some(&seen) {
        Err(seen.to_string())
    } else if case.unchanged != (version(&before) == version(&after)) {
        Err("the version".into())
    } else {
        Ok(())
    }
}
