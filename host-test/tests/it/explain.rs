//! `scim-edge explain --upstream …`: one request's path through the gateway, without a gateway.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

fn explain(args: &[&str], request: &Value) -> (bool, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_scim-edge"))
        .arg("explain")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(request.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn entras_request_to_bitwarden_is_shown_step_by_step() {
    let request = json!({"method": "PATCH", "path": "/Users/7", "body": {
        "Operations": [{"op": "Replace", "path": "active", "value": "False"},
                       {"op": "Replace", "path": "title", "value": "x"}],
    }});
    let args = ["--dialect", "entra", "--upstream", "bitwarden", "--root", "/v2/org"];
    let (done, text) = explain(&args, &request);
    assert!(done, "{text}");
    for line in [
        "sent        PATCH /Users/7",
        "understood  as entra",
        "  note      boolean-as-text active",
        "  note      capital-op",
        "call 1      PATCH /v2/org/users/7",
        "  step      ignored title",
        "answer      204",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}:\n{text}");
    }
    let mut json = args.to_vec();
    json.push("--json");
    let explained: Value = serde_json::from_str(&explain(&json, &request).1).unwrap();
    let sent = &explained["calls"][0]["body"]["Operations"];
    assert_eq!(*sent, json!([{"op": "replace", "path": "active", "value": false}]));
    assert_eq!(explained["answer"]["status"], 204);
}

#[test]
fn a_body_alone_is_enough_and_answers_can_be_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let answers = folder.path().join("answers.json");
    let conflict = json!([{"status": 409, "body": {"status": 409, "detail": "Conflict"}}]);
    std::fs::write(&answers, conflict.to_string()).unwrap();
    let answers = answers.to_str().unwrap();
    let user = json!({"userName": "ada@mill.example", "active": "True"});
    let args = ["--upstream", "openproject", "--answers", answers, "--json"];
    let explained: Value = serde_json::from_str(&explain(&args, &user).1).unwrap();
    assert_eq!(explained["sent"]["method"], "POST");
    assert_eq!(explained["calls"][0]["body"]["emails"][0]["value"], "ada@mill.example");
    assert_eq!(explained["answer"]["body"]["scimType"], "uniqueness");
}

#[test]
fn profiles_and_mappings_come_from_files_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &Value| {
        let path = folder.path().join(name);
        std::fs::write(&path, content.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let profile = file("profile.json", &json!({"resources": {"Users": {"path": "people"}}}));
    let rules = json!({"rules": [{"name": "a", "resource": "User", "drop": ["title"]}]});
    let mapping = file("mapping.json", &rules);
    let user = json!({"userName": "ada", "title": "x"});
    let args = ["--upstream", &profile, "--mapping", &mapping, "--json"];
    let explained: Value = serde_json::from_str(&explain(&args, &user).1).unwrap();
    let call = &explained["calls"][0];
    assert_eq!((call["path"].as_str(), call["body"].get("title")), (Some("/scim/v2/people"), None));

    let wrong = file("wrong.json", &json!({"resource": {}}));
    let (done, text) = explain(&["--upstream", &wrong], &user);
    assert!(!done && text.contains("did you mean `resources`?"), "{text}");
    let (done, text) = explain(&["--upstream", "bitwarden", "--dialect", "azure"], &user);
    assert!(!done && text.contains("--dialect"), "{text}");
}
