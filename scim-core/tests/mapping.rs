//! `vectors/mapping`: rules, what they make of resources and changes, and which are refused.

#![expect(clippy::expect_used, reason = "a test whose input is missing must fail")]

use std::path::Path;

use scim_core::dialect::{Dialect, modification};
use scim_core::mapping::{Mapped, Mapping};
use scim_core::protocol::limits::Limits;
use scim_core::protocol::{Error, Notes, ScimType};
use scim_core::resource::{Reading, Unknown, patch};
use scim_core::schema::Catalog;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cases: Vec<Case>,
    invalid: Vec<Invalid>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    proves: Vec<String>,
    mapping: Value,
    resource: Option<String>,
    input: Option<Value>,
    /// Operations of a PATCH, instead of an input.
    patch: Option<Value>,
    output: Option<Value>,
    #[serde(default)]
    skipped: bool,
    error: Option<(u16, String)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Invalid {
    mapping: Value,
    field: String,
    words: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    proves: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    attribute: String,
    okta: Option<String>,
    jumpcloud: Option<String>,
    entra: Option<String>,
}

fn read<T: for<'de> Deserialize<'de>>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/mapping").join(name);
    let text = std::fs::read_to_string(path).expect("the vectors can be read");
    serde_json::from_str(&text).expect("the vectors have the right form")
}

fn made(case: &Case, catalog: &Catalog) -> Result<Option<Value>, Error> {
    let mapping = Mapping::from_json(&case.mapping, catalog).expect("the mapping is right");
    let name = case.resource.as_deref().unwrap_or("User");
    let resource_type = catalog.by_name(name).expect("a resource type");
    if let Some(operations) = &case.patch {
        let message = json!({"schemas": [], "Operations": operations});
        let reading = Reading { resource_type, unknown: Unknown::Keep };
        let (limits, notes) = (Limits::default(), &mut Notes::default());
        let message = message.as_object().expect("an object");
        let (_, changes) = modification(message, &reading, Some(Dialect::Rfc), &limits, notes)?;
        return Ok(Some(patch::to_message(&mapping.changes(resource_type, changes)?)));
    }
    let input = case.input.as_ref().and_then(Value::as_object).expect("an input");
    Ok(match mapping.apply(resource_type, input)? {
        Mapped::Resource(resource) => Some(Value::Object(resource)),
        Mapped::Skipped => None,
    })
}

#[test]
fn rules_do_what_they_say() {
    let (file, catalog): (File, Catalog) = (read("rules.json"), Catalog::default());
    let mut wrong = Vec::new();
    for case in &file.cases {
        assert!(!case.proves.is_empty(), "{} proves nothing", case.name);
        let made = made(case, &catalog);
        let is_right = match (&made, &case.error) {
            (Err(error), Some((status, kind))) => {
                error.status() == *status && error.scim_type().map(ScimType::as_str) == Some(kind)
            }
            (Ok(made), None) => *made == case.output && made.is_none() == case.skipped,
            _ => false,
        };
        if !is_right {
            wrong.push(format!("{}: {made:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(file.cases.len() >= 25);
}

#[test]
fn what_is_wrong_is_named() {
    let (file, catalog): (File, Catalog) = (read("rules.json"), Catalog::default());
    for case in &file.invalid {
        let error = Mapping::from_json(&case.mapping, &catalog).expect_err("it is wrong");
        assert_eq!(error.field, case.field, "{}", case.mapping);
        assert!(error.message.contains(&case.words), "{}: {}", case.mapping, error.message);
    }
    assert!(file.invalid.len() >= 12);
}

/// VG-09: three times thirteen cells, and what is blank stays blank.
#[test]
fn the_presets_are_the_vendors_table() {
    let (table, catalog): (Table, Catalog) = (read("vendor_table.json"), Catalog::default());
    assert_eq!((table.rows.len(), table.proves.is_empty()), (13, false));
    for preset in ["okta", "jumpcloud", "entra"] {
        let mapping = Mapping::from_json(&preset.into(), &catalog).expect("the preset is right");
        let mut rows: Vec<(String, String)> = mapping.table("User").collect();
        for row in &table.rows {
            let cell = match preset {
                "okta" => &row.okta,
                "jumpcloud" => &row.jumpcloud,
                _ => &row.entra,
            };
            let found = rows.iter().position(|(attribute, _)| *attribute == row.attribute);
            let found = found.map(|at| rows.remove(at).1);
            assert_eq!(&found, cell, "{preset}: {}", row.attribute);
        }
        assert!(rows.is_empty(), "{preset}: {rows:?}");
    }
}
