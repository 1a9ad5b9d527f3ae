//! Signatures by Envoy's own cryptography, which takes a thirtieth of the time of ours.

use proxy_wasm::types::Status;
#[cfg(feature = "software-signatures")]
use scim_core::auth::jwt::Software;
use scim_core::auth::jwt::{Algorithm, Key, Verifier, der};

use crate::host;

/// Envoy where it can, pure Rust for the rest.
#[derive(Clone, Copy, Default)]
pub(crate) struct Signatures {
    host: bool,
}

/// What `verify_signature` answers for a right signature: field 1, true (Protocol Buffers).
const RIGHT: [u8; 2] = [0x08, 0x01];

impl Signatures {
    /// Finds out what Envoy offers; in any callback.
    pub(crate) fn probe() -> Self {
        let found = host::verify_signature(&arguments("sha256", &[], &[], &[]));
        Self { host: found != Err(Status::NotFound) }
    }
}

impl Verifier for Signatures {
    fn verify(&self, algorithm: Algorithm, key: &Key, signed: &[u8], signature: &[u8]) -> bool {
        let offered = match algorithm {
            Algorithm::Rs256 | Algorithm::Es256 => Some("sha256"),
            Algorithm::Rs384 => Some("sha384"),
            Algorithm::Rs512 => Some("sha512"),
            Algorithm::Ps256 | Algorithm::EdDsa => None,
        };
        let Some(hash) = offered.filter(|_| self.host) else {
            return in_software(algorithm, key, signed, signature);
        };
        let in_der;
        let signature = if algorithm == Algorithm::Es256 {
            let Some(converted) = der::ecdsa_signature(signature) else { return false };
            in_der = converted;
            &in_der
        } else {
            signature
        };
        let arguments = arguments(hash, &der::public_key(key), signature, signed);
        // Envoy refuses a key that is none, such as a point off the curve, by an error.
        host::verify_signature(&arguments).is_ok_and(|answer| answer == RIGHT)
    }
}

#[cfg(feature = "software-signatures")]
fn in_software(algorithm: Algorithm, key: &Key, signed: &[u8], signature: &[u8]) -> bool {
    Software.verify(algorithm, key, signed, signature)
}

#[cfg(not(feature = "software-signatures"))]
const fn in_software(_: Algorithm, _: &Key, _: &[u8], _: &[u8]) -> bool {
    false
}

/// `envoy.source.extensions.common.wasm.VerifySignatureArguments`, in Protocol Buffers.
fn arguments(hash: &str, public_key: &[u8], signature: &[u8], signed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(public_key.len() + signature.len() + signed.len() + 32);
    for (number, content) in [(1, hash.as_bytes()), (2, public_key), (3, signature), (4, signed)] {
        let length_delimited = 2;
        bytes.push(number << 3 | length_delimited);
        let mut length = content.len();
        while length >= 0x80 {
            bytes.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
            length >>= 7;
        }
        bytes.push(u8::try_from(length).unwrap_or_default());
        bytes.extend(content);
    }
    bytes
}
