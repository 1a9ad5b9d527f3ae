//! `vectors/conformance/requirements.json` and what proves each requirement, as
//! `docs/conformance.md`. `UPDATE=1` writes the page anew.
//!
//! A proof is a case (`service/lists: a page of one`), all cases of a file (`filter/valid`), or a
//! test (`test: projection_never_adds`). Cases of `patch`, `service*` and `rfc` are run here.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail by a panic"
)]

#[path = "common/vectors.rs"]
mod common;
#[path = "conformance/runner.rs"]
mod runner;

use core::fmt::Write as _;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// Cases by file (`service/lists`); what happened, for those that are run here.
type Cases = BTreeMap<String, BTreeMap<String, Option<Result<(), String>>>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Requirement {
    id: String,
    /// RFC and section.
    section: String,
    level: Level,
    /// What is required, in our own words.
    #[serde(rename = "requirement")]
    text: String,
    #[serde(default)]
    proof: Vec<String>,
    /// Why nothing is to be proved.
    not_applicable: Option<String>,
    /// What is missing.
    open: Option<String>,
    /// Why it is not met, on purpose.
    not_met: Option<String>,
}

impl Requirement {
    fn is_met(&self) -> bool {
        !self.proof.is_empty() && self.open.is_none() && self.not_met.is_none()
    }
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    #[serde(rename = "MUST")]
    Must,
    #[serde(rename = "SHOULD")]
    Should,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors")
}

