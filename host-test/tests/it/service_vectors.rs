//! `vectors/service`: cases of several requests each, with what must come back.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::client::Client;
use crate::harness::{self, Service};

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

/// One request. `{{name}}` stands for what an earlier step captured, for `unique` (a text that no
/// other case has), `UNIQUE` (the same in capitals) and `token`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    method: String,
    path: String,
    #[serde(default)]
    request_headers: BTreeMap<String, String>,
    body: Option<Value>,
    /// A body that is no JSON.
    text: Option<String>,
    expect: Expect,
    /// Names, and JSON pointers into the answer.
    #[serde(default)]
    capture: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    status: u16,
    #[serde(rename = "scimType")]
    scim_type: Option<String>,
    /// What the answer holds at least: members of objects; all elements of arrays, in order.
    body: Option<Value>,
    /// JSON pointers to what it must not hold.
    #[serde(default)]
    absent: Vec<String>,
    /// Header fields, and what their values contain.
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

#[test]
fn service_vectors() {
    let service = harness::shared();
    assert!(run_folder(service, "service") + run_folder(service, "rfc") >= 100);
}

/// `vectors/config/NAME.json` is the configuration for the cases in `vectors/service_NAME`.
#[test]
fn service_vectors_with_a_configuration() {
    let mut folders = 0;
    for (file, _) in crate::client::vector_files("config") {
        let name = file.trim_start_matches("config/").trim_end_matches(".json");
        let folder = format!("service_{name}");
        if !harness::checkout("vectors").join(&folder).is_dir() {
            continue;
        }
        let data = tempfile::tempdir().unwrap();
        let mut command = harness::command(data.path());
        command.arg("--config").arg(harness::checkout("vectors").join(&file));
        let service = Service::start(command).unwrap_or_else(|log| panic!("{file}: {log}"));
        assert!(run_folder(&service, &folder) > 0);
        folders += 1;
    }
    assert!(folders >= 4, "only {folders} configurations");
}

/// Runs all cases of a folder; how many there were.
fn run_folder(service: &Service, folder: &str) -> usize {
    let client = service.client();
    let mut failures = Vec::new();
    let mut count = 0;
    for (path, text) in crate::client::vector_files(folder) {
        let file: File =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        for case in file.cases {
            assert!(!case.proves.is_empty(), "{path}: {} proves nothing", case.name);
            count += 1;
            if let Err(why) = run(&client, service.token(), &case) {
                failures.push(format!("{path}: {}: {why}", case.name));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {count}:\n{}", failures.len(), failures.join("\n"));
    count
}

fn run(client: &Client, token: &str, case: &Case) -> Result<(), String> {
    let unique = crate::client::unique("case");
    let mut known = BTreeMap::from([
        ("UNIQUE".to_owned(), Value::from(unique.to_uppercase())),
        ("unique".to_owned(), Value::from(unique)),
        ("token".to_owned(), Value::from(token)),
    ]);
    for (at, step) in case.steps.iter().enumerate() {
        let context = |why: String| format!("step {at} {} {}: {why}", step.method, step.path);
        let body = match (&step.text, &step.body) {
            (Some(text), _) => Some(fill_text(text, &known)),
            (None, Some(body)) => Some(fill(body, &known).to_string()),
            (None, None) => None,
        };
        let headers: Vec<(String, String)> = step
            .request_headers
            .iter()
            .map(|(name, value)| (name.clone(), fill_text(value, &known)))
            .collect();
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let path = fill_text(&step.path, &known);
        let answer = client.send_text(&step.method, &path, &headers, body.as_deref());
        check(&step.expect, &answer, &known)
            .map_err(|why| context(format!("{why}; {} {}", answer.status, answer.text)))?;
        for (name, pointer) in &step.capture {
            let found = answer.body.pointer(pointer).cloned();
            let found = found.ok_or_else(|| context(format!("nothing at {pointer}")))?;
            known.insert(name.clone(), found);
        }
    }
    Ok(())
}

fn check(
    expect: &Expect,
    answer: &crate::client::Answer,
    known: &BTreeMap<String, Value>,
) -> Result<(), String> {
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
    for pointer in &expect.absent {
        if answer.body.pointer(pointer).is_some() {
            return Err(format!("{pointer} is there"));
        }
    }
    for (name, part) in &expect.headers {
        if !answer.header(name).is_some_and(|value| value.contains(part.as_str())) {
            return Err(format!("{name} is {:?}", answer.header(name)));
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
