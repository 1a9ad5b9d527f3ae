//! The signature algorithms of tokens, and sets of them (RFC 7518 §3.1, RFC 8037 §3.1).

use core::fmt;

use serde_json::Value;

/// A signature algorithm (`alg`). `none` and all with a shared secret are missing on purpose
/// (RFC 8725 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// `EdDSA` with Ed25519.
    EdDsa,
}

impl Algorithm {
    const ALL: [Self; 6] =
        [Self::Rs256, Self::Rs384, Self::Rs512, Self::Ps256, Self::Es256, Self::EdDsa];

    /// The algorithm of that name; letter case counts (RFC 7515 §4.1.1).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The name, as it stands in `alg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Rs256 => 1,
            Self::Rs384 => 2,
            Self::Rs512 => 4,
            Self::Ps256 => 8,
            Self::Es256 => 16,
            Self::EdDsa => 32,
        }
    }
}

/// The algorithms that an issuer may use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Algorithms(u8);

impl Algorithms {
    /// Whether `algorithm` is among them.
    #[must_use]
    pub const fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & algorithm.bit() != 0
    }

    /// Reads an array of names; `None` if it is none, empty, or holds another name.
    pub(in crate::auth) fn from_json(names: &Value) -> Option<Self> {
        let mut read = Self(0);
        for name in names.as_array()? {
            read.0 |= Algorithm::from_name(name.as_str()?)?.bit();
        }
        (read.0 != 0).then_some(read)
    }
}

/// RS256, RS384, RS512 and ES256: what identity providers sign with unless told otherwise.
impl Default for Algorithms {
    fn default() -> Self {
        let usual = [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512, Algorithm::Es256];
        Self(usual.iter().fold(0, |bits, algorithm| bits | algorithm.bit()))
    }
}

impl fmt::Debug for Algorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Algorithm::ALL.iter().filter(|algorithm| self.contains(**algorithm));
        f.debug_set().entries(known).finish()
    }
}
