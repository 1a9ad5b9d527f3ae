//! The documents name files that exist.
#![expect(clippy::expect_used, reason = "a test that cannot read its input must fail")]

use std::fs;
use std::path::{Path, PathBuf};

use scim_core::protocol::Rule;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["", "docs", "docs/decisions", "vectors"] {
        for entry in fs::read_dir(root().join(folder)).expect("a folder of documents") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found
}

/// The targets of links, and what stands between backticks.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    text.split(open).skip(1).filter_map(|rest| Some(rest.split_once(close)?.0)).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    let mut seen = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).expect("a document");
        let folder = document.parent().expect("a folder");
        for link in between(&text, "](", ")") {
            let target = link.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            seen += 1;
            if !folder.join(target).exists() {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(seen > 10, "only {seen} links were looked at");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_rule_is_explained() {
    let text = fs::read_to_string(root().join("docs/dialects.md")).expect("a document");
    for rule in Rule::ALL {
        assert!(text.contains(&format!("| `{}` |", rule.id())), "{}", rule.id());
    }
}

#[test]
fn paths_in_the_tour_exist() {
    let mut broken = Vec::new();
    let mut seen = 0;
    for name in ["docs/tour.md", "vectors/README.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(root().join(name)).expect("a document");
        for path in text.lines().flat_map(|line| line.split('`').skip(1).step_by(2)) {
            let is_path = path.contains('/')
                && !path.starts_with('/')
                && path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_-.".contains(&b));
            if !is_path {
                continue;
            }
            seen += 1;
            // A path inside the core or the vectors may leave the first folder out.
            let places = ["", "scim-core/src", "vectors"];
            if !places.iter().any(|place| root().join(place).join(path).exists()) {
                broken.push(format!("{name}: {path}"));
            }
        }
    }
    assert!(seen > 20, "only {seen} paths were looked at");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
