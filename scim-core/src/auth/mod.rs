//! Who sends a request: credentials, and the clients that they stand for (RFC 7644 §2, RFC 6750).

mod base64url;
mod bearer;
pub mod freshness;
pub mod header;
pub mod jwt;
pub mod keys;
mod provider;
mod registry;
pub mod token;
mod url;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

pub use self::provider::{Issuer, KeySource, Provider, ProviderKind, Providers};
pub use self::registry::Registry;
pub use self::url::Url;
use crate::dialect::Dialect;

/// A SCIM client: who it is, and what it speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The name that it is configured under.
    pub name: String,
    /// Its provisioning domain, to which `externalId` belongs (RFC 7643 §3.1): the authentication
    /// provider, else the client's name.
    pub domain: String,
    /// What it speaks; `None` is to be recognized from its requests.
    pub dialect: Option<Dialect>,
    /// The value by which the user is found that it stands for (`/Me`, RFC 7644 §3.11).
    pub user: Option<String>,
    tokens: Vec<StaticToken>,
}

/// A static bearer token. Only its hash is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
struct StaticToken {
    sha256: [u8; 32],
    /// Seconds since 1970-01-01T00:00:00Z from which on the token is refused.
    expires_s: Option<u64>,
}

/// The 401 for a tenant that does not exist: the same as for a wrong token.
#[must_use]
pub fn unknown_tenant() -> crate::protocol::Error {
    bearer::invalid_token("unknown_tenant")
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
