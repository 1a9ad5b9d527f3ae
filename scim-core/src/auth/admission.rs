//! From a token of an identity provider to the client that it speaks of.
//!
//! What is costly (the signature) is done once per token and kept as [`Claims`]; what may change
//! (expiry, the client, its scopes) is asked on every use.

use alloc::rc::Rc;

use super::freshness::Need;
use super::jwt::{Claims, JwkSet, JwtError, Token, Verifier};
use super::provider::{KeySource, Provider, Providers};
use super::{Access, Client, Registry, bearer};

use crate::protocol::Error;
use crate::protocol::route::Endpoint;

/// The tenant that a path without one means.
const DEFAULT_TENANT: &str = "default";

/// The bearer token of a request: the only credential that it carries.
///
/// # Errors
/// 401 without one, or with one that cannot be valid; 400 for more than one credential.
pub fn token<'a>(authorization: &[&'a [u8]]) -> Result<&'a str, Error> {
    let token = bearer::parse(authorization)?;
    core::str::from_utf8(token).map_err(|_| bearer::invalid_token("token_characters"))
}

/// Whether `token` is meant to be a JWT: then it is refused for what is wrong with it as such.
#[must_use]
pub fn is_jwt(token: &str) -> bool {
    token.starts_with("ey") && token.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// What is known of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// The provider at that place has issued it.
    Verified(usize, Claims),
    /// Keys of the provider at that place are needed first: any, or newer ones.
    Missing(usize, Need),
}

/// Verifies a token by the keys of the provider that it names. `keys` gives those that were fetched
/// for the provider at a place; keys of the configuration need no such thing.
///
/// # Errors
/// The first thing that is wrong with the token.
pub fn verify(
    token: &str,
    providers: &Providers,
    keys: impl Fn(usize) -> Option<Rc<JwkSet>>,
    verifier: &impl Verifier,
    now_s: u64,
) -> Result<Checked, JwtError> {
    let token = Token::parse(token)?;
    let (place, provider) = providers.issuing(token.issuer()?).ok_or(JwtError::Issuer)?;
    let issuer = provider.issuer.as_ref().ok_or(JwtError::Issuer)?;
    let expected = issuer.expected(now_s);
    let keys = match &issuer.keys {
        KeySource::Inline(keys) => Rc::clone(keys),
        KeySource::At(_) | KeySource::Discovered(_) => {
            // Nobody makes us call anybody by an algorithm that would not be taken.
            if !token.is_allowed(&expected) {
                return Err(JwtError::Algorithm);
            }
            match keys(place) {
                None => return Ok(Checked::Missing(place, Need::Current)),
                Some(keys) if !token.has_key_in(&keys) => {
                    return Ok(Checked::Missing(place, Need::Newer));
                }
                Some(keys) => keys,
            }
        }
    };
    token.verify(&keys, &expected, verifier).map(|claims| Checked::Verified(place, claims))
}

/// Whether a client may do what a request asks for, in the tenant that its path names; no tenant is
/// the default one, and so is one of the name `default`. `endpoints` are those of all types.
///
/// # Errors
/// 401 for a client of another tenant, as for a tenant that does not exist; 403 beyond its scopes.
pub fn permit(
    client: &Client,
    tenant: Option<&str>,
    method: &str,
    endpoint: &Endpoint,
    endpoints: &[&str],
) -> Result<(), Error> {
    if client.tenant.as_deref().unwrap_or(DEFAULT_TENANT) != tenant.unwrap_or(DEFAULT_TENANT) {
        return Err(super::unknown_tenant());
    }
    let allow = |access, name: &str| client.scopes.allow(access, name);
    let all = |access| endpoints.iter().all(|name| allow(access, name));
    let permitted = match endpoint {
        Endpoint::Collection(name) | Endpoint::Item { endpoint: name, .. } => {
            allow(Access::of(method, false), name)
        }
        Endpoint::Search(Some(name)) => allow(Access::Read, name),
        Endpoint::Root | Endpoint::Search(None) => all(Access::Read),
        // Nobody behind this looks at each operation, or at whose resource it is.
        Endpoint::Bulk | Endpoint::Me => all(Access::of(method, false)),
        Endpoint::ServiceProviderConfig
        | Endpoint::ResourceTypes(_)
        | Endpoint::Schemas(_)
        | Endpoint::Alive => true,
    };
    if permitted { Ok(()) } else { Err(super::insufficient_scope()) }
}

/// The client that verified claims speak of, now.
///
/// # Errors
/// 401 if they are expired or speak of no client that may come in, 403 if they do not grant the
/// provider's scope.
pub fn client_of(
    registry: &Registry,
    provider: &Provider,
    claims: &Claims,
    now_s: u64,
) -> Result<Rc<Client>, Error> {
    if now_s >= claims.expires_s {
        return Err(JwtError::Expired.refusal());
    }
    let client = registry.of_subject(&provider.name, &claims.subject);
    let client = client.ok_or_else(|| JwtError::Subject.refusal())?;
    if !client.enabled {
        return Err(super::disabled());
    }
    let scope = provider.issuer.as_ref().map_or("", |issuer| &issuer.scope);
    if claims.scopes.iter().any(|granted| granted == scope) {
        Ok(Rc::clone(client))
    } else {
        Err(bearer::insufficient_scope(scope))
    }
}

#[cfg(test)]
#[cfg(feature = "jwt")]
mod tests;
