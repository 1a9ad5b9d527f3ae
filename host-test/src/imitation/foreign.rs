//! Functions of the host beyond the ABI (`proxy_call_foreign_function`).

use ring::signature;
use spki::SubjectPublicKeyInfoRef;

use super::guest::{Result, Status};

const RSA: &str = "1.2.840.113549.1.1.1";
const EC: &str = "1.2.840.10045.2.1";

/// Calls a function by its name.
///
/// # Errors
/// `NotFound` for one that is not there, `BadArgument` as of the function.
pub(super) fn call(name: &str, argument: &[u8]) -> Result<Vec<u8>> {
    match name {
        "verify_signature" => verify_signature(argument),
        "clear_route_cache" | "declare_property" => Ok(Vec::new()),
        _ => Err(Status::NotFound),
    }
}

/// Takes a protobuf message (1 hash function, 2 key as DER, 3 signature, 4 text), gives one
/// (1 whether it is valid, 2 why not).
fn verify_signature(message: &[u8]) -> Result<Vec<u8>> {
    let fields = fields(message).ok_or(Status::BadArgument)?;
    let field = |number: u64| {
        let found = fields.iter().rev().find(|(known, _)| *known == number);
        found.map(|(_, bytes)| *bytes).unwrap_or_default()
    };
    let (hash, key, signature, text) = (field(1), field(2), field(3), field(4));
    let key = SubjectPublicKeyInfoRef::try_from(key).map_err(|_| Status::BadArgument)?;
    let bits = key.subject_public_key.as_bytes().ok_or(Status::BadArgument)?;
    let hash = hash.to_ascii_lowercase();
    let algorithm: &dyn signature::VerificationAlgorithm =
        match (key.algorithm.oid.to_string().as_str(), hash.as_slice()) {
            (RSA, b"sha256") => &signature::RSA_PKCS1_2048_8192_SHA256,
            (RSA, b"sha384") => &signature::RSA_PKCS1_2048_8192_SHA384,
            (RSA, b"sha512") => &signature::RSA_PKCS1_2048_8192_SHA512,
            (EC, b"sha256") => &signature::ECDSA_P256_SHA256_ASN1,
            _ => return Ok(refusal("hash or key of another kind")),
        };
    let key = signature::UnparsedPublicKey::new(algorithm, bits);
    match key.verify(text, signature) {
        Ok(()) => Ok(vec![0x08, 1]),
        Err(_) => Ok(refusal("Failed to verify digest")),
    }
}

fn refusal(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap_or_default();
    [&[0x12, length], text.as_bytes()].concat()
}

/// The fields of a message that holds nothing but strings and bytes.
fn fields(mut message: &[u8]) -> Option<Vec<(u64, &[u8])>> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        let length = usize::try_from(varint(&mut message)?).ok()?;
        if tag & 7 != 2 || length > message.len() {
            return None;
        }
        let (bytes, rest) = message.split_at(length);
        fields.push((tag >> 3, bytes));
        message = rest;
    }
    Some(fields)
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
