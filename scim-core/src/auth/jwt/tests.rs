//! Tokens: signatures of each algorithm, and what is refused.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use jwt_compact::alg::{Ed25519, Es256, SigningKey};
use jwt_compact::jwk::JsonWebKey;
use jwt_compact::{Algorithm, AlgorithmSignature};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Algorithms, Claims, Expected, JwkSet, JwtError, ScopeClaim, Software, Token};
use super::{base64url, der};

const NOW_S: u64 = 1_800_000_000;

fn verify(token: &str, keys: &JwkSet, scope_claim: ScopeClaim) -> Result<Claims, JwtError> {
    let all = json!(["RS256", "RS384", "RS512", "PS256", "ES256", "EdDSA"]);
    let expected = Expected {
        issuer: "https://login.example",
        audiences: &["mine".to_string(), "scim-edge".to_string()],
        algorithms: Algorithms::from_json(&all).unwrap(),
        scope_claim,
        now_s: NOW_S,
        skew_s: 60,
    };
    Token::parse(token)?.verify(keys, &expected, &Software)
}

type EcKey = <Es256 as Algorithm>::SigningKey;
type EdKey = <Ed25519 as Algorithm>::SigningKey;

fn ec() -> EcKey {
    <EcKey as SigningKey<Es256>>::from_slice(&[7; 32]).unwrap()
}

fn ed() -> EdKey {
    <EdKey as SigningKey<Ed25519>>::from_slice(&[9; 32]).unwrap()
}

fn jwk<'a>(key: impl Into<JsonWebKey<'a>>, kid: &str) -> Value {
    let mut jwk = serde_json::to_value(key.into().to_verifying_key()).unwrap();
    jwk["kid"] = kid.into();
    jwk
}

fn keys() -> JwkSet {
    let keys = [jwk(&ec(), "ec"), jwk(&ed(), "ed")];
    JwkSet::from_json(&json!({ "keys": keys })).unwrap()
}

fn claims() -> Value {
    json!({"iss": "https://login.example", "aud": "scim-edge", "sub": "provisioner",
           "exp": 1_800_000_600, "iat": 1_799_999_000})
}

fn part(json: &str) -> String {
    let mut text = String::new();
    base64url::push(&mut text, json.as_bytes());
    text
}

/// Signs texts as they are, so that broken JSON can be signed too.
fn signed<A: Algorithm>(algorithm: &A, key: &A::SigningKey, header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", part(header), part(claims));
    let mut signature = String::new();
    base64url::push(&mut signature, &algorithm.sign(key, signed.as_bytes()).as_bytes());
    format!("{signed}.{signature}")
}

fn by_ed(header: &str, claims: &str) -> String {
    signed(&Ed25519, &ed(), header, claims)
}

const ED: &str = r#"{"alg":"EdDSA","kid":"ed"}"#;

fn check(token: &str) -> Result<Claims, JwtError> {
    verify(token, &keys(), ScopeClaim::Scope)
}

#[track_caller]
fn with_claim(name: &str, value: Value) -> Result<Claims, JwtError> {
    let mut claims = claims();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    check(&by_ed(ED, &claims.to_string()))
}

