//! What a token says, and what it must say (RFC 7519 §4.1, RFC 8693 §4.2).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use super::{Algorithms, JwtError};
use crate::protocol::json::Object;

/// What a token must say to be accepted.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The only issuer (`iss`), compared character by character.
    pub issuer: &'a str,
    /// One of these must be among the audiences (`aud`).
    pub audiences: &'a [String],
    /// The algorithms that the issuer may use.
    pub algorithms: Algorithms,
    /// Where the scopes stand.
    pub scope_claim: ScopeClaim,
    /// The time in seconds since 1970-01-01T00:00:00Z.
    pub now_s: u64,
    /// Seconds by which clocks may differ.
    pub skew_s: u64,
}

/// The claim that holds the scopes, as a text separated by blanks or as an array of texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScopeClaim {
    /// `scope` (RFC 8693 §4.2).
    #[default]
    Scope,
    /// `scp`, as Entra ID and Okta write it.
    Scp,
    /// `roles` (RFC 9068 §2.2.3.1), as Entra ID writes what it grants to applications.
    Roles,
}

impl ScopeClaim {
    /// The claim of that name.
    pub(in crate::auth) fn from_name(name: &str) -> Option<Self> {
        [Self::Scope, Self::Scp, Self::Roles].into_iter().find(|claim| claim.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Scope => "scope",
            Self::Scp => "scp",
            Self::Roles => "roles",
        }
    }
}

/// What a verified token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Who it speaks of (`sub`).
    pub subject: String,
    /// The scopes that it grants.
    pub scopes: Vec<String>,
    /// Seconds since 1970-01-01T00:00:00Z from which on it is expired: `exp` and the skew.
    pub expires_s: u64,
}

pub(super) fn check(all: &Object, expected: &Expected<'_>) -> Result<Claims, JwtError> {
    let text = |name: &str| all.get(name).and_then(Value::as_str).ok_or(JwtError::Claims);
    if text("iss")? != expected.issuer {
        return Err(JwtError::Issuer);
    }
    let meant = |audience: &Value| expected.audiences.iter().any(|known| audience == known);
    match all.get("aud") {
        Some(audience @ Value::String(_)) if meant(audience) => {}
        Some(Value::Array(audiences)) if audiences.iter().any(meant) => {}
        Some(Value::String(_) | Value::Array(_)) => return Err(JwtError::Audience),
        _ => return Err(JwtError::Claims),
    }
    let subject = text("sub")?.to_string();
    if subject.is_empty() {
        return Err(JwtError::Claims);
    }
    let expires_s = date(all, "exp")?.ok_or(JwtError::Claims)?.saturating_add(expected.skew_s);
    if expected.now_s >= expires_s {
        return Err(JwtError::Expired);
    }
    let latest = expected.now_s.saturating_add(expected.skew_s);
    for name in ["nbf", "iat"] {
        if date(all, name)?.is_some_and(|begins_s| begins_s > latest) {
            return Err(JwtError::NotYet);
        }
    }
    let scopes = scopes(all.get(expected.scope_claim.name()))?;
    Ok(Claims { subject, scopes, expires_s })
}

/// A `NumericDate` (RFC 7519 §2), its fraction cut.
fn date(claims: &Object, name: &str) -> Result<Option<u64>, JwtError> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    if let Some(seconds) = value.as_u64() {
        return Ok(Some(seconds));
    }
    // The text of a number such as 1800000000.25; one with an exponent is nobody's date.
    let text = if value.is_f64() { value.to_string() } else { String::new() };
    let (seconds, _) = text.split_once('.').ok_or(JwtError::Claims)?;
    seconds.parse().map(Some).map_err(|_| JwtError::Claims)
}

fn scopes(claim: Option<&Value>) -> Result<Vec<String>, JwtError> {
    match claim {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(text.split(' ').map(String::from).collect()),
        Some(Value::Array(items)) => {
            let texts = items.iter().map(|item| item.as_str().map(String::from));
            texts.collect::<Option<_>>().ok_or(JwtError::Claims)
        }
        Some(_) => Err(JwtError::Claims),
    }
}
