//! Registry, bearer header, generated tokens and dates.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::Cell;

use serde_json::{Value, json};

use super::{ConfigError, Registry, header, registry, token};
use crate::port::Random;
use crate::protocol::Error;

const TOKEN: &str = "a-token-of-the-operator";
const NOW_S: u64 = 1_800_000_000;

fn registry() -> Registry {
    let mut registry = Registry::default();
    registry.add_token("okta", TOKEN).unwrap();
    registry
}

#[track_caller]
fn refused(clients: &Value) -> String {
    let error: ConfigError = Registry::from_json(clients).unwrap_err();
    error.to_string()
}

#[track_caller]
fn failure(values: &[&[u8]]) -> Error {
    registry().authenticate(values, NOW_S).unwrap_err()
}

fn with_expiry(expires: &str) -> Registry {
    // SHA-256 of "abc" (FIPS 180-4, appendix B.1).
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let tokens = json!([{"sha256": hash.to_uppercase(), "expires": expires}]);
    Registry::from_json(&json!([{"name": "a", "provider": "p", "tokens": tokens}])).unwrap()
}

#[test]
fn a_token_names_its_client_in_any_case_of_the_scheme() {
    for scheme in ["Bearer", "bearer", "BEARER", "bEARER  "] {
        let value = alloc::format!("{scheme} {TOKEN}");
        let registry = registry();
        let client = registry.authenticate(&[value.as_bytes()], NOW_S).unwrap();
        assert_eq!((&*client.name, &*client.domain), ("okta", "okta"));
    }
}

#[test]
fn every_wrong_token_looks_the_same_outside() {
    let unknown = failure(&[b"Bearer another-token-of-someone"]);
    assert_eq!((unknown.status(), unknown.reason()), (401, "unknown_token"));
    let challenge = "Bearer realm=\"scim\", error=\"invalid_token\"".to_string();
    assert_eq!(unknown.headers(), [("www-authenticate", challenge)]);
    let registry = with_expiry("2020-01-01T00:00:00Z");
    let expired = registry.authenticate(&[b"Bearer abc"], NOW_S).unwrap_err();
    assert_eq!(expired.reason(), "token_expired");
    let long = alloc::format!("Bearer {}", "x".repeat(9000));
    for other in [
        expired,
        failure(&[b"Bearer "]),
        failure(&[b"Bearer caf\xe9"]),
        failure(&[long.as_bytes()]),
        failure(&[b"Bearer scimedge_AAAAAAAA_wrong"]),
    ] {
        assert_eq!(other.to_json(), unknown.to_json());
        assert_eq!(other.headers(), unknown.headers());
    }
}

#[test]
fn a_request_without_bearer_token_is_challenged_without_error_code() {
    let values = ["Basic QWxhZGRpbg==", "Bear", "Bearerx abc", ""];
    for values in values.iter().map(|v| [v.as_bytes()]).chain([[&b"Digest a"[..]]]) {
        let error = failure(&values);
        assert_eq!(error.status(), 401);
        assert_eq!(error.headers(), [("www-authenticate", "Bearer realm=\"scim\"".to_string())]);
    }
}

#[test]
fn two_credentials_are_a_bad_request() {
    let good = alloc::format!("Bearer {TOKEN}");
    let joined = alloc::format!("{good}, {good}");
    assert_eq!(failure(&[good.as_bytes(), good.as_bytes()]).status(), 400);
    assert_eq!(failure(&[good.as_bytes(), b""]).status(), 400);
    assert_eq!(failure(&[joined.as_bytes()]).status(), 400);
}

#[test]
fn expiry_is_the_first_second_of_refusal() {
    let registry = with_expiry("2027-01-15T08:00:00Z");
    assert!(registry.authenticate(&[b"Bearer abc"], NOW_S - 1).is_ok());
    assert!(registry.authenticate(&[b"Bearer abc"], NOW_S).is_err());
    assert_eq!(registry.clients()[0].domain, "p");
}

#[test]
fn configuration_errors_name_the_field() {
    let hash = "00".repeat(32);
    for (clients, message) in [
        (json!({}), "`clients`: must be an array"),
        (json!([1]), "`clients[0]`: must be an object"),
        (json!([{"tokens": []}]), "`clients[0].name`: is missing"),
        (json!([{"name": "a"}]), "`clients[0].tokens`: must be an array"),
        (json!([{"name": 1, "tokens": []}]), "`clients[0].name`: must be a string"),
        (
            json!([{"name": "a", "tokens": [], "color": 1}]),
            "`clients[0].color`: is not a known field",
        ),
        (
            json!([{"name": "a", "tokens": [], "dialect": "klingon"}]),
            "`clients[0].dialect`: names no known dialect",
        ),
        (
            json!([{"name": "a", "tokens": []}, {"name": "a", "tokens": []}]),
            "`clients[1].name`: is the name of another client",
        ),
        (
            json!([{"name": "a", "tokens": [{"sha256": "00"}]}]),
            "`clients[0].tokens[0].sha256`: must be 64 hexadecimal digits",
        ),
        (
            json!([{"name": "a", "tokens": [{"sha256": hash}, {"sha256": hash}]}]),
            "`clients[0].tokens[1].sha256`: is given twice",
        ),
        (
            json!([{"name": "a", "tokens": [{"sha256": hash, "expires": "tomorrow"}]}]),
            "`clients[0].tokens[0].expires`: must be a date and time of RFC 3339",
        ),
    ] {
        assert_eq!(refused(&clients), message);
    }
    let line_break = json!([{"name": "a\nb", "tokens": []}]);
    assert!(refused(&line_break).starts_with("`clients[0].name`: must be 1 to 64"));
}

