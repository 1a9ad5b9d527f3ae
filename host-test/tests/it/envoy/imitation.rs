//! The imitation of Envoy against Envoy itself: the same scenarios, the same outcome.
//!
//! `UPDATE=1` writes what real Envoy did into the files; then the imitation has to do the same.

mod filter;
mod imitated;
mod probe;
mod real;
mod scenario;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use host_test::imitation::Program;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use self::scenario::{File, Scenario};
use super::gateway::{TOKEN, UPSTREAM_TOKEN};

/// The variable that holds the gateway's token at the upstream.
const CREDENTIAL: &str = "SCIM_EDGE_UPSTREAM_TOKEN";
/// Milliseconds between two requests of one scenario: a filter that died may start again.
const PAUSE_MS: u64 = 250;

fn files() -> Vec<(String, File)> {
    let files = crate::client::vector_files("imitation").into_iter();
    files.map(|(path, text)| (path, serde_json::from_str(&text).unwrap())).collect()
}

fn configuration() -> String {
    let sha256 = format!("{:x}", Sha256::digest(TOKEN));
    json!({
        "clients": [{"name": "default", "tokens": [{"sha256": sha256}]}],
        "upstream": {"base": "/base/v2", "credential_env": CREDENTIAL},
    })
    .to_string()
}

#[test]
fn scenarios_end_in_the_imitation_as_they_say() {
    let gateway = std::fs::read(host_test::plugins::envoy_filter().unwrap()).unwrap();
    let mut programs: BTreeMap<Vec<u8>, Rc<Program>> = BTreeMap::new();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (path, file) in files() {
        for case in &file.cases {
            let wasm = case.probe.as_ref().map_or_else(|| gateway.clone(), probe::module);
            let program = programs.entry(wasm).or_insert_with_key(|wasm| {
                let cache = host_test::plugins::target_dir().join("wasmtime-cache");
                Rc::new(Program::compile(wasm, Some(&cache)).unwrap())
            });
            let outcome = imitated::run(case, program, &configuration());
            count += 1;
            if case.expect.as_ref() != Some(&outcome) {
                let expected = serde_json::to_string_pretty(&case.expect).unwrap();
                let came = serde_json::to_string_pretty(&outcome).unwrap();
                wrong.push(format!("{path}: {}\nexpected {expected}\ncame {came}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 30, "only {count} scenarios");
}

#[test]
fn scenarios_end_in_real_envoy_as_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = host_test::plugins::envoy_filter().unwrap();
    let mut files = files();
    let mut prepared: Vec<(&Scenario, PathBuf, String)> = Vec::new();
    for case in files.iter().flat_map(|(_, file)| &file.cases) {
        let wasm = case.probe.as_ref().map_or_else(
            || gateway.clone(),
            |script| {
                let path = folder.path().join(format!("{}.wasm", prepared.len()));
                std::fs::write(&path, probe::module(script)).unwrap();
                path
            },
        );
        prepared.push((case, wasm, configuration()));
    }
    let Some(outcomes) = real::run(&prepared, folder.path()) else { return };
    if std::env::var_os("UPDATE").is_some() {
        let mut outcomes = outcomes.into_iter();
        for (path, file) in &mut files {
            for case in &mut file.cases {
                case.expect = outcomes.next();
            }
            let text = serde_json::to_string_pretty(file).unwrap();
            std::fs::write(crate::harness::checkout(&format!("vectors/{path}")), text + "\n")
                .unwrap();
        }
        return;
    }
    let mut wrong = Vec::new();
    for ((case, ..), outcome) in prepared.iter().zip(&outcomes) {
        if case.expect.as_ref() != Some(outcome) {
            let expected = serde_json::to_string_pretty(&case.expect).unwrap();
            let came = serde_json::to_string_pretty(outcome).unwrap();
            wrong.push(format!("{}\nexpected {expected}\ncame {came}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
