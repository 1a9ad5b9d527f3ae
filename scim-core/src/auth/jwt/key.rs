//! The keys of an issuer: a JSON Web Key Set (RFC 7517 §5).

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use super::{Algorithm, JwtError, base64url};

/// Bytes of a key set's text.
pub const KEY_SET_BYTES: usize = 64 * 1024;
/// Keys of one set.
const KEYS: usize = 64;
/// Bytes of a key's `kid`.
const KEY_ID_BYTES: usize = 256;
/// Bits of the moduli that are strong enough and not too slow (RFC 8725 §3.5).
const RSA_BITS: [usize; 3] = [2048, 3072, 4096];
/// The smallest exponent of RSA that is taken (NIST SP 800-56B §6.2): a signature by 1 proves nothing.
const RSA_EXPONENT_MIN: u64 = 65_537;
/// Bytes of the largest exponent: larger ones only cost time.
const RSA_EXPONENT_BYTES: usize = 4;

/// A public key by which a token may be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// RSA with 2048, 3072 or 4096 bits; the numbers begin with the highest byte, which is not zero.
    Rsa {
        /// The modulus (`n`).
        modulus: Vec<u8>,
        /// The public exponent (`e`).
        exponent: Vec<u8>,
    },
    /// A point of the curve P-256; that it is one is known by whoever verifies with it.
    P256 {
        /// The first coordinate.
        x: [u8; 32],
        /// The second coordinate.
        y: [u8; 32],
    },
    /// Ed25519 (RFC 8037 §2).
    Ed25519([u8; 32]),
}

impl Key {
    const fn fits(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::Rsa { .. } => matches!(
                algorithm,
                Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps256
            ),
            Self::P256 { .. } => matches!(algorithm, Algorithm::Es256),
            Self::Ed25519(_) => matches!(algorithm, Algorithm::EdDsa),
        }
    }
}

/// The public keys of an issuer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JwkSet {
    keys: Vec<Named>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    key_id: String,
    /// The only algorithm that the issuer means it for.
    algorithm: Option<Algorithm>,
    key: Key,
}

impl Named {
    fn fits(&self, algorithm: Algorithm) -> bool {
        self.algorithm.is_none_or(|only| only == algorithm) && self.key.fits(algorithm)
    }
}

impl JwkSet {
    /// Reads the text of a key set, as [`from_json`](Self::from_json) does.
    ///
    /// # Errors
    /// [`JwtError::KeySet`]; also for more than [`KEY_SET_BYTES`] bytes.
    pub fn parse(text: &[u8]) -> Result<Self, JwtError> {
        if text.len() > KEY_SET_BYTES {
            return Err(JwtError::KeySet);
        }
        let set = serde_json::from_slice(text).map_err(|_| JwtError::KeySet)?;
        Self::from_json(&set)
    }

    /// Reads a key set. Keys that cannot verify a token are left out, each for itself: another type,
    /// curve, use or algorithm, RSA other than 2048, 3072 or 4096 bits, a private key, one without
    /// `kid`, and one whose `kid` an earlier key of the same algorithm has.
    ///
    /// # Errors
    /// [`JwtError::KeySet`] if `set` has no array `keys`, or more than 64 of them.
    pub fn from_json(set: &Value) -> Result<Self, JwtError> {
        let keys = set.get("keys").and_then(Value::as_array).ok_or(JwtError::KeySet)?;
        if keys.len() > KEYS {
            return Err(JwtError::KeySet);
        }
        Ok(Self { keys: keys.iter().filter_map(read_key).collect() })
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

    /// The key of that name for `algorithm`; the first one, if there are several.
    #[must_use]
    pub fn find(&self, key_id: &str, algorithm: Algorithm) -> Option<&Key> {
        let mut keys = self.keys.iter();
        keys.find(|key| key.key_id == key_id && key.fits(algorithm)).map(|named| &named.key)
    }
}

fn read_key(value: &Value) -> Option<Named> {
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
    let bytes = |name: &str| base64url::decode(text(name)?);
    let coordinate = |name: &str| <[u8; 32]>::try_from(bytes(name)?).ok();
    let key = match (text("kty")?, text("crv")) {
        ("RSA", _) => rsa(bytes("n")?, bytes("e")?)?,
        ("EC", Some("P-256")) => Key::P256 { x: coordinate("x")?, y: coordinate("y")? },
        ("OKP", Some("Ed25519")) => Key::Ed25519(coordinate("x")?),
        _ => return None,
    };
    let algorithm = match text("alg") {
        None => None,
        Some(name) => Some(Algorithm::from_name(name).filter(|only| key.fits(*only))?),
    };
    Some(Named { key_id: key_id.into(), algorithm, key })
}

fn rsa(mut modulus: Vec<u8>, mut exponent: Vec<u8>) -> Option<Key> {
    for number in [&mut modulus, &mut exponent] {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        number.drain(..zeros);
    }
    let unused = usize::try_from(modulus.first()?.leading_zeros()).ok()?;
    let strong = RSA_BITS.contains(&(modulus.len() * 8 - unused));
    let odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
    let small = exponent.len() <= RSA_EXPONENT_BYTES;
    let value = exponent.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    let fits = strong && odd(&modulus) && odd(&exponent) && small && value >= RSA_EXPONENT_MIN;
    fits.then_some(Key::Rsa { modulus, exponent })
}
