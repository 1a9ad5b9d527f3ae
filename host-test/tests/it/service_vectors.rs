//! `vectors/service*`, `vectors/rfc` and `vectors/patch` against the component, by the runner that
//! the core's own tests use.

#[path = "../../../scim-core/tests/common/vectors.rs"]
mod common;

use common::{Case, File, PatchCase, Subject, run_case, run_patch};

use crate::client::{self, Client};
use crate::harness::{self, Service};

/// The component over HTTP.
struct OverHttp<'a> {
    client: Client,
    token: &'a str,
}

impl<'a> OverHttp<'a> {
    fn new(service: &'a Service) -> Self {
        Self { client: service.client(), token: service.token() }
    }
}

impl Subject for OverHttp<'_> {
    fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: Option<&str>,
    ) -> common::Answer {
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let client::Answer { status, headers, body, .. } =
            self.client.send_text(method, path, &headers, body);
        // The log of the program is read when it has ended.
        common::Answer { status, headers, body, audit: String::new() }
    }

    fn token(&self) -> &str {
        self.token
    }
}

#[test]
fn service_vectors() {
    let service = harness::shared();
    assert!(run_folder(service, "service") + run_folder(service, "rfc") >= 100);
}

#[test]
fn patch_vectors() {
    let subject = OverHttp::new(harness::shared());
    let count = run_files("patch", |case: &PatchCase| {
        let result = run_patch(&subject, case, &client::unique("patch"));
        (case.name.clone(), case.proves.len(), result)
    });
    assert!(count >= 100, "only {count} cases");
}

/// `vectors/config/NAME.json` is the configuration for the cases in `vectors/service_NAME`.
#[test]
fn service_vectors_with_a_configuration() {
    let mut folders = 0;
    for (file, _) in client::vector_files("config") {
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
    assert!(folders >= 5, "only {folders} configurations");
}

/// Runs all cases of a folder; how many there were.
fn run_folder(service: &Service, folder: &str) -> usize {
    let subject = OverHttp::new(service);
    run_files(folder, |case: &Case| {
        let result = run_case(&subject, case, &client::unique("case"));
        (case.name.clone(), case.proves.len(), result)
    })
}

/// Runs all cases of all files of a folder by a function that says name, number of proofs, result.
fn run_files<T: serde::de::DeserializeOwned>(
    folder: &str,
    run: impl Fn(&T) -> (String, usize, Result<(), String>),
) -> usize {
    let mut failures = Vec::new();
    let mut count = 0;
    for (path, text) in client::vector_files(folder) {
        let file: File<T> =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        for case in &file.cases {
            let (name, proofs, result) = run(case);
            assert!(proofs > 0, "{path}: {name} proves nothing");
            count += 1;
            failures.extend(result.err().map(|why| format!("{path}: {name}: {why}")));
        }
    }
    assert!(failures.is_empty(), "{} of {count}:\n{}", failures.len(), failures.join("\n"));
    count
}
