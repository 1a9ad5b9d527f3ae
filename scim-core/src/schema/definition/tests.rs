use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Value, json};

use crate::schema::{AttrType, Catalog, Mutability, Returned, Uniqueness};

const DEVICE: &str = "urn:example:scim:schemas:Device";

fn types() -> Value {
    json!([{"name": "Device", "endpoint": "/Devices", "schema": DEVICE}])
}

fn schemas(attributes: Value) -> Value {
    let mut schema = json!({"id": DEVICE, "name": "Device"});
    schema["attributes"] = attributes;
    json!([schema])
}

fn refusal(schemas: &Value, types: &Value) -> (String, String) {
    let error = Catalog::configured(Some(schemas), Some(types)).unwrap_err();
    (error.field, error.message)
}

/// The field and the words of the refusal of one attribute.
fn attribute(definition: &Value) -> (String, String) {
    refusal(&schemas(json!([{"name": "ok"}, definition])), &types())
}

fn type_refusal(definition: &Value) -> (String, String) {
    let types = json!([types()[0], definition]);
    refusal(&schemas(json!([{"name": "serial"}])), &types)
}

#[test]
fn all_characteristics_are_read() {
    let attributes = json!([{
        "name": "ports", "type": "complex", "multiValued": true, "description": "Ports.",
        "required": true, "mutability": "immutable", "returned": "request",
        "uniqueness": "none", "caseExact": false, "canonicalValues": [],
        "subAttributes": [
            {"name": "value", "type": "integer", "uniqueness": "global", "returned": "always"},
            {"name": "kind", "type": "string", "canonicalValues": ["usb"], "caseExact": true},
            {"name": "$ref", "type": "reference", "referenceTypes": ["Device", "external"]},
            {"name": "pin", "mutability": "writeOnly"}
        ]
    }]);
    let catalog = Catalog::configured(Some(&schemas(attributes)), Some(&types())).unwrap();
    let device = catalog.by_endpoint("Devices").unwrap();
    let ports = device.schema.attribute("PORTS").unwrap();
    assert!(ports.multi_valued && ports.required);
    assert_eq!((ports.kind, ports.mutability), (AttrType::Complex, Mutability::Immutable));
    assert_eq!(ports.returned, Returned::Request);
    let value = ports.sub("value").unwrap();
    assert_eq!((value.uniqueness, value.returned), (Uniqueness::Global, Returned::Always));
    assert!(ports.sub("kind").unwrap().case_exact && ports.sub("$REF").unwrap().case_exact);
    assert_eq!(ports.sub("pin").unwrap().returned, Returned::Never);
}

