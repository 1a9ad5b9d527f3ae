//! Signatures verified in the program itself, where the host offers no cryptography.

use alloc::borrow::Cow;

use jwt_compact::AlgorithmSignature;
use jwt_compact::alg::{Ed25519, Es256, Rsa, RsaPublicKey};
use jwt_compact::jwk::JsonWebKey;

use super::{Algorithm, Key, Verifier};

/// Verifies by pure Rust. One RSA or ES256 signature costs about half a millisecond in wasm.
#[derive(Clone, Copy, Debug, Default)]
pub struct Software;

impl Verifier for Software {
    fn verify(&self, algorithm: Algorithm, key: &Key, signed: &[u8], signature: &[u8]) -> bool {
        match (algorithm, key) {
            (Algorithm::Rs256, Key::Rsa { .. }) => is_signed(&Rsa::rs256(), key, signed, signature),
            (Algorithm::Rs384, Key::Rsa { .. }) => is_signed(&Rsa::rs384(), key, signed, signature),
            (Algorithm::Rs512, Key::Rsa { .. }) => is_signed(&Rsa::rs512(), key, signed, signature),
            (Algorithm::Ps256, Key::Rsa { .. }) => is_signed(&Rsa::ps256(), key, signed, signature),
            (Algorithm::Es256, Key::P256 { .. }) => is_signed(&Es256, key, signed, signature),
            (Algorithm::EdDsa, Key::Ed25519(_)) => is_signed(&Ed25519, key, signed, signature),
            _ => false,
        }
    }
}

/// The public key of an algorithm, read from ours.
trait Read: jwt_compact::Algorithm {
    fn read(key: &JsonWebKey<'_>) -> Option<Self::VerifyingKey>;
}

impl Read for Rsa {
    fn read(key: &JsonWebKey<'_>) -> Option<RsaPublicKey> {
        key.try_into().ok()
    }
}

impl Read for Es256 {
    fn read(key: &JsonWebKey<'_>) -> Option<Self::VerifyingKey> {
        key.try_into().ok()
    }
}

impl Read for Ed25519 {
    fn read(key: &JsonWebKey<'_>) -> Option<Self::VerifyingKey> {
        key.try_into().ok()
    }
}

fn is_signed<A: Read>(algorithm: &A, key: &Key, signed: &[u8], signature: &[u8]) -> bool {
    let (Some(key), Ok(signature)) = (A::read(&jwk(key)), A::Signature::try_from_slice(signature))
    else {
        return false;
    };
    algorithm.verify_signature(&signature, &key, signed)
}

fn jwk(key: &Key) -> JsonWebKey<'_> {
    match key {
        Key::Rsa { modulus, exponent } => JsonWebKey::Rsa {
            modulus: Cow::Borrowed(modulus),
            public_exponent: Cow::Borrowed(exponent),
            private_parts: None,
        },
        Key::P256 { x, y } => JsonWebKey::EllipticCurve {
            curve: Cow::Borrowed("P-256"),
            x: Cow::Borrowed(x),
            y: Cow::Borrowed(y),
            secret: None,
        },
        Key::Ed25519(x) => JsonWebKey::KeyPair {
            curve: Cow::Borrowed("Ed25519"),
            x: Cow::Borrowed(x),
            secret: None,
        },
    }
}
