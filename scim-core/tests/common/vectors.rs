//! The vectors that any service can be asked to prove: cases of several requests (`vectors/service*`,
//! `vectors/rfc`) and of one PATCH (`vectors/patch`). A [`Subject`] is who answers.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A service under test.
pub(crate) trait Subject {
    /// Sends a request to a path below the SCIM root, with the token unless a header field of the
    /// name `authorization` is among `headers`.
    fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: Option<&str>,
    ) -> Answer;

    /// The token.
    fn token(&self) -> &str;
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body as JSON; null if there is none.
    pub(crate) body: Value,
    /// The audit line, where the subject shows it.
    pub(crate) audit: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File<T> {
    pub(crate) cases: Vec<T>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) proves: Vec<String>,
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

/// One PATCH. `resource` is what the user is afterwards, without `id`, `meta`, `schemas` and the
/// `userName` that it is given here; `error` is status and `scimType` of a refusal, after which
/// the user must be what it was.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatchCase {
    pub(crate) name: String,
    pub(crate) proves: Vec<String>,
    given: Value,
    operations: Value,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    resource: Option<Map<String, Value>>,
    /// Nothing changes: neither the version nor the time.
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

/// Runs a case; `unique` is in no other case, nor a part of its texts.
pub(crate) fn run_case(subject: &impl Subject, case: &Case, unique: &str) -> Result<(), String> {
    let mut known = BTreeMap::from([
        ("UNIQUE".to_owned(), Value::from(unique.to_uppercase())),
        ("unique".to_owned(), Value::from(unique)),
        ("token".to_owned(), Value::from(subject.token())),
    ]);
    for (at, step) in case.steps.iter().enumerate() {
        let body = match (&step.text, &step.body) {
            (Some(text), _) => Some(fill_text(text, &known)),
            (None, Some(body)) => Some(fill(body, &known).to_string()),
            (None, None) => None,
        };
        let fields = step.request_headers.iter();
        let fields: Vec<(String, String)> =
            fields.map(|(name, value)| (name.clone(), fill_text(value, &known))).collect();
        let path = fill_text(&step.path, &known);
        let answer = subject.ask(&step.method, &path, &fields, body.as_deref());
        let context = |why: String| {
            let Answer { status, body, .. } = &answer;
            format!("step {at} {} {path}: {why}; {status} {body}", step.method)
        };
        check(&step.expect, &answer, &known).map_err(context)?;
        says_nothing(&answer, unique).map_err(context)?;
        for (name, pointer) in &step.capture {
            let found = answer.body.pointer(pointer).cloned();
            let found = found.ok_or_else(|| context(format!("nothing at {pointer}")))?;
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

/// Creates the user of a case under a name of its own, patches it, and reads it again.
pub(crate) fn run_patch(
    subject: &impl Subject,
    case: &PatchCase,
    user_name: &str,
) -> Result<(), String> {
    let mut user = case.given.clone();
    user["userName"] = user_name.into();
    user["schemas"] = json!([USER]);
    if user.get(ENTERPRISE).is_some() {
        user["schemas"] = json!([USER, ENTERPRISE]);
    }
    let made = subject.ask("POST", "/Users", &[], Some(&user.to_string()));
    if made.status != 201 {
        return Err(format!("the given user was refused: {} {}", made.status, made.body));
    }
    let path = format!("/Users/{}", made.body["id"].as_str().unwrap_or_default());
    let before = subject.ask("GET", &path, &[], None).body;
    let mut message = json!({"Operations": case.operations});
    if case.schemas {
        message["schemas"] = json!(["urn:ietf:params:scim:api:messages:2.0:PatchOp"]);
    }
    let headers: Vec<(String, String)> =
        case.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let answer = subject.ask("PATCH", &path, &headers, Some(&message.to_string()));
    let after = subject.ask("GET", &path, &[], None).body;
    if let Some((status, kind)) = &case.error {
        let found = (answer.status, answer.body["scimType"].as_str());
        if found != (*status, kind.as_deref()) {
            return Err(format!("answered {} {}", answer.status, answer.body));
        }
        return if before == after { Ok(()) } else { Err(format!("was refused, but {after}")) };
    }
    if answer.status != 200 || answer.body != after {
        return Err(format!("answered {} {}, but reads {after}", answer.status, answer.body));
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
