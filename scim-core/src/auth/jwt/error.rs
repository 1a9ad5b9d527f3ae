//! Why a token is refused.

use core::fmt;

use crate::auth::bearer;
use crate::protocol::Error;

/// Why a token is refused. For audit lines: clients are told nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtError {
    /// It is no token of three parts, or too long, or a part is no strict base64url or JSON.
    Malformed,
    /// Its header asks for an extension (`crit`), or its type is another than an access token's.
    Header,
    /// Its algorithm is not among those of its issuer.
    Algorithm,
    /// It names no key.
    NoKeyId,
    /// No key of that name and algorithm is known.
    UnknownKey,
    /// Its signature is wrong.
    Signature,
    /// A claim is missing or has the wrong type.
    Claims,
    /// It comes from an issuer that is not known.
    Issuer,
    /// It is meant for somebody else.
    Audience,
    /// No client is its subject.
    Subject,
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
            Self::Subject => "jwt_subject",
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
            Self::Issuer => "the token comes from an unknown issuer",
            Self::Audience => "the token is meant for another audience",
            Self::Subject => "the token speaks of no client",
            Self::Expired => "the token is expired",
            Self::NotYet => "the token is not valid yet",
            Self::KeySet => "the key set is malformed",
        })
    }
}

impl core::error::Error for JwtError {}