#[test]
fn a_token_in_plain_text_is_refused_and_not_repeated() {
    for clients in [
        json!([{"name": "a", "token": TOKEN, "tokens": []}]),
        json!([{"name": "a", "tokens": [{"token": TOKEN}]}]),
    ] {
        let message = refused(&clients);
        assert!(message.contains("plain text"), "{message}");
        assert!(!message.contains(TOKEN), "{message}");
    }
}

#[test]
fn operator_tokens_have_bounds() {
    for token in ["fifteen-letters", "sixteen letters!", "sechzehn-zeichen-ü", TOKEN] {
        let error = registry().add_token("b", token).unwrap_err().to_string();
        assert!(error.starts_with("`token`: ") && !error.contains(token), "{error}");
    }
    assert!(registry().add_token("b", &"x".repeat(1025)).is_err());
    assert!(registry().add_token("okta", "sixteen-letters!").is_ok());
}

/// Counts upwards, so that every token differs.
#[derive(Default)]
struct Counter(Cell<u8>);

impl Random for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0.set(self.0.get().wrapping_mul(29).wrapping_add(17));
            *byte = self.0.get();
        }
    }
}

#[test]
fn generated_tokens_carry_a_checksum() {
    let random = Counter::default();
    let token = token::generate(&random);
    assert_eq!(token.len(), "scimedge_".len() + 8 + 1 + 43 + 1 + 6);
    assert!(token::checksum_ok(&token), "{token}");
    assert_eq!(token::public_id(&token).map(str::len), Some(8));
    assert_ne!(token, token::generate(&random));
    let mut registry = Registry::default();
    registry.add_token("a", &token).unwrap();
    assert!(
        registry.authenticate(&[[b"Bearer ", token.as_bytes()].concat().as_slice()], 0).is_ok()
    );
    for position in 0..token.len() {
        let mut bytes: Vec<u8> = token.clone().into_bytes();
        bytes[position] = if bytes[position] == b'x' { b'y' } else { b'x' };
        assert!(!token::checksum_ok(core::str::from_utf8(&bytes).unwrap()), "{position}");
    }
    assert!(!token::checksum_ok(""));
    assert!(!token::checksum_ok(&token.replacen('_', "", 1)));
    assert!(!token::checksum_ok(&alloc::format!("{token}0")));
}

#[test]
fn dates_are_read_as_rfc_3339_writes_them() {
    for (text, seconds) in [
        ("1970-01-01T00:00:00Z", Some(0)),
        ("2027-01-15T08:00:00Z", Some(NOW_S)),
        ("2027-01-15T09:00:00.25+01:00", Some(NOW_S)),
        ("2027-01-15t07:30:00-00:30", Some(NOW_S)),
        ("2024-02-29T00:00:00Z", Some(1_709_164_800)),
        ("2000-03-01T00:00:00Z", Some(951_868_800)),
        ("2023-02-29T00:00:00Z", None),
        ("2023-13-01T00:00:00Z", None),
        ("2023-01-01T24:00:00Z", None),
        ("2023-01-01T00:00:00", None),
        ("2023-01-01", None),
        ("2023-01-01T00:00:00.Z", None),
        ("1969-12-31T23:59:59Z", None),
        ("+023-01-01T00:00:00Z", None),
        ("", None),
    ] {
        assert_eq!(registry::seconds_of(text), seconds, "{text}");
    }
}

#[test]
fn spoofable_fields_are_known_in_every_spelling() {
    for name in [
        "x-scim-client",
        "X-SCIM-CLIENT",
        "x_scim_client",
        "X_Scim-Client",
        "x.scim~client",
        "x-scim-anything",
        "my-identity",
        "my_identity",
        "Authorization",
        "cookie",
        "x-http-method",
        "x_http_method_override",
        "x-original-url",
        "x_rewrite_url",
        "x-forwarded-user",
        "x-forwarded-host",
        "x_forwarded_for",
        "remote_user",
    ] {
        assert!(header::is_spoofable(name, "My-Identity"), "{name}");
    }
    for name in
        ["host", "user-agent", "x-forwarded-for", "x-request-id", "adscimversion", "if-match"]
    {
        assert!(!header::is_spoofable(name, "my-identity"), "{name}");
    }
}

#[test]
fn media_types_are_json_in_utf_8() {
    for value in [
        "application/scim+json",
        "application/scim+json; charset=utf-8",
        "Application/JSON;charset=\"UTF-8\"",
        "application/json ; version=1",
    ] {
        assert!(header::is_scim_media_type(value.as_bytes()), "{value}");
    }
    for value in ["", "text/plain", "application/jsonx", "application/json;charset=utf-16", "*/*"] {
        assert!(!header::is_scim_media_type(value.as_bytes()), "{value}");
    }
    assert!(!header::is_scim_media_type(b"application/json\xff"));
}
