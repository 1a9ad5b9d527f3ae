//! Runs `vectors/filter` and `vectors/path` against the core (RFC 7644 §3.4.2.2, §3.5.2, §3.10).
#![expect(clippy::panic, reason = "a test may fail by a panic")]

use std::fs;
use std::path::Path;

use scim_core::protocol::filter::{self, FilterError};
use scim_core::protocol::limits::Limits;
use scim_core::protocol::path::{AttrPath, PatchPath};
use scim_core::resource::matching;
use scim_core::schema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A text that is, or is not, a filter or path.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Syntax {
    name: String,
    rfc: String,
    #[serde(alias = "path")]
    filter: String,
    /// The canonical print of what was understood.
    tree: Option<String>,
    error: Option<At>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct At {
    /// Byte of the text.
    at: usize,
}

/// A filter over resources.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Semantics {
    name: String,
    rfc: String,
    filter: String,
    /// `User` unless given.
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    resources: Vec<Value>,
    #[serde(default)]
    matches: Vec<bool>,
    /// The filter in the schema's letters and types, where the vector is about that.
    resolved: Option<String>,
    /// The filter is refused as `invalidFilter`, with this name in the detail.
    refused: Option<String>,
}

fn load<T: DeserializeOwned>(file: &str) -> Vec<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors").join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn run_syntax(file: &str, parse: impl Fn(&str) -> Result<String, FilterError>) -> usize {
    let vectors: Vec<Syntax> = load(file);
    for vector in &vectors {
        let name = format!("{file}, {} ({})", vector.name, vector.rfc);
        match (&vector.tree, &vector.error, parse(&vector.filter)) {
            (Some(tree), None, Ok(printed)) => {
                assert_eq!(*tree, printed, "{name}");
                assert_eq!(parse(tree).as_ref(), Ok(tree), "{name}: its print");
            }
            (None, Some(error), Err(found)) => {
                assert_eq!(error.at, found.span().start, "{name}: {found}");
                let end = found.span().end;
                assert!(vector.filter.is_char_boundary(end), "{name}: {found} to {end}");
            }
            (.., found) => panic!("{name}: {found:?}"),
        }
    }
    vectors.len()
}

fn parse_filter(text: &str) -> Result<String, FilterError> {
    filter::parse(text, &Limits::default()).map(|filter| filter.to_string())
}

#[test]
fn valid_filters() {
    assert!(run_syntax("filter/valid.json", parse_filter) >= 60);
}

#[test]
fn invalid_filters() {
    assert!(run_syntax("filter/invalid.json", parse_filter) >= 40);
}

#[test]
fn patch_paths() {
    let parse = |text: &str| PatchPath::parse(text, &Limits::default()).map(|p| p.to_string());
    assert!(run_syntax("path/patch.json", parse) >= 40);
}

#[test]
fn attribute_paths() {
    assert!(
        run_syntax("path/attribute.json", |text| AttrPath::parse(text).map(|p| p.to_string()))
            >= 20
    );
}

#[test]
fn semantics() {
    let vectors: Vec<Semantics> = load("filter/semantics.json");
    assert!(vectors.len() >= 60);
    for vector in vectors {
        let name = format!("{} ({})", vector.name, vector.rfc);
        let resource_type = match vector.kind.as_deref() {
            None | Some("User") => schema::user(),
            Some("Group") => schema::group(),
            Some(other) => panic!("{name}: no type {other}"),
        };
        let parsed = filter::parse(&vector.filter, &Limits::default());
        let parsed = parsed.unwrap_or_else(|e| panic!("{name}: {e}"));
        let resolved = match (matching::resolve(parsed, &resource_type), &vector.refused) {
            (Ok(resolved), None) => resolved,
            (Err(error), Some(names)) => {
                assert_eq!(error.to_json()["scimType"], "invalidFilter", "{name}");
                assert!(error.detail().contains(&format!("`{names}`")), "{name}: {error}");
                continue;
            }
            (found, _) => panic!("{name}: {found:?}"),
        };
        if let Some(text) = &vector.resolved {
            assert_eq!(*text, resolved.to_string(), "{name}");
        }
        let again = matching::resolve(resolved.clone(), &resource_type);
        assert_eq!(again.as_ref(), Ok(&resolved), "{name}: resolved twice");
        let matches: Vec<bool> = vector
            .resources
            .iter()
            .map(|resource| matching::matches(&resolved, &resource_type, resource))
            .collect();
        assert_eq!(vector.matches, matches, "{name}: {}", vector.filter);
    }
}
