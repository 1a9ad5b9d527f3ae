//! Who sends a request: credentials, and the clients that they stand for (RFC 7644 §2, RFC 6750).

pub mod admission;
mod base64url;
mod bearer;
pub mod bucket;
mod client;
pub mod freshness;
pub mod header;
pub mod jwt;
pub mod keys;
mod provider;
mod registry;
mod scope;
pub mod source;
pub mod token;
mod token_cache;
mod url;

use alloc::string::String;
use core::fmt;

pub use self::client::{Client, DeletePolicy, Method, RateLimit, StaticToken, TOKENS, TokenState};
pub use self::provider::{Issuer, KeySource, Provider, ProviderKind, Providers};
pub use self::registry::{Registry, seconds_of};
pub use self::scope::{Access, Scopes};
pub use self::token_cache::TokenCache;
pub use self::url::Url;

/// The 401 for a tenant that does not exist: the same as for a wrong token.
#[must_use]
pub fn unknown_tenant() -> crate::protocol::Error {
    bearer::invalid_token("unknown_tenant")
}

/// The bearer token in the values of the `authorization` header.
///
/// # Errors
/// 401 without one that can be valid; 400 for more than one credential.
pub fn bearer_token<'a>(authorization: &[&'a [u8]]) -> Result<&'a [u8], crate::protocol::Error> {
    bearer::parse(authorization)
}

/// The 401 for a tenant or client that is switched off: the same as for a wrong token.
#[must_use]
pub fn disabled() -> crate::protocol::Error {
    bearer::invalid_token("disabled")
}

/// The 401 for a token that is not known, also as the one of a certain client.
#[must_use]
pub fn unknown_token() -> crate::protocol::Error {
    bearer::invalid_token("unknown_token")
}

/// The 403 for a client that may not do this (RFC 6750 §3.1).
#[must_use]
pub fn insufficient_scope() -> crate::protocol::Error {
    bearer::insufficient_scope(provider::SCOPE)
}

/// What is wrong with a configuration. It never holds a value of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The path of the field: `clients[0].tokens[1].sha256`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl ConfigError {
    /// `field` is wrong in the way that `message` tells.
    #[must_use]
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.field, self.message)
    }
}

impl core::error::Error for ConfigError {}

#[cfg(test)]
mod tests;