#[test]
fn a_wrong_characteristic_is_named_by_its_path() {
    let at = |name: &str| format!("schemas[0].attributes[1].{name}");
    for (definition, field, words) in [
        (json!({"name": "a", "type": "text"}), "type", "must be one of string, boolean"),
        (json!({"name": "a", "type": 7}), "type", "must be a string"),
        (json!({"name": "a", "mutability": "readonly"}), "mutability", "must be one of readOnly"),
        (json!({"name": "a", "returned": "often"}), "returned", "must be one of always, never"),
        (json!({"name": "a", "uniqueness": "yes"}), "uniqueness", "must be one of none, server"),
        (json!({"name": "a", "multiValued": "true"}), "multiValued", "must be true or false"),
        (json!({"name": "a", "color": 1}), "color", "is not a known field"),
        (json!({"type": "string"}), "name", "is missing"),
        (json!({"name": "a b"}), "name", "must be a letter"),
        (json!({"name": "OK"}), "name", "is the name of another attribute"),
        (json!({"name": "META"}), "name", "is reserved"),
        (json!({"name": "externalid"}), "name", "is reserved"),
        (json!({"name": "$ref"}), "name", "of a sub-attribute only"),
        (json!({"name": "a", "type": "complex"}), "subAttributes", "at least one"),
        (json!({"name": "a", "subAttributes": [{"name": "b"}]}), "subAttributes", "type complex"),
        (json!({"name": "a", "type": "reference"}), "referenceTypes", "is missing"),
        (json!({"name": "a", "referenceTypes": ["uri"]}), "referenceTypes", "type reference"),
        (
            json!({"name": "a", "type": "reference", "referenceTypes": ["uri", "Robot"]}),
            "referenceTypes[1]",
            "or the name of a resource type",
        ),
        (json!({"name": "a", "canonicalValues": ["x", "x"]}), "canonicalValues[1]", "twice"),
        (
            json!({"name": "a", "type": "integer", "canonicalValues": ["x"]}),
            "canonicalValues",
            "type string",
        ),
        (
            json!({"name": "a", "mutability": "writeOnly", "returned": "default"}),
            "returned",
            "must be never",
        ),
        (json!({"name": "a", "mutability": "readOnly", "required": true}), "required", "no client"),
        (
            json!({"name": "a", "type": "complex", "subAttributes": [{"name": "b"}],
                   "uniqueness": "server"}),
            "uniqueness",
            "a complex attribute",
        ),
        (
            json!({"name": "a", "type": "complex", "subAttributes": [
                {"name": "b"}, {"name": "c", "type": "complex"}]}),
            "subAttributes[1].type",
            "inside a complex attribute",
        ),
        (
            json!({"name": "a", "type": "complex", "subAttributes": [{"name": "b"}, {"name": "B"}]}),
            "subAttributes[1].name",
            "another attribute",
        ),
        (json!({"name": "a", "type": "complex", "subAttributes": 1}), "subAttributes", "an array"),
    ] {
        let (found, message) = attribute(&definition);
        assert_eq!(found, at(field), "{definition}");
        assert!(message.contains(words), "{definition}: {message}");
    }
}

#[test]
fn a_wrong_schema_is_named_by_its_path() {
    let user = "urn:ietf:params:scim:schemas:core:2.0:User";
    let attributes = json!([{"name": "User"}]);
    for (schemas, field, words) in [
        (json!({}), "schemas", "must be an array"),
        (json!([7]), "schemas[0]", "must be an object"),
        (json!([{"attributes": attributes}]), "schemas[0].id", "is missing"),
        (json!([{"id": "Device", "attributes": attributes}]), "schemas[0].id", "must be a URN"),
        (json!([{"id": "urn:a b", "attributes": attributes}]), "schemas[0].id", "must be a URN"),
        (json!([{"id": user, "attributes": attributes}]), "schemas[0].id", "of the service's own"),
        (
            json!([{"id": "urn:ietf:params:scim:api:messages:2.0:X", "attributes": attributes}]),
            "schemas[0].id",
            "reserved for SCIM",
        ),
        (json!([{"id": DEVICE}]), "schemas[0].attributes", "at least one"),
        (
            json!([{"id": DEVICE, "attributes": attributes},
                   {"id": DEVICE.to_uppercase(), "attributes": attributes}]),
            "schemas[1].id",
            "another schema",
        ),
        (
            json!([{"id": "urn:ietf:params:scim:schemas:core:2.0", "attributes": attributes}]),
            "schemas[0].id",
            "the id of another schema",
        ),
        (
            json!([{"id": DEVICE, "attributes": attributes},
                   {"id": "urn:example:Unused", "attributes": attributes}]),
            "schemas[1].id",
            "used by no resource type",
        ),
    ] {
        let (found, message) = refusal(&schemas, &types());
        assert_eq!(found, field, "{schemas}");
        assert!(message.contains(words), "{schemas}: {message}");
    }
}

