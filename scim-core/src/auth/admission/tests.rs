//! Tokens of several providers: whose keys count, and whom they speak of.

use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::{format, vec};

use jwt_compact::alg::{Ed25519, SigningKey};
use jwt_compact::jwk::JsonWebKey;
use jwt_compact::{Algorithm, AlgorithmSignature};
use serde_json::{Value, json};

use super::{Checked, client_of, is_jwt, verify};
use crate::auth::base64url;
use crate::auth::freshness::Need;
use crate::auth::jwt::{JwkSet, JwtError, Software};
use crate::auth::{Providers, Registry};
use crate::protocol::Error;

const NOW_S: u64 = 1_800_000_000;
type Secret = <Ed25519 as Algorithm>::SigningKey;

fn secret(number: u8) -> Secret {
    <Secret as SigningKey<Ed25519>>::from_slice(&[number; 32]).unwrap()
}

fn key_set(secret: &Secret) -> Value {
    let mut key = serde_json::to_value(JsonWebKey::from(secret).to_verifying_key()).unwrap();
    key["kid"] = "k".into();
    json!({ "keys": [key] })
}

fn token(secret: &Secret, claims: &Value) -> String {
    let mut text = String::new();
    base64url::push(&mut text, br#"{"alg":"EdDSA","kid":"k"}"#);
    text.push('.');
    base64url::push(&mut text, claims.to_string().as_bytes());
    let signature = Ed25519.sign(secret, text.as_bytes());
    text.push('.');
    base64url::push(&mut text, &signature.as_bytes());
    text
}

fn claims(issuer: &str) -> Value {
    json!({"iss": issuer, "aud": "edge", "sub": "7f9c", "scope": "openid scim_v2 x",
           "exp": NOW_S + 300})
}

fn providers() -> Providers {
    let common = |name: &str, keys: (&str, Value)| {
        json!({"name": name, "kind": "oidc", "issuer": format!("https://{name}.example"),
               "client_id": "edge", "algorithms": ["EdDSA"], keys.0: keys.1})
    };
    Providers::from_json(&json!([
        common("one", ("jwks", key_set(&secret(1)))),
        common("two", ("jwks", key_set(&secret(2)))),
        common("far", ("jwks_uri", "https://far.example/keys".into())),
    ]))
    .unwrap()
}

fn registry() -> Registry {
    let client = |name: &str, provider: &str| json!({"name": name, "provider": provider, "method": "jwt", "subject": "7f9c"});
    Registry::from_json(&json!([client("a", "one"), client("b", "two"), client("c", "far")]))
        .unwrap()
}

fn admitted(text: &str) -> Result<String, Error> {
    let providers = providers();
    let checked = verify(text, &providers, |_| None, &Software, NOW_S);
    match checked.map_err(JwtError::refusal)? {
        Checked::Verified(place, claims) => {
            let registry = registry();
            let client = client_of(&registry, &providers.all()[place], &claims, NOW_S)?;
            Ok(client.name.clone())
        }
        missing @ Checked::Missing(..) => Ok(format!("{missing:?}")),
    }
}

#[test]
fn provider_and_subject_select_one_client() {
    let of = |number: u8, name: &str| {
        admitted(&token(&secret(number), &claims(&format!("https://{name}.example")))).unwrap()
    };
    assert_eq!((&*of(1, "one"), &*of(2, "two")), ("a", "b"));
    let mut other = claims("https://one.example");
    other["sub"] = "7f9d".into();
    let refused = admitted(&token(&secret(1), &other)).unwrap_err();
    assert_eq!((refused.status(), refused.reason()), (401, "jwt_subject"));
    let twice = json!([
        {"name": "a", "provider": "one", "method": "jwt", "subject": "s"},
        {"name": "b", "provider": "one", "method": "jwt", "subject": "s"},
    ]);
    let error = Registry::from_json(&twice).unwrap_err();
    assert_eq!(error.field, "clients[1].subject");
}

#[test]
fn the_keys_of_one_issuer_verify_no_token_of_another() {
    let mixed = token(&secret(1), &claims("https://two.example"));
    assert_eq!(admitted(&mixed).unwrap_err().reason(), "jwt_signature");
    let unknown = token(&secret(1), &claims("https://three.example"));
    assert_eq!(admitted(&unknown).unwrap_err().reason(), "jwt_issuer");
    let slash = token(&secret(1), &claims("https://one.example/"));
    assert_eq!(admitted(&slash).unwrap_err().reason(), "jwt_issuer");
}

#[test]
fn the_scope_is_granted_as_a_whole_word() {
    for (scope, status) in
        [("scim_v2", 0), ("scim_v22", 403), ("xscim_v2", 403), ("scim_v2x scim", 403), ("", 403)]
    {
        let mut claims = claims("https://one.example");
        claims["scope"] = scope.into();
        let answer = admitted(&token(&secret(1), &claims));
        assert_eq!(answer.as_ref().map_or_else(Error::status, |_| 0), status, "{scope}");
        if let Err(refusal) = answer {
            let challenge =
                "Bearer realm=\"scim\", error=\"insufficient_scope\", scope=\"scim_v2\"";
            assert_eq!(refusal.headers(), [("www-authenticate", challenge.to_string())]);
            assert_eq!(refusal.reason(), "insufficient_scope");
        }
    }
}

#[test]
fn keys_that_are_missing_are_asked_for() {
    let providers = providers();
    let text = token(&secret(3), &claims("https://far.example"));
    let check =
        |keys: Option<Rc<JwkSet>>| verify(&text, &providers, |_| keys.clone(), &Software, NOW_S);
    assert_eq!(check(None), Ok(Checked::Missing(2, Need::Current)));
    let empty = JwkSet::default();
    assert_eq!(check(Some(Rc::new(empty))), Ok(Checked::Missing(2, Need::Newer)));
    let keys = JwkSet::from_json(&key_set(&secret(3))).unwrap();
    assert!(matches!(check(Some(Rc::new(keys))), Ok(Checked::Verified(2, _))));
    // A key id that the issuer does not have is asked for, another algorithm is not.
    let mut parts = vec![String::new()];
    base64url::push(&mut parts[0], br#"{"alg":"ES256","kid":"k"}"#);
    parts.extend(text.split('.').skip(1).map(ToString::to_string));
    let other = verify(&parts.join("."), &providers, |_| None, &Software, NOW_S);
    assert_eq!(other, Err(JwtError::Algorithm));
}

#[test]
fn what_was_verified_expires_and_its_client_may_go() {
    let providers = providers();
    let text = token(&secret(1), &claims("https://one.example"));
    let Ok(Checked::Verified(place, claims)) =
        verify(&text, &providers, |_| None, &Software, NOW_S)
    else {
        panic!("the token is good")
    };
    let provider = &providers.all()[place];
    let reason = |registry: &Registry, now_s| {
        client_of(registry, provider, &claims, now_s).map_or_else(|e| e.reason(), |_| "")
    };
    assert_eq!(reason(&registry(), NOW_S + 359), "");
    assert_eq!(reason(&registry(), NOW_S + 360), "jwt_expired");
    assert_eq!(reason(&Registry::default(), NOW_S), "jwt_subject");
}

#[test]
fn only_what_looks_like_a_jwt_is_taken_for_one() {
    for (text, is) in
        [("eyJ.eyJ.x", true), ("eyJ.eyJ.", true), ("eyJ.eyJ", false), ("a.b.c", false)]
    {
        assert_eq!(is_jwt(text), is, "{text}");
    }
}

#[test]
fn a_client_is_of_one_tenant_and_has_its_scopes() {
    use super::permit;
    use crate::protocol::route::Endpoint;
    let clients = json!([
        {"name": "a", "tokens": []},
        {"name": "b", "tenant": "acme", "scopes": ["read"], "tokens": []},
    ]);
    let registry = Registry::from_json(&clients).unwrap();
    let at = |name: &str, tenant: Option<&str>, method: &str, endpoint: &Endpoint| {
        let client = registry.client(name).unwrap();
        let permitted = permit(client, tenant, method, endpoint, &["Users", "Groups"]);
        permitted.map_or_else(|error| error.status(), |()| 200)
    };
    let users = Endpoint::Collection("Users".into());
    let status = |name: &str, tenant, method: &str| at(name, tenant, method, &users);
    for (name, tenant, expected) in [
        ("a", None, 200),
        ("a", Some("default"), 200),
        ("a", Some("acme"), 401),
        ("b", None, 401),
        ("b", Some("Acme"), 401),
        ("b", Some("acme"), 200),
    ] {
        assert_eq!(status(name, tenant, "GET"), expected, "{name} {tenant:?}");
    }
    assert_eq!(status("b", Some("acme"), "POST"), 403);
    for (method, endpoint, expected) in [
        ("POST", Endpoint::Search(None), 200),
        ("GET", Endpoint::Root, 200),
        ("POST", Endpoint::Bulk, 403),
        ("PATCH", Endpoint::Me, 403),
        ("GET", Endpoint::Schemas(None), 200),
    ] {
        assert_eq!(at("b", Some("acme"), method, &endpoint), expected, "{method} {endpoint:?}");
    }
}