fn vectors(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn requirements_are_proved() {
    let cases = cases();
    let failed: Vec<String> = cases
        .iter()
        .flat_map(|(file, cases)| cases.iter().map(move |(name, result)| (file, name, result)))
        .filter_map(|(file, name, result)| {
            let why = result.as_ref()?.as_ref().err()?;
            Some(format!("{file}: {name}: {why}"))
        })
        .collect();
    assert!(failed.is_empty(), "{} cases failed:\n{}", failed.len(), failed.join("\n"));

    let requirements: Vec<Requirement> =
        serde_json::from_str(&vectors("conformance/requirements.json")).unwrap();
    let tests = tests();
    let mut wrong = Vec::new();
    let mut ids = BTreeSet::new();
    for requirement in &requirements {
        if !ids.insert(&requirement.id) {
            wrong.push(format!("{}: twice", requirement.id));
        }
        let ways = [
            requirement.is_met(),
            requirement.not_applicable.is_some(),
            requirement.open.is_some(),
            requirement.not_met.is_some(),
        ];
        if ways.iter().filter(|way| **way).count() != 1 {
            wrong.push(format!("{}: proof, not_applicable, open or not_met", requirement.id));
        }
        for proof in &requirement.proof {
            if count(proof, &cases, &tests) == 0 {
                wrong.push(format!("{}: there is no `{proof}`", requirement.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(requirements.len() >= 120);

    let page = page(&requirements, &cases, &tests);
    let path = root().join("../docs/conformance.md");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(page == written, "docs/conformance.md is not up to date: UPDATE=1 writes it");
}

/// All cases of all vectors.
fn cases() -> Cases {
    let mut cases = Cases::new();
    let mut folders: Vec<String> = entries("").into_iter().filter(|n| !n.contains('.')).collect();
    folders.sort();
    for folder in folders {
        if ["config", "conformance", "suites", "traces"].contains(&folder.as_str()) {
            continue;
        }
        let is_run = folder == "patch" || folder == "rfc" || folder.starts_with("service");
        for file in entries(&folder) {
            let Some(name) = file.strip_suffix(".json") else { continue };
            let found = if is_run {
                let run = runner::run(&folder, name);
                run.into_iter().map(|(name, result)| (name, Some(result))).collect()
            } else {
                names(&vectors(&format!("{folder}/{file}")))
            };
            cases.insert(format!("{folder}/{name}"), found);
        }
    }
    cases
}

fn entries(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The names of cases that other tests run; routes go by their targets.
fn names(text: &str) -> BTreeMap<String, Option<Result<(), String>>> {
    let file: Value = serde_json::from_str(text).unwrap();
    let cases = file.as_array().or_else(|| file["cases"].as_array());
    let named = cases.into_iter().flatten().filter_map(|case| {
        let name = case["name"].as_str().or_else(|| case["target"].as_str())?;
        Some((name.to_owned(), None))
    });
    named.collect()
}

/// The names of all test functions of this crate.
fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut open = vec![here.join("src"), here.join("tests")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                tests.extend(test_functions(&fs::read_to_string(path).unwrap()));
            }
        }
    }
    tests
}

fn test_functions(source: &str) -> Vec<String> {
    let parts = source.split("#[test]").skip(1);
    let name = |part: &str| {
        let rest = &part[part.find("fn ")? + 3..];
        Some(rest[..rest.find('(')?].to_owned())
    };
    parts.filter_map(name).collect()
}

/// How many cases a proof names.
fn count(proof: &str, cases: &Cases, tests: &BTreeSet<String>) -> usize {
    match proof.split_once(": ") {
        Some(("test", name)) => usize::from(tests.contains(name)),
        Some((file, name)) => cases.get(file).map_or(0, |c| usize::from(c.contains_key(name))),
        None => cases.get(proof).map_or(0, BTreeMap::len),
    }
}

fn page(requirements: &[Requirement], cases: &Cases, tests: &BTreeSet<String>) -> String {
    let met = requirements.iter().filter(|r| r.is_met()).count();
    let open = requirements.iter().filter(|r| r.open.is_some()).count();
    let not_met = requirements.iter().filter(|r| r.not_met.is_some()).count();
    let not_applicable = requirements.len() - met - open - not_met;
    let all: usize = cases.values().map(BTreeMap::len).sum();
    let run: usize = cases.values().flat_map(BTreeMap::values).filter(|r| r.is_some()).count();
    let mut page = format!(
        "# Conformance\n\n\
         What RFC 7643, RFC 7644 and RFC 9865 ask of a service, in our own words, and what proves \
         it. Written by a test run (`UPDATE=1 cargo test -p scim-core --test conformance`) from \
         [requirements.json](../vectors/conformance/requirements.json); the test fails when a \
         proof is missing or fails.\n\n\
         {} requirements: {met} met, {not_applicable} not applicable, {not_met} not met on \
         purpose, {open} open. {all} vectors, of which this run sent {run} to the service; the others are run by the \
         tests that [vectors/README.md](../vectors/README.md) names.\n",
        requirements.len(),
    );
    let mut rfc = "";
    for requirement in requirements {
        let (document, section) =
            requirement.section.split_once(" §").unwrap_or((&requirement.section, ""));
        if document != rfc {
            rfc = document;
            let _ = write!(
                page,
                "\n## {rfc}\n\n| § | level | requirement | proof | result |\n|---|---|---|---|---|\n"
            );
        }
        let level = if requirement.level == Level::Must { "MUST" } else { "SHOULD" };
        let (proof, result) = columns(requirement, cases, tests);
        let text = &requirement.text;
        let _ = writeln!(page, "| {section} | {level} | {text} | {proof} | {result} |");
    }
    page
}

fn columns(requirement: &Requirement, cases: &Cases, tests: &BTreeSet<String>) -> (String, String) {
    let number: usize = requirement.proof.iter().map(|p| count(p, cases, tests)).sum();
    let proof: Vec<String> = requirement.proof.iter().map(|p| p.replace('|', "\\|")).collect();
    let proof = proof.join("; ");
    let Requirement { not_applicable, open, not_met, .. } = requirement;
    let result = match (not_applicable, open, not_met) {
        (Some(why), ..) => format!("not applicable: {why}"),
        (_, Some(why), _) => format!("**open**: {why}"),
        (.., Some(why)) => format!("not met on purpose: {why}"),
        _ => format!("met ({number})"),
    };
    (proof, result)
}
