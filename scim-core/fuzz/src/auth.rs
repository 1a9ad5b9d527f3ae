//! Credentials: nothing but a known token lets anybody in (RFC 6750 §2.1).

use scim_core::auth::{Providers, Registry, header, jwt};
use scim_core::protocol::json;
use scim_core::protocol::limits::Limits;
use scim_core::service::Config;
use serde_json::json;

const TOKEN: &str = "fuzz-token-0123456789";

/// The value of an `authorization` field, a configuration, a JWT.
pub fn token(data: &[u8]) {
    let mut registry = Registry::default();
    registry.add_token("default", TOKEN).unwrap_or_else(|error| panic!("{error}"));
    if registry.authenticate(&[data], 0).is_ok() {
        let known = data.trim_ascii().strip_suffix(TOKEN.as_bytes());
        let scheme = known.map(|rest| rest.trim_ascii().to_ascii_lowercase());
        assert_eq!(scheme.as_deref(), Some(&b"bearer"[..]), "somebody got in");
    }
    assert!(registry.authenticate(&[data, data], 0).is_err(), "two credentials");
    let _ = header::is_scim_media_type(data);
    let Ok(text) = core::str::from_utf8(data) else { return };
    let _ = header::is_spoofable(text, "x-scim-client");
    if registry.clone().add_token("other", text).is_ok() {
        assert!(text.len() >= 16);
    }
    // Errors of a configuration name fields, never values.
    if let Err(error) = Config::parse(text) {
        assert!(error.to_string().len() < text.len().saturating_add(1000));
    }
    if let Ok(value) = json::parse(data, &Limits::default()) {
        let _ = Registry::from_json(&value);
        let _ = jwt::JwkSet::from_json(&value);
        let _ = Providers::from_json(&value);
    }
    let keys = jwt::JwkSet::from_json(&key_set()).unwrap_or_else(|error| panic!("{error}"));
    let expected = jwt::Expected {
        issuer: "https://issuer.example",
        audiences: &["https://scim.example".into()],
        algorithms: jwt::Algorithms::default(),
        scope_claim: jwt::ScopeClaim::default(),
        now_s: 0,
        skew_s: 0,
    };
    if let Ok(token) = jwt::Token::parse(text) {
        let claims = token.verify(&keys, &expected, &jwt::Software);
        assert!(claims.is_err(), "a JWT that nobody signed");
    }
}

/// A key whose other half nobody has kept (RFC 7517 appendix A.1).
fn key_set() -> serde_json::Value {
    json!({"keys": [{
        "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "1",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"
    }]})
}
