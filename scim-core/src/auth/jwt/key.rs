//! The keys of an issuer: a JSON Web Key Set (RFC 7517 §5).

use alloc::string::String;
use alloc::vec::Vec;

use jwt_compact::alg::{Ed25519, Es256, Rsa, RsaPublicKey, StrongKey};
use jwt_compact::jwk::JsonWebKey;
use jwt_compact::{Algorithm, AlgorithmSignature};
use serde_json::Value;

use super::JwtError;

/// Keys of one set.
const KEYS: usize = 64;
/// Bytes of a key's `kid`.
const KEY_ID_BYTES: usize = 256;

/// The public keys of an issuer by which a token may be signed.
#[derive(Clone, Debug)]
pub struct JwkSet {
    keys: Vec<(String, Key)>,
}

#[derive(Clone, Debug)]
enum Key {
    Rs256(StrongKey<RsaPublicKey>),
    Es256(<Es256 as Algorithm>::VerifyingKey),
    EdDsa(<Ed25519 as Algorithm>::VerifyingKey),
}

impl JwkSet {
    /// Reads a key set. Keys that cannot verify a token are left out: another type, curve, use or
    /// algorithm, RSA other than 2048, 3072 or 4096 bits, a private key, one without `kid`, and one
    /// whose `kid` and algorithm an earlier key has.
    ///
    /// # Errors
    /// [`JwtError::KeySet`] if `set` has no array `keys`, or more than 64 of them.
    pub fn from_json(set: &Value) -> Result<Self, JwtError> {
        let keys = set.get("keys").and_then(Value::as_array).ok_or(JwtError::KeySet)?;
        if keys.len() > KEYS {
            return Err(JwtError::KeySet);
        }
        let mut read = Self { keys: Vec::new() };
        for (key_id, key) in keys.iter().filter_map(read_key) {
            if read.find(key.algorithm(), &key_id).is_none() {
                read.keys.push((key_id, key));
            }
        }
        Ok(read)
    }

    /// How many keys can verify a token.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key can verify a token.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn verify(
        &self,
        algorithm: &str,
        key_id: &str,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<(), JwtError> {
        if !["RS256", "ES256", "EdDSA"].contains(&algorithm) {
            return Err(JwtError::Algorithm);
        }
        let right = match self.find(algorithm, key_id).ok_or(JwtError::UnknownKey)? {
            Key::Rs256(key) => is_signed(&Rsa::rs256(), key.as_ref(), signed, signature),
            Key::Es256(key) => is_signed(&Es256, key, signed, signature),
            Key::EdDsa(key) => is_signed(&Ed25519, key, signed, signature),
        };
        if right { Ok(()) } else { Err(JwtError::Signature) }
    }

    fn find(&self, algorithm: &str, key_id: &str) -> Option<&Key> {
        let mut keys = self.keys.iter();
        keys.find(|(known, key)| known == key_id && key.algorithm() == algorithm)
            .map(|(_, key)| key)
    }
}

impl Key {
    const fn algorithm(&self) -> &'static str {
        match self {
            Self::Rs256(_) => "RS256",
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
        }
    }
}

fn is_signed<A: Algorithm>(
    algorithm: &A,
    key: &A::VerifyingKey,
    signed: &[u8],
    signature: &[u8],
) -> bool {
    A::Signature::try_from_slice(signature)
        .is_ok_and(|signature| algorithm.verify_signature(&signature, key, signed))
}

fn read_key(value: &Value) -> Option<(String, Key)> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let key_id = text("kid").filter(|id| !id.is_empty() && id.len() <= KEY_ID_BYTES)?;
    let verifies = match value.get("key_ops") {
        None => true,
        Some(operations) => operations.as_array()?.iter().any(|operation| operation == "verify"),
    };
    let public = ["d", "k", "p", "q"].iter().all(|name| value.get(name).is_none());
    if !verifies || !public || text("use").is_some_and(|name| name != "sig") {
        return None;
    }
    let jwk: JsonWebKey<'static> = serde_json::from_value(value.clone()).ok()?;
    let key = match text("kty")? {
        "RSA" => Key::Rs256(StrongKey::try_from(RsaPublicKey::try_from(&jwk).ok()?).ok()?),
        "EC" => Key::Es256((&jwk).try_into().ok()?),
        "OKP" => Key::EdDsa((&jwk).try_into().ok()?),
        _ => return None,
    };
    let named = text("alg").is_none_or(|name| name == key.algorithm());
    named.then(|| (key_id.into(), key))
}
