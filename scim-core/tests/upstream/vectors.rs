//! `vectors/upstream/<profile>/*.json`: a request as sent, the calls that it becomes, the answers to
//! these, and the answer to the client.

use core::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use scim_core::port::http::{NoReply, Reply};
use scim_core::port::{Upstream, upstream};
use scim_core::upstream::{Policy, ReactivateBy, profile::Delete};
use serde::Deserialize;
use serde_json::Value;

use crate::entry::{gateway, root, send};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Instead of the folder's: a profile of the configuration.
    profile: Option<Value>,
    root: Option<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    proves: Vec<String>,
    dialect: Option<String>,
    /// Method and path below the gateway's base.
    request: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Value,
    delete: Option<String>,
    reactivate_by: Option<String>,
    calls: Vec<Call>,
    answer: Expected,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    /// Method and target.
    request: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Value,
    status: u16,
    #[serde(default)]
    answer_headers: BTreeMap<String, String>,
    /// A string is sent as it stands.
    #[serde(default)]
    answer: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Value,
    /// Steps without a call.
    notes: Option<Vec<String>>,
}

struct Script {
    calls: RefCell<Vec<Call>>,
    wrong: RefCell<Vec<String>>,
}

impl Upstream for Script {
    async fn send(&self, request: upstream::Request, _: u64, _: usize) -> Result<Reply, NoReply> {
        let line = format!("{} {}", request.method, request.target);
        let mut calls = self.calls.borrow_mut();
        if calls.is_empty() {
            self.wrong.borrow_mut().push(format!("one call too many: {line}"));
            return Err(NoReply);
        }
        let call = calls.remove(0);
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        if call.request != line || call.body != body {
            self.wrong
                .borrow_mut()
                .push(format!("{line} {body}\n  instead of {} {}", call.request, call.body));
        }
        for (name, value) in &call.headers {
            let sent = request.headers.iter().find(|(known, _)| known == name);
            if sent.map_or("", |(_, value)| value) != value {
                self.wrong.borrow_mut().push(format!("{line}: `{name}` is {sent:?}"));
            }
        }
        let body = match call.answer {
            Value::Null => Vec::new(),
            Value::String(text) => text.into_bytes(),
            other => other.to_string().into_bytes(),
        };
        Ok(Reply { status: call.status, headers: call.answer_headers.into_iter().collect(), body })
    }
}

#[test]
fn recorded_exchanges() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/upstream");
    let (mut cases, mut wrong) = (0, Vec::new());
    for profile in std::fs::read_dir(folder).expect("the vectors are there") {
        let profile = profile.expect("a folder").path();
        let name = profile.file_name().expect("a name").to_string_lossy().into_owned();
        for file in std::fs::read_dir(&profile).expect("a folder of vectors") {
            let file = file.expect("a file").path();
            let text = std::fs::read_to_string(&file).expect("a file of vectors");
            let vectors: File =
                serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            for case in vectors.cases {
                cases += 1;
                let own = vectors.profile.clone().unwrap_or_else(|| name.as_str().into());
                let at = vectors.root.as_deref().unwrap_or_else(|| root(&name));
                for problem in run(&case, &own, at) {
                    wrong.push(format!("{name}: {}: {problem}", case.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases >= 40, "only {cases} cases");
}

fn run(case: &Case, profile: &Value, root: &str) -> Vec<String> {
    assert!(!case.proves.is_empty(), "{} proves nothing", case.name);
    let mut gateway = gateway(profile, root);
    let delete = |name: &String| match name.as_str() {
        "deactivate" => Delete::Deactivate,
        "refuse" => Delete::Refuse,
        _ => Delete::Delete,
    };
    let by = |name: &String| match name.as_str() {
        "userName" => ReactivateBy::UserName,
        _ => ReactivateBy::ExternalId,
    };
    gateway.policy = Policy {
        delete: case.delete.as_ref().map(delete),
        reactivate_by: case.reactivate_by.as_ref().map(by),
    };
    let script = Script { calls: RefCell::new(case.calls.clone()), wrong: RefCell::default() };
    let (method, path) = case.request.split_once(' ').expect("a method and a path");
    let target = format!("/scim/v2{path}");
    let headers: Vec<(String, String)> = case.headers.clone().into_iter().collect();
    let dialect = case.dialect.as_deref();
    let answer = send(&gateway, &script, dialect, (method, &target), &headers, &case.body);
    let mut wrong = script.wrong.into_inner();
    let left = script.calls.borrow().len();
    if left > 0 {
        wrong.push(format!("{left} calls were not made"));
    }
    let body = answer.body.clone().unwrap_or_default();
    if answer.status != case.answer.status || body != case.answer.body {
        wrong.push(format!("answer {} {body}", answer.status));
    }
    for (name, value) in &case.answer.headers {
        let sent = answer.headers.iter().find(|(known, _)| known == name);
        if sent.map_or("", |(_, value)| value) != value {
            wrong.push(format!("`{name}` of the answer is {sent:?}"));
        }
    }
    if let Some(notes) = &case.answer.notes {
        let silent = answer.steps.iter().filter(|step| step.status.is_none());
        let made: Vec<String> = silent
            .map(|step| {
                format!("{} {}", step.what, step.attribute.as_deref().unwrap_or_default())
                    .trim()
                    .to_owned()
            })
            .collect();
        if *notes != made {
            wrong.push(format!("notes {made:?}"));
        }
    }
    wrong
}
