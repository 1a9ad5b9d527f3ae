//! JSON Web Tokens of an identity provider (RFC 7519, RFC 7515, RFC 8725, RFC 9068).
//!
//! A token is taken in three steps: [`Token::parse`] reads its form, its issuer chooses the
//! [`Expected`] claims and the [`JwkSet`], [`Token::verify`] checks the signature and then the
//! claims. The key that `kid` names must be meant for the algorithm; keys inside a token, and links
//! in it, are ignored.

mod algorithm;
mod claims;
pub mod der;
mod error;
mod key;
#[cfg(feature = "jwt")]
mod software;
#[cfg(test)]
#[cfg(feature = "jwt")]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

pub use self::algorithm::{Algorithm, Algorithms};
pub use self::claims::{Claims, Expected, ScopeClaim};
pub use self::error::JwtError;
pub use self::key::{JwkSet, KEY_SET_BYTES, Key};
#[cfg(feature = "jwt")]
pub use self::software::Software;
use super::base64url;
use crate::protocol::json::{self, Object};
use crate::protocol::limits::Limits;

/// Bytes of a token.
const TOKEN_BYTES: usize = 8192;
/// Levels of arrays and objects in a header or in claims.
const JSON_DEPTH: usize = 8;
/// Token types that are access tokens or say nothing (RFC 9068 §2.1, RFC 8725 §3.11).
const TYPES: [&str; 4] = ["jwt", "at+jwt", "application/at+jwt", "application/jwt"];

/// Cryptography, by the host or by the program itself.
pub trait Verifier {
    /// Whether `signature` is the one of `signed` by `key` with `algorithm`. Whatever cannot be
    /// verified is wrong.
    fn verify(&self, algorithm: Algorithm, key: &Key, signed: &[u8], signature: &[u8]) -> bool;
}

/// A token that was read, and of which nothing is believed yet.
#[derive(Debug)]
pub struct Token<'a> {
    algorithm: Algorithm,
    key_id: String,
    signed: &'a str,
    signature: Vec<u8>,
    claims: Object,
}

impl<'a> Token<'a> {
    /// Reads a token: three parts in strict base64url, header and claims of distinct members.
    ///
    /// # Errors
    /// The first thing that is wrong with its form or its header.
    pub fn parse(token: &'a str) -> Result<Self, JwtError> {
        if token.len() > TOKEN_BYTES {
            return Err(JwtError::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(JwtError::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(JwtError::Malformed)?;
        let signature = base64url::decode(signature).ok_or(JwtError::Malformed)?;
        let header = object(header)?;
        check_header(&header)?;
        let algorithm = header.get("alg").and_then(Value::as_str);
        let algorithm = algorithm.and_then(Algorithm::from_name).ok_or(JwtError::Algorithm)?;
        let key_id = header.get("kid").and_then(Value::as_str).ok_or(JwtError::NoKeyId)?.into();
        Ok(Self { algorithm, key_id, signed, signature, claims: object(claims)? })
    }

    /// Whose token it claims to be (`iss`): good for choosing the keys that prove it.
    ///
    /// # Errors
    /// [`JwtError::Claims`] if it does not say.
    pub fn issuer(&self) -> Result<&str, JwtError> {
        self.claims.get("iss").and_then(Value::as_str).ok_or(JwtError::Claims)
    }

    /// Whether its issuer may use its algorithm.
    #[must_use]
    pub const fn is_allowed(&self, expected: &Expected<'_>) -> bool {
        expected.algorithms.contains(self.algorithm)
    }

    /// Whether `keys` hold the key that it names. If not, newer keys may.
    #[must_use]
    pub fn has_key_in(&self, keys: &JwkSet) -> bool {
        keys.find(&self.key_id, self.algorithm).is_some()
    }

    /// Verifies the signature, then the claims.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(
        &self,
        keys: &JwkSet,
        expected: &Expected<'_>,
        verifier: &impl Verifier,
    ) -> Result<Claims, JwtError> {
        if !self.is_allowed(expected) {
            return Err(JwtError::Algorithm);
        }
        let key = keys.find(&self.key_id, self.algorithm).ok_or(JwtError::UnknownKey)?;
        if !verifier.verify(self.algorithm, key, self.signed.as_bytes(), &self.signature) {
            return Err(JwtError::Signature);
        }
        claims::check(&self.claims, expected)
    }
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
