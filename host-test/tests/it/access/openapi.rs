//! The `OpenAPI` document is what is served.

use std::collections::BTreeSet;

use scim_core::service::ADMIN_ROUTES;
use serde_json::{Value, json};

use super::World;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// Whether `value` is what `schema` says, as far as the document uses JSON Schema.
fn check(document: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let found = document.pointer(reference.trim_start_matches('#')).expect(reference);
        return check(document, found, value, at);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        check(document, part, value, at);
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds = &schema["type"];
    let listed = kinds.as_array().is_some_and(|kinds| kinds.iter().any(|known| known == kind));
    assert!(kinds.is_null() || kinds == kind || listed, "{at} is {kind}, not {kinds}");
    if let Some(known) = schema["enum"].as_array() {
        assert!(known.contains(value), "{at} is {value}, not one of {known:?}");
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(value.get(name.as_str().unwrap()).is_some(), "{at} lacks {name}");
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = value.get(name) {
            check(document, schema, value, &format!("{at}.{name}"));
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        check(document, &schema["items"], item, &format!("{at}[{index}]"));
    }
}

#[test]
fn the_document_lists_the_routes_that_are_served() {
    let world = World::start(&json!({}));
    let document = world.ask("GET", "/openapi.json", None);
    assert_eq!(document["openapi"], "3.1.0");
    let served: BTreeSet<(String, String)> = ADMIN_ROUTES
        .iter()
        .flat_map(|(path, methods)| methods.iter().map(|m| ((*path).into(), (*m).into())))
        .collect();
    let mut listed = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in METHODS {
            if item.get(method.to_lowercase()).is_some() {
                listed.insert((path.clone(), method.to_owned()));
            }
        }
    }
    assert_eq!(listed, served);
    for (path, methods) in ADMIN_ROUTES {
        let path = path.replace("{tenant}", "default").replace('{', "x").replace('}', "");
        let other = METHODS.iter().find(|method| !methods.contains(method)).unwrap();
        assert_eq!(world.admin().send(other, &path, &[], None).status, 405, "{other} {path}");
    }
}

#[test]
fn answers_are_as_the_document_says() {
    let world = World::start(&json!({}));
    let document = world.ask("GET", "/openapi.json", None);
    let t = "/tenants/{tenant}";
    let provider = json!({"name": "p", "kind": "saml"});
    let client = json!({"name": "c", "provider": "p", "method": "static", "dialect": "okta",
        "rate_limit": {"requests": 5, "seconds": 60}, "scopes": ["read"]});
    let steps: Vec<(&str, String, Option<Value>)> = vec![
        ("POST", "/tenants".into(), Some(json!({"name": "default2"}))),
        ("GET", "/tenants".into(), None),
        ("GET", t.into(), None),
        ("PATCH", t.into(), Some(json!({"enabled": true}))),
        ("POST", format!("{t}/providers"), Some(provider)),
        ("GET", format!("{t}/providers"), None),
        ("GET", format!("{t}/providers/{{provider}}"), None),
        ("POST", format!("{t}/clients"), Some(client.clone())),
        ("POST", format!("{t}/clients"), Some(client)),
        ("GET", format!("{t}/clients"), None),
        ("GET", format!("{t}/clients/{{client}}"), None),
        ("PATCH", format!("{t}/clients/{{client}}"), Some(json!({"dialect": null}))),
        ("POST", format!("{t}/clients/{{client}}/tokens"), Some(json!({}))),
        ("GET", format!("{t}/clients/{{client}}/tokens"), None),
        ("POST", format!("{t}/clients/{{client}}/rotate"), Some(json!({}))),
        ("DELETE", format!("{t}/clients/{{client}}/tokens/{{token}}"), None),
        ("GET", format!("{t}/log"), None),
        ("GET", format!("{t}/registry"), None),
        ("DELETE", t.into(), None),
        ("DELETE", format!("{t}/clients/{{client}}"), None),
        ("DELETE", format!("{t}/providers/{{provider}}"), None),
        ("DELETE", format!("{t}?force=true"), None),
    ];
    for (method, template, body) in steps {
        let path = template
            .replace("{tenant}", "default2")
            .replace("{provider}", "p")
            .replace("{client}", "c")
            .replace("{token}", "none");
        let answer = world.admin().send(method, &path, &[], body.as_ref());
        let template = template.split('?').next().unwrap();
        let operation = &document["paths"][template][method.to_lowercase()];
        let responses = operation["responses"].as_object().unwrap();
        let status = answer.status.to_string();
        let response = responses.get(&status).unwrap_or(&responses["default"]);
        let response = match response["$ref"].as_str() {
            Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
            None => response,
        };
        let known = responses.contains_key(&status) || answer.status >= 400;
        assert!(known, "{method} {path}: {status} {}", answer.text);
        let schema = &response["content"]["application/json"]["schema"];
        if schema.is_null() {
            assert_eq!(answer.text, "", "{method} {path}");
        } else {
            assert_eq!(answer.header("content-type"), Some("application/json"));
            check(&document, schema, &answer.body, &format!("{method} {path}"));
        }
    }
}