#[test]
fn each_algorithm_verifies() {
    let claims = claims().to_string();
    let ec = signed(&Es256, &ec(), r#"{"alg":"ES256","kid":"ec","typ":"JWT"}"#, &claims);
    assert_eq!(check(&ec).unwrap().subject, "provisioner");
    let ed = by_ed(r#"{"alg":"EdDSA","kid":"ed","typ":"at+JWT"}"#, &claims);
    assert_eq!(check(&ed).unwrap().expires_s, 1_800_000_660);

    let vector = vector();
    let keys = JwkSet::from_json(&vector).unwrap();
    let check = |token: &Value| verify(token.as_str().unwrap(), &keys, ScopeClaim::Scope);
    for (name, token) in vector["valid"].as_object().unwrap() {
        assert_eq!(check(token).unwrap().scopes, ["scim_v2", "other"], "{name}");
        // The same signature under the header of another algorithm.
        let (signed, signature) = token.as_str().unwrap().rsplit_once('.').unwrap();
        for (other, token) in vector["valid"].as_object().unwrap() {
            let same = if name == other { signed } else { token.as_str().unwrap() };
            let (signed, _) = same.rsplit_once('.').unwrap();
            let mixed = format!("{signed}.{signature}");
            assert!(name == other || check(&mixed.into()) == Err(JwtError::Signature), "{name}");
        }
    }
    // Signed as PS256 signs; by a key of 1024 bits, which is not even read.
    assert_eq!(check(&vector["pss_as_pkcs1"]), Err(JwtError::Signature));
    assert_eq!((keys.len(), check(&vector["weak"])), (2, Err(JwtError::UnknownKey)));
}

fn vector() -> Value {
    let text = include_str!("../../../../vectors/jwt/openssl.json");
    serde_json::from_str(text).unwrap()
}

#[test]
fn hosts_get_keys_and_signatures_as_openssl_writes_them() {
    let vector = vector();
    let keys = JwkSet::from_json(&vector).unwrap();
    for (key_id, algorithm) in [("rsa", super::Algorithm::Rs256), ("ec", super::Algorithm::Es256)] {
        let mut text = String::new();
        base64url::push(&mut text, &der::public_key(keys.find(key_id, algorithm).unwrap()));
        assert_eq!(text, vector["public_keys_der"][key_id].as_str().unwrap());
    }
    let token = vector["valid"]["ES256"].as_str().unwrap();
    let signature = base64url::decode(token.rsplit_once('.').unwrap().1).unwrap();
    let mut text = String::new();
    base64url::push(&mut text, &der::ecdsa_signature(&signature).unwrap());
    assert_eq!(text, vector["signature_der"].as_str().unwrap());
    // Zeros are the numbers zero; other lengths are no signature.
    assert_eq!(der::ecdsa_signature(&[0; 64]).unwrap(), [0x30, 6, 2, 1, 0, 2, 1, 0]);
    for length in [0, 31, 32, 63, 65, 96] {
        assert_eq!(der::ecdsa_signature(&alloc::vec![1; length]), None);
    }
}

#[test]
fn only_the_issuers_algorithms_count() {
    let vector = vector();
    let token = |name: &str| vector["valid"][name].as_str().unwrap().to_string();
    let keys = JwkSet::from_json(&vector).unwrap();
    let expected = Expected {
        issuer: "https://login.example",
        audiences: &["scim-edge".to_string()],
        algorithms: Algorithms::default(),
        scope_claim: ScopeClaim::Scope,
        now_s: NOW_S,
        skew_s: 60,
    };
    let check = |token: &str| Token::parse(token)?.verify(&keys, &expected, &Software).map(drop);
    assert_eq!(check(&token("RS512")), Ok(()));
    assert_eq!(check(&token("PS256")), Err(JwtError::Algorithm));
}

#[test]
fn algorithms_are_never_confused() {
    let claims = claims().to_string();
    for (header, error) in [
        (r#"{"alg":"none","kid":"ed"}"#, JwtError::Algorithm),
        (r#"{"alg":"HS256","kid":"ed"}"#, JwtError::Algorithm),
        (r#"{"alg":"eddsa","kid":"ed"}"#, JwtError::Algorithm),
        (r#"{"kid":"ed"}"#, JwtError::Algorithm),
        (r#"{"alg":"ES256","kid":"ed"}"#, JwtError::UnknownKey),
        (r#"{"alg":"EdDSA","kid":"ec"}"#, JwtError::UnknownKey),
        (r#"{"alg":"EdDSA","kid":"none"}"#, JwtError::UnknownKey),
        (r#"{"alg":"EdDSA"}"#, JwtError::NoKeyId),
        (r#"{"alg":"EdDSA","kid":["ed"]}"#, JwtError::NoKeyId),
        (r#"{"alg":"EdDSA","kid":"../ed"}"#, JwtError::UnknownKey),
        (r#"{"alg":"EdDSA","kid":"https://evil.example/ed"}"#, JwtError::UnknownKey),
        (r#"{"alg":"EdDSA","kid":"ed","crit":["exp"]}"#, JwtError::Header),
        (r#"{"alg":"EdDSA","kid":"ed","b64":false}"#, JwtError::Header),
        (r#"{"alg":"EdDSA","kid":"ed","typ":"logout+jwt"}"#, JwtError::Header),
        (r#"{"alg":"EdDSA","kid":"ed","typ":7}"#, JwtError::Header),
        (r#"{"alg":"EdDSA","alg":"none","kid":"ed"}"#, JwtError::Malformed),
        (r#"["alg"]"#, JwtError::Malformed),
    ] {
        assert_eq!(check(&by_ed(header, &claims)), Err(error), "{header}");
    }
    let stranger = <EdKey as SigningKey<Ed25519>>::from_slice(&[1; 32]).unwrap();
    let foreign = signed(&Ed25519, &stranger, ED, &claims);
    assert_eq!(check(&foreign), Err(JwtError::Signature));
    // A key that the token brings along counts for nothing.
    let header = json!({"alg": "EdDSA", "kid": "ed", "jwk": jwk(&stranger, "ed")}).to_string();
    let own = signed(&Ed25519, &stranger, &header, &claims);
    assert_eq!(check(&own), Err(JwtError::Signature));
}

#[test]
fn claims_are_checked() {
    for (name, value, error) in [
        ("iss", json!("https://login.example/"), JwtError::Issuer),
        ("iss", Value::Null, JwtError::Claims),
        ("aud", json!("other"), JwtError::Audience),
        ("aud", json!(["other", "SCIM-EDGE"]), JwtError::Audience),
        ("aud", json!([]), JwtError::Audience),
        ("aud", Value::Null, JwtError::Claims),
        ("sub", json!(""), JwtError::Claims),
        ("sub", Value::Null, JwtError::Claims),
        ("exp", Value::Null, JwtError::Claims),
        ("exp", json!("1800000600"), JwtError::Claims),
        ("exp", json!(-1), JwtError::Claims),
        ("exp", json!(1e300), JwtError::Claims),
        ("exp", json!(1_799_999_940), JwtError::Expired),
        ("nbf", json!(1_800_000_061), JwtError::NotYet),
        ("nbf", json!(true), JwtError::Claims),
        ("iat", json!(1_800_000_061), JwtError::NotYet),
        ("scope", json!(7), JwtError::Claims),
    ] {
        assert_eq!(with_claim(name, value.clone()), Err(error), "{name} {value}");
    }
    for (name, value) in [
        ("aud", json!(["other", "scim-edge"])),
        ("exp", json!(1_799_999_941)),
        ("exp", json!(1_800_000_600.75)),
        ("exp", json!(u64::MAX)),
        ("nbf", json!(1_800_000_060)),
        ("iat", Value::Null),
    ] {
        assert!(with_claim(name, value.clone()).is_ok(), "{name} {value}");
    }
    assert_eq!(with_claim("scope", json!("openid scim_v2")).unwrap().scopes, ["openid", "scim_v2"]);
    assert!(with_claim("scp", json!(["a", "b"])).unwrap().scopes.is_empty());
    let mut claims_of_entra = claims();
    claims_of_entra["roles"] = json!(["a", "b"]);
    let token = by_ed(ED, &claims_of_entra.to_string());
    assert_eq!(verify(&token, &keys(), ScopeClaim::Roles).unwrap().scopes, ["a", "b"]);
    let twice = claims().to_string().replacen('{', r#"{"iss":"https://evil.example","#, 1);
    assert_eq!(check(&by_ed(ED, &twice)), Err(JwtError::Malformed));
}

#[test]
fn forms_are_strict() {
    let token = by_ed(ED, &claims().to_string());
    let parts: Vec<&str> = token.split('.').collect();
    for broken in [
        String::new(),
        "..".into(),
        parts[..2].join("."),
        format!("{token}."),
        format!("{token}.{token}"),
        format!("{token}="),
        format!(" {token}"),
        token.replacen('.', "", 1),
        format!("{token}{}", "A".repeat(9000)),
    ] {
        assert!(check(&broken).is_err(), "{broken}");
    }
    // Each single character counts, the last one of the signature as well.
    for position in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        assert!(check(&String::from_utf8(bytes).unwrap()).is_err(), "{position}");
    }
}

#[test]
fn key_sets_hold_what_can_verify() {
    let size = |key: Value| JwkSet::from_json(&json!({"keys": [key]})).unwrap().len();
    let change = |name: &str, value: Value| {
        let mut key = jwk(&ed(), "ed");
        key[name] = value;
        size(key)
    };
    assert_eq!(change("use", json!("sig")), 1);
    assert_eq!(change("alg", json!("EdDSA")), 1);
    assert_eq!(change("key_ops", json!(["verify"])), 1);
    for (name, value) in [
        ("use", json!("enc")),
        ("alg", json!("ES256")),
        ("key_ops", json!(["sign"])),
        ("kid", json!("")),
        ("kid", Value::Null),
        ("d", json!("AAAA")),
        ("crv", json!("X25519")),
        ("kty", json!("oct")),
        ("kty", json!("AKP")),
        ("x", json!("AAAA")),
    ] {
        assert_eq!(change(name, value.clone()), 0, "{name} {value}");
    }
    let others = json!({"keys": [jwk(&ed(), "a"), {"kty": "AKP", "kid": "b"}, jwk(&ec(), "a"), 7]});
    assert_eq!(JwkSet::from_json(&others).unwrap().len(), 2);
    let mut rsa = vector()["keys"][0].clone();
    assert_eq!(size(rsa.clone()), 1);
    // 1, 3, an even number, and one of five bytes.
    for exponent in ["AQ", "Aw", "AQAA", "AQAAAAE", ""] {
        rsa["e"] = exponent.into();
        assert_eq!(size(rsa.clone()), 0, "{exponent}");
    }
    let text = json!({ "keys": [jwk(&ed(), "a")], "x": "y".repeat(64 * 1024) }).to_string();
    assert_eq!(JwkSet::parse(text.as_bytes()), Err(JwtError::KeySet));
    let many: Vec<Value> = (0..65).map(|_| jwk(&ed(), "a")).collect();
    for set in [json!({}), json!([]), json!({ "keys": many })] {
        assert_eq!(JwkSet::from_json(&set).unwrap_err(), JwtError::KeySet);
    }
    assert!(JwkSet::from_json(&json!({"keys": []})).unwrap().is_empty());
}

#[test]
fn refusals_say_nothing_outside() {
    let refusal = JwtError::Expired.refusal();
    assert_eq!((refusal.status(), refusal.reason()), (401, "jwt_expired"));
    assert_eq!(refusal.to_json(), JwtError::Signature.refusal().to_json());
    assert_eq!(JwtError::Expired.to_string(), "the token is expired");
}

proptest! {
    #[test]
    fn base64url_has_one_text_per_value(bytes in any::<Vec<u8>>(), text in "[A-Za-z0-9_-]{0,12}") {
        let mut encoded = String::new();
        base64url::push(&mut encoded, &bytes);
        prop_assert_eq!(base64url::decode(&encoded), Some(bytes));
        if let Some(decoded) = base64url::decode(&text) {
            let mut again = String::new();
            base64url::push(&mut again, &decoded);
            prop_assert_eq!(again, text);
        }
    }
}
