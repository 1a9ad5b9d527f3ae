//! JSON Web Tokens of an identity provider (RFC 7519, RFC 7515, RFC 8725, RFC 9068).
//!
//! Three algorithms and no more: RS256, ES256 and `EdDSA` with Ed25519. The key that `kid` names
//! decides the algorithm, never the token alone; keys inside a token, and links in it, are ignored.

mod key;
#[cfg(test)]
mod tests;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde_json::Value;

pub use self::key::JwkSet;
use super::{base64url, bearer};
use crate::protocol::Error;
use crate::protocol::json::{self, Object};
use crate::protocol::limits::Limits;

/// Bytes of a token.
const TOKEN_BYTES: usize = 8192;
/// Levels of arrays and objects in a header or in claims.
const JSON_DEPTH: usize = 8;
/// Token types that are access tokens or say nothing (RFC 9068 §2.1, RFC 8725 §3.11).
const TYPES: [&str; 4] = ["jwt", "at+jwt", "application/at+jwt", "application/jwt"];

/// What a token must say to be accepted.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The only issuer (`iss`), compared character by character.
    pub issuer: &'a str,
    /// What must be among the audiences (`aud`).
    pub audience: &'a str,
    /// The time in seconds since 1970-01-01T00:00:00Z.
    pub now_s: u64,
    /// Seconds by which clocks may differ.
    pub skew_s: u64,
}

/// What a verified token says.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    /// Who it speaks of (`sub`).
    pub subject: String,
    /// The scopes that it grants: `scope` (RFC 8693 §4.2), or `scp` as Entra ID and Okta write it.
    pub scopes: Vec<String>,
    /// Seconds since 1970-01-01T00:00:00Z from which on it is expired (`exp`), skew apart.
    pub expires_s: u64,
    /// All claims.
    pub all: Object,
}

/// Why a token is refused. For audit lines: clients are told nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtError {
    /// It is no token of three parts, or too long, or a part is no strict base64url or JSON.
    Malformed,
    /// Its header asks for an extension (`crit`), or its type is another than an access token's.
    Header,
    /// Its algorithm is none of the three.
    Algorithm,
    /// It names no key.
    NoKeyId,
    /// No key of that name and algorithm is known.
    UnknownKey,
    /// Its signature is wrong.
    Signature,
    /// A claim is missing or has the wrong type.
    Claims,
    /// It comes from another issuer.
    Issuer,
    /// It is meant for somebody else.
    Audience,
    /// It is expired.
    Expired,
    /// It is not valid yet, or issued in the future.
    NotYet,
    /// The key set is no JSON Web Key Set, or holds too many keys.
    KeySet,
}

impl JwtError {
    /// The word for the audit line.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "jwt_malformed",
            Self::Header => "jwt_header",
            Self::Algorithm => "jwt_algorithm",
            Self::NoKeyId => "jwt_no_key_id",
            Self::UnknownKey => "jwt_unknown_key",
            Self::Signature => "jwt_signature",
            Self::Claims => "jwt_claims",
            Self::Issuer => "jwt_issuer",
            Self::Audience => "jwt_audience",
            Self::Expired => "jwt_expired",
            Self::NotYet => "jwt_not_yet",
            Self::KeySet => "jwt_key_set",
        }
    }

    /// The refusal: outside it is the same for all.
    #[must_use]
    pub fn refusal(self) -> Error {
        bearer::invalid_token(self.reason())
    }
}

impl fmt::Display for JwtError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the token is malformed",
            Self::Header => "the token's header asks for what is not supported",
            Self::Algorithm => "the token's algorithm is not allowed",
            Self::NoKeyId => "the token names no key",
            Self::UnknownKey => "the token names an unknown key",
            Self::Signature => "the token's signature is wrong",
            Self::Claims => "a claim of the token is missing or malformed",
            Self::Issuer => "the token comes from another issuer",
            Self::Audience => "the token is meant for another audience",
            Self::Expired => "the token is expired",
            Self::NotYet => "the token is not valid yet",
            Self::KeySet => "the key set is malformed",
        })
    }
}

impl core::error::Error for JwtError {}

