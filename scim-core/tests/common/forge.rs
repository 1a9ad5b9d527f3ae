//! Tokens for tests: good ones, and those of `vectors/attacks/tokens.json`.

use jwt_compact::alg::{Ed25519, Es256, SigningKey};
use jwt_compact::jwk::JsonWebKey;
use jwt_compact::{Algorithm, AlgorithmSignature};
use serde_json::{Map, Value, json};

/// The issuer whose key `ec` signs.
pub(crate) const ISSUER: &str = "https://login.example";
/// Another known issuer, whose key `ed` signs.
pub(crate) const OTHER: &str = "https://other.example";

type EcKey = <Es256 as Algorithm>::SigningKey;
type EdKey = <Ed25519 as Algorithm>::SigningKey;

/// The key pair of that number: anybody's who knows the number.
fn ec(number: u8) -> EcKey {
    <EcKey as SigningKey<Es256>>::from_slice(&[number; 32]).unwrap()
}

fn ed(number: u8) -> EdKey {
    <EdKey as SigningKey<Ed25519>>::from_slice(&[number; 32]).unwrap()
}

fn named<'a>(key: impl Into<JsonWebKey<'a>>, key_id: &str) -> Value {
    let mut key = serde_json::to_value(key.into().to_verifying_key()).unwrap();
    key["kid"] = key_id.into();
    key
}

/// A key set with one ES256 key.
pub(crate) fn key_set(key_id: &str, number: u8) -> Value {
    json!({"keys": [named(&ec(number), key_id), {"kty": "AKP", "kid": "of-the-future"}]})
}

/// `providers` and `clients` of a configuration to which all attacks go.
pub(crate) fn configuration() -> Value {
    let weak: Value =
        serde_json::from_str(include_str!("../../../vectors/jwt/openssl.json")).unwrap();
    let mut own = key_set("ec", 7);
    own["keys"].as_array_mut().unwrap().push(weak["keys"][1].clone());
    let others = json!({"keys": [named(&ed(9), "ed")]});
    json!({
        "providers": [
            {"name": "login", "kind": "oidc", "issuer": ISSUER, "client_id": "edge", "jwks": own},
            {"name": "other", "kind": "oidc", "issuer": OTHER, "client_id": "edge", "jwks": others,
             "algorithms": ["EdDSA"]},
        ],
        "clients": [
            {"name": "of-login", "provider": "login", "method": "jwt", "subject": "7f9c"},
            {"name": "of-other", "provider": "other", "method": "jwt", "subject": "7f9c"},
        ],
    })
}

/// Good claims at `now_s`.
pub(crate) fn claims(issuer: &str, now_s: u64) -> Value {
    json!({"iss": issuer, "aud": ["edge", "account"], "sub": "7f9c", "azp": "edge",
           "scope": "openid scim_v2 profile", "iat": now_s, "exp": now_s + 300})
}

/// A token by the ES256 key of that number.
pub(crate) fn token(key_id: &str, number: u8, claims: &Value) -> String {
    let header = json!({"alg": "ES256", "typ": "JWT", "kid": key_id}).to_string();
    signed(&header, &claims.to_string(), "own", number)
}

fn encode(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0, |group, byte| group << 8 | u32::from(*byte));
        let group = group << (8 * (3 - chunk.len()));
        for six in 0..=chunk.len() {
            let index = usize::try_from(group >> (18 - 6 * six) & 63).unwrap();
            text.push(char::from(ALPHABET[index]));
        }
    }
    text
}

fn signed(header: &str, claims: &str, how: &str, number: u8) -> String {
    let signed = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
    let bytes = signed.as_bytes();
    let own = || Es256.sign(&ec(number), bytes).as_bytes().into_owned();
    let signature = match how {
        "own" => own(),
        "stranger" => Es256.sign(&ec(13), bytes).as_bytes().into_owned(),
        "other_issuer" => Ed25519.sign(&ed(9), bytes).as_bytes().into_owned(),
        "none" => Vec::new(),
        "zeros" => vec![0; 64],
        "short" => own()[..63].to_vec(),
        "long" => [own(), vec![0]].concat(),
        // What stands in for an HMAC with the public key: any 32 bytes are refused before they are
        // looked at.
        "hmac" => vec![1; 32],
        other => panic!("{other}"),
    };
    format!("{signed}.{}", encode(&signature))
}

/// The value of `authorization` for a case of `vectors/attacks/tokens.json` at `now_s`.
pub(crate) fn attack(case: &Value, now_s: u64) -> Vec<u8> {
    let text = |name: &str| case[name].as_str();
    let object = |base: Value, name: &str| {
        let mut object = base;
        for (name, value) in case[name].as_object().unwrap_or(&Map::new()) {
            match value.as_str().and_then(|text| text.strip_prefix("now")) {
                _ if value.is_null() => drop(object.as_object_mut().unwrap().remove(name)),
                Some(offset) => {
                    let offset: i64 = offset.parse().unwrap();
                    object[name] = now_s.checked_add_signed(offset).unwrap().into();
                }
                None => object[name] = value.clone(),
            }
        }
        object
    };
    let mut header = object(json!({"alg": "ES256", "typ": "JWT", "kid": "ec"}), "header");
    if case["brings_its_key"] == true {
        header["jwk"] = named(&ec(13), "ec");
    }
    let (header, mut claims) =
        (header.to_string(), object(claims(ISSUER, now_s), "claims").to_string());
    if let Some(twice) = text("claims_begin") {
        claims = claims.replacen('{', twice, 1);
    }
    let mut token = signed(&header, &claims, text("signature").unwrap_or("own"), 7);
    match text("then").unwrap_or_default() {
        "" => {}
        "padding" => token.push_str("=="),
        "loose_bits" => {
            // 64 bytes leave four bits of the last character unused; they must be zero.
            let last = token.pop().unwrap();
            let loose = match last {
                'A' => 'B',
                'Q' => 'R',
                'g' => 'h',
                _ => 'x',
            };
            token.push(loose);
        }
        "plain_alphabet" => token = token.replacen('.', ".+", 1),
        "long" => token.push_str(&"A".repeat(9000)),
        "latin_1" => return format!("Bearer {token}").bytes().chain([0xe9]).collect(),
        "comma" => return format!("Bearer {token}, Bearer {token}").into_bytes(),
        other => panic!("{other}"),
    }
    let scheme = text("scheme").unwrap_or("Bearer");
    format!("{scheme} {token}").into_bytes()
}
