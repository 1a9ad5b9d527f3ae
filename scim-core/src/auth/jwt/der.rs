//! Keys and signatures in DER, as hosts with a cryptography of their own take them (RFC 5280
//! §4.1.2.7, RFC 3279 §2.2.3, RFC 5480 §2, RFC 8410 §4).

use alloc::vec;
use alloc::vec::Vec;

use super::key::Key;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;
/// `rsaEncryption` with its parameter NULL.
const RSA: [u8; 15] =
    [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
/// `id-ecPublicKey` on `prime256v1`.
const P256: [u8; 21] = [
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
    0xce, 0x3d, 0x03, 0x01, 0x07,
];
/// `id-Ed25519`.
const ED25519: [u8; 7] = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];

/// A public key as `SubjectPublicKeyInfo`.
#[must_use]
pub fn public_key(key: &Key) -> Vec<u8> {
    let (algorithm, mut bits): (&[u8], _) = match key {
        Key::Rsa { modulus, exponent } => {
            let numbers = [integer(modulus), integer(exponent)].concat();
            (&RSA, element(SEQUENCE, &numbers))
        }
        Key::P256 { x, y } => (&P256, [&[4][..], x, y].concat()),
        Key::Ed25519(x) => (&ED25519, x.to_vec()),
    };
    // No bit of the last byte is unused.
    bits.insert(0, 0);
    element(SEQUENCE, &[algorithm, &element(BIT_STRING, &bits)].concat())
}

/// A signature of ES256 (`r` and `s`, RFC 7518 §3.4) as `ECDSA-Sig-Value`; `None` if it has another
/// length than 64 bytes.
#[must_use]
pub fn ecdsa_signature(signature: &[u8]) -> Option<Vec<u8>> {
    let (r, s) = signature.split_at_checked(32)?;
    (s.len() == 32).then(|| element(SEQUENCE, &[integer(r), integer(s)].concat()))
}

/// A number without a sign.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let mut content = bytes.get(zeros..).unwrap_or_default().to_vec();
    if content.first().is_none_or(|byte| *byte >= 0x80) {
        content.insert(0, 0);
    }
    element(INTEGER, &content)
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    if let Ok(short @ 0..0x80) = u8::try_from(content.len()) {
        bytes.push(short);
    } else {
        let length = content.len().to_be_bytes();
        let zeros = length.iter().take_while(|byte| **byte == 0).count();
        let length = length.get(zeros..).unwrap_or_default();
        bytes.extend(u8::try_from(length.len()).map(|count| 0x80 | count));
        bytes.extend(length);
    }
    bytes.extend(content);
    bytes
}