#[test]
fn a_wrong_resource_type_is_named_by_its_path() {
    let at = |name: &str| format!("resource_types[1].{name}");
    for (definition, field, words) in [
        (json!({"endpoint": "/A", "schema": DEVICE}), "name", "is missing"),
        (json!({"name": "device", "endpoint": "/A", "schema": DEVICE}), "name", "another"),
        (json!({"name": "A", "id": "B", "endpoint": "/A", "schema": DEVICE}), "id", "the same"),
        (json!({"name": "A", "schema": DEVICE}), "endpoint", "is missing"),
        (json!({"name": "A", "endpoint": "/devices", "schema": DEVICE}), "endpoint", "another"),
        (json!({"name": "A", "endpoint": "/users", "schema": DEVICE}), "endpoint", "another"),
        (json!({"name": "A", "endpoint": "/a/b", "schema": DEVICE}), "endpoint", "one segment"),
        (json!({"name": "A", "endpoint": "/bulk", "schema": DEVICE}), "endpoint", "SCIM's own"),
        (json!({"name": "A", "endpoint": "/Me", "schema": DEVICE}), "endpoint", "SCIM's own"),
        (json!({"name": "A", "endpoint": "/Schemas", "schema": DEVICE}), "endpoint", "own"),
        (json!({"name": "A", "endpoint": "/A"}), "schema", "is missing"),
        (json!({"name": "A", "endpoint": "/A", "schema": "urn:x:y"}), "schema", "names no schema"),
        (
            json!({"name": "A", "endpoint": "/A", "schema": DEVICE,
                   "schemaExtensions": [{"schema": "urn:x:y"}]}),
            "schemaExtensions[0].schema",
            "names no schema",
        ),
        (
            json!({"name": "A", "endpoint": "/A", "schema": DEVICE,
                   "schemaExtensions": [{"schema": DEVICE}]}),
            "schemaExtensions[0].schema",
            "itself",
        ),
        (json!({"name": "User", "endpoint": "/People"}), "endpoint", "must be /Users"),
        (json!({"name": "User", "schema": DEVICE}), "schema", "must be urn:ietf"),
        (json!({"name": "User", "mapping": 1}), "mapping", "is not a known field"),
    ] {
        let (found, message) = type_refusal(&definition);
        assert_eq!(found, at(field), "{definition}");
        assert!(message.contains(words), "{definition}: {message}");
    }
}

#[test]
fn an_extension_is_added_to_the_built_in_type() {
    let types = json!([
        {"name": "User", "schemaExtensions": [{"schema": DEVICE, "required": true}]}
    ]);
    let catalog =
        Catalog::configured(Some(&schemas(json!([{"name": "serial"}]))), Some(&types)).unwrap();
    let user = catalog.by_name("User").unwrap();
    assert!(user.schema.attribute("userName").is_some());
    let extensions: Vec<(String, bool)> =
        user.extensions.iter().map(|e| (e.schema.id.to_string(), e.required)).collect();
    assert_eq!(extensions.last(), Some(&(DEVICE.to_string(), true)));
    assert_eq!(extensions.len(), 2);
    assert_eq!(catalog.types().len(), 2);
}

#[test]
fn what_discovery_shows_can_be_configured_again() {
    let attributes = json!([
        {"name": "serial", "required": true, "uniqueness": "server"},
        {"name": "owner", "type": "complex", "subAttributes": [
            {"name": "$ref", "type": "reference", "referenceTypes": ["User"]}]}
    ]);
    let first = Catalog::configured(Some(&schemas(attributes)), Some(&types())).unwrap();
    let device = first.by_name("Device").unwrap();
    let schema = crate::schema::discovery::schema(&device.schema, "https://x.example");
    let shown = crate::schema::discovery::resource_type(device, "https://x.example");
    let second = Catalog::configured(Some(&json!([schema])), Some(&json!([shown]))).unwrap();
    assert_eq!(first, second);
}

#[test]
fn a_schema_of_two_types_is_listed_once() {
    let types = json!([
        types()[0],
        {"name": "Robot", "endpoint": "Robots", "schema": DEVICE}
    ]);
    let catalog =
        Catalog::configured(Some(&schemas(json!([{"name": "serial"}]))), Some(&types)).unwrap();
    assert_eq!(catalog.schemas().filter(|schema| schema.id == DEVICE).count(), 1);
}
