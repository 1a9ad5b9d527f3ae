//! Providers: what a configuration may say.

use alloc::string::ToString;

use serde_json::{Value, json};

use super::{KeySource, ProviderKind, Providers};

fn keys() -> Value {
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "1",
                     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})
}

#[track_caller]
fn one(provider: &Value) -> Result<super::Provider, alloc::string::String> {
    let read = Providers::from_json(&json!([provider]));
    read.map(|providers| providers.all()[0].clone()).map_err(|error| error.to_string())
}

#[test]
fn providers_are_read() {
    let found =
        one(&json!({"name": "kc", "kind": "oidc", "issuer": "https://login.example/realms/a/",
                           "client_id": "scim-edge", "audiences": ["other"]}));
    let issuer = found.unwrap().issuer.unwrap();
    let KeySource::Discovered(url) = &issuer.keys else { panic!("{issuer:?}") };
    assert_eq!(url.path, "/realms/a/.well-known/openid-configuration");
    assert_eq!((&*issuer.audiences.join(" "), &*issuer.scope), ("other scim-edge", "scim_v2"));
    let saml = one(&json!({"name": "adfs", "kind": "saml"})).unwrap();
    assert_eq!((saml.kind, saml.issuer), (ProviderKind::Saml, None));
    // An issuer need not be a URL that is fetched if its keys are known otherwise.
    let inline = json!({"name": "a", "kind": "oidc", "issuer": "urn:a", "client_id": "b",
                        "jwks": keys(), "algorithms": ["EdDSA"], "scope_claim": "roles"});
    assert!(matches!(one(&inline).unwrap().issuer.unwrap().keys, KeySource::Inline(_)));
}

#[test]
fn a_wrong_provider_names_the_field() {
    let issuer = "https://login.example";
    let base = json!({"name": "a", "kind": "oidc", "issuer": issuer, "client_id": "b"});
    for (name, value, field) in [
        ("name", json!("a b"), "name"),
        ("kind", json!("ldap"), "kind"),
        ("kind", json!("saml"), "client_id"),
        ("issuer", json!("http://login.example"), "issuer"),
        ("client_id", Value::Null, "client_id"),
        ("client_id", json!(7), "client_id"),
        ("audiences", json!([""]), "audiences"),
        ("jwks_uri", json!("http://10.0.0.1/keys"), "jwks_uri"),
        ("jwks_uri", json!("file:///etc/passwd"), "jwks_uri"),
        ("jwks", json!({"keys": []}), "jwks"),
        ("algorithms", json!(["none"]), "algorithms"),
        ("algorithms", json!(["HS256"]), "algorithms"),
        ("algorithms", json!([]), "algorithms"),
        ("scope_claim", json!("groups"), "scope_claim"),
        ("scope", json!("a b"), "scope"),
        ("refetch_seconds", json!(0), "refetch_seconds"),
        ("secret", json!("x"), "secret"),
        ("colour", json!("x"), "colour"),
    ] {
        let mut provider = base.clone();
        match value {
            Value::Null => drop(provider.as_object_mut().unwrap().remove(name)),
            value => provider[name] = value,
        }
        let error = one(&provider).unwrap_err();
        assert!(error.starts_with(&alloc::format!("`providers[0].{field}`")), "{error}");
    }
    let mut other = base.clone();
    other["name"] = "c".into();
    for (second, field) in [(&base, "`providers[1].name`"), (&other, "`providers[1].issuer`")] {
        let error = Providers::from_json(&json!([base, second])).unwrap_err().to_string();
        assert!(error.starts_with(field), "{error}");
    }
}
