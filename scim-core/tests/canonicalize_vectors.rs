//! `vectors/canonicalize`: bodies as clients send them, and as a strict server gets them.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

use std::path::Path;

use scim_core::dialect::{self, Dialect};
use scim_core::protocol::limits::Limits;
use scim_core::protocol::route::Endpoint;
use scim_core::protocol::{Notes, ScimType};
use scim_core::schema::Catalog;
use serde::Deserialize;
use serde_json::Value;

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
    method: String,
    endpoint: String,
    dialect: Option<String>,
    /// The body; a string is sent as it stands.
    body: Value,
    canonical: Option<Value>,
    /// What is noted of a body that is understood: the rule, and the path if there is one.
    #[serde(default)]
    notes: Vec<String>,
    error: Option<(u16, Option<String>)>,
}

fn listed(notes: &Notes) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let notes = notes.to_json();
    let one = |note: &Value| format!("{} {}", text(&note["rule"]), text(&note["path"]));
    notes.as_array().unwrap().iter().map(|note| one(note).trim_end().to_owned()).collect()
}

#[test]
fn bodies_become_canonical() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/canonicalize/bodies.json");
    let text = std::fs::read_to_string(file).expect("the vectors can be read");
    let file: File = serde_json::from_str(&text).expect("the vectors have the right form");
    let (catalog, limits) = (Catalog::default(), Limits::default());
    let mut wrong = Vec::new();
    for case in &file.cases {
        assert!(!case.proves.is_empty(), "{} proves nothing", case.name);
        let endpoint = match case.method.as_str() {
            "POST" => Endpoint::Collection(case.endpoint.clone()),
            _ => Endpoint::Item { endpoint: case.endpoint.clone(), id: "7".into() },
        };
        let body = match &case.body {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let named =
            case.dialect.as_deref().map(|name| Dialect::from_name(name).expect("a dialect"));
        let mut notes = Notes::default();
        let made = dialect::canonicalize_body(
            &catalog,
            &case.method,
            &endpoint,
            named,
            body.as_bytes(),
            &limits,
            &mut notes,
        );
        let notes: Vec<String> = listed(&notes);
        let is_right = match (&made, &case.canonical, &case.error) {
            (Ok(bytes), Some(wanted), None) => {
                // What is canonical already stays what it is.
                let mut notes_again = Notes::default();
                let again = dialect::canonicalize_body(
                    &catalog,
                    &case.method,
                    &endpoint,
                    named,
                    bytes,
                    &limits,
                    &mut notes_again,
                );
                serde_json::from_slice::<Value>(bytes).ok().as_ref() == Some(wanted)
                    && again.as_ref() == Ok(bytes)
                    && notes == case.notes
                    && notes_again.is_empty()
            }
            (Err(error), None, Some((status, kind))) => {
                error.status() == *status
                    && error.scim_type().map(ScimType::as_str) == kind.as_deref()
            }
            _ => false,
        };
        if !is_right {
            let made = made.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            wrong.push(format!("{}: {made:?} {notes:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(file.cases.len() >= 30);
}
