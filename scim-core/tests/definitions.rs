//! Resource types and schemas from a configuration: good documents, and bad ones. What a service
//! does with them is proved by `vectors/service_custom` (see `conformance.rs`).

#![expect(clippy::expect_used, reason = "a case that cannot be read must fail")]

use std::fs;
use std::path::Path;

use scim_core::service::Config;
use serde_json::{Value, json};

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors");
    fs::read_to_string(root.join(path)).expect("the file can be read")
}

#[test]
fn the_configuration_for_the_public_tester_is_good() {
    assert!(Config::parse(&read("config/tester.json")).is_ok());
}

#[test]
fn a_bad_definition_is_refused_at_the_start() {
    let good: Value = serde_json::from_str(&read("config/custom.json")).expect("JSON");
    for (pointer, value, field) in [
        ("/schemas/0/attributes/18/subAttributes/1/type", json!("text"), {
            "schemas[0].attributes[18].subAttributes[1].type"
        }),
        ("/schemas/0/attributes/1/mutability", json!("readonly"), {
            "schemas[0].attributes[1].mutability"
        }),
        ("/resource_types/0/endpoint", json!("/Users"), "resource_types[0].endpoint"),
        ("/resource_types/0/schemaExtensions/1/schema", json!("urn:none:such"), {
            "resource_types[0].schemaExtensions[1].schema"
        }),
        ("/canonical_values", json!("always"), "canonical_values"),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).expect("there is such a field") = value;
        let error = Config::parse(&bad.to_string()).expect_err(pointer);
        assert_eq!(error.field, field);
    }
}