/// Verifies a token: form, header, signature, then claims. Nothing in it is believed before its
/// signature is known to be right, but what chooses the key.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify(token: &str, keys: &JwkSet, expected: &Expected<'_>) -> Result<Claims, JwtError> {
    if token.len() > TOKEN_BYTES {
        return Err(JwtError::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(JwtError::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(JwtError::Malformed)?;
    let signature = base64url::decode(signature).ok_or(JwtError::Malformed)?;
    let header = object(header)?;
    check_header(&header)?;
    let algorithm = header.get("alg").and_then(Value::as_str).ok_or(JwtError::Algorithm)?;
    let key_id = header.get("kid").and_then(Value::as_str).ok_or(JwtError::NoKeyId)?;
    keys.verify(algorithm, key_id, signed.as_bytes(), &signature)?;
    check_claims(object(claims)?, expected)
}

fn object(part: &str) -> Result<Object, JwtError> {
    let bytes = base64url::decode(part).ok_or(JwtError::Malformed)?;
    let limits = Limits { json_depth: JSON_DEPTH, ..Limits::default() };
    // A member that occurs twice is refused there: two readers must not see two issuers.
    json::parse_object(&bytes, &limits).map_err(|_| JwtError::Malformed)
}

fn check_header(header: &Object) -> Result<(), JwtError> {
    // An extension that must be understood (RFC 7515 §4.1.11) is not; `b64` changes what is signed.
    if ["crit", "b64", "zip"].iter().any(|name| header.contains_key(*name)) {
        return Err(JwtError::Header);
    }
    match header.get("typ") {
        None => Ok(()),
        Some(Value::String(typ)) if TYPES.contains(&typ.to_ascii_lowercase().as_str()) => Ok(()),
        Some(_) => Err(JwtError::Header),
    }
}

fn check_claims(all: Object, expected: &Expected<'_>) -> Result<Claims, JwtError> {
    let text = |name: &str| all.get(name).and_then(Value::as_str).ok_or(JwtError::Claims);
    if text("iss")? != expected.issuer {
        return Err(JwtError::Issuer);
    }
    match all.get("aud") {
        Some(Value::String(audience)) if audience == expected.audience => {}
        Some(Value::Array(audiences)) if audiences.iter().any(|a| a == expected.audience) => {}
        Some(Value::String(_) | Value::Array(_)) => return Err(JwtError::Audience),
        _ => return Err(JwtError::Claims),
    }
    let subject = text("sub")?.to_string();
    if subject.is_empty() {
        return Err(JwtError::Claims);
    }
    let expires_s = date(&all, "exp")?.ok_or(JwtError::Claims)?;
    if expected.now_s >= expires_s.saturating_add(expected.skew_s) {
        return Err(JwtError::Expired);
    }
    let latest = expected.now_s.saturating_add(expected.skew_s);
    for name in ["nbf", "iat"] {
        if date(&all, name)?.is_some_and(|begins_s| begins_s > latest) {
            return Err(JwtError::NotYet);
        }
    }
    let scopes = scopes(&all)?;
    Ok(Claims { subject, scopes, expires_s, all })
}

/// A `NumericDate` (RFC 7519 §2), its fraction cut.
fn date(claims: &Object, name: &str) -> Result<Option<u64>, JwtError> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    if let Some(seconds) = value.as_u64() {
        return Ok(Some(seconds));
    }
    // The text of a number such as 1800000000.25; one with an exponent is nobody's date.
    let text = if value.is_f64() { value.to_string() } else { String::new() };
    let (seconds, _) = text.split_once('.').ok_or(JwtError::Claims)?;
    seconds.parse().map(Some).map_err(|_| JwtError::Claims)
}

fn scopes(claims: &Object) -> Result<Vec<String>, JwtError> {
    match claims.get("scope").or_else(|| claims.get("scp")) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(text.split_ascii_whitespace().map(String::from).collect()),
        Some(Value::Array(items)) => {
            let texts = items.iter().map(|item| item.as_str().map(String::from));
            texts.collect::<Option<_>>().ok_or(JwtError::Claims)
        }
        Some(_) => Err(JwtError::Claims),
    }
}
