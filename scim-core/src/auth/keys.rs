//! Where the keys of an issuer come from: calls to it, and what is made of its answers (`OpenID`
//! Connect Discovery 1.0 §4, RFC 7517 §5).

use alloc::string::{String, ToString};
use alloc::vec;

use serde_json::Value;

use super::freshness::Pace;
use super::jwt::{JwkSet, KEY_SET_BYTES};
use super::provider::{Issuer, KeySource};
use super::url::Url;
use crate::port::Http;
use crate::port::http::{Call, Reply};
use crate::protocol::json;
use crate::protocol::limits::Limits;

/// Bytes of an answer.
pub const ANSWER_BYTES: usize = KEY_SET_BYTES;
/// Seconds that an answer may take.
pub const CALL_S: u64 = 5;
/// How often the keys of an issuer are fetched: before they are an hour old, and for a key id that is
/// not among them as often as it is configured.
#[must_use]
pub const fn pace(issuer: &Issuer) -> Pace {
    Pace {
        refresh_s: 3000,
        stale_s: 24 * 3600,
        // One for the metadata, one for the keys.
        call_s: 2 * CALL_S,
        missing_s: issuer.refetch_s,
        retry_s: 1,
        retry_max_s: 60,
    }
}

/// Why keys could not be fetched; for logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// No answer came.
    NoReply,
    /// The answer has another status than 200. Redirections are among them: none is followed.
    Status,
    /// The answer has more than [`ANSWER_BYTES`] bytes.
    Size,
    /// The metadata are no JSON object, or name another issuer.
    Metadata,
    /// The metadata name an address of keys that is not allowed.
    Address,
    /// The answer is no key set, or no key of it can verify a token.
    Keys,
}

impl FetchError {
    /// The word for the log.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NoReply => "keys_no_reply",
            Self::Status => "keys_status",
            Self::Size => "keys_size",
            Self::Metadata => "keys_metadata",
            Self::Address => "keys_address",
            Self::Keys => "keys_malformed",
        }
    }
}

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The issuer's metadata, which say where its keys are.
    Metadata,
    /// The keys.
    Keys,
}

/// What follows from an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// One more call, for the keys.
    Call(Call),
    /// The keys, and for how many seconds the issuer means them to be kept.
    Keys(JwkSet, Option<u64>),
}

/// The first call for the keys of an issuer; `None` if the configuration holds them.
#[must_use]
pub fn first_call(issuer: &Issuer) -> Option<(Stage, Call)> {
    match &issuer.keys {
        KeySource::Inline(_) => None,
        KeySource::At(url) => Some((Stage::Keys, call(url))),
        KeySource::Discovered(url) => Some((Stage::Metadata, call(url))),
    }
}

/// What follows from the answer to a call.
///
/// # Errors
/// What is wrong with the answer.
pub fn answered(issuer: &Issuer, stage: Stage, reply: &Reply) -> Result<Next, FetchError> {
    if reply.status != 200 {
        return Err(FetchError::Status);
    }
    if reply.body.len() > ANSWER_BYTES {
        return Err(FetchError::Size);
    }
    match stage {
        Stage::Metadata => Ok(Next::Call(call(&address_of_keys(issuer, &reply.body)?))),
        Stage::Keys => {
            let set = JwkSet::parse(&reply.body).ok().filter(|set| !set.is_empty());
            let max_age_s = reply.header("cache-control").and_then(max_age_s);
            Ok(Next::Keys(set.ok_or(FetchError::Keys)?, max_age_s))
        }
    }
}

/// Fetches the keys of an issuer, and for how many seconds it means them to be kept; `None` if the
/// configuration holds them.
///
/// # Errors
/// The first thing that goes wrong.
pub async fn fetch(
    http: &impl Http,
    issuer: &Issuer,
) -> Result<Option<(JwkSet, Option<u64>)>, FetchError> {
    let Some((mut stage, mut call)) = first_call(issuer) else {
        return Ok(None);
    };
    loop {
        let reply = http.send(call, CALL_S, ANSWER_BYTES).await;
        let reply = reply.map_err(|_| FetchError::NoReply)?;
        match answered(issuer, stage, &reply)? {
            Next::Keys(keys, max_age_s) => return Ok(Some((keys, max_age_s))),
            Next::Call(next) => (stage, call) = (Stage::Keys, next),
        }
    }
}

fn call(url: &Url) -> Call {
    Call {
        method: "GET",
        secure: url.secure,
        authority: url.authority.clone(),
        path: url.path.clone(),
        headers: vec![("accept", "application/json".to_string())],
        body: vec![],
    }
}

fn address_of_keys(issuer: &Issuer, metadata: &[u8]) -> Result<Url, FetchError> {
    let metadata = json::parse_object(metadata, &Limits::default());
    let metadata = metadata.map_err(|_| FetchError::Metadata)?;
    let text = |name: &str| metadata.get(name).and_then(Value::as_str);
    // Discovery 1.0 §4.3: else one issuer could hand out its keys as those of another.
    if text("issuer") != Some(&issuer.identifier) {
        return Err(FetchError::Metadata);
    }
    let url = text("jwks_uri").and_then(Url::parse).ok_or(FetchError::Address)?;
    let own = Url::parse(&issuer.identifier).ok_or(FetchError::Address)?;
    let allowed = url.authority == own.authority && url.secure == own.secure
        || issuer.hosts.iter().any(|host| host.eq_ignore_ascii_case(&url.authority));
    if allowed { Ok(url) } else { Err(FetchError::Address) }
}

fn max_age_s(cache_control: &str) -> Option<u64> {
    let directives = cache_control.split(',').map(|text| text.trim().to_ascii_lowercase());
    let ages = directives.filter_map(|text: String| text.strip_prefix("max-age=")?.parse().ok());
    ages.min()
}

#[cfg(test)]
mod tests;
